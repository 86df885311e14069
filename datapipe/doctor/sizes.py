"""Objects that the input is too small for, and pictures that the resize bends."""

from __future__ import annotations

import numpy as np

from datapipe.doctor.diagnosis import Finding, Outcome, Passed, graded, worst
from datapipe.doctor.view import View
from datapipe.stats.remarks import percent

FINEST_PX, GONE_PX = 8, 2
"""Shorter side at the input: below the finest stride; below what is trained on at all."""
FINEST, FINEST_SERIOUS = 0.10, 0.50
"""Share of objects under FINEST_PX."""
GONE, GONE_SERIOUS = 0.01, 0.20
"""Share of objects under GONE_PX."""
ENLARGED = 2.0
"""Above this factor a larger input is no advice: tiles are."""

BENT, BENT_SERIOUS = 1.6, 3.0
"""How much wider or taller a stretch makes an object; into a square 4:3 gives 1.33, 3:2 1.5, 16:9 1.78."""
BENT_SHARE = 0.20
"""Share of objects bent that much."""


def large_enough(view: View) -> Outcome | None:
    """Judge how many objects are too small at the input's size (DP502); None without objects."""
    side, lens = view.side_px, view.lens
    if not len(side):
        return None
    fine, gone = float((side < FINEST_PX).mean()), float((side < GONE_PX).mean())
    figures = {
        "objects": len(side),
        "under_8_px": int((side < FINEST_PX).sum()),
        "under_2_px": int((side < GONE_PX).sum()),
        "share_under_8_px": round(fine, 6),
        "share_under_2_px": round(gone, 6),
        "side_px": {f"p{q}": round(float(np.percentile(side, q)), 2) for q in (5, 25, 50)},
    }
    severity = worst(
        graded(fine, warning=FINEST, serious=FINEST_SERIOUS),
        graded(gone, warning=GONE, serious=GONE_SERIOUS),
    )
    evidence = (
        f"{percent(fine)} of {len(side):,} objects have a side under {FINEST_PX} px at {lens.size}, "
        f"{percent(gone)} under {GONE_PX} px"
    )
    if severity is None:
        return Passed("DP502", evidence, figures, lens.name)
    evidence += f"; the median shorter side is {np.median(side):.0f} px."
    title = "objects too small at the input's size"
    return Finding("DP502", severity, title, evidence, figures, _larger(view), max(fine, gone), lens.name)


def _larger(view: View) -> str:
    """The input at which both shares fall below their thresholds, or tiles if that is out of reach."""
    side, lens = view.side_px, view.lens
    factor = float(
        max(FINEST_PX / np.quantile(side, FINEST), GONE_PX / max(float(np.quantile(side, GONE)), 1e-6))
    )
    if factor > ENLARGED:
        return (
            f"an input {factor:.1f} times as large would be needed: cut the pictures into overlapping tiles "
            f"before `datapipe ingest`, or leave these objects out"
        )
    height, width = (32 * int(np.ceil(side_px * factor / 32)) for side_px in lens.hw)
    return f"in the recipe: input: {{hw: [{height}, {width}]}}"


def aspect_kept(view: View) -> Outcome | None:
    """Judge how far the resize changes objects' aspect (DP503); None without objects.

    A stretch multiplies w / h by scale_x / scale_y. Example: 1280 x 720 into a square makes everything
    720 / 1280 = 0.5625 times as wide for its height, a bend of 1.78.
    """
    columns, lens = view.columns, view.lens
    rows = np.flatnonzero(~columns.ignored)
    if not len(rows):
        return None
    if lens.mode != "stretch":
        kept = f"{lens.mode.replace('_', ' ')} keeps the aspect"
        return Passed("DP503", kept, {"share": 0.0}, lens.name)
    factor = view.bend[columns.image[rows]]
    bend = np.maximum(factor, 1 / factor)
    share, strong = float((bend >= BENT).mean()), float((bend >= BENT_SERIOUS).mean())
    low, high = np.quantile(factor, [0.05, 0.95])
    figures = {
        "objects": len(rows),
        "share": round(share, 6),
        "median": round(float(np.median(bend)), 4),
        "width_to_height": {"p5": round(float(low), 4), "p95": round(float(high), 4)},
    }
    severity = worst(graded(share, warning=BENT_SHARE), graded(strong, serious=BENT_SHARE))
    evidence = (
        f"stretching to {lens.size} bends objects {np.median(bend):.2f} times (median), {percent(share)} of "
        f"them {BENT:g} times or more"
    )
    if severity is None:
        return Passed("DP503", evidence, figures, lens.name)
    evidence += f"; width to height is multiplied by {low:.2f} to {high:.2f} (5 % to 95 % of objects)."
    mend = "in the recipe: input: {resize: letterbox}"
    return Finding(
        "DP503", severity, "a resize that bends objects", evidence, figures, mend, share / 2, lens.name
    )
