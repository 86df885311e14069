"""Self-adversarial training (YOLOv4, arXiv:2004.10934, 3.3; darknet's train_network_datum_gpu)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

Tensors = dict[str, Any]

AGAINST_UNDERFLOW = 1024.0
"""Float16 loses gradients below 6e-8; they are scaled up and down again by this."""


def without_objects(targets: Tensors) -> Tensors:
    """Targets of the same shape that teach nothing but background: rows of zeros are padding."""
    return {name: tf.zeros_like(column) for name, column in targets.items()}


def hidden(
    images: tf.Tensor, model: keras.Model, loss: Callable[[Tensors], tf.Tensor], rate: tf.Tensor
) -> tf.Tensor:
    """Pictures changed so that the detector sees less in them (darknet's self-adversarial training).

    darknet does this to every second step on average, after its burn-in, with the rate growing from 0 to
    adversarial_lr over the training; the step then learns the true objects in what is left to see. It adds
    the raw gradient, not its sign, so that the change is largest where the detector looks; pixels count from
    0 to 1 there. The network is asked as it is in use: batch statistics stay as they are.

    Args:
        images: (B, H, W, 3) float32, 0 to 255.
        model: the detector; its weights stay as they are.
        loss: of its outputs, were there no objects; a mean over pictures.
        rate: of the gradient of one picture's loss.
    """
    with tf.GradientTape() as tape:
        tape.watch(images)
        missed = loss(model(images, training=False)) * AGAINST_UNDERFLOW
    pictures = tf.cast(tf.shape(images)[0], tf.float32)
    by_pixel = tape.gradient(missed, images) * (255 * pictures / AGAINST_UNDERFLOW)  # per unit of 0 to 1
    return tf.clip_by_value(images - 255 * rate * by_pixel, 0.0, 255.0)
