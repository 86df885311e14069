"""Where the structure of a JSON text is: brackets and colons outside strings, found with NumPy.

A block of text goes in, the positions of its structural bytes and the nesting depth after each come
out. What a block's border cuts (a string, a backslash escape, open brackets) is carried to the next
block.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

DEEPEST = 100
"""Levels of nesting; COCO needs 6. Beyond it a file is an attack on the parser's stack."""

QUOTE, BACKSLASH, COLON, OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT = b'"\\:[]{}'

_STRUCTURAL = bytes(byte in b'"\\:[]{}' for byte in range(256))
_STEP = np.zeros(256, np.int8)
_STEP[[OPEN_LIST, OPEN_OBJECT]] = 1
_STEP[[CLOSE_LIST, CLOSE_OBJECT]] = -1


class Tokens(NamedTuple):
    """Structure of one block, in order.

    pos:   (K,) int64, byte in the block
    kind:  (K,) uint8, one of : [ ] { }
    step:  (K,) int8, +1 opens, -1 closes, 0 colon
    depth: (K,) int32, brackets open after it
    """

    pos: NDArray[np.int64]
    kind: NDArray[np.uint8]
    step: NDArray[np.int8]
    depth: NDArray[np.int32]

    def part(self, start: int, stop: int) -> Tokens:
        """Tokens start to stop - 1."""
        cut = slice(start, stop)
        return Tokens(self.pos[cut], self.kind[cut], self.step[cut], self.depth[cut])


class Carry(NamedTuple):
    """What one block leaves to the next: open brackets, inside a string, next byte escaped."""

    depth: int = 0
    in_string: bool = False
    escaped: bool = False


def scan(block: bytes, carry: Carry) -> tuple[Tokens, Carry]:
    """Find a block's structure.

    Args:
        block: the next bytes of the text, at least one.
        carry: what the block before left.

    Returns:
        Its tokens and what it leaves. Example: `{"a:":[` has tokens { : [ at 0, 5, 6 with depths 1,
        1, 2.
    """
    # translate + a view as bool is several times faster than indexing a lookup table with uint8.
    pos = np.flatnonzero(np.frombuffer(block.translate(_STRUCTURAL), np.bool_))
    kind = np.frombuffer(block, np.uint8)[pos]
    escaped = False
    if carry.escaped or b"\\" in block:
        pos, kind, escaped = _without_escapes(pos, kind, len(block), carry.escaped)
    quote = kind == QUOTE
    inside = (np.cumsum(quote, dtype=np.uint8) & 1).astype(np.bool_)  # wraps at 256, which keeps the parity
    if carry.in_string:
        inside = ~inside
    ends_inside = bool(inside[-1]) if len(inside) else carry.in_string
    keep = np.flatnonzero(~(quote | inside))
    pos, kind = pos[keep], kind[keep]
    step = _STEP[kind]
    depth = np.cumsum(step, dtype=np.int32) + np.int32(carry.depth)
    last = int(depth[-1]) if len(depth) else carry.depth
    return Tokens(pos, kind, step, depth), Carry(last, ends_inside, escaped)


def _without_escapes(
    pos: NDArray[np.int64], kind: NDArray[np.uint8], size: int, first_escaped: bool
) -> tuple[NDArray[np.int64], NDArray[np.uint8], bool]:
    """Drop backslashes and the quotes they escape: those after an odd run of backslashes."""
    if first_escaped and len(pos) and pos[0] == 0 and kind[0] in (QUOTE, BACKSLASH):
        pos, kind = pos[1:], kind[1:]
    is_slash = kind == BACKSLASH
    slash = pos[is_slash]
    if not len(slash):
        return pos, kind, False
    begins = np.concatenate([[True], np.diff(slash) != 1])
    run_start = np.maximum.accumulate(np.where(begins, slash, 0))
    odd = ((slash - run_start) & 1) == 0  # the run up to and including this one has odd length
    escapes = slash[odd] + 1
    keep = ~is_slash & ~((kind == QUOTE) & np.isin(pos, escapes, assume_unique=True))
    return pos[keep], kind[keep], bool(slash[-1] == size - 1 and odd[-1])
