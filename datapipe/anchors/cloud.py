"""Object shapes as weighted points: equal shapes merged, and merged further until there are few enough."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

BINS_PER_OCTAVE = (64, 48, 32, 24, 16, 12, 8, 6, 4, 3, 2, 1)


@dataclass(frozen=True, eq=False)
class Cloud:
    """N different shapes, sorted by width, then height.

    wh:     (N, 2) float64 px, above 0
    weight: (N,) float64, how many objects have it
    """

    wh: Floats
    weight: Floats

    def __len__(self) -> int:
        return len(self.weight)


def merge(wh: NDArray[np.floating]) -> tuple[Cloud, NDArray[np.int64]]:
    """Merge equal shapes.

    Args:
        wh: (M, 2) px, above 0, at float32's precision.

    Returns:
        The distinct shapes, and (M,) which of them each object has. The order of the objects does not matter.
    """
    sides = np.ascontiguousarray(wh, np.float32)
    key = sides[:, 0].view(np.uint32).astype(np.uint64) << np.uint64(
        32
    )  # of floats above 0 the bits sort alike
    key |= sides[:, 1].view(np.uint32)
    _, first, inverse, counts = np.unique(key, return_index=True, return_inverse=True, return_counts=True)
    return Cloud(sides[first].astype(np.float64), counts.astype(np.float64)), inverse.reshape(-1)


def thin(cloud: Cloud, most: int) -> tuple[Cloud, NDArray[np.int64]]:
    """Merge neighbours into the means of log-spaced bins, as fine as `most` points allow.

    Returns:
        At most `most` points (the same cloud if it is small enough), and (N,) where each point went.
    """
    if len(cloud) <= most:
        return cloud, np.arange(len(cloud))
    octave = np.log2(cloud.wh)
    octave -= octave.min(axis=0)
    for bins in BINS_PER_OCTAVE:
        cell = np.floor(octave * bins).astype(np.int64)
        _, inverse = np.unique(cell[:, 0] * (cell[:, 1].max() + 1) + cell[:, 1], return_inverse=True)
        if inverse.max() < most:
            break
    group = inverse.reshape(-1).astype(np.int64)
    return gather(cloud, group), group


def gather(cloud: Cloud, group: NDArray[np.int64]) -> Cloud:
    """The weighted mean of each group of points; groups are numbered from 0 without gaps.

    Example: 10 x 10 twice and 16 x 10 once are 12 x 10 three times.
    """
    weight: Floats = np.bincount(group, cloud.weight).astype(np.float64)
    wh = np.stack([np.bincount(group, cloud.weight * cloud.wh[:, axis]) / weight for axis in (0, 1)], axis=1)
    return Cloud(wh, weight)
