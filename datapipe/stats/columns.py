"""The columns that statistics are made of, and how to walk over pairs of their rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from datapipe.columns import CORNERS
from datapipe.dataset import Dataset

PAIRS_AT_ONCE = 1 << 20
"""Pairs held in memory at a time."""


@dataclass(frozen=True, eq=False)
class Columns:
    """I images with N objects, as parallel arrays.

    classes:  names
    image_wh: (I, 2) int64, width and height in px
    left_out: (I,) int64, ignore regions of the image that are no objects
    image:    (N,) int64, row of the object's image
    class_id: (N,) int64
    xyxy:     (N, 4) float64 px of the stored picture
    area:     (N,) float64 px², of the mask where the source gives it, else of the box
    crowd, difficult, truncated: (N,) bool
    """

    classes: tuple[str, ...]
    image_wh: NDArray[np.int64]
    left_out: NDArray[np.int64]
    image: NDArray[np.int64]
    class_id: NDArray[np.int64]
    xyxy: NDArray[np.float64]
    area: NDArray[np.float64]
    crowd: NDArray[np.bool_]
    difficult: NDArray[np.bool_]
    truncated: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.class_id)

    @property
    def ignored(self) -> NDArray[np.bool_]:
        """(N,) bool: crowd or difficult, which by default are neither positives nor background."""
        return self.crowd | self.difficult

    @property
    def wh(self) -> NDArray[np.float64]:
        """(N, 2) float64, width and height of the boxes in px."""
        return self.xyxy[:, 2:] - self.xyxy[:, :2]

    def select(self, images: NDArray[np.int64]) -> tuple[Columns, NDArray[np.intp]]:
        """Only some images (their rows, ascending), renumbered from 0, and the rows of their objects."""
        number = np.full(len(self.image_wh), -1, np.int64)
        number[images] = np.arange(len(images))
        rows = np.flatnonzero(number[self.image] >= 0)
        chosen = replace(
            self,
            image_wh=self.image_wh[images],
            left_out=self.left_out[images],
            image=number[self.image[rows]],
            class_id=self.class_id[rows],
            xyxy=self.xyxy[rows],
            area=self.area[rows],
            crowd=self.crowd[rows],
            difficult=self.difficult[rows],
            truncated=self.truncated[rows],
        )
        return chosen, rows


def read_columns(dataset: Dataset) -> Columns:
    """The columns of a dataset, overlays applied."""
    images, objects = dataset.images, dataset.objects
    return Columns(
        classes=tuple(dataset.classes),
        image_wh=np.stack([images["width"], images["height"]], axis=-1).astype(np.int64).reshape(-1, 2),
        left_out=images["left_out"].astype(np.int64),
        image=objects["image"].astype(np.int64),
        class_id=objects["class_id"].astype(np.int64),
        xyxy=np.stack([objects[side] for side in CORNERS], axis=-1).astype(np.float64).reshape(-1, 4),
        area=objects["area"].astype(np.float64),
        crowd=objects["crowd"].astype(np.bool_),
        difficult=objects["difficult"].astype(np.bool_),
        truncated=objects["truncated"].astype(np.bool_),
    )


def following(counts: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Pairs of every row with the rows right after it, `PAIRS_AT_ONCE` or one row's at a time.

    Args:
        counts: (N,) how many of the rows after it a row is paired with.

    Yields:
        Two (P,) arrays of rows, a < b. Example: counts (2, 1, 0) gives a = (0, 0, 1), b = (1, 2, 2).
    """
    ends = np.cumsum(counts)
    row, done = 0, 0
    while row < len(counts) and done < ends[-1]:
        stop = max(row + 1, int(np.searchsorted(ends, done + PAIRS_AT_ONCE, side="right")))
        n = counts[row:stop]
        a = np.repeat(np.arange(row, stop), n)
        first = np.repeat(ends[row:stop] - n - done, n)
        yield a, a + 1 + np.arange(len(a)) - first
        row, done = stop, int(ends[stop - 1])
