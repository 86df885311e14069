"""Suppression, class by class, a batch at a time: by IoU, by darknet's distance-IoU, or softly.

A prediction goes when one of its own class with a higher score overlaps it above a threshold. By IoU alone
that is `tf.image.combined_non_max_suppression`, as exact and faster. The other two have no op: there the best
prediction left of every picture is taken at once, and those beside it lose their score, or part of it. That
needs no table of all pairs, which for the 5000 candidates of a RetinaNet would be 100 MB a picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import tensorflow as tf

from datapipe.heads.overlap import BETA, diou, iou

Tensor = Any


class Detected(NamedTuple):
    """What a detector says of B pictures: K places each, the surest first.

    boxes:    (B, K, 4) float32 xyxy px of the canvas; padding is zeros
    score:    (B, K) float32; padding is 0
    class_id: (B, K) int32; padding is -1
    valid:    (B,) int32, how many of the places are filled
    """

    boxes: Tensor
    score: Tensor
    class_id: Tensor
    valid: Tensor


@dataclass(frozen=True)
class Keep:
    """Which predictions stay.

    score_threshold: those above it
    top_k:           the best so many go into the suppression: of each level, or of each class for an SSD
    nms_threshold:   of two of a class that overlap by more than this the better one stays
    max_detections:  at most so many of a picture
    nms:             "iou"; "diou": overlap is IoU - (d² / c²) ** beta; "soft": nothing goes, a score is
                     multiplied by exp(-IoU² / sigma) for every better one (Bodla et al., arXiv:1704.04503,
                     equation 5), and goes when that leaves it at score_threshold
    beta, sigma:     of these
    """

    score_threshold: float
    top_k: int
    nms_threshold: float
    max_detections: int
    nms: Literal["iou", "diou", "soft"] = "iou"
    beta: float = BETA
    sigma: float = 0.5

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            ValueError: naming the field that is off.
        """
        if self.nms not in ("iou", "diou", "soft"):
            raise ValueError(f"nms: {self.nms!r}, want iou, diou or soft")
        if min(self.top_k, self.max_detections) < 1:
            raise ValueError(f"top_k {self.top_k}, max_detections {self.max_detections}: want 1 or more")
        if min(self.score_threshold, self.nms_threshold) < 0:
            raise ValueError("score_threshold, nms_threshold: want 0 or more")
        if min(self.beta, self.sigma) <= 0:
            raise ValueError(f"beta {self.beta}, sigma {self.sigma}: want numbers above 0")


def suppress(boxes: Tensor, score: Tensor, class_id: Tensor, classes: int, keep: Keep) -> Detected:
    """The candidates of each picture without what overlaps a better one of its class.

    Args:
        boxes: (B, K, 4) xyxy px.
        score: (B, K), not negative.
        class_id: (B, K) int32.
        classes: number of classes.
        keep: the rule; its `top_k` has been applied before.
    """
    if keep.nms == "iou":
        return by_iou(boxes[:, :, None], score[..., None] * tf.one_hot(class_id, classes), keep)
    return one_by_one(boxes, score, class_id, keep)


def by_iou(boxes: Tensor, score: Tensor, keep: Keep) -> Detected:
    """By IoU, with the op.

    Args:
        boxes: (B, K, 1, 4) xyxy px, or (B, K, C, 4), a box for each class.
        score: (B, K, C); what is not above `score_threshold` is no candidate.
        keep: the rule.
    """
    places = keep.max_detections
    taken, said, class_of, valid = tf.image.combined_non_max_suppression(
        boxes,
        score,
        max_output_size_per_class=places,
        max_total_size=places,
        iou_threshold=min(keep.nms_threshold, 1.0),
        score_threshold=keep.score_threshold,
        clip_boxes=False,
    )
    filled = tf.range(places) < valid[:, None]
    return Detected(taken, said, tf.where(filled, tf.cast(class_of, tf.int32), -1), valid)


def one_by_one(boxes: Tensor, score: Tensor, class_id: Tensor, keep: Keep) -> Detected:
    """By any of the three rules: `max_detections` times the best one left, in all pictures at once.

    A score never rises, so the order in which they are taken is that of the scores they end with. Of equal
    ones the first goes first. Arguments as for `suppress`.
    """
    boxes, score, class_id = _hopeful(boxes, tf.cast(score, tf.float32), class_id, keep.score_threshold)
    candidates, places = tf.range(tf.shape(score)[1]), tf.range(keep.max_detections)

    def going(step: Tensor, left: Tensor, *_: Tensor) -> Tensor:
        return (step < keep.max_detections) & tf.reduce_any(left > 0)

    def take(step: Tensor, left: Tensor, row: Tensor, said: Tensor) -> tuple[Tensor, ...]:
        best = tf.argmax(left, axis=1, output_type=tf.int32)[:, None]
        row = tf.where(places == step, best, row)
        said = tf.where(places == step, tf.gather(left, best, batch_dims=1), said)
        rivals = class_id == tf.gather(class_id, best, batch_dims=1)
        left = tf.where(rivals, _weakened(left, tf.gather(boxes, best, batch_dims=1), boxes, keep), left)
        staying = (left > keep.score_threshold) & (candidates != best)
        return step + 1, tf.where(staying, left, 0.0), row, said

    none = tf.zeros((tf.shape(score)[0], keep.max_detections))
    *_, row, said = tf.while_loop(going, take, (0, score, tf.cast(none, tf.int32), none))
    filled = said > 0
    return Detected(
        tf.where(filled[..., None], tf.gather(boxes, row, batch_dims=1), 0.0),
        said,
        tf.where(filled, tf.gather(class_id, row, batch_dims=1), -1),
        tf.reduce_sum(tf.cast(filled, tf.int32), axis=1),
    )


def _hopeful(
    boxes: Tensor, score: Tensor, class_id: Tensor, threshold: float
) -> tuple[Tensor, Tensor, Tensor]:
    """The candidates above the threshold, best first, as many as the fullest picture has, at least one.

    A trained network leaves few, and each step of the suppression looks at all of them.
    """
    score = tf.where(score > threshold, score, 0.0)
    most = tf.reduce_max(tf.reduce_sum(tf.cast(score > 0, tf.int32), axis=1))
    score, order = tf.math.top_k(score, tf.maximum(most, 1))
    return tf.gather(boxes, order, batch_dims=1), score, tf.gather(class_id, order, batch_dims=1)


def _weakened(score: Tensor, best: Tensor, boxes: Tensor, keep: Keep) -> Tensor:
    """(B, K) what is left of the scores beside the best one (B, 1, 4)."""
    if keep.nms == "soft":
        return score * tf.exp(-(iou(best, boxes) ** 2) / keep.sigma)
    overlap = diou(best, boxes, keep.beta) if keep.nms == "diou" else iou(best, boxes)
    return tf.where(overlap > keep.nms_threshold, 0.0, score)
