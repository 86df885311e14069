"""Disks that are full, limited, read-only or failing: one line, nothing half done, and the work resumes."""

import builtins
import errno
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from datapipe import shards
from datapipe.errors import CheckFailed, EnvironmentProblem
from datapipe.ingest import IngestOptions, ingest
from datapipe.publish import Limits
from datapipe.verify import verify
from journeys.sources import DATAPIPE, contents, hold_whole, job, run, spoil, yolo


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return yolo(tmp_path_factory.mktemp("source"), images=36, side=120)


@pytest.fixture(scope="module")
def reference(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("reference") / "out"
    assert run(*job(source, out)).returncode == 0
    return out


def hold_refused(
    failed: subprocess.CompletedProcess[str], out: Path, reference: Path, *words: str, workers: int = 1
) -> None:
    """One line, exit 4, no manifest, no shard that looks finished and is not."""
    assert failed.returncode == 4, failed
    assert failed.stdout == "" and failed.stderr.count("\n") == 1, failed.stderr
    assert failed.stderr.startswith("error: ")
    for word in words:
        assert word in failed.stderr
    assert not hold_whole(out, reference)
    assert not list(out.glob("*.tfrecord"))
    half = list(out.glob("**/*.tmp-*"))
    if workers == 1:
        assert not half, "a half-written file is left"
    else:  # one worker fails, the others are killed as they write: the next run takes away what they leave
        assert {path.parent.name for path in half} <= {".unfinished"}


def limited(nbytes: int, arguments: list[str]) -> subprocess.CompletedProcess[str]:
    """Run `datapipe` where no file may be larger than this."""
    code = (
        "import os, resource, sys; n = int(sys.argv[1]); "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (n, n)); os.execv(sys.argv[2], sys.argv[2:])"
    )
    command = [sys.executable, "-c", code, str(nbytes), DATAPIPE, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize(("share", "workers"), [(0.01, 1), (0.5, 1), (0.5, 2), (0.97, 1)])
def test_a_file_size_limit_is_one_line_and_the_job_can_be_finished(
    share: float, workers: int, source, reference, tmp_path
):
    largest = max(path.stat().st_size for path in reference.glob("*.tfrecord"))
    arguments = job(source, tmp_path / "out", workers, "-q")
    failed = limited(int(share * largest), arguments)
    hold_refused(failed, tmp_path / "out", reference, "File too large", "ulimit -f", workers=workers)
    again = run(*arguments)
    assert again.returncode == 0, again.stderr
    assert contents(tmp_path / "out") == contents(reference)


@contextmanager
def disk(folder: Path, nbytes: int) -> Iterator[Callable[[str], None]]:
    """A disk of its own at `folder`; gives a function that mounts it anew with other options."""
    folder.mkdir()
    if os.geteuid():
        pytest.skip("only root can mount")
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={nbytes}", "datapipe-test", folder], capture_output=True
    )
    if made.returncode:
        pytest.skip(f"mount does not work here: {made.stderr.decode().strip()}")
    try:
        yield lambda options: subprocess.run(["mount", "-o", f"remount,{options}", folder], check=True)
    finally:
        subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize(("spare", "workers"), [(-40_000, 1), (20_000, 1), (20_000, 2), (120_000, 1)])
def test_a_full_disk_is_one_line_and_the_job_can_be_finished(
    spare: int, workers: int, source, reference, tmp_path
):
    pictures = sum(path.stat().st_size for path in source.rglob("*.jpg"))
    with disk(tmp_path / "disk", pictures + spare) as remount:
        out = tmp_path / "disk/out"
        arguments = job(source, out, workers, "-q")
        for _ in range(2):
            hold_refused(
                run(*arguments), out, reference, "make space", "run the same command again", workers=workers
            )
        remount("size=50m")
        again = run(*arguments)
        assert again.returncode == 0, again.stderr
        assert contents(out) == contents(reference)


def test_a_read_only_disk_is_one_line_and_nothing_is_touched(source, reference, tmp_path):
    with disk(tmp_path / "disk", 50 << 20) as remount:
        out = tmp_path / "disk/parent/out"
        arguments = job(source, out, 1, "-q")
        remount("ro")
        failed = run(*arguments)
        hold_refused(failed, out, reference, "Read-only file system", "choose a folder")
        remount("rw")
        assert list((tmp_path / "disk").iterdir()) == []
        assert run(*arguments).returncode == 0
        remount("ro")
        again = run(*arguments)  # finished: nothing has to be written
        assert (again.returncode, again.stderr) == (0, ""), again.stderr
        assert verify(out).findings == () and contents(out) == contents(reference)


# Failures of single calls, in process: the n-th call fails, for n = 1, 2, 3 ... until none is left to fail.

SMALL = IngestOptions(shard_count=2)


class Failing:
    """Stands in for a function that writes below a folder; its n-th such call fails as on a full disk."""

    def __init__(self, function: Callable[..., Any], below: Path, nth: int) -> None:
        self.function, self.below, self.left = function, str(below), nth

    def due(self, place: object) -> bool:
        path = os.readlink(f"/proc/self/fd/{place}") if isinstance(place, int) else str(place)
        self.left -= path.startswith(self.below)
        return self.left == 0 and path.startswith(self.below)

    def __call__(self, place: Any, *more: Any, **named: Any) -> Any:
        if self.due(place):
            self.left = -1
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), *([place] if more else []))
        return self.function(place, *more, **named)


class FailingFile:
    """A file whose writing fails half way when its `Failing` says so."""

    def __init__(self, file: Any, failing: Failing) -> None:
        self._file, self._failing = file, failing

    def write(self, data: bytes) -> int:
        if self._failing.due(self._file.name):
            self._failing.left = -1
            self._file.write(data[: len(data) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return int(self._file.write(data))

    def __enter__(self) -> "FailingFile":
        return self

    def __exit__(self, *about: object) -> None:
        self._file.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def broken(patch: pytest.MonkeyPatch, call: str, out: Path, nth: int) -> Failing:
    """Make the n-th replace, fsync or write below a folder fail."""
    if call == "write":
        failing = Failing(builtins.open, out, nth)

        def opened(path: Any, mode: str = "r", *more: Any, **named: Any) -> Any:
            file = builtins.open(path, mode, *more, **named)  # noqa: SIM115
            return FailingFile(file, failing) if "w" in mode else file

        patch.setattr(shards, "open", opened, raising=False)
    else:
        failing = Failing(getattr(os, call), out, nth)
        patch.setattr(os, call, failing)
    if call != "fsync":
        patch.setattr(os, "fsync", lambda descriptor: None)  # hundreds of them, each a wait for the disk
    return failing


@pytest.mark.parametrize("call", ["replace", "fsync", "write"])
def test_whatever_write_fails_the_folder_is_unfinished_or_finished(call: str, tmp_path):
    source = yolo(tmp_path / "source", images=8)
    spoil(source)
    ingest([source], tmp_path / "whole", SMALL)
    states = set()
    for nth in range(1, 200):
        out = tmp_path / f"out{nth}"
        with pytest.MonkeyPatch.context() as patch:
            failing = broken(patch, call, out, nth)
            try:
                ingest([source], out, SMALL)
            except EnvironmentProblem as problem:
                told = str(problem)
                assert "No space left on device; make space and run the same command again" in told
        if failing.left > 0:
            break
        assert failing.left == -1
        finished = hold_whole(out, tmp_path / "whole")
        states.add(finished)
        assert finished or (out / ".unfinished").is_dir()
        again = ingest([source], out, SMALL)
        assert again.already == finished
        assert contents(out) == contents(tmp_path / "whole")
    assert nth > 15 and False in states
    assert states == {False, True} if call == "fsync" else {False}  # the last flush comes after the manifest


def test_strict_after_a_run_that_failed_while_giving_names_publishes_nothing(tmp_path):
    source = yolo(tmp_path / "source", images=8)
    spoil(source)
    ingest([source], tmp_path / "whole", SMALL)
    names = len(contents(tmp_path / "whole"))
    for before_the_end in range(1, names, 3):
        out = tmp_path / f"out{before_the_end}"
        with pytest.MonkeyPatch.context() as patch:
            counting = broken(patch, "replace", out, 10**6)
            ingest([source], out, SMALL)
            total = 10**6 - counting.left
        out = tmp_path / f"strict{before_the_end}"
        with pytest.MonkeyPatch.context() as patch:
            broken(patch, "replace", out, total - before_the_end)
            with pytest.raises(EnvironmentProblem):
                ingest([source], out, SMALL)
        with pytest.raises(CheckFailed, match="nothing was published"):
            ingest([source], out, IngestOptions(shard_count=2, limits=Limits(strict=True)))
        assert list(contents(out)) == ["findings.jsonl"]
        ingest([source], out, SMALL)
        assert contents(out) == contents(tmp_path / "whole")
