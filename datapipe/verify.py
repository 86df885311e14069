"""Is a dataset still what `ingest` wrote? Re-reads every byte; names the shard and record of any damage."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from datapipe import edits, manifest, records, table, tfrecord
from datapipe.dataset import Dataset
from datapipe.errors import InputError, RecordError
from datapipe.findings import Finding
from datapipe.images.check import check
from datapipe.images.probe import ImageProblem, probe
from datapipe.manifest import Manifest, ShardEntry
from datapipe.progress import Advance, Progress, silent


@dataclass(frozen=True)
class Verification:
    """What was looked at and what was wrong with it; no findings means the dataset is whole."""

    files: int
    records: int
    bytes: int
    findings: tuple[Finding, ...]

    def to_json(self) -> dict[str, Any]:
        """What `datapipe verify --json` prints."""
        found = [json.loads(finding.to_json()) for finding in self.findings]
        return {
            "whole": not found,
            "files": self.files,
            "records": self.records,
            "bytes": self.bytes,
            "findings": found,
        }


def verify(folder: str | Path, progress: Progress = silent) -> Verification:
    """Check everything in a dataset's folder.

    The manifest's digest; size and SHA-256 of every file; of every record both checksums, its place in the
    index, its picture's hash, decodability and size, and its row in the tables; the counts; the sense of the
    overlays.

    Raises:
        InputError: there is no manifest, or it is damaged: then nothing it says can be checked.
    """
    root = Path(folder)
    made = manifest.load(root)
    found = [*_counts(made), *_strangers(root, made), *_overlays(root, made)]
    total = sum(about["bytes"] for about in made.files.values())
    with progress("verifying", total, "bytes") as advance:
        for name, about in made.files.items():
            if not name.endswith(".tfrecord"):
                found += _file(root, name, about)
                advance(about["bytes"])
        tables = _ShardTables(root, made, skip={finding.file for finding in found})
        for shard in made.shards:
            found += _shard(root, shard, made, tables, advance)
    checked = sum(shard.records for shard in made.shards)
    return Verification(len(made.files) + 1, checked, total, tuple(found))


def _wrong(code: str, file: str, place: str, value: str, image: str = "") -> Finding:
    return Finding(code, "kept", file, place, value, image)


def _counts(made: Manifest) -> Iterator[Finding]:
    """The manifest against itself."""
    kept = {"images": sum(s.records for s in made.shards), "objects": sum(s.objects for s in made.shards)}
    for name, n in kept.items():
        balance = made.account[name]
        if balance["kept"] != n or balance["read"] != balance["kept"] + balance["left_out"]:
            yield _wrong("DP406", manifest.NAME, name, f"{balance} but the shards hold {n}")


def _strangers(root: Path, made: Manifest) -> Iterator[Finding]:
    known = {*made.files, manifest.NAME, edits.SPLITS, edits.EDITS}
    known.add(manifest.UNFINISHED)  # of a run killed when all was done; the same command takes it away
    for entry in sorted(root.iterdir()):
        if entry.name not in known:
            yield _wrong("DP408", entry.name, "", "not listed in dataset.json")


def _overlays(root: Path, made: Manifest) -> Iterator[Finding]:
    if not any((root / name).exists() for name in (edits.SPLITS, edits.EDITS)):
        return
    try:
        edits.read(root, made.classes)
        dataset = Dataset(root)
        known: dict[str, list[str]] = {}
        for image_id, decided in dataset.edits_by_image.items():
            known[image_id] = dataset.stored_object_ids(image_id)
            for edit in decided:
                if edit.object is not None and edit.object not in known[image_id]:
                    yield _wrong(
                        "DP407", edits.EDITS, edit.place, f"image {image_id!r} has no object {edit.object!r}"
                    )
    except (InputError, OSError) as error:
        yield _wrong("DP407", f"{edits.SPLITS}, {edits.EDITS}", "", str(error))


def _file(root: Path, name: str, about: dict[str, object]) -> Iterator[Finding]:
    try:
        digest = manifest.sha256_of(root / name)
    except OSError as error:
        yield _wrong("DP401", name, "", error.strerror or str(error))
        return
    if digest != about["sha256"]:
        size = (root / name).stat().st_size
        yield _wrong(
            "DP402",
            name,
            "",
            f"{size} bytes, SHA-256 {digest[:12]}…; listed {about['bytes']}, {str(about['sha256'])[:12]}…",
        )


class _ShardTables:
    """The tables' rows shard by shard, as `ShardTable` would make them from the records."""

    def __init__(self, root: Path, made: Manifest, skip: set[str]) -> None:
        """Read the tables, but not those whose damage is already told: any byte may be wrong in them."""
        self._tables: dict[str, dict[str, Any]] = {}
        for name in {"images.parquet", "objects.parquet"} - skip:
            with suppress(OSError, ValueError):  # compare() will miss its columns
                self._tables[name] = table.read(root / name)
        self._skip = skip
        self._first: dict[str, tuple[int, int]] = {}
        images = objects = 0
        for shard in made.shards:
            self._first[shard.name] = (images, objects)
            images, objects = images + shard.records, objects + shard.objects

    def compare(self, made: table.ShardTable, shard: ShardEntry) -> Iterator[Finding]:
        """Compare a shard's rows with those made anew from its records."""
        first, begun = self._first[shard.name]
        new_images, new_objects = made.tables()
        for name, new, rows in (
            ("images.parquet", new_images, slice(first, first + shard.records)),
            ("objects.parquet", new_objects, slice(begun, begun + shard.objects)),
        ):
            for column in new.column_names if name not in self._skip else ():
                want = table.numpy_of(new[column])
                if column == "image":
                    want = want + first
                have = self._tables.get(name, {}).get(column, np.empty(0))[rows]
                if len(have) != len(want) or not np.array_equal(have, want):
                    where = f"{shard.name}.tfrecord, column {column}"
                    yield _wrong("DP405", name, where, f"differs from the {len(want)} rows of the records")


def _shard(
    root: Path, shard: ShardEntry, made: Manifest, tables: _ShardTables, advance: Advance
) -> Iterator[Finding]:
    name = f"{shard.name}.tfrecord"
    path, listed = root / name, made.files[name]
    if not path.is_file():
        yield _wrong("DP401", name, "", "no such file")
        return
    number = int(shard.name.rsplit("-", 3)[-3])
    rows, spans, objects = table.ShardTable(shard.split, number), [], 0
    hasher = hashlib.sha256()
    damaged = False
    with open(path, "rb") as file:
        try:
            for i, (offset, payload) in enumerate(tfrecord.scan(file, name)):
                head, foot = tfrecord.frame(payload)
                for piece in (head, payload, foot):
                    hasher.update(piece)
                spans.append((offset, len(payload) + tfrecord.OVERHEAD))
                problem, record = _record(payload, made)
                if problem:
                    damaged = True
                    yield _wrong(
                        "DP403",
                        name,
                        f"record {i} at byte {offset}",
                        problem,
                        "" if record is None else record.filename,
                    )
                if record is not None:
                    rows.add(record, *spans[-1])
                    objects += len(record)
                advance(spans[-1][1])
        except RecordError as error:
            yield _wrong("DP403", name, str(error).split(": ")[1], str(error).split(": ", 2)[-1])
            return
    if len(spans) != shard.records or objects != shard.objects:
        yield _wrong(
            "DP403",
            name,
            "",
            f"{len(spans)} records, {objects} objects; listed {shard.records}, {shard.objects}",
        )
        return
    if hasher.hexdigest() != listed["sha256"]:
        yield _wrong(
            "DP402", name, "", f"SHA-256 {hasher.hexdigest()[:12]}…, listed {listed['sha256'][:12]}…"
        )
    if not damaged:
        yield from _index(root, shard, spans)
        yield from tables.compare(rows, shard)


def _index(root: Path, shard: ShardEntry, spans: list[tuple[int, int]]) -> Iterator[Finding]:
    name = f"{shard.name}.index"
    if (root / name).is_file() and (root / name).read_bytes() != tfrecord.write_index(spans):
        yield _wrong("DP404", name, "", f"does not list the {len(spans)} records of {shard.name}.tfrecord")


def _record(payload: bytes, made: Manifest) -> tuple[str, records.ImageRecord | None]:
    """What is wrong with a record ("" for nothing), and the record if it can be read."""
    try:
        record, data = records.decode(payload)
    except ValueError as error:
        return str(error), None
    if records.digest(data) != record.sha256:
        return "the picture's SHA-256 is another than image/key/sha256", record
    try:
        header = probe(data)
        check(data, header, made.options.get("check", "decode"))  # no deeper than ingest was asked to look
    except ImageProblem as problem:
        return f"the picture does not decode: {problem.value}", record
    if (header.format, header.wh, header.orientation) != (record.format, record.wh, 1):
        return (
            f"the picture is {header.format} {header.wh}, the record says {record.format} {record.wh}",
            record,
        )
    classes = record.class_id
    if len(classes) and not (classes.min() >= 0 and classes.max() < len(made.classes)):
        return f"class label {int(classes.max()) + 1} of {len(made.classes)}", record
    return "", record
