"""How long work tells how far it is, without knowing who listens.

The library never prints. It opens a stage, advances it, and whoever called decides what that looks like:
a live bar on a terminal, a line per 10 % in a log, nothing at all in a test (`silent`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

Advance = Callable[[int], None]


class Progress(Protocol):
    """Opens one stage of known or unknown length and gives back the function that advances it."""

    def __call__(self, stage: str, total: int | None, unit: str) -> AbstractContextManager[Advance]:
        """Start a stage.

        Args:
            stage: what is being done, as a short phrase ("reading instances_train.json").
            total: how many units in all, None if that is not known.
            unit: the plural of what is counted ("images", "MB").
        """
        ...


@contextmanager
def silent(stage: str, total: int | None, unit: str) -> Iterator[Advance]:
    """Tell nobody."""
    yield lambda amount: None
