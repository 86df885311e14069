"""Memory for pixels, used again: the first touch of a page costs more than what is written there.

A batch of 16 pictures of 640 x 640 px is 4800 pages. Touching them for the first time takes 1 to 15 ms, by
machine, each time the allocator has given the last batch's back to the system.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

_ALIGNED = 64
"""Bytes: TensorFlow takes over an array without copying it when it begins at such an address."""
_LEAST = 1 << 16


class Memory:
    """Hands out arrays; their memory comes back when nobody holds them any more.

    A view of an array holds it, too. No lock: memory may come back at any moment, on any thread, even while
    this thread is asking for some.
    """

    def __init__(self, idle: int) -> None:
        """Start with nothing.

        Args:
            idle: bytes to keep ready at most.
        """
        self._limit = idle
        self._idle: dict[int, deque[Slab]] = {}

    def array(self, shape: tuple[int, ...]) -> NDArray[np.uint8]:
        """A uint8 array of some shape, aligned to 64 bytes, its contents undefined."""
        size = room_for(math.prod(shape))
        try:
            slab = self._idle[size].pop()
        except (KeyError, IndexError):
            slab = Slab.of(np.empty(size + _ALIGNED, np.uint8))
        return np.asarray(Lease(self, slab, shape))

    def idle(self) -> int:
        """Bytes that are ready to be used again."""
        return sum(size * len(held) for size, held in list(self._idle.items()))

    def clear(self) -> None:
        """Let the system have what is idle."""
        self._idle = {}

    def take_back(self, slab: Slab) -> None:
        """Keep memory for the next array of its size, if there is room."""
        size = len(slab.memory) - _ALIGNED
        if self.idle() + size <= self._limit:
            self._idle.setdefault(size, deque()).append(slab)


class Slab(NamedTuple):
    """A piece of memory.

    memory: all of it, uint8
    start:  address of the first aligned byte; to ask NumPy for it takes as long as all else here
    """

    memory: NDArray[np.uint8]
    start: int

    @classmethod
    def of(cls, memory: NDArray[np.uint8]) -> Slab:
        """Memory that somebody made."""
        start: int = memory.ctypes.data
        return cls(memory, start + -start % _ALIGNED)


class Owner(Protocol):
    """Whoever lends memory."""

    def take_back(self, slab: Slab) -> None:
        """Called when nobody holds it any more, at any moment, on any thread."""


class Lease:
    """What an array's `base` is: it goes when the last array on it goes."""

    def __init__(self, owner: Owner, slab: Slab, shape: tuple[int, ...]) -> None:
        self._owner, self._slab = owner, slab
        self.__array_interface__: dict[str, Any] = {
            "shape": shape,
            "typestr": "|u1",
            "data": (slab.start, False),
            "version": 3,
        }

    def __del__(self) -> None:
        self._owner.take_back(self._slab)


def room_for(size: int) -> int:
    """The size of memory to use: the next of few sizes, at most an eighth more.

    Example: 928 332 bytes, a picture of 640 x 480 px with its frame, get 983 040 = 15 * 2^16.
    """
    step = max(_LEAST, 1 << max(0, size.bit_length() - 4))
    return -(-size // step) * step
