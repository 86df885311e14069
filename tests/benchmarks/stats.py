"""Seconds and peak memory of `datapipe stats` over a synthetic object table of COCO's size.

`python tests/benchmarks/stats.py [OBJECTS]`
"""

from __future__ import annotations

import resource
import sys
import time

import numpy as np

from datapipe.stats import Columns, summarize_columns

OBJECTS, IMAGES, CLASSES = 860_000, 118_287, 80


def synthetic(objects: int = OBJECTS, images: int = IMAGES, classes: int = CLASSES, seed: int = 0) -> Columns:
    """Log-normal sizes, uneven classes, some pictures much fuller than others."""
    rng = np.random.default_rng(seed)
    image_wh = rng.integers(320, 1280, (images, 2))
    image = np.sort((images * rng.random(objects) ** 1.5).astype(np.int64))
    limit = image_wh[image].astype(np.float64)
    wh = np.minimum(np.exp(rng.normal(3.9, 1.1, (objects, 2))).clip(1), limit)
    corner = rng.random((objects, 2)) * (limit - wh)
    return Columns(
        classes=tuple(f"class {i}" for i in range(classes)),
        image_wh=image_wh,
        left_out=np.zeros(images, np.int64),
        image=image,
        class_id=(classes * rng.random(objects) ** 3).astype(np.int64),
        xyxy=np.concatenate([corner, corner + wh], axis=1),
        area=wh.prod(axis=1) * rng.uniform(0.4, 1, objects),
        crowd=rng.random(objects) < 0.01,
        difficult=np.zeros(objects, np.bool_),
        truncated=np.zeros(objects, np.bool_),
    )


def main() -> None:
    objects = int(sys.argv[1]) if len(sys.argv) > 1 else OBJECTS
    columns = synthetic(objects)
    images = np.arange(len(columns.image_wh))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    start, cpu = time.perf_counter(), time.process_time()
    made = summarize_columns(
        columns, {"train": images[:-5000], "val": images[-5000:]}, (608, 608), "letterbox"
    )
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"stats  {objects:,} objects in {len(images):,} images, 2 splits: {seconds:.2f} s ({cpu:.2f} s CPU), "
        f"peak {peak:.0f} MB ({before:.0f} MB before); {made.whole.overlap.pairs:,} overlapping pairs"
    )


if __name__ == "__main__":
    main()
