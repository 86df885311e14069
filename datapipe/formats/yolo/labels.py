"""Label files: which one belongs to which picture, and which belong to none."""

from __future__ import annotations

import os
from collections.abc import Iterator

from datapipe.formats.paths import Found, Lookup, Problem, is_picture, walk
from datapipe.formats.text import NotReadable, decode, read_bytes
from datapipe.formats.yolo.layout import Layout, is_name_file, label_paths
from datapipe.formats.yolo.rows import looks_like_labels


class Labels:
    """Finds every listed picture's label; afterwards knows which label files nobody asked for."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._lookup: Lookup = layout.lookup
        self._claimed: set[str] = set()
        self._searched: set[str] = set()
        self._known_stems: dict[str, set[str]] = {}

    def find_all(self) -> list[tuple[str, Found | Problem]]:
        """The label of each listed picture: its path below the source, and the file or why there is none.

        Labels that match but for the case of their name are given out last, so that they never go to a
        picture while they belong to another one exactly.
        """
        answers = [self._find(one.relative) for one in self._layout.listed]
        exact = {f.path for _, f in answers if isinstance(f, Found) and not f.repaired}
        for i, (_, found) in enumerate(answers):
            if isinstance(found, Found) and found.repaired and found.path in exact:
                wanted = label_paths(self._layout.listed[i].relative)[0]
                answers[i] = (wanted, Problem("DP201", wanted))
        self._claimed = {found.path for _, found in answers if isinstance(found, Found)}
        self._claimed |= {os.path.join(self._lookup.root, label) for label, _ in answers}
        return answers

    def _find(self, relative: str) -> tuple[str, Found | Problem]:
        """The first place that has the label; a trouble with it (outside, a folder) counts as having it."""
        paths = label_paths(relative)
        for path in paths:
            folder, name = os.path.split(path)
            self._searched.add(folder)
            found = self._lookup.find(name, os.path.join(self._layout.root, folder))
            if isinstance(found, Found):
                return os.path.relpath(found.path, self._lookup.root) if found.repaired else path, found
            if found.code != "DP201" and not (found.code == "DP213" and folder.startswith("..")):
                return path, found
        return paths[0], Problem("DP201", paths[0])

    def orphans(self) -> Iterator[str]:
        """Label files, relative to the source, whose picture does not exist; after `find_all`."""
        root, seen = self._lookup.root, set(self._claimed)
        for folder, files in self._folders():
            for name in files:
                path = os.path.normpath(os.path.join(folder, name))
                full = os.path.join(root, path)
                if full in seen or not name.lower().endswith(".txt") or is_name_file(name):
                    continue
                seen.add(full)
                if os.path.realpath(full) in self._claimed or self._has_picture(path):
                    continue
                if self._is_label(path):
                    yield path

    def _folders(self) -> Iterator[tuple[str, list[str]]]:
        """Folders that may hold labels, relative to the source, with their files."""
        root = self._layout.root
        tops = dict.fromkeys(
            place
            for folder in self._layout.folders
            for place in (folder, os.path.dirname(label_paths(os.path.join(folder, "x"))[0]))
        )
        for top in tops:
            if os.path.isdir(os.path.join(root, top)):
                for folder, _, files in walk(os.path.join(root, top)):
                    yield os.path.relpath(folder, root), files
        for folder in sorted(self._searched - set(tops)):
            if "\0" not in folder and self._lookup.inside(os.path.realpath(os.path.join(root, folder))):
                yield folder, list(self._lookup.files(os.path.join(root, folder)))

    def _is_label(self, path: str) -> bool:
        """Every text in a folder called labels is one; elsewhere its first row decides."""
        if "labels" in os.path.dirname(path).lower().split("/"):
            return True
        found = self._lookup.find(path, self._layout.root)
        try:
            return isinstance(found, Found) and looks_like_labels(decode(read_bytes(found.path)))
        except NotReadable:
            return False

    def _has_picture(self, path: str) -> bool:
        """Whether some picture on the disk has this label, listed or not."""
        parts = path.split("/")[:-1]
        stem = os.path.splitext(os.path.basename(path))[0]
        folders = ["/".join(parts)]
        for i, part in enumerate(parts):
            if part.lower() == "labels":
                folders += ["/".join([*parts[:i], n, *parts[i + 1 :]]) for n in ("images", "JPEGImages")]
        return any(stem in self._stems(folder) for folder in folders)

    def _stems(self, folder: str) -> set[str]:
        known = self._known_stems.get(folder)
        if known is None:
            names = self._lookup.files(os.path.join(self._layout.root, folder))
            known = {os.path.splitext(name)[0] for name in names if is_picture(name)}
            self._known_stems[folder] = known
        return known
