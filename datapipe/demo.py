"""The main job on the sample data: three formats in, one truth out, a training batch for each detector."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from datapipe.dataset import Dataset
from datapipe.errors import InputError
from datapipe.images.drawing import write
from datapipe.ingest import IngestOptions, IngestResult, ingest
from datapipe.pipeline import train_stream
from datapipe.preview import preview
from datapipe.progress import Progress
from datapipe.reading import evidence_of
from datapipe.recipe import Recipe
from datapipe.targets.rows import IGNORED, POSITIVE
from datapipe.verify import verify

FORMATS = ("coco", "voc", "yolo")
RECIPES = ("retinanet", "mobilenet_ssd", "yolov4")


def run(
    out: str, progress: Progress, show: Callable[[IngestResult, str, Any], None], say: Callable[[str], None]
) -> None:
    """Ingest the three sample sources, verify them, make each detector's first batch and a picture of it.

    Args:
        out: folder to write: a dataset for each format, and a picture for each detector.
        progress: told how far it is.
        show: prints an ingest's result.
        say: prints a remark.

    Raises:
        InputError: there is no sample_data here, or a dataset does not verify.
    """
    samples = sample_data()
    for name in FORMATS:
        target = os.path.join(out, name)
        options = IngestOptions(workers=len(os.sched_getaffinity(0)))
        result = ingest([samples / name], target, options, progress)
        show(result, target, [(f"sample_data/{name}", evidence_of(str(samples / name)))])
        checked = verify(target, progress)
        if checked.findings:
            raise InputError(f"{target}: does not verify: {checked.findings[0]}")
        say(f"verified {target}: {checked.records} records, every byte as listed\n")
    dataset = Dataset(os.path.join(out, "coco"))
    for name in RECIPES:
        first_batch(dataset, name, Path(out, f"{name}.png"), progress, say)


def first_batch(
    dataset: Dataset, name: str, picture: Path, progress: Progress, say: Callable[[str], None]
) -> None:
    """One step of a shipped recipe as a trainer gets it, tensor by tensor, and drawn with its anchors."""
    recipe = Recipe.load(name)
    stream = train_stream(dataset, recipe, batch_size=16)
    images, targets = next(iter(stream))
    say(f"{name}: a batch of 16, {stream.steps_per_epoch} steps an epoch")
    say(f"  {'images':<15}{images.dtype.name:<8} {tuple(images.shape)}")
    for field, value in targets.items():
        say(f"  {field:<15}{value.dtype.name:<8} {tuple(value.shape)}")
    state = targets["state"].numpy()
    anchors = recipe.targets.anchor_count(tuple(images.shape[1:3]))  # type: ignore[attr-defined]
    say(
        f"  of {anchors:,} anchors a picture {(state == POSITIVE).sum() / len(state):.1f} learn an object, "
        f"{(state == IGNORED).sum() / len(state):.1f} are ignored, the others are background"
    )
    write(picture, preview(dataset, [(name, recipe)], 4, columns=2, targets=True, progress=progress))
    say(f"look at it: {picture}\n")


def sample_data() -> Path:
    """The project's sample data: beside the package in a checkout, or below the current folder.

    Raises:
        InputError: it is in neither place.
    """
    for folder in (Path(__file__).resolve().parents[1] / "sample_data", Path("sample_data").resolve()):
        if all((folder / name).is_dir() for name in FORMATS):
            return folder
    raise InputError("no sample_data here: run `datapipe demo` in a checkout of datapipe")
