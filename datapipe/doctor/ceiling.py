"""The AP that even perfect predictions cannot pass: what the matcher drops and what NMS must suppress."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from datapipe import boxes
from datapipe.doctor.diagnosis import Finding, Outcome, Passed, graded
from datapipe.doctor.view import View
from datapipe.objects import Objects
from datapipe.resizing import place, resize
from datapipe.stats import overlap
from datapipe.stats.columns import Columns
from datapipe.targets.best import Detector

PICTURES = 1000
"""Pictures to match, evenly over the split: with seven objects each, the share is known to a point."""
OUT_OF_REACH, MUCH = 0.05, 0.30
"""Share of objects that AP cannot reach."""


def ap_reachable(view: View) -> Outcome | None:
    """Judge how much AP is out of a detector's reach (DP512); None without anchors or objects.

    Pictures are put on the canvas and matched as in training. Out of reach are objects that get no anchor:
    none fits, or others took all that do (two objects in one YOLOv4 cell and anchor); and of matched objects
    of a class with IoU above 0.5, those that NMS at 0.5 suppresses if all are predicted perfectly, larger
    ones first. With every other object found at every IoU threshold and nothing found in vain, precision is
    1 up to that recall and 0 beyond: AP is that recall. Example: of 100 objects 18 get no anchor and 2 are
    suppressed: AP can reach 0.8.
    """
    spec = view.lens.spec
    columns = view.columns
    if not isinstance(spec, Detector) or view.seen is None:
        return None
    chosen = np.unique(np.linspace(0, len(columns.image_wh) - 1, PICTURES).astype(np.int64))
    placed = resize(columns.image_wh, view.lens.hw, view.lens.mode)
    order = np.argsort(columns.image, kind="stable")
    starts = np.searchsorted(columns.image[order], chosen)
    stops = np.searchsorted(columns.image[order], chosen, side="right")
    objects = unmatched = suppressed = collisions = 0
    for picture, start, stop in zip(chosen, starts, stops, strict=True):
        rows = order[start:stop]
        xyxy = place(columns.xyxy[rows], placed, columns.image[rows])
        whole = ((xyxy[:, 2:] - xyxy[:, :2]) > 0).all(axis=1)
        rows, xyxy = rows[whole], xyxy[whole].astype(np.float32)
        real = ~columns.ignored[rows]
        if not real.any():
            continue
        there = Objects.of(xyxy, columns.class_id[rows], ignore=~real, crowd=columns.crowd[rows])
        height, width = placed.canvas_hw[picture].tolist()
        match = spec.match(there, (height, width))
        learnt = np.zeros(len(there), np.bool_)
        learnt[match.object] = True
        objects += int(real.sum())
        unmatched += int((real & ~learnt).sum())
        collisions += int(getattr(match, "collisions", 0))
        suppressed += _suppressed(columns, rows[learnt & real])
    if not objects:
        return None
    lost = (unmatched + suppressed) / objects
    figures = {
        "ap_ceiling": round(1 - lost, 6),
        "objects": objects,
        "pictures": len(chosen),
        "without_anchor": unmatched,
        "suppressed": suppressed,
        "collisions": collisions,
    }
    evidence = (
        f"even perfect predictions reach an AP of at most {1 - lost:.3f}: of {objects:,} objects "
        f"{unmatched:,} get no anchor of their own, {suppressed:,} are suppressed by NMS at 0.5"
    )
    if collisions:
        evidence += f"; {collisions:,} times two objects wanted one cell and anchor"
    severity = graded(lost, note=OUT_OF_REACH, warning=MUCH)
    if severity is None:
        return Passed("DP512", evidence, figures, view.lens.name)
    mend = view.lens.refit() if unmatched >= suppressed else "judge with DIoU-NMS or soft-NMS in decoding"
    title = "AP that cannot be reached"
    return Finding("DP512", severity, title, evidence + ".", figures, mend, lost, view.lens.name)


def _suppressed(columns: Columns, rows: NDArray[np.int64]) -> int:
    """How many of a picture's perfectly predicted objects greedy NMS at 0.5 drops, larger ones first."""
    if len(rows) < 2:
        return 0
    xyxy = columns.xyxy[rows]
    area = (xyxy[:, 2] - xyxy[:, 0]) * (xyxy[:, 3] - xyxy[:, 1])
    rows = rows[np.argsort(-area, kind="stable")]
    same = columns.class_id[rows][:, None] == columns.class_id[rows][None, :]
    close = (boxes.iou(columns.xyxy[rows], columns.xyxy[rows]) > overlap.THRESHOLD) & same
    kept: list[int] = []
    for i in range(len(rows)):
        if not close[i, kept].any():
            kept.append(i)
    return len(rows) - len(kept)
