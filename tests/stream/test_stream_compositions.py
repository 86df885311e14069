"""Any steps in any number: samples are whole, boxes lie on the canvas, the ledger balances, bytes repeat."""

from __future__ import annotations

import numpy as np
import pytest
from scenes import digest

from datapipe.augment.canvas import Input, MultiScale
from datapipe.augment.geometry import Affine, Expand, Flip, Jitter, Perspective, RandomCrop
from datapipe.augment.mixing import CutMix, MixUp, Mosaic
from datapipe.augment.pixels import HSV, Blur, ColorJitter, Erase, Gray, Noise
from datapipe.augment.rules import ObjectRules
from datapipe.dataset import Dataset
from datapipe.recipe import Recipe, StreamOptions
from datapipe.stream import Stream


def some_of(rng: np.random.Generator, steps: list, most: int) -> tuple:
    return tuple(steps[i] for i in rng.permutation(len(steps))[: rng.integers(0, most + 1)])


def random_recipe(rng: np.random.Generator) -> Recipe:
    """A recipe with steps of every kind by chance, in any order that is allowed."""
    chance = float(rng.choice([0.3, 1.0]))
    wild = Affine(30, 0.4, (0.2, 3), (0.5, 2), 15, fill="edge" if rng.random() < 0.5 else (9, 9, 9))
    geometry = [Flip(0.5, 0.5), wild, Affine(), Perspective(0.2), RandomCrop(), Expand(p=0.5), Jitter(0.3)]
    jittered = Mosaic(chance, tile=(Jitter(0.4), Flip()), scale=(0.3, 3))
    first = [Mosaic(chance), Mosaic(chance, grid=3), jittered]
    mix = some_of(rng, first, 1) + some_of(rng, [CutMix(chance), MixUp(chance, weights=True), MixUp()], 3)
    pixels = [ColorJitter(hue=0.1), HSV(), Gray(0.5), Blur(p=0.5), Noise(p=0.5), Erase(p=0.7, count=3)]
    scale = MultiScale(every_windows=1, min=32, max=96, step=32) if rng.random() < 0.5 else None
    short = rng.random() < 0.3
    hw = (48, 80) if short else tuple(rng.integers(20, 90, 2).tolist())
    resize = "short_side" if short else str(rng.choice(["letterbox", "stretch"]))
    rotated = str(rng.choice(["ellipse", "hull"]))
    return Recipe(
        input=Input(hw, resize, None if short or scale is None else scale, 1 if scale is None else 32),
        mix=mix,
        geometry=some_of(rng, geometry, 4),
        pixels=some_of(rng, pixels, 3),
        objects=ObjectRules(max_objects=int(rng.integers(1, 6)), rotated=rotated),
        stream=StreamOptions(window=16, group=int(rng.choice([4, 16]))),
    )


@pytest.mark.parametrize("seed", range(16))
def test_a_random_recipe(pictures: Dataset, seed: int):
    recipe = random_recipe(np.random.default_rng(seed))
    with Stream(pictures, recipe, seed=seed, threads=2) as stream:
        batches = [stream.batch(step, 8) for step in range(6)]
        counts = stream.ledger()["objects"]
    with Stream(pictures, Recipe.parse(recipe.dump()), seed=seed, threads=1) as again:
        whole = [again.batch(step, 16) for step in range(3)]
    assert digest(batches) == digest(whole)
    fates = ("kept", "to_ignore_cut", "to_ignore_small", "to_ignore_crowded", "gone")
    assert counts["seen"] == sum(counts[name] for name in fates)
    assert counts["clipped"] <= counts["kept"] and counts["ignore_kept"] <= counts["ignore_seen"]
    for batch in batches:
        height, width = batch.images.shape[1:3]
        for pixels, objects in zip(batch.images, batch.objects, strict=True):
            assert pixels.any()
            x1, y1, x2, y2 = objects.xyxy.T
            assert ((x1 >= 0) & (x1 < x2) & (x2 <= width) & (y1 >= 0) & (y1 < y2) & (y2 <= height)).all()
            sides = np.stack([x2 - x1, y2 - y1], axis=1)
            assert (sides[~objects.ignore] >= recipe.objects.min_side_px).all()
            assert (~objects.ignore).sum() <= recipe.objects.max_objects
            assert np.isfinite(objects.area).all() and ((objects.weight > 0) & (objects.weight <= 1)).all()
