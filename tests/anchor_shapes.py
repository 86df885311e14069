"""Seeded object shapes and small datasets as columns, for the tests of anchors."""

from __future__ import annotations

import numpy as np

from datapipe.anchors import Columns


def log_normal(count: int, seed: int = 0, middle: float = 4.0) -> np.ndarray:
    """(count, 2) px."""
    wh = np.exp(np.random.default_rng(seed).normal(middle, 0.8, (count, 2)))
    return wh.clip(2, 600).astype(np.float32).astype(np.float64)


def columns(wh: np.ndarray, images: int = 20, side: int = 608, seed: int = 0) -> Columns:
    """Objects of these shapes somewhere on square pictures; every seventh is of class b."""
    rng = np.random.default_rng(seed)
    xy = rng.random(wh.shape) * np.maximum(side - wh, 0)
    number = np.arange(len(wh))
    return Columns(
        xyxy=np.concatenate([xy, xy + wh], axis=1).astype(np.float32),
        area=wh.prod(axis=1).astype(np.float32),
        image=number % images,
        picture_wh=np.full((images, 2), side),
        class_id=(number % 7 == 6).astype(np.int64),
        ignore=np.zeros(len(wh), np.bool_),
        classes=("a", "b", "unused"),
    )
