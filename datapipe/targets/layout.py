"""Every anchor of one canvas by number, without a list of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from datapipe.targets.grids import Floats, Grid, Ints


class Placed(Protocol):
    """A detector whose anchors sit on grids; hashable, as its layouts are kept."""

    def grids(self, hw: tuple[int, int], /) -> tuple[Grid, ...]:
        """The levels over a canvas of (H, W) px."""
        ...


@dataclass(frozen=True, eq=False)
class Layout:
    """The anchors of one canvas as K kinds: a kind is one shape of one level, at every cell of its grid.

    The flat number of an anchor counts level by level, row by row, column by column, shape by shape, as
    `grids.anchors` lists them.

    first, step, wh: (2, K) px, x then y: centre of cell (0, 0), from cell to cell, the shape
    last:            (2, K) the last column and row
    base:            (K,) number of the kind's anchor in cell (0, 0)
    columns, shapes: (K,) cells in a row, shapes in a cell
    level:           (K,)
    opening:         the first kind of each level
    count:           all anchors
    """

    first: Floats
    step: Floats
    wh: Floats
    last: Floats
    base: Ints
    columns: Ints
    shapes: Ints
    level: Ints
    opening: Ints
    count: int

    def number(self, kind: Ints, column: Ints, row: Ints) -> Ints:
        """Flat numbers of anchors."""
        cell = row * self.columns.take(kind) + column
        number: Ints = self.base.take(kind) + cell * self.shapes.take(kind)
        return number

    def cell(self, anchor: NDArray[np.integer]) -> tuple[Ints, Ints, Ints]:
        """Kind, column and row of anchors by flat number; undoes `number`."""
        opening = self.opening[np.searchsorted(self.base[self.opening], anchor, side="right") - 1]
        cell, shape = np.divmod(anchor - self.base[opening], self.shapes[opening])
        row, column = np.divmod(cell, self.columns[opening])
        return opening + shape, column, row

    def at(self, anchor: NDArray[np.integer]) -> tuple[Floats, Floats, Ints]:
        """Centres (2, R) px, shapes (2, R) px and levels (R,) of anchors by flat number."""
        kind, column, row = self.cell(anchor)
        first, step, wh = (table.take(kind, axis=1) for table in (self.first, self.step, self.wh))
        return first + np.stack([column, row]) * step, wh, self.level.take(kind)

    def xyxy(self, anchor: NDArray[np.integer]) -> Floats:
        """(R, 4) px of anchors by flat number; they may reach over the canvas."""
        centre, wh, _ = self.at(anchor)
        return np.concatenate([centre - wh / 2, centre + wh / 2]).T


@lru_cache(maxsize=64)
def layout(spec: Placed, hw: tuple[int, int]) -> Layout:
    """The anchors of a detector over a canvas; kept, as a stream asks for a few shapes again and again."""
    parts, start = [], 0
    for level, grid in enumerate(spec.grids(hw)):
        kinds = len(grid.wh)
        numbers = (grid.count_xy[0], kinds, level)
        pairs = (grid.first_xy, grid.step_xy, grid.count_xy - 1.0)
        parts.append(
            (
                *(np.broadcast_to(pair[:, None], (2, kinds)) for pair in pairs),
                grid.wh.T,
                start + np.arange(kinds),
                *(np.full(kinds, number, np.int64) for number in numbers),
            )
        )
        start += int(grid.count_xy.prod()) * kinds
    first, step, last, wh, base, columns, shapes, levels = (
        np.concatenate(part, axis=-1) for part in zip(*parts, strict=True)
    )
    opening = np.unique(levels, return_index=True)[1]
    return Layout(first, step, wh, last, base, columns, shapes, levels, opening, start)
