"""A COCO file's records as columns: fast where a record is plainly good, exact everywhere else."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datapipe.formats.coco.fast import NO_ID, fast_images, fast_objects
from datapipe.formats.coco.json_stream import BLOCK, Batch, entries
from datapipe.formats.coco.records import Id, image_row, object_row, read_record

ROOT_KEYS = ("images", "annotations", "categories")
_IDS = ("id", "image", "category")

Ids = NDArray[Any]
"""(K,) int64 with NO_ID for none; or, with text or longer ids, object dtype: int, str and None."""


@dataclass(eq=False)
class ObjectColumns:
    """Every entry of `annotations`, row = index; problems as in `ObjectRow`, by index.

    The one value here that is not frozen: `move` lets go of a column, since two copies of all of
    them would be the peak of the whole reading.
    """

    id: Ids
    image: Ids
    category: Ids
    xyxy: NDArray[np.float64]
    area: NDArray[np.float64]
    flags: NDArray[np.uint8]
    span: NDArray[np.int64]
    problems: dict[int, tuple[tuple[str, str], ...]]

    def __len__(self) -> int:
        return len(self.area)

    def move(self, name: str, rows: NDArray[np.intp]) -> NDArray[Any]:
        """Some rows of a column, which is empty from then on."""
        column: NDArray[Any] = getattr(self, name)[rows]
        setattr(self, name, column[:0].copy())
        return column


@dataclass(frozen=True, eq=False)
class ImageColumns:
    """Every entry of `images`, row = index; problems: of some rows, by index."""

    id: Ids
    name: list[str]
    wh: NDArray[np.int64]
    span: NDArray[np.int64]
    problems: dict[int, tuple[tuple[str, str], ...]]

    def __len__(self) -> int:
        return len(self.name)


@dataclass(frozen=True, eq=False)
class CocoColumns:
    """One file's content; categories are its entries as they were parsed."""

    images: ImageColumns
    objects: ObjectColumns
    categories: list[Any]


class _Growing:
    """Columns that grow batch by batch, and the rows that have problems.

    A column is one array with room to spare. Collecting the batches' small arrays and joining them at the end
    would leave the heap full of holes as large as the columns themselves.
    """

    def __init__(self, **empty: NDArray[Any]) -> None:
        self._columns = empty
        self._rows = dict.fromkeys(empty, 0)
        self.problems: dict[int, tuple[tuple[str, str], ...]] = {}

    def add(self, **columns: NDArray[Any]) -> None:
        """Append rows; a column that meets ids beyond int64 becomes one of objects."""
        for name, more in columns.items():
            column, old = self._columns[name], self._rows[name]
            if more.dtype == object and column.dtype != object:
                column = self._columns[name] = as_objects(column)
            if (new := old + len(more)) > len(column):
                room = max(new, len(column) * 3 // 2)
                column.resize((room, *column.shape[1:]), refcheck=False)  # realloc: large arrays do not move
            column[old:new] = as_objects(more) if column.dtype == object else more
            self._rows[name] = new

    def done(self, name: str) -> NDArray[Any]:
        """A column, without the room to spare."""
        column = self._columns.pop(name)
        column.resize((self._rows[name], *column.shape[1:]), refcheck=False)
        return column


def read_columns(
    path: str,
    name: str,
    *,
    block: int = BLOCK,
    fast: bool = True,
    advance: Callable[[int], None] = lambda megabytes: None,
) -> CocoColumns:
    """Read a COCO file without looking at any picture.

    Args:
        path: the json file.
        name: what messages and findings call it.
        block: bytes to read at a time.
        fast: False reads every record the exact way; the result is the same.
        advance: told the MB read.

    Raises:
        InputError: the file as a whole is unusable (the policy's section "Files").
    """
    ids, pairs = partial(np.zeros, 0, np.int64), partial(np.zeros, (0, 2), np.int64)
    images, names = _Growing(id=ids(), wh=pairs(), span=pairs()), list[str]()
    objects = _Growing(
        **{key: ids() for key in _IDS},
        xyxy=np.zeros((0, 4)),
        area=np.zeros(0),
        flags=np.zeros(0, np.uint8),
        span=pairs(),
    )
    categories: list[Any] = []
    for batch in entries(path, name, ROOT_KEYS, block=block, advance=advance):
        if batch.key == "annotations":
            _add_objects(objects, batch, name, fast)
        elif batch.key == "images":
            names += _add_images(images, batch, name, fast)
        else:
            categories += [_parse(batch, i, name) for i in range(len(batch.starts))]
    return CocoColumns(
        ImageColumns(
            name=names, problems=images.problems, **{key: images.done(key) for key in ("id", "wh", "span")}
        ),
        ObjectColumns(
            problems=objects.problems,
            **{key: objects.done(key) for key in (*_IDS, "xyxy", "area", "flags", "span")},
        ),
        categories,
    )


def _parse(batch: Batch, i: int, file: str) -> Any:
    return read_record(batch.entry(i), file, f"{batch.key}[{batch.first + i}]")


def _span(batch: Batch) -> NDArray[np.int64]:
    return np.stack([batch.starts + batch.offset, batch.ends - batch.starts], axis=1)


def _add_objects(growing: _Growing, batch: Batch, file: str, fast: bool) -> None:
    columns = fast_objects(batch) if fast else None
    if columns is None:
        slow: Iterable[int] = range(len(batch.starts))
        columns = _blank_objects(len(batch.starts))
    else:
        slow = np.flatnonzero(~columns.pop("good")).tolist()
    ids = {key: columns[key] for key in _IDS}
    replaced: dict[str, dict[int, Id]] = {key: {} for key in ids}
    for i in slow:
        row = object_row(_parse(batch, i, file))
        for key in ids:
            replaced[key][i] = getattr(row, key)
        columns["xyxy"][i], columns["area"][i], columns["flags"][i] = row.xyxy, row.area, row.flags
        if row.problems:
            growing.problems[batch.first + i] = row.problems
    columns |= {key: _with_ids(ids[key], replaced[key]) for key in ids}
    growing.add(**columns, span=_span(batch))


def _blank_objects(n: int) -> dict[str, NDArray[Any]]:
    columns: dict[str, NDArray[Any]] = {key: np.zeros(n, np.int64) for key in _IDS}
    return columns | {"xyxy": np.empty((n, 4)), "area": np.empty(n), "flags": np.empty(n, np.uint8)}


def _add_images(growing: _Growing, batch: Batch, file: str, fast: bool) -> list[str]:
    """Add a batch; returns the names, which are no array."""
    n = len(batch.starts)
    columns = fast_images(batch) if fast else None
    if columns is None:
        columns = np.zeros(n, np.int64), [""] * n, np.zeros((n, 2), np.int64), np.zeros(n, np.bool_)
    ids, names, wh, good = columns
    replaced: dict[int, Id] = {}
    for i in np.flatnonzero(~good).tolist():
        row = image_row(_parse(batch, i, file))
        replaced[i], names[i], wh[i] = row.id, row.name, row.wh
        if row.problems:
            growing.problems[batch.first + i] = row.problems
    growing.add(id=_with_ids(ids, replaced), wh=wh, span=_span(batch))
    return names


def _with_ids(ids: NDArray[np.int64], replaced: dict[int, Id]) -> Ids:
    """Put in the ids that were read the exact way."""
    fits = all(
        value is None or (isinstance(value, int) and NO_ID < value < 1 << 63) for value in replaced.values()
    )
    column: Ids = ids if fits else as_objects(ids)
    for i, value in replaced.items():
        column[i] = NO_ID if fits and value is None else value
    return column


def as_objects(ids: Ids) -> Ids:
    """The same ids in a column that can hold any."""
    if ids.dtype == object:
        return ids
    column = ids.astype(object)
    column[ids == NO_ID] = None
    return column
