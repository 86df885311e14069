"""Which class a capitalised name stands for, section by section: the whole vocabulary of recipes."""

from __future__ import annotations

from typing import Any, Protocol

from datapipe.augment.albu import Albumentations
from datapipe.augment.geometry import (
    Affine,
    Expand,
    Flip,
    GeometryStep,
    Jitter,
    Perspective,
    RandomCrop,
)
from datapipe.augment.mixing import CutMix, MixStep, MixUp, Mosaic
from datapipe.augment.pixels import HSV, Blur, ColorJitter, Erase, Gray, Noise
from datapipe.recipe.building import Table
from datapipe.targets.raw import Raw
from datapipe.targets.retinanet import RetinaNet
from datapipe.targets.ssd import MobileNetSSD
from datapipe.targets.wire import Encoder
from datapipe.targets.yolov4 import YoloV4


class PixelStep(Protocol):
    """A step on the rendered canvas."""


def _table(*classes: type) -> Table:
    return {kind.__name__: kind for kind in classes}


MIX = _table(Mosaic, CutMix, MixUp)
GEOMETRY = _table(Flip, Affine, Perspective, RandomCrop, Expand, Jitter)
PIXELS = _table(ColorJitter, HSV, Gray, Blur, Noise, Erase, Albumentations)
TARGETS = _table(Raw, RetinaNet, MobileNetSSD, YoloV4)

TABLES: dict[Any, Table] = {MixStep: MIX, GeometryStep: GEOMETRY, PixelStep: PIXELS, Encoder: TARGETS}
"""Annotation of a field -> the classes that may stand there."""
