"""Anchors that cannot match: objects which a detector's own matcher leaves without a positive."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from datapipe.anchors.judging import taken
from datapipe.anchors.seen import SIZES, Seen
from datapipe.doctor.diagnosis import Finding, Outcome, Passed, graded, worst
from datapipe.doctor.view import View
from datapipe.errors import printable
from datapipe.stats.remarks import percent
from datapipe.targets.best import Detector
from datapipe.targets.retinanet import RetinaNet
from datapipe.targets.yolov4 import YoloV4

LOST, LOST_SERIOUS = 0.02, 0.20
"""Share of objects never learnt, where the matcher forces no match (RetinaNet as keras-retinanet has it)."""
LOST_BIN, BIN_SHARE = 0.50, 0.10
"""... or of one size bin, if that bin holds this share of all objects: serious."""
FORCED, FORCED_SERIOUS = 0.20, 0.75
"""Share below the threshold where the matcher forces the one best anchor (SSD, YOLOv4, low_quality)."""
MEAN_IOU = 0.50
"""Mean best IoU of YOLOv4's anchors by shape below which they are said not to fit; 0.6 to 0.75 is usual."""
NAMED, ENOUGH = 3, 20
"""Classes that are named, of those with so many objects."""


def anchors_match(view: View) -> Outcome | None:
    """Judge a detector's anchors on a split (DP501); None where there are no anchors or no object.

    An object counts as lost if its best IoU over the real grid (YOLOv4: by shape) is below the positive
    threshold. Objects under 2 px are not counted here but as too small.
    """
    lens, seen = view.lens, view.seen
    if lens.spec is None or seen is None:
        return None
    iou = taken(lens.spec, seen.hw, seen.xyxy)
    threshold, forced = rule(lens.spec)
    lost = iou <= threshold if isinstance(lens.spec, YoloV4) else iou < threshold
    share = float(lost.mean())
    sizes = _by_size(seen, lost)
    classes = _by_class(view, seen, lost)
    figures = {
        "objects": len(seen),
        "without_positive": int(lost.sum()),
        "share": round(share, 6),
        "threshold": threshold,
        "forced": forced,
        "mean_iou": round(float(iou.mean()), 4),
        "by_size": sizes,
        "by_class": classes,
    }
    if forced:
        low = isinstance(lens.spec, YoloV4) and iou.mean() < MEAN_IOU
        severity = worst(graded(share, warning=FORCED, serious=FORCED_SERIOUS), "warning" if low else None)
    else:
        bins = [one["share"] for one in sizes.values() if one["objects"] >= BIN_SHARE * len(seen)]
        severity = worst(
            graded(share, warning=LOST, serious=LOST_SERIOUS), graded(max(bins), serious=LOST_BIN)
        )
    above = "above" if isinstance(lens.spec, YoloV4) else "of at least"
    evidence = f"{percent(share)} of {len(seen):,} objects have no anchor with an IoU {above} {threshold:g}"
    if severity is None:
        return Passed("DP501", f"{evidence}; mean best IoU {iou.mean():.2f}", figures, lens.name)
    evidence += f" ({_told(sizes)}), mean best IoU {iou.mean():.2f}" + _classes(classes, share)
    evidence += (
        ". Each keeps its one best anchor, however poor."
        if forced
        else ". This matcher gives them none: they are never learnt."
    )
    relief = "" if forced else "; or in the recipe: targets: {RetinaNet: {low_quality: true}}"
    return Finding(
        "DP501",
        severity,
        "anchors that do not fit the objects",
        evidence,
        figures,
        lens.refit() + relief,
        share if not forced else share / 2,
        lens.name,
    )


def rule(spec: Detector) -> tuple[float, bool]:
    """The IoU that makes an anchor positive, and whether an object without one gets its best all the same.

    Example: keras-retinanet (0.5, False), torchvision's RetinaNet (0.5, True), YOLOv4 (0.213, True).
    """
    if isinstance(spec, RetinaNet):
        return spec.positive_iou, spec.low_quality
    return spec.iou_threshold, True


def _by_size(seen: Seen, lost: NDArray[np.bool_]) -> dict[str, Any]:
    found = {}
    for i, (name, _) in enumerate(SIZES):
        rows = seen.size == i
        share = round(float(lost[rows].mean()), 6) if rows.any() else 0.0
        found[name] = {"objects": int(rows.sum()), "without_positive": int(lost[rows].sum()), "share": share}
    return found


def _by_class(view: View, seen: Seen, lost: NDArray[np.bool_]) -> dict[str, Any]:
    names = view.columns.classes
    objects = np.bincount(seen.class_id, minlength=len(names))
    gone = np.bincount(seen.class_id[lost], minlength=len(names))
    return {
        name: {"objects": int(n), "without_positive": int(g), "share": round(float(g / n), 6)}
        for name, n, g in zip(names, objects, gone, strict=True)
        if n
    }


def _told(sizes: dict[str, Any]) -> str:
    return ", ".join(f"{name} {percent(one['share'])}" for name, one in sizes.items() if one["objects"])


def _classes(by_class: dict[str, Any], share: float) -> str:
    """The classes that clearly stand out."""
    hit = [(one["share"], name) for name, one in by_class.items() if one["objects"] >= ENOUGH]
    hit = sorted((one for one in hit if one[0] >= 1.5 * share), reverse=True)[:NAMED]
    return f"; most of all {', '.join(f'{printable(n, 30)} {percent(s)}' for s, n in hit)}" if hit else ""
