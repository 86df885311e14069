"""Boxes and ellipses in convex pieces of the canvas, exactly: how much of them, and how far they reach there.

Sums run in a fixed order, whatever else is computed beside them: an object has the same bits in any batch.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from datapipe.augment.clipping import TOUCH_PX, Pieces

Floats = NDArray[np.float64]


class Share(NamedTuple):
    """Of each pair of a shape and a piece.

    area_px2: (N,) of what they share
    xyxy:     (4, N) px, its tight hull; x1 > x2 where they share nothing
    """

    area_px2: Floats
    xyxy: Floats


def of_boxes(xyxy: Floats, pieces: Pieces) -> Share:
    """Upright boxes in upright rectangles.

    Args:
        xyxy: (4, N) px.
        pieces: N upright rectangles.
    """
    x1, y1 = np.maximum(xyxy[0], pieces.x.min(axis=0)), np.maximum(xyxy[1], pieces.y.min(axis=0))
    x2, y2 = np.minimum(xyxy[2], pieces.x.max(axis=0)), np.minimum(xyxy[3], pieces.y.max(axis=0))
    return Share(np.maximum(x2 - x1, 0) * np.maximum(y2 - y1, 0), np.array([x1, y1, x2, y2]))


def of_ellipses(centre: Floats, axes: Floats, pieces: Pieces) -> Share:
    """Ellipses in convex pieces.

    The area is that of the unit circle and of the piece in the circle's own coordinates: every edge of the
    piece adds the triangle to the centre where it runs inside the circle, the sector where it runs outside.

    Args:
        centre: (2, N) px.
        axes: (2, 2, N): the point (cos t, sin t) of the unit circle lies at centre + axes @ (cos t, sin t).
        pieces: N pieces.

    Example: a circle of radius 10 about (0, 0) in the piece 0 <= x <= 50, -50 <= y <= 50: 157.08 px², the box
    (0, -10, 10, 10).
    """
    (a, b), (c, d) = axes
    det = a * d - b * c
    dx, dy = pieces.x - centre[0], pieces.y - centre[1]
    corner = np.array([d * dx - b * dy, a * dy - c * dx]) / det  # (2, K, N)
    following = np.concatenate([corner[:, 1:], corner[:, :1]], axis=1)
    edge = following - corner

    # Where |corner + t * edge| = 1: t = (-half -+ root) / square, in [0, 1].
    square, half, rest = _dot(edge, edge), _dot(corner, edge), _dot(corner, corner) - 1
    under = half * half - square * rest
    meets = (under > 0) & (square > 0)
    root = np.sqrt(np.where(meets, under, 0))
    length = np.where(meets, square, np.inf)  # what meets nowhere enters and leaves at its corner
    t = np.minimum(np.maximum(np.array([-half - root, root - half]) / length, 0), 1)
    ends = corner + t[:, None] * edge  # (2, 2, K, N): enter and leave, x and y
    before, behind = np.array([corner, ends[1]]), np.array([ends[0], following])
    turn = np.arctan2(_cross(before, behind), _dot(before, behind))
    double = turn[0] + turn[1] + _cross(ends[0], ends[1])
    area = np.abs(_in_order(double)) * (0.5 * np.abs(det))

    # The box: where edges enter and leave, and the ellipse's own four ends, where they lie inside.
    inside = t[1] > t[0]
    reach_x, reach_y, lean = np.sqrt(a * a + b * b), np.sqrt(c * c + d * d), a * c + b * d
    tip_x = np.array([-reach_x, reach_x, -lean / reach_y, lean / reach_y])[:, None]  # (4, 1, N)
    tip_y = np.array([-lean / reach_x, lean / reach_x, -reach_y, reach_y])[:, None]
    depth = pieces.offset - pieces.nx * centre[0] - pieces.ny * centre[1]
    shown = (pieces.nx * tip_x + pieces.ny * tip_y <= depth + TOUCH_PX).all(axis=1)[:, None]
    xyxy = np.empty((4, len(area)))
    for axis, (u, v), tip in ((0, axes[0], tip_x), (1, axes[1], tip_y)):
        at = u * ends[:, 0] + v * ends[:, 1]
        for side, least, none in ((axis, np.minimum, np.inf), (axis + 2, np.maximum, -np.inf)):
            on_edges = least.reduce(np.where(inside, at, none), axis=(0, 1))
            own = least.reduce(np.where(shown, tip, none), axis=(0, 1))
            xyxy[side] = least(on_edges, own) + centre[axis]
    return Share(area, xyxy)


def _dot(a: Floats, b: Floats) -> Floats:
    """Over pairs of x and y along the third axis from the end."""
    product: Floats = a[..., 0, :, :] * b[..., 0, :, :] + a[..., 1, :, :] * b[..., 1, :, :]
    return product


def _cross(a: Floats, b: Floats) -> Floats:
    product: Floats = a[..., 0, :, :] * b[..., 1, :, :] - b[..., 0, :, :] * a[..., 1, :, :]
    return product


def _in_order(terms: Floats) -> Floats:
    """Sum over the first axis, first row first: padding rows of 0 change no bit."""
    total: Floats = terms[0].copy()
    for row in terms[1:]:
        total += row
    return total
