"""The outlines of many tiles at once: moved and cut in arrays, for a fraction of what each alone takes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from datapipe.augment.plane import ONE_POINT_PX, Points

Floats = NDArray[np.float64]
Numbers = NDArray[np.intp]


class Outlines(NamedTuple):
    """Convex rings of corners, clockwise on the screen, padded to K corners by repeating the last one.

    Every outline has the same bits whatever stands beside it.

    xy:    (2, T, K) float64 px
    sizes: (T,) corners of each; 0 for one of which nothing is left
    """

    xy: Floats
    sizes: Numbers

    @classmethod
    def of(cls, outlines: Sequence[Points]) -> Outlines:
        """Outlines from their corners."""
        count = np.array([len(outline) for outline in outlines], np.intp)
        numbers = chain.from_iterable(chain.from_iterable(outlines))
        return _padded(np.fromiter(numbers, np.float64, 2 * count.sum()).reshape(-1, 2).T, count)

    def points(self) -> list[Points]:
        """The corners of each, without the padding."""
        own = np.arange(self.xy.shape[2]) < self.sizes[:, None]
        x, y = _row(self.xy, own).tolist()
        flat = list(zip(x, y, strict=True))
        return [flat[a:b] for a, b in pairwise([0, *np.cumsum(self.sizes).tolist()])]

    def through(self, matrices: Floats) -> Outlines:
        """Each through its matrix; mirrored ones are turned round, so that they stay clockwise.

        Args:
            matrices: (9, T), row by row.

        Raises:
            ZeroDivisionError: one that takes a corner to the horizon.
        """
        a, b, c, d, e, f, g, h, i = matrices[:, :, None]
        x, y = self.xy
        w = np.where(self.sizes[:, None] > 0, g * x + h * y + i, 1)
        if (w == 0).any():
            raise ZeroDivisionError("a matrix takes a corner to the horizon")
        there = np.array([a * x + b * y + c, d * x + e * y + f]) / w
        mirrored = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g) < 0
        last = np.maximum(self.sizes - 1, 0)[:, None]
        k = np.minimum(np.arange(x.shape[1]), last)
        turned = np.where(mirrored, last - k, k)
        return Outlines(there[:, np.arange(len(x))[:, None], turned], self.sizes)

    def inside(self, wh: Floats) -> Outlines:
        """The part of each inside its canvas, (0, 0) to (width, height) (Sutherland and Hodgman 1974).

        Args:
            wh: (2, T) px.

        Example: the diamond (2, 0) (4, 2) (2, 4) (0, 2) on a canvas of 4 x 2 px is the triangle (2, 0) (4, 2)
        (0, 2).
        """
        cut = self
        for axis in (0, 1):
            cut = cut._beyond(axis, np.zeros(len(self.sizes)), 1)._beyond(axis, wh[axis], -1)
        apart = np.abs(cut.xy - _before(cut.xy)).sum(axis=0) > ONE_POINT_PX  # padding lies on a corner
        count = apart.sum(axis=1)
        count[count < 3] = 0
        apart[count == 0] = False
        return _padded(_row(cut.xy, apart), count)

    def _beyond(self, axis: int, limit: Floats, sign: int) -> Outlines:
        """The part of each on whose corners a coordinate is at least a limit (sign 1) or at most (-1)."""
        limit = limit[:, None]
        depth = (self.xy[axis] - limit) * sign
        clear = ~(depth < 0).any(axis=1, keepdims=True)
        if clear.all():
            return self
        inside = (depth > 0) | clear  # of one that is cut, a corner on the limit is where it is cut
        before, far = _before(self.xy), _before(depth)
        crosses = inside != ((far > 0) | clear)
        share = np.divide(far, far - depth, out=np.zeros_like(depth), where=crosses)
        corners = np.empty((2, *depth.shape, 2))
        corners[..., 0] = before + (self.xy - before) * share
        corners[axis, ..., 0] = limit
        corners[..., 1] = self.xy
        kept = np.empty((*depth.shape, 2), np.bool_)
        kept[..., 0], kept[..., 1] = crosses, inside
        kept &= (np.arange(depth.shape[1]) < self.sizes[:, None])[..., None]
        return _padded(_row(corners, kept), kept.sum(axis=(1, 2)))


def _before(corners: Floats) -> Floats:
    """The corner before each corner; the padding makes the last one stand before the first."""
    return np.concatenate([corners[..., -1:], corners[..., :-1]], axis=-1)


def _row(xy: Floats, kept: NDArray[np.bool_]) -> Floats:
    """(2, N): those corners that are kept, outline after outline."""
    row: Floats = xy.reshape(2, -1).take(np.flatnonzero(kept), axis=1)
    return row


def _padded(row: Floats, count: Numbers) -> Outlines:
    """Outlines from (2, N) corners, outline after outline."""
    if not row.shape[1]:
        return Outlines(np.zeros((2, len(count), 1)), count)
    k = np.minimum(np.arange(count.max()), np.maximum(count - 1, 0)[:, None])
    place = k + (np.cumsum(count) - count)[:, None]
    return Outlines(row.take(np.minimum(place, row.shape[1] - 1), axis=1), count)
