"""Where a plan's objects lie, as a guide for steps that choose a place by them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from datapipe.augment.plan import Tile
from datapipe.augment.plane import bounds


def seen_boxes(tiles: Iterable[Tile], hw: tuple[int, int]) -> NDArray[np.float64]:
    """Where the objects lie on the canvas, for steps that choose a place by them.

    The upright hull of each box's corners through its tile's matrix, cut to the box round the tile's visible
    part and to the canvas: a guide for choosing; what an object keeps is survival's to say. Ignored objects
    and those out of sight are left out.

    Args:
        tiles: of one layer; what a later tile covers is not taken away.
        hw: of the canvas in px.

    Returns:
        (M, 4) xyxy px.
    """
    found = [np.zeros((0, 4))]
    for tile in tiles:
        boxes = tile.picture.xyxy[~tile.picture.ignore].astype(np.float64)
        if not len(boxes) or not tile.corners:
            continue
        x, y = boxes[:, (0, 2, 2, 0)], boxes[:, (1, 1, 3, 3)]
        a, b, c, d, e, f, g, h, i = tile.nine
        w = g * x + h * y + i
        across, down = (a * x + b * y + c) / w, (d * x + e * y + f) / w
        x1, y1, x2, y2 = bounds(tile.corners)
        across = across.clip(max(x1, 0.0), min(x2, hw[1]))
        down = down.clip(max(y1, 0.0), min(y2, hw[0]))
        hulls = np.stack([across.min(1), down.min(1), across.max(1), down.max(1)], axis=1)
        found.append(hulls[(hulls[:, 0] < hulls[:, 2]) & (hulls[:, 1] < hulls[:, 3])])
    return np.concatenate(found)
