"""A picture with its objects as the plain values that the app shows: no FiftyOne, no pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from datapipe.audit.facts import Facts
from datapipe.audit.pictures import Looked
from datapipe.dataset import Dataset

Box = list[float]
"""FiftyOne's: left, top, width, height as fractions of the picture's sides."""


@dataclass(frozen=True)
class Plain:
    """What one sample of the app is made of.

    path:    of the picture; wh: its size in px
    values:  field -> value, see `schema.IMAGE_FIELDS`
    objects: field -> value of each, `label` and `box` among them
    regions: the same of places that are neither object nor background; their label is the reason
    """

    path: str
    wh: tuple[int, int]
    values: Mapping[str, Any]
    objects: Sequence[Mapping[str, Any]] = field(default_factory=tuple)
    regions: Sequence[Mapping[str, Any]] = field(default_factory=tuple)


def to_fractions(xyxy: Sequence[float], wh: tuple[int, int]) -> Box:
    """A box in px as FiftyOne's. Example: (10, 20, 30, 60) of 100 x 200 is [0.1, 0.1, 0.2, 0.2]."""
    x1, y1, x2, y2 = (float(side) for side in xyxy)
    return [x1 / wh[0], y1 / wh[1], (x2 - x1) / wh[0], (y2 - y1) / wh[1]]


def to_px(box: Sequence[float], wh: tuple[int, int]) -> tuple[float, float, float, float]:
    """FiftyOne's box as xyxy px; the inverse of `to_fractions`."""
    left, top, width, height = (float(side) for side in box)
    return (left * wh[0], top * wh[1], (left + width) * wh[0], (top + height) * wh[1])


def plain(dataset: Dataset, facts: Facts, image: int, looked: Looked, suspicion: float) -> Plain:
    """One picture as the shards hold it.

    Args:
        dataset: opened with `edited=False`.
        facts: of that dataset.
        image: the picture's number.
        looked: its pixels' first look.
        suspicion: its score.
    """
    columns, images = facts.columns, dataset.images
    wh = (int(images["width"][image]), int(images["height"][image]))
    first, stop = np.searchsorted(columns.image, [image, image + 1])
    objects = [_object(facts, row, wh) for row in range(int(first), int(stop))]
    issues, codes = facts.issues_of_image(image)
    values: dict[str, Any] = {
        "image_id": str(facts.image_id[image]),
        "filename": str(images["filename"][image]),
        "split": str(images["split"][image]),
        "suspicion": round(float(suspicion), 4),
        "issues": _distinct(issues, *(one["issues"] for one in objects)),
        "findings": _distinct(codes, *(one["findings"] for one in objects)),
        "objects": len(objects),
        "brightness": looked.brightness,
        "sharpness": looked.sharpness,
        "hash": f"{looked.hash:016x}",
    }
    return Plain(looked.path, wh, values, objects, _regions(dataset, image, wh))


def _object(facts: Facts, row: int, wh: tuple[int, int]) -> dict[str, Any]:
    columns = facts.columns
    issues, codes = facts.issues_of(row)
    iou = float(facts.anchor_iou[row])
    return {
        "label": columns.classes[columns.class_id[row]],
        "box": to_fractions(columns.xyxy[row].tolist(), wh),
        "issues": issues,
        "findings": codes,
        "anchor_iou": None if np.isnan(iou) else round(iou, 4),
        "level": str(facts.level[row]) or None,
        "area_px": round(float(columns.area[row]), 1),
        "area_input_px": round(float(facts.area_input_px[row]), 1),
        "side_input_px": round(float(facts.side_input_px[row]), 1),
        "aspect": round(float(facts.aspect[row]), 3),
        "ignore": bool(columns.ignored[row]),
        "crowd": bool(columns.crowd[row]),
        "difficult": bool(columns.difficult[row]),
        "truncated": bool(columns.truncated[row]),
        "object_id": str(facts.object_id[row]),
        "image_id": str(facts.image_id[columns.image[row]]),
        "number": int(facts.number[row]),
    }


def _regions(dataset: Dataset, image: int, wh: tuple[int, int]) -> list[dict[str, Any]]:
    """The records alone hold these places; only pictures that have some are read."""
    if not int(dataset.images["left_out"][image]):
        return []
    record, _ = dataset[image]
    places = zip(record.left_out_xyxy, record.left_out_code, strict=True)
    return [{"label": str(code), "box": to_fractions(xyxy.tolist(), wh)} for xyxy, code in places]


def _distinct(*lists: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(name for names in lists for name in names))
