"""Sparse rows to dense tensors, one entry for every anchor. The one place where labels are smoothed.

In a train step, where the canvas is known when the step is traced:

    @tf.function(input_signature=[tf.TensorSpec((None, 640, 640, 3), tf.uint8), dense.signature(spec)])
    def step(images, targets):
        wanted = dense.retinanet(spec, (640, 640), classes, targets)

or in the pipeline, `batches.map(lambda images, targets: (images, dense.retinanet(...)))`, where one shape is
all there is. The step is cheaper to feed: 16 pictures of 640 x 640 and 80 classes are 0.4 GB when dense and a
few hundred kB as rows. The number of rows differs from batch to batch; `signature` leaves it open, so that a
step is traced once for a canvas and not once for a length.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from datapipe.heads.levels import Spec, levels, names
from datapipe.targets import MobileNetSSD, RetinaNet, YoloV4, on_off
from datapipe.targets.smoothing import Form

Tensor = Any
Rows = Mapping[str, Tensor]
"""A batch of targets as `targets.collate` makes it: (B, R, ...), padded with anchor -1."""


def signature(spec: Spec, batch: int | None = None) -> dict[str, tf.TensorSpec]:
    """What a batch of rows looks like to a tf.function.

    Args:
        spec: of the detector.
        batch: B, where it is fixed.

    Returns:
        Field -> TensorSpec; ragged axes are None.
    """
    return {
        name: tf.TensorSpec((batch, *field.shape), field.dtype, name) for name, field in spec.spec().items()
    }


def retinanet(
    spec: RetinaNet, hw: Sequence[int | None], classes: int, rows: Rows, smoothing: float | None = None
) -> dict[str, Tensor]:
    """Targets of a RetinaNet.

    Args:
        spec: whose `encode` made the rows.
        hw: (H, W) of the canvas, px.
        classes: C, without background.
        rows: of a batch.
        smoothing: epsilon of the positives' classes, sigmoid form; None: the spec's.

    Returns:
        class:  (B, N, C) float32; a positive's row is one-hot, or 1 - e / 2 and e / 2; else zeros
        box:    (B, N, 4) float32 by the spec's code; zeros where there is nothing to learn
        state:  (B, N) int8: 1 positive, 0 background, -1 ignored
        weight: (B, N) float32 factor of the anchor's loss: the object's, background 1, ignored 0

        Example: 2 classes, e = 0.1, the row (anchor 3, class 1, weight 0.5): class[3] = (0.05, 0.95),
        state[3] = 1, weight[3] = 0.5; every other anchor has class (0, 0), state 0, weight 1.

    Raises:
        ValueError: H or W is unknown.
        tf.errors.InvalidArgumentError: a row of another canvas, or of a class beyond C.
    """
    label = _labels(rows, classes, spec.label_smoothing if smoothing is None else smoothing, "sigmoid")
    return _flat(spec, hw, classes, rows, label)


def ssd(
    spec: MobileNetSSD,
    hw: Sequence[int | None],
    classes: int,
    rows: Rows,
    smoothing: float | None = None,
    form: Form = "softmax",
) -> dict[str, Tensor]:
    """Targets of an SSD; background is class 0.

    Args:
        spec: whose `encode` made the rows.
        hw: (H, W) of the canvas, px.
        classes: C, without background.
        rows: of a batch.
        smoothing: epsilon of the positives' classes; None: the spec's.
        form: "softmax" over C + 1 classes; "sigmoid" for the focal loss, which does not look at column 0.

    Returns:
        As `retinanet`, but class is (B, N, C + 1): one-hot, background in column 0, zeros where ignored.
        Example: 2 classes, e = 0.1: a positive of class 1 has (0.0333, 0.0333, 0.9333), or for the sigmoid
        (0, 0.05, 0.95); background has (1, 0, 0).

    Raises:
        ValueError: H or W is unknown.
        tf.errors.InvalidArgumentError: a row of another canvas, or of a class beyond C.
    """
    epsilon = spec.label_smoothing if smoothing is None else smoothing
    if form == "softmax":
        label = _labels({**rows, "class_id": rows["class_id"] + 1}, classes + 1, epsilon, form)
    else:
        label = tf.pad(_labels(rows, classes, epsilon, form), [[0, 0], [0, 0], [1, 0]])
    made = _flat(spec, hw, classes, rows, label)
    background = tf.cast(made["state"] == 0, tf.float32)[..., None]
    made["class"] += background * tf.one_hot(0, classes + 1)
    return made


def yolov4(
    spec: YoloV4, hw: Sequence[int | None], classes: int, rows: Rows, smoothing: float | None = None
) -> dict[str, dict[str, Tensor]]:
    """Targets of a YOLOv4, map by map.

    Args:
        spec: whose `encode` made the rows.
        hw: (H, W) of the canvas, px.
        classes: C.
        rows: of a batch.
        smoothing: epsilon of the positives' classes, sigmoid form; None: the spec's. Objectness and boxes
            are never smoothed.

    Returns:
        For "p3", "p4", "p5" (strides 8, 16, 32), maps of G_h x G_w cells and A anchors:

        cells:  (B, G_h, G_w, A, 5 + C) float32: centre x, centre y, w, h in px of the canvas, objectness
                (1 or 0), classes; all zeros where there is nothing to learn
        state:  (B, G_h, G_w, A) int8: 1 positive, 0 background, -1 ignored
        weight: (B, G_h, G_w, A) float32 factor of the anchor's loss: the object's, background 1, ignored 0

    Raises:
        ValueError: H or W is unknown.
        tf.errors.InvalidArgumentError: a row of another canvas, or of a class beyond C.
    """
    epsilon = spec.label_smoothing if smoothing is None else smoothing
    positive = tf.cast(rows["state"] == 1, tf.float32)[..., None]
    label = _labels(rows, classes, epsilon, "sigmoid")
    columns = {
        "cells": tf.concat([rows["box"], positive, label], axis=-1),
        "state": rows["state"],
        "weight": rows["weight"],
    }
    maps = levels(spec, hw)
    made = _spread(sum(level.anchors for level in maps), classes, rows, columns)
    parted = {
        name: tf.split(column, [level.anchors for level in maps], axis=1) for name, column in made.items()
    }
    return {
        level_name: {
            name: tf.reshape(parts[i], (-1, *maps[i][:3], *parts[i].shape[2:]))
            for name, parts in parted.items()
        }
        for i, level_name in enumerate(names(spec))
    }


def _labels(rows: Rows, width: int, epsilon: float, form: Form) -> Tensor:
    """(B, R, width) one-hot and smoothed where the row is a positive, else zeros."""
    on, off = on_off(epsilon, form, width)
    label = tf.one_hot(rows["class_id"], width, on, off)
    return tf.where((rows["state"] == 1)[..., None], label, 0.0)


def _flat(
    spec: RetinaNet | MobileNetSSD, hw: Sequence[int | None], classes: int, rows: Rows, label: Tensor
) -> dict[str, Tensor]:
    columns = {"class": label, **{name: rows[name] for name in ("box", "state", "weight")}}
    return _spread(sum(level.anchors for level in levels(spec, hw)), classes, rows, columns)


def _spread(anchors: int, classes: int, rows: Rows, columns: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Columns (B, R, ...) to (B, anchors, ...): a row at its anchor, zeros elsewhere; background weighs 1.

    `scatter_nd` adds, so a padding row, which is all zeros, may go to anchor 0. A spare place at the end that
    takes the padding and is cut off costs a copy of everything: four times the whole.
    """
    beyond = tf.reduce_any((rows["anchor"] >= anchors) | (rows["class_id"] >= classes))
    message = f"rows beyond {anchors} anchors or {classes} classes: made for another canvas or class list"
    with tf.control_dependencies([tf.debugging.assert_equal(beyond, False, message)]):
        anchor = tf.maximum(rows["anchor"], 0)
    batch = tf.shape(anchor)[0]
    place = tf.stack([tf.broadcast_to(tf.range(batch)[:, None], tf.shape(anchor)), anchor], axis=-1)
    made = {
        name: tf.ensure_shape(
            tf.scatter_nd(place, column, (batch, anchors, *column.shape[2:])),
            (place.shape[0], anchors, *column.shape[2:]),
        )
        for name, column in columns.items()
    }
    made["weight"] += tf.cast(made["state"] == 0, tf.float32)
    return made
