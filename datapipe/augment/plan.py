"""A sample before it has pixels: which part of which picture comes to lie where on the canvas.

A plan is a list of layers of tiles. `mix` steps place tiles, `geometry` steps move them, `render` paints each
tile once straight into the canvas, and `survival` asks the same plan what remains visible of every object.
Nothing here reads a file: a picture's size and boxes are enough.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any, Literal, NamedTuple, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from datapipe.augment import plane
from datapipe.augment.outlines import Outlines
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


class Tile(NamedTuple):
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


class Layer(NamedTuple):
    """Tiles painted in order: a later one covers what it overlaps.

    opacity: share of the blended canvas; the opacities of a plan add up to 1
    weight:  factor of the loss of the objects seen on this layer
    """

    tiles: tuple[Tile, ...]
    opacity: float = 1.0
    weight: float = 1.0


class Moved(Sequence[Layer]):
    """Layers moved by a matrix, tile by tile only if somebody looks at them: moves in a row are one.

    still: as they lie
    by:    what moves them
    """

    def __init__(self, still: Sequence[Layer], by: Nine) -> None:
        self.still, self.by = still, by
        self._layers: tuple[Layer, ...] | None = None

    @classmethod
    def of(cls, layers: Sequence[Layer]) -> Moved:
        """Layers as moved ones, those that nothing has moved by nothing."""
        return layers if isinstance(layers, Moved) else cls(layers, plane.SAME)

    def __len__(self) -> int:
        return len(self.still)

    @overload
    def __getitem__(self, i: int) -> Layer: ...
    @overload
    def __getitem__(self, i: slice) -> tuple[Layer, ...]: ...
    def __getitem__(self, i: int | slice) -> Layer | tuple[Layer, ...]:
        if self._layers is None:
            self._layers = tuple(
                Layer(tuple(tile.moved(self.by) for tile in layer.tiles), layer.opacity, layer.weight)
                for layer in self.still
            )
        return self._layers[i]


@dataclass(frozen=True, eq=False)
class Plan:
    """A sample's geometry.

    hw:     height and width of the canvas in px
    layers: blended by their opacities; opacity is not cover. Until `finished` the first tile of the first
            layer is the primary picture's, and they may be `Moved`
    fill:   where a layer has no tile
    steps:  what was drawn, in order: (step, parameters), for `datapipe replay`
    unseen: pictures whose tiles came to lie off the canvas; `finished` moves them here to be counted
    """

    hw: tuple[int, int]
    layers: Sequence[Layer]
    fill: Fill = GREY
    steps: tuple[tuple[str, dict[str, Any]], ...] = ()
    unseen: tuple[Picture, ...] = ()

    @classmethod
    def of(cls, hw: tuple[int, int], tile: Tile) -> Plan:
        """The plan every sample starts from: one picture, placed."""
        return cls(hw, (Layer((tile,)),))

    @property
    def matrix(self) -> NDArray[np.float64]:
        """(3, 3) float64, from the primary picture's px to the canvas'; until the plan is `finished`."""
        now = Moved.of(self.layers)
        return np.array(plane.full_product(now.by, now.still[0].tiles[0].nine)).reshape(3, 3)

    @property
    def tiles(self) -> tuple[Tile, ...]:
        """All tiles, layer by layer."""
        return tuple(tile for layer in self.layers for tile in layer.tiles)

    def moved(self, matrix: Nine | ArrayLike) -> Plan:
        """Everything moved by a (3, 3) matrix on the canvas; `matrix` is applied after what is there.

        Example: a flip of a 608 px canvas, [[-1, 0, 608], [0, 1, 0], [0, 0, 1]], takes the picture's left
        edge from x = 0 to x = 608.
        """
        now = Moved.of(self.layers)
        moved = Moved(now.still, plane.product(plane.nine(matrix), now.by))
        return Plan(self.hw, moved, self.fill, self.steps)

    def noted(self, step: str, **drawn: Any) -> Plan:
        """The plan with one more line in its origin; JSON values only."""
        return Plan(self.hw, self.layers, self.fill, (*self.steps, (step, drawn)))

    def finished(self) -> Plan:
        """The plan as it is rendered: visible parts cut to the canvas, tiles without one dropped."""
        return finished([self])[0]


def finished(plans: Sequence[Plan]) -> list[Plan]:
    """`Plan.finished` of many plans: the same bits, a fraction of the time for each."""
    laid = [Moved.of(plan.layers) for plan in plans]
    shown = [[tile for layer in own.still for tile in layer.tiles] for own in laid]
    tiles = [tile for own in shown for tile in own]
    of = np.repeat(np.arange(len(plans)), [len(own) for own in shown])
    by = _columns([own.by for own in laid])[:, of]
    wh = np.array([plan.hw[::-1] for plan in plans], np.float64).reshape(-1, 2).T[:, of]
    nines = plane.full_product(by, _columns([tile.nine for tile in tiles]))
    outlines = Outlines.of([tile.corners for tile in tiles]).through(by).inside(wh)
    columns = (column.tolist() for column in nines)
    there = zip(tiles, zip(*columns, strict=True), outlines.points(), strict=True)
    cut = iter([Tile(tile.picture, nine, corners) for tile, nine, corners in there])
    return [_with(plan, own.still, cut) for plan, own in zip(plans, laid, strict=True)]


def _columns(matrices: Sequence[Nine]) -> NDArray[np.float64]:
    """(9, N)."""
    numbers = chain.from_iterable(matrices)
    return np.fromiter(numbers, np.float64, 9 * len(matrices)).reshape(-1, 9).T


def _with(plan: Plan, layers: Sequence[Layer], cut: Iterator[Tile]) -> Plan:
    """A plan with the next tiles in its layers, and those without an outline among the unseen."""
    seen, unseen = [], list(plan.unseen)
    for layer in layers:
        tiles = tuple(islice(cut, len(layer.tiles)))
        gone = [tile.picture for tile in tiles if not tile.corners]
        if gone:
            unseen += gone
            tiles = tuple([tile for tile in tiles if tile.corners])
        seen.append(Layer(tiles, layer.opacity, layer.weight))
    return Plan(plan.hw, tuple(seen), plan.fill, plan.steps, tuple(unseen))


def whole(picture: Picture, matrix: Nine | ArrayLike) -> Tile:
    """A tile that shows all of a picture."""
    m = plane.nine(matrix)
    return Tile(picture, m, plane.outline_of(picture.wh, m))
