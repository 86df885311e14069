"""The one matcher of anchors on grids: which anchors learn which object, which learn nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from datapipe.objects import Objects
from datapipe.targets import crowds
from datapipe.targets.claims import Claim, one_each
from datapipe.targets.grids import Floats, Ints
from datapipe.targets.layout import Layout
from datapipe.targets.near import Pairs, iou_of, nearest, pairs


@dataclass(frozen=True)
class Rule:
    """A detector's way to match by IoU.

    positive:  positive at this IoU or more
    negative:  background below this; ignored from here up to `positive`
    inclusive: background also at exactly `negative`
    claim:     how an object gets an anchor below `positive`; None: it gets none
    least:     an IoU of this or less gives no claim
    """

    positive: float
    negative: float
    inclusive: bool = False
    claim: Claim | None = None
    least: float = 0.0


class Match(NamedTuple):
    """What the anchors of one picture learn; those in neither list are background.

    anchor:  (P,) positives, flat numbers, ascending
    object:  (P,) what each learns, a row of the picture's objects
    iou:     (P,) of the two
    ignored: (Q,) flat numbers, ascending
    """

    anchor: Ints
    object: Ints
    iou: Floats
    ignored: Ints


def match(places: Layout, rule: Rule, objects: Objects) -> Match:
    """Match the objects of one picture, exactly as a table of anchors x objects would.

    Every anchor belongs to the object it overlaps most, of equals the first. Ignored objects take part in
    nothing; an anchor that is not positive is ignored if it reaches an IoU of `rule.negative` with a single
    one, or has half its area in a crowd (`objects.ignore` and `objects.crowd`).

    Args:
        places: the detector's anchors.
        rule: its thresholds.
        objects: px of the same canvas.
    """
    group = objects.ignore & objects.crowd
    rows = np.flatnonzero(~group)
    single = objects.ignore[rows]
    xyxy = objects.xyxy[rows].astype(np.float64)
    ignored = np.zeros(places.count, np.bool_)
    if group.any():
        crowds.mark(places, objects.xyxy[group].astype(np.float64), ignored)
    near = nearest(places, xyxy)
    asked = np.full(len(rows), rule.negative)
    if rule.claim:
        best = near.iou.max(axis=1)
        wanting = ~single & (best > rule.least)
        asked[wanting] = np.minimum(best[wanting], rule.negative)
    found = pairs(places, near, asked)
    if single.any():
        alone = single[found.object]
        ignored[found.anchor[alone]] = True
        found = found.take(~alone)
    top = _best_of_each_anchor(found)
    positive = top.iou >= rule.positive
    above = top.iou > rule.negative if rule.inclusive else top.iou >= rule.negative
    ignored[top.anchor[above]] = True  # positives are taken out again below
    if rule.claim == "ties":
        forced = found.anchor[found.iou == best[found.object]]
        positive[np.searchsorted(top.anchor, forced)] = True
    top = top.take(positive)
    if rule.claim == "ties":
        _correct(top, places, rule.negative, xyxy, single)
    elif rule.claim:
        top = _override(top, one_each(places, near, found, rule.claim, rule.least))
    ignored[top.anchor] = False
    return Match(top.anchor, rows[top.object], top.iou, np.flatnonzero(ignored))


def _best_of_each_anchor(found: Pairs) -> Pairs:
    order = np.lexsort((-found.iou, found.anchor))  # stable: of equals the first object
    anchor = found.anchor[order]
    first = order[np.flatnonzero(np.diff(anchor, prepend=-1))]
    return found.take(first)


def _correct(top: Pairs, places: Layout, negative: float, xyxy: Floats, single: NDArray[np.bool_]) -> None:
    """Give anchors claimed with a poor IoU to the object they overlap most; it need not be the claimant."""
    poor = np.flatnonzero(top.iou < negative)
    if len(poor):
        iou = iou_of(places, xyxy, top.anchor[poor])
        iou[:, single] = -1
        top.object[poor] = iou.argmax(axis=1)
        top.iou[poor] = iou.max(axis=1)


def _override(top: Pairs, dealt: dict[int, tuple[int, float]]) -> Pairs:
    """Claimed anchors learn who claimed them, whomever they overlap most."""
    if not dealt:
        return top
    claimed = np.array(list(dealt))
    owner = np.array([row for row, _ in dealt.values()])
    iou = np.array([iou for _, iou in dealt.values()])
    others = top.take(np.array([number not in dealt for number in top.anchor.tolist()], np.bool_))
    anchor = np.concatenate([others.anchor, claimed])
    whole = Pairs(np.concatenate([others.object, owner]), anchor, np.concatenate([others.iou, iou]))
    return whole.take(np.argsort(anchor))
