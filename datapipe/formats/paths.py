r"""Looking a picture up by the name an annotation gives it, without ever leaving the source.

Rules (the policy's section "Paths"): the exact name; then `\` read as `/`; then the only name in that folder
that matches when case and Unicode normalisation are ignored. What is found counts only if, after following
links, it lies inside one of the allowed folders and is a regular file.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from datapipe.errors import EnvironmentProblem, printable

PICTURE_ENDINGS = frozenset(
    [".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".dib", ".gif", ".webp", ".tif", ".tiff"]
)
"""Endings by which pictures are listed in folders; what a file is, its content decides."""


_NOTHING_THERE = (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP)
_URL = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)


class Found(NamedTuple):
    """A picture's file: real path, size in bytes, and whether its name had to be repaired."""

    path: str
    nbytes: int
    repaired: bool


class Problem(NamedTuple):
    """Why there is no usable file: a finding's code and the value to show."""

    code: str
    value: str


class Lookup:
    """Finds files below a root (and further allowed folders); each folder is listed once and remembered."""

    def __init__(self, root: str | Path, *also: str | Path) -> None:
        self.root = os.path.realpath(root)
        self._allowed = tuple(os.path.realpath(folder).rstrip(os.sep) + os.sep for folder in (root, *also))
        self._listings: dict[str, list[str]] = {}
        self._folded: dict[str, dict[str, list[str]]] = {}
        self._real: dict[str, str] = {}

    def inside(self, path: str) -> bool:
        """Whether a real path lies inside the source or a folder the user named."""
        return (path.rstrip(os.sep) + os.sep).startswith(self._allowed)

    def find(self, name: str, folder: str) -> Found | Problem:
        """Find the picture `name`, relative to `folder` (or absolute).

        Returns:
            The file, or the problem: DP201 missing, DP204 not a regular file, DP212 no name, DP213 outside
            the source or a URL, DP203 not to be looked at.
        """
        if not name.strip() or "\0" in name:
            return Problem("DP212", repr(name))
        if _URL.match(name):
            return Problem("DP213", name)
        try:
            # A source reached through a link must not look like a path out of the source.
            folder = self._real_folder(folder)
            found = self._exact(os.path.join(folder, name), repaired=False)
            if found is None and "\\" in name:
                name = name.replace("\\", "/")
                found = self._exact(os.path.join(folder, name), repaired=True)
            return found or self._folding(os.path.join(folder, name)) or Problem("DP201", name)
        except (OSError, ValueError) as error:
            return Problem("DP203", f"{name}: {getattr(error, 'strerror', None) or error}")

    def files(self, folder: str) -> Iterator[str]:
        """Names of files (and pipes, devices) right in a folder, sorted; hidden ones are passed over.

        Raises:
            EnvironmentProblem: the folder may not be listed.
        """
        real = os.path.realpath(folder)
        try:
            names = sorted(self._listing(real))
        except OSError as error:
            reason = error.strerror or str(error)
            raise EnvironmentProblem(f"{printable(folder)}: cannot be listed: {reason}") from None
        for name in names:
            if not (is_clutter(name) or os.path.isdir(os.path.join(real, name))):
                yield name

    def _exact(self, path: str, repaired: bool) -> Found | Problem | None:
        head, tail = os.path.split(path)
        head = self._real_folder(head)
        if tail in ("", ".", ".."):
            return Problem("DP204", path)
        if not self.inside(head):
            return Problem("DP213", path)
        return self._judge(head, tail, repaired)

    def _folding(self, path: str) -> Found | Problem | None:
        """The only match that ignores case and Unicode form, folder by folder below the root."""
        real = os.path.normpath(path)
        if not self.inside(real):
            return Problem("DP213", path)
        base = next(a.rstrip(os.sep) for a in self._allowed if (real + os.sep).startswith(a))
        here = base
        parts = os.path.relpath(real, base).split(os.sep)
        for depth, part in enumerate(parts):
            matches = self._folded_listing(here).get(fold(part), [])
            if len(matches) != 1:
                return None
            if depth == len(parts) - 1:
                return self._judge(here, matches[0], repaired=True)
            here = self._real_folder(os.path.join(here, matches[0]))
            if not self.inside(here):
                return Problem("DP213", path)
        return None

    def _judge(self, folder: str, name: str, repaired: bool) -> Found | Problem | None:
        """What stands in a real folder under a name; None for nothing."""
        path = os.path.join(folder, name)
        try:
            about = os.lstat(path)
        except OSError as error:
            if error.errno in _NOTHING_THERE:
                return None
            raise
        if stat.S_ISLNK(about.st_mode):
            path = os.path.realpath(path)
            if not self.inside(path):
                return Problem("DP213", name)
            if not os.path.exists(path):
                return Problem("DP201", name)
            about = os.stat(path)
        if not stat.S_ISREG(about.st_mode):
            return Problem("DP204", name)
        return Found(path, about.st_size, repaired)

    def _real_folder(self, folder: str) -> str:
        known = self._real.get(folder)
        if known is None:
            known = self._real[folder] = os.path.realpath(folder)
        return known

    def _listing(self, folder: str) -> list[str]:
        known = self._listings.get(folder)
        if known is None:
            try:
                known = os.listdir(folder)
            except OSError as error:
                if error.errno not in _NOTHING_THERE:
                    raise
                known = []
            self._listings[folder] = known
        return known

    def _folded_listing(self, folder: str) -> dict[str, list[str]]:
        known = self._folded.get(folder)
        if known is None:
            known = self._folded[folder] = {}
            for name in self._listing(folder):
                known.setdefault(fold(name), []).append(name)
        return known


def fold(name: str) -> str:
    """A name as it compares when case and Unicode form do not matter."""
    return unicodedata.normalize("NFC", name).casefold()


def is_clutter(name: str) -> bool:
    """Files that no annotation tool means: hidden ones, macOS's `._*`, Thumbs.db, caches."""
    return name.startswith(".") or name.lower() in ("thumbs.db", "desktop.ini") or name.endswith(".cache")


def is_picture(name: str) -> bool:
    """Whether a name ends like a picture's."""
    return os.path.splitext(name)[1].lower() in PICTURE_ENDINGS


def walk(root: str, depth: int = 64) -> Iterator[tuple[str, list[str], list[str]]]:
    """os.walk in sorted order without clutter, following links inside root once each: loops end.

    Yields:
        (folder, sub-folder names, file names); folders as given, not resolved.

    Raises:
        EnvironmentProblem: a folder may not be listed; passing over it would lose what is in it.
    """
    base = os.path.realpath(root).rstrip(os.sep) + os.sep
    seen: set[str] = set()
    pending = [(root, 0)]
    while pending:
        folder, level = pending.pop()
        real = os.path.realpath(folder)
        if real in seen or not (real + os.sep).startswith(base):
            continue
        seen.add(real)
        folders: list[str] = []
        files: list[str] = []
        try:
            with os.scandir(folder) as entries:
                for entry in sorted(entries, key=lambda e: e.name):
                    if not is_clutter(entry.name):
                        (folders if _is_folder(entry) else files).append(entry.name)
        except PermissionError:
            raise EnvironmentProblem(
                f"{printable(folder)}: permission to list the folder is missing; grant it or move it away"
            ) from None
        yield folder, folders, files
        if level < depth:
            pending += [(os.path.join(folder, name), level + 1) for name in reversed(folders)]


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False
