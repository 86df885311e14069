"""Which pixels of the canvas an outline owns: those whose centres lie inside it."""

from __future__ import annotations

import math
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from datapipe.augment.plan import Outline

_NUDGE = 2.0**-20
"""px by which a border is moved left and up before it is asked about. Tiles that share a border know it with
rounding noise of 1e-12; the centres it touches exactly (borders at .5 are common) must have one owner."""


class Rows(NamedTuple):
    """The pixels of an outline, row by row.

    box:   (x1, y1, x2, y2) around them; x2 and y2 are not among them
    left:  (y2 - y1,) row y1 + i begins at column x1 + left[i]
    right: (y2 - y1,) and ends before column x1 + right[i]
    """

    box: tuple[int, int, int, int]
    left: NDArray[np.intp]
    right: NDArray[np.intp]


def box(outline: Outline) -> tuple[int, int, int, int] | None:
    """The pixels of an upright outline as (x1, y1, x2, y2), x2 and y2 not among them; None for any other.

    Example: (0.4, 0) to (2.6, 1) owns columns 0 to 2 of row 0: (0, 0, 3, 1).
    """
    if len(outline) != 4:
        return None
    (x1, y1), (x2, y2), (x3, y3), (x4, y4) = outline.tolist()
    if _far(x1 - x4, y1 - y2, x2 - x3, y3 - y4) and _far(x1 - x2, y1 - y4, x3 - x4, y2 - y3):
        return None
    return _first(min(x1, x3)), _first(min(y1, y3)), _first(max(x1, x3)), _first(max(y1, y3))


def rows(outline: Outline) -> Rows:
    """The pixels of a convex, clockwise outline."""
    points = outline.tolist()
    xs, ys = zip(*points, strict=True)
    upper, lower, n = ys.index(min(ys)), ys.index(max(ys)), len(points)
    down = [points[(upper + k) % n] for k in range((lower - upper) % n + 1)]  # clockwise: the right side
    up = [points[(upper - k) % n] for k in range((upper - lower) % n + 1)]
    x1, y1, x2, y2 = _first(min(xs)), _first(ys[upper]), _first(max(xs)), _first(ys[lower])
    if y1 >= y2:
        return Rows((x1, y1, x1, y1), np.zeros(0, np.intp), np.zeros(0, np.intp))
    return Rows((x1, y1, x2, y2), _side(up, x1, y1, y2), _side(down, x1, y1, y2))


def _side(points: list[list[float]], x1: int, y1: int, y2: int) -> NDArray[np.intp]:
    """The first pixel beyond one side of an outline in each row, counted from x1."""
    if len(points) == 2:
        (x, y), (x_end, y_end) = points
        slope = (x_end - x) / (y_end - y)
        crossing = np.arange(y1, y2) * slope + (x + (0.5 + _NUDGE - y) * slope)
    else:
        centres = np.arange(y1, y2) + (0.5 + _NUDGE)
        crossing = np.interp(centres, [y for _, y in points], [x for x, _ in points])
    crossing += 0.5 - _NUDGE - x1
    return crossing.astype(np.intp)  # from 0 on, cutting off is rounding down


def mask(left: NDArray[np.intp], right: NDArray[np.intp], width: int) -> NDArray[np.uint8]:
    """(rows, width): 255 from left[i] up to right[i] of row i, else 0.

    Each row is a window on zeros followed by 255, so that making it is one copy: four times faster than
    comparing columns.
    """
    size = 1 << width.bit_length()
    rising, falling = _ramps(size)
    made: NDArray[np.uint8] = np.ndarray((size + 1, width), np.uint8, falling, 0, (1, 1))[size - right]
    if left.any():
        made &= np.ndarray((size + 1, width), np.uint8, rising, 0, (1, 1))[size - left]
    return made


def _far(*gaps_px: float) -> bool:
    """Whether any is more than rounding: a quarter turn's cosine is 6e-17."""
    return max(map(abs, gaps_px)) > _NUDGE / 2


def _first(edge: float) -> int:
    """The first pixel whose centre lies beyond an edge."""
    return math.floor(edge + 0.5 - _NUDGE)


@cache
def _ramps(size: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    rising = np.repeat(np.array([0, 255], np.uint8), size)
    return rising, rising[::-1].copy()
