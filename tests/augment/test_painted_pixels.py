"""Boxes against rendered pixels: things are painted, plans are rendered, and the paint is measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from painted import Scene, Thing, scene

from datapipe import boxes
from datapipe.augment.canvas import Input
from datapipe.augment.geometry import Affine, Expand, Flip, Jitter, RandomCrop
from datapipe.augment.mixing import CutMix, MixUp, Mosaic
from datapipe.augment.plan import Picture, Plan, Tile
from datapipe.augment.render import factor_for, render
from datapipe.augment.survival import ObjectRules, survive
from datapipe.images.pixels import Decoded, shrunk

HW = (96, 128)
RULES = ObjectRules()
UPRIGHT = Affine(rotate_deg=0, translate=0.2, scale=(0.6, 1.6), aspect=(0.7, 1.4))


def three_things(rng: np.random.Generator, wh: tuple[int, int], kind: str) -> list[Thing]:
    """Three things on whole px that may overlap: each is painted in a channel of its own."""
    found = []
    for _ in range(3):
        sides = [int(rng.integers(8, side // 2)) for side in wh]
        x, y = (
            int(rng.integers(0, side - own + 1)) for side, own in zip(wh, sides, strict=True)
        )  # often cut by tiles, never by its own picture
        found.append(Thing((x, y, x + sides[0], y + sides[1]), kind))
    return found


def channels(things: Sequence[Thing], wh: tuple[int, int]) -> np.ndarray:
    """(H, W, 3) uint8: thing i is 255 in channel i."""
    y, x = np.mgrid[0 : wh[1], 0 : wh[0]] + 0.5
    return np.stack([255 * thing.holds(x, y).astype(np.uint8) for thing in things], axis=-1)


def extents(plan: Plan, things: Scene, number: int) -> dict[int, tuple[int, int, int, int]]:
    """The px on the canvas that show each thing of a picture, all other pictures being black."""
    shown = [(layer, tile) for layer in plan.layers for tile in layer.tiles]
    pictures = {}
    for _, tile in shown:
        own, wh = tile.picture.number, tile.picture.wh
        pixels = np.zeros((wh[1], wh[0], 3), np.uint8)
        if own == number:
            pixels = channels(things.things[own], wh)
        factor = factor_for(tile)
        pictures[own] = Decoded(shrunk(pixels, factor), factor)
    black = Plan(plan.hw, plan.layers, (0, 0, 0))
    made = render(black, pictures)
    opacity = sum(layer.opacity for layer, tile in shown if tile.picture.number == number)
    found = {}
    for row in range(3):
        y, x = np.nonzero(made[..., row] > 127.5 * opacity)
        if len(x):
            found[row] = (x.min(), y.min(), x.max() + 1, y.max() + 1)
    return found


def planned(rng: np.random.Generator, kind: str, steps: Sequence[Callable]) -> tuple[Plan, Scene]:
    """Six pictures of 48 to 200 px mixed and moved on one canvas."""
    wh = {i: tuple(rng.integers(48, 201, 2).tolist()) for i in range(6)}
    things = Scene({i: three_things(rng, wh[i], kind) for i in wh}, wh)

    def place(picture: Picture) -> Tile:
        return Input(HW).place(picture, HW)

    pictures = [things.picture(i) for i in wh]
    plan = Plan.of(HW, place(pictures[0]))
    dealt = 1
    for step in steps:
        if hasattr(step, "partners"):
            partners = pictures[dealt : dealt + step.partners]
            plan, dealt = step(plan, partners, place, rng), dealt + step.partners
        else:
            plan = step(plan, rng)
    return plan.finished(), things


COMPOSITIONS = {
    "resize": [],
    "mosaic": [Mosaic(), Flip(0.5, 0.5)],
    "darknet": [Mosaic(tile=(Jitter(0.2), Flip())), UPRIGHT],
    "crop": [RandomCrop(), Flip()],
    "zoom out": [Expand(p=1), UPRIGHT],
    "paste": [CutMix(), Flip()],
    "blend": [MixUp(), UPRIGHT],
    "all": [Mosaic(), CutMix(), MixUp(), Flip(), UPRIGHT],
}


@pytest.mark.parametrize("name", COMPOSITIONS)
def test_boxes_of_upright_steps_lie_within_a_pixel_of_the_rendered_paint(name):
    offsets, judged = [], 0
    for seed in range(150):
        plan, things = planned(np.random.default_rng(seed), "box", COMPOSITIONS[name])
        left = survive(plan, things.sources, RULES)
        assert (left.objects.xyxy >= 0).all() and (left.objects.xyxy <= (128, 96, 128, 96)).all()
        shown = {number: extents(plan, things, number) for number in set(left.picture.tolist())}
        rows = zip(left.picture.tolist(), left.row.tolist(), left.objects.ignore.tolist(), strict=True)
        for i, (picture, row, ignore) in enumerate(rows):
            if not ignore:
                judged += 1
                offsets.append(np.array(shown[picture][row]) - left.objects.xyxy[i])
    found = np.array(offsets)
    far = np.abs(found).max(axis=1) > 1
    # a paste may leave a sliver of less than a pixel beyond it, which no pixel's centre shows
    assert far.sum() <= (2 if CutMix() in COMPOSITIONS[name] else 0), found[far]
    assert np.abs(found[~far].mean(axis=0)).max() < 0.12, "off to one side: half a pixel lost somewhere"
    assert judged > 200


def test_turned_ellipses_overlap_their_rendered_paint_by_95_percent():
    lowest = 1.0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        corner, sides = rng.integers(30, 60, 2), rng.integers(80, 150, 2)
        thing = Thing((*corner.tolist(), *(corner + sides).tolist()), "ellipse")
        things = scene([thing] * 3, wh=(240, 240))
        tile = Input((240, 240)).place(things.picture(0), (240, 240))
        moved = Affine(rotate_deg=10, translate=0.02, scale=(0.9, 1.1))(Plan.of((240, 240), tile), rng)
        left = survive(plan := moved.finished(), things.sources, RULES)
        truth = np.array([extents(plan, things, 0)[0]], np.float32)
        lowest = min(lowest, float(boxes.iou(left.objects.xyxy[:1], truth)[0, 0]))
    assert lowest >= 0.95
