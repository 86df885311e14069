"""Windows made ahead by processes of this machine: the same bytes, whoever makes them.

Threads of one process wait for the interpreter's one lock between any two calls of OpenCV, and a trainer's
own Python holds it, too: two processes make 1.3 to 1.4 times the samples of two threads. A process makes a
whole window, since a window's samples share their pictures.

Nothing depends on these processes. They start when a stream has been asked for batches in a row for a while,
and give what they were told to make ahead; all else the asking thread makes as if there were none.
"""

from __future__ import annotations

import os
import pickle
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any
from warnings import warn

from datapipe.errors import UsageError
from datapipe.stream.batch import Batch
from datapipe.stream.ledger import Counts
from datapipe.stream.processes import Process, Task, Window
from datapipe.stream.shelf import Shelf
from datapipe.stream.terms import Terms

Shapes = Callable[[int, int], list[tuple[int, ...]]]
"""(turn of a window on this host, batch size) to the shapes of its batches; none beyond the end."""

PATIENCE_S = 1.0
"""How long batches are asked for in a row before processes are worth their start, which takes as long."""
_QUEUED = 2
"""Windows a process is given at most: the next one lies ready when it finishes one."""
_ASTRAY = 3
"""Batches by which several askers may be out of step and still ask for a row."""


@dataclass
class _Row:
    """Steps asked for one after another, more or less.

    size:    samples in a batch
    start:   the first step
    highest: the furthest; `count` of those between were asked for
    begun:   s, by the monotonic clock
    helped:  one of them came from a process
    """

    size: int
    start: int
    highest: int
    begun: float
    count: int = 0
    helped: bool = False

    def goes_on(self, step: int, size: int) -> bool:
        """Whether a step belongs to it."""
        return size == self.size and abs(step - self.highest) <= _ASTRAY

    def add(self, step: int) -> None:
        """One more."""
        self.highest, self.count = max(self.highest, step), self.count + 1

    @property
    def dense(self) -> bool:
        """Whether these are some already, and hardly any was left out."""
        return self.highest - self.start + 1 - self.count <= _ASTRAY < self.count // 2


class Near:
    """Processes that make the windows a stream will be asked for next."""

    def __init__(
        self,
        opening: bytes,
        processes: int,
        shapes: Shapes,
        absorb: Callable[[Counts], Any],
        relieved: Callable[[], Any],
        patience_s: float,
    ) -> None:
        """Start nothing yet.

        Args:
            opening: a pickled call that gives the stream in another process.
            processes: how many.
            shapes: of a window's batches.
            absorb: is given what was counted for a batch elsewhere, when it is asked for.
            relieved: called when they have begun to make what is asked for.
            patience_s: how long batches are asked for in a row before they start.
        """
        self._opening, self._wanted, self._shapes = opening, processes, shapes
        self._absorb, self._relieved = absorb, relieved
        self._patience_s, self._gave_up, self._remark = patience_s, False, ""
        self._settle()

    def batch(self, step: int, size: int, in_window: int) -> Batch | None:
        """A batch that was made ahead; waits if it is in the making. None: make it yourself.

        Args:
            step: of this host.
            size: samples in a batch.
            in_window: batches in a window.
        """
        if self._home != os.getpid():
            for process in self._processes:
                process.disown()
            self._settle()
        with self._changed:
            if self._gave_up:
                remark, self._remark = self._remark, ""
                if remark:
                    warn(f"{remark}; this process makes all samples, slower", stacklevel=3)
                return None
            if not self._in_a_row(step, size):
                return None
            turn = step // in_window
            self._start(turn, in_window)
            self._ahead(turn, in_window)
            window = self._windows.get(turn)
            if window is None:
                return None
            self._changed.wait_for(lambda: step in window.ready or not window.holds(step))
            part = window.ready.pop(step, None)
            if not window.coming and not window.ready:
                self._windows.pop(turn, None)
            if part is None:
                return None
            self._absorb(part.counts)  # here: a fork must not find the ledger locked by who listens
            if not self._row.helped:
                self._row.helped = True
                self._relieved()
            return part.batch

    def pids(self) -> tuple[int, ...]:
        """Numbers of the processes that run."""
        with self._changed:
            return tuple(process.pid for process in self._processes)

    def cpu_seconds(self) -> float:
        """CPU time they have used."""
        with self._changed:
            return sum(process.cpu_seconds() for process in self._processes)

    def close(self) -> None:
        """End the processes; asking for a row of batches starts them again."""
        if self._home != os.getpid():
            return
        with self._changed:
            processes, shelf = self._processes, self._shelf
            self._drop(lambda turn: True)
            self._forget()
            self._changed.notify_all()
        for process in processes:
            process.kill()
        for process in processes:
            process.close()
        if shelf is not None:
            shelf.close()

    def _settle(self) -> None:
        """Begin in this process, which may be a fork: it copies locks as they are, and no thread."""
        self._home, self._changed = os.getpid(), threading.Condition()
        self._forget()

    def _forget(self) -> None:
        self._processes: list[Process] = []
        self._shelf: Shelf | None = None
        self._windows: dict[int, Window] = {}  # by turn: what was handed out and not yet asked for
        self._next = 0  # the first turn that was not handed out
        self._row = _Row(0, 0, -1, 0.0)

    def _in_a_row(self, step: int, size: int) -> bool:
        """Note what is asked for; whether all is."""
        if not self._row.goes_on(step, size):
            self._row, self._next = _Row(size, step, step - 1, time.monotonic()), 0
            self._drop(lambda turn: True)
        self._row.add(step)
        return self._row.dense

    def _drop(self, useless: Callable[[int], bool]) -> None:
        for turn in [turn for turn in self._windows if useless(turn)]:
            self._windows.pop(turn).lost = True

    def _start(self, turn: int, in_window: int) -> None:
        """Start the processes when it is time to."""
        waited = time.monotonic() - self._row.begun >= self._patience_s
        if self._processes or not waited or not self._shapes(turn + 1, self._row.size):
            return
        try:
            self._shelf = Shelf(idle=(self._wanted + 1) * in_window)
            for _ in range(self._wanted):
                self._processes.append(Process(self._opening, self._shelf.file, self._told))
        except OSError as error:
            self._gave_up, self._remark = True, f"no worker processes: {error}"
            self.close()

    def _ahead(self, turn: int, in_window: int) -> None:
        """Hand out the windows behind one, as many as there are processes; drop those long before it."""
        self._drop(lambda one: one < turn - 1)
        here = sum(process.here for process in self._processes)
        for number in range(max(self._next, turn + 1), turn + 1 + here):
            free = [process for process in self._processes if process.here and process.windows < _QUEUED]
            shapes = self._shapes(number, self._row.size)
            if not shapes or not free or self._shelf is None:
                return
            taken = [self._shelf.take(shape) for shape in shapes]
            first = number * in_window
            window = Window({first + i: images for i, (_, images) in enumerate(taken)})
            self._windows[number], self._next = window, number + 1
            task = Task(self._opening, first, self._row.size, tuple(place for place, _ in taken))
            min(free, key=Process.load).give(window, task)

    def _told(self, process: Process, kind: str, said: Any) -> bool:
        """What a process says; whether to go on listening."""
        with self._changed:
            if process not in self._processes:  # closed meanwhile
                return False
            if kind == "advance":
                process.arrived(said)
            elif kind == "done":
                process.done()
            else:
                self._gave_up = True
                if kind == "gone" or not process.here:  # else whoever asks will meet the same error here
                    how = process.ended() if kind == "gone" else f"cannot open the stream: {said}"
                    self._remark = f"a worker process {how}"
            self._changed.notify_all()
        if self._gave_up:
            self.close()
        return not self._gave_up


def nearby(
    open_on: Callable[[Terms], Any],
    terms: Terms,
    shapes: Shapes,
    absorb: Callable[[Counts], Any],
    relieved: Callable[[], Any],
) -> Near | None:
    """The processes of a stream; None where it wants none, or where a step of its recipe cannot travel.

    Args:
        open_on: opens the stream on other terms; is pickled.
        terms: of the stream.
        shapes: as of `Near`.
        absorb: as of `Near`.
        relieved: as of `Near`.

    Raises:
        UsageError: processes are asked for by name and a step cannot travel.
    """
    if not terms.processes:
        return None
    asked_for = terms.workers == "processes"
    try:
        opening = pickle.dumps(partial(open_on, terms.of_process))
        if b"__main__" in opening:
            raise ValueError("it is in __main__, which other processes do not have: put it into a module")
    except Exception as error:  # whatever a step raises when it is pickled
        if asked_for:
            raise UsageError(f"workers 'processes': a step cannot travel: {error}") from None
        return None
    patience_s = 0.0 if asked_for else PATIENCE_S
    return Near(opening, terms.processes, shapes, absorb, relieved, patience_s)
