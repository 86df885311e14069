"""Boxes back from their codes: the exact inverse of encoding, for round trips and for reading targets.

Decoding a network's output adds what predictions need (a clamp on the logarithms, scores, NMS) and is
done with TensorFlow elsewhere.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from datapipe import boxes
from datapipe.targets.codes import YX, BoxCode
from datapipe.targets.grids import Floats
from datapipe.targets.layout import layout
from datapipe.targets.yolov4 import YoloV4


def decode(code: BoxCode, anchors: Floats, box: NDArray[np.floating]) -> Floats:
    """Boxes from the numbers relative to their anchors.

    Args:
        code: how they were written.
        anchors: (R, 4) xyxy px.
        box: (R, 4) as `codes.encode` gives them.

    Returns:
        (R, 4) float64 xyxy px. Example: corner deltas over 0.2 of (0.15625, 0.625, -0.15625, 0.3125) on
        the anchor (96, 96, 224, 288) are (100, 120, 220, 300).
    """
    numbers = np.asarray(box, np.float64)
    if code.axes == "yx":
        numbers = numbers[:, YX]
    numbers = numbers * np.array(code.variances)
    sides = anchors[:, 2:] - anchors[:, :2]
    if code.kind == "corners":
        corners: Floats = anchors + numbers * np.concatenate([sides, sides], axis=1)
        return corners
    centre = (anchors[:, :2] + anchors[:, 2:]) / 2 + numbers[:, :2] * sides
    return boxes.from_cxcywh(np.concatenate([centre, sides * np.exp(numbers[:, 2:])], axis=1))


def yolov4_logits(
    spec: YoloV4, hw: tuple[int, int], anchor: NDArray[np.integer], box: NDArray[np.floating]
) -> Floats:
    """The output t_x, t_y, t_w, t_h that darknet decodes to these boxes (get_yolo_box, yolo_layer.c).

    A centre lies dx of a cell into its cell, so sigmoid(t_x) = (dx + (s - 1) / 2) / s with s = scale_x_y,
    which is finite for s > 1; t_w = ln(w / anchor's w).

    Args:
        spec: whose anchors.
        hw: (H, W) of the input, px.
        anchor: (R,) flat index.
        box: (R, 4) centre x, centre y, w, h in px.

    Returns:
        (R, 4). Example: 121.6 x 182.4 at (285.76, 188.48) in 608 x 608 on anchor 6, stride 32, cell
        (8, 5): dx 0.93, dy 0.89; t = (2.3078, 1.9136, -0.1551, 0.5057).
    """
    corner, stride, scale, wh = _cells(spec, hw, anchor)
    numbers = np.asarray(box, np.float64)
    inside = ((numbers[:, :2] - corner) / stride + (scale - 1) / 2) / scale
    with np.errstate(divide="ignore"):  # without scale_x_y a centre on a cell's edge has no finite logit
        return np.concatenate([np.log(inside) - np.log1p(-inside), np.log(numbers[:, 2:] / wh)], axis=1)


def yolov4_boxes(
    spec: YoloV4, hw: tuple[int, int], anchor: NDArray[np.integer], logits: NDArray[np.floating]
) -> Floats:
    """(R, 4) centre x, centre y, w, h in px that darknet reads from an output; undoes `yolov4_logits`."""
    corner, stride, scale, wh = _cells(spec, hw, anchor)
    numbers = np.asarray(logits, np.float64)
    inside = scale / (1 + np.exp(-numbers[:, :2])) - (scale - 1) / 2
    return np.concatenate([corner + inside * stride, np.exp(numbers[:, 2:]) * wh], axis=1)


def _cells(
    spec: YoloV4, hw: tuple[int, int], anchor: NDArray[np.integer]
) -> tuple[Floats, Floats, Floats, Floats]:
    """Each anchor's cell corner (R, 2) px, stride (R, 1) px, scale_x_y (R, 1) and shape (R, 2) px."""
    places = layout(spec, hw)
    centre, wh, level = places.at(anchor)
    stride = np.array(spec.strides, np.float64)[level][:, None]
    return centre.T - stride / 2, stride, np.array(spec.scale_x_y)[level][:, None], wh.T
