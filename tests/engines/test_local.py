"""Processes of this machine: same results for any number, and no death that hangs or leaves anyone behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import work_for_engines

from datapipe.engines import start
from datapipe.engines.local import LocalEngine
from datapipe.errors import EnvironmentProblem, UsageError
from datapipe.images.probe import ImageProblem

HERE = str(Path(__file__).parent)


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers are processes of their own: they find the functions through PYTHONPATH."""
    monkeypatch.setenv("PYTHONPATH", HERE)


def run(name: str, specs: Any, workers: int) -> tuple[list[Any], int]:
    done: list[int] = []
    with LocalEngine(f"work_for_engines:{name}", workers) as engine:
        return list(engine.map(specs, done.append)), sum(done)


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_any_number_of_workers_gives_the_same_reports_and_progress(workers):
    found, advanced = run("square", range(40), workers)
    assert sorted(found) == [i * i for i in range(40)]
    assert advanced == sum(i % 3 for i in range(40))


@pytest.mark.parametrize("workers", [1, 3])
def test_no_specs_are_no_reports(workers):
    assert run("square", [], workers) == ([], 0)


def test_large_specs_arrive_whole():
    assert sorted(run("size_of", (bytes(n) for n in (0, 1 << 22, 1 << 24)), 2)[0]) == [0, 1 << 22, 1 << 24]


def test_specs_are_made_when_a_worker_is_free():
    made = []

    def specs() -> Iterator[int]:
        for i in range(100):
            made.append(i)
            yield i

    with LocalEngine("work_for_engines:square", 2) as engine:
        next(iter(engine.map(iter([0]), lambda _: None)))
        assert made == []
    with LocalEngine("work_for_engines:sleep", 2) as engine:
        next(engine.map((0.2 * (i + 1) for i in specs()), lambda _: None))
        assert len(made) <= 4


@pytest.mark.parametrize("workers", [1, 2])
def test_what_the_function_raises_arrives(workers):
    with pytest.raises(KeyError, match="spec 3"):
        run("refuse", range(10), workers)


def test_an_error_that_cannot_be_sent_arrives_as_its_traceback():
    with pytest.raises(ImageProblem, match="DP206: cut"):
        run("own_error", [1], 1)
    with pytest.raises(RuntimeError, match="in own_error\n(.*\n)*.*ImageProblem: DP206: cut"):
        run("own_error", [1], 2)


def test_a_report_that_cannot_be_sent_says_so():
    with pytest.raises(Exception, match="(?i)pickle"):
        run("unpicklable", [1], 2)


@pytest.mark.parametrize("workers", [1, 2])
def test_what_making_a_spec_raises_arrives(workers):
    def specs() -> Iterator[int]:
        yield 1
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        run("square", specs(), workers)


@pytest.mark.parametrize("name, told", [("die", "was killed by signal 9"), ("leave", "ended with code 7")])
def test_a_worker_that_dies_is_an_environment_problem_and_no_hang(name, told):
    begun = time.monotonic()
    with pytest.raises(
        EnvironmentProblem, match=f"a worker process {told}: out of memory[?] Run again to finish"
    ):
        run(name, range(6), 2)
    assert time.monotonic() - begun < 20


def test_a_spec_that_a_worker_cannot_read_is_no_hang(capfd):
    with pytest.raises(EnvironmentProblem, match="a worker process ended with code 1"):
        run("square", [work_for_engines.Unreadable()], 2)
    assert "not a number" in capfd.readouterr().err, "the worker says why"


def test_a_worker_killed_from_outside_is_no_hang():
    with LocalEngine("work_for_engines:sleep", 2) as engine:
        reports = engine.map([0.01] * 2 + [30.0] * 2, lambda _: None)
        next(reports), next(reports)
        engine._workers[0].send_signal(signal.SIGKILL)
        with pytest.raises(EnvironmentProblem, match="was killed by signal 9"):
            list(reports)


def test_leaving_early_ends_the_workers():
    with LocalEngine("work_for_engines:sleep", 3) as engine:
        workers = list(engine._workers)
        next(engine.map([0.01, 60.0, 60.0, 60.0], lambda _: None))
    assert all(worker.poll() is not None for worker in workers)


PARENT = """
import sys
from datapipe.engines.local import LocalEngine
engine = LocalEngine("work_for_engines:{function}", 3)
print(*(worker.pid for worker in engine._workers), flush=True)
for report in engine.map({specs}, lambda _: None):
    pass
"""


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


@pytest.mark.parametrize(
    "function, specs",
    [
        ("sleep", "[60.0] * 3"),
        ("sleep", "iter(lambda: __import__('time').sleep(60), 0)"),
        ("size_of", "(bytes(1 << 28) for _ in range(99))"),
    ],
    ids=["while they work", "while they wait", "while it sends"],
)
def test_a_killed_parent_leaves_no_worker_behind(function, specs):
    code = PARENT.format(function=function, specs=specs)
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        time.sleep(1.0)
        assert len(pids) == 3 and all(map(alive, pids))
        parent.kill()
    deadline = time.monotonic() + 5
    while any(map(alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.05)
    left = [pid for pid in pids if alive(pid)]
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert not left


def test_an_unknown_engine_names_those_there_are():
    with pytest.raises(UsageError, match="--engine locl: did you mean 'local'"):
        start("locl", "work_for_engines:square", 1)
