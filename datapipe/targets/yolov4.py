"""YOLOv4's anchors: shapes alone decide, the position only names the cell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datapipe.targets.grids import Floats, Ints

COCO_ANCHORS = (
    (12.0, 16.0),
    (19.0, 36.0),
    (40.0, 28.0),
    (36.0, 75.0),
    (76.0, 55.0),
    (72.0, 146.0),
    (142.0, 110.0),
    (192.0, 243.0),
    (459.0, 401.0),
)
"""darknet's cfg/yolov4.cfg, px at the network's input, whatever its size."""


def shape_iou(wh: Floats, anchors_wh: Floats) -> Floats:
    """IoU of boxes and anchors laid on one another's centres.

    Args:
        wh: (M, 2) sides in px, above 0.
        anchors_wh: (K, 2) sides in px, above 0.

    Returns:
        (M, K). Example: 10 x 20 and 20 x 10 share 100 of 300: 1/3.
    """
    shared = np.minimum(wh[:, :1], anchors_wh[:, 0]) * np.minimum(wh[:, 1:], anchors_wh[:, 1])
    union = wh[:, :1] * wh[:, 1:] + anchors_wh[:, 0] * anchors_wh[:, 1] - shared
    iou: Floats = shared / union
    return iou


@dataclass(frozen=True, eq=False)
class Assignment:
    """Which cells and anchors learn which objects, one row each; by object, then anchor.

    row, column: the cell in the grid of the anchor's level
    """

    object: Ints
    level: Ints
    row: Ints
    column: Ints
    anchor: Ints


@dataclass(frozen=True)
class YoloV4:
    """Anchors and assignment of darknet's YOLOv4.

    anchors_wh:    px at the network's input, by area, dealt out evenly to the strides in this order
    strides:       px, one a level
    iou_threshold: beside its best anchor an object takes every anchor whose shape IoU is *above* this
    """

    anchors_wh: tuple[tuple[float, float], ...] = COCO_ANCHORS
    strides: tuple[int, ...] = (8, 16, 32)
    iou_threshold: float = 0.213

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            ValueError: naming the field that is off.
        """
        if not self.anchors_wh or min(min(pair) for pair in self.anchors_wh) <= 0:
            raise ValueError("anchors_wh: want one or more pairs of numbers above 0")
        if not self.strides or min(self.strides) <= 0:
            raise ValueError(f"strides: {self.strides}, want one or more numbers above 0")

    def masks(self) -> tuple[tuple[int, ...], ...]:
        """Anchor numbers of each level; nine over three are (0, 1, 2), (3, 4, 5), (6, 7, 8)."""
        parts = np.array_split(np.arange(len(self.anchors_wh)), len(self.strides))
        return tuple(tuple(int(i) for i in part) for part in parts)

    def iou(self, wh: NDArray[np.floating]) -> Floats:
        """(M, K) shape IoU of (M, 2) boxes in px with every anchor."""
        return shape_iou(np.asarray(wh, np.float64), np.array(self.anchors_wh))

    def matches(self, iou: Floats) -> NDArray[np.bool_]:
        """Whether an object with this best IoU gets an anchor by threshold (the rest only their one best)."""
        return iou > self.iou_threshold

    def assign(self, hw: tuple[int, int], xyxy: NDArray[np.floating]) -> Assignment:
        """Cells and anchors of every object, by darknet's `process_batch` (yolo_layer.c).

        Args:
            hw: (H, W) of the input, px.
            xyxy: (M, 4) px, sides above 0.

        Returns:
            One row for the best anchor and for each other one above the threshold. Example: the box
            121.6 x 182.4 centred at (285.76, 188.48) in 608 x 608 takes anchors 5 (stride 16, row 11,
            column 17), 6 and 7 (stride 32, row 5, column 8).
        """
        corners = np.asarray(xyxy, np.float64).reshape(-1, 4)
        iou = self.iou(corners[:, 2:] - corners[:, :2])
        chosen = iou > self.iou_threshold
        chosen[np.arange(len(iou)), iou.argmax(axis=1)] = True
        objects, anchor = np.nonzero(chosen)
        level_of = np.repeat(np.arange(len(self.strides)), [len(mask) for mask in self.masks()])
        level = level_of[anchor]
        stride = np.array(self.strides)[level]
        centre = ((corners[:, :2] + corners[:, 2:]) / 2)[objects]
        cell = np.floor(centre / stride[:, None]).astype(np.int64)
        last = np.array(hw[::-1]) // stride[:, None] - 1  # a centre on the far edge belongs to the last cell
        column, row = np.clip(cell, 0, last).T
        return Assignment(objects, level, row, column, anchor)
