"""findings.jsonl, counted by code, with a few examples of each: it may have a million lines."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from datapipe.dataset import Dataset
from datapipe.errors import InputError
from datapipe.findings import codes
from datapipe.publish import FINDINGS

LINES, PICTURES = 5, 24
"""Findings of a code that are shown as text; with different pictures, that may be drawn."""

_ORDER = {"error": 0, "warning": 1, "info": 2}


@dataclass(frozen=True)
class Line:
    """A finding as findings.jsonl tells it."""

    action: str
    file: str
    place: str
    value: str
    image: str

    @property
    def object_id(self) -> str:
        """The last word of the place: an object's id, if it is an object's place."""
        return re.split(r"[ :]", self.place)[-1]


@dataclass
class Group:
    """The findings of one code.

    actions: how many by action
    first:   the first few
    pictured: the first with different pictures
    """

    code: str
    slug: str
    severity: str
    actions: Counter[str] = field(default_factory=Counter)
    first: list[Line] = field(default_factory=list)
    pictured: dict[str, Line] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """Findings of the code."""
        return sum(self.actions.values())

    def text(self, part: str) -> str:
        """`meaning`, `hurts` or `mend` of the code, "" for a code this version does not know."""
        known = codes().get(self.code)
        return str(getattr(known, part)) if known else ""


def read_findings(folder: Path) -> list[Group]:
    """Count and sample a dataset's findings: errors first, then by number.

    Raises:
        InputError: a line is no finding; names it.
    """
    groups: dict[str, Group] = {}
    path = folder / FINDINGS
    try:
        with path.open(encoding="utf-8") as lines:
            for number, text in enumerate(lines, 1):
                if text.strip():
                    _add(groups, text, f"{path}:{number}")
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from None
    return sorted(
        groups.values(), key=lambda group: (_ORDER.get(group.severity, 3), -group.count, group.code)
    )


def _add(groups: dict[str, Group], text: str, where: str) -> None:
    try:
        row = {name: str(value) for name, value in json.loads(text).items()}
        line = Line(*(row[name] for name in ("action", "file", "place", "value", "image")))
        code, slug, severity = row["code"], row["slug"], row["severity"]
    except (ValueError, KeyError, AttributeError):
        raise InputError(f"{where}: not a finding; run `datapipe verify`") from None
    group = groups.setdefault(code, Group(code, slug, severity))
    group.actions[line.action] += 1
    if len(group.first) < LINES:
        group.first.append(line)
    if line.image and len(group.pictured) < PICTURES:
        group.pictured.setdefault(line.image, line)


def rows_of(dataset: Dataset, names: set[str]) -> dict[str, int]:
    """Numbers of the dataset's images with these file names; of several with one name the first."""
    found: dict[str, int] = {}
    for row, name in enumerate(dataset.images["filename"]):
        if name in names:
            found.setdefault(str(name), row)
    return found
