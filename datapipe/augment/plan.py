"""A sample before it has pixels: which part of which picture comes to lie where on the canvas.

A plan is a list of layers of tiles. `mix` steps place tiles, `geometry` steps move them, `render` paints each
tile once straight into the canvas, and `survival` asks the same plan what remains visible of every object.
Nothing here reads a file: a picture's size and boxes are enough.

Planning holds Python's one lock while decoding and warping run beside it. So it counts in plain floats:
NumPy's calls cost more than the arithmetic on nine numbers or four corners.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
"""(3, 3), maps edge coordinates (x, y, 1) to edge coordinates."""
Outline = NDArray[np.float64]
"""(P, 2) x, y in px: the corners of a convex polygon, clockwise on the screen."""
Fill = tuple[int, int, int] | Literal["edge"]
"""RGB of what no picture covers; "edge" continues the picture's own border (plans of a single tile)."""
Edges = tuple[float, float, float, float]
"""x1, y1, x2, y2 in px; an infinite one is no edge at all."""

GREY = (114, 114, 114)
"""The habit of YOLOv5 and its kin; darknet fills with the picture's mean."""

_ONE_POINT = 1e-9
"""px; cuts that meet in a corner give it twice, and an edge without a length has no direction."""
_Nine = tuple[float, float, float, float, float, float, float, float, float]
_Points = list[tuple[float, float]]


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

    def moved(self, matrix: Matrix) -> Tile:
        """The tile moved by a matrix on the canvas, applied after its own."""
        return self._moved(_nine(matrix))

    def _moved(self, a: _Nine) -> Tile:
        return Tile(
            self.picture,
            _matrix(_product(a, _nine(self.matrix))),
            _outline(_through(_points(self.visible), a)),
        )


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
    layers: blended by their opacities; opacity is not cover. Until `finished` the first tile of the first
            layer is the primary picture's
    fill:   where a layer has no tile
    steps:  what was drawn, in order: (step, parameters), for `datapipe replay`
    unseen: pictures whose tiles came to lie off the canvas; `finished` moves them here to be counted
    """

    hw: tuple[int, int]
    layers: tuple[Layer, ...]
    fill: Fill = GREY
    steps: tuple[tuple[str, dict[str, Any]], ...] = ()
    unseen: tuple[Picture, ...] = ()

    @classmethod
    def of(cls, hw: tuple[int, int], tile: Tile) -> Plan:
        """The plan every sample starts from: one picture, placed."""
        return cls(hw, (Layer((tile,)),))

    @property
    def tiles(self) -> tuple[Tile, ...]:
        """All tiles, layer by layer."""
        return tuple(tile for layer in self.layers for tile in layer.tiles)

    def moved(self, matrix: Matrix) -> Plan:
        """Everything moved by a matrix on the canvas; `matrix` is applied after what is there.

        Example: a flip of a 608 px canvas, [[-1, 0, 608], [0, 1, 0], [0, 0, 1]], takes the picture's left
        edge from x = 0 to x = 608.
        """
        a = _nine(matrix)
        layers = tuple(
            Layer(tuple(tile._moved(a) for tile in layer.tiles), layer.opacity, layer.weight)
            for layer in self.layers
        )
        return Plan(self.hw, layers, self.fill, self.steps)

    def noted(self, step: str, **drawn: Any) -> Plan:
        """The plan with one more line in its origin; JSON values only."""
        return Plan(self.hw, self.layers, self.fill, (*self.steps, (step, drawn)))

    def finished(self) -> Plan:
        """The plan as it is rendered: visible parts cut to the canvas, tiles without one dropped."""
        height, width = self.hw
        layers, unseen = [], list(self.unseen)
        for layer in self.layers:
            tiles = []
            for tile in layer.tiles:
                seen = cut_to(tile.visible, (0.0, 0.0, width, height))
                if len(seen):
                    tiles.append(Tile(tile.picture, tile.matrix, seen))
                else:
                    unseen.append(tile.picture)
            layers.append(Layer(tuple(tiles), layer.opacity, layer.weight))
        return Plan(self.hw, tuple(layers), self.fill, self.steps, tuple(unseen))


def rectangle(xyxy: Sequence[float]) -> Outline:
    """The outline of a box: left top, right top, right bottom, left bottom."""
    x1, y1, x2, y2 = xyxy
    return np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2]], np.float64)


def whole(picture: Picture, matrix: Matrix) -> Tile:
    """A tile that shows all of a picture."""
    return Tile(picture, matrix, moved(rectangle((0, 0, *picture.wh)), matrix))


def affine(a: float, b: float, c: float, d: float, e: float, f: float) -> Matrix:
    """The matrix of x' = a x + b y + c, y' = d x + e y + f."""
    return _matrix((a, b, c, d, e, f, 0.0, 0.0, 1.0))


def moved(outline: Outline, matrix: Matrix) -> Outline:
    """An outline through a matrix; mirrored ones are turned round, so that they stay clockwise."""
    return _outline(_through(_points(outline), _nine(matrix)))


def bounds(outline: Outline) -> Edges:
    """The upright box round an outline of one corner or more: x1, y1, x2, y2 in px."""
    xs, ys = outline.T.tolist()
    return min(xs), min(ys), max(xs), max(ys)


def cut_to(outline: Outline, xyxy: Edges) -> Outline:
    """The part of a convex outline inside a box (Sutherland and Hodgman 1974).

    Returns:
        (P, 2), empty where nothing is left. Example: the diamond (2, 0) (4, 2) (2, 4) (0, 2) in (0, 0, 4, 2)
        is the triangle (2, 0) (4, 2) (0, 2).
    """
    xs, ys = outline.T.tolist()
    x1, y1, x2, y2 = xyxy
    if not xs or (min(xs) >= x1 and min(ys) >= y1 and max(xs) <= x2 and max(ys) <= y2):
        return outline
    points = list(zip(xs, ys, strict=True))
    if min(xs) < x1:
        points = _beyond(points, x1, 1)
    if max(xs) > x2:
        points = _beyond(points, x2, -1)
    turned = [(y, x) for x, y in points]
    if min(ys) < y1:
        turned = _beyond(turned, y1, 1)
    if max(ys) > y2:
        turned = _beyond(turned, y2, -1)
    kept = [
        (x, y)
        for (y, x), (v, u) in zip(turned, (*turned[-1:], *turned[:-1]), strict=True)
        if abs(x - u) + abs(y - v) > _ONE_POINT
    ]
    return _outline(kept if len(kept) > 2 else [])


def _beyond(points: _Points, limit: float, sign: int) -> _Points:
    """The part of a convex outline whose first coordinate is above a limit (sign 1) or below it (-1)."""
    kept: _Points = []
    if not points:
        return kept
    u, v = points[-1]
    before = (u - limit) * sign
    for point in points:
        depth = (point[0] - limit) * sign
        if (depth > 0) != (before > 0):
            kept.append((limit, v + (point[1] - v) * (before / (before - depth))))
        if depth > 0:
            kept.append(point)
        v, before = point[1], depth
    return kept


def _nine(matrix: Matrix) -> _Nine:
    a, b, c, d, e, f, g, h, i = matrix.ravel().tolist()
    return a, b, c, d, e, f, g, h, i


def _matrix(nine: _Nine) -> Matrix:
    return np.array(nine, np.float64).reshape(3, 3)


def _points(outline: Outline) -> _Points:
    xs, ys = outline.T.tolist()
    return list(zip(xs, ys, strict=True))


def _outline(points: _Points) -> Outline:
    return np.array(points, np.float64).reshape(-1, 2)


def _product(m: _Nine, n: _Nine) -> _Nine:
    """The matrix that does n, then m."""
    a, b, c, d, e, f, g, h, i = m
    p, q, r, s, t, u, v, w, x = n
    upper = (
        a * p + b * s + c * v,
        a * q + b * t + c * w,
        a * r + b * u + c * x,
        d * p + e * s + f * v,
        d * q + e * t + f * w,
        d * r + e * u + f * x,
    )
    if g == h == v == w == 0 and i == x == 1:
        return (*upper, 0.0, 0.0, 1.0)
    return (*upper, g * p + h * s + i * v, g * q + h * t + i * w, g * r + h * u + i * x)


def _through(points: _Points, m: _Nine) -> _Points:
    a, b, c, d, e, f, g, h, i = m
    if g == h == 0 and i == 1:
        there = [(a * x + b * y + c, d * x + e * y + f) for x, y in points]
        mirrored = a * e - b * d < 0
    else:
        there = []
        for x, y in points:
            w = g * x + h * y + i
            there.append(((a * x + b * y + c) / w, (d * x + e * y + f) / w))
        mirrored = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g) < 0
    return there[::-1] if mirrored else there
