"""A sample before it has pixels: which part of which picture comes to lie where on the canvas.

A plan is a list of layers of tiles. `mix` steps place tiles, `geometry` steps move them, `render` paints each
tile once straight into the canvas, and `survival` asks the same plan what remains visible of every object.
Nothing here reads a file: a picture's size and boxes are enough.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
"""(3, 3), maps edge coordinates (x, y, 1) to edge coordinates."""
Outline = NDArray[np.float64]
"""(P, 2) x, y in px: the corners of a convex polygon, clockwise on the screen."""
Fill = tuple[int, int, int] | Literal["edge"]
"""RGB of what no picture covers; "edge" continues the picture's own border (plans of a single tile)."""

GREY = (114, 114, 114)
"""The habit of YOLOv5 and its kin; darknet fills with the picture's mean."""


@dataclass(frozen=True, eq=False)
class Picture:
    """What planning knows of a picture; all of it stands in the object table.

    number: in the dataset
    wh:     width and height in px
    xyxy:   (N, 4) float32 px, all its objects
    ignore: (N,) bool
    """

    number: int
    wh: tuple[int, int]
    xyxy: NDArray[np.float32]
    ignore: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Tile:
    """One picture, or a part of it, on the canvas.

    picture: what is shown
    matrix:  from the picture's px to the canvas'
    visible: the part of the canvas this tile may paint: inside the picture's own outline, reaching beyond
             the canvas until `Plan.finished`
    """

    picture: Picture
    matrix: Matrix
    visible: Outline


@dataclass(frozen=True, eq=False)
class Layer:
    """Tiles painted in order: a later one covers what it overlaps.

    opacity: share of the blended canvas; the opacities of a plan add up to 1
    weight:  factor of the loss of the objects seen on this layer
    """

    tiles: tuple[Tile, ...]
    opacity: float = 1.0
    weight: float = 1.0


@dataclass(frozen=True, eq=False)
class Plan:
    """A sample's geometry.

    hw:     height and width of the canvas in px
    layers: blended by their opacities; opacity is not cover
    fill:   where a layer has no tile
    steps:  what was drawn, in order: (step, parameters), for `datapipe replay`
    """

    hw: tuple[int, int]
    layers: tuple[Layer, ...]
    fill: Fill = GREY
    steps: tuple[tuple[str, dict[str, Any]], ...] = ()

    @property
    def tiles(self) -> tuple[Tile, ...]:
        """All tiles, layer by layer."""
        return tuple(tile for layer in self.layers for tile in layer.tiles)

    def moved(self, matrix: Matrix) -> Plan:
        """Everything moved by a matrix on the canvas; `matrix` is applied after what is there.

        Example: a flip of a 608 px canvas, [[-1, 0, 608], [0, 1, 0], [0, 0, 1]], takes the picture's left
        edge from x = 0 to x = 608.
        """
        layers = tuple(
            replace(
                layer,
                tiles=tuple(
                    replace(t, matrix=matrix @ t.matrix, visible=moved(t.visible, matrix))
                    for t in layer.tiles
                ),
            )
            for layer in self.layers
        )
        return replace(self, layers=layers)

    def noted(self, step: str, **drawn: Any) -> Plan:
        """The plan with one more line in its origin."""
        return replace(self, steps=(*self.steps, (step, drawn)))

    def finished(self) -> Plan:
        """The plan as it is rendered: visible parts cut to the canvas, tiles without one dropped."""
        height, width = self.hw
        layers = []
        for layer in self.layers:
            cut = ((tile, cut_to(tile.visible, (0.0, 0.0, width, height))) for tile in layer.tiles)
            layers.append(replace(layer, tiles=tuple(replace(t, visible=v) for t, v in cut if len(v))))
        return replace(self, layers=tuple(layers))


def rectangle(xyxy: Sequence[float]) -> Outline:
    """The outline of a box: left top, right top, right bottom, left bottom."""
    x1, y1, x2, y2 = xyxy
    return np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2]], np.float64)


def whole(picture: Picture, matrix: Matrix) -> Tile:
    """A tile that shows all of a picture."""
    return Tile(picture, matrix, moved(rectangle((0, 0, *picture.wh)), matrix))


def moved(outline: Outline, matrix: Matrix) -> Outline:
    """An outline through a matrix; mirrored ones are turned round, so that they stay clockwise."""
    x, y = outline[:, 0], outline[:, 1]
    a = matrix
    points = np.stack([a[0, 0] * x + a[0, 1] * y + a[0, 2], a[1, 0] * x + a[1, 1] * y + a[1, 2]], axis=1)
    if a[2, 0] or a[2, 1]:
        points /= (a[2, 0] * x + a[2, 1] * y + a[2, 2])[:, None]
    mirrored = a[0, 0] * a[1, 1] - a[0, 1] * a[1, 0] < 0
    return points[::-1].copy() if mirrored else points


def cut_to(outline: Outline, xyxy: tuple[float, float, float, float]) -> Outline:
    """The part of a convex outline inside a box (Sutherland and Hodgman 1974).

    Plain Python on some five points: NumPy's calls would cost more than the arithmetic.

    Returns:
        (P, 2), empty where nothing is left. Example: the diamond (2, 0) (4, 2) (2, 4) (0, 2) in (0, 0, 4, 2)
        is the triangle (2, 0) (4, 2) (0, 2).
    """
    points = [(float(x), float(y)) for x, y in outline]
    for axis, limit, sign in ((0, xyxy[0], 1), (1, xyxy[1], 1), (0, xyxy[2], -1), (1, xyxy[3], -1)):
        if not points:
            break
        kept = []
        before = points[-1]
        depth_before = (before[axis] - limit) * sign
        for point in points:
            depth = (point[axis] - limit) * sign
            if (depth > 0) != (depth_before > 0):
                share = depth_before / (depth_before - depth)
                on_edge = [b + (p - b) * share for b, p in zip(before, point, strict=True)]
                on_edge[axis] = limit
                kept.append((on_edge[0], on_edge[1]))
            if depth > 0:
                kept.append(point)
            before, depth_before = point, depth
        points = kept
    return np.array(points, np.float64).reshape(-1, 2)
