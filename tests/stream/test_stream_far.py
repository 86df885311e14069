"""Streams that travel: pickled to other processes, made by a cluster. Ray is played by a stand-in here."""

from __future__ import annotations

import pickle
import subprocess
import sys
from itertools import islice
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scenes import digest, make_pictures, some, stream_of

from datapipe.dataset import Dataset
from datapipe.errors import EnvironmentProblem, InputError, RecordError
from datapipe.stream.steps import Steps

HERE = Path(__file__).parent


class RayStandIn(SimpleNamespace):
    """Runs a task when its result is fetched, with pickling on both ways, as a cluster would."""

    class exceptions:
        class RayTaskError(Exception):
            def __init__(self, cause: BaseException) -> None:
                self.cause = cause

    def __init__(self) -> None:
        super().__init__(stopped=False, submitted=[])

    def is_initialized(self) -> bool:
        return False

    def init(self, **options: object) -> None:
        self.stopped = False

    def shutdown(self) -> None:
        self.stopped = True

    def remote(self, **options: object):
        def task_of(function):
            def submit(spec):
                self.submitted.append(spec[1])
                return pickle.dumps((function, spec))

            task = SimpleNamespace(remote=submit)
            task.options = lambda **more: task
            return task

        return task_of

    def get(self, call: bytes):
        function, spec = pickle.loads(call)
        try:
            return pickle.loads(pickle.dumps(function(spec)))
        except InputError as error:
            raise self.exceptions.RayTaskError(error) from None


@pytest.fixture
def ray(monkeypatch: pytest.MonkeyPatch) -> RayStandIn:
    stand_in = RayStandIn()
    monkeypatch.setitem(sys.modules, "ray", stand_in)
    return stand_in


@pytest.mark.parametrize(("start", "shard"), [(0, (0, 1)), (7, (0, 1)), (2, (1, 3))])
def test_a_cluster_gives_the_same_batches_in_order(pictures: Dataset, ray: RayStandIn, start: int, shard):
    with stream_of(pictures, shard=shard) as here:
        want = [(step, digest([here.batch(step, 16)])) for step in range(start, start + 6)]
    far = stream_of(pictures, shard=shard, engine="ray")
    batches = far.batches(16, start_step=start)
    found = [(batch.step, digest([batch])) for batch in islice(batches, 6)]
    batches.close()
    assert found == want and ray.stopped
    assert far.ledger()["stream"]["samples"] % 64 == 0
    assert ray.submitted[0] == start // 4


def test_a_finite_stream_ends_on_a_cluster_too(pictures: Dataset, ray: RayStandIn):
    with stream_of(pictures, training=False) as here:
        want = digest(here.batches(16))
    far = list(stream_of(pictures, training=False, engine="ray").batches(16))
    assert digest(far) == want and [len(batch) for batch in far] == [16] * 5 + [10]


def test_a_damaged_record_on_a_cluster_stops_with_its_own_error(tmp_path: Path, ray: RayStandIn):
    dataset = make_pictures(tmp_path, 3)
    shard = next(path for path in dataset.folder.glob("*.tfrecord") if path.stat().st_size)
    data = bytearray(shard.read_bytes())
    data[200] ^= 255
    shard.write_bytes(data)
    with pytest.raises(RecordError, match=r"position \d+ \(image '\d+.jpg'\): train-0000"):
        next(stream_of(dataset, engine="ray").batches(16))
    assert ray.stopped


def test_without_ray_the_error_is_its_install_line(pictures: Dataset, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(EnvironmentProblem, match=r"pip install 'datapipe\[ray\]'"):
        next(stream_of(pictures, engine="ray").batches(16))


def test_a_pickled_stream_is_the_same_stream(pictures: Dataset):
    with stream_of(pictures, threads=1, shard=(1, 2), on_damaged="skip") as stream:
        arrived = pickle.loads(pickle.dumps(stream))
        assert arrived.terms == stream.terms and arrived.recipe == stream.recipe
        assert pickle.loads(pickle.dumps(stream)) is arrived
        with arrived:
            assert some(arrived, 16, 32) == some(stream, 16, 32)


def test_a_batch_arrives_with_every_column(pictures: Dataset):
    with stream_of(pictures) as stream:
        batch = stream.batch(1, 16)
    arrived = pickle.loads(pickle.dumps(batch))
    assert digest([arrived]) == digest([batch]) and arrived.step == 1
    assert [len(one) for one in arrived.objects] == [len(one) for one in batch.objects]
    assert len(set(map(len, batch.objects))) > 2


def test_a_stream_does_not_arrive_at_another_dataset(tmp_path: Path):
    dataset = make_pictures(tmp_path, 3)
    sent = pickle.dumps(stream_of(dataset))
    (dataset.folder / "edits.jsonl").write_text('{"image": "1", "edit": "leave_out"}\n')
    with pytest.raises(InputError, match="another dataset here than where the stream comes from"):
        pickle.loads(sent)


END = """
import sys; sys.path[:0] = sys.argv[2:]
from scenes import *
import os, signal, threading
stream = stream_of(Dataset(sys.argv[1]))
batches = stream.batches(16)
next(batches)
print("ready", flush=True)
"""


def ended(pictures: Dataset, code: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", END + code, str(pictures.folder), str(HERE), str(HERE.parent)]
    return subprocess.run(command, capture_output=True, text=True, cwd=HERE.parents[1], timeout=60)


def test_a_program_that_just_ends_says_nothing(pictures: Dataset):
    run = ended(pictures, "")
    assert (run.returncode, run.stdout, run.stderr) == (0, "ready\n", "")


def test_ctrl_c_ends_a_program_at_once(pictures: Dataset):
    code = (
        "threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()\n"
        "try:\n    for batch in batches: pass\n"
        "except KeyboardInterrupt: print('interrupted')\n"
    )
    run = ended(pictures, code)
    assert (run.returncode, run.stdout, run.stderr) == (0, "ready\ninterrupted\n", "")


def test_a_forked_child_starts_its_own_threads(pictures: Dataset):
    code = (
        "batches.close()\n"
        "want = digest([stream.batch(3, 16)])\n"
        "child = os.fork()\n"
        "if not child: os._exit(0 if digest([stream.batch(3, 16)]) == want else 1)\n"
        "print(os.waitpid(child, 0)[1])\n"
    )
    run = ended(pictures, code)
    assert (run.returncode, run.stdout, run.stderr) == (0, "ready\n0\n", "")


def test_a_child_forked_while_threads_make_samples_waits_for_none_of_them(pictures: Dataset):
    """A fork copies locks as held by threads that the child does not have."""
    code = (
        "want = digest([stream.batch(3, 16)])\n"
        "busy = threading.Thread(target=lambda: [next(batches) for _ in range(60)])\n"
        "busy.start()\n"
        "ended = []\n"
        "for _ in range(6):\n"
        "    child = os.fork()\n"
        "    if not child: os._exit(0 if digest([stream.batch(3, 16)]) == want else 1)\n"
        "    ended.append(os.waitpid(child, 0)[1])\n"
        "busy.join()\n"
        "print(ended)\n"
    )
    run = ended(pictures, code)
    assert (run.returncode, run.stdout, run.stderr) == (0, "ready\n[0, 0, 0, 0, 0, 0]\n", "")


@given(st.integers(1, 5), st.sampled_from([1, 2, 4, 8]), st.integers(1, 40))
def test_steps_of_all_hosts_cover_a_finite_stream_once(hosts: int, batch_size: int, end: int):
    found = []
    for one in range(hosts):
        steps = Steps(8, end, (one, hosts), end)
        for step in range(steps.of_epoch(batch_size)):
            number, rows = steps.rows(step, batch_size)
            assert number % hosts == one and 0 < len(rows) <= batch_size
            found += [steps.positions(number)[row] for row in rows]
        with pytest.raises(IndexError):
            steps.rows(steps.of_epoch(batch_size), batch_size)
    assert sorted(found) == list(range(end))


def test_a_step_by_hand():
    assert Steps(64, 1000, (1, 2)).rows(5, 16) == (3, range(16, 32))
    assert Steps(64, 1000).place(130) == (2, 2)
