"""A process of this machine that makes windows of a stream, and the line to it.

It runs `engines.worker`: pipes, nothing of the caller's `__main__`, Ctrl-C reaches only the caller, and a
killed caller takes it along. Pixels do not go through the pipes; they are painted into memory that both have.
"""

from __future__ import annotations

import gc
import os
import pickle
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from datapipe.images.libjpeg import suited
from datapipe.stream.batch import Batch
from datapipe.stream.ledger import Counts
from datapipe.stream.shelf import Place

_NO_PIXELS = np.zeros((0, 0, 0, 3), np.uint8)


class Source(Protocol):
    """A stream, in the process that was started for it."""

    def painted(self, step: int, batch_size: int, images: Sequence[NDArray[np.uint8]]) -> Iterator[Batch]:
        """Batches of a window from a step on, each painted into its (B, H, W, 3) images."""

    def take_ledger(self) -> Counts:
        """What was counted since the last time."""


class Task(NamedTuple):
    """A window to make.

    opening: a pickled call that gives the `Source`
    first:   step of its first batch
    size:    samples in a batch
    places:  where each of its batches is painted
    """

    opening: bytes
    first: int
    size: int
    places: tuple[Place, ...]


class Part(NamedTuple):
    """A batch without its pixels, which stand in their place, and what was counted."""

    batch: Batch
    counts: Counts


def make(task: Task, say: Callable[[Part], None]) -> None:
    """Make a window, batch by batch: what the process is started for."""
    source = _opened(task.opening)
    if not task.places:  # all that was wanted is that it is open
        return
    for batch in source.painted(task.first, task.size, [place.array() for place in task.places]):
        say(Part(replace(batch, images=_NO_PIXELS), source.take_ledger()))


@lru_cache(maxsize=1)
def _opened(opening: bytes) -> Source:
    source: Source = pickle.loads(opening)()
    gc.collect()
    gc.freeze()  # what is loaded by now stays: the collector need not walk over it again and again
    return source


@dataclass(eq=False)
class Window:
    """A window in the making, for who waits for it.

    coming: by step, the memory of the batches that are not there yet
    ready:  by step, those that are there and that nobody has asked for
    lost:   nobody will ask any more, or nothing more will come
    """

    coming: dict[int, NDArray[np.uint8]] = field(default_factory=dict)
    ready: dict[int, Part] = field(default_factory=dict)
    lost: bool = False

    def holds(self, step: int) -> bool:
        """Whether a batch is there or will be."""
        return step in self.ready or (step in self.coming and not self.lost)

    def arrived(self, part: Part) -> None:
        """Put a batch to its pixels."""
        step = part.batch.step
        images = self.coming.pop(step)
        if not self.lost:
            self.ready[step] = Part(replace(part.batch, images=images), part.counts)


class Process:
    """A process and the windows it has been given and has not finished.

    Even a lost one stays here until it has: until then its memory is written to.

    here: it has opened the stream
    """

    def __init__(self, opening: bytes, file: int, tell: Callable[[Process, str, Any], bool]) -> None:
        """Start it, and a thread that listens to it.

        Args:
            opening: a pickled call that gives the `Source`.
            file: descriptor of the shelf.
            tell: called with this, "advance" and a `Part`, "done", "failed" and the error, or "gone"; False
                ends listening.

        Raises:
            OSError: the system lets no process start.
        """
        found = os.pathsep.join(path for path in sys.path if path)  # where a recipe's own steps are
        self._popen = subprocess.Popen(
            [sys.executable, "-m", "datapipe.engines.worker", "datapipe.stream.processes:make"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            pass_fds=[file],
            env=os.environ | suited() | {"PYTHONPATH": found},
        )
        self.here = False
        self._windows: deque[Window] = deque()
        self.give(Window(), Task(opening, 0, 1, ()))
        listening = threading.Thread(target=self._listen, args=(tell,), name="datapipe-near", daemon=True)
        listening.start()

    @property
    def pid(self) -> int:
        """Its number."""
        return self._popen.pid

    def cpu_seconds(self) -> float:
        """User and system time it has used, by Linux's count; 0 once it is gone."""
        try:
            told = Path(f"/proc/{self.pid}/stat").read_text()
        except OSError:
            return 0.0
        user, system = told.rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    @property
    def windows(self) -> int:
        """Windows it has not finished."""
        return len(self._windows)

    def load(self) -> int:
        """Batches still to make."""
        return sum(len(window.coming) for window in self._windows)

    def give(self, window: Window, task: Task) -> None:
        """Have a window made after those given before."""
        self._windows.append(window)
        assert self._popen.stdin is not None
        try:
            pickle.dump(task, self._popen.stdin, pickle.HIGHEST_PROTOCOL)
            self._popen.stdin.flush()
        except OSError:  # it is gone: the thread that listens will tell why
            window.lost = True

    def arrived(self, part: Part) -> None:
        """It made a batch of its oldest window."""
        self._windows[0].arrived(part)

    def done(self) -> None:
        """It finished its oldest window; the first is its start."""
        self._windows.popleft()
        self.here = True

    def ended(self) -> str:
        """How it ended; waits for that."""
        code = self._popen.wait()
        return f"was killed by signal {-code}: out of memory?" if code < 0 else f"ended with code {code}"

    def kill(self) -> None:
        """End it; `ended` waits for that."""
        self._popen.kill()

    def disown(self) -> None:
        """Leave it to the process that this one was forked from."""
        self._popen.returncode = 0

    def close(self) -> None:
        """Wait until it has ended and close the line to it."""
        self._popen.wait()
        assert self._popen.stdin is not None
        try:
            self._popen.stdin.close()
        except OSError:
            return  # what was still buffered for it has no reader

    def _listen(self, tell: Callable[[Process, str, Any], bool]) -> None:
        assert self._popen.stdout is not None
        with self._popen.stdout as pipe:
            kind = ""
            while kind != "gone":
                try:
                    kind, said = pickle.load(pipe)
                except (EOFError, OSError, pickle.UnpicklingError):
                    kind, said = "gone", None
                if not tell(self, kind, said):
                    return
