"""A part of the canvas becomes all of it, or all of it a part: SSD's crop and zoom-out, darknet's jitter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datapipe import boxes
from datapipe.augment.geometry.moves import filled
from datapipe.augment.guides import seen_boxes
from datapipe.augment.plan import Plan
from datapipe.augment.plane import Nine, affine, bounds
from datapipe.augment.ranges import FillField, check, check_pair, check_whole, colour, draw


@dataclass(frozen=True)
class RandomCrop:
    """SSD's crop: a part of the canvas that shows an object well enough, stretched to the whole canvas.

    As in Caffe-SSD (`ssd_pascal.py`, `sampler.cpp`; arXiv:1512.02325, 2.2): the whole picture and each of
    `min_iou` are as likely among those that find a place in `tries`. A place fits if its IoU with at least
    one object that counts is min_iou or more; 0 takes any. Pictures without objects stay whole. What becomes
    of cut objects is survival's to say, where Caffe-SSD asks only for the centre.

    Sides are shares of the canvas, the place is one on the first layer's pictures: with letterbox the crop
    does not bend the picture beyond `aspect`, and keeps off the bars where it can.

    min_iou: each an option, beside the whole picture
    scale:   lowest and highest side of a square crop, as a share of the canvas; its square is the area
    aspect:  lowest and highest width / height, on the square canvas; at most what its area allows
    tries:   places to draw
    p:       chance that it crops at all
    """

    min_iou: tuple[float, ...] = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9)
    scale: tuple[float, float] = (0.3, 1.0)
    aspect: tuple[float, float] = (0.5, 2.0)
    tries: int = 50
    p: float = 1.0

    def __post_init__(self) -> None:
        """Raises ValueError naming the field that is off."""
        if not isinstance(self.min_iou, tuple):
            raise ValueError(f"min_iou {self.min_iou}: want a list of numbers from 0 to 1")
        for one in self.min_iou:
            check("min_iou", one, 0, 1)
        check_pair("scale", self.scale, 0.01, 1)
        check_pair("aspect", self.aspect, 0.1, 10)
        if not self.aspect[0] <= 1 <= self.aspect[1]:
            raise ValueError(f"aspect {self.aspect}: want 1, the canvas' own, between the two")
        check_whole("tries", self.tries, 1)
        check("p", self.p, 0, 1)

    def __call__(self, plan: Plan, rng: np.random.Generator) -> Plan:
        """Example: the crop (100, 50, 400, 350) of 600 x 600 doubles it, and (100, 50) becomes (0, 0)."""
        if rng.random() >= self.p:
            return plan
        objects = seen_boxes(plan.layers[0].tiles, plan.hw)
        places = self._places(plan, rng)
        order = rng.permutation(len(self.min_iou) + 1).tolist()
        best = boxes.iou(places, objects).max(axis=1) if len(objects) else np.full(len(places), -1.0)
        for option in order[: order.index(len(self.min_iou))]:  # the whole picture always finds its place
            fits = np.flatnonzero(best >= self.min_iou[option])
            if len(fits):
                place = places[fits[0]].tolist()
                noted = {"xyxy_px": place, "min_iou": self.min_iou[option]}
                return plan.moved(onto_canvas(place, plan.hw)).noted("RandomCrop", **noted)
        return plan.noted("RandomCrop", whole=True)

    def _places(self, plan: Plan, rng: np.random.Generator) -> NDArray[np.float64]:
        """(tries, 4) xyxy px, drawn as Caffe-SSD's SampleBBox draws them."""
        u, v, across, down = rng.random((4, self.tries))
        side = self.scale[0] + (self.scale[1] - self.scale[0]) * u
        low, high = np.maximum(self.aspect[0], side**2), np.minimum(self.aspect[1], side**-2)
        root = np.sqrt(low + (high - low) * v)
        height, width = plan.hw
        w, h = side * root * width, side / root * height
        edges = [bounds(tile.corners) for tile in plan.layers[0].tiles if tile.corners]
        edges = edges or [(0.0, 0.0, width, height)]
        left, top = (max(0.0, min(edge[i] for edge in edges)) for i in (0, 1))
        right, bottom = (min(plan.hw[3 - i], max(edge[i] for edge in edges)) for i in (2, 3))
        x, y = left + across * (right - left - w), top + down * (bottom - top - h)
        return np.stack([x, y, x + w, y + h], axis=1)


@dataclass(frozen=True)
class Expand:
    """SSD's zoom-out: the canvas shrinks and comes to lie anywhere on itself, for more small objects.

    Caffe-SSD: half of the pictures, up to 4 times (arXiv:1512.02325, 3.6), filled with the mean, RGB
    (123, 117, 104). It comes before RandomCrop.

    ratio: lowest and highest; 4 leaves the picture a quarter of each side
    fill:  what lies around it, as in `Affine`
    p:     chance that it shrinks anything; `fill` holds either way
    """

    ratio: tuple[float, float] = (1.0, 4.0)
    fill: FillField = 114
    p: float = 0.5

    def __post_init__(self) -> None:
        """Raises ValueError naming the field that is off."""
        check_pair("ratio", self.ratio, 1, 100)
        colour("fill", self.fill)
        check("p", self.p, 0, 1)

    def __call__(self, plan: Plan, rng: np.random.Generator) -> Plan:
        """Example: at ratio 2 in the middle of a 600 x 600 canvas, (100, 50) becomes (200, 175)."""
        plan = filled(plan, self.fill)
        fires, u, across, down = rng.random(4).tolist()
        if fires >= self.p:
            return plan
        ratio = draw(self.ratio, u)
        height, width = plan.hw
        x, y = across * (width - width / ratio), down * (height - height / ratio)
        matrix = affine(1 / ratio, 0.0, x, 0.0, 1 / ratio, y)
        return plan.moved(matrix).noted("Expand", ratio=ratio, shift_px=[x, y])


@dataclass(frozen=True)
class Jitter:
    """darknet's jitter: each edge of the picture moves in or out on its own, then it is stretched back.

    `load_data_detection`: pleft, pright ~ U(-0.3, 0.3) of the width, ptop, pbot of the height. With a
    `stretch` input, alone or as a mosaic's `tile` step, this is darknet's geometry before the flip.

    amount: the most an edge moves, as a share of the canvas
    p:      chance that it moves anything
    """

    amount: float = 0.3
    p: float = 1.0

    def __post_init__(self) -> None:
        """Raises ValueError naming the field that is off."""
        check("amount", self.amount, 0, 0.45)
        check("p", self.p, 0, 1)

    def __call__(self, plan: Plan, rng: np.random.Generator) -> Plan:
        """Example: left edge 10 % in, right edge 10 % out, on 600 px: x = 60 becomes 0, 660 becomes 600."""
        fires, *edges = rng.random(5).tolist()
        if fires >= self.p:
            return plan
        height, width = plan.hw
        left, top, right, bottom = (draw(self.amount, one) for one in edges)
        place = [left * width, top * height, (1 - right) * width, (1 - bottom) * height]
        return plan.moved(onto_canvas(place, plan.hw)).noted("Jitter", xyxy_px=place)


def onto_canvas(xyxy: Sequence[float], hw: tuple[int, int]) -> Nine:
    """The matrix that stretches a box of the canvas to all of it."""
    x1, y1, x2, y2 = xyxy
    sx, sy = hw[1] / (x2 - x1), hw[0] / (y2 - y1)
    return affine(sx, 0.0, -x1 * sx, 0.0, sy, -y1 * sy)
