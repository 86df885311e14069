"""Ways to leave a training loop, each in a forked child that ends as an interpreter does: `leaving.py WAY..`

Prints one JSON object: way -> [[exit code, stderr], ...]; exit code None where the child hangs. TensorFlow is
imported once and used in the children only: its threads would not live through a fork.
"""

from __future__ import annotations

import builtins
import json
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import IO, Any

import numpy as np

from datapipe.objects import Objects
from datapipe.pipeline.feed import Feed
from datapipe.recipe import Recipe
from datapipe.stream import Batch

PATIENCE = 3000
"""Looks, 20 ms apart, at children that have not ended: a minute of our own time, however slow the machine."""


class SlowStream:
    """What a `Feed` needs of a stream; a batch takes a few ms, half of them with the interpreter's lock."""

    training, recipe = True, Recipe.parse("input: {hw: [64, 64]}")
    terms = SimpleNamespace(engine="local")

    def __init__(self, ms: float) -> None:
        self._seconds = ms / 1000

    def steps_per_epoch(self, batch_size: int) -> int:
        return 10

    def close(self) -> None:
        pass

    def batch(self, step: int, n: int) -> Batch:
        time.sleep(self._seconds / 2)
        end = time.perf_counter() + self._seconds / 2
        while time.perf_counter() < end:
            sum(range(100))
        images, ids = np.full((n, 64, 64, 3), step % 256, np.uint8), tuple(str(i) for i in range(n))
        nothing = (Objects.of(np.zeros((0, 4)), 0),) * n
        numbers = np.arange(n)
        return Batch(
            step, numbers, images, nothing, numbers.astype(np.int32), ids, np.tile(np.eye(3), (n, 1, 1))
        )


def slow_dataset(ms: float = 5) -> Any:
    from datapipe.pipeline.tensors import StreamDataset

    return StreamDataset(Feed(SlowStream(ms), 8), 0)  # type: ignore[arg-type]


def started(batches: Any) -> Any:
    """An iterator that has given something and works ahead."""
    iterator = iter(batches)
    for _ in range(3):
        next(iterator)
    return iterator


def interrupt_soon() -> None:
    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()


def leave_by_break() -> None:
    for number, _ in enumerate(slow_dataset()):
        if number == 3:
            break


def leave_by_exit() -> None:
    iterator = started(slow_dataset())
    next(iterator)
    sys.exit(3)


def leave_by_exception() -> None:
    for images, _ in slow_dataset():
        raise ValueError(f"found {len(images)} images")


def leave_by_interrupt() -> None:
    for number, _ in enumerate(slow_dataset()):
        if number == 0:
            interrupt_soon()


def leave_a_live_iterator() -> None:
    builtins.kept = started(slow_dataset())  # type: ignore[attr-defined]  # outlives every module


def leave_two_datasets() -> None:
    cast = slow_dataset(40).map(lambda images, targets: (images[:, ::2], targets), num_parallel_calls=2)
    builtins.kept = started(slow_dataset(1)), started(cast.prefetch(2))  # type: ignore[attr-defined]


def leave_a_daemon_thread() -> None:
    begun = threading.Event()  # before, it is TensorFlow alone that a thread may be in the middle of

    def endless() -> None:
        for _ in slow_dataset():
            begun.set()

    threading.Thread(target=endless, daemon=True).start()
    begun.wait()
    time.sleep(0.1)


def leave_fit_by_interrupt() -> None:
    import tensorflow as tf

    model = tf.keras.Sequential([tf.keras.layers.GlobalAveragePooling2D(), tf.keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    pairs = slow_dataset().map(lambda images, _: (tf.cast(images, tf.float32), tf.zeros(8)))
    running = tf.keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: batch or interrupt_soon()
    )
    model.fit(pairs, steps_per_epoch=100_000, verbose=0, shuffle=False, callbacks=[running])


def leave_processes_at_work() -> None:
    import datapipe

    recipe = Recipe.parse("input: {hw: [64, 64]}")
    stream = datapipe.train_stream(
        datapipe.open(os.environ["DATASET"]), recipe, batch_size=8, threads=2, workers="processes"
    )
    builtins.kept = started(stream)  # type: ignore[attr-defined]
    end = time.monotonic() + 30
    while not stream.stream._near.pids() and time.monotonic() < end:
        next(builtins.kept)  # type: ignore[attr-defined]


def leave_no_thread_behind() -> None:
    dataset = slow_dataset()
    for _ in dataset:
        break
    derived = dataset.map(lambda images, targets: images)
    started(derived)
    del dataset, derived
    alive = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
    sys.exit(f"left: {alive}" if alive else 0)


WAYS: dict[str, Callable[[], None]] = {
    name.removeprefix("leave_"): way for name, way in globals().items() if name.startswith("leave_")
}


def play(ways: Sequence[str], at_a_time: int) -> dict[str, list[tuple[int | None, str]]] | None:
    """Fork a child for each way, and wait for all; None in a child, which has done its way."""
    found: dict[str, list[tuple[int | None, str]]] = {way: [] for way in ways}
    waiting, running = list(ways), dict[int, tuple[str, IO[bytes], int]]()
    while waiting or running:
        if waiting and len(running) < at_a_time:
            way, stderr = waiting.pop(0), tempfile.TemporaryFile()  # noqa: SIM115
            child = os.fork()
            if not child:
                os.dup2(stderr.fileno(), 2)
                WAYS[way]()
                return None
            running[child] = way, stderr, PATIENCE
        time.sleep(0.02)
        for child, (way, stderr, looks) in list(running.items()):
            ended, status = os.waitpid(child, os.WNOHANG)
            if not ended and looks:
                running[child] = way, stderr, looks - 1
                continue
            if not ended:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
            stderr.seek(0)
            code = os.waitstatus_to_exitcode(status) if ended else None
            found[way].append((code, stderr.read().decode(errors="replace")))
            del running[child]
    return found


if __name__ == "__main__":
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"  # what it says about graphics cards that are not there
    os.environ["PYTHONWARNINGS"] = "ignore::DeprecationWarning"
    import tensorflow  # noqa: F401

    result = play(sys.argv[1:], at_a_time=3)
    if result is not None:
        json.dump(result, sys.stdout)
