"""Pictures while they are needed: read once, decoded once, dropped after their last use or for room.

Whoever asks first has a picture decoded, others wait for the same one. A picture dropped for room and wanted
again is decoded again: the memory a stream may take changes its speed, never its bytes.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

from datapipe.dataset import Dataset
from datapipe.errors import RecordError
from datapipe.images.pixels import Decoded, Decoding, Factor, decode_reduced
from datapipe.objects import Objects
from datapipe.stream.catalogue import Catalogue
from datapipe.stream.crew import Coming
from datapipe.stream.ledger import Ledger
from datapipe.stream.memory import Memory

Submit = Callable[..., Coming[Any]]


class Wanted(NamedTuple):
    """A picture at one reduction, for one window."""

    window: int
    number: int
    factor: Factor


@dataclass(frozen=True, eq=False)
class Loaded:
    """A picture ready to be rendered: its pixels, and its objects in px of the full picture."""

    decoded: Decoded
    objects: Objects


@dataclass(eq=False)
class _Held:
    """future: of the Loaded; size: bytes of pixels; users: borrowers now; left: samples still to come."""

    future: Coming[Loaded]
    size: int
    users: int
    left: int


class Pictures:
    """Lends decoded pictures to threads, within a budget of bytes."""

    def __init__(
        self,
        dataset: Dataset,
        catalogue: Catalogue,
        ignore: tuple[str, ...],
        budget: int,
        ledger: Ledger,
        memory: Memory,
        decoding: Decoding,
    ) -> None:
        """Start empty.

        Args:
            dataset: the records.
            catalogue: sizes of pictures.
            ignore: flags that make an object an ignore region.
            budget: bytes of decoded pixels to hold; what a single sample shows is lent even above it.
            ledger: counts decodes.
            memory: where pixels are kept.
            decoding: how JPEGs are decoded.
        """
        self._decoding = decoding
        self._dataset, self._catalogue, self._ignore = dataset, catalogue, ignore
        self.budget, self._ledger, self._memory = budget, ledger, memory
        self.begin()

    def begin(self) -> None:
        """Hold nothing; also in a forked child, where nobody decodes what its parent's threads had begun."""
        self._held: dict[Wanted, _Held] = {}  # oldest first
        self._lent = self._bytes = 0
        self._room = threading.Condition()

    def size(self, wanted: Wanted) -> int:
        """Bytes of a picture's pixels, before it is decoded."""
        width, height = self._catalogue.size(wanted.number)
        return 3 * -(-width // wanted.factor) * -(-height // wanted.factor)

    @contextmanager
    def lent(
        self, uses: Mapping[Wanted, int], users: Mapping[int, int], submit: Submit
    ) -> Iterator[dict[Wanted, Coming[Loaded]]]:
        """Borrow pictures; waits while others have borrowed what the budget holds.

        Args:
            uses: the pictures, and how many samples are made of each now.
            users: by picture number, how many samples of its window show it in all.
            submit: runs the decoding somewhere.

        Yields:
            Futures; they raise RecordError for a damaged record.
        """
        with self._room:
            self._room.wait_for(lambda: self._fits(uses))
            for wanted in uses:
                held = self._held.get(wanted)
                if held is None:
                    future = submit(self._load, wanted)
                    held = _Held(future, self.size(wanted), 0, users.get(wanted.number, 0))
                    self._held[wanted] = held
                    self._bytes += held.size
                if not held.users:
                    self._lent += held.size
                held.users += 1
            self._make_room()
            futures = {wanted: self._held[wanted].future for wanted in uses}
        try:
            yield futures
        finally:
            self._take_back(uses)

    def forget(self, oldest: float = math.inf) -> None:
        """Drop the idle pictures of windows before a number: their other users will not come."""
        with self._room:
            for wanted in [w for w, held in self._held.items() if w.window < oldest and not held.users]:
                self._drop(wanted)

    def clear(self) -> None:
        """Drop all that is idle, and the memory that lies ready."""
        self.forget()
        self._memory.clear()

    def _fits(self, uses: Iterable[Wanted]) -> bool:
        if not self._lent:
            return True
        new = (one for one in uses if not (one in self._held and self._held[one].users))
        return self._lent + sum(map(self.size, new)) <= self.budget

    def _take_back(self, uses: Mapping[Wanted, int]) -> None:
        with self._room:
            for wanted, samples in uses.items():
                held = self._held[wanted]
                held.users -= 1
                held.left -= samples
                if not held.users:
                    self._lent -= held.size
                    if held.left <= 0 or _failed(held.future):
                        self._drop(wanted)
            self._make_room()
            self._room.notify_all()

    def _make_room(self) -> None:
        if self._bytes > self.budget:
            for wanted in [w for w, held in self._held.items() if not held.users]:
                self._drop(wanted)
                if self._bytes <= self.budget:
                    return

    def _drop(self, wanted: Wanted) -> None:
        self._bytes -= self._held.pop(wanted).size

    def _load(self, wanted: Wanted) -> Loaded:
        """Read and decode."""
        objects, data = self._dataset.objects_of(wanted.number, self._ignore, self._catalogue.objects)
        decoded = decode_reduced(data, wanted.factor, self._memory.array, self._decoding)
        width, height = self._catalogue.size(wanted.number)
        want = (-(-height // wanted.factor), -(-width // wanted.factor))
        if decoded.pixels.shape[:2] != want:
            found = "x".join(str(side) for side in decoded.pixels.shape[1::-1])
            raise RecordError(f"picture decodes to {found} px, the record says {width}x{height}")
        self._ledger.add("stream", {"pictures_decoded": 1})
        return Loaded(decoded, objects)


def _failed(future: Coming[Loaded]) -> bool:
    try:
        return future.done() and future.exception() is not None
    except CancelledError:
        return True
