"""Four or nine pictures on one canvas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf
from typing import Any

import numpy as np

from datapipe.augment.geometry import GeometryStep
from datapipe.augment.mixing.steps import MixStep, Place, check_firing
from datapipe.augment.plan import Layer, Picture, Plan, Tile
from datapipe.augment.plane import Edges, affine, bounds, cut, product
from datapipe.augment.ranges import check_pair, draw


@dataclass(frozen=True)
class Mosaic:
    """Four or nine pictures meet at cut lines (YOLOv4, arXiv:2004.10934, 3.3).

    The centre is drawn evenly on the canvas, in whole px; with a grid of 3 the middle row and column are a
    third of the canvas, about it. Each picture is placed by the resize rule, moved by its own `tile` steps,
    sized 2 / grid (2 x 2 shows objects as large as the picture alone does, as darknet and Ultralytics do) and
    pushed to the cut lines: the first column's right edges touch the line, the last column's left edges, the
    middle is centred; rows likewise. It is the picture's own edge that touches, not the letterbox bar, and
    with `tile` steps the edge of what they leave on their canvas, as darknet's shifts do. Gaps are where a
    picture is too small for its cell, and they are fill.

    Outwards a picture goes on beyond the canvas, so that a later Affine with a scale below 1 shows more of it
    and not grey: Ultralytics' canvas of twice the side, without the canvas.

    The primary picture may come to lie in any cell; it is the first tile. Two Mosaics in a row: the later one
    that fires is the one that counts.

    p:           chance that it fires
    center:      lowest and highest share of the canvas; darknet 0.2 to 0.8, Ultralytics 0.25 to 0.75
    grid:        2 or 3 pictures each way
    tile:        geometry steps for each picture on its own canvas; their `fill` has no say
    scale:       lowest and highest factor of each picture's size
    until_epoch: off from this epoch on, to end on pictures as they are
    """

    p: float = 1.0
    center: tuple[float, float] = (0.3, 0.7)
    grid: int = 2
    tile: tuple[GeometryStep, ...] = ()
    scale: tuple[float, float] = (1.0, 1.0)
    until_epoch: int | None = None

    def __post_init__(self) -> None:
        """Raises ValueError naming the field that is off."""
        check_firing(self.p, self.until_epoch)
        check_pair("center", self.center, 0, 1)
        if self.grid not in (2, 3):
            raise ValueError(f"grid {self.grid}: want 2 or 3")
        if not isinstance(self.tile, tuple) or not all(callable(step) for step in self.tile):
            raise ValueError(f"tile {self.tile}: want a list of geometry steps")
        check_pair("scale", self.scale, 0.01, 100)

    @property
    def partners(self) -> int:
        """3 or 8."""
        return self.grid**2 - 1

    def __call__(
        self, plan: Plan, partners: Sequence[Picture], place: Place, rng: np.random.Generator
    ) -> Plan:
        """Replace the primary's tile by a mosaic that it is part of.

        Example: on 600 x 600 with the centre at (300, 240), a 600 x 450 picture in the left top cell is
        placed at (0, 75, 600, 525) and comes to lie at (-300, -210, 300, 240): the canvas shows its right
        bottom part.

        Raises:
            ValueError: the plan is mixed already.
        """
        if len(plan.layers) != 1:
            raise ValueError("mix Mosaic after MixUp: want Mosaic first, it lays the canvas out anew")
        layer = plan.layers[0]
        pictures = (layer.tiles[0].picture, *partners)
        u, v, *shares = rng.random(2 + self.grid**2).tolist()
        columns = self._lines(plan.hw[1], draw(self.center, u))
        rows = self._lines(plan.hw[0], draw(self.center, v))
        first = int(rng.integers(self.grid**2))
        cells = [(x1, y1, x2, y2) for y1, y2 in pairwise(rows) for x1, x2 in pairwise(columns)]
        tiles, notes = [], []
        for picture, share, cell in zip(pictures, shares, cells[first:] + cells[:first], strict=True):
            size = draw(self.scale, share) * 2 / self.grid
            tile, edges, note = self._stepped(place(picture), plan.hw, rng)
            tiles.append(_pushed(tile, edges, size, cell))
            notes.append({"scale": size} | note)
        noted = {"columns_px": columns[1:-1], "rows_px": rows[1:-1], "first_cell": first, "tiles": notes}
        return Plan(
            plan.hw,
            (Layer(tuple(tiles), layer.opacity, layer.weight),),
            plan.fill,
            (*plan.steps, ("Mosaic", noted)),
        )

    def _lines(self, side: int, centre: float) -> list[float]:
        """Where the cells of one axis begin and end, open at both ends."""
        if self.grid == 2:
            return [-inf, float(round(side * centre)), inf]
        return [-inf, float(round(side * (centre - 1 / 6))), float(round(side * (centre + 1 / 6))), inf]

    def _stepped(
        self, tile: Tile, hw: tuple[int, int], rng: np.random.Generator
    ) -> tuple[Tile, Edges, dict[str, Any]]:
        """A picture on its canvas of hw px after its `tile` steps, its edges there, and what was drawn."""
        if not self.tile:
            return tile, bounds(tile.corners), {}
        alone = Plan.of(hw, tile)
        for step in self.tile:
            alone = step(alone, rng)
        tile = alone.layers[0].tiles[0]
        on_canvas = tile.cut((0.0, 0.0, hw[1], hw[0]))
        edges = bounds(on_canvas.corners or tile.corners)
        return tile, edges, {"steps": [list(step) for step in alone.steps]}


def check_order(steps: Sequence[MixStep]) -> None:
    """A Mosaic lays the canvas out anew, so nothing may come before it that it would throw away.

    Raises:
        ValueError: a Mosaic after another step.
    """
    names = [type(step).__name__ for step in steps]
    for step, name, before in zip(steps[1:], names[1:], names, strict=False):
        if isinstance(step, Mosaic) and before != "Mosaic":
            raise ValueError(f"mix {name} after {before}: want Mosaic first, it lays the canvas out anew")


def _pushed(tile: Tile, edges: Edges, size: float, cell: Edges) -> Tile:
    """A picture sized, moved until its edges touch its cell's closed ends, and cut to the cell.

    It is `tile.moved(...).cut(cell)` without the tile in between: planning is mostly this.
    """
    x1, y1, x2, y2 = edges
    dx, dy = _push(cell[0], cell[2], x1 * size, x2 * size), _push(cell[1], cell[3], y1 * size, y2 * size)
    corners = [(size * x + dx, size * y + dy) for x, y in tile.corners]
    matrix = product(affine(size, 0.0, dx, 0.0, size, dy), tile.nine)
    return Tile(tile.picture, matrix, cut(corners, cell))


def _push(low: float, high: float, left: float, right: float) -> float:
    """How far to move [left, right] so that it touches the cell's one closed end, or lies in its middle."""
    if low == -inf:
        return high - right
    if high == inf:
        return low - left
    return (low + high - left - right) / 2
