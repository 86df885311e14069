"""What can go wrong for a user, as one tree.

    DatapipeError
    ├── CheckFailed        exit 1   a check said no: --strict, --max-quarantine, verify
    ├── UsageError         exit 2   the call's own words are off
    ├── InputError         exit 3   the input cannot be used as a whole
    │   └── RecordError    exit 3   one stored record cannot be read back
    ├── EnvironmentProblem exit 4   disk full, no permission, an absent extra
    └── Interrupted        exit 130 Ctrl-C or SIGTERM; run again to finish

Every message is one line: *where: what is wrong, what was found, what to do*. The command line prints it
and exits with the class's code; anything that is not a DatapipeError is a bug and keeps its traceback.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import ClassVar


class DatapipeError(Exception):
    """Anything datapipe says no to on purpose."""

    exit_code: ClassVar[int] = 3


class CheckFailed(DatapipeError):
    """A check the user asked for did not hold."""

    exit_code = 1


class UsageError(DatapipeError):
    """The call itself is wrong: a misspelt option, an impossible combination."""

    exit_code = 2


class InputError(DatapipeError):
    """The input's meaning is uncertain as a whole, or nothing usable is left of it."""

    exit_code = 3


class RecordError(InputError):
    """A stored record is damaged; the message names the shard and the offset."""


class EnvironmentProblem(DatapipeError):
    """The machine refuses: no space, no permission, a missing optional package."""

    exit_code = 4


class Interrupted(DatapipeError):
    """The user or the system said stop; work that resumes says how."""

    exit_code = 130


def did_you_mean(word: str, allowed: Iterable[str]) -> str:
    """Say the nearest allowed word, or list them all.

    >>> did_you_mean("cocoo", ["coco", "voc"])
    "did you mean 'coco'? (there are: coco, voc)"
    """
    names = [str(name) for name in allowed]
    near = get_close_matches(word.lower(), [n.lower() for n in names], n=1, cutoff=0.6)
    listed = f"(there are: {', '.join(names)})"
    if not near:
        return listed
    match = next(n for n in names if n.lower() == near[0])
    return f"did you mean {match!r}? {listed}"


def printable(text: object, limit: int = 120) -> str:
    r"""Make a name from the outside safe to show: no control characters, no endless lines.

    >>> printable("a\x1b[31mb")
    'a\\x1b[31mb'
    """
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(text))
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"
