"""Source -> plan -> shards -> manifest.

Everything is built in `OUT/.unfinished` and moved to its final name only when all of it is whole;
`dataset.json` comes last. A run that was killed at any moment is finished by the same command, to the same
bytes.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from datapipe import findings, manifest, shards, splits
from datapipe.engines import start
from datapipe.errors import EnvironmentProblem, InputError, UsageError, printable
from datapipe.findings import Account, Finding
from datapipe.images.check import Depth
from datapipe.manifest import UNFINISHED, Manifest
from datapipe.planning import ShardPlan, plan_shards
from datapipe.progress import Progress, silent
from datapipe.publish import FINDINGS, Limits, first_findings, hold, publish
from datapipe.reading import Selection, read_sources
from datapipe.records import readable
from datapipe.shards import ShardReport, write_bytes
from datapipe.version import VERSION


@dataclass(frozen=True)
class IngestOptions:
    """What an ingest is asked to do; the first block changes the result, the second does not.

    split:       "" for the source's own, else "train=0.8,val=0.2"
    shard_size:  most bytes of a shard, None for the default rule (see `planning`)
    shard_count: shards of each split, None to follow shard_size
    """

    selection: Selection = Selection()
    split: str = ""
    seed: int = 0
    shard_size: int | None = None
    shard_count: int | None = None
    check: Depth = "decode"

    workers: int = 1
    engine: Literal["local", "ray"] = "local"
    limits: Limits = Limits()


@dataclass(frozen=True)
class IngestResult:
    """What came of it.

    already: the folder held this very dataset finished; nothing was touched
    first:   the first findings of each code, for people
    """

    manifest: Manifest
    account: Account
    first: tuple[Finding, ...]
    notes: tuple[str, ...]
    already: bool = False

    def to_json(self) -> dict[str, Any]:
        """What `datapipe ingest --json` prints."""
        account = asdict(self.account)
        return {
            "images": account["images"],
            "objects": account["objects"],
            "repaired": account["repaired"],
            "left_out": account["left_out"],
            "kept_with_findings": account["kept"],
            "splits": self.manifest.splits(),
            "classes": list(self.manifest.classes),
            "objects_by_class": self.manifest.objects_by_class,
            "shards": [vars(shard) for shard in self.manifest.shards],
            "notes": list(self.notes),
            "already_complete": self.already,
        }


def ingest(
    sources: Sequence[str | Path],
    out: str | Path,
    options: IngestOptions | None = None,
    progress: Progress = silent,
) -> IngestResult:
    """Read sources and write a dataset.

    Args:
        sources: folders (or annotation files) in COCO, VOC or YOLO format; classes merge by name.
        out: folder to write; new, empty, or this very job's unfinished or finished work.
        options: see `IngestOptions`.
        progress: told how far it is.

    Raises:
        UsageError: out holds something else. InputError: the input's meaning is uncertain or nothing is
        usable.
        CheckFailed: strict or max_quarantine said no; nothing is published. EnvironmentProblem: disk,
        permissions.
    """
    asked = options or IngestOptions()
    if asked.split:
        splits.parse(asked.split)  # a slip of the pen is told at once, not after the reading
    within = [*sources, asked.selection.images] if asked.selection.images else sources
    target = _target(within, Path(out))
    with start(asked.engine, "datapipe.shards:write_shard", asked.workers) as engine:
        annotations = read_sources([str(source) for source in sources], asked.selection, progress)
        plan = plan_shards(annotations, asked.split, asked.seed, asked.shard_size, asked.shard_count)
        fingerprint = _fingerprint(plan, asked)
        finished = _finished(target, fingerprint)
        if finished:
            hold(finished.account, asked.limits, f"{target} was complete before and stays as it is")
            return finished
        with _workplace(target, fingerprint) as work:
            reports = _write(engine, plan, work, target, asked.check, progress)
            asked_of_result = {
                "split": asked.split,
                "seed": asked.seed,
                "check": asked.check,
                **asdict(asked.selection),
                "images": readable(asked.selection.images) if asked.selection.images else None,
            }
            try:
                made = publish(plan, reports, work, target, asked.limits, asked_of_result, fingerprint)
            except OSError as error:
                raise shards.unwritable(target, error) from None
    return _result(made, target)


def _target(sources: Sequence[str | Path], out: Path) -> Path:
    """The output folder, resolved.

    Raises:
        UsageError: it is a source, or inside one, or a file.
    """
    target = Path(os.path.realpath(out))
    for source in sources:
        real = Path(os.path.realpath(source))
        if target == real or real in target.parents:
            raise UsageError(
                f"--out {printable(out)}: lies in the source {printable(source)}; choose another folder"
            )
        if target in real.parents and (target / manifest.NAME).exists():
            raise UsageError(
                f"{printable(source)}: lies in the output folder {printable(out)}; choose another folder"
            )
    if target.exists() and not target.is_dir():
        raise UsageError(f"--out {printable(out)}: is a file; choose a folder")
    return target


def _fingerprint(plan: ShardPlan, asked: IngestOptions) -> str:
    """Everything that decides the result: annotations, the pictures' sizes and times, and the options."""
    a = plan.annotations
    hasher = hashlib.sha256()
    about = [VERSION, asked.check, a.classes, [asdict(source) for source in a.sources], plan.names]
    hasher.update(json.dumps(about).encode())
    for column in (
        a.wh,
        a.nbytes,
        a.declared,
        a.row_start,
        a.class_id,
        a.xyxy,
        a.flags,
        a.n,
        a.span,
        plan.order,
    ):
        hasher.update(column.tobytes())
    for image_id, path, name, split in zip(a.image_id, a.path, a.name, a.split, strict=True):
        hasher.update(f"{image_id}\0{path}\0{name}\0{split}\0".encode("utf-8", "surrogatepass"))
    files = [os.path.join(source.root, file) for source in a.sources for file in source.files]
    for path in (*a.path, *files):
        with suppress(OSError):  # a file that is gone by now is a finding of the writer
            about_file = os.stat(path)
            hasher.update(f"{about_file.st_size} {about_file.st_mtime_ns}\0".encode())
    for finding in a.findings:
        hasher.update("\0".join(finding).encode("utf-8", "surrogatepass"))
    return hasher.hexdigest()


def _finished(target: Path, fingerprint: str) -> IngestResult | None:
    """The result that is already there, if the folder holds this very job's.

    Raises:
        UsageError: the folder holds something else.
    """
    if not target.exists() or not any(target.iterdir()):
        return None
    if (target / manifest.NAME).exists():
        there = manifest.load(target)
        if there.fingerprint != fingerprint:
            raise UsageError(
                f"--out {target}: holds another dataset (other sources or options); choose another folder"
            )
        for name, about in there.files.items():
            if not (target / name).is_file() or (target / name).stat().st_size != about["bytes"]:
                raise InputError(
                    f"{target / name}: missing or changed; see `datapipe verify {target}`, ingest elsewhere"
                )
        shutil.rmtree(target / UNFINISHED, ignore_errors=True)
        return _result(there, target, already=True)
    marker = target / UNFINISHED / "job.json"
    if (target / UNFINISHED).is_dir():
        same = marker.exists() and json.loads(marker.read_text() or "{}").get("fingerprint") == fingerprint
        if marker.exists() and not same:
            raise UsageError(
                f"--out {target}: holds the unfinished work of another ingest (other sources or options); "
                "finish that one, delete the folder, or choose another"
            )
        return None
    if [entry.name for entry in target.iterdir()] == [FINDINGS]:
        return None
    raise UsageError(
        f"--out {target}: is not empty and not a dataset of this job; choose a new or empty folder"
    )


def _result(made: Manifest, target: Path, already: bool = False) -> IngestResult:
    balances = {name: findings.Balance(**made.account[name]) for name in ("images", "objects")}
    notes = tuple(note for source in made.sources for note in source["notes"])
    account = Account(**{**made.account, **balances})
    return IngestResult(made, account, first_findings(target / FINDINGS), notes, already)


@contextmanager
def _workplace(target: Path, fingerprint: str) -> Iterator[Path]:
    """OUT/.unfinished, locked against a second run and rid of what a killed one left half written."""
    work = target / UNFINISHED
    try:
        work.mkdir(parents=True, exist_ok=True)
        lock = open(work / "lock", "w")  # noqa: SIM115  # held until the end of the block
    except OSError as error:
        raise shards.unwritable(target, error) from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UsageError(f"--out {target}: another ingest is writing here; wait for it to end") from None
        # Without job.json nobody knows whose shards these are: a run was killed while it cleared them away.
        for orphan in work.glob("*.tmp-*" if (work / "job.json").exists() else "*"):
            if orphan.name != "lock":
                orphan.unlink(missing_ok=True)
        if (target / manifest.NAME).exists():
            raise UsageError(
                f"--out {target}: another ingest has finished here just now; choose another folder"
            )
        write_bytes(work / "job.json", json.dumps({"fingerprint": fingerprint}).encode())
        yield work


def _write(
    engine: Any, plan: ShardPlan, work: Path, target: Path, depth: Depth, progress: Progress
) -> list[ShardReport]:
    """Write the shards that no earlier run has finished."""
    done = {name: shards.finished(name, work, target) for name in plan.names}
    ready = sum(len(plan.images(name)) for name, report in done.items() if report)
    missing = [name for name, report in done.items() if report is None]
    _check_space(plan, missing, target)
    reports = {name: report for name, report in done.items() if report}
    with progress("writing", len(plan.annotations), "images") as advance:
        advance(ready)
        for report in engine.map((plan.spec(name, str(work), depth) for name in missing), advance):
            reports[report.name] = report
    return [reports[name] for name in plan.names]


def _check_space(plan: ShardPlan, missing: Sequence[str], target: Path) -> None:
    """Say at the start what would fail after hours.

    Raises:
        EnvironmentProblem: the pictures alone need more than is free.
    """
    need = sum(int(plan.annotations.nbytes[plan.images(name)].sum()) for name in missing)
    free = shutil.disk_usage(target).free
    if need > free:
        wanted = f"needs about {need / 1e9:.2f} GB, {free / 1e9:.2f} GB are free"
        raise EnvironmentProblem(f"{target}: {wanted}; make space and run the same command again")
