"""How many anchors a canvas has, level by level: what fixes the shapes of a detector's tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from datapipe.targets import MobileNetSSD, RetinaNet, YoloV4

Spec = RetinaNet | MobileNetSSD | YoloV4


class Level(NamedTuple):
    """One map: cells down, cells across, anchors in a cell."""

    rows: int
    columns: int
    shapes: int

    @property
    def anchors(self) -> int:
        """Of the level."""
        return self.rows * self.columns * self.shapes


def levels(spec: Spec, hw: Sequence[int | None]) -> tuple[Level, ...]:
    """The maps over a canvas, in the order of the flat numbers of anchors.

    Args:
        spec: of the detector.
        hw: (H, W) px; `images.shape[1:3]` will do where it is known when the graph is made.

    Returns:
        Example: YOLOv4 at 608 x 608 has (76, 76, 3), (38, 38, 3) and (19, 19, 3).

    Raises:
        ValueError: a side is unknown.
    """
    height, width = known(hw)
    grids = spec.grids((height, width))
    return tuple(Level(int(g.count_xy[1]), int(g.count_xy[0]), len(g.wh)) for g in grids)


def known(hw: Sequence[int | None]) -> tuple[int, int]:
    """(H, W) as numbers.

    Raises:
        ValueError: a side is unknown, as in `map` over a stream of several shapes: there it is known to no
            graph. Make dense targets in the train step then, one trace for each shape.
    """
    height, width = hw
    if height is None or width is None:
        raise ValueError(f"hw: {tuple(hw)} when traced, want two numbers: make it in the train step")
    return int(height), int(width)


def names(spec: YoloV4) -> tuple[str, ...]:
    """The levels by the power of two of their stride: 8, 16, 32 are p3, p4, p5."""
    return tuple(f"p{stride.bit_length() - 1}" for stride in spec.strides)
