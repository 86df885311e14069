"""What a recipe makes of a split's objects, planned without a pixel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from datapipe.anchors.augmented import rows_of
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
_ROUNDING = 1e-3


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
    slack: list[NDArray[np.floating]] = []
    source: list[NDArray[np.int32]] = []
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
                unturned, corners = _turned(made.plan, left)
                inflation.append(area / unturned[real])
                slack.append(np.maximum(1, corners[real] / area))
                source.append(np.stack([left.picture[real], left.row[real]]))
                cut += int((left.visible_fraction[real] < 1).sum())
                empty += not real.any()
                for name in counts:
                    counts[name] += left.counts[name]
                advance(1)
    original, pictures, without = _originals(dataset, recipe, split)
    kept = sum(len(px) for px in sizes)
    outlined = _has_outline(dataset, *np.concatenate(source, axis=1))
    return Augmented(
        original_px=original,
        augmented_px=np.concatenate(sizes),
        inflation=np.concatenate(inflation),
        slack=np.where(outlined, 1.0, np.concatenate(slack)),
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


def _turned(plan: Plan, left: Survivors) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Areas in px² that each survivor's box would have without rotation and shear, and as a hull of corners.

    Both cut as the survivor is. A matrix scales every area by its determinant; a perspective one does so
    about the object's centre. Example: 10 x 10 px turned by 10 degrees have 100 and 134.
    """
    tiles = plan.tiles
    matrices = np.array([tile.nine for tile in tiles]).reshape(-1, 3, 3)
    boxes = np.array([tiles[t].picture.xyxy[r] for t, r in zip(left.tile, left.row, strict=True)], np.float64)
    x1, y1, x2, y2 = boxes.reshape(-1, 4).T
    of = matrices[left.tile]
    centre = np.stack([(x1 + x2) / 2, (y1 + y2) / 2, np.ones_like(x1)], axis=1)
    mapped = np.einsum("mij,mj->mi", of, centre)
    third = mapped[:, 2]
    scale = np.abs(np.linalg.det(of)) / np.abs(third) ** 3
    place = mapped[:, :2] / third[:, None]
    slopes = np.abs(of[:, :2, :2] - place[:, :, None] * of[:, 2:, :2]) / np.abs(third)[:, None, None]
    hull = np.einsum("mij,mj->mi", slopes, np.stack([x2 - x1, y2 - y1], axis=1)).prod(axis=1)
    shown = left.visible_fraction
    return scale * (x2 - x1) * (y2 - y1) * shown, hull * shown


def _has_outline(dataset: Dataset, picture: NDArray[np.int32], row: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Whether the source draws these objects more closely than by a box: the table has a mask's area then."""
    rows = rows_of(dataset, picture, row)
    objects = dataset.objects
    w, h = (objects[f"{side}max"][rows] - objects[f"{side}min"][rows] for side in "xy")
    drawn: NDArray[np.bool_] = objects["area"][rows] < (1 - _ROUNDING) * w * h
    return drawn


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
