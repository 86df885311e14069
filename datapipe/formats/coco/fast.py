"""Whole batches of plainly good COCO records as columns, fast.

msgspec decodes a batch into typed structs (segmentations are checked, not built) and the columns
are taken out of them. A row is trusted only if every type fitted, the box and the flags are plainly
good, and the number of
keys the structural scan counted is the number of keys it is known to have: a repeated or an unknown
key shows there. The rows that are not trusted are for `records`, one by one.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any

import msgspec
import numpy as np
from msgspec import UNSET, Raw, UnsetType
from numpy.typing import NDArray

from datapipe.formats.annotations import CROWD, DIFFICULT
from datapipe.formats.coco.json_stream import Batch
from datapipe.formats.coco.records import LARGEST_SIDE

NO_ID = -(1 << 63)
"""Stands for a missing id in a column of 64-bit ids."""

_ABSENT = -(1 << 62)
"""Stands for a missing flag; a record that really says so has a key too many and is read exactly."""


class _Annotation(msgspec.Struct, gc=False):
    """What the fast way knows of an annotation. msgspec's JSON has no NaN, so NaN means: no area."""

    id: int
    image_id: int
    category_id: int
    bbox: tuple[float, float, float, float]
    area: float = float("nan")
    iscrowd: int = _ABSENT
    ignore: int = _ABSENT
    segmentation: Raw | UnsetType = UNSET


class _Image(msgspec.Struct, gc=False):
    """What the fast way knows of an image record; the optional keys are COCO's own."""

    id: int
    file_name: str
    width: int
    height: int
    license: Raw | UnsetType = UNSET
    coco_url: Raw | UnsetType = UNSET
    flickr_url: Raw | UnsetType = UNSET
    date_captured: Raw | UnsetType = UNSET


_ANNOTATIONS = msgspec.json.Decoder(list[_Annotation])
_IMAGES = msgspec.json.Decoder(list[_Image])
_KEYS = msgspec.json.Decoder(list[dict[str, Raw]])
_annotation_fields = attrgetter(
    "id", "image_id", "category_id", "bbox", "area", "iscrowd", "ignore", "segmentation"
)
_image_fields = attrgetter(
    "id", "file_name", "width", "height", "license", "coco_url", "flickr_url", "date_captured"
)


def fast_objects(batch: Batch) -> dict[str, NDArray[Any]] | None:
    """Columns of a batch and which rows are good; None if the batch does not fit the types."""
    n = len(batch.starts)
    try:
        rows = _ANNOTATIONS.decode(b"[%b]" % batch.raw[batch.starts[0] : batch.ends[-1]])
        id_, image, category, bbox, area, crowd, ignore, mask = zip(
            *map(_annotation_fields, rows), strict=True
        )
        ids = {"id": id_, "image": image, "category": category, "crowd": crowd, "ignore": ignore}
        column = {key: np.fromiter(values, np.int64, n) for key, values in ids.items()}
    except (msgspec.MsgspecError, ValueError, OverflowError):
        return None
    xywh = np.array(bbox, np.float64)
    areas = np.fromiter(area, np.float64, n)
    with np.errstate(over="ignore", invalid="ignore"):
        xyxy = np.concatenate([xywh[:, :2], xywh[:, :2] + xywh[:, 2:]], axis=1)
        boxed = (xywh[:, 2:] > 0).all(1) & (xyxy[:, :2] < xyxy[:, 2:]).all(1) & np.isfinite(xyxy).all(1)
    crowd_, ignore_ = column.pop("crowd"), column.pop("ignore")
    known = 4 + ~np.isnan(areas) + (crowd_ != _ABSENT).astype(np.int64) + (ignore_ != _ABSENT)
    known += np.fromiter((text is not UNSET for text in mask), np.bool_, n)
    flagged = [np.isin(flag, (0, 1, _ABSENT)) for flag in (crowd_, ignore_)]
    good = np.logical_and.reduce([values != NO_ID for values in column.values()])
    good &= boxed & flagged[0] & flagged[1] & ~(areas < 0)
    _distrust_keys(good, batch, known, _present_in_annotation)
    flags = np.where(crowd_ == 1, CROWD, 0) | np.where(ignore_ == 1, DIFFICULT, 0)
    return {**column, "xyxy": xyxy, "area": areas, "flags": flags.astype(np.uint8), "good": good}


def fast_images(
    batch: Batch,
) -> tuple[NDArray[np.int64], list[str], NDArray[np.int64], NDArray[np.bool_]] | None:
    """Ids, names and sizes of a batch of images and which rows are good; None: types do not fit."""
    n = len(batch.starts)
    try:
        rows = _IMAGES.decode(b"[%b]" % batch.raw[batch.starts[0] : batch.ends[-1]])
        id_, name, width, height, *others = zip(*map(_image_fields, rows), strict=True)
        ids, w, h = (np.fromiter(values, np.int64, n) for values in (id_, width, height))
    except (msgspec.MsgspecError, ValueError, OverflowError):
        return None
    known = np.full(n, 4)
    for texts in others:
        known += np.fromiter((text is not UNSET for text in texts), np.bool_, n)
    good = (ids != NO_ID) & (w > 0) & (h > 0) & (w < LARGEST_SIDE) & (h < LARGEST_SIDE)
    good &= np.fromiter((bool(text.strip()) and "\0" not in text for text in name), np.bool_, n)
    _distrust_keys(good, batch, known, _present_in_image)
    return ids, list(name), np.stack([w, h], axis=1), good


def _distrust_keys(
    good: NDArray[np.bool_],
    batch: Batch,
    known: NDArray[np.int64],
    present: Callable[[dict[str, Raw]], int],
) -> None:
    """Take the good mark off rows with a repeated key, or with a known key that was not seen.

    Unknown keys are legal: of rows that have more keys than `known`, the keys are decoded, their
    values are not. `present` counts the keys of a record that the fast way knows.
    """
    more = np.flatnonzero(good & (known != batch.colons))
    if not len(more):
        return
    try:
        records = _KEYS.decode(b"[%b]" % b",".join([batch.entry(i) for i in more.tolist()]))
    except msgspec.MsgspecError:
        good[more] = False
        return
    distinct = np.fromiter(map(len, records), np.int64, len(more))
    seen = np.fromiter(map(present, records), np.int64, len(more))
    good[more] = (distinct == batch.colons[more]) & (seen == known[more])


def _present_in_annotation(record: dict[str, Raw]) -> int:
    if "difficult" in record or "truncated" in record:
        return -1  # the fast way reads neither
    return 4 + sum(map(record.__contains__, ("area", "iscrowd", "ignore", "segmentation")))


def _present_in_image(record: dict[str, Raw]) -> int:
    return 4 + sum(map(record.__contains__, ("license", "coco_url", "flickr_url", "date_captured")))
