"""Objects judged again, after a pixel step has covered or moved them on the canvas."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from datapipe.augment.rules import GONE, IGNORE, ObjectRules, counted, decide
from datapipe.objects import Objects

_CHANGES = ("clipped", "to_ignore_cut", "to_ignore_small", "gone")


def judged_again(
    objects: Objects,
    xyxy: NDArray[np.floating],
    fraction: NDArray[np.float64],
    rules: ObjectRules,
    area: NDArray[np.floating],
) -> tuple[Objects, dict[str, int]]:
    """What the recipe's rules leave of objects whose visible part has changed.

    The share counts from what the plan had left: an object cut there and covered here is judged twice.

    Args:
        objects: (N,) as they were.
        xyxy: (N, 4) px, hulls of what is visible now; anything where nothing is.
        fraction: (N,) share of each object that is visible now.
        rules: the thresholds.
        area: (N,) px² of each that is visible now.

    Returns:
        The objects left, without polygons, and how many positives became clipped, to_ignore_cut,
        to_ignore_small or gone.
    """
    corners = np.asarray(xyxy, np.float32)
    state = decide(fraction, corners[:, 2:] - corners[:, :2], objects.ignore, rules, objects.crowd)
    none = np.zeros(0, np.intp)
    fates = counted(state, fraction, objects.ignore, none, np.zeros(len(objects), np.intp), 1, rules)[0]
    rows = np.flatnonzero(state != GONE)
    left = replace(
        objects.take(rows),
        xyxy=corners[rows],
        ignore=state[rows] == IGNORE,
        area=area[rows].astype(np.float32),
        polygons=((),) * len(rows),
    )
    return left, {name: fates[name] for name in _CHANGES}
