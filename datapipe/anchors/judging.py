"""How good anchors are, by the detector's own matcher, and whether a gain is more than chance."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datapipe.targets.best import Detector, best_iou
from datapipe.targets.grids import Floats
from datapipe.targets.ssd import MobileNetSSD
from datapipe.targets.yolov4 import YoloV4

FOLDS = 5
RESAMPLES = 1000
BLOCKS = 4000
"""Pictures are dealt into at most this many blocks before resampling: same interval, bounded work."""
WORTH = 0.01
"""The least gain worth a change: 0.01 mean IoU (yolov4) or one point of recall (the others)."""


@dataclass(frozen=True)
class Quality:
    """How well anchors take a group of objects; shares from 0 to 1, all 0 for no objects.

    mean_iou:  mean best IoU: by shape for yolov4, over the grid's real positions for the others
    recall_50, recall_40, recall_213: share of objects whose best IoU reaches 0.5, 0.4, 0.213
    without_positive: share that no anchor takes by the detector's threshold (retinanet IoU >= 0.5,
                      mobilenet_ssd >= 0.5, yolov4 > 0.213): a RetinaNet never learns these, SSD and YOLOv4
                      give them their one best anchor, however poor
    """

    objects: int
    mean_iou: float
    recall_50: float
    recall_40: float
    recall_213: float
    without_positive: float

    @classmethod
    def of(cls, iou: Floats, spec: Detector) -> Quality:
        """Summarise (M,) best IoU."""
        if not len(iou):
            return cls(0, 0.0, 0.0, 0.0, 0.0, 0.0)
        shares = [float((iou >= threshold).mean()) for threshold in (0.5, 0.4, 0.213)]
        lost = float((~spec.matches(iou)).mean())
        return cls(len(iou), float(iou.mean()), shares[0], shares[1], shares[2], lost)


@dataclass(frozen=True)
class Gain:
    """What fitted anchors win over the defaults on pictures they were not fitted to.

    of:       "mean IoU" or "recall at 0.5"
    value:    mean gain per object
    interval: 95 %, by resampling pictures
    """

    of: str
    value: float
    interval: tuple[float, float]

    @property
    def worth(self) -> bool:
        """Whether it clears both the interval and the least gain worth a change."""
        return self.interval[0] > 0 and self.value >= WORTH


def folds(images: int, seed: int, count: int = FOLDS) -> NDArray[np.int64]:
    """(I,) fold of each picture, equally many in each (to one)."""
    order = np.random.default_rng([seed, 1]).permutation(images)
    fold = np.empty(images, np.int64)
    fold[order] = np.arange(images) % count
    return fold


def taken(spec: Detector, hw: NDArray[np.int64], xyxy: Floats) -> Floats:
    """(M,) best IoU; `hw` is (M, 2), and one canvas for all where the detector wants that."""
    one = isinstance(spec, MobileNetSSD) and len(hw) > 0
    return best_iou(spec, hw[0] if one else hw, xyxy)


def gain(fitted: Floats, defaults: Floats, spec: Detector, image: NDArray[np.int64], seed: int) -> Gain:
    """The gain and its bootstrap interval over pictures.

    Args:
        fitted: (M,) best IoU with anchors fitted without the object's picture.
        defaults: (M,) best IoU with the detector's defaults.
        spec: says what counts: mean IoU for yolov4, recall at 0.5 for the others.
        image: (M,) pictures from 0 without gaps.
        seed: of the resampling.
    """
    name = "mean IoU" if isinstance(spec, YoloV4) else "recall at 0.5"
    each = (
        fitted - defaults
        if isinstance(spec, YoloV4)
        else (fitted >= 0.5).astype(np.float64) - (defaults >= 0.5)
    )
    rng = np.random.default_rng([seed, 2])
    images = int(image.max()) + 1
    blocks = min(images, BLOCKS)
    block = rng.permutation(images)[image] % blocks
    total = np.bincount(block, each, minlength=blocks)
    count = np.bincount(block, minlength=blocks)
    means = np.concatenate(
        [total[draw].sum(axis=1) / count[draw].sum(axis=1) for draw in _draws(blocks, rng)]
    )
    low, high = np.quantile(means, [0.025, 0.975])
    return Gain(name, float(each.mean()), (float(low), float(high)))


def _draws(blocks: int, rng: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    for _ in range(RESAMPLES // 50):
        yield rng.integers(0, blocks, (50, blocks))
