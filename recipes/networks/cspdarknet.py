"""YOLOv4: CSPDarknet53 with Mish, SPP and PAN (arXiv:2004.10934; darknet's cfg/yolov4.cfg)."""

from __future__ import annotations

import math
from functools import partial

import keras
from keras import layers, ops

from recipes.networks.blocks import UpsampleLike, channels
from recipes.networks.blocks import conv as plain_conv

BLOCKS = (1, 2, 8, 8, 4)
"""Residual blocks of each stage of CSPDarknet53."""

mish = partial(plain_conv, activation="mish")
leaky = partial(plain_conv, activation="leaky_relu")


def yolov4(
    classes: int,
    anchors_per_cell: tuple[int, ...] = (3, 3, 3),
    *,
    width: float = 1.0,
    depth: float = 1.0,
    drop_block: float = 0.0,
) -> keras.Model:
    """Build a YOLOv4 with outputs at strides 8, 16 and 32.

    Args:
        classes: number of classes.
        anchors_per_cell: of each level.
        width: of all layers; 1 is darknet's.
        depth: share of each stage's residual blocks, at least one.
        drop_block: share of the last two stages' maps that DropBlock blanks while training.

    Returns:
        (B, H, W, 3), H and W multiples of 32 -> {"p3", "p4", "p5"}: (B, H / s, W / s, anchors, 5 + classes)
        logits: x, y, w, h, objectness, classes.
    """
    image = keras.Input((None, None, 3), name="image")
    of = partial(channels, width=width)
    x = mish(layers.Rescaling(1 / 255)(image), of(32))
    stages = []
    for stage, blocks in enumerate(BLOCKS):
        x = _csp(x, of(64 * 2**stage), max(1, round(blocks * depth)), of, first=stage == 0)
        if drop_block and stage >= 3:
            x = DropBlock(drop_block)(x)
        x = layers.Identity(name=f"stage{stage + 1}")(x)
        stages.append(x)
    p3, p4, p5 = _pan(stages[2], stages[3], _spp(stages[4], of), of)
    outputs = {}
    for name, level, filters, count in zip(
        ("p3", "p4", "p5"), (p3, p4, p5), (256, 512, 1024), anchors_per_cell, strict=True
    ):
        outputs[name] = _head(level, of(filters), count, classes, name)
    return keras.Model(image, outputs, name="yolov4")


def _csp(x: keras.KerasTensor, filters: int, blocks: int, of: partial[int], first: bool) -> keras.KerasTensor:
    """A cross-stage-partial stage: half of the channels pass the residual blocks by (arXiv:1911.11929)."""
    x = mish(x, filters, 3, 2)
    inner = filters if first else filters // 2
    past = mish(x, inner, 1)
    y = mish(x, inner, 1)
    for _ in range(blocks):
        y = layers.Add()([y, mish(mish(y, filters // 2 if first else inner, 1), inner, 3)])
    y = mish(y, inner, 1)
    return mish(layers.Concatenate()([y, past]), filters, 1)


def _spp(x: keras.KerasTensor, of: partial[int]) -> keras.KerasTensor:
    """Spatial pyramid pooling: the map beside its maxima over 5, 9 and 13 cells."""
    x = leaky(leaky(leaky(x, of(512), 1), of(1024), 3), of(512), 1)
    x = layers.Concatenate()([layers.MaxPooling2D(k, 1, "same")(x) for k in (13, 9, 5)] + [x])
    return leaky(leaky(leaky(x, of(512), 1), of(1024), 3), of(512), 1)


def _pan(
    c3: keras.KerasTensor, c4: keras.KerasTensor, c5: keras.KerasTensor, of: partial[int]
) -> tuple[keras.KerasTensor, keras.KerasTensor, keras.KerasTensor]:
    """Path aggregation: down from the coarse map to the fine one and up again (arXiv:1803.01534)."""
    up4 = UpsampleLike()([leaky(c5, of(256), 1), c4])
    n4 = _five(layers.Concatenate()([leaky(c4, of(256), 1), up4]), of(256))
    up3 = UpsampleLike()([leaky(n4, of(128), 1), c3])
    p3 = _five(layers.Concatenate()([leaky(c3, of(128), 1), up3]), of(128))
    p4 = _five(layers.Concatenate()([leaky(p3, of(256), 3, 2), n4]), of(256))
    p5 = _five(layers.Concatenate()([leaky(p4, of(512), 3, 2), c5]), of(512))
    return p3, p4, p5


def _five(x: keras.KerasTensor, filters: int) -> keras.KerasTensor:
    for kernel in (1, 3, 1, 3, 1):
        x = leaky(x, filters if kernel == 1 else 2 * filters, kernel)
    return x


def _head(x: keras.KerasTensor, filters: int, count: int, classes: int, name: str) -> keras.KerasTensor:
    x = leaky(x, filters, 3)
    bias = keras.initializers.Constant(-math.log((1 - 0.01) / 0.01))
    box = layers.Conv2D(count * 4, 1, dtype="float32", name=f"{name}_box")(x)
    rest = layers.Conv2D(
        count * (1 + classes), 1, dtype="float32", bias_initializer=bias, name=f"{name}_object"
    )(x)
    return Cells(count, name=name)([box, rest])


@keras.saving.register_keras_serializable("datapipe")
class Cells(layers.Layer):
    """(B, h, w, A * 4) and (B, h, w, A * n) as (B, h, w, A, 4 + n)."""

    def __init__(self, count: int, **options: object) -> None:
        super().__init__(**options)
        self.count = count

    def call(self, inputs: list[keras.KerasTensor]) -> keras.KerasTensor:
        """Part the channels by anchor and join boxes with the rest."""
        parts = []
        for x in inputs:
            b, h, w = (ops.shape(x)[i] for i in range(3))
            parts.append(ops.reshape(x, (b, h, w, self.count, x.shape[-1] // self.count)))
        return ops.concatenate(parts, axis=-1)

    def compute_output_shape(self, shapes: list[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        """Map by map."""
        return (*shapes[0][:3], self.count, sum(shape[-1] for shape in shapes) // self.count)

    def get_config(self) -> dict[str, object]:
        """Keras's."""
        return {**super().get_config(), "count": self.count}


@keras.saving.register_keras_serializable("datapipe")
class DropBlock(layers.Layer):
    """Blank square blocks of a map while training, and scale what stays up (arXiv:1810.12890).

    A seed's block of `size` cells is blank; seeds are drawn so that about `rate` of the cells go.
    """

    def __init__(self, rate: float, size: int = 7, **options: object) -> None:
        super().__init__(**options)
        self.rate, self.size = rate, size
        self.seeds = keras.random.SeedGenerator(0)

    def call(self, x: keras.KerasTensor, training: bool | None = None) -> keras.KerasTensor:
        """Drop blocks of all channels at once."""
        if not training:
            return x
        b, h, w = (ops.shape(x)[i] for i in range(3))
        drawn = keras.random.uniform((b, h, w, 1), seed=self.seeds)
        seed = ops.cast(drawn < self.rate / self.size**2, x.dtype)
        kept = 1 - ops.max_pool(seed, self.size, 1, "same")
        return x * kept * ops.cast(ops.size(kept), x.dtype) / ops.maximum(ops.sum(kept), 1)

    def get_config(self) -> dict[str, object]:
        """Keras's."""
        return {**super().get_config(), "rate": self.rate, "size": self.size}
