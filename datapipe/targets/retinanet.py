"""RetinaNet: the same scales and ratios of anchors at every level of a pyramid; its matching and box code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from datapipe.objects import Objects
from datapipe.targets import codes, grids, rows
from datapipe.targets.codes import BoxCode
from datapipe.targets.grids import Floats, Grid
from datapipe.targets.layout import layout
from datapipe.targets.matching import Match, Rule, match
from datapipe.targets.smoothing import check_epsilon
from datapipe.targets.wire import Arrays, Spec

THIRDS = (1.0, 2 ** (1 / 3), 2 ** (2 / 3))
"""Three sizes an octave, arXiv:1708.02002 section 4."""
FASTER_RCNN: dict[str, Any] = {"box_code": "centre_size", "variances": (1.0, 1.0, 1.0, 1.0)}


@dataclass(frozen=True)
class RetinaNet:
    """Anchors and matching of a RetinaNet; the defaults are keras-retinanet's.

    An anchor of base size s, scale k and ratio r (**h/w**) has w = s k / sqrt(r) and h = s k sqrt(r).

    sizes, strides: px, one a level (P3 to P7)
    scales, ratios: k and r of the shapes in a cell, the same on every level
    centre:         of cell (0, 0): half a stride in (keras-retinanet), or zero (torchvision, Detectron2)
    order:          of the shapes in a cell: ratio by ratio (keras-retinanet, torchvision) or scale by scale
    rounded:        torchvision's whole sizes and half extents
    step:           to the next centre: the stride, canvas // map (torchvision), canvas / map (Model Garden)
    positive_iou:   an anchor is positive at this IoU or more
    negative_iou:   ... background below this; ignored between the two
    negative_inclusive: background at exactly negative_iou, too (keras-retinanet), else ignored there
    low_quality:    every object also takes its best anchors, however poor, if they overlap at all
    claim:          which, then: all that tie, each learning its own best object (torchvision, Detectron2);
                    or one, and of several objects with the same one the first has it (TF Object Detection)
    box_code, variances, axes: how a box is written, see `codes.BoxCode`
    label_smoothing: of the classes of positives, where dense targets are made
    """

    sizes: tuple[float, ...] = (32, 64, 128, 256, 512)
    strides: tuple[int, ...] = (8, 16, 32, 64, 128)
    scales: tuple[float, ...] = THIRDS
    ratios: tuple[float, ...] = (0.5, 1.0, 2.0)
    centre: Literal["half", "zero"] = "half"
    order: Literal["ratio", "scale"] = "ratio"
    rounded: bool = False
    step: Literal["stride", "map", "exact"] = "stride"
    positive_iou: float = 0.5
    negative_iou: float = 0.4
    negative_inclusive: bool = True
    low_quality: bool = False
    claim: Literal["ties", "first"] = "ties"
    box_code: codes.Kind = "corners"
    variances: tuple[float, float, float, float] = (0.2, 0.2, 0.2, 0.2)
    axes: codes.Axes = "xy"
    label_smoothing: float = 0.0

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
        codes.check_variances(self.variances)
        check_epsilon(self.label_smoothing)

    @classmethod
    def torchvision(cls) -> RetinaNet:
        """What torchvision builds as retinanet_resnet50_fpn."""
        return cls(
            centre="zero", rounded=True, step="map", low_quality=True, negative_inclusive=False, **FASTER_RCNN
        )

    @classmethod
    def detectron2(cls) -> RetinaNet:
        """Detectron2's Base-RetinaNet.yaml."""
        return cls(centre="zero", order="scale", low_quality=True, negative_inclusive=False, **FASTER_RCNN)

    @classmethod
    def tf_object_detection(cls) -> RetinaNet:
        """TF Object Detection's ssd_resnet50_v1_fpn_640x640: six anchors a cell, no ignore band.

        For inputs that divide by 128; where one does not, that project moves a level's centres to zero.
        """
        return cls(
            scales=(1.0, 2**0.5),
            ratios=(1.0, 0.5, 2.0),  # its 1, 2, 1/2 are w/h
            negative_iou=0.5,
            negative_inclusive=False,
            low_quality=True,
            claim="first",
            box_code="centre_size",
            variances=(0.1, 0.1, 0.2, 0.2),
            axes="yx",
        )

    @classmethod
    def model_garden(cls) -> RetinaNet:
        """Model Garden's RetinaNet with its parser's defaults: no ignore band, every object has an anchor."""
        return cls(
            ratios=(2.0, 1.0, 0.5),  # its 1/2, 1, 2 are w/h
            order="scale",
            step="exact",
            negative_iou=0.5,
            negative_inclusive=False,
            low_quality=True,
            claim="first",
            box_code="centre_size",
            variances=(1.0, 1.0, 1.0, 1.0),
            axes="yx",
        )

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
            step = np.full(count.shape, float(stride))
            if self.step != "stride":
                step = canvas / count if self.step == "exact" else np.floor(canvas / count)
            first = step / 2 if self.centre == "half" else np.zeros(count.shape)
            levels.append(Grid(first, step, count, self.shapes(level)))
        return tuple(levels)

    def anchors(self, hw: tuple[int, int]) -> Floats:
        """All anchors of a canvas: (N, 4) xyxy px, P3 first, then row, column, shape; 512² has 49 104."""
        return grids.anchors(self.grids(hw))

    def matches(self, iou: Floats) -> NDArray[np.bool_]:
        """Whether an object with this best IoU gets an anchor (without `low_quality` else: none at all)."""
        return iou > 0 if self.low_quality else iou >= self.positive_iou

    def anchor_count(self, hw: tuple[int, int]) -> int:
        """Number of anchors over a canvas of (H, W) px: 76 725 at 640²."""
        return layout(self, hw).count

    def code(self) -> BoxCode:
        """How boxes are written."""
        return BoxCode(self.box_code, self.variances, self.axes)

    def match(self, objects: Objects, hw: tuple[int, int]) -> Match:
        """Which anchor learns what, over a canvas of (H, W) px; see `matching.match`."""
        claim = self.claim if self.low_quality else None
        rule = Rule(self.positive_iou, self.negative_iou, self.negative_inclusive, claim)
        return match(layout(self, hw), rule, objects)

    def spec(self) -> Spec:
        """Fields of a sample, see `rows.fields`; `box` is by `code`."""
        return rows.fields()

    def encode(self, objects: Objects, hw: tuple[int, int]) -> Arrays:
        """Targets of one picture.

        Args:
            objects: px of the network's input.
            hw: (H, W) of that input, px.

        Returns:
            See `rows.fields`. Example: (32, 32, 64, 64) in 128 x 128, one square anchor a cell: the four
            about its middle, 4 px off both ways, reach 28² / (2 * 32² - 28²) = 0.62 and learn it; the box of
            the first, at (44, 44), is (4 / 32 / 0.2, ...) = (0.625, 0.625, 0.625, 0.625).
        """
        found = self.match(objects, hw)
        boxes = objects.xyxy[found.object].astype(np.float64)
        box = codes.encode(self.code(), layout(self, hw).xyxy(found.anchor), boxes)
        return rows.rows(objects, found.anchor, found.object, box, found.ignored)
