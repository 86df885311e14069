"""How fast is ingest? Against `cp -r` of the same files and against decoding alone, in one alternating run.

    python tests/benchmarks/ingest.py                      # 10 000 pictures of ~125 KB, two workers, 3 rounds
    python tests/benchmarks/ingest.py --images 1000 --growth   # and ten times as many: time and memory

Prints images per second (median of the rounds), the ratios, and CPU milliseconds per image. `cp -r` does not
flush to the disk, ingest does; everything is in the page cache.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np

DISTINCT = 100
"""Different pictures; the others repeat their bytes in files of their own."""


def draw(seed: int) -> bytes:
    """A picture of 640 x 480 with the frequencies of a photo, JPEG quality 95, ~125 KB."""
    rng = np.random.default_rng(seed)
    picture = np.zeros((480, 640, 3), np.float32)
    for octave in range(7):
        cells = 2 ** (octave + 2)
        layer = rng.normal(size=(cells * 3 // 4, cells, 3)).astype(np.float32)
        picture += cv2.resize(layer, (640, 480), interpolation=cv2.INTER_CUBIC) * 60 / 1.45**octave
    pixels = np.clip(picture + 128, 0, 255).astype(np.uint8)
    return cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()


def make_source(folder: Path, images: int) -> int:
    """Write a COCO source with seven objects an image; returns the bytes of its pictures."""
    pictures = folder / "images"
    pictures.mkdir(parents=True)
    data = [draw(seed) for seed in range(DISTINCT)]
    rng = np.random.default_rng(0)
    records = [{"id": i, "file_name": f"{i:08d}.jpg", "width": 640, "height": 480} for i in range(images)]
    for i, record in enumerate(records):
        (pictures / record["file_name"]).write_bytes(data[i % DISTINCT])
    corners = rng.integers([0, 0], [500, 340], (images * 7, 2)).tolist()
    annotations = [
        {"id": n, "image_id": n // 7, "category_id": n % 5 + 1, "bbox": [*corner, 120, 130], "area": 15600.0,
         "iscrowd": 0, "segmentation": [[*corner, corner[0] + 120, corner[1], corner[0], corner[1] + 130]]}
        for n, corner in enumerate(corners)
    ]  # fmt: skip
    categories = [{"id": i, "name": f"class {i}"} for i in range(1, 6)]
    text = {"images": records, "annotations": annotations, "categories": categories}
    (folder / "instances_train.json").write_text(json.dumps(text))
    return sum(len(data[i % DISTINCT]) for i in range(images))


def decode_all(paths: list[str]) -> None:
    """What decoding alone costs: read and decode each file, nothing else."""
    cv2.setNumThreads(1)
    for path in paths:
        with open(path, "rb") as file:
            cv2.imdecode(np.frombuffer(file.read(), np.uint8), cv2.IMREAD_COLOR)


def timed(command: list[str]) -> tuple[float, float, float]:
    """Seconds, CPU seconds and peak MB of the largest process of a command."""
    watcher = (
        "import json,resource,subprocess,sys,time;t=time.perf_counter();"
        "subprocess.run(sys.argv[1:],check=True,stdout=subprocess.DEVNULL);"
        "u=resource.getrusage(resource.RUSAGE_CHILDREN);"
        "print(json.dumps([time.perf_counter()-t,u.ru_utime+u.ru_stime,u.ru_maxrss/1024]))"
    )
    ran = subprocess.run([sys.executable, "-c", watcher, *command], check=True, capture_output=True)
    seconds, cpu, peak = json.loads(ran.stdout)
    return seconds, cpu, peak


def ingest_command(source: Path, out: Path, check: str, workers: int) -> list[str]:
    """The command line under test."""
    options = ["--check", check, "--workers", str(workers), "--quiet", "--json"]
    return [sys.executable, "-m", "datapipe", "ingest", str(source), "--out", str(out), *options]


def race(source: Path, images: int, rounds: int, workers: int, place: Path) -> dict[str, list[float]]:
    """Seconds of each contestant, round by round, in turn."""
    paths = sorted(str(path) for path in (source / "images").iterdir())
    shares = [paths[i::workers] for i in range(workers)]
    seconds: dict[str, list[float]] = {
        "cp -r": [],
        "decode alone": [],
        "ingest header": [],
        "ingest decode": [],
    }
    cpu: dict[str, list[float]] = {"ingest header": [], "ingest decode": []}
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        list(pool.map(decode_all, [share[:50] for share in shares]))
        for _ in range(rounds):
            begun = time.perf_counter()
            list(pool.map(decode_all, shares))
            seconds["decode alone"].append(time.perf_counter() - begun)
            for name in ("cp -r", "ingest header", "ingest decode"):
                out = place / "out"
                if name == "cp -r":
                    command = ["cp", "-r", str(source / "images"), str(out)]
                else:
                    command = ingest_command(source, out, name.split()[1], workers)
                os.sync()
                took, used, _ = timed(command)
                seconds[name].append(took)
                if name in cpu:
                    cpu[name].append(1000 * used / images)
                shutil.rmtree(out)
    for name, values in cpu.items():
        print(f"{name:14} {statistics.median(values):6.2f} CPU ms per image, start-up included")
    return seconds


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--growth", action="store_true", help="also ten times the images: time and memory")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="datapipe-bench-") as made:
        place = Path(made)
        nbytes = make_source(place / "source", asked.images)
        print(f"{asked.images} JPEGs of {nbytes / asked.images / 1000:.0f} KB, {asked.workers} workers, "
              f"{os.cpu_count()} cores, {asked.rounds} rounds")  # fmt: skip
        seconds = race(place / "source", asked.images, asked.rounds, asked.workers, place)
        rates = {name: asked.images / statistics.median(values) for name, values in seconds.items()}
        for name, rate in rates.items():
            print(f"{name:14} {rate:8.0f} images/s")
        pairs = (("ingest header", "cp -r"), ("ingest decode", "decode alone"))
        for ours, theirs in pairs:
            ratios = [b / a for a, b in zip(seconds[ours], seconds[theirs], strict=True)]
            print(f"{ours} reaches {statistics.median(ratios):.0%} of the rate of {theirs}")
        if asked.growth:
            growth(place, asked.images, asked.workers)


def growth(place: Path, images: int, workers: int) -> None:
    """Ten times the images: ten times the time and the same memory?"""
    small = timed(ingest_command(place / "source", place / "small", "decode", workers))
    shutil.rmtree(place / "small")
    shutil.rmtree(place / "source")
    make_source(place / "many", 10 * images)
    os.sync()
    large = timed(ingest_command(place / "many", place / "large", "decode", workers))
    times, peaks = large[0] / small[0], f"{small[2]:.0f} -> {large[2]:.0f} MB"
    print(f"{images} -> {10 * images} images: time x {times:.2f}, peak of the largest process {peaks}")


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    main()
