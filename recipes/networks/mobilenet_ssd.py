"""MobileNetV2 with SSDLite heads (arXiv:1801.04381, 6.2), as the TF Object Detection API builds it."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers

from recipes.networks.blocks import Flat, channels, conv, normalized

STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
"""Expansion, channels, blocks, stride (arXiv:1801.04381, table 2)."""

EXTRA = (512, 256, 256, 128)
"""Channels of the maps after the last two of the backbone."""


def mobilenet_ssd(
    classes: int, anchors_per_cell: Sequence[int] = (3, 6, 6, 6, 6, 6), *, width: float = 1.0
) -> keras.Model:
    """Build an SSDLite over six maps; the first has ceil(side / 16) cells, each next half as many.

    Args:
        classes: number of classes, without background.
        anchors_per_cell: priors of each map.
        width: of all layers; 1 is the paper's.

    Returns:
        (B, H, W, 3) -> {"class": (B, N, classes + 1) logits, background first, "box": (B, N, 4)}.
    """
    image = keras.Input((None, None, 3), name="image")
    x = layers.Rescaling(1 / 127.5, offset=-1)(image)
    x = conv(x, channels(32, width), 3, 2, "relu6")
    maps: list[keras.KerasTensor] = []
    for stage, (expansion, filters, blocks, first_stride) in enumerate(STAGES):
        for block in range(blocks):
            wide = expansion * x.shape[-1]
            expanded = conv(x, wide, 1, 1, "relu6") if expansion > 1 else x
            if stage == 5 and block == 0:
                maps.append(expanded)  # "layer_15/expansion_output": the last of stride 16
            x = _bottleneck(x, expanded, channels(filters, width), first_stride if block == 0 else 1)
        x = layers.Identity(name=f"stage{stage + 1}")(x)
    x = conv(x, channels(1280, width), 1, 1, "relu6")
    maps.append(x)
    for filters in EXTRA[: len(anchors_per_cell) - 2]:
        x = conv(x, channels(filters / 2, width), 1, 1, "relu6")
        x = _separable(x, channels(filters, width), 2)
        maps.append(x)
    heads = list(zip(maps, anchors_per_cell, strict=True))
    outputs = {
        "class": layers.Concatenate(1, dtype="float32", name="classes")(
            [Flat(classes + 1)(_head(m, n * (classes + 1))) for m, n in heads]
        ),
        "box": layers.Concatenate(1, dtype="float32", name="boxes")(
            [Flat(4)(_head(m, n * 4)) for m, n in heads]
        ),
    }
    return keras.Model(image, outputs, name="mobilenet_v2_ssdlite")


def _bottleneck(
    x: keras.KerasTensor, expanded: keras.KerasTensor, filters: int, stride: int
) -> keras.KerasTensor:
    y = layers.DepthwiseConv2D(3, stride, "same", use_bias=False)(expanded)
    y = layers.Activation("relu6")(normalized(y))
    y = conv(y, filters, 1, 1, None)
    return layers.Add()([x, y]) if stride == 1 and x.shape[-1] == filters else y


def _separable(x: keras.KerasTensor, filters: int, stride: int) -> keras.KerasTensor:
    x = layers.DepthwiseConv2D(3, stride, "same", use_bias=False)(x)
    x = layers.Activation("relu6")(normalized(x))
    return conv(x, filters, 1, 1, "relu6")


def _head(x: keras.KerasTensor, filters: int) -> keras.KerasTensor:
    """SSDLite's predictor: a depthwise 3 x 3 and a pointwise convolution."""
    x = layers.DepthwiseConv2D(3, 1, "same", use_bias=False)(x)
    x = layers.Activation("relu6")(normalized(x))
    return layers.Conv2D(filters, 1)(x)
