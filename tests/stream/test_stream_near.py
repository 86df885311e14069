"""Windows made ahead by processes: the same bytes, and nobody left behind, however things end."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from scenes import MIXED, MOSAICS, PLAIN, bytes_of, digest, make_pictures, stream_of

from datapipe.dataset import Dataset
from datapipe.errors import RecordError, UsageError
from datapipe.recipe import Recipe
from datapipe.stream import Stream
from datapipe.stream.batch import Batch
from datapipe.stream.shelf import Shelf
from datapipe.stream.terms import Terms

HERE = Path(__file__).parent
slow = pytest.mark.slow
TWO = {"threads": 2, "workers": "processes"}


def helped(stream: Stream, batches: Iterator[Batch], least: int = 12) -> list[Batch]:
    """Batches until so many of them came from processes."""
    taken: list[Batch] = []
    elsewhere = 0
    for batch in batches:
        taken.append(batch)
        elsewhere += from_shelf(batch)
        if elsewhere >= least:
            break
        started = stream._near._processes
        end = time.monotonic() + 60
        while not all(process.here for process in started):
            time.sleep(0.02)
            assert time.monotonic() < end, "processes do not start"
    return taken


def from_shelf(batch: Batch) -> bool:
    """Whether a process painted it."""
    return isinstance(batch.images.base._owner, Shelf)


def running(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False


def gone(pids: tuple[int, ...]) -> bool:
    end = time.monotonic() + 10
    while any(map(running, pids)) and time.monotonic() < end:
        time.sleep(0.01)
    return not any(map(running, pids))


@pytest.mark.parametrize(
    ("text", "batch_size", "start"), [(MIXED, 16, 3), pytest.param(MOSAICS, 64, 0, marks=slow)]
)
def test_processes_never_change_a_byte(pictures: Dataset, text: str, batch_size: int, start: int):
    with stream_of(pictures, text, **TWO) as stream, stream_of(pictures, text, workers="threads") as alone:
        found = helped(stream, stream.batches(batch_size, start))
        assert [batch.step for batch in found] == list(range(start, start + len(found)))
        for batch in found:
            assert digest([batch]) == digest([alone.batch(batch.step, batch_size)])


@slow
def test_hosts_and_several_askers_get_what_they_ask_for(pictures: Dataset):
    with stream_of(pictures, shard=(1, 3), **TWO) as stream, stream_of(pictures, shard=(1, 3)) as alone:
        helped(stream, stream.batches(16))
        for step in (48, 49, 50, 51, 53, 52, 55, 54, 56, 3, 57, 58, 58):
            assert digest([stream.batch(step, 16)]) == digest([alone.batch(step, 16)])


@slow
def test_a_finite_stream_ends_by_its_last_short_batch(tmp_path: Path):
    dataset = make_pictures(tmp_path, 444)
    with stream_of(dataset, training=False, **TWO) as stream:
        helped(stream, stream.batches(16))
        found = list(stream.batches(16))
        assert any(map(from_shelf, found))
        assert [len(batch) for batch in found] == [16] * 27 + [12]
        with stream_of(dataset, training=False, workers="threads") as alone:
            assert digest(found) == digest(alone.batches(16))


def test_what_processes_did_is_counted_here(pictures: Dataset):
    with stream_of(pictures, PLAIN, **TWO) as stream:
        found = helped(stream, (stream.batch(step, 16) for step in range(10**6)))
        counts = stream.ledger()
        assert counts["stream"]["samples"] >= 16 * len(found)
        assert counts["stream"]["pictures_decoded"] > 0.9 * 16 * len(found)
        assert counts["objects"]["seen"] > 0


def test_what_this_process_no_longer_needs_is_given_back(pictures: Dataset):
    with stream_of(pictures, MOSAICS, **TWO) as stream:
        batches = (stream.batch(step, 16) for step in range(10**6))
        next(batches)
        assert stream._pictures._bytes > 0
        helped(stream, batches, 1)
        assert stream._pictures._bytes == 0


@slow
def test_a_batch_that_is_kept_keeps_its_bytes(pictures: Dataset):
    with stream_of(pictures, PLAIN, **TWO) as stream:
        kept = helped(stream, stream.batches(16), 40)
        first = [batch.images.copy() for batch in kept]
        for _ in islice(stream.batches(16, 500), 40):
            pass
        assert all(np.array_equal(batch.images, was) for batch, was in zip(kept, first, strict=True))
    assert all(np.array_equal(batch.images, was) for batch, was in zip(kept, first, strict=True))


def test_closing_ends_them_and_asking_again_starts_others(pictures: Dataset):
    stream = stream_of(pictures, PLAIN, **TWO)
    files = len(os.listdir("/proc/self/fd"))
    for _ in range(2):
        helped(stream, stream.batches(16))
        pids = stream._near.pids()
        assert len(pids) == 2
        stream.close()
        assert gone(pids) and stream._near.pids() == ()
    del _
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) <= files + 2  # the shards


def test_a_forgotten_stream_takes_them_along(pictures: Dataset):
    stream = stream_of(pictures, PLAIN, **TWO)
    helped(stream, (stream.batch(step, 16) for step in range(10**6)))
    pids = stream._near.pids()
    del stream
    gc.collect()
    assert gone(pids)


def test_a_killed_process_costs_a_warning_and_no_byte(pictures: Dataset):
    with stream_of(pictures, **TWO) as stream, stream_of(pictures, workers="threads") as alone:
        step = helped(stream, stream.batches(16))[-1].step + 10
        found = [stream.batch(step + i, 16) for i in range(4)]
        os.kill(stream._near.pids()[0], signal.SIGKILL)
        with pytest.warns(UserWarning, match="a worker process was killed by signal 9: out of memory"):
            found += [stream.batch(step + i, 16) for i in range(4, 40)]
        assert stream._near.pids() == ()
        assert digest(found) == digest(alone.batch(step + i, 16) for i in range(40))


def test_a_damaged_record_stops_where_it_would_without_them(tmp_path: Path):
    dataset = make_pictures(tmp_path, 3)
    with stream_of(dataset, PLAIN, **TWO) as stream:
        batches = stream.batches(16)
        helped(stream, batches)
        shard = next(path for path in dataset.folder.glob("*.tfrecord") if path.stat().st_size)
        data = bytearray(shard.read_bytes())
        data[200] ^= 255
        with shard.open("r+b") as file:
            file.write(data)
        with pytest.raises(RecordError, match=r"position \d+ \(image '\d+.jpg'\): train-0000"):
            for _ in range(30):  # more than was ready
                next(batches)


@dataclass(frozen=True)
class OnlyHere:
    """A step that works in the process it was made in."""

    pid: int

    def __call__(self, pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        if os.getpid() != self.pid:
            raise OSError("not here")
        return pixels


def test_what_fails_only_there_is_made_here(pictures: Dataset):
    recipe = replace(Recipe.parse(PLAIN), pixels=(OnlyHere(os.getpid()),))
    with Stream(pictures, recipe, seed=5, **TWO) as stream, stream_of(pictures, PLAIN) as alone:
        for step in range(10**6):
            found = stream.batch(step, 16)
            assert not from_shelf(found)
            if stream._near._gave_up:
                break
            time.sleep(0.01)
        assert digest([found]) == digest([alone.batch(step, 16)])


@dataclass(frozen=True)
class Rooted:
    """A step that cannot be pickled."""

    def __call__(self, pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return pixels

    def __reduce__(self) -> str:
        raise TypeError("cannot travel")


def test_steps_that_cannot_travel_stay(pictures: Dataset):
    recipe = replace(Recipe.parse(PLAIN), pixels=(Rooted(),))
    assert Stream(pictures, recipe, threads=2)._near is None
    with pytest.raises(UsageError, match="workers 'processes': a step cannot travel: cannot travel"):
        Stream(pictures, recipe, **TWO)


def test_steps_left_out_on_purpose_start_no_process(pictures: Dataset):
    with stream_of(pictures, PLAIN, **TWO) as stream:
        for step in range(0, 60, 2):
            stream.batch(step, 16)
        for step in range(60, 0, -1):
            stream.batch(step, 16)
        assert stream._near.pids() == ()


@slow
def test_two_loops_in_turns_share_no_memory_without_end(pictures: Dataset):
    with stream_of(pictures, PLAIN, **TWO) as stream, stream_of(pictures, PLAIN, workers="threads") as alone:
        helped(stream, stream.batches(16))
        for step in range(30):
            for k in (step, 4000 + step):
                assert bytes_of(stream.batch(k, 16).objects[0]) == bytes_of(alone.batch(k, 16).objects[0])
        assert all(process.windows <= 2 for process in stream._near._processes)


def test_how_many_processes_follow_from_threads_and_memory():
    def terms(**options: object) -> Terms:
        plain = {"threads": 8, "memory_mb": 512.0, "engine": "local", "workers": "auto"} | options
        return Terms("train", 0, (0, 1), True, "stop", **plain)

    assert terms().processes == 8 and terms().of_process.threads == 1
    assert terms(threads=16).processes == 8 and terms(threads=16).of_process.threads == 2
    assert terms(memory_mb=200.0).processes == 3 and terms(memory_mb=200.0).of_process.threads == 2
    assert [terms(**one).processes for one in ({"threads": 1}, {"memory_mb": 100.0})] == [0, 0]
    assert [terms(**one).processes for one in ({"workers": "threads"}, {"engine": "ray"})] == [0, 0]
    with pytest.raises(UsageError, match="workers: no 'thread'"):
        terms(workers="thread")


def test_a_shelf_uses_its_memory_again_and_gives_back_what_is_too_much():
    shelf = Shelf(idle=2)
    place, array = shelf.take((4, 5))
    place.array()[:] = 7
    assert (array == 7).all() and array.shape == (4, 5)
    held = array[1:]
    del array
    assert shelf.take((4, 5))[0].offset != place.offset
    del held
    assert shelf.take((3, 5))[0].offset == place.offset  # both are idle now: the last to come goes first
    many = [shelf.take((1000, 100)) for _ in range(8)]
    assert len({place.offset for place, _ in many}) == 8
    del many
    shelf.take((1000, 100))
    assert len(shelf._parts) <= 3
    shelf.close()


START = """
import sys; sys.path[:0] = sys.argv[2:]
from scenes import *
import os, signal, threading, time
stream = stream_of(Dataset(sys.argv[1]), PLAIN, threads=2, workers="processes")
batches = stream.batches(16)
for _ in range(10):
    next(batches)
while not all(process.here for process in stream._near._processes):
    time.sleep(0.02)
next(batches)
print(*stream._near.pids(), flush=True)
"""


def started(pictures: Dataset, code: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", START + code, str(pictures.folder), str(HERE), str(HERE.parent)]
    return subprocess.run(command, capture_output=True, text=True, cwd=HERE.parents[1], timeout=60)


@pytest.mark.parametrize(
    ("code", "returned", "said"),
    [
        ("", 0, ""),
        ("os.kill(os.getpid(), signal.SIGKILL)", -9, ""),
        (
            "threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()\n"
            "try:\n    for batch in batches: pass\n"
            "except KeyboardInterrupt: print('interrupted')\n",
            0,
            "interrupted\n",
        ),
    ],
)
def test_however_a_program_ends_they_end(pictures: Dataset, code: str, returned: int, said: str):
    run = started(pictures, code)
    pids, _, rest = run.stdout.partition("\n")
    assert (run.returncode, rest, run.stderr) == (returned, said, "")
    assert len(pids.split()) == 2 and gone(tuple(map(int, pids.split())))


def test_a_forked_child_leaves_them_to_its_parent(pictures: Dataset):
    code = (
        "want = digest([stream.made(500, 16)])\n"
        "child = os.fork()\n"
        "if not child:\n"
        "    same = digest([stream.batch(500, 16)]) == want\n"
        "    stream.close()\n"
        "    os._exit(0 if same else 1)\n"
        "print(os.waitpid(child, 0)[1], len(stream._near.pids()), len(next(batches)))\n"
    )
    run = started(pictures, code)
    assert run.stdout.splitlines()[1:] == ["0 2 16"] and run.stderr == ""
