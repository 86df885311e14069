"""Mapping a pure function over specs with processes of this machine.

Plain subprocesses and pipes: nothing depends on the caller's `__main__` (as multiprocessing's spawn does),
Ctrl-C reaches only the parent, a killed worker is an error instead of a hang, and a killed parent takes its
workers along.
"""

from __future__ import annotations

import pickle
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from types import TracebackType
from typing import Any

from datapipe.errors import EnvironmentProblem

Advance = Callable[[int], None]


class LocalEngine:
    """A pool of worker processes, or the calling process itself for one worker.

    Workers start at once, so that their imports run while the caller still plans.
    """

    def __init__(self, function: str, workers: int) -> None:
        """Start the workers.

        Args:
            function: "module:name" of a function (spec, advance) -> report.
            workers: how many processes; 1 runs in this one.
        """
        self._function = function
        self._workers = [] if workers == 1 else [_start(function) for _ in range(workers)]

    def __enter__(self) -> LocalEngine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        for worker in self._workers:
            worker.kill()
        for worker in self._workers:
            worker.wait()
            for pipe in (worker.stdin, worker.stdout):
                if pipe is not None:
                    _close(pipe)

    def map(self, specs: Iterable[Any], advance: Advance) -> Iterator[Any]:
        """Yield the reports as they come, in no particular order.

        Args:
            specs: made one at a time, when a worker is free: they may be large.
            advance: called with what the function says it has done.

        Raises:
            EnvironmentProblem: a worker died.
            Exception: whatever the function raised.
        """
        if not self._workers:
            module, _, name = self._function.partition(":")
            function = getattr(import_module(module), name)
            for spec in specs:
                yield function(spec, advance)
            return
        yield from self._spread(iter(specs), advance)

    def _spread(self, specs: Iterator[Any], advance: Advance) -> Iterator[Any]:
        """One thread a worker hands it spec after spec; this thread collects."""
        lock, answers = threading.Lock(), queue.SimpleQueue[tuple[str, Any]]()

        def serve(worker: subprocess.Popen[bytes]) -> None:
            try:
                while True:
                    with lock:
                        spec = next(specs, None)
                    if spec is None:
                        break
                    kind = _hand_over(worker, spec, answers)
                    if kind == "failed":
                        break
            except Exception as error:  # of making a spec; raised again in the calling thread
                answers.put(("failed", error))
            answers.put(("idle", None))

        threads = [threading.Thread(target=serve, args=(worker,), daemon=True) for worker in self._workers]
        for thread in threads:
            thread.start()
        busy = len(threads)
        while busy:
            kind, value = answers.get()
            if kind == "done":
                yield value
            elif kind == "advance":
                advance(value)
            elif kind == "failed":
                raise value
            else:
                busy -= 1


def _hand_over(
    worker: subprocess.Popen[bytes], spec: Any, answers: queue.SimpleQueue[tuple[str, Any]]
) -> str:
    """Send one spec and pass on what the worker says until it is done with it."""
    assert worker.stdin is not None and worker.stdout is not None
    try:
        pickle.dump(spec, worker.stdin, pickle.HIGHEST_PROTOCOL)
        worker.stdin.flush()
        while True:
            kind, value = pickle.load(worker.stdout)
            answers.put((kind, value))
            if kind != "advance":
                return str(kind)
    except (EOFError, OSError, pickle.UnpicklingError):
        code = worker.wait()
        gone = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
        answers.put(
            ("failed", EnvironmentProblem(f"a worker process {gone}: out of memory? Run again to finish"))
        )
        return "failed"


def _start(function: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "datapipe.engines.worker", function],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )


def _close(pipe: Any) -> None:
    try:
        pipe.close()
    except BrokenPipeError:
        return  # the worker is gone; what was still buffered for it has no reader
