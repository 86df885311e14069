"""A sample before it has pixels: which part of which picture comes to lie where on the canvas.

A plan is a list of layers of tiles. `mix` steps place tiles, `geometry` steps move them, `render` paints each
tile once straight into the canvas, and `survival` asks the same plan what remains visible of every object.
Nothing here reads a file: a picture's size and boxes are enough.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from datapipe.augment import plane
from datapipe.augment.plane import Edges, Nine, Points

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


@dataclass(frozen=True, eq=False, slots=True)
class Tile:
    """One picture, or a part of it, on the canvas.

    picture: what is shown
    nine:    the matrix from the picture's px to the canvas', row by row; edge coordinates
    corners: of the part of the canvas this tile may paint: inside the picture's own outline, reaching beyond
             the canvas until `Plan.finished`
    """

    picture: Picture
    nine: Nine
    corners: Points

    @classmethod
    def of(cls, picture: Picture, matrix: Nine | ArrayLike, visible: Points | ArrayLike) -> Tile:
        """A tile from arrays, for mix steps of one's own: matrix (3, 3), outline (P, 2) that it may paint."""
        return cls(picture, plane.nine(matrix), plane.corners(visible))

    @property
    def matrix(self) -> NDArray[np.float64]:
        """(3, 3), from the picture's px to the canvas'."""
        return np.array(self.nine, np.float64).reshape(3, 3)

    @property
    def visible(self) -> NDArray[np.float64]:
        """(P, 2) x, y in px: `corners`."""
        return np.array(self.corners, np.float64).reshape(-1, 2)

    def moved(self, matrix: Nine | ArrayLike) -> Tile:
        """The tile moved by a matrix on the canvas, applied after its own."""
        a = plane.nine(matrix)
        return Tile(self.picture, plane.product(a, self.nine), plane.through(self.corners, a))

    def cut(self, xyxy: Edges) -> Tile:
        """The tile, painting only inside a box."""
        return Tile(self.picture, self.nine, plane.cut(self.corners, xyxy))


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

    def moved(self, matrix: Nine | ArrayLike) -> Plan:
        """Everything moved by a (3, 3) matrix on the canvas; `matrix` is applied after what is there.

        Example: a flip of a 608 px canvas, [[-1, 0, 608], [0, 1, 0], [0, 0, 1]], takes the picture's left
        edge from x = 0 to x = 608.
        """
        a = plane.nine(matrix)
        layers = tuple(
            Layer(tuple([tile.moved(a) for tile in layer.tiles]), layer.opacity, layer.weight)
            for layer in self.layers
        )
        return Plan(self.hw, layers, self.fill, self.steps)

    def noted(self, step: str, **drawn: Any) -> Plan:
        """The plan with one more line in its origin; JSON values only."""
        return Plan(self.hw, self.layers, self.fill, (*self.steps, (step, drawn)))

    def finished(self) -> Plan:
        """The plan as it is rendered: visible parts cut to the canvas, tiles without one dropped."""
        canvas = (0.0, 0.0, float(self.hw[1]), float(self.hw[0]))
        layers, unseen = [], list(self.unseen)
        for layer in self.layers:
            cut = [tile.cut(canvas) for tile in layer.tiles]
            tiles = [tile for tile in cut if tile.corners]
            unseen += [tile.picture for tile in cut if not tile.corners]
            layers.append(Layer(tuple(tiles), layer.opacity, layer.weight))
        return Plan(self.hw, tuple(layers), self.fill, self.steps, tuple(unseen))


def whole(picture: Picture, matrix: Nine | ArrayLike) -> Tile:
    """A tile that shows all of a picture."""
    m = plane.nine(matrix)
    return Tile(picture, m, plane.outline_of(picture.wh, m))
