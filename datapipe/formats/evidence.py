"""What a reader saw when it was asked whether a folder is of its format."""

from __future__ import annotations

from dataclasses import dataclass

from datapipe.formats.annotations import FormatName

FILE, TELLING, CONTENT, HINT = 100, 90, 10, 1
"""Scores: the very file was given; its names tell (instances_*.json, Annotations/, data.yaml); only what is
in the files tells; something is there, but not enough to be read."""


@dataclass(frozen=True)
class Evidence:
    """One format's case for a folder.

    score:   how sure, 0 = not this format; the highest score wins
    found:   sentences that speak for it ("annotations/instances_train2017.json")
    missing: sentences that speak against it ("no json file with images, annotations and
        categories")
    """

    format: FormatName
    score: int
    found: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
