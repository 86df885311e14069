"""How fast the stream is: `python tests/benchmarks/stream.py`, and Ultralytics' loader if it is installed.

Makes textured JPEGs of 640 px long side (quality 95, about 125 KB) by seed, ingests them, and measures in
turn, round after round, all on the same number of threads:

    floor     one decode and one warp to 640 x 640 a picture, nothing else
    mosaic    mosaic p = 1, rotation +-10, scale 0.5 to 1.5, flip, colour; batches of 16 at 640 x 640
    single    the same without mosaic
    fast      the mosaic again, with `input: {decode: fast}`
    peer      Ultralytics' training loader with its default augmentation (mosaic 1.0), if importable

and prints images/s, CPU ms an image (user and system time of this process and its workers), and the ratios'
medians. Ratios of one run can be compared with those of another machine, figures cannot.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np

import datapipe
from datapipe.dataset import Dataset
from datapipe.images.opencv import turned
from datapipe.images.pixels import decode
from datapipe.ingest import IngestOptions, ingest
from datapipe.recipe import Recipe
from datapipe.stream import Stream

RECIPE = """
input: {hw: [640, 640]}
mix: [{Mosaic: {p: 1.0}}]
geometry: [{Flip: {horizontal: 0.5}}, {Affine: {rotate_deg: 10, translate: 0.1, scale: [0.5, 1.5]}}]
pixels: [{ColorJitter: {brightness: 0.4, saturation: 0.7, hue: 0.015}}]
"""
SIDE, BATCH = 640, 16
STOCK = 256
"""More than any loader has ready: Ultralytics' two workers hold eight batches, the stream's three windows."""
REST_S = 1.5
START_S = 4.0
"""Until a stream's worker processes have begun: it starts them when it has been read for a second."""


def make_pixels(seed: int) -> np.ndarray:
    """Noise of several octaves: about as hard to compress as a photo."""
    rng = np.random.default_rng(seed)
    height, width = (480, 640) if seed % 4 else (640, 480)
    pixels = np.zeros((height, width, 3), np.float32)
    for cells, strength in ((4, 70), (16, 45), (64, 20), (200, 10), (640, 3)):
        grid = rng.normal(0, strength, (max(2, cells * height // 640), max(2, cells * width // 640), 3))
        pixels += cv2.resize(grid.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    return (pixels + 120).clip(0, 255).astype(np.uint8)


def make_source(folder: Path, images: int) -> Path:
    """A YOLO source with some seven boxes a picture, which Ultralytics reads as well."""
    for part in ("images/train", "labels/train"):
        (folder / part).mkdir(parents=True)
    size = 0
    for i in range(images):
        data = cv2.imencode(".jpg", make_pixels(i), [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()
        size += len(data)
        (folder / f"images/train/{i:06d}.jpg").write_bytes(data)
        rng = np.random.default_rng([i, 1])
        wh = rng.uniform(0.04, 0.5, (rng.poisson(7), 2))
        centre = wh / 2 + rng.random(wh.shape) * (1 - wh)
        lines = [
            f"{rng.integers(4)} {c[0]:.5f} {c[1]:.5f} {s[0]:.5f} {s[1]:.5f}"
            for c, s in zip(centre, wh, strict=True)
        ]
        (folder / f"labels/train/{i:06d}.txt").write_text("\n".join(lines))
    names = "".join(f"  {i}: class{i}\n" for i in range(4))
    (folder / "data.yaml").write_text(
        f"path: {folder}\ntrain: images/train\nval: images/train\nnames:\n{names}"
    )
    print(f"{images} pictures of {size / images / 1000:.0f} KB", flush=True)
    return folder


def cpu_seconds() -> float:
    """User and system time of this process and of its living children, the loaders' workers."""
    tick, seconds = os.sysconf("SC_CLK_TCK"), sum(os.times()[:2])
    for thread in Path("/proc/self/task").iterdir():
        with suppress(OSError):  # a thread that has just ended
            for child in (thread / "children").read_text().split():
                told = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()
                seconds += (int(told[11]) + int(told[12])) / tick
    return seconds


def measure(run: Callable[[int], None], images: int) -> tuple[float, float]:
    """images/s and CPU ms an image, of a loader that has neither stock to hand out nor company.

    Loaders work ahead: what lies ready is used up before the clock starts, and they get time to fill it
    again before the next one's turn. The stream's processes finish whole windows of 64, so that a round may
    see one more or one less than it asks for: of 1280 samples that is a twentieth, of 320 it was a fifth.
    """
    run(STOCK)
    begun, used = time.perf_counter(), cpu_seconds()
    run(images)
    took, used = time.perf_counter() - begun, cpu_seconds() - used
    time.sleep(REST_S)
    return images / took, used / images * 1000


def floor(dataset: Dataset, threads: int) -> Callable[[int], None]:
    """One decode and one warp a picture, by 10 degrees, as `datapipe bench` measures it."""
    data = [dataset[i][1] for i in range(min(256, len(dataset)))]

    def one(i: int) -> None:
        turned(decode(data[i % len(data)]), (SIDE, SIDE))

    def run(images: int) -> None:
        with ThreadPoolExecutor(threads) as pool:
            for _ in pool.map(one, range(images)):
                pass

    return run


def stream_of(dataset: Dataset, recipe: Recipe, threads: int) -> Iterator[Callable[[int], None]]:
    """The stream, from a warm start, one runner that goes on where it stopped."""
    with Stream(dataset, recipe, "train", seed=1, threads=threads) as stream:
        batches = stream.batches(BATCH)
        begun = time.perf_counter()
        while time.perf_counter() - begun < START_S:
            next(batches)

        def run(images: int) -> None:
            for _ in islice(batches, images // BATCH):
                pass

        yield run
        batches.close()


def peer(source: Path, workers: int) -> Callable[[int], None] | None:
    """Ultralytics' training loader; None where it is not installed."""
    try:
        from ultralytics.cfg import get_cfg
        from ultralytics.data.build import build_dataloader, build_yolo_dataset
        from ultralytics.data.utils import check_det_dataset
    except ImportError:
        return None
    options: Any = get_cfg(
        overrides={"imgsz": SIDE, "workers": workers, "batch": BATCH, "task": "detect", "rect": False}
    )
    data = check_det_dataset(str(source / "data.yaml"))
    built = build_yolo_dataset(options, str(source / "images/train"), BATCH, data, mode="train", rect=False)
    loader = build_dataloader(built, BATCH, workers, shuffle=True)
    batches = iter(loader)
    next(batches)

    def run(images: int) -> None:
        for _ in range(images // BATCH):
            nonlocal batches
            try:
                next(batches)
            except StopIteration:
                batches = iter(loader)
                next(batches)

    return run


def main() -> None:
    """Make the pictures, measure in turn, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=512, help="pictures to make")
    parser.add_argument("--count", type=int, default=1280, help="samples in a round; see `measure`")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--keep", type=Path, help="folder for the pictures, used again if it is there")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    cv2.setNumThreads(0)
    with tempfile.TemporaryDirectory(prefix="datapipe-stream-") as made:
        folder = asked.keep or Path(made)
        if not (folder / "out").exists():
            make_source(folder / "source", asked.images)
            ingest([folder / "source"], folder / "out", IngestOptions(check="header"))
        dataset = datapipe.open(folder / "out")
        recipe = Recipe.parse(RECIPE)
        recipes = {
            "mosaic": recipe,
            "single": Recipe.parse(RECIPE.replace("mix:", "#")),
            "fast": Recipe.parse(RECIPE.replace("640]}", "640], decode: fast}")),
        }
        if len({one.hash for one in recipes.values()}) < len(recipes):
            raise ValueError("RECIPE: its wording no longer fits what is replaced in it")
        held = {name: stream_of(dataset, one, asked.threads) for name, one in recipes.items()}
        runs = {"floor": floor(dataset, asked.threads)} | {name: next(one) for name, one in held.items()}
        other = peer(folder / "source", asked.threads)
        runs |= {"peer": other} if other else {}
        rounds: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
        for _ in range(asked.rounds):
            for name, run in runs.items():
                rounds[name].append(measure(run, asked.count))
        for one in held.values():
            next(one, None)
    rates = {name: [rate for rate, _ in found] for name, found in rounds.items()}
    report: dict[str, Any] = {
        name: {
            "images_per_second": round(statistics.median(rates[name]), 1),
            "cpu_ms_per_image": round(statistics.median(cpu for _, cpu in found), 2),
            "floor_cpu_share": round(
                statistics.median(b / a for (_, a), (_, b) in zip(found, rounds["floor"], strict=True)), 3
            ),
            "share_of_floor": round(
                statistics.median(a / b for a, b in zip(rates[name], rates["floor"], strict=True)), 3
            ),
        }
        for name, found in rounds.items()
    }
    if "peer" in rates:
        for name in ("mosaic", "fast"):
            report[name]["times_peer"] = round(
                statistics.median(a / b for a, b in zip(rates[name], rates["peer"], strict=True)), 2
            )
    report |= {"threads": asked.threads, "batch": BATCH, "hw": [SIDE, SIDE], "recipe": recipe.hash[:12]}
    if asked.json:
        print(json.dumps(report))
        return
    for name in rounds:
        print(f"{name:8}", ", ".join(f"{key} {value}" for key, value in report[name].items()))
    print(f"{asked.threads} threads, batch {BATCH}, {SIDE} x {SIDE}, recipe {recipe.hash[:12]}")


if __name__ == "__main__":
    sys.exit(main())
