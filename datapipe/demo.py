"""The main job on the sample data, as a newcomer would run it: `datapipe demo`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from datapipe.dataset import Dataset
from datapipe.errors import InputError
from datapipe.images.drawing import annotated, sheet, write
from datapipe.ingest import IngestOptions, IngestResult, ingest
from datapipe.objects import Objects
from datapipe.pipeline import plain_batches
from datapipe.progress import Progress
from datapipe.reading import evidence_of
from datapipe.verify import verify

FORMATS = ("coco", "voc", "yolo")


def run(
    out: str, progress: Progress, show: Callable[[IngestResult, str, Any], None], say: Callable[[str], None]
) -> None:
    """Ingest the three sample sources, verify them, make a first batch and a picture of it.

    Args:
        out: folder to write; a dataset for each format, and `batch.png`.
        progress: told how far it is.
        show: prints an ingest's result.
        say: prints a remark.

    Raises:
        InputError: there is no sample_data here, or a dataset does not verify.
    """
    samples = sample_data()
    for name in FORMATS:
        target = os.path.join(out, name)
        result = ingest(
            [samples / name], target, IngestOptions(workers=len(os.sched_getaffinity(0))), progress
        )
        show(result, target, [(f"sample_data/{name}", evidence_of(str(samples / name)))])
        checked = verify(target, progress)
        if checked.findings:
            raise InputError(f"{target}: does not verify: {checked.findings[0]}")
        say(f"verified {target}: {checked.records} records, every byte as listed\n")
    dataset = Dataset(os.path.join(out, "coco"))
    with _without_chatter():
        images, boxes = next(iter(plain_batches(dataset, "train", hw=(416, 416), batch_size=16)))
    say(f"first batch through tf.data: images {images.dtype.name} {tuple(images.shape)}")
    for field, value in boxes._asdict().items():
        say(f"  {field:9}{value.dtype.name:8} {tuple(value.shape)}")
    real, ignored = int((np.asarray(boxes.class_id) >= 0).sum()), int(np.asarray(boxes.ignore).sum())
    say(f"  {real} objects in {len(images)} pictures, {ignored} places to ignore")
    picture = Path(out, "batch.png")
    drawn = [
        annotated(pixels, Objects.of(xyxy[there], class_id[there], ignore=ignore[there]), dataset.classes)
        for pixels, xyxy, class_id, ignore in zip(
            *(np.asarray(each) for each in (images, boxes.xyxy, boxes.class_id, boxes.ignore)), strict=True
        )
        if (there := (class_id >= 0) | ignore) is not None
    ]
    write(picture, sheet(drawn, columns=4))
    say(f"look at it: {picture}")


@contextmanager
def _without_chatter() -> Iterator[None]:
    """Turn stderr off while TensorFlow is imported: its C++ tells of GPUs that are not there."""
    stderr, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        os.close(nowhere)


def sample_data() -> Path:
    """The project's sample data: beside the package in a checkout, or below the current folder.

    Raises:
        InputError: it is in neither place.
    """
    for folder in (Path(__file__).resolve().parents[1] / "sample_data", Path("sample_data").resolve()):
        if all((folder / name).is_dir() for name in FORMATS):
            return folder
    raise InputError("no sample_data here: run `datapipe demo` in a checkout of datapipe")
