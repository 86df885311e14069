"""Where a VOC source keeps its xml files and pictures: a devkit, sibling folders, or all in one folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from datapipe.formats.image_sets import SPLIT_NAMES, Entry, read_lists
from datapipe.formats.paths import Found, Lookup, Problem, fold, is_picture, walk

_PICTURE_FOLDERS = ("jpegimages", "images", "image", "imgs", "img", "pictures", "photos", "data")
"""Names of picture folders, lower case, the surest first."""


@dataclass
class Folder:
    """What one folder holds: xml files, and pictures by their stem."""

    xmls: list[str] = field(default_factory=list)
    pictures: dict[str, list[str]] = field(default_factory=dict)

    def of_stem(self, stem: str) -> list[str]:
        """Pictures with this stem; failing that, with the only stem that equals it but for case and form."""
        return self.pictures.get(stem) or self._folded.get(fold(stem), [])

    @cached_property
    def _folded(self) -> dict[str, list[str]]:
        grouped: dict[str, list[list[str]]] = {}
        for stem, names in self.pictures.items():
            grouped.setdefault(fold(stem), []).append(names)
        return {stem: names[0] for stem, names in grouped.items() if len(names) == 1}


class Layout:
    """One walk over the source, and the questions that reading asks about it.

    Folders are named relative to root, "" for root itself.
    """

    def __init__(self, root: str) -> None:
        self.root = root
        self.lookup = Lookup(root)
        self.folders: dict[str, Folder] = {}
        self.devkits: list[str] = []
        for path, subfolders, files in walk(root):
            relative = os.path.relpath(path, root)
            relative = "" if relative == "." else relative
            folder = self.folders[relative] = Folder()
            for name in files:
                stem, ending = os.path.splitext(name)
                if ending.lower() == ".xml":
                    folder.xmls.append(name)
                elif is_picture(name):
                    folder.pictures.setdefault(stem, []).append(name)
            if "ImageSets" in subfolders:
                self.devkits.append(relative)
        self._candidates: dict[str, tuple[str, ...]] = {}

    @cached_property
    def xmls(self) -> list[tuple[str, str]]:
        """Every xml file as (folder, name), sorted."""
        return [(where, name) for where in sorted(self.folders) for name in self.folders[where].xmls]

    def lists(self) -> dict[str, dict[str, list[Entry]]]:
        """ImageSets lists by devkit folder, for devkits that have any."""
        read = {kit: read_lists(self.root, os.path.join(self.root, kit)) for kit in self.devkits}
        return {kit: lists for kit, lists in read.items() if lists is not None}

    def picture_folders(self, folder: str) -> tuple[str, ...]:
        """Where the pictures of a folder's xml files may be, the likeliest first.

        The folder itself; then folders that differ from it in one component which has a picture folder's
        name (`Annotations/train` -> `JPEGImages/train`); only without those any other sibling that holds
        pictures, and its parent. A devkit's segmentation masks are pictures, but never the pictures.
        """
        known = self._candidates.get(folder)
        if known is None:
            content = self.folders.get(folder)
            own = [folder] if content is not None and content.pictures else []
            named, others = self._parallel(folder)
            known = self._candidates[folder] = tuple(own + (named or ([] if own else others)))
        return known

    def _parallel(self, folder: str) -> tuple[list[str], list[str]]:
        """Other folders with pictures that differ from `folder` in one component: known names, others."""
        parts = folder.split("/") if folder else []
        named: list[tuple[int, int, str]] = []
        for i in reversed(range(len(parts) + 1)):
            for other in self._wildcards.get(_wildcard(parts, i), []):
                name = other.split("/")[i].lower()
                if name in _PICTURE_FOLDERS and other != folder:
                    named.append((-i, _PICTURE_FOLDERS.index(name), other))
        if named:
            return [other for _, _, other in sorted(named)], []
        near = (_wildcard(parts, i) for i in (len(parts) - 1, len(parts)) if i >= 0)
        others = [other for key in near for other in self._wildcards.get(key, []) if other != folder]
        parent = "/".join(parts[:-1])
        if parts and self.folders[parent].pictures:
            others.append(parent)
        return [], [other for other in others if not _never_pictures(other)]

    @cached_property
    def _wildcards(self) -> dict[str, list[str]]:
        """Folders with pictures by their path with one component left open."""
        found: dict[str, list[str]] = {}
        for folder in sorted(self.folders):
            if folder and self.folders[folder].pictures:
                parts = folder.split("/")
                for i in range(len(parts)):
                    found.setdefault(_wildcard(parts, i), []).append(folder)
        return found

    def find(self, name: str, folder: str) -> Found | Problem:
        """Find the picture that an xml in `folder` calls `name`."""
        worst = Problem("DP201", name)
        candidates = self.picture_folders(folder) or (folder,)
        if "/" in name or "\\" in name:  # images/a.jpg: relative to the xml, or to the folder above it
            candidates += (folder, os.path.dirname(folder))
        for candidate in candidates:
            found = self.lookup.find(name, os.path.join(self.root, candidate))
            if isinstance(found, Found):
                return found
            if found.code != "DP201":
                worst = found
        return worst

    def of_stem(self, stem: str, folder: str) -> list[str]:
        """Pictures with the xml's own stem in the first folder that has any, relative to root."""
        for candidate in self.picture_folders(folder):
            names = self.folders[candidate].of_stem(stem)
            if names:
                return [os.path.join(candidate, name) for name in names]
        return []

    def pictures_of_nobody(self) -> Iterator[str]:
        """Pictures, relative to root, in the folders of xml files but without an xml of their stem."""
        stems: dict[str, set[str]] = {}
        for folder, name in self.xmls:
            for candidate in self.picture_folders(folder):
                stems.setdefault(candidate, set()).add(fold(os.path.splitext(name)[0]))
        for candidate in sorted(stems):
            for stem, names in sorted(self.folders[candidate].pictures.items()):
                if fold(stem) not in stems[candidate]:
                    yield from (os.path.join(candidate, name) for name in names)

    def has_picture(self, kit: str, entry: str) -> bool:
        """Whether a devkit has a picture that a list may call `entry`, by its name or stem."""
        stem = os.path.basename(entry)
        annotations = os.path.join(kit, "Annotations")
        return any(
            content.of_stem(stem) or content.of_stem(os.path.splitext(stem)[0])
            for folder in self.picture_folders(annotations)
            if (content := self.folders[folder])
        )

    def devkit_of(self, folder: str) -> str | None:
        """The innermost folder with ImageSets that holds `folder`, None if there is none."""
        above = [kit for kit in self.devkits if not kit or (folder + "/").startswith(kit + "/")]
        return max(above, key=len) if above else None


def _wildcard(parts: list[str], i: int) -> str:
    """A path with component i left open: (["a", "b"], 0) is "*/b", (["a", "b"], 2) is "a/b/*"."""
    return "/".join([*parts[:i], "*", *parts[i + 1 :]])


def _never_pictures(folder: str) -> bool:
    """Segmentation masks are no photographs, and another split's pictures are no substitute."""
    name = folder.rpartition("/")[2].lower()
    return name.startswith("segmentation") or name in SPLIT_NAMES
