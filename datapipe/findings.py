"""Findings: what was not as it should be, where, and what was done about it.

A finding has a stable code with a slug (`DP104 box-outside-image`); `codes.toml` says what each code means.
`Account` holds the conservation law that every ingest must obey:

    read = kept + left out        for images and for objects, with a code for each one left out.
"""

from __future__ import annotations

import json
import tomllib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib import resources
from typing import Any, Literal, NamedTuple

from datapipe.errors import UsageError, printable

Kind = Literal["object", "image", "dataset"]
Severity = Literal["error", "warning", "info"]
Action = Literal["repaired", "ignored", "left out", "kept"]

LONGEST_PLACE = 5000
"""Characters of a file, place or image in findings.jsonl: more than a file system allows in a path."""


@dataclass(frozen=True)
class Code:
    """One kind of finding, as `datapipe explain` tells it."""

    code: str
    slug: str
    kind: Kind
    severity: Severity
    meaning: str
    hurts: str
    mend: str

    def __str__(self) -> str:
        return f"{self.code} {self.slug}"


@cache
def codes() -> dict[str, Code]:
    """Every code, by its number, in order."""
    text = resources.files("datapipe").joinpath("codes.toml").read_text("utf-8")
    return {code: Code(code=code, **fields) for code, fields in tomllib.loads(text).items()}


def explain(word: str) -> Code:
    """Look a code up by number or slug, in any case.

    Raises:
        UsageError: there is no such code; the message names the nearest one.
    """
    for code in codes().values():
        if word.lower() in (code.code.lower(), code.slug):
            return code
    every = [str(part) for code in codes().values() for part in (code.code.lower(), code.slug)]
    near = get_close_matches(word.lower(), every, n=1, cutoff=0.75)
    hint = f"did you mean {explain(near[0])}? " if near else ""
    raise UsageError(f"no code {word!r}: {hint}`datapipe explain all` lists them")


class Finding(NamedTuple):
    """One thing found.

    code:   "DP104"
    action: "repaired" (used, mended), "ignored" (left out, but its place stays an ignore region),
            "left out" (gone from the output), "kept" (used as it is; worth knowing)
    file:   the file that says so, relative to its source
    place:  where in it ("annotations[17] id 42", "object 3", "labels/a.txt:12"), "" for the whole file
    value:  what was found there
    image:  the picture's file name, "" if none is known
    """

    code: str
    action: Action
    file: str
    place: str
    value: str
    image: str = ""

    def to_json(self) -> str:
        """One line of findings.jsonl."""
        code = codes()[self.code]
        row: dict[str, Any] = {
            "code": self.code,
            "slug": code.slug,
            "severity": code.severity,
            "kind": code.kind,
        }
        for key, text in self._asdict().items():
            if key != "code":  # a place cut short would lead nowhere
                row[key] = printable(text) if key == "value" else printable(text, LONGEST_PLACE)
        return json.dumps(row, ensure_ascii=False)

    @property
    def quarantined(self) -> bool:
        """Whether something the source held does not reach the output as it was meant."""
        return self.action in ("ignored", "left out")


@dataclass(frozen=True)
class Balance:
    """read = kept + left_out, for one kind of thing."""

    read: int
    kept: int
    left_out: int


@dataclass(frozen=True)
class Account:
    """Where everything that was read went.

    left_out: how many images and objects were left out, by code; the sum is images.left_out +
    objects.left_out.
    repaired: how many repairs, by code.
    """

    images: Balance
    objects: Balance
    left_out: dict[str, int]
    repaired: dict[str, int]
    kept: dict[str, int]

    @property
    def quarantined(self) -> int:
        """Images and objects left out, together, but for those the user asked to leave out."""
        return sum(n for code, n in self.left_out.items() if codes()[code].severity != "info")

    def check(self) -> None:
        """Hold the conservation law.

        Raises:
            AssertionError: something vanished without a reason. That is a bug of datapipe, never of the
            input.
        """
        for name, balance in (("images", self.images), ("objects", self.objects)):
            if balance.read != balance.kept + balance.left_out:
                raise AssertionError(f"{name} vanished: {balance} with reasons {self.left_out}")


def account(
    images_read: int,
    images_kept: int,
    objects_read: int,
    objects_kept: int,
    tally: Counter[tuple[str, Action]],
) -> Account:
    """Balance what was read against what was kept and the findings' tally of what was left out.

    Args:
        images_read: images the source holds.
        images_kept: images in the shards.
        objects_read: objects the source holds.
        objects_kept: objects in the shards.
        tally: number of findings by (code, action).
    """
    by_action: dict[str, dict[str, int]] = {"left out": {}, "repaired": {}, "kept": {}}
    lost: Counter[Kind] = Counter()
    for (code, action), n in sorted(tally.items()):
        column = by_action["left out" if action == "ignored" else action]
        column[code] = column.get(code, 0) + n
        if action in ("ignored", "left out"):
            lost[codes()[code].kind] += n
    return Account(
        images=Balance(images_read, images_kept, lost["image"]),
        objects=Balance(objects_read, objects_kept, lost["object"]),
        left_out=by_action["left out"],
        repaired=by_action["repaired"],
        kept=by_action["kept"],
    )


def tally(findings: Iterable[Finding]) -> Counter[tuple[str, Action]]:
    """Count findings by (code, action)."""
    return Counter((finding.code, finding.action) for finding in findings)
