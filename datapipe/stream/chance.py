"""All chance of the stream: a generator for every (seed, purpose, number, step), and no other source.

Philox is a counter-based generator (Salmon et al. 2011): key and counter name a stream of numbers directly,
so that any sample's chance can be had anywhere without drawing what came before. The key holds seed and
purpose, the counter number and step; its lowest word runs, which leaves 2^64 blocks to every stream.
"""

from __future__ import annotations

import threading
from typing import Any, Literal

import numpy as np
from numpy.random import Generator, Philox

Purpose = Literal["order", "repeats", "dealing", "mix", "geometry", "pixels"]
_PURPOSES: dict[Purpose, int] = {
    "order": 1,  # number: epoch
    "repeats": 2,  # number: epoch
    "dealing": 3,  # number: window, step: group
    "mix": 4,  # number: position, step: the step's place in the recipe; so too below
    "geometry": 5,
    "pixels": 6,
}


def generator(seed: int, purpose: Purpose, number: int, step: int = 0) -> Generator:
    """A generator that nobody else has; 8 µs.

    Args:
        seed: of the stream, 0 to 2^64 - 1.
        purpose: what is drawn.
        number: epoch, window or position, by purpose.
        step: which of the purpose's steps.
    """
    key = np.array((seed, _PURPOSES[purpose]), np.uint64)
    return Generator(Philox(key=key, counter=np.array((0, step, number, 0), np.uint64)))


class Chance(threading.local):
    """The same generators made by setting one anew; 1 µs, for planning, which makes several a sample.

    What `at` returns is good until the next call of the same thread.
    """

    def __init__(self, seed: int) -> None:
        self._bits = Philox(key=np.array((seed, 0), np.uint64))
        self._generator = Generator(self._bits)
        self._key, self._counter = [seed, 0], [0, 0, 0, 0]  # NumPy reads lists in a third of arrays' time
        words = {"key": self._key, "counter": self._counter}
        self._state: Any = self._bits.state | {"state": words, "buffer": [0, 0, 0, 0]}

    def at(self, purpose: Purpose, number: int, step: int = 0) -> Generator:
        """The generator of `generator(seed, purpose, number, step)`."""
        self._key[1] = _PURPOSES[purpose]
        self._counter[1], self._counter[2] = step, number
        self._bits.state = self._state
        return self._generator
