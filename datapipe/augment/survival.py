"""What a plan leaves of every object: positive, ignore region or nothing, and the box of what is visible.

The visible part of an object is its shape on the canvas (`shapes`) inside the part of the canvas that shows
its tile (`regions`). Its box is the tight hull of that part. Its share is that part's area over the area of
the whole shape, however many steps the plan took: an object that is cut twice is judged once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from datapipe.augment.clipping import cut_by
from datapipe.augment.plan import Plan
from datapipe.augment.plane import corners
from datapipe.augment.regions import Regions, Stack, seen, stacks_of
from datapipe.augment.rules import COUNTS, GONE, IGNORE, POSITIVE, ObjectRules, counted, crowded_out, decide
from datapipe.augment.shapes import Shapes, on_canvas
from datapipe.augment.visible import visible
from datapipe.objects import Objects, Polygon

__all__ = [
    "COUNTS",
    "GONE",
    "IGNORE",
    "POSITIVE",
    "ObjectRules",
    "Survivors",
    "decide",
    "survive",
    "survive_many",
    "survive_stack",
]

_COLUMNS = ("class_id", "ignore", "crowd", "weight", "area")


@dataclass(frozen=True, eq=False)
class Survivors:
    """What is left on a sample's canvas.

    objects:          on the canvas, tile by tile, each tile's in the order of its source; without polygons,
                      unless `outlines` were asked for
    picture:          (M,) int32 number of the picture each came from
    row:              (M,) int32 its number among that picture's objects
    tile:             (M,) int32 number of the tile in `plan.tiles`
    visible_fraction: (M,) float64 share of its area that is visible
    counts:           by `COUNTS`
    """

    objects: Objects
    picture: NDArray[np.int32]
    row: NDArray[np.int32]
    tile: NDArray[np.int32]
    visible_fraction: NDArray[np.float64]
    counts: dict[str, int]


def survive(
    plan: Plan, sources: Mapping[int, Objects], rules: ObjectRules, *, outlines: bool = False
) -> Survivors:
    """What one plan leaves of the objects it shows.

    Args:
        plan: a finished plan.
        sources: the objects of each picture in it, by the picture's number.
        rules: what keeps an object.
        outlines: also cut the polygons of what survives, for pictures of it; slow.

    Raises:
        ValueError: a perspective that takes an object beyond the horizon.
    """
    return survive_stack(Stack([plan]), sources, rules, outlines=outlines)[0]


def survive_many(
    plans: Sequence[Plan], sources: Mapping[int, Objects], rules: ObjectRules, *, outlines: bool = False
) -> list[Survivors]:
    """`survive` of many plans: the same bits, a fraction of the time for each.

    Args:
        plans: finished plans.
        sources: the objects of each picture in them, by the picture's number.
        rules: what keeps an object.
        outlines: as in `survive`.
    """
    stacks = stacks_of(plans)
    return [left for stack in stacks for left in survive_stack(stack, sources, rules, outlines=outlines)]


def survive_stack(
    stack: Stack, sources: Mapping[int, Objects], rules: ObjectRules, *, outlines: bool = False
) -> list[Survivors]:
    """`survive_many` of a stack's plans."""
    plans, layers, tiles = stack.plans, stack.layers, stack.tiles
    if not tiles:
        return [_nothing(plan) for plan in plans]
    shown = [sources[tile.picture.number] for tile in tiles]
    shapes = on_canvas(tiles, shown, rules.rotated)
    regions = seen(stack)
    fraction, hull = visible(shapes, regions)

    plan_of_tile = np.repeat(np.arange(len(plans)), [len(plan.tiles) for plan in plans])
    plan_of = plan_of_tile[shapes.tile]
    wh = np.array([plan.hw[::-1] for plan in plans], np.float64)[plan_of].T
    xyxy = np.minimum(np.maximum(hull, 0), np.concatenate([wh, wh])).T.astype(np.float32)
    source = {name: np.concatenate([getattr(objects, name) for objects in shown]) for name in _COLUMNS}
    state = decide(fraction, xyxy[:, 2:] - xyxy[:, :2], source["ignore"], rules, source["crowd"])
    area = source["area"] * (fraction * (shapes.area_px2 / shapes.source_px2))
    crowded = crowded_out(state, area, plan_of, rules.max_objects)
    state[crowded] = IGNORE
    counts = counted(state, fraction, source["ignore"], crowded, plan_of, len(plans), rules)
    for plan, own in zip(plans, counts, strict=True):
        _count_unseen(plan, own)

    left = np.flatnonzero(state)
    tile, row = shapes.tile[left], shapes.row[left]
    weight = np.array([layer.weight for layer in layers for _ in layer.tiles])[tile]
    picture = np.array([t.picture.number for t in tiles], np.int32)[tile]
    local = (tile - np.searchsorted(plan_of_tile, plan_of_tile)[tile]).astype(np.int32)
    ids = [shown[t].object_id[r] for t, r in zip(tile.tolist(), row.tolist(), strict=True)]
    polygons: list[tuple[Polygon, ...]] = [()] * len(left)
    if outlines:
        polygons = [_outline(shapes, regions, i, fraction[i] == 1) for i in left.tolist()]
    objects = Objects(
        xyxy=xyxy[left],
        class_id=source["class_id"][left],
        ignore=state[left] == IGNORE,
        crowd=source["crowd"][left],
        weight=(source["weight"][left] * weight).astype(np.float32),
        area=area[left].astype(np.float32),
        object_id=tuple(ids),
        polygons=tuple(polygons),
    )
    ends = np.searchsorted(plan_of[left], np.arange(len(plans) + 1)).tolist()
    return [
        Survivors(
            objects.part(a, b),
            picture=picture[a:b],
            row=row[a:b].astype(np.int32),
            tile=local[a:b],
            visible_fraction=fraction[left[a:b]],
            counts=own,
        )
        for own, (a, b) in zip(counts, pairwise(ends), strict=True)
    ]


def _outline(shapes: Shapes, regions: Regions, i: int, whole: bool) -> tuple[Polygon, ...]:
    """The visible rings of an object that has a polygon."""
    if shapes.polygon[i] < 0:
        return ()
    rings = shapes.rings.points(int(shapes.polygon[i]))
    if not whole:
        first = regions.first[shapes.tile[i]]
        outlines = [regions.pieces.outline(r) for r in range(first, first + regions.count[shapes.tile[i]])]
        whole_rings = list(map(corners, rings))
        cut = [cut_by(ring, outline) for outline in outlines for ring in whole_rings]
        return tuple(np.array(ring, np.float32) for ring in cut if ring)
    return tuple(ring.astype(np.float32) for ring in rings)


def _count_unseen(plan: Plan, counts: dict[str, int]) -> None:
    """Objects of tiles off the canvas are gone as those beside it are; left-out places are not known here."""
    for picture in plan.unseen:
        ignored = int(picture.ignore.sum())
        counts["seen"] += len(picture.ignore) - ignored
        counts["gone"] += len(picture.ignore) - ignored
        counts["ignore_seen"] += ignored


def _nothing(plan: Plan) -> Survivors:
    none, counts = np.zeros(0, np.int32), dict.fromkeys(COUNTS, 0)
    _count_unseen(plan, counts)
    return Survivors(Objects.of([], 0), none, none, none, np.zeros(0), counts)
