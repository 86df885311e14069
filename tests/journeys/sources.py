"""Small sources, the real command line, and what a folder holds: for the journeys."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from make import make_picture

from datapipe import tfrecord

DATAPIPE = str(Path(sys.executable).with_name("datapipe"))
MARK = "DATAPIPE_JOURNEY"
"""Variable in the environment of a command and its workers, to find what is left of them."""


def yolo(folder: Path, images: int = 48, names: str = "cat dog", side: int = 40) -> Path:
    """A YOLO source with two objects a picture, in train and val."""
    for split in ("train", "val"):
        for kind in ("images", "labels"):
            (folder / kind / split).mkdir(parents=True, exist_ok=True)
    (folder / "data.yaml").write_text(
        f"train: images/train\nval: images/val\nnames: [{', '.join(names.split())}]\n"
    )
    for i in range(images):
        stem = f"{'val' if i % 4 == 3 else 'train'}/{i:04}"
        size = (side + 7 * (i % 9), side + 5 * (i % 4))
        (folder / f"images/{stem}.jpg").write_bytes(make_picture(size, seed=i))
        rows = f"0 0.5 0.5 0.{i % 5 + 2} 0.3\n1 0.25 0.3 0.2 0.{i % 7 + 1}\n"
        (folder / f"labels/{stem}.txt").write_text(rows)
    return folder


def spoil(folder: Path) -> int:
    """Make three objects of a `yolo` source and one picture with two unusable: how many items are lost."""
    (folder / "labels/train/0000.txt").write_text("0 0.5 0.5 0.2 0.3\n0 3.0 0.5 0.1 0.1\n7 0.5 0.5 0.1 0.1\n")
    (folder / "labels/train/0001.txt").write_text("0 0.5 0.5 0.2 0.3\n0 0.5 nan 0.1 0.1\n")
    (folder / "images/train/0002.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture")
    return 6


def run(*arguments: object, **changes: Any) -> subprocess.CompletedProcess[str]:
    """Run `datapipe` to its end."""
    environment = {**os.environ, **changes.pop("env", {})}
    return subprocess.run(
        [DATAPIPE, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        env=environment,
        **changes,
    )


def job(source: Path, out: Path, workers: int = 1, *more: object) -> list[str]:
    """The arguments of an ingest into many small shards."""
    return ["ingest", str(source), "--out", str(out), "--shards", "12", "-w", str(workers), *map(str, more)]


@contextmanager
def started(arguments: list[str], mark: str) -> Iterator[subprocess.Popen[str]]:
    """A running `datapipe`, whose whole family is gone at the end."""
    process = subprocess.Popen(
        [DATAPIPE, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, MARK: mark},
    )
    with process:
        try:
            yield process
        finally:
            process.kill()
            for pid in family(mark):
                with suppress(ProcessLookupError):
                    os.kill(pid, 9)


def family(mark: str) -> list[int]:
    """Ids of the live processes that were started with this mark."""
    found = []
    wanted = f"{MARK}={mark}".encode()
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with suppress(OSError):
                if wanted in Path(entry.path, "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
    return found


def gone(mark: str, within: float = 5.0) -> bool:
    """Whether nothing of a command's family is left after a few seconds."""
    end = time.monotonic() + within
    while family(mark):
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def there(folder: Path, pattern: str) -> set[Path]:
    """Files there now; a folder may vanish while one looks."""
    with suppress(FileNotFoundError):
        return set(folder.glob(pattern))
    return set()


def contents(folder: Path) -> dict[str, str]:
    """Every path below a folder, with the SHA-256 of what is in it ("" for a folder)."""
    return {
        str(path.relative_to(folder)): "" if path.is_dir() else hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
    }


def stamps(folder: Path) -> dict[str, tuple[int, int]]:
    """Every path below a folder, and the folder, with inode and time of its last change."""
    return {str(path): (path.stat().st_ino, path.stat().st_mtime_ns) for path in [folder, *folder.rglob("*")]}


def hold_whole(out: Path, reference: Path) -> bool:
    """Check that every file with a final name is whole; True if the dataset is finished.

    A shard that has its name in the workplace already counts as finished there, so it must be whole too.
    """
    if not out.exists():
        return False
    final = [path for path in out.iterdir() if path.is_file()]
    shards = [path for path in out.glob(".unfinished/*") if path.suffix in (".tfrecord", ".index")]
    for path in final + shards:
        if path.suffix == ".tfrecord":
            with open(path, "rb") as file:
                assert list(tfrecord.scan(file, path.name))
        assert path.read_bytes() == (reference / path.name).read_bytes(), f"{path} is torn"
    finished = (out / "dataset.json").exists()
    if finished:
        assert {path.name for path in final} == {path.name for path in reference.iterdir()}
    return finished
