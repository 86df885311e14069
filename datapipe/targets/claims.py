"""Who gets an anchor that is the best one of several objects."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heapify, heappop, heappush
from typing import Literal

import numpy as np

from datapipe.targets.grids import Floats, Ints
from datapipe.targets.layout import Layout
from datapipe.targets.near import Nearest, Pairs, pairs

Claim = Literal["ties", "greedy", "first", "last"]
"""How an object gets an anchor even if no IoU reaches the threshold.

ties:   all its equal best anchors become positive, each learning its own best object (torchvision's and
        Detectron2's RetinaNet)
greedy: one each: the best pair of all first; whoever comes too late takes its next best (Caffe-SSD)
first:  its best; of several objects the first has it, the others nothing (TF Object Detection, Model Garden)
last:   ... the last has it (torchvision's SSD)
"""


def heads(found: Pairs, best: Floats) -> tuple[Ints, Ints]:
    """Each object's best anchor, of equals the lowest number.

    Args:
        found: pairs, object by object, among them all that reach `best`.
        best: (M,) IoU.

    Returns:
        Objects that have one, ascending, and its number.
    """
    rows = np.flatnonzero(found.iou == best[found.object])
    owner = found.object[rows]
    starts = np.flatnonzero(np.diff(owner, prepend=-1))
    if not len(starts):
        return owner, owner
    return owner[starts], np.minimum.reduceat(found.anchor[rows], starts)


def one_each(
    places: Layout, near: Nearest, found: Pairs, claim: Claim, least: float
) -> dict[int, tuple[int, float]]:
    """Deal one anchor to each object.

    Args:
        places: the anchors.
        near: of all objects.
        found: pairs of the objects that want one, each down to its best IoU or lower.
        claim: "greedy", "first" or "last".
        least: an IoU of this or less is none.

    Returns:
        Anchor to (object, IoU).
    """
    best = near.iou.max(axis=1)
    owner, anchor = heads(found, best)
    wants = list(zip((-best[owner]).tolist(), anchor.tolist(), owner.tolist(), strict=True))
    dealt: dict[int, tuple[int, float]] = {}
    if claim != "greedy":
        for minus, number, row in wants if claim == "last" else reversed(wants):
            dealt[number] = row, -minus
        return dealt
    rest: dict[int, Iterator[tuple[float, int]]] = {}
    heapify(wants)  # best IoU first, then the lowest anchor, then the first object: Caffe's MatchBBox
    while wants:
        minus, number, row = heappop(wants)
        if number not in dealt:
            dealt[number] = row, -minus
            continue
        others = rest.setdefault(row, _by_preference(places, near, found, row, least))
        free = next((one for one in others if one[1] not in dealt), None)
        if free:
            heappush(wants, (*free, row))
    return dealt


def _by_preference(
    places: Layout, near: Nearest, found: Pairs, row: int, least: float
) -> Iterator[tuple[float, int]]:
    """(-IoU, anchor) of one object, best first: those found already, then all others."""
    start, end = np.searchsorted(found.object, [row, row + 1])
    yield from _sorted(found.anchor[start:end], found.iou[start:end])
    one = Nearest(*(table[:, [row]] for table in near[:4]), *(table[[row]] for table in near[4:]))
    every = pairs(places, one, np.nextafter(np.array([least]), 1))
    yield from _sorted(every.anchor, every.iou)


def _sorted(anchor: Ints, iou: Floats) -> Iterator[tuple[float, int]]:
    order = np.lexsort((anchor, -iou))
    return zip((-iou[order]).tolist(), anchor[order].tolist(), strict=True)
