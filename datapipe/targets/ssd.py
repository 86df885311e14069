"""SSD and SSDLite: priors on a few maps, a ramp of scales, ratios for each map; matching and box code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

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

LEAST_IOU = 1e-6
"""An overlap of this or less claims no prior (Caffe-SSD's MatchBBox)."""


@dataclass(frozen=True)
class MobileNetSSD:
    """Priors and matching of an SSD; TF Object Detection's SSDLite MobileNet, matched as Caffe-SSD does.

    A prior of scale s (a share of the input) and ratio r (**w/h**) has w = s sqrt(r), h = s / sqrt(r).

    min_scale, max_scale: of the first and the last map, evenly spaced between; the scale after the last is 1
    scales:     ... or all of them, one more than there are maps
    ratios:     of every map, in the order of the cell's channels
    ratios_by_map: ... or of each map
    extra:      where in a cell the square of scale sqrt(s_k s_k+1) comes: 1 after the first, -1 last
    reduce_lowest: the first map has just (0.1, 1), (s_0, 2), (s_0, 1/2), whatever `ratios` say
    levels:     how many maps
    maps:       cells along a side, for one input size only; empty: ceil(side / 16), halved upwards
    strides:    px between centres; empty: side / cells
    unit:       a scale of 1 is the short side (TF Object Detection), or each side (torchvision, Caffe)
    clip:       no prior is larger than the input (torchvision: in size only, it may still stick out)
    iou_threshold: a prior is positive at this IoU or more, and each object takes its best prior
    claim:      of two objects with the same best prior the worse one takes its next best (Caffe-SSD); or the
                first has it (TF Object Detection), or the last (torchvision), and the other none by this rule
    variances, axes: how a box is written, see `codes.BoxCode`
    label_smoothing: of the classes of positives, where dense targets are made
    """

    min_scale: float = 0.2
    max_scale: float = 0.95
    scales: tuple[float, ...] = ()
    ratios: tuple[float, ...] = (1.0, 2.0, 0.5, 3.0, 0.3333)
    ratios_by_map: tuple[tuple[float, ...], ...] = ()
    extra: int = -1
    reduce_lowest: bool = True
    levels: int = 6
    maps: tuple[int, ...] = ()
    strides: tuple[float, ...] = ()
    unit: Literal["short_side", "sides"] = "short_side"
    clip: bool = False
    iou_threshold: float = 0.5
    claim: Literal["greedy", "first", "last"] = "greedy"
    variances: tuple[float, float, float, float] = (0.1, 0.1, 0.2, 0.2)
    axes: codes.Axes = "xy"
    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            ValueError: naming the field that is off.
        """
        if not self.scales and not 0 < self.min_scale <= self.max_scale <= 1:
            raise ValueError(
                f"min_scale {self.min_scale} and max_scale {self.max_scale}: want 0 < min <= max <= 1"
            )
        for name, more in (("scales", 1), ("ratios_by_map", 0), ("maps", 0), ("strides", 0)):
            rows = getattr(self, name)
            if rows and len(rows) != self.levels + more:
                raise ValueError(
                    f"{name}: {len(rows)} of them, want {self.levels + more} for {self.levels} maps"
                )
        if not self.ratios or min(min(row) for row in (self.ratios, *self.ratios_by_map)) <= 0:
            raise ValueError(f"ratios: {self.ratios}, want one or more numbers above 0")
        codes.check_variances(self.variances)
        check_epsilon(self.label_smoothing)

    @classmethod
    def tf_object_detection(cls) -> MobileNetSSD:
        """TF Object Detection's SSDLite MobileNet, its matching and order of coordinates with it.

        Its 1e-8 px added to every side is left out: it moves a target by 1e-7 at most.
        """
        return cls(claim="first", axes="yx")

    @classmethod
    def torchvision_ssdlite(cls) -> MobileNetSSD:
        """What torchvision builds as ssdlite320_mobilenet_v3_large: 3234 priors at 320."""
        return cls(
            ratios=(1.0, 2.0, 0.5, 3.0, 1 / 3),
            extra=1,
            reduce_lowest=False,
            unit="sides",
            clip=True,
            claim="last",
        )

    @classmethod
    def torchvision_ssd300(cls) -> MobileNetSSD:
        """What torchvision builds as ssd300_vgg16: 8732 priors at 300."""
        few, many = (1.0, 2.0, 0.5), (1.0, 2.0, 0.5, 3.0, 1 / 3)
        return cls(
            scales=(0.07, 0.15, 0.33, 0.51, 0.69, 0.87, 1.05),
            ratios_by_map=(few, many, many, many, few, few),
            extra=1,
            reduce_lowest=False,
            maps=(38, 19, 10, 5, 3, 1),
            strides=(8, 16, 32, 64, 100, 300),
            unit="sides",
            clip=True,
            claim="last",
        )

    def ramp(self) -> tuple[float, ...]:
        """s_0 to s_K: one scale a map, and the one after the last. Default: .2 .35 .5 .65 .8 .95 1."""
        if self.scales:
            return self.scales
        return (*np.linspace(self.min_scale, self.max_scale, self.levels).tolist(), 1.0)

    def specs(self, level: int) -> list[tuple[float, float]]:
        """(scale, ratio w/h) of each of a map's priors, in the order of the cell's channels."""
        ramp = self.ramp()
        if level == 0 and self.reduce_lowest:
            return [(0.1, 1.0), (ramp[0], 2.0), (ramp[0], 0.5)]
        ratios = self.ratios_by_map[level] if self.ratios_by_map else self.ratios
        specs = [(ramp[level], ratio) for ratio in ratios]
        specs.insert(
            len(specs) if self.extra < 0 else self.extra, ((ramp[level] * ramp[level + 1]) ** 0.5, 1.0)
        )
        return specs

    def shapes(self, level: int, hw: tuple[int, int]) -> Floats:
        """(A, 2) w, h in px of a map's priors. Example: (0.2, ratio 2) at 300 is 84.85 x 42.43."""
        scale, ratio = np.array(self.specs(level)).T
        wh = np.stack([scale * np.sqrt(ratio), scale / np.sqrt(ratio)], axis=-1)
        if self.clip:
            wh = np.minimum(wh, 1)
        return wh * (np.array(hw[::-1]) if self.unit == "sides" else min(hw))

    def grids(self, hw: NDArray[np.int64] | tuple[int, int]) -> tuple[Grid, ...]:
        """The maps over an input of (H, W) px.

        Args:
            hw: (2,), the one input size of the network.

        Raises:
            ValueError: the input is not the one that `maps` are for.
        """
        height, width = (int(side) for side in hw)
        if self.strides and max(height, width) != self.strides[-1] * self.maps[-1]:
            raise ValueError(
                f"these maps are for {self.strides[-1] * self.maps[-1]:.0f} px, not {height} x {width}"
            )
        count = np.array([-(-width // 16), -(-height // 16)], np.int64)
        levels = []
        for level in range(self.levels):
            cells = np.full(2, self.maps[level], np.int64) if self.maps else count
            step = (
                np.full(2, float(self.strides[level])) if self.strides else np.array([width, height]) / cells
            )
            levels.append(Grid(step / 2, step, cells, self.shapes(level, (height, width))))
            count = -(-count // 2)
        return tuple(levels)

    def anchors(self, hw: tuple[int, int]) -> Floats:
        """All priors: (N, 4) xyxy px, map by map, then row, column, prior; 300² has 1917."""
        return grids.anchors(self.grids(hw))

    def matches(self, iou: Floats) -> NDArray[np.bool_]:
        """Whether an object with this best IoU gets a prior by threshold (the rest only their one best)."""
        return iou >= self.iou_threshold

    def anchor_count(self, hw: tuple[int, int]) -> int:
        """Number of priors for an input of (H, W) px: 1917 at 300²."""
        return layout(self, hw).count

    def code(self) -> BoxCode:
        """How boxes are written."""
        return BoxCode("centre_size", self.variances, self.axes)

    def match(self, objects: Objects, hw: tuple[int, int]) -> Match:
        """Which prior learns what, over an input of (H, W) px; see `matching.match`."""
        rule = Rule(self.iou_threshold, self.iou_threshold, claim=self.claim, least=LEAST_IOU)
        return match(layout(self, hw), rule, objects)

    def spec(self) -> Spec:
        """Fields of a sample, see `rows.fields`; `box` is by `code`."""
        return rows.fields()

    def encode(self, objects: Objects, hw: tuple[int, int]) -> Arrays:
        """Targets of one picture; see `rows.fields`.

        Args:
            objects: px of the network's input.
            hw: (H, W) of that input, px.
        """
        found = self.match(objects, hw)
        boxes = objects.xyxy[found.object].astype(np.float64)
        box = codes.encode(self.code(), layout(self, hw).xyxy(found.anchor), boxes)
        return rows.rows(objects, found.anchor, found.object, box, found.ignored)
