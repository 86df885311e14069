"""Positions, windows, hosts and training steps: which of them belong together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count

from datapipe.errors import UsageError


@dataclass(frozen=True)
class Steps:
    """Windows dealt to hosts in turn: window w belongs to host w % hosts.

    window:    positions in a window
    per_epoch: positions in an epoch
    shard:     (host, hosts)
    end:       positions of a finite stream; None for an endless one
    """

    window: int
    per_epoch: int
    shard: tuple[int, int] = (0, 1)
    end: int | None = None

    def positions(self, number: int) -> range:
        """The positions of a window; fewer at the end of a finite stream."""
        start = number * self.window
        stop = start + self.window
        return range(start, stop if self.end is None else min(stop, self.end))

    def windows(self) -> Iterable[int]:
        """Numbers of all windows, of all hosts."""
        return count() if self.end is None else range(-(-self.end // self.window))

    def place(self, k: int) -> tuple[int, int]:
        """The window of a position and its row there.

        Raises:
            IndexError: there is no such position.
        """
        if k < 0 or (self.end is not None and k >= self.end):
            raise IndexError(f"position {k} of {'an endless stream' if self.end is None else self.end}")
        return divmod(int(k), self.window)

    def rows(self, step: int, batch_size: int) -> tuple[int, range]:
        """The window of a step of this host and which of its samples.

        Example: windows of 64, host 1 of 2, batches of 16: step 5 is rows 16 to 31 of window 3.

        Raises:
            UsageError: batch_size does not divide the window. IndexError: there is no such step.
        """
        host, hosts = self.shard
        turn, part = divmod(step, self.in_window(batch_size))
        number = turn * hosts + host
        length = len(self.positions(number))
        rows = range(part * batch_size, min((part + 1) * batch_size, length))
        if step < 0 or not rows:
            raise IndexError(f"step {step} of {self.of_epoch(batch_size)}")
        return number, rows

    def in_window(self, batch_size: int) -> int:
        """How many batches a window is.

        Raises:
            UsageError: batch_size does not divide the window.
        """
        if batch_size < 1 or self.window % batch_size:
            raise UsageError(
                f"batch_size {batch_size}: want a divisor of the recipe's stream.window, {self.window}"
            )
        return self.window // batch_size

    def of_epoch(self, batch_size: int) -> int:
        """Steps of a host until every position of an epoch is over; all its steps of a finite stream."""
        self.in_window(batch_size)
        host, hosts = self.shard
        if self.end is None:
            return -(-self.per_epoch // (batch_size * hosts))
        own = range(host, -(-self.end // self.window), hosts)
        return sum(-(-len(self.positions(number)) // batch_size) for number in own)
