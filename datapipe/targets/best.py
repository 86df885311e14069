"""How well a detector's anchors can take each object: exact, without the table of anchors x objects."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datapipe.targets.grids import Floats, Grid, Ints, best_iou_at, count_at_least
from datapipe.targets.retinanet import RetinaNet
from datapipe.targets.ssd import MobileNetSSD
from datapipe.targets.yolov4 import YoloV4

Detector = RetinaNet | MobileNetSSD | YoloV4
OnGrid = RetinaNet | MobileNetSSD
Canvas = NDArray[np.int64] | tuple[int, int]

CHUNK = 4096
"""Boxes at a time: 4096 x 9 shapes x 8 bytes stay in the processor's cache."""


@dataclass(frozen=True, eq=False)
class Best:
    """The best anchor of each of M objects.

    iou:      (M,)
    by_level: (M, L) the best on each level
    level:    (M,) of the best anchor; shape: (M,) its number within the cell
    """

    iou: Floats
    by_level: Floats
    level: Ints
    shape: Ints


def best(spec: OnGrid, hw: Canvas, xyxy: NDArray[np.floating]) -> Best:
    """The best anchor of each object among all real positions of the grid.

    Args:
        spec: whose anchors.
        hw: (H, W) of the canvas, or (M, 2) for RetinaNet: the canvas each object lies on.
        xyxy: (M, 4) px, sides above 0.

    Returns:
        See `Best`. Of equals the lowest level, then the first shape. Example: (0, 0, 32, 32) on a 64 x 64
        canvas under keras-retinanet's anchors. The 32 px anchor at (20, 20) is 4 px off both ways:
        28² / (2 * 32² - 28²) = 0.620; the 40.3 px one covers the box, 32² / 40.3² = 0.630, and is the best.
    """
    corners = np.asarray(xyxy, np.float64).reshape(-1, 4)
    levels, shapes, by_level = [], [], []
    for rows, grids in _chunks(spec, hw, len(corners)):
        part = corners[rows]
        centre, wh = (part[:, :2] + part[:, 2:]) / 2, part[:, 2:] - part[:, :2]
        tables = [best_iou_at(grid.offset(centre), wh, grid.wh) for grid in grids]
        here = np.stack([table.max(axis=0) for table in tables], axis=1)
        level = here.argmax(axis=1)
        shape = np.stack([table.argmax(axis=0) for table in tables], axis=1)
        levels.append(level)
        shapes.append(np.take_along_axis(shape, level[:, None], axis=1)[:, 0])
        by_level.append(here)
    if not by_level:
        none = np.zeros(0, np.int64)
        return Best(np.zeros(0), np.zeros((0, 0)), none, none)
    table = np.concatenate(by_level)
    return Best(table.max(axis=1), table, np.concatenate(levels), np.concatenate(shapes))


def best_iou(spec: Detector, hw: Canvas, xyxy: NDArray[np.floating]) -> Floats:
    """(M,) best IoU of each object: over the grid for RetinaNet and SSD, by shape alone for YOLOv4."""
    corners = np.asarray(xyxy, np.float64).reshape(-1, 4)
    iou = np.zeros(len(corners))
    if isinstance(spec, YoloV4):
        for start in range(0, len(corners), CHUNK):
            part = corners[start : start + CHUNK]
            iou[start : start + CHUNK] = spec.iou(part[:, 2:] - part[:, :2]).max(axis=1)
        return iou
    for rows, grids in _chunks(spec, hw, len(corners)):
        part = corners[rows]
        centre, wh = (part[:, :2] + part[:, 2:]) / 2, part[:, 2:] - part[:, :2]
        for grid in grids:
            here = best_iou_at(grid.offset(centre), wh, grid.wh).max(axis=0)
            np.maximum(iou[rows], here, out=iou[rows])
    return iou


def unmatched(spec: Detector, hw: Canvas, xyxy: NDArray[np.floating]) -> int:
    """Number of objects that no anchor takes by threshold.

    A RetinaNet without `low_quality` never learns them; SSD and YOLOv4 force their one best anchor.
    """
    return int((~spec.matches(best_iou(spec, hw, xyxy))).sum())


def candidates(spec: OnGrid, hw: Canvas, xyxy: NDArray[np.floating], threshold: float) -> Ints:
    """(M, L) how many anchors of each level reach an IoU with each object, other objects left aside."""
    corners = np.asarray(xyxy, np.float64).reshape(-1, 4)
    parts = [
        np.stack([count_at_least(grid, corners[rows], threshold) for grid in grids], axis=1)
        for rows, grids in _chunks(spec, hw, len(corners))
    ]
    return np.concatenate(parts) if parts else np.zeros((0, 0), np.int64)


def _chunks(spec: OnGrid, hw: Canvas, count: int) -> Iterator[tuple[slice, tuple[Grid, ...]]]:
    canvas = np.asarray(hw, np.int64)
    shared = spec.grids(canvas) if canvas.ndim == 1 else None
    for start in range(0, count, CHUNK):
        rows = slice(start, min(start + CHUNK, count))
        yield rows, shared if shared is not None else spec.grids(canvas[rows])
