"""The three detectors' losses: outputs and dense targets in, scalars by name out, their sum under "total".

All is computed in float32, whatever a mixed-precision network returns. Anchors that learn nothing (state -1,
`datapipe.heads.dense`) are replaced by a constant before anything is computed from them, so that their
gradient is zero and not small, even where an output is infinite. No shape depends on a value,
so that XLA compiles them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import tensorflow as tf

from datapipe.heads import codes
from datapipe.heads.levels import names
from datapipe.heads.overlap import ciou, iou
from datapipe.targets import YoloV4

Tensor = Any
Dense = Mapping[str, Tensor]


def retinanet(
    outputs: Dense,
    wanted: Dense,
    *,
    alpha: float = 0.25,
    gamma: float = 2.0,
    sigma: float = 3.0,
    box_weight: float = 1.0,
) -> dict[str, Tensor]:
    """Focal loss and smooth L1, as keras-retinanet has them (losses.py; arXiv:1708.02002, section 3.2).

    Both are sums over the batch, divided by its number of positives, at least 1: a batch of backgrounds still
    learns that it is one. (torchvision divides picture by picture.)

    Args:
        outputs: class (B, N, C) logits, box (B, N, 4).
        wanted: of `dense.retinanet`.
        alpha: weight of the positives' classes against all the others.
        gamma: how fast the loss of what is already right fades.
        sigma: of `smooth_l1`.
        box_weight: of the boxes against the classes; Model Garden has 50 for its other normaliser.

    Returns:
        class, box, total.
    """
    state, weight = wanted["state"], wanted["weight"]
    label = wanted["class"]
    chosen = (label >= tf.reduce_max(label, axis=-1, keepdims=True)) & (state == 1)[..., None]
    of_class = focal(_safe(outputs["class"], state >= 0), label, chosen, alpha, gamma)
    of_class = tf.reduce_sum(of_class * weight[..., None])
    count = _positives(state)
    of_box = tf.reduce_sum(_box_loss(outputs["box"], wanted, sigma))
    return _summed({"class": of_class / count, "box": of_box / count * box_weight})


def ssd(
    outputs: Dense,
    wanted: Dense,
    *,
    kind: Literal["softmax", "focal"] = "softmax",
    negatives: float = 3.0,
    least_negatives: int = 3,
    alpha: float = 0.75,
    gamma: float = 2.0,
    box_weight: float = 1.0,
) -> dict[str, Tensor]:
    """SSD's loss (arXiv:1512.02325, section 2.2): cross entropy with hard negatives, and smooth L1.

    Both are sums over the batch, divided by its number of positives, at least 1 (Caffe-SSD, torchvision).

    Args:
        outputs: class (B, N, C + 1) logits, background in column 0, box (B, N, 4).
        wanted: of `dense.ssd`; with form="sigmoid" for the focal loss.
        kind: "softmax" with hard negatives; or "focal", as TF Object Detection's later configurations have
            it: sigmoids over columns 1 to C, all negatives, nothing learnt in column 0.
        negatives: the hardest so many for each positive of the same picture.
        least_negatives: ... but at least so many. A picture without objects teaches these; by the paper's
            rule it would teach nothing, as torchvision's does (TF Object Detection: 3).
        alpha: of the focal loss.
        gamma: of the focal loss.
        box_weight: of the boxes against the classes.

    Returns:
        class, box, total.
    """
    state, weight, label = wanted["state"], wanted["weight"], wanted["class"]
    logits = _safe(outputs["class"], state >= 0)
    if kind == "softmax":
        entropy = -tf.reduce_sum(label * tf.nn.log_softmax(logits), axis=-1)
        positive = tf.where(state == 1, entropy * weight, 0.0)
        hardest = _hardest(entropy, state, negatives, least_negatives)
        of_class = tf.reduce_sum(positive) + tf.reduce_sum(hardest)
    else:
        label = label[..., 1:]
        chosen = (label >= tf.reduce_max(label, axis=-1, keepdims=True)) & (state == 1)[..., None]
        of_class = tf.reduce_sum(focal(logits[..., 1:], label, chosen, alpha, gamma) * weight[..., None])
    count = _positives(state)
    of_box = tf.reduce_sum(_box_loss(outputs["box"], wanted, sigma=1.0))
    return _summed({"class": of_class / count, "box": of_box / count * box_weight})


def yolov4(
    spec: YoloV4,
    hw: Sequence[int | None],
    outputs: Dense,
    wanted: Mapping[str, Dense],
    raw_xyxy: Tensor,
    *,
    iou_normalizer: float = 0.07,
    ignore_iou: float = 0.7,
    ignore_class_prob: float = 0.0,
) -> dict[str, Tensor]:
    """YOLOv4's loss, level by level, as darknet's yolo_layer.c has it: CIoU, objectness, classes.

    All are sums over anchors divided by the number of pictures, as darknet's gradients are: an object that
    takes three anchors counts three times. A prediction that has found an object where it should not have (an
    IoU above 0.7 with any box of the picture, ignored ones included) and is no positive is let off: it is
    neither background nor object. darknet lets it off only if it also gives some class a probability above
    0.25 (`compare_yolo_class`, whichever class), which early in a training is rarely so: there it teaches
    background to predictions that lie right. `ignore_class_prob=0.25` is that; the paper's reading is 0.
    darknet also cuts gradients of boxes at max_delta = 5, which here is the optimizer's clipping to do.

    Args:
        spec: the anchors.
        hw: (H, W) of the canvas, px.
        outputs: "p3", "p4", "p5": (B, G_h, G_w, A, 5 + C) logits.
        wanted: of `dense.yolov4`.
        raw_xyxy: (B, M, 4) px, all boxes of the pictures, padded with zeros.
        iou_normalizer: of the boxes against objectness and classes (yolov4.cfg).
        ignore_iou: let off above this (yolov4.cfg's ignore_thresh).
        ignore_class_prob: ... if the likeliest class is above this, too.

    Returns:
        box, object, class, total.
    """
    boxes, objects, classes = [], [], []
    for level, name in enumerate(names(spec)):
        cells, state, weight = (wanted[name][part] for part in ("cells", "state", "weight"))
        logits = _safe(outputs[name], state >= 0)
        predicted = codes.from_cells(codes.cells(spec, hw, level), logits[..., :4])
        taught = tf.where(state == 1, weight, 0.0)
        boxes.append((1 - _overlap(predicted, cells[..., :4], state == 1)) * taught)
        found = _found(predicted, raw_xyxy, ignore_iou)
        let_off = (state == 0) & found
        if ignore_class_prob:
            let_off &= tf.reduce_max(tf.sigmoid(logits[..., 5:]), axis=-1) > ignore_class_prob
        entropy = tf.nn.sigmoid_cross_entropy_with_logits(cells[..., 4], logits[..., 4])
        objects.append(tf.where(let_off, 0.0, entropy * weight))
        of_class = _safe(logits[..., 5:], state == 1)
        entropy = tf.nn.sigmoid_cross_entropy_with_logits(cells[..., 5:], of_class)
        classes.append(entropy * taught[..., None])
    pictures = tf.maximum(tf.cast(tf.shape(raw_xyxy)[0], tf.float32), 1.0)
    box, object_, class_ = (
        tf.add_n([tf.reduce_sum(part) for part in parts]) / pictures for parts in (boxes, objects, classes)
    )
    return _summed({"box": box * iou_normalizer, "object": object_, "class": class_})


def focal(logits: Tensor, label: Tensor, chosen: Tensor, alpha: float, gamma: float) -> Tensor:
    """alpha_t (1 - p_t)^gamma times the cross entropy, for each class by itself.

    Which of alpha and 1 - alpha, p and 1 - p it is, goes by what the anchor's class *is*, not by its label
    being above 0.5: a smoothed or mixed label is no less a positive (keras-retinanet asks the label).
    (1 - p_t)^gamma is computed as exp(gamma log(1 - p_t)), whose gradient is finite for every gamma and
    logit.

    Args:
        logits: (..., C).
        label: (..., C) from 0 to 1, smoothed or not.
        chosen: (..., C) bool, the class of a positive.
        alpha: of the chosen; 1 - alpha of the others.
        gamma: 0 is no focus.

    Returns:
        (..., C). Example: logit 0, alpha 0.25, gamma 2: the chosen one 0.25 * 0.5² * ln 2 = 0.0433, any other
        0.75 * 0.5² * ln 2 = 0.1300.
    """
    logits = tf.cast(logits, tf.float32)
    entropy = tf.nn.sigmoid_cross_entropy_with_logits(tf.cast(label, tf.float32), logits)
    focus = tf.exp(gamma * tf.math.log_sigmoid(tf.where(chosen, -logits, logits)))
    return tf.where(chosen, alpha, 1 - alpha) * focus * entropy


def smooth_l1(off: Tensor, sigma: float = 1.0) -> Tensor:
    """(sigma x)² / 2 within 1 / sigma² of zero, |x| - 1 / (2 sigma²) beyond (keras-retinanet: sigma = 3).

    Args:
        off: prediction less target.
        sigma: sharper when larger.

    Returns:
        Elementwise. Example, sigma 3: 0.1 is 0.045, 1 is 1 - 1 / 18 = 0.9444.
    """
    size, corner = tf.abs(tf.cast(off, tf.float32)), 1 / sigma**2
    return tf.where(size < corner, 0.5 * sigma**2 * size**2, size - 0.5 * corner)


def _safe(logits: Tensor, learning: Tensor) -> Tensor:
    """Outputs in float32, zeros where nothing is learnt: a constant, through which no gradient passes."""
    return tf.where(learning[..., None], tf.cast(logits, tf.float32), 0.0)


def _positives(state: Tensor) -> Tensor:
    return tf.maximum(tf.reduce_sum(tf.cast(state == 1, tf.float32)), 1.0)


def _box_loss(box: Tensor, wanted: Dense, sigma: float) -> Tensor:
    """(B, N, 4), zeros but for positives."""
    off = _safe(box, wanted["state"] == 1) - wanted["box"]
    return tf.where((wanted["state"] == 1)[..., None], smooth_l1(off, sigma) * wanted["weight"][..., None], 0)


def _hardest(entropy: Tensor, state: Tensor, ratio: float, least: int) -> Tensor:
    """(B, N) the losses of each picture's hardest negatives, largest first, then zeros."""
    positives = tf.reduce_sum(tf.cast(state == 1, tf.float32), axis=1, keepdims=True)
    negatives = tf.reduce_sum(tf.cast(state == 0, tf.float32), axis=1, keepdims=True)
    count = tf.minimum(tf.maximum(tf.floor(positives * ratio), float(least)), negatives)
    ranked = tf.sort(tf.where(state == 0, entropy, -1.0), axis=1, direction="DESCENDING")
    place = tf.cast(tf.range(tf.shape(ranked)[1]), tf.float32)
    return tf.where(place < count, ranked, 0.0)


def _overlap(predicted: Tensor, wanted: Tensor, positive: Tensor) -> Tensor:
    """(...,) CIoU of centre-size boxes where positive; elsewhere of two unit boxes, which has no gradient."""
    unit = tf.constant([0.0, 0.0, 1.0, 1.0])
    pairs = (tf.where(positive[..., None], box, unit) for box in (predicted, wanted))
    return ciou(*pairs)


def _found(predicted: Tensor, raw_xyxy: Tensor, ignore_iou: float) -> Tensor:
    """(B, G_h, G_w, A) bool: a prediction overlaps some box of its picture by more than `ignore_iou`."""
    mine = codes.to_corners(predicted)[..., None, :]
    return tf.reduce_any(iou(mine, raw_xyxy[:, None, None, None]) > ignore_iou, axis=-1)


def _summed(terms: dict[str, Tensor]) -> dict[str, Tensor]:
    return {**terms, "total": tf.add_n(list(terms.values()))}
