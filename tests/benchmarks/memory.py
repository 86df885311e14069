"""How much memory a whole ingest takes: `python tests/benchmarks/memory.py --scale 4` (train2017 is 1).

Makes a COCO file by seed with a small real picture for every image (links to a few files), ingests it with
`--check header` and two workers, and prints the highest sum of the resident memory of all its processes and
the peak of the largest one. Shared pages count in each process, so the sum is an upper bound.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
from read_coco import make

LINKS = 60_000
"""ext4 allows 65 000 names for a file."""


def link_pictures(folder: Path, images: int) -> None:
    """Give every image a 640 x 480 JPEG."""
    data = cv2.imencode(".jpg", np.full((480, 640, 3), 90, np.uint8))[1].tobytes()
    for i in range(1, images + 1):
        path = folder / f"{i:012d}.jpg"
        if i % LINKS == 1:
            origin = path
            origin.write_bytes(data)
        else:
            path.unlink()
            os.link(origin, path)


def resident(root: int) -> dict[int, float]:
    """MB of each process below and including root."""
    parents, sizes = {}, {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = dict(line.split(":", 1) for line in (entry / "status").read_text().splitlines())
                parents[int(entry.name)] = int(fields["PPid"])
                sizes[int(entry.name)] = float(fields.get("VmRSS", "0 kB").split()[0]) / 1024
            except (OSError, KeyError):
                continue  # it has just ended
    family, grown = {root}, True
    while grown:
        more = {pid for pid, parent in parents.items() if parent in family} - family
        grown = bool(more)
        family |= more
    return {pid: sizes.get(pid, 0.0) for pid in family}


def main() -> None:
    """Make the source, ingest it, watch."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scale", type=float, default=4.0)
    asked = parser.parse_args()
    images, objects = round(118_287 * asked.scale), round(860_001 * asked.scale)
    with tempfile.TemporaryDirectory(prefix="datapipe-memory-") as made:
        source = Path(made, "source")
        path = make(source, images, objects)
        link_pictures(source / "train2017", images)
        print(
            f"{path.stat().st_size / 1e6:.0f} MB of annotations, {images} images, {objects} objects",
            flush=True,
        )
        command = ["ingest", str(source), "--out", f"{made}/out", "--check", "header", "--workers", "2", "-q"]
        begun = time.perf_counter()
        together = largest = 0.0
        with subprocess.Popen(
            [sys.executable, "-m", "datapipe", *command], stdout=subprocess.DEVNULL
        ) as running:
            while running.poll() is None:
                sizes = resident(running.pid)
                together, largest = max(together, sum(sizes.values())), max(largest, *sizes.values())
                time.sleep(0.2)
        if running.returncode:
            sys.exit(running.returncode)
        took = time.perf_counter() - begun
        print(
            f"{took:.0f} s; peak of all processes together {together:.0f} MB, of the largest {largest:.0f} MB"
        )


if __name__ == "__main__":
    main()
