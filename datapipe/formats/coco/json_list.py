"""One JSON list being read: blocks of its text go in, batches of whole entries come out."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from datapipe.formats.coco.json_gaps import Borders, with_scalars
from datapipe.formats.coco.json_scan import OPEN_OBJECT, Tokens


@dataclass(frozen=True, eq=False)
class Batch:
    """Whole consecutive entries of one root array.

    key:    "images"
    first:  index in the array of the first entry
    raw:    text that holds them, bytes
    offset: where raw begins in the file
    starts, ends: (K,) int64, entry i is raw[starts[i]:ends[i]]
    colons: (K,) int64, keys the entry's own object has (a repeated one counts twice), -1: it is no
        object
    """

    key: str
    first: int
    raw: bytes
    offset: int
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    colons: NDArray[np.int64]

    def entry(self, i: int) -> bytes:
        """Text of the i-th entry of this batch."""
        return self.raw[self.starts[i] : self.ends[i]]


@dataclass
class OpenList:
    """A root list whose end is not reached yet.

    pending, offset: text since the last batch, and where it begins in the file
    count: entries handed out
    start: where the entry that the block's border cut begins, -1: none
    colons, is_object: what is known of that entry
    """

    key: str
    offset: int
    pending: list[bytes] = field(default_factory=list)
    count: int = 0
    start: int = -1
    colons: int = 0
    is_object: bool = False

    def take(self, tokens: Tokens, offset: int, text: bytes, cursor: int, final: bool) -> Batch | None:
        """Cut the whole entries out of the pending text and more of it.

        Args:
            tokens: the structure of the new text, positions counted from the block's begin.
            offset: where the block begins in the file.
            text: the new text, from byte `cursor` of the block on.
            cursor: see text.
            final: whether the list ends after text.

        Raises:
            json.JSONDecodeError: between entries stands what cannot; `pos` is the byte in the file.
        """
        opens = np.flatnonzero((tokens.step > 0) & (tokens.depth == 3))
        closes = np.flatnonzero((tokens.step < 0) & (tokens.depth == 2))
        counted = np.cumsum((tokens.step == 0) & (tokens.depth == 3), dtype=np.int64)
        starts, before = tokens.pos[opens] + offset, counted[opens]
        is_object = tokens.kind[opens] == OPEN_OBJECT
        if self.start >= 0:
            starts = np.concatenate([[self.start], starts])
            before = np.concatenate([[-self.colons], before])
            is_object = np.concatenate([[self.is_object], is_object])
        whole = len(closes)
        self._carry(starts[whole:], before[whole:], is_object[whole:], counted)
        if not whole and not final:
            self.pending.append(text)
            return None
        end = len(text) if final else int(tokens.pos[closes[-1]]) + 1 - cursor
        raw, begin, first = b"".join([*self.pending, text[:end]]), self.offset, self.count
        self.pending, self.offset = [text[end:]], begin + len(raw)
        colons = np.where(is_object[:whole], counted[closes] - before[:whole], -1)
        ends = tokens.pos[closes] + (offset + 1 - begin)
        bracketed = Borders(starts[:whole] - begin, ends, colons)
        borders = with_scalars(raw, bracketed, begin, first=first == 0, final=final)
        self.count += len(borders.starts)
        return Batch(self.key, first, raw, begin, *borders) if len(borders.starts) else None

    def _carry(
        self,
        starts: NDArray[np.int64],
        before: NDArray[np.int64],
        is_object: NDArray[np.bool_],
        counted: NDArray[np.int64],
    ) -> None:
        """Remember the entry, if any, that the end of the block cuts."""
        self.start = int(starts[0]) if len(starts) else -1
        if len(starts):
            self.is_object = bool(is_object[0])
            self.colons = int(counted[-1] if len(counted) else 0) - int(before[0])
