"""How fast and how small COCO is read, against pycocotools: `python tests/benchmarks/read_coco.py`.

Writes a file like instances_train2017.json (seeded; polygons, 1 % crowds as RLE) into a temporary
folder with empty files for pictures, then measures each of these in a fresh process, best of
--repeat:

    pycocotools   COCO(file)
    columns       the file's entries as columns (`coco_columns.read_columns`); no picture is looked
    at read          `coco.read`: the same, with every picture looked up and the objects sorted by
    image
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import numpy as np

CATEGORY_IDS = [i for i in range(1, 91) if i not in (12, 26, 29, 30, 45, 66, 68, 69, 71, 83)]
CHUNK = 5000


def annotations(rng: np.random.Generator, count: int, images: int) -> Iterator[str]:
    """Yield the records' JSON; lengths of polygons follow train2017 (about 450 bytes a record)."""
    for first in range(0, count, CHUNK):
        n = min(CHUNK, count - first)
        ring = rng.gamma(1.5, 14.0, n).astype(int) + 4
        points = np.round(rng.uniform(0, 640, (int(ring.sum()), 2)), 2)
        ends = np.cumsum(ring)
        xywh = np.round(np.hstack([rng.uniform(0, 300, (n, 2)), rng.uniform(1, 300, (n, 2))]), 2).tolist()
        crowd, image = rng.random(n) < 0.01, rng.integers(1, images + 1, n).tolist()
        category, area = (
            rng.choice(CATEGORY_IDS, n).tolist(),
            np.round(rng.uniform(1, 9e4, n), 4).tolist(),
        )
        ids = (rng.permutation(n) + first + 1).tolist()
        for i in range(n):
            mask: object = [points[ends[i] - ring[i] : ends[i]].ravel().tolist()]
            if crowd[i]:
                mask = {
                    "counts": rng.integers(1, 999, 2 * int(ring[i])).tolist(),
                    "size": [480, 640],
                }
            row = {
                "segmentation": mask,
                "area": area[i],
                "iscrowd": int(crowd[i]),
                "image_id": image[i],
            }
            yield json.dumps(row | {"bbox": xywh[i], "category_id": category[i], "id": ids[i]})


def image(i: int) -> str:
    """One image record as COCO writes them."""
    name = f"{i:012d}.jpg"
    row = {
        "license": 3,
        "file_name": name,
        "coco_url": f"http://images.cocodataset.org/train2017/{name}",
    }
    row |= {"height": 480, "width": 640, "date_captured": "2013-11-14 11:18:45"}
    return json.dumps(
        row | {"flickr_url": "http://farm9.staticflickr.com/8186/8119368305_4e622c8349_z.jpg", "id": i}
    )


def write_list(out: TextIO, rows: Iterator[str]) -> None:
    """Write a JSON list row by row."""
    out.write("[")
    for i, row in enumerate(rows):
        out.write(", " + row if i else row)
    out.write("]")


def make(folder: Path, images: int, count: int) -> Path:
    """Write the file and its (empty) pictures; returns the file."""
    path = folder / "annotations" / "instances_train2017.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    pictures = folder / "train2017"
    pictures.mkdir(exist_ok=True)
    for i in range(1, images + 1):
        (pictures / f"{i:012d}.jpg").touch()
    if path.exists():
        return path
    with path.open("w") as out:
        out.write('{"info": {"year": 2017}, "licenses": [], "images": ')
        write_list(out, map(image, range(1, images + 1)))
        out.write(', "annotations": ')
        write_list(out, annotations(np.random.default_rng(0), count, images))
        names = [{"supercategory": "thing", "id": i, "name": f"class {i}"} for i in CATEGORY_IDS]
        out.write(f', "categories": {json.dumps(names)}}}')
    return path


def run(what: str, path: Path) -> None:
    """Do one of the readings in this process and print its seconds and peak MB."""
    if what == "pycocotools":
        from pycocotools.coco import COCO

        begin = time.perf_counter()
        objects = len(COCO(str(path)).anns)
    elif what == "columns":
        from datapipe.formats.coco.columns import read_columns

        begin = time.perf_counter()
        objects = len(read_columns(str(path), path.name).objects)
    else:
        from datapipe.formats import coco
        from datapipe.formats.annotations import ReadOptions

        begin = time.perf_counter()
        objects = len(coco.read(str(path.parent.parent), ReadOptions()).class_id)
    seconds = time.perf_counter() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "peak_mb": peak, "objects": objects}))


def measure(what: str, path: Path, repeat: int) -> dict[str, float]:
    """Best of several fresh processes."""
    results = []
    for _ in range(repeat):
        command = [sys.executable, __file__, "--run", what, "--keep", str(path)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        results.append(json.loads(done.stdout.splitlines()[-1]))
    return {key: min(result[key] for result in results) for key in results[0]}


def main() -> None:
    """Parse the command line, make the file, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scale", type=float, default=1.0, help="times train2017's size")
    parser.add_argument("--images", type=int, default=118_287)
    parser.add_argument("--annotations", type=int, default=860_001)
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--only", nargs="*", default=["pycocotools", "columns", "read"])
    parser.add_argument("--keep", type=Path, help="folder to make the data in, and to find it again")
    parser.add_argument("--run", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.run:
        run(args.run, args.keep)
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.keep or Path(temporary)
        path = make(folder, round(args.images * args.scale), round(args.annotations * args.scale))
        print(f"{path}: {path.stat().st_size / 1e6:.0f} MB")
        figures = {what: measure(what, path, args.repeat) for what in args.only}
    base = figures.get("pycocotools")
    for what, got in figures.items():
        ratio = ""
        if base:
            times, memory = got["seconds"] / base["seconds"], got["peak_mb"] / base["peak_mb"]
            ratio = f"   time x {times:.3f}   memory x {memory:.3f}"
        print(f"{what:12} {got['seconds']:7.2f} s {got['peak_mb']:8.0f} MB {ratio}")


if __name__ == "__main__":
    main()
