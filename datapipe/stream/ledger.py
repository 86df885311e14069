"""What a stream has done, counted: nothing that happens to an object happens unseen."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping

Counts = dict[str, dict[str, int]]
"""By heading and name."""


class Ledger:
    """Counters under headings, safe to add to from any thread.

    They count what this process made, so a sample made twice counts twice, and one made ahead of its use
    counts before it.
    """

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Nothing counted; also in a forked child, which copies a lock as it is."""
        self._lock = threading.Lock()
        self._counts: dict[str, Counter[str]] = {
            name: Counter() for name in ("stream", "objects", "steps", "pixels")
        }

    def add(self, heading: str, counts: Mapping[str, int]) -> None:
        """Add counts under a heading."""
        with self._lock:
            own = self._counts[heading]
            for name, count in counts.items():  # `Counter.update` takes three times as long for a few
                own[name] += count

    def absorb(self, taken: Mapping[str, Mapping[str, int]]) -> None:
        """Add what another ledger gave."""
        for heading, counts in taken.items():
            self.add(heading, counts)

    def take(self) -> dict[str, dict[str, int]]:
        """All counts so far, and begin anew: for handing them to another ledger."""
        with self._lock:
            taken = {name: dict(counts) for name, counts in self._counts.items()}
            for counts in self._counts.values():
                counts.clear()
            return taken

    def read(self) -> dict[str, dict[str, int]]:
        """All counts so far.

        stream:  samples; pictures read and decoded; damaged ones that others stood in for
        objects: what became of them, in the words of `survival`
        steps:   how often each step of the recipe left its mark on a plan
        pixels:  what albumentations' spatial transforms did to objects afterwards
        """
        with self._lock:
            return {name: dict(counts) for name, counts in self._counts.items()}
