"""Boxes that stand twice, and objects that non-maximum suppression cannot tell apart."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
from numpy.typing import NDArray

from datapipe.doctor.balance import name_of
from datapipe.doctor.diagnosis import FOLDER, Finding, Outcome, Passed, graded
from datapipe.stats import overlap
from datapipe.stats.columns import Columns
from datapipe.stats.remarks import percent

SAME_IOU = 0.95
"""IoU above which two boxes of a class are the same object drawn twice."""
TWICE, TWICE_SERIOUS = 0.005, 0.10
"""Share of objects with such a twin; a single one is worth a note."""

CLOSE_NOTE, CLOSE, CLOSE_SERIOUS = 0.01, 0.05, 0.30
"""Share of objects that overlap another of their class above NMS's threshold, twins left aside."""
SHOWN = 3
"""Pictures that are named."""


def drawn_once(columns: Columns, image_id: NDArray[np.object_]) -> Outcome | None:
    """Judge how many objects are annotated twice (DP507); None without objects.

    Args:
        columns: the split.
        image_id: (I,) names of its pictures.
    """
    twins = overlap.partners(columns, SAME_IOU)
    found = overlap.overlap(columns, twins)
    if not found.considered:
        return None
    images = [str(image_id[i]) for i in _worst(columns, twins)]
    figures = asdict(found) | {"share": round(found.share, 6)}
    if not found.pairs:
        return Passed("DP507", f"no two boxes of a class with IoU > {SAME_IOU:g} in a picture", figures)
    severity = graded(found.share, warning=TWICE, serious=TWICE_SERIOUS) or "note"
    evidence = (
        f"{found.objects:,} objects ({percent(found.share)}) have a twin, the same class with IoU > "
        f"{SAME_IOU:g}: {_count(found.pairs, 'pair')} in {_count(found.images, 'picture')}, most in image "
        f"{', '.join(map(name_of, images))}."
    )
    mend = (
        f"delete one of each pair in the source, or add to {FOLDER}/edits.jsonl: "
        '{"image": ID, "object": ID, "edit": "ignore"}'
    )
    title = "boxes drawn twice"
    return Finding("DP507", severity, title, evidence, figures | {"first": images}, mend, found.share / 2)


def tellable_apart(columns: Columns) -> Outcome | None:
    """Judge how many objects NMS must suppress even if all are predicted perfectly (DP508); None without.

    Of two boxes of a class with IoU above 0.5, NMS at 0.5 keeps one. The ceiling told is that of isolated
    pairs, which lose half of the objects involved; a heap loses more.
    """
    close = overlap.partners(columns, overlap.THRESHOLD)
    close[overlap.partners(columns, SAME_IOU) > 0] = 0
    found = overlap.overlap(columns, close)
    if not found.considered:
        return None
    ceiling = 1 - found.share / 2
    figures = {
        "objects": found.objects,
        "share": round(found.share, 6),
        "iou_above": overlap.THRESHOLD,
        "recall_ceiling": round(ceiling, 6),
    }
    evidence = (
        f"{found.objects:,} of {found.considered:,} objects ({percent(found.share)}) overlap another of "
        f"their class by IoU > {overlap.THRESHOLD:g}"
    )
    severity = graded(found.share, note=CLOSE_NOTE, warning=CLOSE, serious=CLOSE_SERIOUS)
    if severity is None:
        return Passed("DP508", f"{evidence}: twins aside, recall can reach {percent(ceiling)}", figures)
    share = np.bincount(columns.class_id[close > 0], minlength=len(columns.classes))
    evidence += (
        f", most of them {name_of(columns.classes[int(share.argmax())])}: with NMS at 0.5 even perfect "
        f"predictions reach a recall of about {percent(ceiling)}."
    )
    mend = "judge with soft-NMS, DIoU-NMS or an NMS threshold of 0.6 to 0.7 in the detector's decoding"
    title = "objects that NMS cannot tell apart"
    return Finding("DP508", severity, title, evidence, figures, mend, found.share / 2)


def _count(n: int, one: str) -> str:
    return f"{n:,} {one}{'s' if n != 1 else ''}"


def _worst(columns: Columns, twins: NDArray[np.int64]) -> NDArray[np.intp]:
    """The pictures with most twins."""
    count = np.bincount(columns.image, twins, minlength=len(columns.image_wh))
    order = np.argsort(-count, kind="stable")[:SHOWN]
    return order[count[order] > 0]
