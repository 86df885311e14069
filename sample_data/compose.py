"""Puts things into a scene, from far to near, and keeps account of what can be seen of each."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np
from annotated import CLASSES, Box, Thing
from numpy.typing import NDArray
from painting.balloons import balloon
from painting.birds import flying_bird, swimming_bird
from painting.boats import boat
from painting.kites import kite
from painting.pen import Sprite, overlap, rgb
from painting.scene import Scene
from PIL import Image, ImageFilter

PAINTERS = {
    "balloon": ("balloon", balloon),
    "flying bird": ("bird", flying_bird),
    "swimming bird": ("bird", swimming_bird),
    "boat": ("boat", boat),
    "kite": ("kite", kite),
}
AFLOAT = {"boat": 0.32, "swimming bird": 1.9}  # style -> pixels below the horizon per size pixel
SHORTEST_PX, LONGEST_PX = 5, 8  # the least that a box's shorter and longer side may measure
FLOCK_GAP_PX = 21  # birds of a flock no farther apart share one region
TRIES = 60

Corner = tuple[int, int]  # left and top, pixels


@dataclass(frozen=True)
class Wish:
    """An object that a picture should hold."""

    style: str
    size_px: float
    hazy: bool = False


@dataclass(eq=False)
class Placed:
    """An object in the picture, whose visible mask shrinks as others are put before it.

    shown_px: pixels of it inside the picture before anything covered it
    keep:     share of these that must remain visible
    """

    thing: Thing
    shown_px: int
    keep: float


@dataclass(eq=False)
class Composition:
    """A scene being filled."""

    scene: Scene
    rng: np.random.Generator
    placed: list[Placed] = field(default_factory=list)

    @property
    def things(self) -> tuple[Thing, ...]:
        """What has been put in so far, farthest first."""
        return tuple(placed.thing for placed in self.placed)

    def put(self, wish: Wish) -> None:
        """Paint an object where it fits; it is left out if no place is found.

        Some are cut by the border and some cover an earlier one in part; all others keep clear.
        """
        class_name, paint = PAINTERS[wish.style]
        sprite = paint(self.rng, wish.size_px, self.scene.sun)
        cut_off = not wish.hazy and bool(self.rng.random() < 0.13)
        cover = None
        if self.placed and self.rng.random() < 0.3:
            cover = self.placed[self.rng.integers(len(self.placed))]
        for attempt in range(TRIES):
            if attempt == TRIES // 2:
                cut_off, cover = False, None
            left, top = self._spot(wish, sprite, cut_off, cover)
            mask = np.zeros(self.scene.canvas.shape[:2], bool)
            here, there = overlap(mask.shape, sprite.mask.shape, left, top)
            mask[here] = sprite.mask[there]
            inside = mask.sum() / sprite.mask.sum()
            in_place = 0.4 < inside <= 0.93 if cut_off else inside == 1
            if in_place and _is_large_enough(mask) and self._leaves_room(mask, cover):
                thing = Thing(
                    CLASSES.index(class_name),
                    mask,
                    pose=sprite.pose,
                    truncated=cut_off,
                    difficult=wish.hazy,
                )
                part = _part(sprite, thing.box, left, top)
                self._add(replace(thing, part=part), keep=0.9 if wish.hazy else 0.5)
                self._paint(wish, sprite, left, top)
                return

    def put_flock(self) -> None:
        """Paint a far-off flock of birds, one crowd: the birds and the gaps between neighbours."""
        width, height = self.scene.wh
        sky = min(self.scene.horizon, height)
        spread = self.rng.uniform((0.08, 0.03), (0.11, 0.05)) * (width, height)
        middle = self.rng.uniform((0.3, 0.4), (0.7, 0.7)) * (width, sky)
        light = np.array(self.scene.weather.light) * 0.7
        haze = rgb(self.scene.weather.horizon)
        birds = np.zeros((height, width), bool)
        for _ in range(int(self.rng.integers(45, 75))):
            sprite = flying_bird(self.rng, self.rng.uniform(7, 12), self.scene.sun)
            x, y = middle + np.clip(self.rng.normal(0, 1, 2), -2, 2) * spread
            here, there = overlap(birds.shape, sprite.mask.shape, round(x), round(y))
            birds[here] |= sprite.mask[there]
            sprite.lit(light, haze, 0.2).paint_on(self.scene.canvas, round(x), round(y))
        closed = Image.fromarray(birds).convert("L")
        closed = closed.filter(ImageFilter.MaxFilter(FLOCK_GAP_PX))
        closed = closed.filter(ImageFilter.MinFilter(FLOCK_GAP_PX))
        region = np.asarray(closed) > 0
        self._add(Thing(CLASSES.index("bird"), region, crowd=True), keep=0.85)

    def _spot(self, wish: Wish, sprite: Sprite, cut_off: bool, cover: Placed | None) -> Corner:
        """Left and top for a sprite: in the air, or on the water as near as its size says."""
        rng, horizon = self.rng, self.scene.horizon
        width, height = self.scene.wh
        high, wide = sprite.mask.shape
        floor = min(height, horizon + 0.2 * max(height - horizon, 0))
        room = floor - high if floor > high else height - high
        left, top = rng.uniform(0, width - wide), rng.uniform(0.02, 0.98) * room
        if cover is not None:
            x1, y1, x2, y2 = cover.thing.box
            left = rng.uniform(x1 - 0.7 * wide, x2 - 0.3 * wide)
            top = rng.uniform(y1 - 0.7 * high, y2 - 0.3 * high)
        if cut_off:
            outside = rng.uniform(0.12, 0.5)
            if rng.random() < 0.6 or wish.style in AFLOAT:
                left = -outside * wide if rng.random() < 0.5 else width - (1 - outside) * wide
            else:
                top = -outside * high if rng.random() < 0.6 else height - (1 - outside) * high
        if wish.style in AFLOAT:
            below = max(3.0, AFLOAT[wish.style] * wish.size_px * rng.uniform(0.8, 1.5))
            top = min(horizon + below, self.scene.shore - 0.06 * height) - high
        return round(left), round(top)

    def _leaves_room(self, mask: NDArray[np.bool_], cover: Placed | None) -> bool:
        """Whether `cover` would be covered in part and enough of it seen, all others untouched."""
        for other in self.placed:
            hidden = int((other.thing.mask & mask).sum())
            if other is not cover:
                if hidden:
                    return False
                continue
            rest = other.thing.mask & ~mask
            enough = rest.sum() >= other.keep * other.shown_px and _is_large_enough(rest)
            if hidden < 0.08 * other.shown_px or not enough:
                return False
        return True

    def _add(self, thing: Thing, keep: float) -> None:
        for other in self.placed:
            other.thing = replace(other.thing, mask=other.thing.mask & ~thing.mask)
        self.placed.append(Placed(thing, int(thing.mask.sum()), keep))

    def _paint(self, wish: Wish, sprite: Sprite, left: int, top: int) -> None:
        """Paint a sprite, the smaller the hazier, and its reflection if it floats."""
        haze = 0.7 if wish.hazy else max(0.0, 0.34 - wish.size_px / 250)
        weather = self.scene.weather
        lit = sprite.lit(np.array(weather.light), rgb(weather.horizon), haze)
        if wish.style in AFLOAT:
            below = top + sprite.mask.shape[0]
            _reflection(lit).paint_on(self.scene.canvas, left, below)
        lit.paint_on(self.scene.canvas, left, top)


def _is_large_enough(mask: NDArray[np.bool_]) -> bool:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not rows.size:
        return False
    sides = int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1
    return min(sides) >= SHORTEST_PX and max(sides) >= LONGEST_PX


def _part(sprite: Sprite, hull: Box, left: int, top: int) -> tuple[str, Box] | None:
    """The sprite's named part, if any, with its box in the picture, inside the thing's own."""
    for name, (x1, y1, x2, y2) in sprite.parts.items():
        low = max(math.floor(left + x1), hull[0]), max(math.floor(top + y1), hull[1])
        high = min(math.ceil(left + x2), hull[2]), min(math.ceil(top + y2), hull[3])
        if low[0] < high[0] and low[1] < high[1]:
            return name, (*low, *high)
    return None


def _reflection(sprite: Sprite) -> Sprite:
    """The sprite's faint mirror image in the water: upside down, squeezed, rippled."""
    rgba = sprite.rgba[::-2].copy()
    for row in range(len(rgba)):
        rgba[row] = np.roll(rgba[row], round(1.5 * math.sin(row * 1.3)), axis=0)
    rgba[..., :3] *= 0.7
    rgba[..., 3] *= np.linspace(0.42, 0, len(rgba))[:, None]
    return replace(sprite, rgba=rgba)
