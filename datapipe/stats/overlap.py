"""Objects of one class that cover each other: non-maximum suppression cannot keep both.

Exact, and fast by not looking at most pairs: inside a group (one image, one class) sorted by the left edge, a
box that begins right of x1 + (1 - t) w can no longer reach an IoU of t, because its share of the width alone
is too small.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datapipe import boxes
from datapipe.stats.columns import Columns, following

THRESHOLD = 0.5
"""IoU above which a usual NMS suppresses the lower-scored of two boxes of a class."""


@dataclass(frozen=True)
class Overlap:
    """Same-class overlap among objects that are no ignore regions.

    considered: objects looked at
    objects:    of these, how many overlap at least one other of their class and image by IoU > 0.5
    pairs:      how many such pairs there are
    images:     images that hold such a pair
    """

    considered: int
    objects: int
    pairs: int
    images: int

    @property
    def share(self) -> float:
        """Share of the objects considered that are involved; 0 if none was considered."""
        return self.objects / self.considered if self.considered else 0.0


def partners(columns: Columns, threshold: float = THRESHOLD) -> NDArray[np.int64]:
    """For every object, how many others of its class in its image have IoU > threshold with it.

    Crowd and difficult objects are left aside and get 0. Memory grows with the objects, not with the pairs.

    Args:
        columns: the objects.
        threshold: in (0, 1).

    Returns:
        (N,) int64. Two boxes (0, 0, 10, 10) and (0, 0, 10, 6) of a class have IoU 0.6: both get 1.
    """
    found = np.zeros(len(columns), np.int64)
    rows = np.flatnonzero(~columns.ignored)
    if not len(rows):
        return found
    group = columns.image[rows] * len(columns.classes) + columns.class_id[rows]
    order = np.lexsort((columns.xyxy[rows, 0], group))
    rows, group = rows[order], group[order]
    group = np.cumsum(np.diff(group, prepend=group[0]) > 0)
    left = columns.xyxy[rows, 0]
    xyxy = columns.xyxy[rows]
    # One sorted key for all groups: each group's stretch ends before the next one's begins.
    origin = float(left.min())
    stretch = float(xyxy[:, 2].max()) - origin + 1
    key = group * stretch + (left - origin)
    slack = 8 * np.spacing(key[-1] + stretch)
    reach = key + (1 - threshold) * (xyxy[:, 2] - xyxy[:, 0]) + slack
    last = np.minimum(np.searchsorted(key, reach, side="right"), np.searchsorted(group, group, side="right"))
    area = boxes.area(xyxy)
    for a, b in following(last - np.arange(len(rows)) - 1):
        sides = np.minimum(xyxy[a, 2:], xyxy[b, 2:]) - np.maximum(xyxy[a, :2], xyxy[b, :2])
        np.maximum(sides, 0, out=sides)
        shared = sides[:, 0] * sides[:, 1]
        union = area[a] + area[b] - shared
        close = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0) > threshold
        for side in (a, b):
            found += np.bincount(rows[side[close]], minlength=len(found))
    return found


def overlap(columns: Columns, partners: NDArray[np.int64]) -> Overlap:
    """Sum up `partners` over objects (N,)."""
    involved = partners > 0
    return Overlap(
        considered=int((~columns.ignored).sum()),
        objects=int(involved.sum()),
        pairs=int(partners.sum()) // 2,
        images=len(np.unique(columns.image[involved])),
    )
