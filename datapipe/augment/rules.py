"""When an object that was cut still teaches: as a positive, an ignore region, or not at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from datapipe.augment.shapes import Rotated

COUNTS = (
    "seen",
    "kept",
    "clipped",
    "to_ignore_cut",
    "to_ignore_small",
    "to_ignore_crowded",
    "gone",
    "ignore_seen",
    "ignore_kept",
)
"""seen = kept + to_ignore_cut + to_ignore_small + to_ignore_crowded + gone; clipped are among the kept."""
FLAGS = ("crowd", "difficult", "truncated")
GONE, IGNORE, POSITIVE = 0, 1, 2
"""What becomes of an object."""
_CROWD_SIDE_PX = 1.0
_KEPT, _CLIPPED, _CUT, _SMALL, _CROWDED, _GONE, _IGNORE_KEPT, _IGNORE_GONE = range(_FATES := 8)


@dataclass(frozen=True)
class ObjectRules:
    """When an object that was cut still teaches; a recipe's section `objects`.

    ignore:         flags that make an object an ignore region: crowd, difficult, truncated
    keep_visible:   a positive shows at least this share of its area
    ignore_visible: an ignore region at least this share; what shows less is gone
    min_side_px:    a positive's box has at least these sides on the canvas, else it is an ignore region
    max_objects:    positives of a sample; the smallest beyond them become ignore regions
    rotated:        what a box without a polygon becomes when it is turned: "ellipse" (the box of the ellipse
                    inscribed in it) or "hull" (the box of its corners)
    """

    ignore: tuple[str, ...] = ("crowd", "difficult")
    keep_visible: float = 0.3
    ignore_visible: float = 0.05
    min_side_px: float = 2.0
    max_objects: int = 100
    rotated: Rotated = "ellipse"

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            ValueError: naming the field, its value and what it may be.
        """
        for name, fits, want in (
            ("ignore", set(self.ignore) <= set(FLAGS), f"some of {', '.join(FLAGS)}"),
            ("keep_visible", 0 < self.keep_visible <= 1, "a share above 0, at most 1"),
            (
                "ignore_visible",
                0 <= self.ignore_visible <= self.keep_visible,
                "a share from 0 to keep_visible",
            ),
            ("min_side_px", self.min_side_px >= 0, "0 or more"),
            ("max_objects", self.max_objects >= 1, "1 or more"),
            ("rotated", self.rotated in get_args(Rotated), " or ".join(get_args(Rotated))),
        ):
            if not fits:
                raise ValueError(f"{name} {getattr(self, name)!r}: want {want}")


def decide(
    visible_fraction: NDArray[np.floating],
    sides_px: NDArray[np.floating],
    ignore: NDArray[np.bool_],
    rules: ObjectRules,
    crowd: NDArray[np.bool_] | None = None,
) -> NDArray[np.int8]:
    """What becomes of objects by what is visible of them.

    A positive that shows less than `keep_visible` or is smaller than `min_side_px` becomes an ignore region;
    what shows less than `ignore_visible` is gone. An ignored crowd stays while 1 px of it is visible: it has
    no extent of its own that a cut could falsify.

    Args:
        visible_fraction: (N,) share of each object's area.
        sides_px: (N, 2) sides of its visible box on the canvas.
        ignore: (N,) what is an ignore region already.
        rules: the thresholds.
        crowd: (N,) which regions hold many; none by default.

    Returns:
        (N,) of GONE, IGNORE, POSITIVE. Example, by the defaults: 0.3 visible at 20 x 20 px is POSITIVE, 0.29
        at 20 x 20 px or 1 at 20 x 1 px IGNORE, 0.04 GONE.
    """
    shown = (visible_fraction > 0) & (sides_px > 0).all(axis=1)
    large = (sides_px >= rules.min_side_px).all(axis=1)
    stays = visible_fraction >= rules.ignore_visible
    if crowd is not None:
        stays = np.where(crowd & ignore, (sides_px >= _CROWD_SIDE_PX).all(axis=1), stays)
    positive = ~ignore & large & (visible_fraction >= rules.keep_visible)
    state = np.where(positive, POSITIVE, np.where(stays, IGNORE, GONE))
    return np.where(shown, state, GONE).astype(np.int8)


def crowded_out(
    state: NDArray[np.int8], area: NDArray[np.floating], plan_of: NDArray[np.intp], limit: int
) -> NDArray[np.intp]:
    """Which positives are beyond the limit of their plan: the smallest, of equal ones the later.

    Args:
        state: (M,) as `decide` says.
        area: (M,) visible, px².
        plan_of: (M,) number of the plan.
        limit: positives a plan may have.

    Returns:
        Numbers of objects.
    """
    positive = np.flatnonzero(state == POSITIVE)
    beyond = [np.zeros(0, np.intp)]
    for plan in np.flatnonzero(np.bincount(plan_of[positive]) > limit):
        own = positive[plan_of[positive] == plan]
        beyond.append(own[np.argsort(-area[own], kind="stable")[limit:]])
    return np.concatenate(beyond)


def counted(
    state: NDArray[np.int8],
    fraction: NDArray[np.float64],
    ignore: NDArray[np.bool_],
    crowded_out: NDArray[np.intp],
    plan_of: NDArray[np.intp],
    plans: int,
    rules: ObjectRules,
) -> list[dict[str, int]]:
    """What became of the objects of each plan, by `COUNTS`.

    Args:
        state: (M,) as `decide` says.
        fraction: (M,) visible share.
        ignore: (M,) which were ignore regions before.
        crowded_out: numbers of the objects that the function of that name told.
        plan_of: (M,) number of the plan.
        plans: how many there are.
        rules: what decided.
    """
    cut = fraction < rules.keep_visible
    fate = np.where(state == IGNORE, np.where(cut, _CUT, _SMALL), _GONE)
    fate[crowded_out] = _CROWDED
    fate[state == POSITIVE] = _KEPT
    fate[(state == POSITIVE) & (fraction < 1)] = _CLIPPED
    fate[ignore] = np.where(state[ignore] == GONE, _IGNORE_GONE, _IGNORE_KEPT)
    table = np.bincount(plan_of * _FATES + fate, minlength=plans * _FATES).reshape(plans, _FATES).tolist()
    return [
        {
            "seen": whole + clipped + cut + small + crowded + gone,
            "kept": whole + clipped,
            "clipped": clipped,
            "to_ignore_cut": cut,
            "to_ignore_small": small,
            "to_ignore_crowded": crowded,
            "gone": gone,
            "ignore_seen": stayed + left,
            "ignore_kept": stayed,
        }
        for whole, clipped, cut, small, crowded, gone, stayed, left in table
    ]
