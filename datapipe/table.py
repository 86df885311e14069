"""The object table: what the records say, as columns on disk.

`images.parquet` has one row a record, in the order of the shards; `objects.parquet` one row an object, with
the row of its image. Statistics, anchors, audits and, but for outlines and left-out places, streams read
these instead of the shards. Both are derived: `verify` builds them anew from the records and compares.
"""

from __future__ import annotations

import io
from array import array
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from datapipe.columns import CORNERS, denormalise, normalise
from datapipe.records import ImageRecord, readable

IMAGES = pa.schema(
    [
        ("image_id", pa.string()),
        ("filename", pa.string()),
        ("path", pa.string()),
        ("source", pa.int16()),
        ("split", pa.string()),
        ("shard", pa.int32()),
        ("offset", pa.int64()),
        ("length", pa.int64()),
        ("height", pa.int32()),
        ("width", pa.int32()),
        ("format", pa.string()),
        ("sha256", pa.string()),
        ("objects", pa.int32()),
        ("left_out", pa.int32()),
    ]
)
"""offset and length frame the record in its shard; left_out counts its ignore regions."""

OBJECTS = pa.schema(
    [
        ("image", pa.int32()),
        ("object_id", pa.string()),
        ("class_id", pa.int32()),
        ("xmin", pa.float32()),
        ("ymin", pa.float32()),
        ("xmax", pa.float32()),
        ("ymax", pa.float32()),
        ("area", pa.float32()),
        ("crowd", pa.bool_()),
        ("difficult", pa.bool_()),
        ("truncated", pa.bool_()),
    ]
)
"""image is a row of images.parquet; corners and area in px of the stored picture."""


_DTYPES = {"i": np.int32, "f": np.float32, "b": np.bool_}
_KINDS = {
    field.name: "i" if pa.types.is_integer(field.type) else "f" if pa.types.is_floating(field.type) else "b"
    for field in OBJECTS
    if field.name != "object_id"
}
"""How a shard's columns are collected: packed, since a shard of small pictures holds 100 000s of objects."""


class ShardTable:
    """Collects one shard's rows while its records are written or read."""

    def __init__(self, split: str, shard: int) -> None:
        self._split, self._shard = split, shard
        self._images: dict[str, list[Any]] = {name: [] for name in IMAGES.names}
        self._objects = {name: array(kind) for name, kind in _KINDS.items()}
        self._object_ids: list[str] = []

    def add(self, record: ImageRecord, offset: int, length: int) -> None:
        """Append a record's rows."""
        row = {
            "image_id": readable(record.image_id),
            "filename": readable(record.filename),
            "path": readable(record.path),
            "source": record.source,
            "split": self._split,
            "shard": self._shard,
            "offset": offset,
            "length": length,
            "height": record.wh[1],
            "width": record.wh[0],
            "format": record.format,
            "sha256": record.sha256,
            "objects": len(record),
            "left_out": len(record.left_out_code),
        }
        number = len(self._images["image_id"])
        for name, value in row.items():
            self._images[name].append(value)
        if len(record):
            stored = denormalise(normalise(record.xyxy, record.wh), record.wh)
            columns: dict[str, NDArray[Any]] = {
                "image": np.full(len(record), number, np.int32),
                "class_id": record.class_id,
                **{side: stored[:, i] for i, side in enumerate(CORNERS)},
                **{name: getattr(record, name) for name in ("area", "crowd", "difficult", "truncated")},
            }
            for name, column in self._objects.items():
                column.frombytes(columns[name].tobytes())
            self._object_ids += [readable(text) for text in record.object_id]

    def tables(self) -> tuple[pa.Table, pa.Table]:
        """The images and the objects; image numbers count from the shard's first record."""
        objects: dict[str, Any] = {
            name: pa.array(np.frombuffer(column, _DTYPES[column.typecode]), OBJECTS.field(name).type)
            for name, column in self._objects.items()
        }
        objects["object_id"] = self._object_ids
        return pa.table(self._images, schema=IMAGES), pa.table(objects, schema=OBJECTS)


def to_bytes(table: pa.Table) -> bytes:
    """A table as a parquet file of one row group."""
    out = io.BytesIO()
    pq.write_table(table, out, compression="zstd", row_group_size=max(1, len(table)))
    return out.getvalue()


def join(parts: Iterable[tuple[Path, Path]], images: Path, objects: Path) -> None:
    """Join the shards' tables in order, one row group a shard; memory holds one shard's rows.

    Args:
        parts: (images, objects) file of each shard, image numbers from 0 in each.
        images: file to write.
        objects: file to write; its image numbers count over all shards.
    """
    first = 0
    with (
        open(images, "wb") as image_bytes,
        open(objects, "wb") as object_bytes,
        pq.ParquetWriter(image_bytes, IMAGES, compression="zstd") as image_file,
        pq.ParquetWriter(object_bytes, OBJECTS, compression="zstd") as object_file,
    ):
        for image_part, object_part in parts:
            image_rows, object_rows = _read(image_part), _read(object_part)
            if len(image_rows):
                image_file.write_table(image_rows.cast(IMAGES), row_group_size=len(image_rows))
            if len(object_rows):
                moved = pa.array(numpy_of(object_rows["image"]) + first, pa.int32())
                object_file.write_table(
                    object_rows.set_column(0, "image", moved), row_group_size=len(object_rows)
                )
            first += len(image_rows)
            del image_rows, object_rows
            pa.default_memory_pool().release_unused()  # else its allocator keeps a share of every shard


def read(file: Path, columns: Sequence[str] | None = None) -> dict[str, Any]:
    """Read columns as NumPy arrays: numbers in their own dtype, text as object arrays.

    Raises:
        OSError: the file cannot be read. ValueError: it is not such a table; pyarrow.ArrowInvalid is one.
    """
    table = _read(file, columns)
    return {name: numpy_of(table[name]) for name in table.column_names}


def numpy_of(column: pa.ChunkedArray) -> NDArray[Any]:
    """A column as an array of its own, as `read` gives it.

    Arrow's `to_numpy` imports pandas wherever it is installed: 0.4 s and 45 MB in every process.

    Raises:
        ValueError: values are missing, or of a kind that no table here has.
    """
    kind = column.type
    if column.null_count:
        raise ValueError(f"{column.null_count} of {len(column)} values of a column are missing")
    if pa.types.is_string(kind):
        return np.array(column.to_pylist(), object)
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)):
        raise ValueError(f"a column of {kind}: want numbers, truth values or text")
    dtype = np.dtype(kind.to_pandas_dtype())
    parts = [np.zeros(0, dtype)]
    for chunk in filter(len, column.chunks):
        begin, count, values = chunk.offset, len(chunk), chunk.buffers()[1]
        if dtype == np.bool_:
            bits = np.unpackbits(np.frombuffer(values, np.uint8), bitorder="little")
            parts.append(bits[begin : begin + count].astype(np.bool_))
        else:
            parts.append(np.frombuffer(values, dtype, count, begin * dtype.itemsize))
    return np.concatenate(parts)


def _read(file: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """Opened by Python, for Arrow takes no path that is not UTF-8; and read on this thread alone.

    A thread of Arrow's that gives a buffer back to Python while the interpreter ends aborts the process.
    """
    with open(file, "rb") as opened:
        whole = pq.ParquetFile(opened, pre_buffer=False)
        return whole.read(list(columns) if columns else None, use_threads=False)
