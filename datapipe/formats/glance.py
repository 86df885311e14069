"""A cheap first look at a folder, for guessing its format: a few listings, the first bytes of a few files."""

from __future__ import annotations

import os
from dataclasses import dataclass
from itertools import islice

from datapipe.formats.paths import walk
from datapipe.formats.text import NotReadable, decode, read_bytes

FOLDERS = 60
"""Folders that are listed at most; a data set shows what it is in its first ones."""
_HEAD_LIMIT = 8 << 20


@dataclass(frozen=True)
class Glance:
    """What was seen.

    root:         the folder, or the folder of the file that was given
    names:        files by lower-case ending, as paths relative to root, those near root first
    folder_names: names of folders below root
    """

    root: str
    names: dict[str, list[str]]
    folder_names: frozenset[str]

    def files(self, *endings: str) -> list[str]:
        """Files with one of these endings, ".xml" for example."""
        return [name for ending in endings for name in self.names.get(ending, [])]

    def head(self, path: str, size: int = 4096) -> str:
        """The beginning of a file as text, "" if it is none; files too large to be read whole are none."""
        try:
            data = read_bytes(os.path.join(self.root, path), _HEAD_LIMIT)
            return decode(data)[:size]
        except NotReadable:
            return ""


def glance(root: str) -> Glance:
    """Look at the first folders below root, breadth before depth; a missing or forbidden root has nothing."""
    names: dict[str, list[str]] = {}
    folder_names: set[str] = set()
    if not os.path.isdir(root):
        return Glance(root, {}, frozenset())
    for folder, folders, files in sorted(islice(walk(root, depth=4), FOLDERS), key=_depth):
        folder_names.update(folders)
        where = os.path.relpath(folder, root)
        for name in files:
            ending = os.path.splitext(name)[1].lower()
            path = name if where == "." else os.path.join(where, name)
            names.setdefault(ending, []).append(path)
    return Glance(root, names, frozenset(folder_names))


def _depth(seen: tuple[str, list[str], list[str]]) -> tuple[int, str]:
    return seen[0].count(os.sep), seen[0]
