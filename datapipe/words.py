"""Words of the command line to values, each with an error that says what was meant."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from datapipe.errors import UsageError, did_you_mean

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "ki": 1 << 10, "mi": 1 << 20, "gi": 1 << 30}


def one_of(word: str, allowed: Sequence[str], where: str = "") -> str:
    """Check a word against the few allowed ones, given at `where` ("--format").

    Raises:
        UsageError: it is none of them; names the nearest.
    """
    if word not in allowed:
        raise UsageError(f"{where + ': ' if where else ''}no {word!r}: {did_you_mean(word, allowed)}")
    return word


def known(word: str) -> Any:
    """A word that `one_of` has checked, for a parameter that is a Literal."""
    return word


def listed(text: str) -> tuple[str, ...]:
    """Read "a, b" as ("a", "b")."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def size(text: str) -> int:
    """Read a size in bytes: 256MiB is 268435456, 100MB is 100000000.

    Raises:
        UsageError: it is no size, or 0.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmg]i?)?b?", text.strip().lower())
    nbytes = int(min(float(match[1]), 1e15) * _UNITS[match[2] or ""]) if match else 0
    if nbytes < 1:
        raise UsageError(f"{text!r} is not a size (like 256MiB, 100MB or 1GiB)")
    return nbytes


def input_size(text: str) -> tuple[int, int]:
    """Read "608" as (608, 608), "480x640" as height 480 and width 640.

    Raises:
        UsageError: it is neither.
    """
    match = re.fullmatch(r"(\d{1,5})(?:[x,](\d{1,5}))?", text.strip().lower())
    height, width = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
    if min(height, width) < 1:
        raise UsageError(f"--input-size {text!r}: give the side in px (608), or height and width (480x640)")
    return height, width


def limit(text: str) -> int | float:
    """Read "5" as a number of items, "1%" as a share of all.

    Raises:
        UsageError: it is neither, or the share exceeds 100 %.
    """
    match = re.fullmatch(r"(\d+)|(\d+(?:\.\d+)?)\s*%", text.strip())
    if not match or (match[2] and float(match[2]) > 100):
        raise UsageError(f"--max-quarantine {text!r}: give a number of items (5) or a share of all (1%)")
    return int(match[1]) if match[1] else float(match[2]) / 100
