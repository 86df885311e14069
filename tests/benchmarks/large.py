"""How much it brings to decode large pictures at a fraction: `python tests/benchmarks/large.py`.

Makes JPEGs of 4000 x 3000 px by seed and measures, in turn, the stream as it is and one that decodes them
whole, on the same number of threads, with the recipe of `stream.py` and with the same without mosaic.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from itertools import islice
from pathlib import Path
from unittest.mock import patch

import cv2
import numpy as np
from stream import BATCH, RECIPE, make_pixels

import datapipe
from datapipe.dataset import Dataset
from datapipe.ingest import IngestOptions, ingest
from datapipe.recipe import Recipe
from datapipe.stream import Stream, windows

WH = (4000, 3000)


def make_source(folder: Path, images: int) -> Path:
    """A YOLO source with two boxes a picture; grain on top, as a sensor's."""
    for part in ("images/train", "labels/train"):
        (folder / part).mkdir(parents=True)
    for i in range(images):
        pixels = cv2.resize(make_pixels(4 * i + 1), WH, interpolation=cv2.INTER_CUBIC).astype(np.int16)
        pixels += np.random.default_rng(i).integers(-6, 7, pixels.shape, np.int16)
        grainy = pixels.clip(0, 255).astype(np.uint8)
        data = cv2.imencode(".jpg", grainy, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()
        (folder / f"images/train/{i:03d}.jpg").write_bytes(data)
        (folder / f"labels/train/{i:03d}.txt").write_text("0 0.5 0.5 0.2 0.3\n1 0.3 0.3 0.1 0.1")
    names = "  0: a\n  1: b\n"
    (folder / "data.yaml").write_text(f"path: {folder}\ntrain: images/train\nnames:\n{names}")
    return folder


def rate(dataset: Dataset, recipe: Recipe, batches: int, threads: int) -> float:
    """Images per second of a stream that starts anew."""
    with Stream(dataset, recipe, "train", seed=1, threads=threads, workers="threads") as stream:
        running = stream.batches(BATCH)
        next(running)
        begun = time.perf_counter()
        for _ in islice(running, batches):
            pass
        running.close()
        return batches * BATCH / (time.perf_counter() - begun)


def main() -> None:
    """Make the pictures, measure in turn, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=64, help="pictures to make")
    parser.add_argument("--batches", type=int, default=6, help="in a round")
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    threads = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory(prefix="datapipe-large-") as made:
        make_source(Path(made, "source"), asked.images)
        ingest([Path(made, "source")], Path(made, "out"), IngestOptions(check="header"))
        dataset = datapipe.open(Path(made, "out"))
        for name, text in (("mosaic", RECIPE), ("single", RECIPE.replace("mix:", "#"))):
            recipe, rounds = Recipe.parse(text), []
            for _ in range(asked.rounds):
                reduced = rate(dataset, recipe, asked.batches, threads)
                with patch.object(windows, "factor_for", return_value=1):
                    whole = rate(dataset, recipe, asked.batches, threads)
                rounds.append((reduced, whole, reduced / whole))
            reduced, whole, ratio = (statistics.median(column) for column in zip(*rounds, strict=True))
            print(
                f"{name:8} {reduced:.1f} images/s, decoded whole {whole:.1f}: {ratio:.2f} times", flush=True
            )


if __name__ == "__main__":
    main()
