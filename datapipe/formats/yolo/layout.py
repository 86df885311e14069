"""Which pictures a YOLO source lists, in which split, and where their labels would be."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from datapipe.errors import InputError, printable
from datapipe.findings import Finding
from datapipe.formats.image_sets import SPLIT_NAMES, SPLIT_ORDER, split_of_folder
from datapipe.formats.paths import Found, Lookup, Problem, is_picture, walk
from datapipe.formats.text import NotReadable, read_text
from datapipe.formats.yolo.names import NAME_FILES, Plan, without_first
from datapipe.formats.yolo.plan import files_below, find_plan

_PICTURE_FOLDERS = ("images", "jpegimages")


class Listed(NamedTuple):
    """One picture a split lists.

    relative: its path below the source as it is listed, with "/"; labels are found from it
    name:     its path below the split's folder
    found:    the file, or why there is none
    file:     the list that names it and its line there, "" and 0 if a folder holds it
    """

    split: str
    relative: str
    name: str
    found: Found | Problem
    file: str = ""
    line: int = 0


@dataclass
class Layout:
    """A source's names and pictures.

    folders: folders (below the source) that splits are, searched whole for labels without a picture
    """

    root: str
    plan: Plan
    lookup: Lookup
    listed: list[Listed] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def survey(root: str, yaml_file: str | None) -> Layout:
    """Find names, splits and pictures.

    Args:
        root: real path of the source.
        yaml_file: the yaml the user named, relative to root.

    Raises:
        InputError: no class names, a split that is not there or not inside, or no picture at all.
    """
    plan = find_plan(root, yaml_file)
    layout = Layout(root, plan, Lookup(root), notes=[plan.note])
    for split in SPLIT_ORDER:
        for value in plan.splits.get(split, ()):
            _add_split(layout, split, value)
    if not plan.splits:
        _add_everything(layout)
    if not layout.listed:
        where = ", ".join(printable(v) for values in plan.splits.values() for v in values)
        raise InputError(f"{printable(root)}: no picture in {where or 'it'}; check the splits' paths")
    return layout


def _add_split(layout: Layout, split: str, value: str) -> None:
    """Add what one entry of a split names: a folder with everything below it, a list, or one picture."""
    path, repaired = _resolve(layout, split, value)
    relative = os.path.relpath(path, layout.root)
    if repaired:
        layout.findings.append(
            Finding("DP303", "repaired", layout.plan.file, split, f"{value} read as {relative}")
        )
    if os.path.isdir(path):
        layout.folders.append(relative)
        for folder, _, files in walk(path):
            below = os.path.relpath(folder, layout.root)
            for name in filter(is_picture, files):
                _add_picture(layout, split, os.path.join(below, name), relative)
    elif is_picture(path):
        _add_picture(layout, split, relative, os.path.dirname(relative))
    else:
        _add_list(layout, split, relative)


def _add_picture(layout: Layout, split: str, relative: str, base: str) -> None:
    relative = relative.removeprefix("./")
    found = layout.lookup.find(relative, layout.root)
    layout.listed.append(Listed(split, relative, name_of(relative, base), found))


def _resolve(layout: Layout, split: str, value: str) -> tuple[str, bool]:
    """Find the file or folder that a split means, inside the source only.

    Returns:
        Its path, and whether it took dropping leading ../ (Roboflow) or a path of another machine.

    Raises:
        InputError: it is nowhere, or only outside the source; every place tried is listed.
    """
    tried: list[str] = []
    outside = False
    for path, repaired in _candidates(layout, value):
        path = os.path.normpath(path)
        if path in tried:
            continue
        inside = layout.lookup.inside(os.path.realpath(path))
        outside |= not inside and not repaired
        if inside or not repaired:
            tried.append(path)
        if inside and os.path.exists(path):  # outside is not even looked at
            below = (path + os.sep).startswith(layout.root.rstrip(os.sep) + os.sep)
            return (path if below else os.path.realpath(path)), repaired
    where = ", ".join(printable(path, 300) for path in tried)
    reason = "is not in the source" if outside else "does not exist"
    raise InputError(
        f"{printable(layout.plan.file)}: {split}: {printable(value)!r} {reason} (tried {where}); "
        "correct the path or remove the split"
    )


def _candidates(layout: Layout, value: str) -> Iterator[tuple[str, bool]]:
    """Places a split may mean, as written first; True where something was dropped or replaced."""
    root, path = layout.root, layout.plan.path
    yield os.path.join(root, path, value), False
    for one, declared in ((value, path), (value.replace("\\", "/"), path.replace("\\", "/"))):
        yield os.path.join(root, declared, one), True
        yield os.path.join(root, declared, _stripped(one)), True
        yield os.path.join(root, one), True
        yield os.path.join(root, _stripped(one)), True
        if declared and one.startswith(declared.rstrip("/") + "/"):
            yield os.path.join(root, one[len(declared.rstrip("/")) + 1 :]), True
        if layout.plan.file.endswith(".data"):  # darknet's paths start at its own folder
            yield from ((os.path.join(root, rest), True) for rest in without_first(one))


def _stripped(path: str) -> str:
    """Without leading ./ and ../, which Roboflow writes as if data.yaml were a folder deeper."""
    while path.startswith(("../", "./")):
        path = path.partition("/")[2]
    return path


def _add_list(layout: Layout, split: str, file: str) -> None:
    """Add the pictures that a list of paths names."""
    try:
        lines = read_text(os.path.join(layout.root, file)).splitlines()
    except NotReadable as reason:
        raise InputError(f"{printable(file)}: {reason}; a list holds one picture's path per line") from None
    dropped, example = 0, ""
    for n, line in enumerate(lines, start=1):
        entry = line.strip()
        if not entry or entry.startswith("#"):
            continue
        path, found, repaired = _entry(layout, file, entry)
        relative = os.path.relpath(path, layout.root)
        if repaired:
            dropped, example = dropped + 1, f"{entry} read as {relative}"
        name = entry if relative.startswith("../") or "://" in entry else name_of(relative, "")
        layout.listed.append(Listed(split, relative, name, found, file, n))
    if dropped:
        value = f"{dropped} entries, the last: {example}"
        layout.findings.append(Finding("DP303", "repaired", file, split, value))


def _entry(layout: Layout, file: str, entry: str) -> tuple[str, Found | Problem, bool]:
    """Find one entry of a list: below the list's folder, `path:` or the source; then without a prefix."""
    root, declared = layout.root, layout.plan.path
    first: tuple[str, Problem] | None = None
    here = os.path.join(root, os.path.dirname(file))
    bases = dict.fromkeys((here, os.path.join(root, declared), root))
    stripped = _stripped(entry)
    rests = [entry.removeprefix(declared.rstrip("/") + "/")] if declared else []
    rests += [stripped]
    # Darknet's lists start at its own folder: data/obj/a.jpg is obj/a.jpg in the folder called data.
    if stripped.partition("/")[0] in ("data", os.path.basename(root)):
        rests += [stripped.partition("/")[2]]
    tries = [(base, entry, False) for base in bases]
    tries += [(base, rest, True) for rest in rests for base in bases if rest and rest != entry]
    for base, name, repaired in tries:
        found = layout.lookup.find(name, base)
        path = os.path.normpath(os.path.join(base, name))
        if isinstance(found, Found):
            # An absolute path may come in through a link; below the source it has one name only.
            visible = not found.repaired and path.startswith(root + os.sep)
            return (path if visible else found.path), found, repaired
        first = first if first and first[1].code != "DP201" else (path, found)
    path, problem = first or (entry, Problem("DP201", entry))
    return path, Problem(problem.code, entry), False


def _add_everything(layout: Layout) -> None:
    """Without splits written down: pictures below images/, and pictures with a label; splits from folders."""
    layout.folders.append(".")
    files = list(files_below(layout.root))
    known = set(files)
    pictures = [file for file in files if is_picture(file)]
    strays = 0
    for file in pictures:
        parts = os.path.dirname(file).lower().split("/")
        if not set(_PICTURE_FOLDERS) & set(parts) and not known & set(label_paths(file)):
            strays += 1
            continue
        split = split_of_folder(os.path.dirname(file)) or "train"
        _add_picture(layout, split, file, "")
    if strays == len(pictures):  # a flat folder without a single label: all background
        for file in pictures:
            split = split_of_folder(os.path.dirname(file)) or "train"
            _add_picture(layout, split, file, "")
    elif strays:
        layout.notes.append(
            f"{strays} pictures outside images/ have no label file and are not part of the dataset"
        )
    layout.listed.sort(key=lambda one: SPLIT_ORDER.index(one.split))


def name_of(relative: str, base: str) -> str:
    """A picture's path below its split's folder, or below the last folder called images or like a split.

    >>> name_of("images/train2017/a.jpg", "images/train2017"), name_of("train/images/b.jpg", "train")
    ('a.jpg', 'b.jpg')
    """
    folders, tail = os.path.split(relative)
    parts = folders.split("/") if folders else []
    start = len(base.split("/")) if base not in ("", ".") else 0
    for i in range(start, len(parts)):
        if parts[i].lower() in _PICTURE_FOLDERS or parts[i].lower() in SPLIT_NAMES:
            start = i + 1
    return "/".join([*parts[start:], tail])


def label_paths(relative: str) -> list[str]:
    """Where a picture's label may be: the last images/ replaced by labels/, or beside the picture.

    >>> label_paths("images/train/a.jpg")
    ['labels/train/a.txt', 'images/train/a.txt']
    """
    stem = os.path.splitext(relative)[0]
    parts = stem.split("/")
    paths = [stem + ".txt"]
    for i in range(len(parts) - 1):
        if parts[i].lower() in _PICTURE_FOLDERS:
            paths.insert(0, "/".join([*parts[:i], "labels", *parts[i + 1 :]]) + ".txt")
    return [paths[0], paths[-1]] if len(paths) > 1 else paths


def is_name_file(name: str) -> bool:
    """Whether a text file among labels holds class names, not rows."""
    return name.lower() in (*NAME_FILES, "labels.txt", "predefined_classes.txt")
