"""Every object's shape on the canvas: its polygon where the source has one, else its box or an ellipse.

The ellipse inscribed in the box stands for what a box does not tell. The hull of a turned box grows with
every turn (1.34 times the area of a square at 10 degrees), that of the ellipse hardly does (Kalra et al.,
ICCV 2021). A box that stays upright keeps its corners.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from datapipe.augment.plan import Tile
from datapipe.augment.rings import Rings, drawn_on, polygons_of
from datapipe.objects import Objects

Floats = NDArray[np.float64]
Rotated = Literal["ellipse", "hull"]

UPRIGHT = 1e-9
"""A matrix whose cross terms are below this share of the others scales, shifts, mirrors and turns by 90."""


@dataclass(frozen=True, eq=False)
class Shapes:
    """The objects of all tiles on the canvas, tile by tile, each tile's in the order of its source.

    tile:       (M,) number of the tile
    row:        (M,) number in the source
    centre:     (2, M) px
    axes:       (2, 2, M) px: of an ellipse, centre + axes @ (cos t, sin t) runs round it; of a box,
                centre +- axes[:, 0] +- axes[:, 1] are its corners; of a polygon, those of its hull
    round:      (M,) bool, ellipses
    upright:    (M,) bool, upright boxes stay upright under the object's matrix
    xyxy:       (4, M) px, tight hulls
    area_px2:   (M,) of the whole shape on the canvas
    source_px2: (M,) of the whole shape in its picture
    rings:      of the polygons
    polygon:    (M,) number of each object in `rings`, -1 for boxes and ellipses
    """

    tile: NDArray[np.intp]
    row: NDArray[np.intp]
    centre: Floats
    axes: Floats
    round: NDArray[np.bool_]
    upright: NDArray[np.bool_]
    xyxy: Floats
    area_px2: Floats
    source_px2: Floats
    rings: Rings
    polygon: NDArray[np.intp]

    def corners(self, rows: NDArray[np.intp]) -> Rings:
        """Boxes as polygons of their four corners.

        Args:
            rows: numbers of objects that are boxes.
        """
        u, v = self.axes[:, 0, rows], self.axes[:, 1, rows]
        x, y = (self.centre[:, rows] + np.array([-u - v, u - v, u + v, v - u])).transpose(1, 2, 0)
        n = len(rows)
        start = np.arange(n) * 4
        following = (start[:, None] + np.array([1, 2, 3, 0])).ravel()
        sign: Floats = np.repeat(np.sign(u[0] * v[1] - u[1] * v[0]), 4)
        areas = self.area_px2[rows], self.source_px2[rows]
        corners = np.full(n, 4, np.intp)
        return Rings(rows, start, corners, x.ravel(), y.ravel(), following, sign, *areas)


def on_canvas(tiles: Sequence[Tile], shown: Sequence[Objects], rotated: Rotated) -> Shapes:
    """Shapes of all objects of some tiles.

    Args:
        tiles: at least one.
        shown: the objects of each tile's picture.
        rotated: what a box becomes under a matrix that does not keep it upright.

    Raises:
        ValueError: a matrix that takes an object's point beyond the horizon.

    Example: the box (0, 0, 100, 50) turned by 10 degrees reaches over 98.86 x 52.21 px as an ellipse, over
    107.16 x 66.61 px as a hull.
    """
    counts = np.array([len(objects) for objects in shown])
    first = np.cumsum(counts) - counts
    tile = np.repeat(np.arange(len(tiles)), counts)
    box = np.concatenate([objects.xyxy for objects in shown]).T.astype(np.float64)
    matrices = np.array([t.nine for t in tiles], np.float64).T
    a, b, _, c, d, _, g, h, _ = matrices
    cross, along = np.abs(b) + np.abs(c), np.abs(a) + np.abs(d)
    perspective = (g != 0) | (h != 0)
    upright = ((cross <= UPRIGHT * along) | (along <= UPRIGHT * cross)) & ~perspective
    matrix, rounded = matrices[:, tile], (~upright & (rotated == "ellipse"))[tile]

    half = (box[2:] - box[:2]) * 0.5
    middle = box[:2] + half
    axes = np.array([matrix[0:2] * half, matrix[3:5] * half])
    centre = np.array([matrix[i] * middle[0] + matrix[i + 1] * middle[1] + matrix[i + 2] for i in (0, 3)])
    sides = np.abs(axes[:, 0]) + np.abs(axes[:, 1])
    if rounded.any():
        sides = np.where(rounded, np.sqrt(axes[:, 0] * axes[:, 0] + axes[:, 1] * axes[:, 1]), sides)
    xyxy = np.concatenate([centre - sides, centre + sides])
    full = np.where(rounded, np.pi, 4.0)
    source_px2 = full * half[0] * half[1]
    area_px2 = full * np.abs(axes[0, 0] * axes[1, 1] - axes[0, 1] * axes[1, 0])

    polygon = np.full(len(tile), -1)
    drawn = polygons_of(shown, first)
    if perspective.any():
        drawn = drawn.and_boxes(np.flatnonzero(perspective[tile]), box, rounded)
    rings = drawn_on(drawn, matrix)
    if len(rings.of):
        of, hull = rings.of, rings.hull()
        polygon[of] = np.arange(len(of))
        xyxy[:, of], centre[:, of] = hull, (hull[:2] + hull[2:]) * 0.5
        axes[:, :, of] = 0
        axes[0, 0, of], axes[1, 1, of] = (hull[2:] - hull[:2]) * 0.5
        area_px2[of], source_px2[of], rounded[of] = rings.area_px2, rings.source_px2, False
    row = np.arange(len(tile)) - np.repeat(first, counts)
    return Shapes(tile, row, centre, axes, rounded, upright[tile], xyxy, area_px2, source_px2, rings, polygon)
