"""Batches of an engine that gives them only one after another, for those who ask by number."""

from __future__ import annotations

import threading
from collections.abc import Iterator

from datapipe.stream import Batch, Stream

KEPT = 4
"""Loops to keep at most; whoever left one will hardly come back for it."""


class Loops:
    """Loops over a stream's batches, each kept where it was left: the one that stands at a step goes on.

    A dataset of TensorFlow's tells its calls a step, not which of its iterators wants it. Iterators at the
    same step share what comes; one that finds no loop at its step starts one.
    """

    def __init__(self, stream: Stream, batch_size: int) -> None:
        """Start nothing yet."""
        self._stream, self._batch_size = stream, batch_size
        self._loops: dict[int, Iterator[Batch]] = {}
        self._lock = threading.Lock()

    def batch(self, step: int) -> Batch:
        """The batch of a step; steps in a row come from one loop.

        Raises:
            IndexError: a finite stream has ended before.
        """
        with self._lock:
            loop = self._loops.pop(step, None) or self._stream.batches(self._batch_size, step)
            for batch in loop:
                self._loops[step + 1] = loop
                if len(self._loops) > KEPT:
                    del self._loops[next(iter(self._loops))]
                return batch
            raise IndexError(f"step {step} of {self._stream.steps_per_epoch(self._batch_size)}")

    def close(self) -> None:
        """End all loops."""
        with self._lock:
            self._loops.clear()
