"""How tiles are painted: rectangles of the canvas that hold their pixels, and what of these is put back.

A warp fills rectangles, and a turned tile's outline is none. Bands of rows, each as wide as the outline is
there, are sampled straight into the canvas; the small triangles beside it are put back afterwards, unless a
later tile covers them anyway.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from datapipe.augment.clipping import SLIVER_PX2
from datapipe.augment.plan import Plan
from datapipe.augment.raster import IS_LEFT, IS_TOP, Borders, Corners
from datapipe.augment.regions import Stack, stacks_of

Numbers = NDArray[np.intp]

_CALL_PX = 4000
"""What one more OpenCV call costs in pixels of a warp, at 2.7 ns each, with the GIL given back and taken."""


class Beside(NamedTuple):
    """A corner of a tile's rectangle that its outline leaves over.

    rows, columns: of the canvas
    mask:          (rows, columns) uint8, 255 for what is put back, 0 for what is the tile's
    """

    rows: slice
    columns: slice
    mask: NDArray[np.uint8]


class Patch(NamedTuple):
    """Where one tile is painted.

    bands:  rectangles of the canvas, rows and columns, that hold all pixels of the tile and little else: what
            is sampled beside an outline costs about what the calls cost
    beside: what they hold else and is put back
    """

    bands: Sequence[tuple[slice, slice]]
    beside: Sequence[Beside]


class Patches(NamedTuple):
    """How a plan's layers are painted.

    tiles: for each layer its tiles' patches
    bare:  for each layer whether some of the canvas may be no tile's
    """

    tiles: Sequence[Sequence[Patch]]
    bare: Sequence[bool]


def patches_of(plans: Sequence[Plan]) -> list[Patches]:
    """How finished plans are painted, told together: for each a fraction of the time of one alone.

    Example: the left half of a canvas 12 px wide, cut off from (6, 0) to (4, 10): one band of 6 columns, and
    beside it a corner of 2 columns, which is not put back if the other half is painted later.
    """
    return [patches for stack in stacks_of(plans) for patches in patches_of_stack(stack)]


def patches_of_stack(stack: Stack) -> list[Patches]:
    """`patches_of` a stack's plans."""
    plans, layers = stack.plans, stack.layers
    if not stack.tiles:
        return [Patches(((),) * len(plan.layers), (True,) * len(plan.layers)) for plan in plans]
    outlines = stack.outlines
    made = iter(_patches(Borders(outlines), *stack.pairs))
    layer_of = np.repeat(np.arange(len(layers)), [len(layer.tiles) for layer in layers])
    canvas = np.array([plan.hw[0] * plan.hw[1] for plan in plans for _ in plan.layers])
    covered = np.bincount(layer_of, outlines.area_px2(), len(layers))
    bare = covered < canvas - SLIVER_PX2
    bare[layer_of[stack.covers[0]]] = True  # those that overlap are not looked into
    left = iter(bare.tolist())
    return [
        Patches(
            tuple(tuple(islice(made, len(layer.tiles))) for layer in plan.layers),
            tuple(islice(left, len(plan.layers))),
        )
        for plan in plans
    ]


def _patches(borders: Borders, below: Numbers, above: Numbers) -> list[Patch]:
    corners = borders.corners()
    bands: list[list[tuple[slice, slice]]] = [[] for _ in borders.left]
    beside: list[list[Beside]] = [[] for _ in borders.left]
    for tile, top, bottom, left, right in _rows(*_bands(borders, corners)):
        bands[tile].append((slice(top, bottom), slice(left, right)))
    corners = corners.take(~borders.hidden(below, above)[corners.corner, corners.tile])
    x, y = borders.left[corners.tile], borders.top[corners.tile]
    places = (y + corners.top, y + corners.bottom, x + corners.left, x + corners.right)
    for mask, (tile, top, bottom, left, right) in zip(
        borders.masks(corners), _rows(corners.tile, *places), strict=True
    ):
        beside[tile].append(Beside(slice(top, bottom), slice(left, right), mask))
    return [Patch(tuple(own), tuple(left_over)) for own, left_over in zip(bands, beside, strict=True)]


def _bands(borders: Borders, corners: Corners) -> tuple[Numbers, ...]:
    """Cut the rectangles so that what is sampled beside the outlines costs about what the calls cost.

    Some half of the corners is beside the outline; n bands sample an n-th of that.

    Returns:
        Of each band the number of its tile, and on the canvas its upper row, the row below the last, its left
        column and the column beyond the last; none that is empty.
    """
    height, width = borders.bottom - borders.top, borders.right - borders.left
    areas = (corners.bottom - corners.top) * (corners.right - corners.left)
    beside = np.bincount(corners.tile, areas, len(height)) / 2
    count = np.minimum(np.maximum(1, np.rint(np.sqrt(beside / _CALL_PX)).astype(np.intp)), height)
    tile = np.repeat(np.arange(len(count)), count)
    k = np.arange(len(tile)) - np.repeat(np.cumsum(count) - count, count)
    upper, lower = height[tile] * k // count[tile], height[tile] * (k + 1) // count[tile]
    begin, end = np.zeros_like(tile), width[tile]
    number = np.full((4, len(count)), -1)
    number[corners.corner, corners.tile] = np.arange(len(corners.tile))
    for q in np.flatnonzero((number >= 0).any(axis=1)).tolist():
        widest, n = lower - 1 if IS_TOP[q] else upper, number[q, tile]
        inside = np.flatnonzero((n >= 0) & (corners.top[n] <= widest) & (widest < corners.bottom[n]))
        side = begin if IS_LEFT[q] else end
        side[inside] = borders.end(np.full(len(inside), q), tile[inside], widest[inside])
    some = begin < end
    x, y = borders.left[tile], borders.top[tile]
    return tuple(part[some] for part in (tile, y + upper, y + lower, x + begin, x + end))


def _rows(*columns: NDArray[Any]) -> zip[tuple[Any, ...]]:
    """Arrays of one length, row by row, as plain numbers."""
    return zip(*(column.tolist() for column in columns), strict=True)
