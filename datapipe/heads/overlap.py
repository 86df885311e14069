"""How boxes overlap, in TensorFlow: for suppression and for the losses."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

Tensor = Any
BETA = 0.6
"""The power that darknet's box_diou has built in (box.c)."""


def iou(a: Tensor, b: Tensor) -> Tensor:
    """IoU.

    Args:
        a: (..., 4) xyxy px.
        b: (..., 4), broadcast against `a`; (..., M, 1, 4) and (..., 1, N, 4) make a table.

    Returns:
        (...,) float32; 0 where a box without area is concerned, as padding is.
    """
    return _iou(*_corners(a, b))


def diou(a: Tensor, b: Tensor, beta: float = BETA) -> Tensor:
    """IoU less the distance: IoU - (d² / c²) ** beta, by which darknet's greedynms suppresses.

    d is the distance of the centres, c the diagonal of the smallest box around both. beta = 1 is the paper's
    (arXiv:1911.08287). darknet computes it in shares of the picture's sides, here they are px: in a canvas
    that is not square the two differ a little.

    Args:
        a: (..., 4) xyxy px.
        b: (..., 4), broadcast against `a`.
        beta: the power.

    Returns:
        (...,) float32. Example: boxes of side 0.4 centred at (.5, .5) and (.55, .5): IoU 0.77778, d² / c²
        0.0068966, so 0.72729; with beta = 1, 0.77088.
    """
    (ax1, ay1, ax2, ay2), (bx1, by1, bx2, by2) = sides = _corners(a, b)
    apart = (ax1 + ax2 - bx1 - bx2) ** 2 + (ay1 + ay2 - by1 - by2) ** 2
    across = (tf.maximum(ax2, bx2) - tf.minimum(ax1, bx1)) ** 2
    across += (tf.maximum(ay2, by2) - tf.minimum(ay1, by1)) ** 2
    return _iou(*sides) - tf.math.divide_no_nan(apart / 4, across) ** beta


def ciou(a: Tensor, b: Tensor) -> Tensor:
    """Complete IoU (arXiv:1911.08287, equations 8 to 11): IoU - d² / c² - alpha v.

    v = 4 / pi² (atan(w_b / h_b) - atan(w_a / h_a))² says how the shapes differ, alpha = v / (1 - IoU + v) how
    much that matters; alpha is held constant in the gradient, as the paper has it.

    Args:
        a: (..., 4) centre x, centre y, w, h in px, sides above 0: the predictions, which the gradient is for.
            Not corners: a small side is not the difference of two large numbers here.
        b: (..., 4) likewise.

    Returns:
        (...,) float32, 1 for equal boxes. Example: (0, 0, 2, 2) and (1, 0, 2, 2): IoU 1 / 3, d² / c² =
        1 / 13, v = 0, so 0.25641.
    """
    ax, ay, aw, ah = tf.unstack(tf.cast(a, tf.float32), axis=-1)
    bx, by, bw, bh = tf.unstack(tf.cast(b, tf.float32), axis=-1)
    left, right = (ax - aw / 2, bx - bw / 2), (ax + aw / 2, bx + bw / 2)
    top, bottom = (ay - ah / 2, by - bh / 2), (ay + ah / 2, by + bh / 2)
    wide = tf.maximum(tf.minimum(*right) - tf.maximum(*left), 0.0)
    high = tf.maximum(tf.minimum(*bottom) - tf.maximum(*top), 0.0)
    shared = wide * high
    overlap = shared / (aw * ah + bw * bh - shared)
    across = (tf.maximum(*right) - tf.minimum(*left)) ** 2 + (tf.maximum(*bottom) - tf.minimum(*top)) ** 2
    apart = (ax - bx) ** 2 + (ay - by) ** 2
    v = 4 / 3.141592653589793**2 * (tf.atan(bw / bh) - tf.atan(aw / ah)) ** 2
    alpha = tf.stop_gradient(tf.math.divide_no_nan(v, 1 - overlap + v))
    return overlap - apart / across - alpha * v


def _corners(a: Tensor, b: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    return tf.unstack(tf.cast(a, tf.float32), axis=-1), tf.unstack(tf.cast(b, tf.float32), axis=-1)


def _iou(a: list[Tensor], b: list[Tensor]) -> Tensor:
    (ax1, ay1, ax2, ay2), (bx1, by1, bx2, by2) = a, b
    wide = tf.maximum(tf.minimum(ax2, bx2) - tf.maximum(ax1, bx1), 0.0)
    high = tf.maximum(tf.minimum(ay2, by2) - tf.maximum(ay1, by1), 0.0)
    shared = wide * high
    return tf.math.divide_no_nan(shared, (ax2 - ax1) * (ay2 - ay1) + (bx2 - bx1) * (by2 - by1) - shared)
