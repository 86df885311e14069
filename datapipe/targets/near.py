"""Pairs of anchor and object that overlap enough, found in windows of the grids around each object."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from datapipe.targets.grids import Floats, Ints
from datapipe.targets.layout import Layout

SLACK = 1e-6
"""px added to a window, far above rounding; what it lets in too much is judged exactly afterwards."""


class Nearest(NamedTuple):
    """For each of M objects and K kinds the overlap with the anchor whose centre is nearest: the best one.

    The overlap of two intervals of lengths a and b with centres d apart is min(a, b, (a + b) / 2 - d), and
    IoU falls with it, also in floating point, where equals stay equal: see `grids.best_iou_at`.

    centre: (2, M, 1) px of the objects
    half:   (2, M, K) half the sum of the sides; most: the smaller side; shared: the overlap, all px
    areas:  (M, K) px², of both together
    iou:    (M, K)
    """

    centre: Floats
    half: Floats
    most: Floats
    shared: Floats
    areas: Floats
    iou: Floats


class Pairs(NamedTuple):
    """P pairs, object by object.

    object: (P,) row; anchor: (P,) flat number; iou: (P,)
    """

    object: Ints
    anchor: Ints
    iou: Floats

    def take(self, rows: NDArray[np.integer] | NDArray[np.bool_]) -> Pairs:
        """Some of them, by number or by mask."""
        return Pairs(self.object[rows], self.anchor[rows], self.iou[rows])


def nearest(places: Layout, xyxy: Floats) -> Nearest:
    """The best IoU of every object with every kind of anchor.

    Args:
        places: the anchors.
        xyxy: (M, 4) px, sides above 0.
    """
    corners = np.ascontiguousarray(xyxy.T)[:, :, None]
    centre, wh = (corners[:2] + corners[2:]) / 2, corners[2:] - corners[:2]
    first, step, shape, last = (side[:, None] for side in (places.first, places.step, places.wh, places.last))
    cell = np.rint((centre - first) / step)
    np.minimum(np.maximum(cell, 0, out=cell), last, out=cell)
    half, most = (wh + shape) * 0.5, np.minimum(wh, shape)
    shared = _shared(centre, first + cell * step, half, most)
    areas = wh[0] * wh[1] + shape[0] * shape[1]
    common = shared[0] * shared[1]
    return Nearest(centre, half, most, shared, areas, common / (areas - common))


def pairs(places: Layout, near: Nearest, least: Floats) -> Pairs:
    """Every pair that reaches an IoU.

    A kind whose nearest anchor does not reach it has none. Of the others the window of cells is computed
    in x as if the anchor were nearest in y, and the other way round, then every cell in it is judged.

    Args:
        places: the anchors.
        near: of M objects.
        least: (M,) the IoU each object asks for, above 0; a tie counts.

    Returns:
        In the order of objects. Example: 32 x 32 at the centre of a 32 px anchor, stride 8, asked for 0.6:
        the anchors 0 and 8 px off in x or y, 8 in x alone share 24 * 32 of 1280; five in all.
    """
    able = np.flatnonzero(near.iou >= least[:, None])
    rows, kind = np.divmod(able, near.iou.shape[1])
    areas, asked = near.areas.take(able), least[rows]
    half, most, shared = (table.reshape(2, -1).take(able, axis=1) for table in near[1:4])
    need = asked / (1 + asked) * areas  # the shared area that makes the IoU
    reach = half - need / shared[::-1] + SLACK
    centre = near.centre[:, :, 0].take(rows, axis=1)
    first, step, last = (table.take(kind, axis=1) for table in (places.first, places.step, places.last))
    low = np.maximum(np.ceil((centre - first - reach) / step), 0)
    high = np.minimum(np.floor((centre - first + reach) / step), last)
    columns, lines = (high - low + 1).astype(np.int64)
    window, column, line = _cells(columns, lines)
    centre, first, step, half, most, cell = (
        side.take(window, axis=1) for side in (centre, first, step, half, most, low)
    )
    cell[0] += column
    cell[1] += line
    shared = _shared(centre, first + cell * step, half, most)
    common = shared[0] * shared[1]
    iou = common / (areas.take(window) - common)
    kept = np.flatnonzero(iou >= asked.take(window))
    window, (x, y) = window.take(kept), cell.take(kept, axis=1).astype(np.int64)
    return Pairs(rows.take(window), places.number(kind.take(window), x, y), iou.take(kept))


def iou_of(places: Layout, xyxy: Floats, anchor: NDArray[np.integer]) -> Floats:
    """(R, M) IoU of some anchors with every object, to the bit what `pairs` finds.

    Args:
        places: the anchors.
        xyxy: (M, 4) px.
        anchor: (R,) flat numbers.
    """
    corners = xyxy.T[:, None]
    centre, wh = (corners[:2] + corners[2:]) / 2, corners[2:] - corners[:2]
    at, shape, _ = places.at(anchor)
    shape = shape[:, :, None]
    shared = _shared(centre, at[:, :, None], (wh + shape) * 0.5, np.minimum(wh, shape))
    common = shared[0] * shared[1]
    iou: Floats = common / (wh[0] * wh[1] + shape[0] * shape[1] - common)
    return iou


def _shared(centre: Floats, at: Floats, half: Floats, most: Floats) -> Floats:
    shared = half - np.abs(centre - at)
    np.minimum(shared, most, out=shared)
    np.maximum(shared, 0.0, out=shared)
    return shared


def _cells(columns: Ints, lines: Ints) -> tuple[Ints, Ints, Ints]:
    """Number of the window, column and row within it, of every cell of every window."""
    size = columns * lines
    window = np.repeat(np.arange(len(size)), size)
    within = np.arange(len(window)) - (np.cumsum(size) - size).take(window)
    line, column = np.divmod(within, columns.take(window))
    return window, column, line
