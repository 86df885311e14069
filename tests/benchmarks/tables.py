"""Seconds and peak memory of the commands that answer from the object table, start-up included.

`python tests/benchmarks/tables.py` writes a dataset's tables of COCO's size (860 000 objects on 118 287
pictures) and of 5 000 objects, without shards, and runs `datapipe stats`, `anchors` and `doctor` on them, the
latter two also on 100 000 objects as a recipe's plans leave them.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from stats import synthetic

from datapipe import manifest, records, table

COMMANDS = (
    ("stats",),
    ("anchors", "--k", "9"),
    ("anchors", "--detector", "retinanet"),
    ("anchors", "--detector", "mobilenet_ssd"),
    ("doctor",),
    ("anchors", "--recipe", "yolov4"),  # 100 000 objects after mosaics and geometry
    ("doctor", "--recipe", "yolov4"),
)


def write(folder: Path, objects: int, images: int) -> Path:
    """A dataset without shards: a manifest and the two tables."""
    folder.mkdir(parents=True)
    made = synthetic(objects, images)
    wide, high = made.image_wh.T
    there: dict[str, object] = {
        "image_id": [str(i) for i in range(images)],
        "filename": [f"{i:012d}.jpg" for i in range(images)],
        "path": [f"images/{i:012d}.jpg" for i in range(images)],
        "split": ["val" if i % 24 == 0 else "train" for i in range(images)],
        "format": ["jpeg"] * images,
        "sha256": [f"{i:064x}" for i in range(images)],
        "height": high,
        "width": wide,
        "objects": np.bincount(made.image, minlength=images),
    }
    x1, y1, x2, y2 = made.xyxy.T
    rows: dict[str, object] = {
        "image": made.image,
        "object_id": [str(i) for i in range(objects)],
        "class_id": made.class_id,
        "xmin": x1,
        "ymin": y1,
        "xmax": x2,
        "ymax": y2,
        "area": made.area,
        "crowd": made.crowd,
        "difficult": made.difficult,
        "truncated": made.truncated,
    }
    files = {}
    for name, schema, columns in (("images", table.IMAGES, there), ("objects", table.OBJECTS, rows)):
        count = images if name == "images" else objects
        arrays = [pa.array(columns.get(f.name, np.zeros(count)), f.type, safe=False) for f in schema]
        file = folder / f"{name}.parquet"
        pq.write_table(pa.Table.from_arrays(arrays, schema=schema), file)
        files[file.name] = {"bytes": file.stat().st_size, "sha256": records.digest(file.read_bytes())}
    by_class = np.bincount(made.class_id, minlength=len(made.classes)).tolist()
    told = manifest.Manifest(
        classes=made.classes,
        shards=(),
        files=files,
        sources=(),
        account={},
        options={},
        fingerprint="",
        objects_by_class=dict(zip(made.classes, by_class, strict=True)),
        tool="benchmark",
    )
    (folder / "dataset.json").write_bytes(manifest.dump(told))
    return folder


def run(folder: Path, command: tuple[str, ...]) -> tuple[float, float, float]:
    """Wall seconds, CPU seconds and peak MB of one command."""
    begun = time.perf_counter()
    arguments = [sys.executable, "-m", "datapipe", command[0], str(folder), *command[1:], "-q", "--json"]
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 1):  # 1: the doctor found something serious
        raise SystemExit(f"{command[0]}: exit code {process.returncode}")
    return time.perf_counter() - begun, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def main() -> None:
    """Write the tables, run the commands, print a line each."""
    with tempfile.TemporaryDirectory(prefix="datapipe-tables-") as made:
        for objects, images in ((5_000, 700), (860_000, 118_287)):
            folder = write(Path(made, str(objects)), objects, images)
            for command in COMMANDS:
                wall, cpu, peak = run(folder, command)
                name = f"{objects:>8,} objects  {' '.join(command):35}"
                print(f"{name} {wall:6.2f} s {cpu:6.2f} s CPU {peak:6.0f} MB", flush=True)


if __name__ == "__main__":
    main()
