"""The part of the canvas that shows each tile: its visible outline less the tiles painted over it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from datapipe.augment.clipping import SLIVER_PX2, Pieces, minus, overlap
from datapipe.augment.plan import Layer


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


def of_layers(layers: Sequence[Layer]) -> Regions:
    """What is seen of all tiles of some layers, tile by tile.

    A tile covers the earlier ones of its own layer; layers are blended and cover nothing.

    Args:
        layers: with at least one tile in all, each outline of 3 corners or more.
    """
    tiles = [tile for layer in layers for tile in layer.tiles]
    outlines = [tile.corners for tile in tiles]
    whole = Pieces.of(outlines)
    count = (whole.area_px2() > SLIVER_PX2).astype(np.intp)
    below, above = overlapping(whole, *stacked(layers))
    if not len(below):
        return Regions(whole, np.arange(len(tiles)), count)
    pieces = [[outline] * n for outline, n in zip(outlines, count.tolist(), strict=True)]
    for lower, upper in zip(below.tolist(), above.tolist(), strict=True):
        pieces[lower] = [rest for piece in pieces[lower] for rest in minus(piece, outlines[upper])]
    count = np.array([len(left) for left in pieces])
    flat = [piece for left in pieces for piece in left]
    return Regions(Pieces.of(flat) if flat else whole, np.cumsum(count) - count, count)


def overlapping(
    whole: Pieces, below: NDArray[np.intp], above: NDArray[np.intp]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Those of some pairs of outlines that share more than an edge."""
    box = np.array([whole.x.min(axis=0), whole.y.min(axis=0), whole.x.max(axis=0), whole.y.max(axis=0)])
    near = (box[:2, below] < box[2:, above]).all(axis=0) & (box[:2, above] < box[2:, below]).all(axis=0)
    below, above = below[near], above[near]
    if len(below):
        shared = overlap(whole.take(below), whole.take(above))
        below, above = below[shared], above[shared]
    return below, above


def stacked(layers: Sequence[Layer]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """All pairs of tiles in one layer: the numbers of the earlier and of the later one, over all layers."""
    pairs = [np.zeros((2, 0), np.intp)]
    first = 0
    for layer in layers:
        n = len(layer.tiles)
        if n > 1:
            pairs.append(_pairs(n) + first)
        first += n
    below, above = np.concatenate(pairs, axis=1)
    return below, above


@cache
def _pairs(n: int) -> NDArray[np.intp]:
    return np.array(np.triu_indices(n, 1))
