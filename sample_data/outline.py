"""Outlines of masks as polygons that give the mask back to the pixel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ring = NDArray[np.int64]
Vertex = tuple[int, int]


def rings(mask: NDArray[np.bool_], left: int = 0) -> list[Ring]:
    """Outlines of a mask's pieces along pixel edges, which together cover it exactly.

    Polygons of COCO have no holes, so a mask with holes is cut through the largest of them, from
    top to bottom, until none is left. A single pixel at column 3, row 5 is the ring (3, 5),
    (4, 5), (4, 6), (3, 6).

    Args:
        mask: (H, W), true inside.
        left: x of the mask's first column.

    Returns:
        One (N, 2) array of corners x, y per piece, clockwise as seen on the screen.
    """
    walks = _trace(mask)
    holes = [walk for walk in walks if _doubled_area(walk) < 0]
    if not holes:
        return [_corners(walk) + (left, 0) for walk in walks]
    columns = min(holes, key=_doubled_area)[:, 0]
    cut = (int(columns.min()) + int(columns.max()) + 1) // 2
    return rings(mask[:, :cut], left) + rings(mask[:, cut:], left + cut)


def _trace(mask: NDArray[np.bool_]) -> list[Ring]:
    """Closed walks along the borders, the inside on the right hand; holes come anticlockwise."""
    padded = np.pad(mask, 1).astype(np.int8)
    ahead: dict[Vertex, list[Vertex]] = {}

    def add_edges(where: NDArray[np.bool_], start: Vertex, end: Vertex) -> None:
        for y, x in np.argwhere(where).tolist():
            ahead.setdefault((x + start[0], y + start[1]), []).append((x + end[0], y + end[1]))

    across, down = np.diff(padded[1:-1], axis=1), np.diff(padded[:, 1:-1], axis=0)
    add_edges(down == 1, (0, 0), (1, 0))
    add_edges(down == -1, (1, 0), (0, 0))
    add_edges(across == 1, (0, 1), (0, 0))
    add_edges(across == -1, (0, 0), (0, 1))

    walks = []
    while ahead:
        first = here = min(ahead)
        step = (0, -1)
        walk = []
        while True:
            walk.append(here)
            # Where two pixels touch at a corner, turning left keeps both in one piece.
            choices = ahead[here]
            left = (here[0] + step[1], here[1] - step[0])
            target = left if left in choices else choices[0]
            choices.remove(target)
            if not choices:
                del ahead[here]
            step = (target[0] - here[0], target[1] - here[1])
            here = target
            if here == first and first not in ahead:
                break
        walks.append(np.array(walk))
    return walks


def _doubled_area(ring: Ring) -> int:
    """Twice the area inside, negative for an anticlockwise ring."""
    x, y = ring.T
    return int(x @ np.roll(y, -1) - y @ np.roll(x, -1))


def _corners(walk: Ring) -> Ring:
    """The walk without the vertices at which it goes straight on."""
    before, after = walk - np.roll(walk, 1, axis=0), np.roll(walk, -1, axis=0) - walk
    corners: Ring = walk[(before != after).any(1)]
    return corners
