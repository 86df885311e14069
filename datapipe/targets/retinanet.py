"""RetinaNet's anchors: a feature pyramid, the same scales and ratios at every level."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from datapipe.targets import grids
from datapipe.targets.grids import Floats, Grid

THIRDS = (1.0, 2 ** (1 / 3), 2 ** (2 / 3))
"""Three sizes an octave, arXiv:1708.02002 section 4."""


@dataclass(frozen=True)
class RetinaNet:
    """Anchors and matching of a RetinaNet; the defaults are keras-retinanet's.

    An anchor of base size s, scale k and ratio r (**h/w**) has w = s k / sqrt(r) and h = s k sqrt(r).

    sizes, strides: px, one a level (P3 to P7)
    centre:         of cell (0, 0): half a stride in (keras-retinanet), or zero (torchvision, Detectron2)
    order:          of the shapes in a cell: ratio by ratio (keras-retinanet, torchvision) or scale by scale
    rounded:        torchvision's whole sizes and half extents
    step:           from centre to centre: the stride, or canvas // map as torchvision has it
    positive_iou:   an anchor is positive at this IoU or more
    negative_iou:   ... background at this or less; ignored between the two
    low_quality:    every object also takes its best anchors, however poor
    """

    sizes: tuple[float, ...] = (32, 64, 128, 256, 512)
    strides: tuple[int, ...] = (8, 16, 32, 64, 128)
    scales: tuple[float, ...] = THIRDS
    ratios: tuple[float, ...] = (0.5, 1.0, 2.0)
    centre: Literal["half", "zero"] = "half"
    order: Literal["ratio", "scale"] = "ratio"
    rounded: bool = False
    step: Literal["stride", "map"] = "stride"
    positive_iou: float = 0.5
    negative_iou: float = 0.4
    low_quality: bool = False

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            ValueError: naming the field that is off.
        """
        if len(self.sizes) != len(self.strides):
            raise ValueError(f"sizes: {len(self.sizes)} of them for {len(self.strides)} strides")
        for name in ("sizes", "strides", "scales", "ratios"):
            if not getattr(self, name) or min(getattr(self, name)) <= 0:
                raise ValueError(f"{name}: {getattr(self, name)}, want one or more numbers above 0")
        if not 0 < self.negative_iou <= self.positive_iou <= 1:
            raise ValueError(
                f"negative_iou {self.negative_iou}: want above 0, at most positive_iou {self.positive_iou}"
            )

    @classmethod
    def torchvision(cls) -> RetinaNet:
        """What torchvision builds as retinanet_resnet50_fpn."""
        return cls(centre="zero", rounded=True, step="map", low_quality=True)

    @classmethod
    def detectron2(cls) -> RetinaNet:
        """Detectron2's Base-RetinaNet.yaml."""
        return cls(centre="zero", order="scale", low_quality=True)

    def shapes(self, level: int) -> Floats:
        """(A, 2) w, h in px of a level's anchors. Example: size 32, ratio 0.5, scale 1 is 45.25 x 22.63."""
        size = np.array([self.sizes[level] * scale for scale in self.scales])
        ratio = np.array(self.ratios)
        if self.rounded:
            size = np.floor(size)
        root = np.sqrt(ratio)
        wide, high = size / root[:, None], size * root[:, None]
        wh = np.stack([wide, high], axis=-1)
        if self.rounded:
            wh = 2 * np.rint(wh / 2)
        return (wh if self.order == "ratio" else wh.swapaxes(0, 1)).reshape(-1, 2)

    def grids(self, hw: NDArray[np.int64] | tuple[int, int]) -> tuple[Grid, ...]:
        """The levels over a canvas of (H, W) px, or over a canvas for each object.

        A level's map has ceil(H / stride) x ceil(W / stride) cells.

        Args:
            hw: (2,) or (M, 2).
        """
        canvas = np.asarray(hw, np.int64)[..., ::-1]
        levels = []
        for level, stride in enumerate(self.strides):
            count = -(-canvas // stride)
            step = canvas // count if self.step == "map" else np.full_like(count, stride)
            first = step / 2 if self.centre == "half" else np.zeros(count.shape)
            levels.append(Grid(first, step.astype(np.float64), count, self.shapes(level)))
        return tuple(levels)

    def anchors(self, hw: tuple[int, int]) -> Floats:
        """All anchors of a canvas: (N, 4) xyxy px, P3 first, then row, column, shape; 512² has 49 104."""
        return grids.anchors(self.grids(hw))

    def matches(self, iou: Floats) -> NDArray[np.bool_]:
        """Whether an object with this best IoU gets an anchor (without `low_quality` else: none at all)."""
        return iou > 0 if self.low_quality else iou >= self.positive_iou
