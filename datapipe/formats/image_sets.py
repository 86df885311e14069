"""Which split an image belongs to: folder names, and VOC's ImageSets lists."""

from __future__ import annotations

import os
from typing import NamedTuple

from datapipe.errors import InputError, printable
from datapipe.formats.text import NotReadable, read_text

SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}
"""What folders and keys are called, and the split they mean."""

SPLIT_ORDER = ("train", "val", "test")
"""An image that stands in several splits stays in the first of these."""

UNLISTED = "unlisted"


def split_of_folder(relative: str) -> str | None:
    """The split that a path's folders name, the innermost first; None if they name none.

    >>> split_of_folder("set/valid/images")
    'val'
    """
    for part in reversed(relative.replace("\\", "/").split("/")):
        if part.lower() in SPLIT_NAMES:
            return SPLIT_NAMES[part.lower()]
    return None


class Entry(NamedTuple):
    """One line of a list: the image's name there, the list's file relative to the source, the line."""

    name: str
    file: str
    line: int


def read_lists(root: str, devkit: str) -> dict[str, list[Entry]] | None:
    """Read `ImageSets/Main/{train,val,test,trainval}.txt` of one devkit folder.

    Class-wise lists (`aeroplane_train.txt`) are passed over. `trainval` is read only where train and val are
    both absent, as train: beside them it says nothing new.

    Returns:
        Entries by split, without empty lines; None where there are no such lists.

    Raises:
        InputError: a list is not readable text.
    """
    for folder in ("ImageSets/Main", "ImageSets"):
        base = os.path.join(devkit, folder)
        present = {s for s in (*SPLIT_ORDER, "trainval") if os.path.lexists(f"{base}/{s}.txt")}
        if present:
            break
    else:
        return None
    lists = {split: _read_list(root, f"{base}/{split}.txt") for split in SPLIT_ORDER if split in present}
    if "trainval" in present and not {"train", "val"} & present:
        lists = {"train": _read_list(root, f"{base}/trainval.txt"), **lists}
    return lists


def _read_list(root: str, path: str) -> list[Entry]:
    """Names in the first column; a second one (the class-wise 1, 0, -1) is not asked for here."""
    file = os.path.relpath(path, root)
    if not (os.path.realpath(path) + os.sep).startswith(os.path.realpath(root).rstrip(os.sep) + os.sep):
        raise InputError(f"{printable(file)}: leads out of the source; put the list itself there")
    try:
        lines = read_text(path).splitlines()
    except NotReadable as reason:
        raise InputError(f"{printable(file)}: {reason}; write the list as UTF-8 text") from None
    entries = (Entry(line.strip(), file, n) for n, line in enumerate(lines, start=1))
    return [entry for entry in entries if entry.name]
