"""Polygons as flat arrays: all rings of all objects behind one another, through their matrices at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from datapipe.objects import Objects, Polygon

Floats = NDArray[np.float64]
Numbers = NDArray[np.intp]

_ROUND = np.linspace(0, 2 * np.pi, 96, endpoint=False)
"""An ellipse in perspective is drawn with 96 corners: 0.05 % of its half-axis short at most."""
_NONE = np.zeros(0, np.intp)
_FLAT_PX2 = 1e-6
"""A ring on one line has an area by rounding only."""
_SQUARE = np.array([[-1, 1, 1, -1], [-1, -1, 1, 1]], np.float64)


class Rings(NamedTuple):
    """Polygons of one ring or several on the canvas, one after the other.

    of:         (N,) number of the object
    start:      (N,) first corner of each polygon
    corners:    (N,) how many it has
    x, y:       (E,) px
    following:  (E,) number of each corner's next one in its ring
    sign:       (E,) 1 for the corners of rings clockwise on the screen, -1 for the others
    area_px2:   (N,) of the polygon; several rings add up
    source_px2: (N,) of the polygon in its picture
    """

    of: Numbers
    start: Numbers
    corners: Numbers
    x: Floats
    y: Floats
    following: Numbers
    sign: Floats
    area_px2: Floats
    source_px2: Floats

    def hull(self) -> Floats:
        """(4, N) px, the tight box of each polygon."""
        sides = [np.minimum.reduceat(side, self.start) for side in (self.x, self.y)]
        return np.stack(sides + [np.maximum.reduceat(side, self.start) for side in (self.x, self.y)])

    def take(self, rows: Numbers) -> Rings:
        """Some of the polygons, by number, in that order; a polygon may come twice."""
        corners = self.corners[rows]
        start = np.cumsum(corners) - corners
        shift = np.repeat(self.start[rows] - start, corners)
        at = np.arange(len(shift)) + shift
        x, y, sign = self.x[at], self.y[at], self.sign[at]
        areas = self.area_px2[rows], self.source_px2[rows]
        return Rings(self.of[rows], start, corners, x, y, self.following[at] - shift, sign, *areas)

    def points(self, row: int) -> list[Floats]:
        """The rings of one polygon, each (P, 2) px."""
        begin, end = self.start[row], self.start[row] + self.corners[row]
        xy = np.stack([self.x[begin:end], self.y[begin:end]], axis=1)
        ends = np.flatnonzero(self.following[begin:end] <= np.arange(begin, end)) + 1
        return np.split(xy, ends[:-1])


class Drawn(NamedTuple):
    """Rings in px of their pictures.

    of:     (R,) number of the object of each ring; the rings of an object lie together
    length: (R,) corners of each ring
    points: (E, 2) px
    """

    of: Numbers
    length: Numbers
    points: Floats

    def and_boxes(self, rows: Numbers, box: Floats, rounded: NDArray[np.bool_]) -> Drawn:
        """With an outline drawn for those objects of `rows` that have none: their box or the ellipse in it.

        Args:
            rows: numbers of objects.
            box: (4, M) px of all objects.
            rounded: (M,) bool, which are ellipses.
        """
        bare = np.setdiff1d(rows, self.of)
        parts = [self]
        for chosen, (u, v) in (
            (bare[~rounded[bare]], _SQUARE),
            (bare[rounded[bare]], (np.cos(_ROUND), np.sin(_ROUND))),
        ):
            (x1, y1, x2, y2), k = box[:, chosen, None], len(u)
            x, y = (x1 + x2) / 2 + (x2 - x1) / 2 * u, (y1 + y2) / 2 + (y2 - y1) / 2 * v
            points = np.stack([x.ravel(), y.ravel()], axis=1)
            parts.append(Drawn(chosen, np.full(len(chosen), k), points))
        return Drawn(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def polygons_of(shown: Sequence[Objects], first: Numbers) -> Drawn:
    """The polygons of the sources; a ring of two points is none.

    Args:
        shown: objects of each tile.
        first: (T,) number of the first of them.
    """
    of: list[int] = []
    rings: list[Polygon] = []
    for objects, begin in zip(shown, first.tolist(), strict=True):
        for i, polygon in enumerate(objects.polygons, begin):
            for ring in polygon:
                if len(ring) > 2:
                    of.append(i)
                    rings.append(ring)
    if not of:
        return Drawn(_NONE, _NONE, np.zeros((0, 2)))
    length = np.array([len(ring) for ring in rings])
    return Drawn(np.array(of), length, np.concatenate(rings).astype(np.float64))


def drawn_on(drawn: Drawn, matrix: Floats) -> Rings:
    """Rings through the matrices of their objects; rings without area, as annotations have them, are dropped.

    Args:
        drawn: the rings.
        matrix: (9, M) of all objects, row by row.

    Raises:
        ValueError: a point beyond the horizon of its matrix.
    """
    of, length, points = drawn
    px, py = points.T.copy()
    ring = np.repeat(np.arange(len(of)), length)
    following = _following(length)
    own = _shoelace(px, py, ring, following)
    flat = np.abs(own) <= _FLAT_PX2
    if flat.any():
        return drawn_on(Drawn(of[~flat], length[~flat], points[~flat[ring]]), matrix)
    if not len(of):
        return Rings(_NONE, _NONE, _NONE, px, py, _NONE, px, px, px)
    a, b, tx, c, d, ty, g, h, i = matrix[:, of][:, ring]
    x, y = a * px + b * py + tx, c * px + d * py + ty
    if g.any() or h.any():
        scale = np.where((g != 0) | (h != 0), g * px + h * py + i, 1.0)
        if (scale <= 0).any():
            raise ValueError("perspective matrix: some of an object lies beyond the horizon")
        x, y = x / scale, y / scale
    area = _shoelace(x, y, ring, following)
    starts = np.flatnonzero(np.concatenate([[True], of[1:] != of[:-1]]))
    corners = np.add.reduceat(length, starts)
    px2, own_px2 = (np.add.reduceat(np.abs(px2), starts) for px2 in (area, own))
    return Rings(
        of[starts], np.cumsum(corners) - corners, corners, x, y, following, np.sign(area)[ring], px2, own_px2
    )


def _following(length: Numbers) -> Numbers:
    """The number of each corner's next one, for rings of these lengths behind one another."""
    ends = np.cumsum(length)
    following = np.arange(1, length.sum() + 1)
    following[ends - 1] = ends - length
    return following


def _shoelace(x: Floats, y: Floats, ring: Numbers, following: Numbers) -> Floats:
    """(R,) signed areas in px², above 0 for rings clockwise on the screen."""
    cross = x * y[following] - x[following] * y
    return np.bincount(ring, weights=cross).astype(np.float64) * 0.5
