"""Annotated pictures: what is composed, and what the formats are written from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CLASSES = ("balloon", "bird", "boat", "kite")
SPLITS = ("train", "val")

Box = tuple[int, int, int, int]  # x1, y1, x2, y2 in pixels, right and bottom exclusive


@dataclass(frozen=True, eq=False)
class Thing:
    """One object, or one crowd of them, as far as it can be seen.

    class_id:  index into `CLASSES`
    mask:      (H, W), its visible pixels
    pose:      VOC's word for the way it looks
    truncated: whether the picture's border cuts it
    part:      name and box of a part of it, VOC only
    """

    class_id: int
    mask: NDArray[np.bool_]
    pose: str = "Unspecified"
    truncated: bool = False
    difficult: bool = False
    crowd: bool = False
    part: tuple[str, Box] | None = None

    @property
    def box(self) -> Box:
        """Hull of the visible pixels."""
        rows, columns = np.flatnonzero(self.mask.any(1)), np.flatnonzero(self.mask.any(0))
        return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


@dataclass(frozen=True, eq=False)
class Picture:
    """An encoded picture and what is in it; width and height as displayed, upright."""

    number: int
    split: str
    suffix: str
    wh: tuple[int, int]
    channels: int
    encoded: bytes
    things: tuple[Thing, ...]

    @property
    def stem(self) -> str:
        """File name without its suffix."""
        return f"{self.number:04d}"

    @property
    def name(self) -> str:
        """File name."""
        return self.stem + self.suffix
