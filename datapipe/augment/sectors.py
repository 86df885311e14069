"""Polygons in convex pieces of the canvas, exactly: how much of them, and how far they reach there.

Everything is seen from the middle of the piece. Where a ring runs inside the piece it adds triangles to the
middle; where it runs outside it adds the sectors of the piece that it passes. A sector is told by where its
two rays leave the piece, and that by one number: the area swept along the piece's outline up to there. So
most corners of a ring cost a few products, and only edges that cross the outline need an intersection.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from datapipe.augment.clipping import TOUCH_PX, Pieces, after
from datapipe.augment.rings import Rings
from datapipe.augment.shares import Share

Floats = NDArray[np.float64]
Numbers = NDArray[np.intp]
Spots = NDArray[np.float64]
"""(4, S): x and y in px from the middle of a piece, the piece's edge in that direction, and the area swept up
to there. One array, as they travel together."""


def of_polygons(rings: Rings, pieces: Pieces) -> Share:
    """What polygons, convex or not, of one ring or several, share with convex pieces.

    The box is the hull of what of the rings lies inside and of the piece's corners that they pass round.

    Args:
        rings: N polygons.
        pieces: N pieces.

    Example: the triangle (0, 0) (10, 0) (0, 10) in 4 <= x, y <= 20: 2 px², the box (4, 4, 6, 6).
    """
    hubs = _hubs(pieces)
    n, following, sign = len(rings.start), rings.following, rings.sign
    owner = np.repeat(np.arange(n), rings.corners)
    x, y = rings.x - hubs.x[owner], rings.y - hubs.y[owner]
    depth = hubs.mx[:, owner] * x + hubs.my[:, owner] * y
    edge, furthest = depth.argmax(axis=0), depth.max(axis=0)
    inside = (furthest - 1) * hubs.height[edge, owner] <= TOUCH_PX
    shrink = 1 / np.maximum(furthest, 0.5)
    corners = np.array([x, y, edge, hubs.swept(x * shrink, y * shrink, edge, owner)])

    # Edges of the rings: inside, through the outline (found among those that may), or apart from the piece.
    both = inside & inside[following]
    some = np.flatnonzero(~both & (inside | inside[following] | (edge != edge[following])))
    crossing, entry, exit_ = _crossings(corners, depth, some, following, hubs, owner)
    apart = ~both
    apart[crossing] = False
    far, later = np.flatnonzero(apart), following[crossing]
    into, out_of = ~inside[crossing], ~inside[later]

    # What runs outside: the edges that are apart, others until they enter, and again after they leave.
    piece = np.concatenate([owner[far], owner[crossing[into]], owner[crossing[out_of]]])
    turned = np.concatenate([sign[far], sign[crossing[into]], sign[crossing[out_of]]])
    begin = np.concatenate([corners[:, far], corners[:, crossing[into]], exit_[:, out_of]], axis=1)
    end = np.concatenate([corners[:, following[far]], entry[:, into], corners[:, later[out_of]]], axis=1)

    clockwise, passed = _sectors(begin, end, hubs, piece)
    near = np.flatnonzero(both)
    double = _summed(piece, clockwise * turned, n)
    double += _summed(owner[near], _cross(corners[:, near], corners[:, following[near]]) * sign[near], n)
    double += _summed(owner[crossing], _cross(entry, exit_) * sign[crossing], n)

    held = _passed_round(begin[2], end[2], passed, piece, turned, hubs)
    xyxy = np.empty((4, n))
    for axis, (at, corner, middle) in enumerate(((x, hubs.vx, hubs.x), (y, hubs.vy, hubs.y))):
        for side, least, none in ((axis, np.minimum, np.inf), (axis + 2, np.maximum, -np.inf)):
            reach = least.reduceat(np.where(inside, at, none), rings.start)
            reach = least(reach, least.reduce(np.where(held, corner, none), axis=0))
            least.at(reach, owner[crossing], least(entry[axis], exit_[axis]))
            xyxy[side] = reach + middle
    return Share(np.maximum(double * 0.5, 0), xyxy)


class _Hubs(NamedTuple):
    """Pieces seen from their middles; areas are doubled.

    x, y:   (N,) px, the middle: the centre of gravity, on no side of which lies more than 5 / 9 of the piece
    vx, vy: (K, N) px, the corners from there
    before: (K, N) area swept clockwise from corner 0 to corner k
    total:  (N,) all of it
    mx, my: (K, N): a point from the middle lies on edge k where mx * x + my * y = 1, outside where it is more
    height: (K, N) px from the middle to edge k; 1 for an edge without length
    """

    x: Floats
    y: Floats
    vx: Floats
    vy: Floats
    before: Floats
    total: Floats
    mx: Floats
    my: Floats
    height: Floats

    def swept(self, x: Floats, y: Floats, edge: Numbers, piece: Numbers) -> Floats:
        """Area swept up to points on edges of pieces."""
        return self.before[edge, piece] + self.vx[edge, piece] * y - self.vy[edge, piece] * x


def _hubs(pieces: Pieces) -> _Hubs:
    x, y = pieces.x - pieces.x[0], pieces.y - pieces.y[0]
    x1, y1 = after(x), after(y)
    fan = x * y1 - x1 * y
    sums = np.cumsum([fan, fan * (x + x1), fan * (y + y1)], axis=1)[:, -1]
    mid_x, mid_y = sums[1] / (3 * sums[0]), sums[2] / (3 * sums[0])
    vx, vy = x - mid_x, y - mid_y
    swept = np.cumsum(vx * after(vy) - after(vx) * vy, axis=0)
    before = np.concatenate([np.zeros((1, len(mid_x))), swept[:-1]])
    mid_x, mid_y = mid_x + pieces.x[0], mid_y + pieces.y[0]
    height = pieces.offset - pieces.nx * mid_x - pieces.ny * mid_y
    return _Hubs(mid_x, mid_y, vx, vy, before, swept[-1], pieces.nx / height, pieces.ny / height, height)


def _crossings(
    corners: Spots, depth: Floats, some: Numbers, following: Numbers, hubs: _Hubs, owner: Numbers
) -> tuple[Numbers, Spots, Spots]:
    """Which of some edges run through their piece, and where they enter and leave (Cyrus and Beck 1978)."""
    piece = owner[some]
    limit = 1 + TOUCH_PX / hubs.height[:, piece]
    here = depth[:, some]
    change = depth[:, following[some]] - here
    at = np.divide(limit - here, change, out=np.zeros_like(here), where=change != 0)
    entering, leaving = np.where(change < 0, at, 0), np.where(change > 0, at, 1)
    enter, leave = entering.max(axis=0, initial=0), leaving.min(axis=0, initial=1)
    through = (enter <= leave) & ~((change == 0) & (here > limit)).any(axis=0)
    some, piece = some[through], piece[through]
    x, y = corners[:2, some]
    dx, dy = corners[:2, following[some]] - corners[:2, some]
    spots = []
    for t, edge in (
        (enter[through], entering.argmax(axis=0)[through]),
        (leave[through], leaving.argmin(axis=0)[through]),
    ):
        u, v = x + t * dx, y + t * dy
        spots.append(np.array([u, v, edge, hubs.swept(u, v, edge, piece)]))
    return some, spots[0], spots[1]


def _sectors(begin: Spots, end: Spots, hubs: _Hubs, piece: Numbers) -> tuple[Floats, NDArray[np.int8]]:
    """The sectors between pairs of directions less than half a turn apart.

    Returns:
        (S,) doubled areas, below 0 where the turn is anticlockwise; (S,) 1 where corners of the piece are
        passed clockwise, -1 anticlockwise, 0 where none is.
    """
    total = hubs.total[piece]
    same = begin[2] == end[2]
    area = end[3] - begin[3] + np.where(end[2] < begin[2], total, 0)
    # Less than half a turn is less than 5 / 9 of the area. So what looks like more went the other way, and
    # rounding in the cross product cannot matter near 0 or all.
    turned = _cross(begin, end) >= 0
    back = ~same & ((area > 0.75 * total) | ((area > 0.25 * total) & ~turned))
    return area - np.where(back, total, 0), np.where(same, 0, np.where(back, -1, 1)).astype(np.int8)


def _passed_round(
    begin: Floats, end: Floats, passed: NDArray[np.int8], piece: Numbers, sign: Floats, hubs: _Hubs
) -> NDArray[np.bool_]:
    """(K, N) which corners of the pieces lie inside the polygons: rings wind round them."""
    some = np.flatnonzero(passed)
    winding = np.zeros(hubs.vx.shape)
    if len(some):
        k, forwards = np.arange(len(winding))[:, None], passed[some] > 0
        low, high = np.where(forwards, (begin[some], end[some]), (end[some], begin[some])).astype(np.intp)
        between = (k - low - 1) % len(winding) < (high - low) % len(winding)
        corner, one = np.nonzero(between)
        np.add.at(winding, (corner, piece[some[one]]), (passed * sign)[some[one]])
    inside: NDArray[np.bool_] = winding != 0
    return inside


def _cross(a: Spots, b: Spots) -> Floats:
    product: Floats = a[0] * b[1] - b[0] * a[1]
    return product


def _summed(of: Numbers, values: Floats, n: int) -> Floats:
    """(n,) sums, in the order of the values: the same bits whatever stands between them."""
    return np.bincount(of, weights=values, minlength=n).astype(np.float64)
