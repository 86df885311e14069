"""The door through which TensorFlow's threads enter Python, and which is shut before Python ends.

A thread of TensorFlow's that wants the interpreter's lock while the interpreter is being taken down never
gets it: the process hangs for good (iterators wait for their calls), or dies with "terminate called without
an active exception". It is not enough to wait for calls that are inside. Some may be on their way, already
out of the graph and not yet in Python: so a call takes a ticket beforehand, from a queue of TensorFlow's and
without Python, and gives it back inside; tickets that are neither in the queue nor back are on their way.
Some have done their work and not yet left: they are those whose threads Python still knows.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Any

import tensorflow as tf

TICKETS = 64
"""Calls that may be on their way at a time, over all iterators of a dataset: far more than ever are."""

PATIENCE_S = 10.0
"""How long to wait for threads to leave that may be in other people's Python meanwhile."""


class Door:
    """Lets calls in until the program ends: `with door:` around the Python, `door.ticket()` before it.

    Every ticket taken must be followed by one `with`. This holds for an operation that depends on the ticket
    alone: once its inputs are there TensorFlow runs it, cancelled or not.

    shut: nobody shall begin any work
    """

    def __init__(self) -> None:
        with tf.device("/cpu:0"):
            self._queue = tf.queue.FIFOQueue(TICKETS, [tf.int64], shapes=[()])
            self._queue.enqueue_many(tf.range(TICKETS, dtype=tf.int64))
        self._changed, self._process = threading.Condition(), os.getpid()
        self._outside, self._asking, self._leaving = TICKETS, 0, set[int]()
        self.shut = False
        _DOORS.add(self)

    def ticket(self) -> Any:
        """The operation to wait for in the graph before a call; costs some µs."""
        return self._queue.dequeue()

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        with self._changed:
            if self.shut:
                self._outside -= 1
                self._leaving.add(threading.get_ident())
                self._changed.notify()
            else:
                self._queue.enqueue(tf.constant(0, tf.int64))

    @contextmanager
    def asking(self) -> Iterator[bool]:
        """Around a call into TensorFlow that waits for batches; False: do not, the program ends.

        A daemon thread may be at it then, and must be back, too. The main thread cannot, and a Ctrl-C, which
        is its alone, would upset the count.
        """
        with self._changed:
            fine = not self.shut
            counted = fine and threading.current_thread() is not threading.main_thread()
            self._asking += counted
        try:
            yield fine
        finally:
            with self._changed:
                self._asking -= counted
                self._changed.notify()

    def close(self) -> None:
        """Give out no more tickets."""
        with self._changed:
            self.shut = True
            self._queue.close()
            with suppress(tf.errors.OutOfRangeError):  # all are taken
                self._outside -= len(self._queue.dequeue_up_to(TICKETS))

    def wait(self) -> set[int]:
        """Wait until the last ticket and the last who asks are back; gives the threads that brought some."""
        with self._changed:
            self._changed.wait_for(lambda: self._outside == self._asking == 0)
            return self._leaving

    @property
    def here(self) -> bool:
        """Whether this is the process it was made in: a fork has the tickets, not the threads with some."""
        return self._process == os.getpid()


_DOORS: weakref.WeakSet[Door] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    """Runs when `threading` has ended its own threads, before the interpreter is taken down."""
    doors = [door for door in _DOORS if door.here]
    for door in doors:
        door.close()
    leaving = set[int]().union(*(door.wait() for door in doors))
    end = time.monotonic() + PATIENCE_S
    while leaving & sys._current_exceptions().keys() and time.monotonic() < end:
        time.sleep(0.001)
