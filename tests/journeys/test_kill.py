"""Killed at any moment: what has a final name is whole, and the same command finishes to the same bytes."""

import os
import random
import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from datapipe.verify import verify
from journeys.sources import contents, family, gone, hold_whole, job, run, started, there, yolo

PROGRESS = re.compile(r"(reading annotations|writing): \d+ %")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return yolo(tmp_path_factory.mktemp("source"), images=72)


@pytest.fixture(scope="module")
def reference(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same job, undisturbed."""
    out = tmp_path_factory.mktemp("reference") / "out"
    undisturbed = run(*job(source, out))
    assert undisturbed.returncode == 0, undisturbed.stderr
    assert len(list(out.glob("*.tfrecord"))) == 24
    return out


def began(process: subprocess.Popen[str]) -> None:
    """Wait until the command line has taken over: SIGTERM is caught."""
    while process.poll() is None:
        status = Path(f"/proc/{process.pid}/status").read_text()
        caught = int(re.search(r"SigCgt:\s*(\w+)", status)[1], 16)
        if caught >> (signal.SIGTERM - 1) & 1:
            return
        time.sleep(0.001)


def after(seconds: float) -> Callable[[subprocess.Popen[str], Path], None]:
    """A moment: so long after the command line took over."""

    def wait(process: subprocess.Popen[str], out: Path) -> None:
        began(process)
        time.sleep(seconds)

    wait.__name__ = f"after_{seconds:.3f}_s"
    return wait


def on_file(events: int, pattern: str) -> Callable[[subprocess.Popen[str], Path], None]:
    """A moment: this run made the n-th new file of a kind."""

    def wait(process: subprocess.Popen[str], out: Path) -> None:
        old, seen = there(out, pattern), set()
        while process.poll() is None and len(seen) < events:
            seen |= there(out, pattern) - old

    wait.__name__ = f"on_file_{events}_{pattern}"
    return wait


def moments(seed: int, n: int) -> list[Callable[[subprocess.Popen[str], Path], None]]:
    """Moments all over a run: by the clock, while shards are written, while names are given."""
    chance = random.Random(seed)
    kinds = [
        lambda: after(chance.uniform(0, 1.0)),
        lambda: on_file(chance.randint(1, 12), ".unfinished/*.tfrecord"),
        lambda: on_file(chance.randint(1, 50), ".unfinished/*"),
        lambda: on_file(chance.randint(1, 50), "*"),
    ]
    return [kinds[i % len(kinds)]() for i in range(n)]


def interrupt(arguments: list[str], number: int, moment: Callable, out: Path) -> None:
    """Start the command, send it a signal at a moment, and see that it ends as it should."""
    mark = f"kill-{os.getpid()}-{time.monotonic_ns()}"
    with started(arguments, mark) as process:
        moment(process, out)
        process.send_signal(number)
        talk = process.communicate(timeout=30)[1]
        told = [line for line in talk.splitlines() if not PROGRESS.fullmatch(line)]
        about = f"{moment.__name__}: exit {process.returncode}: {talk}"
        if process.returncode == 0:
            assert (out / "dataset.json").exists() and told == [], about
        elif number == signal.SIGKILL:
            assert process.returncode == -signal.SIGKILL and told == [], about
        else:
            assert process.returncode == 130, about
            assert len(told) == 1 and "run the same command again" in told[0], about
        assert gone(mark), f"{about}: processes {family(mark)} are left"


def hold_finishes(arguments: list[str], out: Path, reference: Path) -> None:
    """The same command ends the work, with the bytes of an undisturbed run."""
    again = run(*arguments)
    assert again.returncode == 0, again.stderr
    assert contents(out) == contents(reference)


def kill_and_finish(
    source: Path, reference: Path, out: Path, number: int, workers: int, seed: int, kills: list[int]
) -> None:
    """For every number in `kills`: kill a job so often, one run after the other, then let it finish."""
    before = contents(source)
    when = iter(moments(seed, sum(kills)))
    for i, times in enumerate(kills):
        folder = out / str(i)
        arguments = job(source, folder, workers)
        for _ in range(times):
            interrupt(arguments, number, next(when), folder)
            if hold_whole(folder, reference):
                assert verify(folder).findings == ()
        hold_finishes(arguments, folder, reference)
    assert contents(source) == before


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_killed_job_is_whole_and_finishes(number: int, workers: int, source, reference, tmp_path):
    kill_and_finish(source, reference, tmp_path, number, workers, 10 * number + workers, [4])


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_job_killed_at_many_moments_finishes(number: int, workers: int, source, reference, tmp_path):
    kill_and_finish(source, reference, tmp_path, number, workers, 100 * number + workers, [1] * 16)


@pytest.mark.parametrize("nth", [1, 24, 49])
def test_killed_while_files_get_their_names(nth: int, source, reference, tmp_path):
    arguments = job(source, tmp_path / "out")
    interrupt(arguments, signal.SIGKILL, on_file(nth, "[!.]*"), tmp_path / "out")
    hold_whole(tmp_path / "out", reference)
    hold_finishes(arguments, tmp_path / "out", reference)


def test_interrupted_twice_in_a_row_still_says_one_line(source, tmp_path):
    with started(job(source, tmp_path / "out", 2), f"twice-{os.getpid()}") as process:
        on_file(3, ".unfinished/*")(process, tmp_path / "out")
        for _ in range(5):
            process.send_signal(signal.SIGINT)
            time.sleep(0.01)
        talk = process.communicate(timeout=30)[1]
    assert process.returncode == 130 and "Traceback" not in talk


def test_interrupting_verify_says_one_line(reference):
    with started(["verify", str(reference), "-q"], f"verify-{os.getpid()}") as process:
        began(process)
        process.send_signal(signal.SIGINT)
        out, talk = process.communicate(timeout=30)
    assert (process.returncode, out) == (130, "")
    assert talk == "error: interrupted; run the same command again\n"


def test_a_killed_worker_is_one_line_and_the_job_can_be_finished(source, reference, tmp_path):
    out, mark = tmp_path / "out", f"worker-{os.getpid()}"
    arguments = job(source, out, 2, "-q")
    with started(arguments, mark) as process:
        while not (workers := [pid for pid in family(mark) if _is_worker(pid)]):
            assert process.poll() is None
        os.kill(workers[0], signal.SIGSTOP)  # so that it is given a shard and never answers
        on_file(40, ".unfinished/*")(process, out)
        os.kill(workers[0], signal.SIGKILL)
        talk = process.communicate(timeout=30)[1]
        assert gone(mark)
    assert process.returncode == 4
    assert re.fullmatch(r"error: a worker process was killed by signal 9: .*again.*\n", talk)
    assert not hold_whole(out, reference)
    hold_finishes(arguments, out, reference)


def _is_worker(pid: int) -> bool:
    try:
        return b"datapipe.engines.worker" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
