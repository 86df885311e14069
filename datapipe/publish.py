"""The last step of an ingest: balance the account, join the shards' parts, hold the checks, give final names.

The order matters: everything is whole and flushed in the workplace first, then renamed, and `dataset.json`,
which means success, comes last.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from datapipe import findings, manifest, shards, table
from datapipe.errors import CheckFailed, InputError
from datapipe.findings import Account, Action, Finding
from datapipe.manifest import Manifest, ShardEntry
from datapipe.planning import ShardPlan
from datapipe.records import readable
from datapipe.shards import ShardReport, write_bytes
from datapipe.version import VERSION

FINDINGS = "findings.jsonl"
DERIVED = ("images.parquet", "objects.parquet", "label_map.pbtxt", FINDINGS)
"""Files beside the shards."""


@dataclass(frozen=True)
class Limits:
    """When to publish nothing.

    strict:         any item left out
    max_quarantine: more items left out than this number (int) or share of all items (float); None for no
    limit
    """

    strict: bool = False
    max_quarantine: int | float | None = None


def publish(
    plan: ShardPlan,
    reports: Sequence[ShardReport],
    work: Path,
    target: Path,
    limits: Limits,
    options: dict[str, Any],
    fingerprint: str,
) -> Manifest:
    """Turn finished shards into a finished dataset.

    Args:
        plan: what was planned.
        reports: of all its shards, in order.
        work: the workplace; gone afterwards.
        target: the dataset's folder.
        limits: when to publish nothing.
        options: for the manifest.
        fingerprint: of the job, for the manifest.

    Raises:
        CheckFailed: a limit was passed. InputError: no image is left. Both leave only the list of findings.
    """
    annotations = plan.annotations
    account = _balance(plan, reports)
    names = [report.name for report in reports]
    _join_findings(annotations.findings, names, work)
    try:
        hold(account, limits, "nothing was published")
        if not account.images.kept:
            raise InputError(f"nothing usable is left: {_reasons(account)}; see {target / FINDINGS}")
    except (CheckFailed, InputError):
        _withdraw(names, target, work)
        raise
    _derive(names, annotations.classes, work)
    files = {name: _about(work / name) for name in DERIVED}
    for report in reports:
        files[f"{report.name}.tfrecord"] = {"bytes": report.bytes, "sha256": report.sha256}
        files[f"{report.name}.index"] = {"bytes": report.index_bytes, "sha256": report.index_sha256}
    by_class = np.sum([report.by_class for report in reports], axis=0).tolist()
    made = Manifest(
        classes=annotations.classes,
        shards=tuple(ShardEntry(r.name, r.split, r.records, r.objects, r.bytes, r.sha256) for r in reports),
        files=files,
        sources=tuple(
            asdict(source) | {"root": readable(source.root), "files": len(source.files)}
            for source in annotations.sources
        ),
        account=asdict(account),
        options=options,
        fingerprint=fingerprint,
        objects_by_class=dict(zip(annotations.classes, by_class, strict=True)),
        tool=f"datapipe {VERSION}",
    )
    for name in files:
        if (work / name).exists():  # else an earlier run was killed after giving this one its name
            os.replace(work / name, target / name)
    _flush_folder(target)
    write_bytes(work / manifest.NAME, manifest.dump(made))
    os.replace(work / manifest.NAME, target / manifest.NAME)
    _flush_folder(target)
    shutil.rmtree(work)
    return made


def _balance(plan: ShardPlan, reports: Sequence[ShardReport]) -> Account:
    counted: Counter[tuple[str, Action]] = findings.tally(plan.annotations.findings)
    for report in reports:
        counted += report.findings()
    account = findings.account(
        plan.annotations.images_read,
        sum(report.records for report in reports),
        plan.annotations.objects_read,
        sum(report.objects for report in reports),
        counted,
    )
    account.check()
    return account


def _derive(names: Sequence[str], classes: Sequence[str], work: Path) -> None:
    table.join(
        [(work / f"{name}.images.parquet", work / f"{name}.objects.parquet") for name in names],
        work / "images.parquet",
        work / "objects.parquet",
    )
    write_bytes(work / "label_map.pbtxt", _label_map(classes))


def hold(account: Account, limits: Limits, so: str) -> None:
    """Hold --strict and --max-quarantine.

    Args:
        account: what was left out.
        limits: how much may be.
        so: what that means for the output, for the message.

    Raises:
        CheckFailed: naming what was left out and the limit.
    """
    lost = account.quarantined
    if limits.strict and lost:
        raise CheckFailed(f"--strict: {lost} items quarantined ({_reasons(account)}); {so}")
    limit = limits.max_quarantine
    if limit is None:
        return
    share = isinstance(limit, float)
    most = limit * (account.images.read + account.objects.read) if share else limit
    if lost > most:
        shown = f"{limit:.2%}" if share else str(limit)
        raise CheckFailed(f"--max-quarantine {shown}: {lost} items quarantined ({_reasons(account)}); {so}")


def _reasons(account: Account) -> str:
    named = [
        f"{n} {findings.codes()[code]}" for code, n in sorted(account.left_out.items(), key=lambda kv: -kv[1])
    ]
    return ", ".join(named[:5]) + (" …" if len(named) > 5 else "") or "no image was read"


def _withdraw(names: Sequence[str], target: Path, work: Path) -> None:
    """Publish nothing but the list of what was wrong."""
    os.replace(work / FINDINGS, target / FINDINGS)
    for stray in (*DERIVED, *(name + ending for name in names for ending in shards.SHARD_ENDINGS)):
        if stray != FINDINGS:  # from a run killed while it gave files their names
            (target / stray).unlink(missing_ok=True)
    shutil.rmtree(work)


def _join_findings(read: Sequence[Finding], names: Sequence[str], work: Path) -> None:
    with shards.writing(str(work / FINDINGS)) as file:
        for finding in read:
            file.write(finding.to_json().encode("utf-8", "backslashreplace") + b"\n")
        for name in names:
            with open(work / f"{name}.findings.jsonl", "rb") as part:
                shutil.copyfileobj(part, file)


def first_findings(path: Path, most: int = 3) -> tuple[Finding, ...]:
    """The first few findings of each code, read back from the list."""
    shown: Counter[str] = Counter()
    picked: list[Finding] = []
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            shown[row["code"]] += 1
            if shown[row["code"]] <= most:
                picked.append(Finding(**{name: row[name] for name in Finding._fields}))
    return tuple(picked)


def _label_map(classes: Sequence[str]) -> bytes:
    """TF Object Detection's label map, StringIntLabelMap as text; ids start at 1, 0 is the background."""
    items = [
        f"item {{\n  id: {i}\n  name: {json.dumps(name, ensure_ascii=False)}\n}}\n"
        for i, name in enumerate(classes, 1)
    ]
    return "".join(items).encode()


def _about(path: Path) -> dict[str, Any]:
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        os.fsync(file.fileno())
    return {"bytes": path.stat().st_size, "sha256": digest}


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
