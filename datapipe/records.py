"""One image with its annotations, to and from a `tf.train.Example`: both ways in one file cannot drift.

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
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datapipe import boxes, tfexample
from datapipe.objects import Objects, Polygon

CORNERS = ("xmin", "ymin", "xmax", "ymax")
"""Order of the bbox keys in an xyxy box."""


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
        n, regions = len(self), len(self.left_out_code) if left_out else 0
        ignored = np.zeros(n, np.bool_)
        for flag in ignore:
            ignored |= getattr(self, flag)
        if not regions:
            return Objects(
                xyxy=self.xyxy,
                class_id=self.class_id,
                ignore=ignored,
                crowd=self.crowd,
                weight=np.ones(n, np.float32),
                area=self.area,
                object_id=self.object_id,
                polygons=self.polygons,
            )
        return Objects(
            xyxy=np.concatenate([self.xyxy, self.left_out_xyxy]),
            class_id=np.concatenate([self.class_id, np.full(regions, -1, np.int32)]),
            ignore=np.concatenate([ignored, np.ones(regions, np.bool_)]),
            crowd=np.concatenate([self.crowd, np.zeros(regions, np.bool_)]),
            weight=np.ones(n + regions, np.float32),
            area=np.concatenate([self.area, boxes.area(self.left_out_xyxy)]),
            object_id=self.object_id + ("",) * regions,
            polygons=self.polygons + ((),) * regions,
        )


def normalise(xyxy: NDArray[Any], wh: tuple[int, int]) -> NDArray[np.float32]:
    """Pixels to the fractions a record stores. Example: (0, 0, 320, 480) of 640 x 480 is (0, 0, 0.5, 1)."""
    fractions = np.asarray(xyxy, np.float64).reshape(-1, 4) / np.array([*wh, *wh], np.float64)
    return fractions.astype(np.float32)


def denormalise(fractions: NDArray[np.float32], wh: tuple[int, int]) -> NDArray[np.float32]:
    """A record's fractions to pixels, float32."""
    return (fractions * np.array([*wh, *wh], np.float64)).astype(np.float32, order="C")


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

    The lists that protobuf gives are read through `[:]`: NumPy takes three times as long on them themselves.

    Returns:
        The annotations and the picture's bytes. `decode(encode(r, data, classes))` gives back r; its boxes go
        through float32 fractions, a relative error of 6e-8.

    Raises:
        ValueError: not an Example, or a key that every record has is missing or of another length.
    """
    found = tfexample.decode(payload, "image/encoded")
    try:
        return _read(found)
    except (KeyError, IndexError, TypeError, AttributeError, OverflowError, UnicodeDecodeError) as error:
        raise ValueError(f"record without a usable key {error}") from None


def _read(found: dict[str, Sequence[Any]]) -> tuple[ImageRecord, bytes]:
    wh = (int(found["image/width"][0]), int(found["image/height"][0]))
    label = np.array(found.get("image/object/class/label", ())[:], np.int32)
    n = len(label)
    none, unset = ("",) * n, (0,) * n
    crowd, difficult, truncated = (
        np.array(found.get(f"image/object/{key}", unset)[:], np.bool_)
        for key in ("is_crowd", "difficult", "truncated")
    )
    record = ImageRecord(
        image_id=found["image/source_id"][0].decode(),
        filename=found["image/filename"][0].decode(),
        path=found["datapipe/image/path"][0].decode(),
        source=int(found["datapipe/image/source"][0]),
        format=found["image/format"][0].decode(),
        wh=wh,
        sha256=found["image/key/sha256"][0].decode(),
        xyxy=_boxes(found, "image/object/bbox/", wh),
        class_id=label - 1,
        crowd=crowd,
        difficult=difficult,
        truncated=truncated,
        area=np.array(found.get("image/object/area", ())[:], np.float32),
        object_id=_texts(found, "datapipe/object/id") or none,
        pose=_texts(found, "image/object/view") or none,
        extra=_texts(found, "datapipe/object/extra") or none,
        polygons=_polygons(found, n),
        left_out_xyxy=_boxes(found, "datapipe/left_out/bbox/", wh),
        left_out_code=_texts(found, "datapipe/left_out/code"),
        image_extra="".join(_texts(found, "datapipe/image/extra")),
    )
    per_object = (getattr(record, name) for name in _PER_OBJECT)
    regions = len(record.left_out_xyxy) == len(record.left_out_code)
    if not (regions and all(len(column) == n for column in per_object)):
        raise ValueError(f"record {record.image_id}: columns of different lengths")
    return record, memoryview(found["image/encoded"][0]).tobytes()  # a number is no picture


_PER_OBJECT = ("xyxy", "crowd", "difficult", "truncated", "area", "object_id", "pose", "extra", "polygons")
"""Fields that have a row for each class_id."""


def _boxes(found: dict[str, Sequence[Any]], prefix: str, wh: tuple[int, int]) -> NDArray[np.float32]:
    sides = [found.get(prefix + side, ())[:] for side in CORNERS]
    if len(set(map(len, sides))) > 1:
        raise ValueError(f"keys {prefix}xmin to ymax: not all of the same shape")
    return denormalise(np.array(sides, np.float32).T, wh) if sides[0] else np.zeros((0, 4), np.float32)


def _texts(found: dict[str, Sequence[Any]], key: str) -> tuple[str, ...]:
    return tuple(value.decode() for value in found.get(key, ()))


def _polygons(found: dict[str, Sequence[Any]], n: int) -> tuple[tuple[Polygon, ...], ...]:
    counts = found.get("datapipe/object/polygon/rings", ())
    if not counts:
        return ((),) * n
    points = np.array(found["datapipe/object/polygon/points"][:], np.int64)
    xy = np.array(found["datapipe/object/polygon/xy"][:], np.float32).reshape(-1, 2)
    rings = np.split(xy, np.cumsum(points)[:-1])
    starts = np.concatenate([[0], np.cumsum(counts)])
    return tuple(tuple(rings[a:b]) for a, b in zip(starts[:-1], starts[1:], strict=True))


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
