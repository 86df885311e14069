"""Windows made by a Ray cluster and used in order: the same bytes, whoever makes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any, Protocol

from datapipe.engines.ray import RayEngine
from datapipe.stream.batch import Batch
from datapipe.stream.ledger import Counts


class Source(Protocol):
    """A stream; pickled, it opens the dataset again where it is unpickled, once in a process."""

    def made(self, step: int, batch_size: int) -> Batch:
        """The samples of a step of this host, made by the process that is asked."""

    def take_ledger(self) -> Counts:
        """What was counted since the last time."""


def make(task: tuple[Source, int, int]) -> tuple[Batch, Counts]:
    """Make a window somewhere.

    Args:
        task: the stream, the turn of its window on this host of the training, the window's length.

    Returns:
        The window as one batch, and what was counted.
    """
    source, turn, window = task
    return source.made(turn, window), source.take_ledger()


def batches(
    source: Source,
    per_window: int,
    batch_size: int,
    steps: range | count[int],
    ahead: int,
    absorb: Callable[[Counts], Any],
) -> Iterator[Batch]:
    """Batches cut from windows that a cluster makes.

    Args:
        source: the stream.
        per_window: batches in a window.
        batch_size: samples in a batch.
        steps: which batches, in a row.
        ahead: windows in the making beside the one in use.
        absorb: is given the counts of each window.
    """
    window = per_window * batch_size
    first = next(iter(steps))
    last = -(-steps.stop // per_window) if isinstance(steps, range) else None
    begun = first // per_window
    turns = count(begun) if last is None else range(begun, last)
    with RayEngine("datapipe.stream.far:make") as engine:
        windows = engine.in_order(((source, turn, window) for turn in turns), ahead)
        for turn, (whole, counts) in enumerate(windows, begun):
            absorb(counts)
            for part in range(-(-len(whole) // batch_size)):
                step = turn * per_window + part
                if step >= first:
                    yield whole.part(slice(part * batch_size, (part + 1) * batch_size), step)
