"""What VOC's smallest corner means: 1-based inclusive pixels as the devkit says, or edges from 0.

The devkit counts pixels from 1 and includes both corners, so the continuous box is (xmin - 1, ymin - 1,
xmax, ymax) and a box 1..W is the whole width. Some tools (FiftyOne among them) write edges from 0 into the
same tags. One file cannot tell the two apart; a whole set can.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

MIN_BOXES = 2
"""Boxes with an edge at 0 that it takes to call a set 0-based: a single one is a slip, not a convention."""


def choose(
    xyxy: NDArray[np.float64], wh: NDArray[np.int64], wanted: Literal["auto", "0", "1"]
) -> tuple[int, str]:
    """Decide how all corners of a set are read.

    Args:
        xyxy: (M, 4) corners as written.
        wh: (M, 2) declared size of each box's picture in px, 0 where not declared.
        wanted: "0" or "1" decides; "auto" looks.

    Returns:
        What is to be taken off xmin and ymin (0 or 1), and a sentence for the report. Example: with 40
        edges at 1, none at 0 and 30 at W or H the answer is 1; so it is with one box at (0, 0) and none at 1.
    """
    zeros, ones = (int(np.count_nonzero(xyxy[:, :2] == corner)) for corner in (0, 1))
    known = wh > 0
    full = int(np.count_nonzero(known & (xyxy[:, 2:] == wh)))
    short = int(np.count_nonzero(known & (xyxy[:, 2:] == wh - 1)))
    boxes = int(np.count_nonzero((xyxy[:, :2] == 0).any(axis=1)))
    offset = int(wanted) if wanted != "auto" else int(not (boxes >= MIN_BOXES and zeros > ones))
    convention = "1-based inclusive" if offset else "edges from 0"
    seen = (
        f"of {_count(len(xyxy))} boxes {_count(zeros)} edges are at 0, {_count(ones)} at 1, "
        f"{_count(full)} at W or H, {_count(short)} at W - 1 or H - 1"
    )
    asked = ", as asked by voc_offset" if wanted != "auto" else ""
    return offset, f"corners read as {convention}{asked}: {seen}"


def _count(n: int) -> str:
    """4888 as "4 888"."""
    return f"{n:,}".replace(",", " ")
