"""Memory that processes share. It has no name: whichever of them dies, and however, nothing stays behind."""

from __future__ import annotations

import math
import mmap
import os
from collections import deque
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from datapipe.stream.memory import Lease, Slab

_PAGE = mmap.ALLOCATIONGRANULARITY


class Place(NamedTuple):
    """Where an array lies, for another process that has the shelf's file.

    file:   descriptor of the file, the same number in all processes
    offset: bytes, where the array begins
    size:   bytes to map
    shape:  of the array, uint8
    """

    file: int
    offset: int
    size: int
    shape: tuple[int, ...]

    def array(self) -> NDArray[np.uint8]:
        """The array, in the process that this came to."""
        memory = _mapped(self.file, self.offset, self.size)
        return memory[: math.prod(self.shape)].reshape(self.shape)


@lru_cache(maxsize=256)  # to map memory anew costs a fault for each of its pages
def _mapped(file: int, offset: int, size: int) -> NDArray[np.uint8]:
    return np.frombuffer(mmap.mmap(file, size, offset=offset), np.uint8)


class Shelf:
    """Hands out arrays that other processes may write to; memory comes back when nobody here holds it.

    All parts are of one size, which grows with what is asked for. No lock: memory may come back at any
    moment, on any thread; `take` is for one thread at a time.
    """

    def __init__(self, idle: int) -> None:
        """Start without a byte.

        Args:
            idle: parts to keep ready at most.
        """
        self.file = os.memfd_create("datapipe", os.MFD_CLOEXEC)
        self._limit, self._end, self._size = idle, 0, 0
        self._parts: dict[int, tuple[int, mmap.mmap]] = {}  # by address: offset, what is mapped
        self._idle: deque[Slab] = deque()

    def take(self, shape: tuple[int, ...]) -> tuple[Place, NDArray[np.uint8]]:
        """An array, its contents undefined, and where it lies."""
        self._size = max(self._size, -(-math.prod(shape) // _PAGE) * _PAGE)
        slab = self._used_again()
        if slab is None:
            offset, self._end = self._end, self._end + self._size
            os.ftruncate(self.file, self._end)
            mapped = mmap.mmap(self.file, self._size, offset=offset)
            slab = Slab.of(np.frombuffer(mapped, np.uint8))
            self._parts[slab.start] = offset, mapped
        offset, _ = self._parts[slab.start]
        return Place(self.file, offset, self._size, shape), np.asarray(Lease(self, slab, shape))

    def take_back(self, slab: Slab) -> None:
        """Keep memory for the next array."""
        self._idle.append(slab)

    def close(self) -> None:
        """Nothing more is taken; arrays that somebody holds stay what they are."""
        os.close(self.file)

    def _used_again(self) -> Slab | None:
        """Idle memory of the right size; the system gets what is too small or too much."""
        found = None
        while self._idle and (found is None or len(self._idle) > self._limit):
            slab = self._idle.pop()
            if found is None and len(slab.memory) == self._size:
                found = slab
            else:
                _, mapped = self._parts.pop(slab.start)
                mapped.madvise(mmap.MADV_REMOVE)
        return found
