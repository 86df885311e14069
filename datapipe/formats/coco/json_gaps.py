"""What stands between the bracketed entries of a JSON list: a comma, or entries without brackets.

The scan for brackets sees `{...}` and `[...]`. `5`, `null` and `"x"` in such a list are entries too
(an index counts them), and anything else in a gap means that the text is no JSON.
"""

from __future__ import annotations

import json
import re
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from datapipe.errors import printable
from datapipe.formats.coco import json_exact

_COMMA = re.compile(rb"[ \t\r\n]*,[ \t\r\n]*")
_SPACE = re.compile(r"[ \t\r\n]*")


class Borders(NamedTuple):
    """Entries in a text: (K,) int64 each; colons -1: the entry is no object."""

    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    colons: NDArray[np.int64]


def with_scalars(raw: bytes, bracketed: Borders, offset: int, first: bool, final: bool) -> Borders:
    """Check the gaps between the bracketed entries and add the entries that stand in them.

    Args:
        raw: the text; unless `final`, it ends with its last bracketed entry.
        bracketed: the entries with brackets.
        offset: where raw begins in the file.
        first: whether raw begins right after the list's opening bracket.
        final: whether raw ends right before the list's closing bracket.

    Raises:
        json.JSONDecodeError: a gap is no JSON; `pos` is the byte in the file.
    """
    lower = np.concatenate([[0], bracketed.ends])
    upper = np.concatenate([bracketed.starts, [len(raw)]])
    last = len(lower) - 1
    extra: list[tuple[int, int, int]] = []
    for i in _odd_gaps(raw, lower, upper):
        if i == last and not final:
            continue
        begin = int(lower[i])
        gap = raw[begin : upper[i]].decode("latin-1")  # one character per byte: positions are bytes
        extra += [
            (start + begin, stop + begin, -1)
            for start, stop in _scalars(gap, offset + begin, i > 0 or not first, i < last)
        ]
    if not extra:
        return bracketed
    rows = np.concatenate([np.stack(bracketed, axis=1), np.array(extra, np.int64)])
    rows = rows[np.argsort(rows[:, 0], kind="stable")]
    return Borders(rows[:, 0], rows[:, 1], rows[:, 2])


def _odd_gaps(raw: bytes, lower: NDArray[np.int64], upper: NDArray[np.int64]) -> list[int]:
    """Gaps that are not just a comma with white space, and always the first and the last."""
    last = len(lower) - 1
    inner = np.arange(1, last)
    if len(inner):  # nearly always every gap is the same few bytes: compare them all at once
        model = raw[lower[1] : upper[1]]
        if _COMMA.fullmatch(model):
            alike = (upper - lower)[inner] == len(model)
            data = np.frombuffer(raw, np.uint8)
            for k, byte in enumerate(model):
                alike[alike] = data[lower[inner[alike]] + k] == byte
            inner = inner[~alike]
    odd = [i for i in inner.tolist() if not _COMMA.fullmatch(raw, lower[i], upper[i])]
    return sorted({0, last, *odd})


def _scalars(gap: str, begin: int, follows: bool, leads: bool) -> list[tuple[int, int]]:
    """Borders of the entries in a gap that `follows` an entry and `leads` to one."""
    found: list[tuple[int, int]] = []
    at = _skip(gap, 0)
    wants_value, empty = not follows, not follows
    while at < len(gap):
        if gap[at] == ",":
            if wants_value:
                raise _broken("a value is missing before ','", begin + at)
            wants_value, at = True, _skip(gap, at + 1)
            continue
        if not wants_value:
            raise _broken(f"',' is missing before {_snippet(gap, at)}", begin + at)
        try:
            _, stop = json_exact.scalar_at(gap, at)
        except json.JSONDecodeError as error:
            raise _broken(f"{_snippet(gap, at)} is no value", begin + error.pos) from None
        found.append((at, stop))
        wants_value, empty, at = False, False, _skip(gap, stop)
    if leads and not wants_value:
        raise _broken("',' is missing between two entries", begin + len(gap))
    if not leads and wants_value and not empty:
        raise _broken("a value is missing after ','", begin + len(gap))
    return found


def _broken(why: str, position: int) -> json.JSONDecodeError:
    error = json.JSONDecodeError(why, "", 0)
    error.pos = position
    return error


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _snippet(text: str, at: int) -> str:
    return printable(repr(text[at : at + 20]))
