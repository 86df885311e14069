"""What the names in a VOC source mean: an xml's picture, and the entries of ImageSets lists."""

from __future__ import annotations

import os

from datapipe.formats.image_sets import SPLIT_ORDER, Entry
from datapipe.formats.paths import Found, Problem
from datapipe.formats.voc.layout import Layout


def picture_of(
    layout: Layout, folder: str, stem: str, filename: str
) -> tuple[Found | Problem, str, list[tuple[str, str]]]:
    """Find the picture of an xml: <filename> wins, the xml's own stem comes second, never a guess.

    Returns:
        The file or the problem; the picture's name; repairs as (code, value).
    """
    own = layout.of_stem(stem, folder)
    image = filename.replace("\\", "/").rpartition("/")[2]
    if filename:
        found = layout.find(filename, folder)
        if isinstance(found, Found):
            names_own = os.path.splitext(image)[0] == stem
            if own and not names_own and found.path not in _real_paths(layout, own):
                value = f"<filename> {filename} is a picture, and so is {os.path.basename(own[0])}"
                return Problem("DP210", value), image, []
            name = os.path.basename(found.path) if found.repaired else image
            return found, name, [("DP221", filename)] if found.repaired else []
        # A folder called like a <filename> without ending is not what it means.
        ending = os.path.splitext(filename)[1]
        if found.code not in ("DP201", "DP212") and (ending or found.code != "DP204"):
            return found, image, []
    if not own:
        wanted = Problem("DP201", filename) if filename else Problem("DP217", f"no picture {stem}")
        return wanted, image or stem, []
    if len(own) > 1:
        return Problem("DP210", ", ".join(map(os.path.basename, own))), os.path.basename(own[0]), []
    name = os.path.basename(own[0])
    return layout.lookup.find(own[0], layout.root), name, [("DP225", filename or "no <filename>")]


def _real_paths(layout: Layout, pictures: list[str]) -> set[str]:
    return {os.path.realpath(os.path.join(layout.root, picture)) for picture in pictures}


def listed_splits(layout: Layout) -> tuple[dict[str, list[str]], list[Entry]]:
    """What ImageSets say.

    Returns:
        Splits of each xml (path relative to root) below a devkit with lists, in their order of precedence;
        entries that name neither an xml nor a picture, once each.
    """
    lists = layout.lists()
    xmls: dict[str, list[str]] = {kit: [] for kit in lists}
    for folder, name in layout.xmls:
        kit = layout.devkit_of(folder)
        if kit in xmls:
            xmls[kit].append(os.path.join(folder, name))
    splits: dict[str, list[str]] = {file: [] for files in xmls.values() for file in files}
    strays: dict[tuple[str, str], Entry] = {}
    for kit, by_split in lists.items():
        known = _by_entry(kit, xmls[kit])
        for split in SPLIT_ORDER:
            for entry in by_split.get(split, []):
                key = _entry_key(entry.name, known)
                for file in known.get(key, []):
                    if split not in splits[file]:
                        splits[file].append(split)
                if key not in known and not layout.has_picture(kit, key):
                    strays.setdefault((kit, key), entry)
    return splits, list(strays.values())


def _by_entry(kit: str, files: list[str]) -> dict[str, list[str]]:
    """Files by what a list may call them: the stem, or the path below the folder of annotations."""
    known: dict[str, list[str]] = {}
    for file in files:
        below = os.path.splitext(os.path.relpath(file, kit or "."))[0]
        for key in {os.path.basename(below), below, below.partition("/")[2]} - {""}:
            known.setdefault(key, []).append(file)
    return known


def _entry_key(name: str, known: dict[str, list[str]]) -> str:
    """Lists hold stems; some tools write the picture's or the xml's whole name, or a second column."""
    for key in (name, os.path.splitext(name)[0], name.split()[0], os.path.splitext(name.split()[0])[0]):
        if key in known:
            return key
    return name
