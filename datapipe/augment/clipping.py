"""Convex outlines cut by lines and by each other: what is left of a tile under the tiles painted after it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from datapipe.augment.plane import Points

Line = tuple[float, float, float]
"""(nx, ny, offset): a point is outside by nx * x + ny * y - offset."""
TOUCH_PX = 1e-9
"""Outlines that share an edge differ by rounding (some 1e-12 px); this is no overlap."""
SLIVER_PX2 = 1e-6
"""Pieces of the canvas below this area are none."""


class Pieces:
    """Convex pieces of the canvas, padded to K corners by repeating the last one; corner by corner in memory.

    x, y:   (K, R) float64 px, clockwise on the screen
    nx, ny: (K, R) unit normal, outwards, of the edge that leaves the corner
    offset: (K, R) px: a point is outside that edge by nx * x + ny * y - offset; an edge without length has
            normal 0 and offset 1, so that everything lies inside it
    """

    def __init__(self, columns: NDArray[np.float64]) -> None:
        """Take the five columns, (5, K, R), in the order above."""
        self._columns = columns
        self.x, self.y, self.nx, self.ny, self.offset = columns

    def __len__(self) -> int:
        return int(self.x.shape[1])

    def area_px2(self) -> NDArray[np.float64]:
        """(R,) areas."""
        x, y = self.x - self.x[0], self.y - self.y[0]
        double: NDArray[np.float64] = np.cumsum(x * after(y) - after(x) * y, axis=0)[-1]
        return double * 0.5

    @classmethod
    def of(cls, outlines: Sequence[Points]) -> Pieces:
        """Pieces from their corners, three or more each; at least one piece."""
        count = np.array([len(outline) for outline in outlines])
        corners = np.array([point for outline in outlines for point in outline], np.float64)
        k = np.minimum(np.arange(count.max())[:, None], count - 1) + (np.cumsum(count) - count)
        xy = corners.T[:, k]
        dx, dy = after(xy[0]) - xy[0], after(xy[1]) - xy[1]
        length = np.sqrt(dx * dx + dy * dy)
        flat = length == 0
        length[flat] = 1
        nx, ny = dy / length, -dx / length
        offset = nx * xy[0] + ny * xy[1]
        offset[flat] = 1
        return cls(np.array([*xy, nx, ny, offset]))

    def take(self, rows: NDArray[np.integer]) -> Pieces:
        """Some of the pieces, by number."""
        return Pieces(self._columns[:, :, rows])

    def outline(self, row: int) -> Points:
        """One piece, with its padding."""
        return list(zip(self.x[:, row].tolist(), self.y[:, row].tolist(), strict=True))


def after(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """(K, R) the next corner of each corner; plain indexing costs a tenth of np.roll."""
    return np.concatenate([corners[1:], corners[:1]])


def overlap(a: Pieces, b: Pieces) -> NDArray[np.bool_]:
    """(R,) whether the inside of a's piece and of b's piece with the same number share anything.

    Two convex outlines are apart exactly when an edge of one has the whole other one on its far side.
    """
    apart = np.zeros(len(a), np.bool_)
    for edges, corners in ((a, b), (b, a)):
        out = edges.nx[:, None] * corners.x + edges.ny[:, None] * corners.y - edges.offset[:, None]
        apart |= (out.min(axis=1) >= -TOUCH_PX).any(axis=0)
    return ~apart


def split(points: Points, line: Line) -> tuple[Points, Points]:
    """What of a ring lies inside a line and what outside, [] for nothing (Sutherland and Hodgman 1974).

    A ring that the line cuts into several parts stays one, its parts joined along the line.

    Example: the square (0, 0) (4, 0) (4, 4) (0, 4) by the line (1, 0, 3): inside, x <= 3, the rectangle
    (0, 0) (3, 0) (3, 4) (0, 4), outside (3, 0) (4, 0) (4, 4) (3, 4).
    """
    nx, ny, offset = line
    depth = [nx * x + ny * y - offset for x, y in points]
    if max(depth, default=0) <= 0:
        return points, []
    if min(depth) >= 0:
        return [], points
    inside: list[tuple[float, float]] = []
    outside: list[tuple[float, float]] = []
    before, far_before = points[-1], depth[-1]
    for point, far in zip(points, depth, strict=True):
        if far * far_before < 0:
            share = far_before / (far_before - far)
            (x0, y0), (x1, y1) = before, point
            between = (x0 + (x1 - x0) * share, y0 + (y1 - y0) * share)
            inside.append(between)
            outside.append(between)
        if far <= 0:
            inside.append(point)
        if far >= 0:
            outside.append(point)
        before, far_before = point, far
    return inside, outside


def minus(outline: Points, cover: Points) -> list[Points]:
    """What of a convex outline a convex cover leaves: disjoint convex pieces, clockwise.

    Each edge of the cover cuts off what lies outside of it; the rest goes on to the next edge.

    Example: (0, 0, 10, 10) under (4, 4, 6, 6) leaves four pieces of 40, 24, 24 and 8 px²: 96 in all.
    """
    pieces: list[Points] = []
    rest = outline
    for line in lines(cover):
        rest, outside = split(rest, line)
        if area(outside) > SLIVER_PX2:
            pieces.append(outside)
    return pieces


def cut_by(ring: Points, outline: Points) -> Points:
    """What of a ring lies inside a convex outline, as `split` leaves it; no corner where nothing does."""
    rest = ring
    for line in lines(outline):
        rest, _ = split(rest, line)
    return rest if abs(area(rest)) > SLIVER_PX2 else []


def lines(outline: Points) -> list[Line]:
    """The lines through the edges of a clockwise outline, normals outwards."""
    found = []
    for (x, y), (x_next, y_next) in pairwise([*outline, outline[0]]):
        dx, dy = x_next - x, y_next - y
        length = (dx * dx + dy * dy) ** 0.5
        if length:
            nx, ny = dy / length, -dx / length
            found.append((nx, ny, nx * x + ny * y))
    return found


def area(points: Points) -> float:
    """Signed area of a ring in px², above 0 for one that runs clockwise on the screen (shoelace)."""
    double = sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in pairwise([*points, *points[:1]]))
    return double / 2
