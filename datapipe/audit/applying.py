"""`datapipe audit apply`: what the edits change, in numbers; FiftyOne is not needed for it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from datapipe.dataset import Dataset
from datapipe.edits import KINDS
from datapipe.edits import read as read_overlays
from datapipe.errors import InputError


@dataclass(frozen=True)
class Balance:
    """Before and after the edits."""

    before: int
    after: int

    def to_json(self) -> dict[str, int]:
        """Both, by name."""
        return {"before": self.before, "after": self.after}


@dataclass(frozen=True)
class Applied:
    """What edits change.

    images, objects, regions: in all; regions are places that are neither object nor background
    by_class: objects of every class
    lines:    of the file, by kind
    moved:    boxes that are corrected; renamed: objects that change their class
    identity: of the dataset before and after
    """

    images: Balance
    objects: Balance
    regions: Balance
    by_class: dict[str, Balance]
    lines: dict[str, int]
    moved: int
    renamed: int
    identity: tuple[str, str]

    def to_json(self) -> dict[str, Any]:
        """What `--json` prints."""
        return {
            "images": self.images.to_json(),
            "objects": self.objects.to_json(),
            "ignore_regions": self.regions.to_json(),
            "classes": {name: balance.to_json() for name, balance in self.by_class.items()},
            "lines": self.lines,
            "boxes_moved": self.moved,
            "classes_changed": self.renamed,
            "identity": {"before": self.identity[0], "after": self.identity[1]},
        }


def applied(folder: str | Path) -> Applied:
    """Compare a dataset with itself before its edits.

    Raises:
        InputError: the dataset or a line of its edits cannot be used, or an object it names is not there.
    """
    before, after = Dataset(folder, edited=False), Dataset(folder)
    overlays = read_overlays(before.folder, before.classes)
    ids = {str(one): row for row, one in enumerate(before.images["image_id"])}
    start = np.searchsorted(before.objects["image"], np.arange(len(before) + 1))
    moved, renamed = set(), set()
    for edit in overlays.edits:
        if edit.object is None:
            continue
        row = ids[edit.image]
        own = np.arange(start[row], start[row + 1])
        rows = own[before.objects["object_id"][own] == edit.object]
        if not len(rows):
            raise InputError(f"{edit.place}: image {edit.image!r} has no object {edit.object!r}")
        moved |= set(rows.tolist()) if edit.kind == "box" else set()
        renamed |= set(rows.tolist()) if edit.kind == "class" else set()
    kinds = Counter[str](edit.kind for edit in overlays.edits)
    counts = [np.bincount(one.objects["class_id"], minlength=len(one.classes)) for one in (before, after)]
    regions = [int(one.images["left_out"].sum()) for one in (before, after)]
    return Applied(
        images=Balance(len(before), len(after)),
        objects=Balance(len(before.objects["class_id"]), len(after.objects["class_id"])),
        regions=Balance(*regions),
        by_class={
            name: Balance(int(counts[0][i]), int(counts[1][i])) for i, name in enumerate(before.classes)
        },
        lines={kind: kinds[kind] for kind in KINDS if kinds[kind]},
        moved=len(moved),
        renamed=len(renamed),
        identity=(before.identity, after.identity),
    )
