"""Objects as the network will see them: after a recipe's mosaics and geometry, planned without a pixel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from datapipe.anchors.seen import Columns, default_split
from datapipe.dataset import Dataset
from datapipe.errors import UsageError
from datapipe.progress import Progress, silent
from datapipe.recipe.recipe import Recipe
from datapipe.stream import Stream

OBJECTS = 100_000
"""Objects to plan for: more move no anchor by a tenth of a px."""
EPOCHS = 50
"""... but no more epochs than this, so that a dataset of a few pictures ends."""


def augmented(
    dataset: Dataset, recipe: Recipe, split: str | None = None, seed: int = 0, progress: Progress = silent
) -> Columns:
    """Plan samples of the stream, from its first position on, until there are enough objects.

    Each object is grouped by the picture it came from, so that nothing of a held-out picture has been fitted
    to. Sizes are told by the original's area.

    Args:
        dataset: from `datapipe.open`.
        recipe: whose input, mix, geometry and objects sections act.
        split: None for `default_split`; "" cannot be streamed.
        seed: of the stream.
        progress: told of positions.

    Returns:
        Columns on the canvas: xyxy px, ignore where the recipe's rules made an object an ignore region.

    Raises:
        UsageError: no split to stream from.
    """
    split = default_split(dataset) if split is None else split
    if not split:
        raise UsageError(f"--recipe needs one split to plan from: --split {' or '.join(dataset.splits)}")
    parts: list[tuple[NDArray[np.generic], ...]] = []
    count = 0
    with Stream(dataset, recipe, split, seed) as stream:
        window = recipe.stream.window
        last = EPOCHS * len(stream)
        with progress("planning samples", OBJECTS, "objects") as advance:
            for start in range(0, last, window):
                for made in stream.boxes(start, min(start + window, last)):
                    objects = made.survivors.objects
                    canvas = np.tile(np.array(made.hw, np.int64), (len(objects), 1))
                    columns = (objects.xyxy, objects.class_id, objects.ignore, canvas)
                    parts.append((*columns, made.survivors.picture, made.survivors.row))
                    advance(min(len(objects), OBJECTS - count))
                    count = min(count + len(objects), OBJECTS)
                if count == OBJECTS:
                    break
    xyxy, class_id, ignore, canvas_hw, picture, row = (
        np.concatenate(column) for column in zip(*parts, strict=True)
    )
    image = picture.astype(np.int64)
    images = dataset.images
    return Columns(
        xyxy=xyxy.astype(np.float32),
        area=dataset.objects["area"][rows_of(dataset, image, row.astype(np.int64))].astype(np.float32),
        image=image,
        picture_wh=np.stack([images["width"], images["height"]], axis=1).astype(np.int64),
        class_id=class_id.astype(np.int64),
        ignore=ignore.astype(np.bool_),
        classes=tuple(dataset.classes),
        canvas_hw=canvas_hw.astype(np.int64),
    )


def rows_of(dataset: Dataset, image: NDArray[np.integer], row: NDArray[np.integer]) -> NDArray[np.intp]:
    """(M,) rows of `dataset.objects`: for each the row-th object of a picture, as a stream counts them."""
    order = np.argsort(dataset.objects["image"], kind="stable")
    start = np.searchsorted(dataset.objects["image"][order], np.arange(len(dataset)))
    found: NDArray[np.intp] = order[start[image] + row]
    return found
