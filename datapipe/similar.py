"""Pictures that look alike: a 64-bit hash that survives scaling and JPEG, and all pairs within a distance.

The hash is Zauner's pHash (C. Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions",
2010): shrink to 32 x 32 grey, take the cosine transform, keep the 8 x 8 lowest frequencies, one bit each:
above their median or not.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

SIDE, KEPT = 32, 8
NEAR = 6
"""Bits of 64 that may differ between near duplicates. Two pictures that have nothing to do with one another
differ in 32 on average; a JPEG of quality 50 or half the size changes 0 to 4."""

Grey = NDArray[np.floating]


def fingerprint(grey: Grey) -> int:
    """The hash of a picture.

    Args:
        grey: (H, W) of any size; smaller than 32 px a side is repeated up to it.

    Returns:
        0 to 2^64 - 1. A picture of one colour, which looks like every other such, has 0.
    """
    small = shrink(grey, SIDE)
    table = _cosines()
    low = (table @ small @ table.T).ravel()
    low[0] = 0.0  # the mean brightness says nothing about the content
    if float(np.abs(low).max()) < 1.0:
        return 0
    bits = low > np.median(low)
    return int(np.packbits(bits).view(">u8")[0])


def shrink(grey: Grey, side: int) -> NDArray[np.float64]:
    """Means over a grid of side x side nearly equal blocks. Example: a row of 4 px 1 3 5 7 at 2 is 2 6."""
    made = np.asarray(grey, np.float64)
    for axis in (0, 1):
        count = made.shape[axis]
        edges = np.arange(side) * count // side
        sizes = np.maximum(np.diff(np.append(edges, count)), 1)
        sums = np.add.reduceat(made, edges, axis=axis)
        made = sums / (sizes[:, None] if axis == 0 else sizes[None, :])
    return made


@cache
def _cosines() -> NDArray[np.float64]:
    """(8, 32) the lowest rows of the orthonormal DCT-II."""
    k, n = np.mgrid[0:KEPT, 0:SIDE]
    table = np.cos(np.pi * (2 * n + 1) * k / (2 * SIDE)) * np.sqrt(2 / SIDE)
    table[0] /= np.sqrt(2)
    made: NDArray[np.float64] = table
    return made


def near(hashes: NDArray[np.uint64], distance: int = NEAR) -> NDArray[np.int64]:
    """All pairs whose hashes differ in at most `distance` bits; exact, without looking at all pairs.

    Cut into distance + 1 pieces, two such hashes agree in at least one whole piece (the pigeonhole
    principle), so only pictures that share a piece are compared.

    Args:
        hashes: (N,) of `fingerprint`; 0 is no picture to compare.
        distance: 0 to 15.

    Returns:
        (P, 2) rows, a < b, sorted.
    """
    values = np.asarray(hashes, np.uint64)
    rows = np.flatnonzero(values != 0)
    edges = np.linspace(0, 64, distance + 2).astype(int)
    found = [np.zeros((0, 2), np.int64)]
    for low, high in zip(edges[:-1], edges[1:], strict=True):
        piece = (values[rows] >> np.uint64(low)) & np.uint64((1 << int(high - low)) - 1)
        order = np.argsort(piece, kind="stable")
        bounds = np.flatnonzero(np.diff(piece[order], prepend=~piece[order[:1]], append=~piece[order[-1:]]))
        for start, stop in zip(bounds[:-1], bounds[1:], strict=True):
            if stop - start > 1:
                found.append(_within(values, rows[order[start:stop]], distance))
    pairs: NDArray[np.int64] = np.unique(np.concatenate(found), axis=0)
    return pairs


def _within(values: NDArray[np.uint64], rows: NDArray[np.intp], distance: int) -> NDArray[np.int64]:
    pairs = [np.zeros((0, 2), np.int64)]
    for i in range(len(rows) - 1):
        others = rows[i + 1 :]
        differ = np.bitwise_count(values[others] ^ values[rows[i]])
        close = others[differ <= distance]
        mine = np.full(len(close), rows[i])
        pairs.append(np.sort(np.stack([mine, close], axis=1), axis=1).astype(np.int64))
    return np.concatenate(pairs)


def groups(pairs: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Chains of pairs as groups.

    Args:
        pairs: (P, 2) rows.
        count: how many rows there are.

    Returns:
        (count,) the lowest row of each row's group; -1 for a row that is like no other. Example: pairs
        (0, 2), (2, 3) of 5 rows are (0, -1, 0, 0, -1).
    """
    group = np.arange(count)
    while True:
        least = group.copy()
        np.minimum.at(least, pairs[:, 0], group[pairs[:, 1]])
        np.minimum.at(least, pairs[:, 1], group[pairs[:, 0]])
        if (least == group).all():
            break
        group = least
    alone = np.ones(count, np.bool_)
    alone[pairs.ravel()] = False
    group[alone] = -1
    return group
