"""However a loop is left, the program ends: no abort, no hang, no thread, no word but its own.

A plain `Dataset.map(tf.numpy_function)` with prefetch hangs for good in most of these ways (TensorFlow 2.21).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from datapipe.dataset import Dataset

HERE = Path(__file__).parent
pytestmark = pytest.mark.xdist_group("tensorflow")
CODES = {
    "by_break": (0, ""),
    "by_exit": (3, ""),
    "by_exception": (1, "ValueError: found 8 images"),
    "by_interrupt": (-2, "KeyboardInterrupt"),
    "a_live_iterator": (0, ""),
    "two_datasets": (0, ""),
    "a_daemon_thread": (0, ""),
    "fit_by_interrupt": (-2, "KeyboardInterrupt"),
    "no_thread_behind": (0, ""),
    "processes_at_work": (0, ""),
}
"""Way -> exit code, last line of stderr: the interpreter's own."""
WORDS = ("terminate called", "Fatal Python error", "Exception ignored", "W0000", "E0000", "op_kernel")


def played(dataset: Dataset, *ways: str) -> dict[str, list[tuple[int | None, str]]]:
    command = [sys.executable, str(HERE / "leaving.py"), *ways]
    given = os.environ | {"DATASET": str(dataset.folder)}
    run = subprocess.run(command, capture_output=True, text=True, cwd=HERE.parents[1], env=given)
    assert run.stdout, run.stderr[-2000:]
    found: dict[str, list[tuple[int | None, str]]] = json.loads(run.stdout)
    return found


def check(way: str, code: int | None, stderr: str) -> None:
    wanted, last = CODES[way]
    assert code == wanted, stderr
    lines = stderr.strip().splitlines()
    assert lines[-1:] == ([last] if last else []), stderr
    assert lines.count("Traceback (most recent call last):") == bool(last), stderr
    assert not any(word in stderr for word in WORDS), stderr


@pytest.fixture(scope="module")
def ends(pictures: Dataset) -> dict[str, list[tuple[int | None, str]]]:
    return played(pictures, *CODES)


@pytest.mark.parametrize("way", CODES)
def test_a_program_ends_as_if_there_were_no_threads(ends, way):
    ((code, stderr),) = ends[way]
    check(way, code, stderr)


@pytest.mark.slow
@pytest.mark.parametrize("way", CODES)
def test_it_ends_so_every_time(way, pictures):
    found = played(pictures, *[way] * 25)[way]
    assert len(found) == 25
    for code, stderr in found:
        check(way, code, stderr)
