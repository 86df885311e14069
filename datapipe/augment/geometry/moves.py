"""Mirror, turn, scale, shift, shear and tilt the canvas about its centre."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, radians, sin, sqrt, tan
from typing import Protocol

import numpy as np

from datapipe.augment import plane
from datapipe.augment.plan import GREY, Plan
from datapipe.augment.plane import Nine, affine
from datapipe.augment.ranges import FillField, Span, check, check_pair, check_span, colour, draw

LEAST_DEPTH = 0.25
"""Perspective leaves w at least this on every corner of every picture; 1 is the canvas' centre."""


class GeometryStep(Protocol):
    """Anything that takes a plan to a plan; chance comes from `rng` alone."""

    def __call__(self, plan: Plan, rng: np.random.Generator) -> Plan:
        """The plan, moved."""


@dataclass(frozen=True)
class Flip:
    """Mirror the canvas: x becomes W - x, on edges.

    horizontal, vertical: chance of each; darknet and Ultralytics flip left to right only, one time in two
    """

    horizontal: float = 0.5
    vertical: float = 0.0

    def __post_init__(self) -> None:
        """Raises ValueError naming the field that is off."""
        check("horizontal", self.horizontal, 0, 1)
        check("vertical", self.vertical, 0, 1)

    def __call__(self, plan: Plan, rng: np.random.Generator) -> Plan:
        """Example: on a canvas 608 px wide the box (10, 0, 60, 20) becomes (548, 0, 598, 20)."""
        u, v = rng.random(2).tolist()
        across, down = u < self.horizontal, v < self.vertical
        if not across and not down:
            return plan
        height, width = plan.hw
        (a, c), (e, f) = ((-1.0, width) if across else (1.0, 0.0)), ((-1.0, height) if down else (1.0, 0.0))
        return plan.moved(affine(a, 0.0, c, 0.0, e, f)).noted("Flip", horizontal=across, vertical=down)


@dataclass(frozen=True)
class Affine:
    """Shear, scale, rotate about the canvas' centre, then shift: M = T(centre + shift) R S H T(-centre).

    The order is Ultralytics' and OpenCV's (shift last, so a shift is in px of the canvas whatever the scale).
    Every number is drawn evenly. The defaults are moderate (10 degrees, a tenth of the canvas); a shear of
    0.2, as Keras users write it, would be 0.2 degrees and do nothing.

    rotate_deg: plus or minus, or lowest and highest; above 0 turns clockwise on the screen
    translate:  share of the canvas, drawn for each axis: 0.1 is up to a tenth either way
    scale:      lowest and highest factor of the size
    aspect:     lowest and highest factor of width / height, at the same area
    shear_deg:  slant of the vertical edges
    fill:       what lies beyond the picture from here on: a grey, an RGB colour, or "edge", which continues
                the picture's border and holds for plans of a single picture only (others: grey 114)
    p:          chance that it moves anything; `fill` holds either way
    """

    rotate_deg: Span = 10.0
    translate: Span = 0.1
    scale: tuple[float, float] = (0.9, 1.1)
    aspect: tuple[float, float] = (1.0, 1.0)
    shear_deg: Span = 0.0
    fill: FillField = 114
    p: float = 1.0

    def __post_init__(self) -> None:
        """Raises ValueError naming the field that is off."""
        check_span("rotate_deg", self.rotate_deg, 360)
        check_span("translate", self.translate, 1)
        check_pair("scale", self.scale, 0.01, 100)
        check_pair("aspect", self.aspect, 0.1, 10)
        check_span("shear_deg", self.shear_deg, 80)
        colour("fill", self.fill)
        check("p", self.p, 0, 1)

    def __call__(self, plan: Plan, rng: np.random.Generator) -> Plan:
        """Example: 90 degrees on a 100 x 100 canvas take the box (0, 0, 20, 10) to (90, 0, 100, 20)."""
        plan = filled(plan, self.fill)
        fires, u, v, w, x, y, z = rng.random(7).tolist()
        if fires >= self.p:
            return plan
        angle, size, slant = draw(self.rotate_deg, u), draw(self.scale, v), draw(self.shear_deg, w)
        stretch = draw(self.aspect, z)
        height, width = plan.hw
        dx, dy = draw(self.translate, x) * width, draw(self.translate, y) * height
        matrix = about_centre(plan.hw, angle, size, stretch, slant, dx, dy)
        return plan.moved(matrix).noted(
            "Affine", rotate_deg=angle, scale=size, aspect=stretch, shear_deg=slant, shift_px=[dx, dy]
        )


@dataclass(frozen=True)
class Perspective:
    """Tilt the canvas: w = 1 + a x + b y, with x, y from -1 to 1 across the canvas.

    Far corners of a picture that reaches beyond the canvas are where a tilt would fold the plane over, so it
    is made smaller until w >= LEAST_DEPTH on every corner of every picture.

    tilt: plus or minus, or lowest and highest, of a and b each: at 0.1 one side of the canvas is drawn 10 %
          larger and the other 10 % smaller, about
    p:    chance that it moves anything
    """

    tilt: Span = 0.1
    p: float = 1.0

    def __post_init__(self) -> None:
        """Raises ValueError naming the field that is off."""
        check_span("tilt", self.tilt, 0.35)
        check("p", self.p, 0, 1)

    def __call__(self, plan: Plan, rng: np.random.Generator) -> Plan:
        """Example: a = 0.1 alone takes the right edge of a 100 px canvas from x = 100 to 95.45."""
        fires, u, v = rng.random(3).tolist()
        if fires >= self.p:
            return plan
        height, width = plan.hw
        cx, cy = width / 2, height / 2
        a, b = draw(self.tilt, u) / cx, draw(self.tilt, v) / cy
        outlines = [plane.outline_of(tile.picture.wh, tile.nine) for tile in plan.tiles]
        lowest = min(a * (x - cx) + b * (y - cy) for outline in outlines for x, y in outline)
        if 1 + lowest < LEAST_DEPTH:
            a, b = a * (LEAST_DEPTH - 1) / lowest, b * (LEAST_DEPTH - 1) / lowest
        w0 = 1 - a * cx - b * cy
        matrix = (1 + cx * a, cx * b, cx * w0 - cx, cy * a, 1 + cy * b, cy * w0 - cy, a, b, w0)
        return plan.moved(matrix).noted("Perspective", tilt=[a * cx, b * cy])


def about_centre(
    hw: tuple[int, int], angle: float, size: float, aspect: float, slant: float, dx: float, dy: float
) -> Nine:
    """T(centre + shift) R S H T(-centre), of a canvas of hw px; angles in degrees, shift in px."""
    cx, cy = hw[1] / 2, hw[0] / 2
    turn, root, lean = radians(angle), sqrt(aspect), tan(radians(slant))
    sx, sy = size * root, size / root
    a, b = cos(turn) * sx, cos(turn) * sx * lean - sin(turn) * sy
    d, e = sin(turn) * sx, sin(turn) * sx * lean + cos(turn) * sy
    return affine(a, b, cx + dx - a * cx - b * cy, d, e, cy + dy - d * cx - e * cy)


def filled(plan: Plan, fill: FillField) -> Plan:
    """The plan with another fill; "edge" has a meaning for a single tile only, others get grey."""
    wanted = colour("fill", fill)
    if wanted == "edge" and len(plan.tiles) != 1:
        wanted = GREY
    return plan if wanted == plan.fill else Plan(plan.hw, plan.layers, wanted, plan.steps)
