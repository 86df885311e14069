"""What a recipe does to pictures, for people to look at: sheets of samples, and one sample's whole origin."""

from __future__ import annotations

from collections.abc import Sequence

from datapipe.dataset import Dataset
from datapipe.errors import UsageError
from datapipe.images.drawing import anchored, annotated, sheet
from datapipe.images.pixels import Pixels
from datapipe.progress import Progress, silent
from datapipe.recipe import Recipe
from datapipe.sample import Sample
from datapipe.stream import Stream
from datapipe.targets import Detector
from datapipe.targets.layout import layout
from datapipe.targets.rows import POSITIVE


def preview(
    dataset: Dataset,
    recipes: Sequence[tuple[str, Recipe]],
    n: int,
    *,
    split: str = "train",
    seed: int = 0,
    start: int = 0,
    columns: int = 4,
    targets: bool = False,
    progress: Progress = silent,
) -> Pixels:
    """Draw n samples of a stream; of several recipes side by side, at the same positions.

    Args:
        dataset: the dataset.
        recipes: (name, recipe); two or more give a column each.
        n: samples of each recipe.
        split: of the dataset.
        seed: of the streams.
        start: first position.
        columns: pictures in a row, for one recipe.
        targets: also draw the anchors that learn each object, as the recipe's targets match them.
        progress: told of every sample.

    Returns:
        (H, W, 3) uint8 RGB: boxes with class names, ignore regions hatched, borders of tiles dashed.

    Raises:
        UsageError: n or columns below 1, start below 0, or targets that have no anchors.
    """
    if min(n, columns) < 1 or start < 0:
        raise UsageError(f"n {n}, columns {columns}, start {start}: want 1, 1 and 0 or more")
    cells, captions = [], []
    with progress("drawing", n * len(recipes), "samples") as advance:
        drawn = []
        for name, recipe in recipes:
            with Stream(dataset, recipe, split, seed) as stream:
                for position in range(start, start + n):
                    caption = f"{name}  {position}" if len(recipes) > 1 else f"{position}"
                    sample = stream[position]
                    drawn.append((draw(stream, sample, targets=targets), f"{caption}  {sample.image_id}"))
                    advance(1)
    across = columns if len(recipes) == 1 else len(recipes)
    order = range(n) if len(recipes) == 1 else (r * n + i for i in range(n) for r in range(len(recipes)))
    for i in order:
        cells.append(drawn[i][0])
        captions.append(drawn[i][1])
    return sheet(cells, min(across, len(cells)), captions)


def draw(stream: Stream, sample: Sample, *, targets: bool = False) -> Pixels:
    """One sample with its objects and, where it has several tiles, their borders.

    Raises:
        UsageError: the anchors of targets are asked for that have none.
    """
    tiles = stream.plan(sample.position).tiles
    outlines = [tile.visible for tile in tiles] if len(tiles) > 1 else []
    pixels, classes = sample.pixels, stream.dataset.classes
    if targets:
        pixels = _with_anchors(pixels, sample, stream.recipe, classes)
    return annotated(pixels, sample.objects, classes, outlines)


def _with_anchors(pixels: Pixels, sample: Sample, recipe: Recipe, classes: Sequence[str]) -> Pixels:
    detector, hw = recipe.targets, (pixels.shape[0], pixels.shape[1])
    if not isinstance(detector, Detector):
        raise UsageError(f"targets: {type(detector).__name__} has no anchors to draw")
    rows = detector.encode(sample.objects, hw)
    learnt = rows["state"] == POSITIVE
    owner = rows["object"][learnt]
    xyxy = sample.objects.xyxy[owner]
    anchors = layout(detector, hw).xyxy(rows["anchor"][learnt])
    centres = (xyxy[:, :2] + xyxy[:, 2:]) / 2
    return anchored(pixels, anchors, sample.objects.class_id[owner], centres, classes)
