"""Anchors that lie in a crowd, judged by their own area."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from datapipe.targets.grids import Floats
from datapipe.targets.layout import Layout

INSIDE = 0.5
"""Share of an anchor's area in a crowd from which on it is ignored."""


def mark(places: Layout, xyxy: Floats, ignored: NDArray[np.bool_]) -> None:
    """Mark every anchor that has at least half its area in a crowd.

    Half in the product of x and y needs half in each, so the anchor's centre lies in the crowd's box: only
    those cells are looked at.

    Args:
        places: the anchors.
        xyxy: (C, 4) crowds, px.
        ignored: (anchors,) changed in place.
    """
    for corners in xyxy:
        for kinds in np.split(np.arange(len(places.level)), places.opening[1:]):
            k = kinds[0]
            first, step, last = places.first[:, k], places.step[:, k], places.last[:, k]
            low = np.maximum(np.ceil((corners[:2] - first) / step - 1e-9), 0).astype(np.int64)
            high = np.minimum(np.floor((corners[2:] - first) / step + 1e-9), last).astype(np.int64)
            if (high < low).any():
                continue
            wh = places.wh[:, kinds]
            in_x, in_y = (
                _shared(first[i] + np.arange(low[i], high[i] + 1) * step[i], corners[i::2], wh[i])
                for i in (0, 1)
            )
            inside = in_y[:, None] * in_x >= INSIDE * (wh[0] * wh[1])
            cells = ignored[places.base[k] :][: int((last + 1).prod()) * len(kinds)]
            grid = cells.reshape(int(last[1]) + 1, int(last[0]) + 1, len(kinds))
            grid[low[1] : high[1] + 1, low[0] : high[0] + 1] |= inside


def _shared(centre: Floats, ends: Floats, side: Floats) -> Floats:
    """(cells, kinds) px that intervals of these sides about these centres share with one interval."""
    length, middle = ends[1] - ends[0], (ends[0] + ends[1]) / 2
    shared = (length + side) * 0.5 - np.abs(middle - centre)[:, None]
    np.minimum(shared, np.minimum(length, side), out=shared)
    positive: Floats = np.maximum(shared, 0.0)
    return positive
