"""What a recipe makes of a split's objects, planned without a pixel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from datapipe.anchors.seen import default_split
from datapipe.augment.plan import Plan
from datapipe.augment.survival import Survivors
from datapipe.dataset import Dataset
from datapipe.doctor.augmentation import Augmented
from datapipe.errors import UsageError
from datapipe.progress import Progress, silent
from datapipe.recipe import Recipe
from datapipe.resizing import resize
from datapipe.stream import Stream

SAMPLES = 4096
"""Positions to plan: a share of a tenth is then known to one part in twenty."""
EPOCHS = 50
"""... but no more epochs than this of a small split."""


def planned(
    dataset: Dataset, recipe: Recipe, split: str | None = None, seed: int = 0, progress: Progress = silent
) -> Augmented:
    """Plan a recipe's first samples and gather what becomes of the objects in them.

    Args:
        dataset: the dataset.
        recipe: whose input, mix, geometry and objects sections act.
        split: None for `train` if there is one.
        seed: of the stream.
        progress: told of positions.

    Raises:
        UsageError: no split to stream from.
    """
    split = default_split(dataset) if split is None else split
    if not split:
        raise UsageError(f"--recipe needs one split to plan from: --split {' or '.join(dataset.splits)}")
    sizes: list[NDArray[np.floating]] = []
    inflation: list[NDArray[np.floating]] = []
    cut = empty = 0
    counts = dict.fromkeys(("seen", "kept", "gone"), 0)
    with Stream(dataset, recipe, split, seed) as stream:
        samples = min(SAMPLES, EPOCHS * len(stream))
        with progress("planning samples", samples, "samples") as advance:
            for made in stream.boxes(0, samples):
                left = made.survivors
                real = ~left.objects.ignore
                xyxy = left.objects.xyxy[real].astype(np.float64)
                area = (xyxy[:, 2] - xyxy[:, 0]) * (xyxy[:, 3] - xyxy[:, 1])
                sizes.append(np.sqrt(area))
                inflation.append(area / _unturned(made.plan, left)[real])
                cut += int((left.visible_fraction[real] < 1).sum())
                empty += not real.any()
                for name in counts:
                    counts[name] += left.counts[name]
                advance(1)
    original, pictures, without = _originals(dataset, recipe, split)
    kept = sum(len(px) for px in sizes)
    return Augmented(
        original_px=original,
        augmented_px=np.concatenate(sizes),
        inflation=np.concatenate(inflation),
        pictures=pictures,
        empty_pictures=without,
        samples=samples,
        empty_samples=empty,
        seen=counts["seen"],
        kept=kept,
        cut=cut,
        ignored=counts["seen"] - kept - counts["gone"],
        gone=counts["gone"],
    )


def _unturned(plan: Plan, left: Survivors) -> NDArray[np.float64]:
    """Area in px² that each survivor's box would have without rotation and shear, cut alike.

    A matrix scales every area by its determinant; a perspective one does so about the object's centre.
    """
    tiles = plan.tiles
    matrices = np.array([tile.matrix for tile in tiles]).reshape(-1, 3, 3)
    boxes = np.array([tiles[t].picture.xyxy[r] for t, r in zip(left.tile, left.row, strict=True)], np.float64)
    x1, y1, x2, y2 = boxes.reshape(-1, 4).T
    of = matrices[left.tile]
    third = of[:, 2, 0] * (x1 + x2) / 2 + of[:, 2, 1] * (y1 + y2) / 2 + of[:, 2, 2]
    scale = np.abs(np.linalg.det(of)) / np.abs(third) ** 3
    whole: NDArray[np.float64] = scale * (x2 - x1) * (y2 - y1) * left.visible_fraction
    return whole


def _originals(dataset: Dataset, recipe: Recipe, split: str) -> tuple[NDArray[np.floating], int, int]:
    """Square roots of the original boxes' areas after the resize alone; pictures, and those without a box."""
    chosen = dataset.split(split)
    columns = dataset.objects
    real = np.isin(columns["image"], chosen)
    for flag in recipe.objects.ignore:
        real &= ~columns[flag]
    image = columns["image"][real]
    wh = np.stack([dataset.images["width"], dataset.images["height"]], axis=1)
    at = resize(wh, recipe.input.hw, recipe.input.resize)
    w, h = (columns[f"{side}max"][real] - columns[f"{side}min"][real] for side in "xy")
    px = np.sqrt(w * at.scale_x[image] * h * at.scale_y[image])
    return px, len(chosen), len(chosen) - len(np.unique(image))
