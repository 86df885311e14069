"""What a forked child begins anew.

A fork copies locks as they are and no thread: what another thread of the parent held is held for ever, and
what it had promised to make nobody makes. PyTorch's loaders fork while a training runs.
"""

from __future__ import annotations

import os
from typing import Protocol
from weakref import WeakSet


class Part(Protocol):
    """Something with a lock."""

    def begin(self) -> None:
        """Make its locks and forget what was under way."""


_parts: WeakSet[Part] = WeakSet()


def begun_anew(*parts: Part) -> None:
    """Have `begin` called on each in every child forked from now on, as long as somebody holds it."""
    _parts.update(parts)


def _forked() -> None:
    for part in _parts:
        part.begin()


os.register_at_fork(after_in_child=_forked)
