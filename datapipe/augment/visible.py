"""The visible part of every object: its shape inside the pieces of canvas that show its tile."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from datapipe.augment import shares
from datapipe.augment.clipping import TOUCH_PX, Pieces
from datapipe.augment.regions import Regions
from datapipe.augment.sectors import of_polygons
from datapipe.augment.shapes import UPRIGHT, Shapes
from datapipe.augment.shares import Share

Floats = NDArray[np.float64]
ROUNDING = 1e-9
"""Shares of an object's area nearer to 0 or 1 than this are 0 or 1."""


class Visible(NamedTuple):
    """Of each object.

    fraction: (M,) float64 in [0, 1], share of its area
    xyxy:     (4, M) float64 px, tight hull of the visible part; x1 > x2 where there is none
    """

    fraction: Floats
    xyxy: Floats


def visible(shapes: Shapes, regions: Regions) -> Visible:
    """What is visible of every object.

    Most objects lie wholly inside or wholly outside of each piece, which their reach along its edges' normals
    tells; only the others are measured.

    Args:
        shapes: of the objects.
        regions: of the tiles that `shapes.tile` counts.
    """
    n = len(shapes.tile)
    count = regions.count[shapes.tile]
    of = np.repeat(np.arange(n), count)
    piece = np.arange(len(of)) + np.repeat(regions.first[shapes.tile] - (np.cumsum(count) - count), count)
    pieces, axes = regions.pieces.take(piece), shapes.axes[:, :, of]
    along = pieces.nx * axes[0, 0] + pieces.ny * axes[1, 0]
    across = pieces.nx * axes[0, 1] + pieces.ny * axes[1, 1]
    round_ = shapes.round[of]
    reach = np.abs(along) + np.abs(across)
    if round_.any():
        reach = np.where(round_, np.sqrt(along * along + across * across), reach)
    depth = pieces.nx * shapes.centre[0, of] + pieces.ny * shapes.centre[1, of] - pieces.offset
    inside = (depth + reach <= TOUCH_PX).all(axis=0)
    outside = (depth - reach >= -TOUCH_PX).any(axis=0)

    fraction, xyxy = np.zeros(n), np.empty((4, n))
    xyxy[:2], xyxy[2:] = np.inf, -np.inf
    whole = of[inside]
    fraction[whole], xyxy[:, whole] = 1, shapes.xyxy[:, whole]
    rows = np.flatnonzero(~(inside | outside))
    if not len(rows):
        return Visible(fraction, xyxy)
    cut = of[rows]
    area, hull = _measured(shapes, cut, regions.pieces.take(piece[rows]))
    fraction += np.bincount(cut, area, n) / shapes.area_px2
    fraction[fraction < ROUNDING], fraction[fraction > 1 - ROUNDING] = 0, 1
    for side, least in enumerate((np.minimum, np.minimum, np.maximum, np.maximum)):
        least.at(xyxy[side], cut, hull[side])
    return Visible(fraction, xyxy)


def _measured(shapes: Shapes, of: NDArray[np.intp], pieces: Pieces) -> Share:
    """Each object of `of` in the piece of the same number, by the formula for its kind of shape."""
    area, xyxy = np.zeros(len(of)), np.empty((4, len(of)))
    polygon, round_ = shapes.polygon[of] >= 0, shapes.round[of]
    lean = np.minimum(np.abs(pieces.nx), np.abs(pieces.ny)).max(axis=0)
    plain = ~polygon & ~round_ & shapes.upright[of] & (lean <= UPRIGHT)
    for kind, rows in enumerate(map(np.flatnonzero, (plain, round_, polygon, ~(plain | round_ | polygon)))):
        if not len(rows):
            continue
        chosen, own = of[rows], pieces.take(rows)
        if kind == 0:
            share = shares.of_boxes(shapes.xyxy[:, chosen], own)
        elif kind == 1:
            share = shares.of_ellipses(shapes.centre[:, chosen], shapes.axes[:, :, chosen], own)
        elif kind == 2:
            share = of_polygons(shapes.rings.take(shapes.polygon[chosen]), own)
        else:
            share = of_polygons(shapes.corners(chosen), own)
        area[rows], xyxy[:, rows] = share
    return Share(area, xyxy)
