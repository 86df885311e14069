"""RetinaNet (arXiv:1708.02002): ResNet, feature pyramid, a class and a box subnet shared by all levels."""

from __future__ import annotations

import math

import keras
from keras import layers

from recipes.networks.blocks import Flat, UpsampleLike, channels, conv

BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}
"""Blocks of each stage by depth (arXiv:1512.03385, table 1): plain ones below 50, bottlenecks from 50 on."""

MEAN, VARIANCE = (123.675, 116.28, 103.53), (58.395**2, 57.12**2, 57.375**2)
"""ImageNet's, RGB from 0 to 255."""


def retinanet(
    classes: int,
    anchors_per_cell: int = 9,
    *,
    depth: int = 50,
    width: float = 1.0,
    head_convs: int = 4,
    prior: float = 0.01,
) -> keras.Model:
    """Build a RetinaNet over the levels P3 to P7.

    Args:
        classes: number of classes, without background.
        anchors_per_cell: scales times ratios.
        depth: of the ResNet.
        width: of all layers; 1 is the paper's (256 channels in the pyramid).
        head_convs: convolutions of each subnet before its last.
        prior: probability that a classifier starts with: its bias is -log((1 - prior) / prior), section 4.1.

    Returns:
        (B, H, W, 3) -> {"class": (B, N, classes) logits, "box": (B, N, 4)}.
    """
    image = keras.Input((None, None, 3), name="image")
    pyramid = _pyramid(_resnet(image, depth, width), channels(256, width))
    bias = keras.initializers.Constant(-math.log((1 - prior) / prior))
    class_of = _subnet(anchors_per_cell * classes, head_convs, channels(256, width), bias, "class")
    box_of = _subnet(anchors_per_cell * 4, head_convs, channels(256, width), "zeros", "box")
    flat_class, flat_box = Flat(classes), Flat(4)
    outputs = {
        "class": layers.Concatenate(1, dtype="float32", name="classes")(
            [flat_class(class_of(p)) for p in pyramid]
        ),
        "box": layers.Concatenate(1, dtype="float32", name="boxes")([flat_box(box_of(p)) for p in pyramid]),
    }
    return keras.Model(image, outputs, name=f"retinanet_r{depth}")


def _resnet(image: keras.KerasTensor, depth: int, width: float) -> list[keras.KerasTensor]:
    """C3, C4, C5."""
    if depth not in BLOCKS:
        raise ValueError(f"depth {depth}: want one of {sorted(BLOCKS)}")
    x = layers.Normalization(mean=MEAN, variance=VARIANCE)(image)
    x = conv(x, channels(64, width), 7, 2)
    x = layers.MaxPooling2D(3, 2, "same")(x)
    stages = []
    for stage, blocks in enumerate(BLOCKS[depth]):
        for block in range(blocks):
            stride = 2 if stage and not block else 1
            x = _block(x, channels(64 * 2**stage, width), stride, plain=depth < 50)
        x = layers.Identity(name=f"stage{stage + 1}")(x)
        stages.append(x)
    return stages[1:]


def _block(x: keras.KerasTensor, filters: int, stride: int, plain: bool) -> keras.KerasTensor:
    """A residual block; the stride sits in the 3 x 3 convolution (ResNet v1.5)."""
    last = filters if plain else 4 * filters
    short = x if stride == 1 and x.shape[-1] == last else conv(x, last, 1, stride, None)
    if plain:
        y = conv(conv(x, filters, 3, stride), filters, 3, 1, None)
    else:
        y = conv(conv(conv(x, filters, 1), filters, 3, stride), last, 1, 1, None)
    return layers.Activation("relu")(layers.Add()([short, y]))


def _pyramid(stages: list[keras.KerasTensor], filters: int) -> list[keras.KerasTensor]:
    """P3 to P7; P6 comes from C5, P7 from P6 (section 4 of the paper)."""
    lateral = [layers.Conv2D(filters, 1)(stage) for stage in stages]
    for level in (1, 0):
        up = UpsampleLike()([lateral[level + 1], lateral[level]])
        lateral[level] = layers.Add()([lateral[level], up])
    pyramid = [layers.Conv2D(filters, 3, padding="same")(level) for level in lateral]
    pyramid.append(layers.Conv2D(filters, 3, 2, "same")(stages[-1]))
    pyramid.append(layers.Conv2D(filters, 3, 2, "same")(layers.Activation("relu")(pyramid[-1])))
    return pyramid


def _subnet(
    last: int, convs: int, filters: int, bias: str | keras.Initializer, name: str
) -> keras.Sequential:
    normal = keras.initializers.RandomNormal(stddev=0.01)
    stack = [
        layers.Conv2D(filters, 3, padding="same", activation="relu", kernel_initializer=normal)
        for _ in range(convs)
    ]
    end = layers.Conv2D(last, 3, padding="same", kernel_initializer=normal, bias_initializer=bias)
    return keras.Sequential([*stack, end], name=f"{name}_subnet")
