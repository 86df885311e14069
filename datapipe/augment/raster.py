"""Which pixels of the canvas an outline owns: those whose centres lie inside it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Points = list[list[float]]
"""An outline in plain floats: [x, y] for each corner."""
_NUDGE = 2.0**-20
"""px by which a border is moved left and up before it is asked about. Tiles that share a border know it with
rounding noise of 1e-12; the centres it touches exactly (borders at .5 are common) must have one owner."""
_LEVEL = 1e-7
"""px; a border that rises by less is level."""
_NOISE = 1e-6
"""px of a border times px of the distance from it; for borders of 1 px and more, less than a nudge."""


class Corner(NamedTuple):
    """What an outline leaves over in one corner of the rectangle of pixels around it.

    rows:    of the rectangle, where something is left over
    columns: of the rectangle, likewise
    lines:   the outline's borders there as (slope, offset): row i of the rectangle meets them at
             slope * i + offset, of which the whole part is a column
    is_left: whether it is on the left of the outline, else on the right
    is_top:  whether its upper rows are the longer ones, else the lower
    points:  in px on the canvas, the corners of a polygon that holds the centres of what is left over
    """

    rows: slice
    columns: slice
    lines: list[tuple[float, float]]
    is_left: bool
    is_top: bool
    points: Points

    def end(self, row: int) -> int:
        """The column of the rectangle where a row begins to be the outline's (left), or to be not (right)."""
        inner = max if self.is_left else min
        return int(inner([row * slope + offset for slope, offset in self.lines]))

    def mask(self) -> NDArray[np.uint8]:
        """(rows, columns): 255 for what is left over, 0 for what is the outline's.

        Each row is a window on a step, so that making it is one copy: four times faster than comparing
        columns.
        """
        begin, end = self.columns.start, self.columns.stop
        rows = np.arange(self.rows.start, self.rows.stop)
        crossing, *others = (rows * slope + offset for slope, offset in self.lines)
        for other in others:
            crossing = (np.maximum if self.is_left else np.minimum)(crossing, other)
        size = 1 << (end - begin).bit_length()
        steps = np.ndarray((size + 1, end - begin), np.uint8, _step(size, self.is_left), 0, (1, 1))
        made: NDArray[np.uint8] = steps[size + begin - crossing.astype(np.intp)]
        return made


def box(points: Points) -> tuple[int, int, int, int] | None:
    """The pixels of an upright outline as (x1, y1, x2, y2), x2 and y2 not among them; None for any other.

    Example: (0.4, 0) to (2.6, 1) owns columns 0 to 2 of row 0: (0, 0, 3, 1).
    """
    if len(points) != 4:
        return None
    (x1, y1), (x2, y2), (x3, y3), (x4, y4) = points
    if _far(x1 - x4, y1 - y2, x2 - x3, y3 - y4) and _far(x1 - x2, y1 - y4, x3 - x4, y2 - y3):
        return None
    return _first(min(x1, x3)), _first(min(y1, y3)), _first(max(x1, x3)), _first(max(y1, y3))


def corners(points: Points) -> tuple[tuple[int, int, int, int], list[Corner]]:
    """The pixels around a convex, clockwise outline as (x1, y1, x2, y2), and those that are not its own.

    Example: the triangle (3, 0) (6, 4) (0, 4) lies in (0, 0, 6, 4) and owns nothing of row 0, columns 2 and 3
    of row 1, 1 to 4 of row 2, 0 to 5 of row 3: each of its two corners has 3, 2, 1 and 0 px.
    """
    xs, ys = zip(*points, strict=True)
    x1, y1, x2, y2 = min(xs), min(ys), max(xs), max(ys)
    left, top, right, bottom = _first(x1), _first(y1), _first(x2), _first(y2)
    borders: dict[tuple[bool, bool], Points] = {}
    for (x, y), (u, v) in zip(points, (*points[1:], points[0]), strict=True):
        if abs(x - u) > _LEVEL and abs(y - v) > _LEVEL:
            borders.setdefault((v < y, u > x), []).extend(([x, y], [u, v]))
    found = []
    for (is_left, is_top), ends in borders.items():
        lines = []
        for (x, y), (u, v) in zip(ends[::2], ends[1::2], strict=True):
            slope = (u - x) / (v - y)
            lines.append((slope, x - left + (top + 0.5 + _NUDGE - y) * slope + (0.5 - _NUDGE)))
        heights = [y for _, y in ends]
        rows = slice(_first(min(heights)) - top, _first(max(heights)) - top)
        corner = Corner(rows, rows, lines, is_left, is_top, ends)
        inmost = corner.end(rows.start if is_top else rows.stop - 1)
        columns = slice(0, inmost) if is_left else slice(inmost, right - left)
        if rows.start < rows.stop and columns.start < columns.stop:
            ends.append([x1 if is_left else x2, y1 if is_top else y2])
            found.append(Corner(rows, columns, lines, is_left, is_top, ends))
    return (left, top, right, bottom), found


def holds(outline: Points, points: Points) -> bool:
    """Whether points lie in a convex, clockwise outline or on its border."""
    before = outline[-1]
    for corner in outline:
        x, y = before
        dx, dy = corner[0] - x, corner[1] - y
        for u, v in points:
            if dx * (v - y) - dy * (u - x) < -_NOISE:
                return False
        before = corner
    return True


def fill(outlines: Sequence[Points], width: int, height: int) -> bool:
    """Whether convex outlines inside a canvas cover it; those that overlap are not looked into: False."""
    if sum(map(_area, outlines)) < width * height - _NOISE:
        return False
    return all(_apart(a, b) or _apart(b, a) for a, b in combinations(outlines, 2))


def _apart(outline: Points, points: Points) -> bool:
    """Whether some border of an outline has all points beyond it."""
    before = outline[-1]
    for corner in outline:
        x, y = before
        dx, dy = corner[0] - x, corner[1] - y
        for u, v in points:
            if dx * (v - y) - dy * (u - x) > _NOISE:
                break
        else:
            return True
        before = corner
    return False


def _area(points: Points) -> float:
    twice, (x, y) = 0.0, points[-1]
    for u, v in points:
        twice += x * v - u * y
        x, y = u, v
    return twice / 2


def _far(*gaps_px: float) -> bool:
    """Whether any is more than rounding: a quarter turn's cosine is 6e-17."""
    return max(map(abs, gaps_px)) > _NUDGE / 2


def _first(edge: float) -> int:
    """The first pixel whose centre lies beyond an edge."""
    return math.floor(edge + 0.5 - _NUDGE)


@cache
def _step(size: int, falling: bool) -> NDArray[np.uint8]:
    return np.repeat(np.array([255, 0] if falling else [0, 255], np.uint8), size)
