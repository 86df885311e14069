"""A pen that paints smooth shapes, supersampled, and lifts them off the sheet as a sprite."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw

Floats = NDArray[np.float64]
Colour = Floats  # (3,) RGB in [0, 1]


def rgb(code: str) -> Colour:
    """Colour of a hex code: `rgb("ff8000")` is (1, 0.5, 0)."""
    return np.array([int(code[i : i + 2], 16) / 255 for i in (0, 2, 4)])


def mix(a: ArrayLike, b: ArrayLike, t: ArrayLike) -> Floats:
    """Linear blend: a where t = 0, b where t = 1."""
    first, last = np.asarray(a, float), np.asarray(b, float)
    blend: Floats = first + (last - first) * np.asarray(t, float)
    return blend


def spline(points: ArrayLike, closed: bool = True, steps: int = 10) -> Floats:
    """Catmull-Rom curve through the points.

    Args:
        points: (N, 2), N >= 2.
        closed: whether the last point is joined to the first.
        steps: samples per segment.

    Returns:
        (M, 2) points of the curve, the given ones among them.
    """
    knots = np.asarray(points, float)
    if closed:
        padded = np.vstack([knots[-1:], knots, knots[:2]])
    else:
        padded = np.vstack([2 * knots[:1] - knots[1:2], knots, 2 * knots[-1:] - knots[-2:-1]])
    t = np.linspace(0, 1, steps, endpoint=False)[None, :, None]
    p0, p1, p2, p3 = (padded[i : len(padded) - 3 + i, None] for i in range(4))
    linear, square, cube = p2 - p0, 2 * p0 - 5 * p1 + 4 * p2 - p3, 3 * (p1 - p2) + p3 - p0
    curve = p1 + t / 2 * (linear + t * (square + t * cube))
    flat = curve.reshape(-1, 2)
    return flat if closed else np.vstack([flat, knots[-1:]])


def disc(centre: tuple[float, float], rx: float, ry: float | None = None) -> Floats:
    """Outline of an ellipse, (40, 2)."""
    angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    return np.stack(
        [centre[0] + rx * np.cos(angle), centre[1] + (rx if ry is None else ry) * np.sin(angle)], 1
    )


@dataclass(frozen=True, eq=False)
class Sprite:
    """A painted thing with a transparent surround, cut to its painted pixels.

    rgba:   (h, w, 4) in [0, 1], colour not multiplied by alpha
    offset: x, y of the sprite's corner from the thing's origin, pixels
    pose:   the VOC word for the way it looks
    parts:  name -> xyxy from the sprite's corner, pixels
    """

    rgba: Floats
    offset: tuple[int, int]
    pose: str = "Unspecified"
    parts: dict[str, tuple[float, float, float, float]] = field(default_factory=dict)

    @property
    def mask(self) -> NDArray[np.bool_]:
        """(h, w), true where at least half of the pixel is painted."""
        return self.rgba[..., 3] >= 0.5

    def lit(self, light: Colour, haze: Colour, thickness: float) -> Sprite:
        """The sprite under coloured light, behind haze of a thickness in [0, 1]."""
        rgba = self.rgba.copy()
        rgba[..., :3] = mix(rgba[..., :3] * light, haze, thickness)
        return replace(self, rgba=rgba)

    def paint_on(self, canvas: Floats, left: int, top: int) -> None:
        """Blend the sprite into the (H, W, 3) canvas, clipped to it."""
        here, there = overlap(canvas.shape[:2], self.rgba.shape[:2], left, top)
        alpha = self.rgba[there][..., 3:]
        canvas[here] += alpha * (self.rgba[there][..., :3] - canvas[here])


def overlap(
    canvas_hw: tuple[int, ...], patch_hw: tuple[int, ...], left: int, top: int
) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Slices of the canvas and of the patch whose corner lies at (left, top) where both exist.

    A patch of 10 x 10 at (-4, 0) on a larger canvas: columns 0:6 there are columns 4:10 here.
    """
    on_canvas, on_patch = [], []
    for room, extent, start in zip(canvas_hw, patch_hw, (top, left), strict=True):
        first, last = max(start, 0), max(min(start + extent, room), max(start, 0))
        on_canvas.append(slice(first, last))
        on_patch.append(slice(first - start, last - start))
    return (on_canvas[0], on_canvas[1]), (on_patch[0], on_patch[1])


class Pen:
    """Paints in a thing's own coordinates: origin in its middle, length 1 its size, y downwards.

    Args:
        size_px: length of one unit in the picture.
        degrees: clockwise turn.
        mirrored: whether left and right change places.
    """

    REACH = 0.8  # units from the origin to the edges of the sheet

    def __init__(self, size_px: float, degrees: float = 0.0, mirrored: bool = False) -> None:
        self.size_px = size_px
        self.mirrored = mirrored
        self._over = 2 if size_px > 400 else 3 if size_px > 150 else 5
        self._side = 2 * math.ceil(self.REACH * size_px + 1)
        self._sheet = Image.new("RGBA", (self._side * self._over,) * 2)
        self._draw = ImageDraw.Draw(self._sheet)
        cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
        turn = np.array([[cos, -sin], [sin, cos]]) * (size_px * self._over)
        self._matrix = turn @ np.diag([-1.0 if mirrored else 1.0, 1.0])
        self._parts: dict[str, Floats] = {}

    def fill(self, points: ArrayLike, colour: Colour) -> None:
        """Paint a polygon in one colour."""
        self._draw.polygon(self._on_sheet(points), fill=_ink(colour))

    def fade(
        self,
        points: ArrayLike,
        first: Colour,
        last: Colour,
        start: tuple[float, float],
        end: tuple[float, float],
    ) -> None:
        """Paint a polygon in a gradient from one colour at `start` to another at `end`."""
        outline = np.asarray(self._on_sheet(points))
        (left, top), (right, bottom) = outline.min(0).astype(int), outline.max(0).astype(int) + 2
        shape = Image.new("L", (right - left, bottom - top))
        ImageDraw.Draw(shape).polygon([(x - left, y - top) for x, y in outline], fill=255)
        (x0, y0), (x1, y1) = self._on_sheet([start, end])
        length = (x1 - x0) ** 2 + (y1 - y0) ** 2
        along = (np.arange(left, right) - x0)[None, :] * (x1 - x0)
        down = (np.arange(top, bottom) - y0)[:, None] * (y1 - y0)
        t = np.clip((along + down) / length, 0, 1)[..., None]
        colours = Image.fromarray(_bytes(mix(first, last, t)))
        self._sheet.paste(colours, (int(left), int(top)), shape)

    def stroke(self, points: ArrayLike, width: float, colour: Colour) -> None:
        """Paint a line, never thinner than a pixel so that it stays visible in small things."""
        thick = max(width * self.size_px, 1.1) * self._over
        path = self._on_sheet(points)
        self._draw.line(path, fill=_ink(colour), width=round(thick), joint="curve")

    def name_part(self, name: str, points: ArrayLike) -> None:
        """Remember the points as a named part of the thing."""
        self._parts[name] = np.asarray(self._on_sheet(points)) / self._over

    def lift(self, pose: str = "Unspecified", waterline: float | None = None) -> Sprite:
        """Cut the painting out of the sheet; what lies below the waterline is under water."""
        sheet = self._sheet
        if waterline is not None:
            pixels = np.array(sheet)
            column = np.arange(pixels.shape[1])
            ripple = np.sin(column / (self.size_px * self._over) * 40) * self.size_px * 0.004
            level = (self._side / 2 + waterline * self.size_px + ripple) * self._over
            pixels[np.arange(pixels.shape[0])[:, None] >= level] = 0
            sheet = Image.fromarray(pixels)
        small = sheet.reduce(self._over)
        left, top, right, bottom = small.getchannel("A").getbbox() or (0, 0, 1, 1)
        parts = {}
        for name, points in self._parts.items():
            low, high = points.min(0) - (left, top), points.max(0) - (left, top)
            parts[name] = (float(low[0]), float(low[1]), float(high[0]), float(high[1]))
        return Sprite(
            np.asarray(small.crop((left, top, right, bottom)), float) / 255,
            (left - self._side // 2, top - self._side // 2),
            pose,
            parts,
        )

    def _on_sheet(self, points: ArrayLike) -> list[tuple[float, float]]:
        placed = np.asarray(points, float) @ self._matrix.T + self._side * self._over / 2
        return [(float(x), float(y)) for x, y in placed]


def _bytes(colours: Floats) -> NDArray[np.uint8]:
    return np.round(np.clip(colours, 0, 1) * 255).astype(np.uint8)


def _ink(colour: Colour) -> tuple[int, int, int]:
    red, green, blue = (int(v) for v in _bytes(colour))
    return red, green, blue
