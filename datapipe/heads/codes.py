"""Boxes from a network's numbers: what `targets.codes` and `targets.decode` say in NumPy, with limits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from datapipe.heads.levels import known
from datapipe.targets import YoloV4
from datapipe.targets.codes import YX, BoxCode

Tensor = Any
LARGEST_LOG = math.log(1000 / 16)
"""A box is at most 62.5 times its anchor (Detectron2's and torchvision's bbox_xform_clip)."""
CELL_LOG = 10.0
"""YOLOv4's t_w and t_h count within +-10: darknet has no limit, but exp(89) is no float32."""


def from_code(code: BoxCode, anchors: Tensor, box: Tensor) -> Tensor:
    """Corners from a regression relative to anchors.

    Args:
        code: how boxes are written.
        anchors: (..., 4) xyxy px.
        box: (..., 4) outputs.

    Returns:
        (..., 4) float32 xyxy px. Example: corner deltas over 0.2 of (0.15625, 0.625, -0.15625, 0.3125) on the
        anchor (96, 96, 224, 288) are (100, 120, 220, 300).
    """
    numbers = tf.cast(box, tf.float32)
    if code.axes == "yx":
        numbers = tf.gather(numbers, YX, axis=-1)
    numbers *= tf.constant(code.variances, tf.float32)
    low, high = anchors[..., :2], anchors[..., 2:]
    sides = high - low
    if code.kind == "corners":
        return anchors + numbers * tf.concat([sides, sides], axis=-1)
    centre = (low + high) / 2 + numbers[..., :2] * sides
    half = sides * tf.exp(tf.minimum(numbers[..., 2:], LARGEST_LOG)) / 2
    return tf.concat([centre - half, centre + half], axis=-1)


class Cells(NamedTuple):
    """One map's anchors: (G_h, G_w, A, 2) px left top of the cell and sides; or some of them, (..., 2)."""

    corner_xy: Tensor
    wh: Tensor
    stride: float
    scale: float


def cells(spec: YoloV4, hw: Sequence[int | None], level: int) -> Cells:
    """A map's anchors as float32 arrays, which a graph takes up as constants."""
    grid = spec.grids(known(hw))[level]
    columns, rows = (int(n) for n in grid.count_xy)
    corner = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), axis=-1) * grid.step_xy
    shape = (rows, columns, len(grid.wh), 2)
    corner_xy = np.broadcast_to(corner[:, :, None], shape).astype(np.float32)
    wh = np.broadcast_to(grid.wh, shape).astype(np.float32)
    return Cells(corner_xy, wh, float(spec.strides[level]), float(spec.scale_x_y[level]))


def from_cells(where: Cells, logits: Tensor) -> Tensor:
    """Boxes as darknet's get_yolo_box reads them: centre from a scaled sigmoid, sides from exponentials.

    Args:
        where: the anchors.
        logits: (..., 4) t_x, t_y, t_w, t_h.

    Returns:
        (..., 4) float32 centre x, centre y, w, h in px. Example: stride 32, scale 1.05, cell (8, 5), anchor
        142 x 110, t = (2.3078, 1.9136, -0.1551, 0.5057): sigmoid(2.3078) * 1.05 - 0.025 = 0.93 of the cell,
        so x = (8 + 0.93) * 32 = 285.76; w = 142 exp(-0.1551) = 121.6.
    """
    numbers = tf.cast(logits, tf.float32)
    inside = tf.sigmoid(numbers[..., :2]) * where.scale - (where.scale - 1) / 2
    sides = tf.exp(tf.clip_by_value(numbers[..., 2:], -CELL_LOG, CELL_LOG))
    return tf.concat([where.corner_xy + inside * where.stride, where.wh * sides], axis=-1)


def to_corners(cxcywh: Tensor) -> Tensor:
    """(..., 4) centre x, centre y, w, h as xyxy."""
    centre, half = cxcywh[..., :2], cxcywh[..., 2:] / 2
    return tf.concat([centre - half, centre + half], axis=-1)
