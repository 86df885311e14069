"""One shard, from its share of the plan to a finished file: a pure function, mapped over specs by an engine.

The same spec gives the same bytes wherever and however often it runs. Everything is written under a temporary
name, flushed, and renamed; the report (`<shard>.json`) comes last and says that the shard is done.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import secrets
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from datapipe import records, table, tfrecord
from datapipe.errors import EnvironmentProblem
from datapipe.findings import Action, Finding, tally
from datapipe.formats.annotations import Annotations
from datapipe.images.check import Depth
from datapipe.placing import place

SHARD_ENDINGS = (".tfrecord", ".index")
"""What a shard leaves in the dataset's folder."""

PART_ENDINGS = (".images.parquet", ".objects.parquet", ".findings.jsonl", ".json")
"""What it leaves for the run that joins the shards."""


@dataclass(frozen=True)
class ShardSpec:
    """One shard's share of the plan: small enough to send, complete enough to run anywhere.

    name:        "train-00000-of-00008"
    split, number: the shard's split and its number in it
    work:        folder for unfinished work
    annotations: the shard's images in the order of its records
    depth:       how far to check the pictures
    """

    name: str
    split: str
    number: int
    work: str
    annotations: Annotations
    depth: Depth


@dataclass(frozen=True)
class ShardReport:
    """What became of a shard.

    by_class: objects of each class
    tally:    "CODE action" -> number of findings made while writing
    """

    name: str
    split: str
    records: int
    objects: int
    bytes: int
    sha256: str
    index_bytes: int
    index_sha256: str
    by_class: list[int]
    tally: dict[str, int]

    def findings(self) -> Counter[tuple[str, Action]]:
        """The tally by (code, action)."""
        counted: Counter[tuple[str, Action]] = Counter()
        for key, n in self.tally.items():
            code, _, action = key.partition(" ")
            counted[code, action] = n  # type: ignore[index]  # written by write_shard from an Action
        return counted


def write_shard(spec: ShardSpec, advance: Callable[[int], None] = lambda amount: None) -> ShardReport:
    """Read, check and write one shard's images.

    Args:
        spec: the shard's share of the plan.
        advance: told of every image done.

    Returns:
        The report, also when an earlier run had already finished the shard.

    Raises:
        EnvironmentProblem: the disk is full, a file-size limit is reached, or the folder cannot be written.
    """
    stem = Path(spec.work, spec.name)
    rows = table.ShardTable(spec.split, spec.number)
    findings: list[Finding] = []
    spans: list[tuple[int, int]] = []
    hasher, offset = hashlib.sha256(), 0
    by_class = np.zeros(len(spec.annotations.classes), np.int64)
    with writing(f"{stem}.tfrecord") as file:
        for image in range(len(spec.annotations)):
            placed = place(spec.annotations, image, spec.depth, findings)
            if placed is not None:
                record, data = placed
                payload = records.encode(record, data, spec.annotations.classes)
                head, foot = tfrecord.frame(payload)
                for piece in (head, payload, foot):
                    file.write(piece)
                    hasher.update(piece)
                spans.append((offset, len(payload) + tfrecord.OVERHEAD))
                rows.add(record, *spans[-1])
                offset += spans[-1][1]
                by_class += np.bincount(record.class_id, minlength=len(by_class))
            advance(1)
    index = tfrecord.write_index(spans)
    write_bytes(f"{stem}.index", index)
    for ending, made in zip(PART_ENDINGS[:2], rows.tables(), strict=True):
        write_bytes(f"{stem}{ending}", table.to_bytes(made))
    write_bytes(f"{stem}.findings.jsonl", "".join(f.to_json() + "\n" for f in findings).encode())
    report = ShardReport(
        name=spec.name,
        split=spec.split,
        records=len(spans),
        objects=int(by_class.sum()),
        bytes=offset,
        sha256=hasher.hexdigest(),
        index_bytes=len(index),
        index_sha256=records.digest(index),
        by_class=by_class.tolist(),
        tally={f"{code} {action}": n for (code, action), n in sorted(tally(findings).items())},
    )
    write_bytes(f"{stem}.json", json.dumps(asdict(report)).encode())
    return report


def finished(spec_name: str, work: Path, out: Path) -> ShardReport | None:
    """The report of a shard that an earlier run finished, if all its files are still there."""
    try:
        report = ShardReport(**json.loads((work / f"{spec_name}.json").read_text()))
        there = all(
            any(
                (folder / (spec_name + ending)).stat().st_size == size
                for folder in (work, out)
                if (folder / (spec_name + ending)).exists()
            )
            for ending, size in zip(SHARD_ENDINGS, (report.bytes, report.index_bytes), strict=True)
        )
    except (OSError, ValueError, TypeError):
        return None
    parts = all((work / (spec_name + ending)).exists() for ending in PART_ENDINGS)
    return report if there and parts else None


@contextmanager
def writing(path: str) -> Iterator[BinaryIO]:
    """Write a file so that its name appears only when it is whole and flushed to the disk.

    Raises:
        EnvironmentProblem: no space, a size limit, or no permission; nothing is left behind.
    """
    temporary = f"{path}.tmp-{os.getpid()}-{secrets.token_hex(4)}"
    try:
        try:
            with open(temporary, "wb", buffering=1 << 20) as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            if os.path.exists(temporary):
                os.unlink(temporary)
            raise
    except OSError as error:
        raise unwritable(path, error) from None


def write_bytes(path: str | Path, data: bytes) -> None:
    """Write a small file whole or not at all."""
    with writing(str(path)) as file:
        file.write(data)


def unwritable(path: str | Path, error: OSError) -> EnvironmentProblem:
    """Say in one line why a file could not be written and what to do."""
    mend = {
        errno.ENOSPC: "make space and run the same command again to finish",
        errno.EDQUOT: "make space and run the same command again to finish",
        errno.EFBIG: "raise the file-size limit (ulimit -f) or use a smaller --shard-size",
        errno.EACCES: "choose a folder that you may write to",
        errno.EROFS: "choose a folder on a disk that can be written",
    }.get(error.errno or 0, "then run the same command again to finish")
    return EnvironmentProblem(f"{path}: cannot be written: {error.strerror or error}; {mend}")
