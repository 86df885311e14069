"""The part of the canvas that shows each tile: its visible outline less the tiles painted over it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from datapipe.augment.clipping import SLIVER_PX2, Pieces, minus, overlap
from datapipe.augment.plan import Layer, Plan

AT_ONCE = 64
"""Plans told together, which spreads the cost of a call: two thirds of the time that 16 take, and more bring
little and take memory."""


class Stack:
    """The tiles of some finished plans, and which lie over which.

    plans, layers, tiles: plan by plan and layer by layer; where there is no tile, there is nothing further
    outlines: of the tiles
    pairs:    (2, P) numbers of an earlier and of a later tile of one layer
    covers:   (2, Q) those that share more than an edge
    """

    def __init__(self, plans: Sequence[Plan]) -> None:
        self.plans = plans
        self.layers = [layer for plan in plans for layer in plan.layers]
        self.tiles = [tile for layer in self.layers for tile in layer.tiles]
        if self.tiles:
            self.outlines = Pieces.of([tile.corners for tile in self.tiles])
            self.pairs = _stacked(self.layers)
            self.covers = _overlapping(self.outlines, *self.pairs)


def stacks_of(plans: Sequence[Plan]) -> Iterator[Stack]:
    """`AT_ONCE` plans at a time."""
    return (Stack(plans[i : i + AT_ONCE]) for i in range(0, len(plans), AT_ONCE))


@dataclass(frozen=True, eq=False)
class Regions:
    """Disjoint convex pieces, those of a tile behind one another.

    pieces: R of them
    first:  (T,) number of each tile's first piece
    count:  (T,) its pieces; 0 for a tile that is covered wholly
    """

    pieces: Pieces
    first: NDArray[np.intp]
    count: NDArray[np.intp]


def seen(stack: Stack) -> Regions:
    """What is seen of each of a stack's tiles, of which there is at least one.

    A tile covers the earlier ones of its own layer; layers are blended and cover nothing.
    """
    outlines = [tile.corners for tile in stack.tiles]
    count = (stack.outlines.area_px2() > SLIVER_PX2).astype(np.intp)
    below, above = stack.covers
    if not len(below):
        return Regions(stack.outlines, np.arange(len(outlines)), count)
    pieces = [[outline] * n for outline, n in zip(outlines, count.tolist(), strict=True)]
    for lower, upper in zip(below.tolist(), above.tolist(), strict=True):
        pieces[lower] = [rest for piece in pieces[lower] for rest in minus(piece, outlines[upper])]
    count = np.array([len(left) for left in pieces])
    flat = [piece for left in pieces for piece in left]
    return Regions(Pieces.of(flat) if flat else stack.outlines, np.cumsum(count) - count, count)


def _overlapping(whole: Pieces, below: NDArray[np.intp], above: NDArray[np.intp]) -> NDArray[np.intp]:
    """Those of some pairs of outlines that share more than an edge."""
    box = np.array([whole.x.min(axis=0), whole.y.min(axis=0), whole.x.max(axis=0), whole.y.max(axis=0)])
    near = (box[:2, below] < box[2:, above]).all(axis=0) & (box[:2, above] < box[2:, below]).all(axis=0)
    below, above = below[near], above[near]
    if len(below):
        shared = overlap(whole.take(below), whole.take(above))
        below, above = below[shared], above[shared]
    return np.array([below, above])


def _stacked(layers: Sequence[Layer]) -> NDArray[np.intp]:
    """All pairs of tiles in one layer: the numbers of the earlier and of the later one, over all layers."""
    pairs = [np.zeros((2, 0), np.intp)]
    first = 0
    for layer in layers:
        n = len(layer.tiles)
        if n > 1:
            pairs.append(_pairs(n) + first)
        first += n
    return np.concatenate(pairs, axis=1)


@cache
def _pairs(n: int) -> NDArray[np.intp]:
    return np.array(np.triu_indices(n, 1))
