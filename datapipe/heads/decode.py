"""From a network's outputs to detections, as each detector's own project does it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import tensorflow as tf

from datapipe.heads import codes
from datapipe.heads.levels import known, levels, names
from datapipe.heads.nms import Detected, Keep, by_iou, one_by_one, suppress
from datapipe.targets import MobileNetSSD, RetinaNet, YoloV4

Tensor = Any

KERAS_RETINANET = Keep(0.05, 1000, 0.5, 300)
"""keras-retinanet's filter_detections, and torchvision's top 1000 a level, where that one takes them all."""
DETECTRON2 = Keep(0.05, 1000, 0.5, 100)
"""Detectron2's RetinaNet."""
CAFFE_SSD = Keep(0.01, 400, 0.45, 200)
"""Caffe-SSD, and torchvision's SSD300."""
TORCHVISION_SSDLITE = Keep(0.001, 300, 0.55, 300)
"""torchvision's SSDLite320."""
TF_OBJECT_DETECTION = Keep(1e-8, 100, 0.6, 100)
"""TF Object Detection's SSD configurations."""
DARKNET = Keep(0.005, 1000, 0.45, 300, nms="diou")
"""darknet's yolov4.cfg as `detector map` runs it: greedynms; it has no limits on numbers, these are ours."""


def retinanet(
    spec: RetinaNet, hw: Sequence[int | None], outputs: Mapping[str, Tensor], keep: Keep = KERAS_RETINANET
) -> Detected:
    """Detections of a RetinaNet.

    The best `top_k` pairs of an anchor and a class of each level are decoded, clipped to the canvas, and
    suppressed class by class.

    Args:
        spec: the anchors.
        hw: (H, W) of the canvas, px.
        outputs: class (B, N, C) logits, box (B, N, 4).
        keep: which of them stay.
    """
    maps = [level.anchors for level in levels(spec, hw)]
    classes = outputs["class"].shape[-1]
    found = []
    first = 0
    for logits, count in zip(
        tf.split(tf.cast(outputs["class"], tf.float32), maps, axis=1), maps, strict=True
    ):
        best, anchor, class_id = _best_pairs(logits, count, classes, keep.top_k)
        found.append((tf.sigmoid(best), anchor + first, class_id))
        first += count
    score, anchor, class_id = (tf.concat(column, axis=1) for column in zip(*found, strict=True))
    anchors = tf.gather(tf.constant(spec.anchors(known(hw)), tf.float32), anchor)
    boxes = codes.from_code(spec.code(), anchors, tf.gather(outputs["box"], anchor, batch_dims=1))
    return suppress(_clipped(boxes, hw), score, class_id, classes, keep)


def ssd(
    spec: MobileNetSSD,
    hw: Sequence[int | None],
    outputs: Mapping[str, Tensor],
    keep: Keep = CAFFE_SSD,
    scores: Literal["softmax", "sigmoid"] = "softmax",
) -> Detected:
    """Detections of an SSD.

    The best `top_k` priors of each class are suppressed, then all classes share `max_detections` places.

    Args:
        spec: the priors.
        hw: (H, W) of the canvas, px.
        outputs: class (B, N, C + 1) logits, background in column 0, box (B, N, 4).
        keep: which of them stay.
        scores: what the logits mean; "sigmoid" after training with the focal loss.
    """
    logits = tf.cast(outputs["class"], tf.float32)
    chances = tf.nn.softmax(logits) if scores == "softmax" else tf.sigmoid(logits)
    classes = logits.shape[-1] - 1
    anchors = tf.constant(spec.anchors(known(hw)), tf.float32)
    boxes = _clipped(codes.from_code(spec.code(), anchors, outputs["box"]), hw)
    top_k = min(keep.top_k, len(anchors))
    score, prior = tf.math.top_k(tf.transpose(chances[..., 1:], (0, 2, 1)), top_k)  # (B, C, k)
    if keep.nms == "iou":
        score, prior = (tf.transpose(table, (0, 2, 1)) for table in (score, prior))
        return by_iou(tf.gather(boxes, prior, batch_dims=1), score, keep)
    pairs = (-1, classes * top_k)
    class_id = tf.broadcast_to(tf.range(classes)[:, None], tf.shape(prior))
    score, prior, class_id = (tf.reshape(table, pairs) for table in (score, prior, class_id))
    return one_by_one(tf.gather(boxes, prior, batch_dims=1), score, class_id, keep)


def yolov4(
    spec: YoloV4, hw: Sequence[int | None], outputs: Mapping[str, Tensor], keep: Keep = DARKNET
) -> Detected:
    """Detections of a YOLOv4.

    A score is objectness times the class's probability. The best `top_k` pairs of an anchor and a class of
    each level are decoded and suppressed class by class; the canvas's border cuts them last (darknet).

    Args:
        spec: the anchors, and how far a centre may leave its cell.
        hw: (H, W) of the canvas, px.
        outputs: "p3", "p4", "p5": (B, H / s, W / s, A, 5 + C) logits of x, y, w, h, objectness, classes.
        keep: which of them stay.
    """
    found = []
    classes = outputs[names(spec)[0]].shape[-1] - 5
    for number, (name, level) in enumerate(zip(names(spec), levels(spec, hw), strict=True)):
        logits = tf.reshape(tf.cast(outputs[name], tf.float32), (-1, level.anchors, 5 + classes))
        chances = tf.sigmoid(logits[..., 4:5]) * tf.sigmoid(logits[..., 5:])
        score, anchor, class_id = _best_pairs(chances, level.anchors, classes, keep.top_k)
        where = codes.cells(spec, hw, number)
        corner_xy, wh = (tf.gather(np.reshape(table, (-1, 2)), anchor) for table in where[:2])
        where = where._replace(corner_xy=corner_xy, wh=wh)
        boxes = codes.from_cells(where, tf.gather(logits[..., :4], anchor, batch_dims=1))
        found.append((codes.to_corners(boxes), score, class_id))
    boxes, score, class_id = (tf.concat(column, axis=1) for column in zip(*found, strict=True))
    made = suppress(boxes, score, class_id, classes, keep)
    return made._replace(boxes=_clipped(made.boxes, hw))


def _best_pairs(values: Tensor, anchors: int, classes: int, top_k: int) -> tuple[Tensor, Tensor, Tensor]:
    """The k largest of (B, anchors, classes): values, anchors and classes, (B, k) each."""
    flat = tf.reshape(values, (-1, anchors * classes))
    best, pair = tf.math.top_k(flat, min(top_k, anchors * classes))
    return best, pair // classes, pair % classes


def _clipped(boxes: Tensor, hw: Sequence[int | None]) -> Tensor:
    """(..., 4) xyxy px within the canvas."""
    height, width = known(hw)
    return tf.clip_by_value(boxes, 0.0, tf.constant([width, height, width, height], tf.float32))
