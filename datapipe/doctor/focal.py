"""Foreground against background: what a focal loss sees when training begins.

Every anchor has one sigmoid output a class, and in the beginning every output says p = pi, the prior that the
classifier's last bias is set to: bias = -log((1 - pi) / pi) (arXiv:1708.02002, section 3.3 and 4.1). A
picture with A anchors, C classes and n positive anchors has n outputs that should be 1 and A C - n that
should be 0. With FL(p) = -alpha (1 - p)^gamma log p for the former and -(1 - alpha) p^gamma log(1 - p) for
the latter,

    foreground = n           alpha       (1 - pi)^gamma  (-log pi)
    background = (A C - n)  (1 - alpha)   pi^gamma       (-log(1 - pi))

and background's share is background / (foreground + background). "Balanced" alpha is the paper's inverse
class frequency (section 3.1): alpha n = (1 - alpha)(A C - n), so alpha = (A C - n) / (A C); the counts then
cancel and the share depends on pi and gamma alone. The prior that follows from the data is n / (A C).

Example: A = 200 700 (800 x 1333), C = 80, n = 50, pi = 0.01, gamma 2, alpha 0.25. Foreground is
50 * 0.25 * 0.9801 * 4.605 = 56.4, background 16 055 950 * 0.75 * 0.0001 * 0.01005 = 12.1: a share of 18 %.
With gamma 1.5 background is ten times that, 68 %; with p = 0.5 (no prior set) it is 99.999 %.
"""

from __future__ import annotations

from math import log
from typing import Any

import numpy as np

from datapipe.anchors.judging import taken
from datapipe.anchors.seen import Seen
from datapipe.doctor.diagnosis import Finding, Outcome, Passed, graded
from datapipe.doctor.matching import rule
from datapipe.doctor.view import View
from datapipe.stats.remarks import percent
from datapipe.targets.best import OnGrid, best, candidates
from datapipe.targets.grids import Floats
from datapipe.targets.retinanet import RetinaNet
from datapipe.targets.ssd import MobileNetSSD

PI, GAMMA, ALPHA = 0.01, 2.0, 0.25
"""As published."""
GAMMAS = (1.5, 2.0)
"""Model Garden's and the paper's."""
BACKGROUND, BACKGROUND_SERIOUS = 0.50, 0.95
"""Background's share of the loss at the published settings in the beginning."""


def background_share(positives: float, outputs: float, pi: float, gamma: float, alpha: float) -> float:
    """Background's share of the initial focal loss.

    Args:
        positives: n, positive anchors of a picture.
        outputs: A C, anchors times classes.
        pi: what every output says in the beginning, in (0, 1).
        gamma: of the focal loss.
        alpha: weight of the foreground, in [0, 1].

    Returns:
        0 to 1; see the module for the formula. Example: (50, 16 056 000, 0.01, 2, 0.25) is 0.177.
    """
    foreground = positives * alpha * (1 - pi) ** gamma * -log(pi)
    background = (outputs - positives) * (1 - alpha) * pi**gamma * -log(1 - pi)
    total = foreground + background
    return background / total if total else 0.0


def balanced_alpha(positives: float, outputs: float) -> float:
    """The alpha at which both sides weigh the same in number. Example: 50 of 200 700 outputs is 0.99975."""
    return (outputs - positives) / outputs


def calm_prior(positives: float, outputs: float) -> float:
    """The pi at which background has half of the initial loss, gamma and alpha as published.

    The share grows with pi, so it is found by halving. Far above the data's own prior: at that one background
    has next to nothing and every object begins at a loss of -log pi. Example: (0.75, 13 056 480) is 0.0046.
    """
    low, high = 1e-9, PI
    for _ in range(60):
        middle = (low * high) ** 0.5
        if background_share(positives, outputs, middle, GAMMA, ALPHA) > BACKGROUND:
            high = middle
        else:
            low = middle
    return low


def bias(pi: float) -> float:
    """The bias whose sigmoid is pi. Example: 0.01 is -4.595."""
    return -log((1 - pi) / pi)


def foreground_seen(view: View) -> Outcome | None:
    """Judge what a focal loss sees of a split (DP504); None without a grid of anchors or without objects.

    Positives are counted object by object, other objects left aside: an anchor that two objects claim is
    counted twice, so the count is an upper bound. Anchors in the ignore band count as background.
    """
    spec, seen, lens = view.lens.spec, view.seen, view.lens
    if not isinstance(spec, (RetinaNet, MobileNetSSD)) or seen is None:
        return None
    images = len(view.columns.image_wh)
    level = positives(spec, seen) / images
    n, anchors = float(level.sum()), anchors_of(spec, view)
    outputs = anchors * max(1, len(view.columns.classes))
    title = "a loss that is nearly all background"
    if not n:
        return Finding(
            "DP504",
            "serious",
            title,
            f"no anchor of {anchors:,.0f} is positive in any of {images:,} pictures.",
            {"positives_per_image": 0.0, "anchors_per_image": round(anchors, 1)},
            lens.refit(),
            1.0,
            lens.name,
        )
    prior = n / outputs
    share = background_share(n, outputs, PI, GAMMA, ALPHA)
    figures: dict[str, Any] = {
        "positives_per_image": round(n, 3),
        "positives_per_object": round(n * images / len(seen), 3),
        "positives_per_level": [round(float(one), 4) for one in level],
        "anchors_per_image": round(anchors, 1),
        "outputs_per_image": round(outputs, 1),
        "background_per_positive": round(anchors / n - 1, 1),
        "prior": prior,
        "bias": round(bias(prior), 4),
        "balanced_alpha": balanced_alpha(n, outputs),
        "background_share": _table(n, outputs, prior),
    }
    where = ", ".join(f"{name} {_few(one)}" for name, one in zip(_levels(spec), level, strict=True))
    faster = background_share(n, outputs, PI, 1.5, ALPHA)
    even = background_share(n, outputs, PI, 1.5, balanced_alpha(n, outputs))
    evidence = (
        f"at most {_few(n)} of {anchors:,.0f} anchors of a picture are positive ({where}): "
        f"prior {prior:.1g}; background has {percent(share)} of the initial loss with gamma 2, "
        f"{percent(faster)} with gamma 1.5, {percent(even)} with balanced alpha"
    )
    severity = graded(share, warning=BACKGROUND, serious=BACKGROUND_SERIOUS)
    if severity is None:
        return Passed("DP504", evidence, figures, lens.name)
    unset = background_share(n, outputs, 0.5, GAMMA, ALPHA)
    evidence += f", {100 * unset:.3f} % if no prior is set (p = 0.5)."
    calm = calm_prior(n, outputs)
    mend = (
        f"set the classifier's last bias to -log((1 - pi) / pi) = {bias(calm):.2f} (pi {calm:.1g}: "
        f"background then has half), and look for more positives: {lens.refit()}"
    )
    return Finding("DP504", severity, title, evidence, figures, mend, share / 2, lens.name)


def positives(spec: OnGrid, seen: Seen) -> Floats:
    """(L,) positive anchors of each level over all objects, an upper bound; forced ones are counted too."""
    threshold, forced = rule(spec)
    one = isinstance(spec, MobileNetSSD)
    reached = taken(spec, seen.hw, seen.xyxy) >= threshold
    rows = np.flatnonzero(
        reached
    )  # the others have no candidate, and finding that out costs most of the time
    count = np.zeros(len(_levels(spec)))
    if len(rows):
        found = candidates(spec, seen.hw[0] if one else seen.hw[rows], seen.xyxy[rows], threshold)
        count += found.sum(axis=0)
    rows = np.flatnonzero(~reached)
    if forced and len(rows):
        level = best(spec, seen.hw[0] if one else seen.hw[rows], seen.xyxy[rows]).level
        count += np.bincount(level, minlength=len(count))
    return count


def anchors_of(spec: OnGrid, view: View) -> float:
    """Mean number of anchors of a picture."""
    canvases, counts = np.unique(view.canvas_hw, axis=0, return_counts=True)
    sizes = [
        sum(int(grid.count_xy.prod()) * len(grid.wh) for grid in spec.grids(canvas)) for canvas in canvases
    ]
    return float(np.average(sizes, weights=counts))


def _levels(spec: OnGrid) -> list[str]:
    if isinstance(spec, RetinaNet):
        return [f"P{round(np.log2(stride))}" for stride in spec.strides]
    return [f"map {i}" for i in range(1, spec.levels + 1)]


def _table(n: float, outputs: float, prior: float) -> list[dict[str, Any]]:
    rows = []
    for pi in (PI, prior):
        for gamma in GAMMAS:
            for name, alpha in (("0.25", ALPHA), ("balanced", balanced_alpha(n, outputs))):
                share = background_share(n, outputs, pi, gamma, alpha)
                rows.append({"pi": pi, "gamma": gamma, "alpha": name, "share": share})
    return rows


def _few(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}" if value >= 0.05 or not value else "< 0.1"
