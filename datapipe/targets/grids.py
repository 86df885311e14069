"""Where anchors sit: per level a regular grid of centres, and the same shapes at every centre."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Grid:
    """One level's anchors; all in px of the network's input.

    first_xy: (2,) centre of cell (0, 0); or (M, 2), where M pictures or objects have a canvas each
    step_xy:  (2,) or (M, 2) from one centre to the next
    count_xy: (2,) or (M, 2) columns and rows
    wh:       (A, 2) shapes, in the order of the cell's channels
    """

    first_xy: Floats
    step_xy: Floats
    count_xy: Ints
    wh: Floats

    def offset(self, centre_xy: Floats) -> Floats:
        """How far the nearest centre is, in x and in y.

        Args:
            centre_xy: (M, 2) px. Beyond the grid the outermost centre is the nearest.

        Returns:
            (M, 2) px, never negative. Example: first 4, step 8, 3 columns: 13 is 1 off, 30 is 10 off.
        """
        cell = np.rint((centre_xy - self.first_xy) / self.step_xy)
        cell = np.minimum(np.maximum(cell, 0), self.count_xy - 1)
        return np.abs(centre_xy - (self.first_xy + cell * self.step_xy))


def anchors(grids: Sequence[Grid]) -> Floats:
    """Every anchor of one canvas: level by level, row by row, column by column, shape by shape.

    Returns:
        (N, 4) float64 xyxy px, not clipped to the canvas.
    """
    levels = []
    for grid in grids:
        columns, rows = (int(n) for n in grid.count_xy)
        x = grid.first_xy[0] + np.arange(columns) * grid.step_xy[0]
        y = grid.first_xy[1] + np.arange(rows) * grid.step_xy[1]
        centre = np.stack(np.meshgrid(x, y), axis=-1)[:, :, None, :]
        half = grid.wh / 2
        corners = np.concatenate([centre - half, centre + half], axis=-1)
        levels.append(corners.reshape(-1, 4))
    return np.concatenate(levels) if levels else np.zeros((0, 4))


def best_iou_at(offset_xy: Floats, wh: Floats, shapes: Floats) -> Floats:
    """IoU of boxes with anchors whose centre is `offset_xy` away.

    Two intervals of lengths a and b, centres d apart, share min(a, b, (a + b) / 2 - d). That falls with d, so
    over a grid of equal shapes the centre nearest in x *and* in y is the best one: no search is needed.

    Args:
        offset_xy: (M, 2) px, not negative.
        wh: (M, 2) boxes in px, sides above 0.
        shapes: (A, 2) anchors in px.

    Returns:
        (A, M) IoU. Example: 32 x 32 on 32 x 32, 8 px off in x: 24 * 32 / (2 * 1024 - 768) = 0.6.
    """
    wh, offset_xy = np.asfortranarray(wh), np.asfortranarray(offset_xy)  # columns contiguous: twice as fast
    shared = _shared(offset_xy[:, 0], wh[:, 0], shapes[:, :1])
    shared *= _shared(offset_xy[:, 1], wh[:, 1], shapes[:, 1:])
    union = (wh[:, 0] * wh[:, 1]) + (shapes[:, :1] * shapes[:, 1:])
    union -= shared
    shared /= union
    return shared


def _shared(offset: Floats, side: Floats, shape: Floats) -> Floats:
    shared: Floats = (side + shape) * 0.5
    shared -= offset
    np.minimum(shared, side, out=shared)
    np.minimum(shared, shape, out=shared)
    np.maximum(shared, 0.0, out=shared)
    return shared


def count_at_least(grid: Grid, xyxy: Floats, threshold: float) -> Ints:
    """How many of a level's anchors reach an IoU with each box, other boxes left aside.

    Looks only at the rows near the box. Per shape and row, the columns that reach the threshold are an
    interval around the box's centre, so they are counted, not visited.

    Args:
        grid: the level.
        xyxy: (M, 4) px, sides above 0.
        threshold: IoU above 0; a tie counts (to 1e-9, the rounding of the arithmetic).

    Returns:
        (M,) counts.
    """
    found = np.zeros(len(xyxy), np.int64)
    centre, wh = (xyxy[:, :2] + xyxy[:, 2:]) / 2, xyxy[:, 2:] - xyxy[:, :2]
    step = np.broadcast_to(grid.step_xy, centre.shape)
    first = np.broadcast_to(grid.first_xy, centre.shape)
    last = np.broadcast_to(grid.count_xy, centre.shape) - 1
    for shape in grid.wh:
        most = np.minimum(wh, shape)
        both = (wh + shape) / 2
        area = wh[:, 0] * wh[:, 1] + shape[0] * shape[1]
        least = threshold / (1 + threshold) * area * (1 - 1e-9)  # the shared area that makes the IoU
        reach = both[:, 1] - least / most[:, 0]
        able = np.flatnonzero(most[:, 0] * most[:, 1] >= least)
        low, high = _cells(centre[:, 1], reach, first[:, 1], step[:, 1], last[:, 1])
        for extra in range(int((high - low)[able].max(initial=-1)) + 1):
            rows = able[low[able] + extra <= high[able]]
            y = first[rows, 1] + (low[rows] + extra) * step[rows, 1]
            in_y = np.minimum(most[rows, 1], both[rows, 1] - np.abs(centre[rows, 1] - y))
            need = least[rows] / np.maximum(in_y, 1e-12)
            side = np.where(need <= most[rows, 0], both[rows, 0] - need, -np.inf)
            left, right = _cells(centre[rows, 0], side, first[rows, 0], step[rows, 0], last[rows, 0])
            found[rows] += np.maximum(right - left + 1, 0)
    return found


def _cells(centre: Floats, reach: Floats, first: Floats, step: Floats, last: Ints) -> tuple[Ints, Ints]:
    """First and last grid line within reach of a centre; the last before the first if there is none."""
    reach = np.maximum(reach, -1e9)
    low = np.maximum(np.ceil((centre - reach - first) / step), 0).astype(np.int64)
    high = np.minimum(np.floor((centre + reach - first) / step), last).astype(np.int64)
    return low, high
