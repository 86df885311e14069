"""One image with its annotations, to and from a `tf.train.Example`; tests hold that both ways are one.

The keys are those of the TF Object Detection API (its `TfExampleDecoder`), with their units: boxes normalised
to the stored picture, `class/label` from 1, `area` in px². What those keys cannot hold stands under
`datapipe/`:

    key                                  kind     per      holds
    datapipe/object/id                   bytes    object   the source's own id
    datapipe/object/polygon/rings        int64    object   number of rings
    datapipe/object/polygon/points       int64    ring     number of points
    datapipe/object/polygon/xy           float    point    x, y in px of the stored picture
    datapipe/object/extra                bytes    object   JSON of the source's further keys, "" for none
    datapipe/image/extra                 bytes    image    JSON of the source's further keys
    datapipe/image/path                  bytes    image    the picture's path relative to its source
    datapipe/image/source                int64    image    number of the source in dataset.json
    datapipe/left_out/bbox/xmin ...      float    region   normalised; there, but not background
    datapipe/left_out/code               bytes    region   why, e.g. DP106

Keys without values are absent. Nothing stands twice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datapipe import boxes, columns, tfexample
from datapipe.columns import CORNERS, normalise
from datapipe.objects import Objects, Polygon


@dataclass(frozen=True, eq=False)
class ImageRecord:
    """An image's annotations as its record holds them.

    image_id:      unique text (`image/source_id`)
    filename:      the picture's name as the source knows it
    path, source:  where the picture came from: path relative to source number `source`
    format:        "jpeg" or "png"
    wh:            width and height in px of the stored picture, which is the frame of all boxes
    sha256:        hex digest of the stored bytes
    xyxy:          (N, 4) float32 px, inside the picture
    class_id:      (N,) int32, from 0
    crowd, difficult, truncated: (N,) bool
    area:          (N,) float32 px², of the mask where the source gives it, else of the box
    object_id, pose, extra: (N,) text; extra is JSON or ""
    polygons:      N tuples of (P, 2) float32 rings, px
    left_out_xyxy: (K, 4) float32 px, places that are neither object nor background
    left_out_code: (K,) text, why
    image_extra:   JSON or ""
    """

    image_id: str
    filename: str
    path: str
    source: int
    format: str
    wh: tuple[int, int]
    sha256: str
    xyxy: NDArray[np.float32]
    class_id: NDArray[np.int32]
    crowd: NDArray[np.bool_]
    difficult: NDArray[np.bool_]
    truncated: NDArray[np.bool_]
    area: NDArray[np.float32]
    object_id: tuple[str, ...]
    pose: tuple[str, ...]
    extra: tuple[str, ...]
    polygons: tuple[tuple[Polygon, ...], ...]
    left_out_xyxy: NDArray[np.float32]
    left_out_code: tuple[str, ...]
    image_extra: str = ""

    def __len__(self) -> int:
        return len(self.class_id)

    def objects(self, ignore: Sequence[str] = ("crowd", "difficult"), *, left_out: bool = False) -> Objects:
        """The objects for augmentation and targets.

        Args:
            ignore: flags that make an object an ignore region.
            left_out: append the places that are neither object nor background: ignored, of class -1.
        """
        return columns.objects(vars(self), ignore, left_out=left_out)


def encode(record: ImageRecord, data: bytes, classes: Sequence[str]) -> bytes:
    """Serialise a record with its picture's bytes.

    Args:
        record: the annotations; `record.sha256` is taken as given.
        data: the stored picture.
        classes: the dataset's class names.
    """
    texts: list[tuple[str, Sequence[bytes]]] = [
        ("image/encoded", [data]),
        ("image/format", [record.format.encode()]),
        ("image/filename", [_bytes(record.filename)]),
        ("image/source_id", [_bytes(record.image_id)]),
        ("image/key/sha256", [record.sha256.encode()]),
        ("datapipe/image/path", [_bytes(record.path)]),
    ]
    ints: list[tuple[str, Sequence[int]]] = [
        ("image/height", [record.wh[1]]),
        ("image/width", [record.wh[0]]),
        ("datapipe/image/source", [record.source]),
    ]
    floats: list[tuple[str, Sequence[float]]] = []
    if record.image_extra:
        texts.append(("datapipe/image/extra", [_bytes(record.image_extra)]))
    if len(record):
        fractions = normalise(record.xyxy, record.wh)
        floats += [(f"image/object/bbox/{side}", fractions[:, i].tolist()) for i, side in enumerate(CORNERS)]
        floats.append(("image/object/area", record.area.tolist()))
        texts.append(("image/object/class/text", [_bytes(classes[i]) for i in record.class_id]))
        texts.append(("datapipe/object/id", [_bytes(text) for text in record.object_id]))
        ints += [
            ("image/object/class/label", (record.class_id + 1).tolist()),
            ("image/object/is_crowd", record.crowd.astype(int).tolist()),
            ("image/object/difficult", record.difficult.astype(int).tolist()),
            ("image/object/truncated", record.truncated.astype(int).tolist()),
        ]
        if any(record.pose):
            texts.append(("image/object/view", [_bytes(text) for text in record.pose]))
        if any(record.extra):
            texts.append(("datapipe/object/extra", [_bytes(text) for text in record.extra]))
        if any(record.polygons):
            rings = [ring for polygon in record.polygons for ring in polygon]
            ints.append(("datapipe/object/polygon/rings", [len(polygon) for polygon in record.polygons]))
            ints.append(("datapipe/object/polygon/points", [len(ring) for ring in rings]))
            floats.append(("datapipe/object/polygon/xy", np.concatenate(rings).ravel().tolist()))
    if len(record.left_out_code):
        fractions = normalise(record.left_out_xyxy, record.wh)
        floats += [
            (f"datapipe/left_out/bbox/{side}", fractions[:, i].tolist()) for i, side in enumerate(CORNERS)
        ]
        texts.append(("datapipe/left_out/code", [code.encode() for code in record.left_out_code]))
    return tfexample.encode(texts, floats, ints)


def decode(payload: bytes | memoryview) -> tuple[ImageRecord, bytes]:
    """Parse a record that `encode` made.

    Returns:
        The annotations and the picture's bytes. `decode(encode(r, data, classes))` gives back r; its boxes go
        through float32 fractions, a relative error of 6e-8.

    Raises:
        ValueError: not an Example, or a key that every record has is missing or of another length.
    """
    found = tfexample.decode(payload, "image/encoded")
    try:
        return _read(found)
    except _UNUSABLE as error:
        raise ValueError(f"record without a usable key {error}") from None


def decode_objects(
    payload: bytes | memoryview, ignore: Sequence[str], tabled: Callable[[], Objects] | None = None
) -> tuple[Objects, bytes | memoryview]:
    """What training needs of a record, in half the time of all of it, or in a tenth with the table's help.

    Args:
        payload: as of `decode`.
        ignore: flags that make an object an ignore region.
        tabled: gives the objects as the object table has them. They are taken where the record has nothing
            that the table lacks, no outlines and no left-out places, and nothing else of it is looked at.

    Returns:
        `decode(payload)[0].objects(ignore, left_out=True)`, and the picture's bytes, a view of the payload
        where it is laid out as `encode` does.

    Raises:
        ValueError: as `decode`, for the keys that are read.
    """
    taken = picture, rest = tfexample.taken_out(payload, "image/encoded")
    if tabled and picture is not None:
        text = bytes(rest)
        if not any(key in text for key in columns.BEYOND_THE_TABLE):
            return tabled(), picture
    found = tfexample.decode(payload, "image/encoded", columns.NEEDED, taken)
    try:
        of_objects, data = columns.of_objects(found), found["image/encoded"][0]
        memoryview(data)  # a number is no picture
    except _UNUSABLE as error:
        raise ValueError(f"record without a usable key {error}") from None
    if not _of_one_length(of_objects):
        raise ValueError("record: columns of different lengths")
    return columns.objects(of_objects, ignore, left_out=True), data


def _read(found: columns.Features) -> tuple[ImageRecord, bytes]:
    of_objects = columns.of_objects(found)
    none = ("",) * len(of_objects["class_id"])
    image_id, filename, path, kind, sha256 = (
        found[key][0].decode()
        for key in (
            "image/source_id",
            "image/filename",
            "datapipe/image/path",
            "image/format",
            "image/key/sha256",
        )
    )
    further: dict[str, Any] = {
        "pose": columns.texts(found, "image/object/view") or none,
        "extra": columns.texts(found, "datapipe/object/extra") or none,
    }
    record = ImageRecord(
        image_id=image_id,
        filename=filename,
        path=path,
        source=int(found["datapipe/image/source"][0]),
        format=kind,
        wh=columns.wh_of(found),
        sha256=sha256,
        left_out_code=columns.texts(found, "datapipe/left_out/code"),
        image_extra="".join(columns.texts(found, "datapipe/image/extra")),
        **of_objects,
        **further,
    )
    regions = len(record.left_out_xyxy) == len(record.left_out_code)
    if not (regions and _of_one_length(of_objects | further)):
        raise ValueError(f"record {record.image_id}: columns of different lengths")
    return record, memoryview(found["image/encoded"][0]).tobytes()  # a number is no picture


def _of_one_length(found: dict[str, Any]) -> bool:
    n = len(found["class_id"])
    return all(len(column) == n for name, column in found.items() if name != "left_out_xyxy")


_UNUSABLE = (KeyError, IndexError, TypeError, AttributeError, OverflowError, UnicodeDecodeError)
"""What reading raises where a key is missing or of another kind."""


def _bytes(text: str) -> bytes:
    return readable(text).encode()


def readable(text: str) -> str:
    r"""A name as it is stored: what is no Unicode (os.fsdecode's surrogates) is spelt out.

    >>> readable("caf\udce9.jpg")
    'caf\\udce9.jpg'
    """
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def digest(data: bytes) -> str:
    """Hex SHA-256, as `image/key/sha256` and the manifest hold it."""
    return hashlib.sha256(data).hexdigest()


def box_area(record: ImageRecord) -> ImageRecord:
    """The record with the box's area where the source gives none (NaN)."""
    own = boxes.area(record.xyxy)
    return replace(record, area=np.where(np.isnan(record.area), own, record.area).astype(np.float32))
