"""Pictures: how large, how full, and where in them objects are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datapipe.stats.columns import Columns
from datapipe.stats.sizes import Measures, Spread, aspect, spread

GRID = 32
"""Cells of the centre map along each side."""

OCTAVE = 4
"""Histogram bins per doubling."""

SIDE_BINS, ASPECT_REACH = 12 * OCTAVE, 4 * OCTAVE
"""sqrt(area) and sides from 1 to 2^12 px; aspects from 2^-4 to 2^4. What lies beyond is in the outer bins."""

Counts = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class PerImage:
    """How many objects pictures hold.

    empty:  pictures without objects
    spread: percentiles of the number of objects; None without pictures
    histogram: (D, 2) int64 rows (objects, pictures), ascending, without zeros
    """

    mean: float
    most: int
    empty: int
    spread: Spread | None
    histogram: Counts


@dataclass(frozen=True, eq=False)
class ImageSizes:
    """What sizes pictures have.

    distinct: (D, 3) int64 rows (width, height, pictures), the most frequent first
    width, height, aspect: percentiles in px and of width / height; None without pictures
    """

    distinct: Counts
    width: Spread | None
    height: Spread | None
    aspect: Spread | None


@dataclass(frozen=True, eq=False)
class Maps:
    """Objects counted on grids, for plots; every object is in one cell of each.

    centres:       (32, 32), rows top to bottom; the box's centre relative to its picture
    size_original, size_input: (48,) by log2 sqrt(area): bin i begins at 2^(i / 4) px
    aspect_input:  (32,) by log2 width / height at the input size: bin i begins at 2^((i - 16) / 4)
    shape_input:   (48, 48), rows by log2 height, columns by log2 width at the input size
    """

    centres: Counts
    size_original: Counts
    size_input: Counts
    aspect_input: Counts
    shape_input: Counts

    def to_json(self) -> dict[str, Any]:
        """The centre map, and the histograms with the place where bin 0 begins."""
        return {
            "centre_map": self.centres.tolist(),
            "histograms": {
                "bins_per_octave": OCTAVE,
                "sqrt_area_original": self.size_original.tolist(),
                "sqrt_area_input": self.size_input.tolist(),
                "sqrt_area_from_px": 1,
                "aspect_input": self.aspect_input.tolist(),
                "aspect_from": 2.0 ** (-ASPECT_REACH / OCTAVE),
            },
        }


def per_image(columns: Columns) -> PerImage:
    """Count objects by picture."""
    held = np.bincount(columns.image, minlength=len(columns.image_wh))
    values, counts = np.unique(held, return_counts=True)
    return PerImage(
        mean=float(held.mean()) if len(held) else 0.0,
        most=int(held.max(initial=0)),
        empty=int((held == 0).sum()),
        spread=spread(held.astype(np.float64)),
        histogram=np.stack([values, counts], axis=-1),
    )


def image_sizes(columns: Columns) -> ImageSizes:
    """Count pictures by size."""
    wh = columns.image_wh
    if not len(wh):
        return ImageSizes(np.zeros((0, 3), np.int64), None, None, None)
    sizes, counts = np.unique(wh, axis=0, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return ImageSizes(
        distinct=np.concatenate([sizes, counts[:, None]], axis=1)[order],
        width=spread(wh[:, 0].astype(np.float64)),
        height=spread(wh[:, 1].astype(np.float64)),
        aspect=spread(aspect(wh.astype(np.float64))),
    )


def maps(columns: Columns, measures: Measures) -> Maps:
    """Count objects on grids."""
    centre = (columns.xyxy[:, :2] + columns.xyxy[:, 2:]) / 2 / columns.image_wh[columns.image]
    column, row = np.clip((centre * GRID).astype(np.int64), 0, GRID - 1).T
    width, height = _octaves(measures.wh_input, 0, SIDE_BINS).T
    flat = np.bincount(height * SIDE_BINS + width, minlength=SIDE_BINS**2)
    ratio = _octaves(aspect(measures.wh_input), -ASPECT_REACH, 2 * ASPECT_REACH)
    return Maps(
        centres=np.bincount(row * GRID + column, minlength=GRID**2).reshape(GRID, GRID),
        size_original=_sizes(measures.area_original),
        size_input=_sizes(measures.area_input),
        aspect_input=np.bincount(ratio, minlength=2 * ASPECT_REACH),
        shape_input=flat.reshape(SIDE_BINS, SIDE_BINS),
    )


def _sizes(area: NDArray[np.float64]) -> Counts:
    return np.bincount(_octaves(np.sqrt(area), 0, SIDE_BINS), minlength=SIDE_BINS)


def _octaves(values: NDArray[np.float64], first: int, bins: int) -> Counts:
    """Bin of each value; bin i begins at 2^((first + i) / 4)."""
    place = np.floor(OCTAVE * np.log2(np.maximum(values, 2.0**-20))).astype(np.int64)
    kept: Counts = np.clip(place - first, 0, bins - 1)
    return kept
