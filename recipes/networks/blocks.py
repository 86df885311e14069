"""Layers that more than one of the networks is made of."""

from __future__ import annotations

import keras
from keras import layers, ops


def channels(n: float, width: float) -> int:
    """A number of channels times the width, in steps of 8, at least 8."""
    return max(8, int(n * width / 8 + 0.5) * 8)


def normalized(x: keras.KerasTensor) -> keras.KerasTensor:
    """Batch normalisation whose moving statistics follow within some ten steps.

    The momentum is torchvision's. With TF Object Detection's 0.97 the statistics lag behind the weights, and
    a MobileNet of 120 steps that has an AP50 of 1.0 by its batches' statistics has 0.15 by the moving ones.
    """
    return layers.BatchNormalization(momentum=0.9, epsilon=1e-3)(x)


def conv(
    x: keras.KerasTensor,
    filters: int,
    kernel: int = 3,
    stride: int = 1,
    activation: str | None = "relu",
    name: str | None = None,
) -> keras.KerasTensor:
    """Convolution, batch normalisation, activation; the map has ceil(side / stride) cells."""
    x = layers.Conv2D(filters, kernel, stride, "same", use_bias=False, name=name)(x)
    x = normalized(x)
    return layers.Activation(activation)(x) if activation else x


@keras.saving.register_keras_serializable("datapipe")
class UpsampleLike(layers.Layer):
    """Nearest upsampling by 2 of the first input, cut to the second's height and width.

    A map of 13 cells comes from one of 25 (ceil(25 / 2)); twice 13 is 26, so a row and a column are cut.
    """

    def call(self, inputs: list[keras.KerasTensor]) -> keras.KerasTensor:
        """Upsample (B, h, w, C) to the second input's size."""
        small, large = inputs
        up = ops.repeat(ops.repeat(small, 2, axis=1), 2, axis=2)
        return up[:, : ops.shape(large)[1], : ops.shape(large)[2]]

    def compute_output_shape(self, shapes: list[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        """The large one's size with the small one's channels."""
        return (*shapes[1][:3], shapes[0][3])


@keras.saving.register_keras_serializable("datapipe")
class Flat(layers.Layer):
    """(B, h, w, A * n) as (B, h * w * A, n), whatever the map's size."""

    def __init__(self, last: int, **options: object) -> None:
        super().__init__(**options)
        self.last = last

    def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """Reshape; row by row, column by column, shape by shape."""
        return ops.reshape(x, (ops.shape(x)[0], -1, self.last))

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The number of anchors is known with the map's size."""
        known = None not in shape[1:]
        return (shape[0], shape[1] * shape[2] * shape[3] // self.last if known else None, self.last)

    def get_config(self) -> dict[str, object]:
        """Keras's."""
        return {**super().get_config(), "last": self.last}
