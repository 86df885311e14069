"""`datapipe audit pull`: what was decided in the app becomes lines of edits.jsonl."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datapipe import edits
from datapipe.audit import loading, syncing
from datapipe.audit.connection import connected, require
from datapipe.audit.home import home_of, key_of
from datapipe.dataset import Dataset
from datapipe.edits import Edit
from datapipe.errors import UsageError


@dataclass(frozen=True)
class Pulled:
    """What a pull found.

    new:      decisions that were written, or would be
    undone:   decisions whose line was deleted, which the app forgets
    taken:    lines that others wrote, which the app shows from now on
    remarks:  what could not be kept, and what a person should look at
    images:   pictures that were asked; seconds: to ask them
    """

    file: str
    new: tuple[Edit, ...]
    undone: int
    taken: int
    remarks: tuple[str, ...]
    images: int
    seconds: float
    dry_run: bool

    def to_json(self) -> dict[str, Any]:
        """What `--json` prints."""
        return {
            "file": self.file,
            "dry_run": self.dry_run,
            "new": [edit.says() | ({"why": edit.why} if edit.why else {}) for edit in self.new],
            "undone": self.undone,
            "taken": self.taken,
            "remarks": list(self.remarks),
            "images": self.images,
            "seconds": round(self.seconds, 3),
        }


def pull(folder: str | Path, *, dry_run: bool = False, uri: str = "", cache: str = "") -> Pulled:
    """Write the decisions that are not in the file yet; lines that stand there stay as they are.

    Works while `audit open` runs, and without it.

    Args:
        folder: the dataset.
        dry_run: write nothing.
        uri: of a MongoDB server of the user's, "" for our own.
        cache: as for `open`.

    Raises:
        EnvironmentProblem: FiftyOne or the database cannot be used, or the file cannot be written.
        UsageError: this data was never opened.
        InputError: the dataset or its edits cannot be read.
    """
    require(str(folder))
    dataset = Dataset(folder, edited=False)
    home = home_of(dataset.manifest, cache)
    if not uri and not home.made_by.exists():
        raise UsageError(
            f"{dataset.folder}: nothing to pull: `datapipe audit open` was never run on this data"
        )
    with connected(home, uri, guest=True) as fo:
        names = fo.list_datasets(f"*-{key_of(dataset.manifest)[:8]}-*")
        start = time.monotonic()
        stored = loading.Stored(dataset)
        lines: tuple[Edit, ...] = edits.read(dataset.folder, dataset.classes).edits
        new: list[Edit] = []
        remarks: dict[str, None] = {}
        met, images = [], 0
        for name in names:
            held = fo.load_dataset(name)
            merged = syncing.compare(held, stored, (*lines, *new))
            met.append((held, merged))
            new += merged.new
            remarks |= dict.fromkeys(merged.remarks)
            images += len(held)
        seconds = time.monotonic() - start
        if not dry_run:
            if new:
                edits.append(dataset.folder, new)
            for held, merged in met:
                syncing.settle(held, stored, merged, written=True)
        followed: Sequence[Edit | None] = [one for _, merged in met for one in merged.follow.values()]
    return Pulled(
        file=str(dataset.folder / edits.EDITS),
        new=tuple(new),
        undone=sum(one is None for one in followed),
        taken=sum(one is not None for one in followed),
        remarks=tuple(remarks),
        images=images,
        seconds=seconds,
        dry_run=dry_run,
    )
