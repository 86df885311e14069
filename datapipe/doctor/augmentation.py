"""Augmentation that is too harsh: what a recipe does to objects, from its matrices alone.

`Augmented` is all these checks know: whoever plans samples (boxes only, no pixels) fills it in.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import log2

import numpy as np
from numpy.typing import NDArray

from datapipe.doctor.diagnosis import Finding, Outcome, Passed, graded, worst
from datapipe.doctor.sizes import FINEST_PX
from datapipe.stats.remarks import percent

INFLATED, INFLATED_SERIOUS = 1.25, 1.50
"""Median of box area / area without rotation. Squares' hulls under +-10 degrees: 1.17, under +-30: 1.50."""
SLACK = 1.40
"""Median of turned corners' hull / box, of boxes without an outline. Squares under +-10 degrees have 1.17,
under +-25 1.42, under +-40 1.64; boxes three times as long as wide under +-10 degrees 1.26."""
YIELD, YIELD_SERIOUS = 0.50, 0.25
"""Positives of a sample / objects of a picture, below which too much is cut away."""
IGNORED, IGNORED_SERIOUS = 0.25, 0.50
"""Share of what remains visible that is too little of an object to be taught."""
EMPTIED, EMPTIED_SERIOUS = 0.10, 0.40
"""Share of samples without a positive, beyond the share of pictures without an object."""
SHIFT, SHIFT_SERIOUS = 1.0, 2.0
"""Octaves between the median sizes of originals and positives: 1 is half or twice as large."""
SHRUNK = 0.15
"""How much the share under 8 px may grow."""


@dataclass(frozen=True, eq=False)
class Augmented:
    """What a recipe makes of a split's objects; only objects that are trained on count.

    original_px:  (M,) sqrt(area) of the originals' boxes at the input's size, after the resize alone
    augmented_px: (K,) sqrt(area) of the positives' boxes in the samples
    inflation:    (K,) each positive's box area / the area it would have without rotation and shear, cut alike
    slack:        (K,) area of the hull of each positive's turned corners / its box's area, cut alike; 1 where
                  the source has an outline, by which the box is drawn
    pictures:     the M originals lie on; empty_pictures: those that show none
    samples:      planned; empty_samples: those without a positive
    seen:         objects of all pictures that went into the samples = kept + ignored + gone
    kept:         positives (K); cut: those of them that lost a part to a border or to another tile
    ignored:      too little is left of them to be taught
    gone:         nothing, or next to nothing, is left of them
    """

    original_px: NDArray[np.floating]
    augmented_px: NDArray[np.floating]
    inflation: NDArray[np.floating]
    slack: NDArray[np.floating]
    pictures: int
    empty_pictures: int
    samples: int
    empty_samples: int
    seen: int
    kept: int
    cut: int
    ignored: int
    gone: int

    def __post_init__(self) -> None:
        """Hold the balance.

        Raises:
            ValueError: the counts do not add up.
        """
        if self.seen != self.kept + self.ignored + self.gone:
            raise ValueError(
                f"seen {self.seen} is not kept {self.kept} + ignored {self.ignored} + gone {self.gone}"
            )
        lengths = [len(column) for column in (self.augmented_px, self.inflation, self.slack)]
        if set(lengths) != {self.kept} or self.cut > self.kept:
            raise ValueError(
                f"kept {self.kept}: {lengths[0]} sizes, {lengths[1]} inflations, {lengths[2]} slacks, "
                f"{self.cut} cut"
            )


def augmentation(made: Augmented) -> Iterator[Outcome]:
    """All checks of a recipe's augmentation that have something to go by."""
    if made.kept:
        yield boxes_tight(made)
    if len(made.original_px) and made.samples:
        yield objects_kept(made)
    if made.samples and made.pictures:
        yield samples_filled(made)
    if made.kept and len(made.original_px):
        yield sizes_alike(made)


def boxes_tight(made: Augmented) -> Outcome:
    """Judge how much rotation and shear inflate boxes, or leave them in doubt (DP521).

    A square turned by t has a hull of (cos t + sin t)² = 1 + sin 2t of its area: 1.34 at 10 degrees. The
    ellipse in it keeps its box; which of the two the object fills, a box does not tell.
    """
    median, high = (float(one) for one in np.quantile(made.inflation, [0.5, 0.95]))
    slack = float(np.median(made.slack))
    figures = {"median": round(median, 4), "p95": round(high, 4), "slack": round(slack, 4)}
    evidence = f"boxes have {median:.2f} times the area they had unturned (median), one in twenty {high:.2f}"
    if slack > 1 + 1e-4:
        evidence += f"; an object that fills its box to the corners would need {slack:.2f} times its new box"
    severity = worst(graded(median, warning=INFLATED, serious=INFLATED_SERIOUS), graded(slack, warning=SLACK))
    if severity is None:
        return Passed("DP521", evidence, figures)
    mend = "in the recipe: geometry: [{Affine: {rotate_deg: 10}}], no shear; or give outlines"
    title = "augmentation that leaves boxes loose or in doubt"
    harm = max(1 - 1 / median, (1 - 1 / slack) / 2)
    return Finding("DP521", severity, title, evidence + ".", figures, mend, harm)


def objects_kept(made: Augmented) -> Outcome:
    """Judge how many objects the augmentation cuts away or makes unfit to be taught (DP522).

    A mosaic of four shows a quarter of each of four pictures: three quarters of the objects seen are gone and
    yet a sample has as many as a picture. So not `gone` is judged but positives per sample.
    """
    visible = made.kept + made.ignored
    objects = len(made.original_px) / max(1, made.pictures)
    rate = made.kept / made.samples / objects
    unfit = made.ignored / visible if visible else 0.0
    figures = {
        "positives_per_sample": round(made.kept / made.samples, 4),
        "objects_per_picture": round(objects, 4),
        "yield": round(rate, 4),
        "ignored_share": round(unfit, 6),
        "cut_share": round(made.cut / made.kept, 6) if made.kept else 0.0,
        "gone_share": round(made.gone / made.seen, 6) if made.seen else 0.0,
    }
    evidence = (
        f"a sample has {made.kept / made.samples:.1f} positives, a picture {objects:.1f} objects; of what "
        f"stays visible {percent(unfit)} is turned to ignore, {percent(figures['cut_share'])} of the "
        f"positives are cut, {percent(figures['gone_share'])} of all objects seen are gone"
    )
    severity = worst(
        graded(-rate, warning=-YIELD, serious=-YIELD_SERIOUS),
        graded(unfit, warning=IGNORED, serious=IGNORED_SERIOUS),
    )
    if severity is None:
        return Passed("DP522", evidence, figures)
    mend = (
        "in the recipe: smaller translate and scale in Affine, a gentler RandomCrop, or Mosaic: "
        "{center: [0.4, 0.6]}; objects: {keep_visible: 0.3}"
    )
    title = "augmentation that cuts objects away"
    harm = max(unfit, 1 - min(1.0, rate))
    return Finding("DP522", severity, title, evidence + ".", figures, mend, harm)


def samples_filled(made: Augmented) -> Outcome:
    """Judge how many samples lose all their objects (DP523)."""
    empty, before = made.empty_samples / made.samples, made.empty_pictures / made.pictures
    figures = {"empty_samples": round(empty, 6), "empty_pictures": round(before, 6)}
    evidence = (
        f"{percent(empty)} of the samples have no positive; {percent(before)} of the pictures have no object"
    )
    severity = graded(empty - before, warning=EMPTIED, serious=EMPTIED_SERIOUS)
    if severity is None:
        return Passed("DP523", evidence, figures)
    mend = "in the recipe: smaller translate in Affine, RandomCrop with a min_iou, or a lower p"
    title = "augmentation that empties samples"
    return Finding("DP523", severity, title, evidence + ".", figures, mend, empty - before)


def sizes_alike(made: Augmented) -> Outcome:
    """Judge whether positives are of the size that pictures at evaluation show (DP524)."""
    old, new = float(np.median(made.original_px)), float(np.median(made.augmented_px))
    shift = log2(new / old) if old > 0 and new > 0 else 0.0
    tiny = [float((px < FINEST_PX).mean()) for px in (made.original_px, made.augmented_px)]
    figures = {
        "median_px": {"original": round(old, 2), "augmented": round(new, 2)},
        "octaves": round(shift, 4),
        "under_8_px": {"original": round(tiny[0], 6), "augmented": round(tiny[1], 6)},
    }
    evidence = (
        f"the median positive is {new:.0f} px, the median object {old:.0f} px ({2**shift:.2f} times); under "
        f"{FINEST_PX} px are {percent(tiny[1])} instead of {percent(tiny[0])}"
    )
    severity = worst(
        graded(abs(shift), warning=SHIFT, serious=SHIFT_SERIOUS), graded(tiny[1] - tiny[0], warning=SHRUNK)
    )
    if severity is None:
        return Passed("DP524", evidence, figures)
    mend = "in the recipe: a scale range around 1, as geometry: [{Affine: {scale: [0.8, 1.25]}}]"
    title = "augmentation that shifts sizes"
    harm = min(1.0, max(abs(shift) / 4, tiny[1] - tiny[0]))
    return Finding("DP524", severity, title, evidence + ".", figures, mend, harm)
