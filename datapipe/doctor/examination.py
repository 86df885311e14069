"""The whole examination: every check on a dataset, for one detector or for all three."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from datapipe.anchors.answer import DetectorName
from datapipe.anchors.fitting import DEFAULTS
from datapipe.anchors.seen import default_split
from datapipe.dataset import Dataset
from datapipe.doctor.augmentation import Augmented, augmentation
from datapipe.doctor.balance import classes_even, classes_filled
from datapipe.doctor.ceiling import ap_reachable
from datapipe.doctor.diagnosis import FOLDER, Diagnosis, Finding, Outcome, Passed, ordered
from datapipe.doctor.focal import foreground_seen
from datapipe.doctor.matching import anchors_match
from datapipe.doctor.overlaps import drawn_once, tellable_apart
from datapipe.doctor.parting import classes_everywhere, splits_apart, splits_filled
from datapipe.doctor.sizes import aspect_kept, large_enough
from datapipe.doctor.view import Lens, look
from datapipe.errors import UsageError, did_you_mean
from datapipe.progress import Progress, silent
from datapipe.resizing import Mode
from datapipe.stats.columns import read_columns
from datapipe.targets.best import Detector

OF_A_DETECTOR = (anchors_match, large_enough, aspect_kept, foreground_seen, ap_reachable)


def examine(
    dataset: Dataset,
    *,
    detector: DetectorName | None = None,
    input_size: int | tuple[int, int] | None = None,
    resize: Mode | None = None,
    split: str | None = None,
    recipe: Any = None,
    augmented: Augmented | None = None,
    progress: Progress = silent,
) -> Diagnosis:
    """Say what is wrong with a dataset, in numbers, from its object table; overlays applied.

    A detector that nobody named (by `detector` or `recipe`) makes nothing serious by itself: a finding about
    one is serious then only if it is for each of the three (DP504: for both that have a focal loss).

    Args:
        dataset: the dataset.
        detector: whose anchors and input; None for the recipe's, or all three.
        input_size: px, a side or (H, W); for short_side the short side, or (short, long). None for the
            recipe's, or each detector's usual.
        resize: None for the recipe's, or each detector's usual.
        split: whose objects; None for `train` if there is one, else everything; "" for everything.
        recipe: a `datapipe.Recipe`: its `targets`, `input.hw` and `input.resize` are examined.
        augmented: what the recipe's augmentation makes of the objects; None: not examined.
        progress: told of every view of the data.

    Raises:
        UsageError: an unknown detector or split, a size that cannot be, a detector that is not the recipe's.
        InputError: the object table cannot be read, or a box is no box.
    """
    lenses = lenses_of(detector, input_size, resize, recipe)
    named = detector is not None or recipe is not None
    split = default_split(dataset) if split is None else split
    whole = read_columns(dataset)
    rows = dataset.split(split) if split else np.arange(len(dataset))
    columns = whole.select(rows)[0]
    found: list[Finding] = []
    passed: list[Passed] = []
    left: list[str] = []

    def told(outcome: Outcome | None) -> None:
        if isinstance(outcome, Finding):
            found.append(outcome)
        elif outcome is not None:
            passed.append(outcome)

    with progress("examining", len(lenses) + 1, "views") as advance:
        for lens in lenses:
            view = look(columns, lens)
            for check in OF_A_DETECTOR:
                told(check(view))
            advance(1)
            if view.seen is None:
                left.append(f"{lens.name}: no object of 2 px or more to judge its anchors by")
            elif lens.spec is None:
                left.append(f"{lens.name}: its targets have no anchors; name a detector to judge some")
        ids, sha256 = dataset.images["image_id"], dataset.images["sha256"]
        told(classes_even(columns))
        told(classes_filled(columns, whole))
        told(drawn_once(columns, ids[rows]))
        told(tellable_apart(columns))
        told(splits_filled(whole, dataset.splits))
        told(classes_everywhere(whole, dataset.splits))
        told(splits_apart(dataset.splits, sha256, ids))
        advance(1)
    if augmented is None:
        why = "no recipe was given" if recipe is None else "the recipe's plan was not given"
        left.append(f"augmentation: {why}")
    else:
        for one in augmentation(augmented):
            told(one)
    if not named:
        found = list(_unless_all(found, passed))
    folder = shlex.quote(str(dataset.folder))
    found = [replace(one, mend=one.mend.replace(FOLDER, folder)) for one in found]
    return Diagnosis(
        folder=str(dataset.folder),
        split=split,
        images=len(rows),
        objects=len(columns),
        looked=tuple(str(lens) for lens in lenses),
        findings=ordered(found),
        passed=tuple(passed),
        not_examined=tuple(left),
    )


def lenses_of(
    detector: DetectorName | None,
    input_size: int | tuple[int, int] | None,
    resize: Mode | None,
    recipe: Any,
) -> tuple[Lens, ...]:
    """The detectors to look through: the recipe's, the one named, or all three.

    Raises:
        UsageError: an unknown detector, a size or resize that cannot be, or not the recipe's detector.
    """
    if detector is not None and detector not in DEFAULTS:
        raise UsageError(f"detector: no {detector!r}: {did_you_mean(detector, DEFAULTS)}")
    if recipe is None:
        names = [detector] if detector else list(DEFAULTS)
        return tuple(_lens(name, input_size, resize, alone=len(names) == 1) for name in names)
    spec = recipe.targets if isinstance(recipe.targets, Detector) else None
    name = next((known for known, usual in DEFAULTS.items() if spec and type(spec) is type(usual[0])), None)
    if name and detector and name != detector:
        raise UsageError(f"detector: {detector} was asked for, but the recipe's targets are {name}'s")
    if name is None and detector:
        name, spec = detector, DEFAULTS[detector][0]
    size = tuple(recipe.input.hw) if input_size is None else input_size
    label = name or type(recipe.targets).__name__
    return (Lens.of(label, spec, size, resize or recipe.input.resize),)


def _lens(name: DetectorName, size: int | tuple[int, int] | None, mode: Mode | None, *, alone: bool) -> Lens:
    """A detector as published; among all three, mobilenet_ssd keeps its resize where it cannot do another."""
    if name == "mobilenet_ssd" and mode == "short_side" and not alone:
        mode = None
    return Lens.of(name, DEFAULTS[name][0], size, mode)


def _unless_all(found: list[Finding], passed: list[Passed]) -> Iterator[Finding]:
    """A detector's serious finding stays serious only where every detector that was asked has it."""
    mild = {one.code for one in passed} | {one.code for one in found if not one.serious}
    for one in found:
        lone = one.detector and one.serious and one.code in mild
        yield replace(one, severity="warning") if lone else one
