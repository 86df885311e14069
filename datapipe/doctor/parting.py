"""Splits: too small to learn from or to judge on, without a class, or sharing pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from datapipe.doctor.balance import FEW, NAMED, name_of
from datapipe.doctor.diagnosis import FOLDER, Finding, Outcome, Passed, Severity, worst
from datapipe.stats.columns import Columns
from datapipe.stats.remarks import percent

Splits = Mapping[str, NDArray[np.int64]]
"""Name -> rows of its images."""

FEW_IMAGES, FEW_OBJECTS = 10, 50
"""A split with fewer of either is nearly empty."""
LEAKED_SERIOUS = 0.05
"""Share of a split's pictures that are in another split too; a single one is a warning."""
TRAIN = "train"


def splits_filled(columns: Columns, splits: Splits) -> Outcome:
    """Judge whether there is enough to learn from and to judge on (DP509).

    Args:
        columns: the whole dataset.
        splits: of it.
    """
    of_image = np.bincount(columns.image[~columns.ignored], minlength=len(columns.image_wh))
    counts = {name: (len(rows), int(of_image[rows].sum())) for name, rows in splits.items()}
    figures = {name: {"images": images, "objects": objects} for name, (images, objects) in counts.items()}
    learnt = [name for name in counts if name == TRAIN or len(counts) == 1]
    poor = {name: n for name, n in counts.items() if n[0] < FEW_IMAGES or n[1] < FEW_OBJECTS}
    told = [f"{name_of(name)} {n[0]:,} images with {n[1]:,} objects" for name, n in counts.items()]
    nothing = not counts or any(counts[name][1] == 0 for name in learnt)
    alone = len(counts) < 2
    grades: list[Severity | None] = [
        "serious" if nothing else None,
        "warning" if poor else None,
        "note" if alone else None,
    ]
    severity = worst(*grades)
    if severity is None:
        return Passed("DP509", "; ".join(told), figures)
    evidence = f"{'; '.join(told) or 'there is no picture'}. "
    if poor:
        names = ", ".join(map(name_of, poor))
        evidence += f"Nearly empty (fewer than {FEW_IMAGES} images or {FEW_OBJECTS} objects): {names}. "
    if alone:
        evidence += "There is no second split to judge on."
    deal = "deal the images anew: datapipe ingest SRC --out NEW --split train=0.8,val=0.2"
    title = "a split that is nearly empty" if poor or nothing else "only one split"
    harm = 1.0 if nothing else 0.3 if poor else 0.1
    return Finding("DP509", severity, title, evidence.strip(), figures, deal, harm)


def classes_everywhere(columns: Columns, splits: Splits) -> Outcome | None:
    """Judge whether a class is missing in a split (DP510); None with fewer than two splits that have objects.

    Args:
        columns: the whole dataset.
        splits: of it.
    """
    if len(splits) < 2:
        return None
    table = _by_split(columns, splits)
    filled = table.sum(axis=1) > 0
    if filled.sum() < 2:
        return None
    total = table.sum(axis=0)
    missing: dict[str, dict[str, int]] = {}
    grade: Severity | None = None
    for i, name in enumerate(splits):
        gone = np.flatnonzero((table[i] == 0) & (total > 0))
        if not len(gone) or not filled[i]:
            continue
        gone = gone[np.argsort(-total[gone], kind="stable")]
        missing[name] = {columns.classes[c]: int(total[c]) for c in gone}
        grade = worst(grade, _weight_of(name, int(total[gone[0]])))
    if grade is None:
        return Passed("DP510", f"every class with objects is in all {filled.sum()} splits that have any")
    told = []
    for name, gone_of in missing.items():
        shown = ", ".join(f"{name_of(one)} ({n:,} elsewhere)" for one, n in list(gone_of.items())[:NAMED])
        more = f" and {len(gone_of) - NAMED} more" if len(gone_of) > NAMED else ""
        told.append(f"{name_of(name)} has no {shown}{more}")
    mend = (
        f"move pictures that show them in {FOLDER}/splits.json, or deal anew: "
        "datapipe ingest SRC --out NEW --split train=0.8,val=0.2"
    )
    title = "classes missing in a split"
    harm = max(map(len, missing.values())) / int((total > 0).sum())
    return Finding("DP510", grade, title, f"{'; '.join(told)}.", {"missing": missing}, mend, harm)


def _by_split(columns: Columns, splits: Splits) -> NDArray[np.int64]:
    """(S, C) objects that are trained on, by split and class."""
    split_of = np.full(len(columns.image_wh), -1, np.int64)
    for i, rows in enumerate(splits.values()):
        split_of[rows] = i
    rows = np.flatnonzero(~columns.ignored & (split_of[columns.image] >= 0))
    shape = (len(splits), len(columns.classes))
    cell = split_of[columns.image[rows]] * shape[1] + columns.class_id[rows]
    return np.bincount(cell, minlength=shape[0] * shape[1]).reshape(shape)


def _weight_of(split: str, elsewhere: int) -> Severity:
    """How bad it is that a split lacks a class that has so many objects elsewhere."""
    if split == TRAIN:
        return "serious" if elsewhere >= FEW else "warning"
    return "warning" if elsewhere >= FEW else "note"


def splits_apart(
    splits: Splits, sha256: NDArray[np.object_], image_id: NDArray[np.object_]
) -> Outcome | None:
    """Judge whether a picture, byte for byte, is in several splits (DP511); None with fewer than two splits.

    Args:
        splits: of the dataset.
        sha256: (I,) of each stored picture.
        image_id: (I,) names.
    """
    if len(splits) < 2:
        return None
    picture = np.unique(sha256, return_inverse=True)[1].reshape(-1)
    homes = np.zeros((len(splits), int(picture.max(initial=-1)) + 1), np.bool_)
    for i, rows in enumerate(splits.values()):
        homes[i, picture[rows]] = True
    shared = homes.sum(axis=0) > 1
    leaked = {name: rows[shared[picture[rows]]] for name, rows in splits.items()}
    shares = {name: len(leaked[name]) / len(rows) for name, rows in splits.items() if len(rows)}
    figures = {
        "pictures": int(shared.sum()),
        "images": {name: len(rows) for name, rows in leaked.items()},
        "shares": {name: round(share, 6) for name, share in shares.items()},
    }
    if not shared.any():
        return Passed("DP511", f"no picture is in two of {len(splits)} splits", figures)
    judged = {name: share for name, share in shares.items() if name != TRAIN} or shares
    worst_share = max(judged.values())
    severity: Severity = "serious" if worst_share >= LEAKED_SERIOUS else "warning"
    parts = [f"{len(leaked[n]):,} of {name_of(n)} ({percent(s)})" for n, s in shares.items() if s]
    number = int(shared.sum())
    pair = _same(picture, shared, [str(one) for one in image_id])
    evidence = (
        f"{number:,} {'picture is' if number == 1 else 'pictures are'} byte for byte in several splits: "
        f"{', '.join(parts)}; for example images {' and '.join(map(name_of, pair))}."
    )
    mend = (
        f"leave the copies out of all splits but one, a line each in {FOLDER}/edits.jsonl: "
        '{"image": ID, "edit": "leave_out"}'
    )
    title = "the same pictures in several splits"
    return Finding("DP511", severity, title, evidence, figures | {"example": pair}, mend, worst_share)


def _same(picture: NDArray[np.intp], shared: NDArray[np.bool_], names: Sequence[str]) -> list[str]:
    """Names of the entries of the first shared picture; two at most."""
    first = int(np.flatnonzero(shared[picture])[0])
    return [names[i] for i in np.flatnonzero(picture == picture[first])[:2]]
