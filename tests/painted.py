"""Painted truth: what is visible of an object, found by looking at points, with none of survival's geometry.

Every canvas is sampled at a fine grid. A point belongs to the last tile of a layer whose outline holds it;
the tile's inverse matrix takes it into the picture; an object holds it or not. Slow, and hard to get wrong.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from arrays import affine, cut_to

from datapipe.augment.plan import Layer, Picture, Plan, Tile, whole
from datapipe.objects import Objects

COLOURS = [(230, 25, 75), (60, 180, 75), (0, 130, 200), (245, 130, 48), (145, 30, 180), (70, 240, 240)]


@dataclass(eq=False)
class Thing:
    """An object with its true shape in px of its picture.

    kind:  "box" or "ellipse" (in xyxy), or "rings" (a polygon that the source knows)
    more:  other columns of `Objects`: ignore, crowd, class_id, weight, area, object_id
    """

    xyxy: tuple[float, float, float, float]
    kind: str = "box"
    rings: tuple[np.ndarray, ...] = ()
    more: dict[str, Any] = field(default_factory=dict)

    def holds(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Which points lie in the shape."""
        x1, y1, x2, y2 = self.xyxy
        if self.kind == "box":
            return (x >= x1) & (x < x2) & (y >= y1) & (y < y2)
        if self.kind == "ellipse":
            u, v = (2 * x - x1 - x2) / (x2 - x1), (2 * y - y1 - y2) / (y2 - y1)
            return u * u + v * v < 1
        return np.any([_odd(ring, x, y) for ring in self.rings], axis=0)

    def area(self) -> float:
        """In px² of its picture."""
        x1, y1, x2, y2 = self.xyxy
        if self.kind == "rings":
            return sum(map(_shoelace, self.rings))
        return (x2 - x1) * (y2 - y1) * (math.pi / 4 if self.kind == "ellipse" else 1)


def polygon(*rings: Any, **more: Any) -> Thing:
    """A thing with a polygon; its box is the polygon's hull."""
    found = tuple(np.asarray(ring, np.float32).reshape(-1, 2) for ring in rings)
    points = np.concatenate(found)
    return Thing((*points.min(axis=0).tolist(), *points.max(axis=0).tolist()), "rings", found, more)


def star(rng: np.random.Generator, xyxy: Sequence[float], points: int = 9) -> Thing:
    """A polygon with dents, in a box, clockwise or not."""
    x1, y1, x2, y2 = xyxy
    turn = (np.arange(points) + rng.uniform(0, 0.8, points)) / points * 2 * math.pi
    far = rng.uniform(0.2, 1, points)
    x = (x1 + x2) / 2 + (x2 - x1) / 2 * far * np.cos(turn)
    y = (y1 + y2) / 2 + (y2 - y1) / 2 * far * np.sin(turn)
    ring = np.stack([x, y], axis=1)
    return polygon(ring if rng.random() < 0.5 else ring[::-1])


@dataclass(eq=False)
class Scene:
    """Pictures of things, by number."""

    things: dict[int, list[Thing]]
    wh: dict[int, tuple[int, int]]

    @property
    def sources(self) -> dict[int, Objects]:
        """As `survive` wants them."""
        return {number: objects(things) for number, things in self.things.items()}

    def picture(self, number: int) -> Picture:
        """As plans want it."""
        found = objects(self.things[number])
        return Picture(number, self.wh[number], found.xyxy, found.ignore)

    def pixels(self, number: int) -> np.ndarray:
        """(H, W, 3) uint8 RGB: each thing in a colour of its own on black, the later over the earlier."""
        w, h = self.wh[number]
        y, x = np.mgrid[0:h, 0:w] + 0.5
        out = np.zeros((h, w, 3), np.uint8)
        for i, thing in enumerate(self.things[number]):
            out[thing.holds(x, y)] = COLOURS[i % len(COLOURS)]
        return out


def scene(*pictures: Sequence[Thing], wh: tuple[int, int] = (64, 48)) -> Scene:
    """Pictures numbered from 0, all of one size."""
    return Scene(
        {i: list(things) for i, things in enumerate(pictures)}, dict.fromkeys(range(len(pictures)), wh)
    )


def objects(things: Sequence[Thing]) -> Objects:
    """The annotations of some things: boxes, and polygons where the thing has rings."""
    defaults = {"ignore": False, "crowd": False, "weight": 1.0, "object_id": ""}
    rows = [defaults | thing.more for thing in things]
    return Objects.of(
        np.array([thing.xyxy for thing in things], np.float32).reshape(-1, 4),
        np.array([row.get("class_id", 0) for row in rows], np.int32),
        ignore=np.array([row["ignore"] for row in rows], np.bool_),
        crowd=np.array([row["crowd"] for row in rows], np.bool_),
        weight=np.array([row["weight"] for row in rows], np.float32),
        object_id=tuple(row["object_id"] for row in rows),
        polygons=tuple(thing.rings for thing in things),
    )


@dataclass(eq=False)
class Seen:
    """What the paint shows of one object in one tile.

    xyxy:     px, of the grid cells whose middle shows it; None where none does
    fraction: of its whole area
    points:   (P, 2) px, the middles that show it
    """

    xyxy: tuple[float, float, float, float] | None
    fraction: float
    points: np.ndarray


def painted(plan: Plan, scene: Scene, per_px: int = 4) -> dict[tuple[int, int], Seen]:
    """What is visible of every object: (number of the tile in `plan.tiles`, row in its picture) -> seen.

    Args:
        plan: finished or not; what lies off the canvas is not visible.
        scene: the things in its pictures.
        per_px: grid points per pixel and axis.
    """
    h, w = plan.hw
    y, x = (np.mgrid[0 : h * per_px, 0 : w * per_px] + 0.5) / per_px
    cell, found = 0.5 / per_px, {}
    for (tile, row), mask in shown(plan, scene, x, y).items():
        points = np.stack([x[mask], y[mask]], axis=1)
        box = (*(points.min(axis=0) - cell), *(points.max(axis=0) + cell)) if len(points) else None
        thing = scene.things[plan.tiles[tile].picture.number][row]
        whole = whole_area(thing, plan.tiles[tile].matrix)
        found[tile, row] = Seen(box, len(points) / per_px**2 / whole, points)
    return found


def shown(
    plan: Plan, scene: Scene, x: np.ndarray, y: np.ndarray, only: tuple[int, int] | None = None
) -> dict[tuple[int, int], np.ndarray]:
    """Which points of the canvas show each object, or one of them, as `painted` names them."""
    found = {}
    number = 0
    for layer in plan.layers:
        top = np.full(x.shape, -1)
        for i, tile in enumerate(layer.tiles):
            top[_within(tile.visible, x, y)] = number + i
        for tile in layer.tiles:
            own = top == number
            u, v = _through(np.linalg.inv(tile.matrix), x[own], y[own])
            for row, thing in enumerate(scene.things[tile.picture.number]):
                if only not in (None, (number, row)):
                    continue
                mask = np.zeros(x.shape, bool)
                mask[own] = thing.holds(u, v)
                found[number, row] = mask
            number += 1
    return found


def whole_area(thing: Thing, matrix: np.ndarray, points: int = 120) -> float:
    """Area in px² of a thing on an endless canvas; in perspective from points, each with its local scale."""
    x1, y1, x2, y2 = thing.xyxy
    scale = abs(np.linalg.det(matrix))
    if not matrix[2, :2].any():
        return float(scale) * thing.area()
    share = (np.arange(points) + 0.5) / points
    x, y = np.meshgrid(x1 + (x2 - x1) * share, y1 + (y2 - y1) * share)
    depth = matrix[2, 0] * x + matrix[2, 1] * y + matrix[2, 2]
    return float((scale / depth**3 * thing.holds(x, y)).sum()) * (x2 - x1) * (y2 - y1) / points**2


def _through(matrix: np.ndarray, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    u, v, w = (row[0] * x + row[1] * y + row[2] for row in matrix)
    return u / w, v / w


def _within(outline: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Points on the right hand of every edge of a clockwise outline."""
    inside = np.ones(x.shape, bool)
    for (x0, y0), (x1, y1) in zip(outline, np.roll(outline, -1, axis=0), strict=True):
        inside &= (x1 - x0) * (y - y0) - (y1 - y0) * (x - x0) >= 0
    return inside


def _shoelace(ring: np.ndarray) -> float:
    x, y = ring.astype(float).T
    return abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2


def _odd(ring: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Points with an odd number of edges to their left (the rule of every fill)."""
    odd = np.zeros(x.shape, bool)
    for (x0, y0), (x1, y1) in zip(ring.astype(float), np.roll(ring, -1, axis=0).astype(float), strict=True):
        if y0 != y1:
            odd ^= ((y0 <= y) != (y1 <= y)) & (x0 + (y - y0) * (x1 - x0) / (y1 - y0) < x)
    return odd


# Random scenes and plans.


def random_scene(rng: np.random.Generator, kinds: Sequence[str], pictures: int = 3, things: int = 4) -> Scene:
    """Pictures of 16 to 60 px with things of the given kinds, some of them at the border."""
    wh = {i: tuple(rng.integers(16, 61, 2).tolist()) for i in range(pictures)}
    return Scene({i: [random_thing(rng, wh[i], kinds) for _ in range(things)] for i in wh}, wh)


def random_thing(rng: np.random.Generator, wh: tuple[int, int], kinds: Sequence[str]) -> Thing:
    """A thing inside the picture, of 3 px or more."""
    sides = rng.uniform(3, np.array(wh) * 0.7)
    corner = rng.uniform(-0.2, 1.2, 2).clip(0, 1) * (wh - sides)
    xyxy = np.concatenate([corner, corner + sides]).astype(np.float32).clip(0, [*wh, *wh])
    kind = str(rng.choice(list(kinds)))
    return star(rng, xyxy) if kind == "rings" else Thing(tuple(xyxy.tolist()), kind)


def random_matrix(
    rng: np.random.Generator, motion: str, wh: tuple[int, int], hw: tuple[int, int]
) -> np.ndarray:
    """A picture to somewhere on the canvas.

    motion: "upright" (scale, shift, mirror, turns by 90), "moderate" (10 degrees), "any" (turn and shear),
            "perspective"
    """
    scale = rng.uniform(0.5, 1.6, 2) * rng.choice([-1, 1], 2)
    turn = {"upright": math.pi / 2 * rng.integers(4), "moderate": math.radians(rng.uniform(-10, 10))}.get(
        motion, rng.uniform(0, 2 * math.pi)
    )
    shear = rng.uniform(-0.4, 0.4) if motion in ("any", "perspective") else 0.0
    c, s = math.cos(turn), math.sin(turn)
    linear = np.array([[c, -s], [s, c]]) @ [[1, shear], [0, 1]] @ np.diag(scale)
    at = rng.uniform(-0.1, 1.1, 2) * hw[::-1]
    shift = at - linear @ np.array(wh) / 2
    matrix = affine(*linear[0], shift[0], *linear[1], shift[1])
    if motion == "perspective":
        matrix[2, :2] = rng.uniform(-0.3, 0.3, 2) / wh
    return matrix


def random_plan(
    rng: np.random.Generator, scene: Scene, motion: str, hw: tuple[int, int] = (32, 40), tiles: int = 3
) -> Plan:
    """One or two layers of tiles at random places, cut to random cells, some overlapping; finished."""
    layers = []
    for _ in range(int(rng.integers(1, 3))):
        own = []
        for _ in range(int(rng.integers(1, tiles + 1))):
            picture = scene.picture(int(rng.choice(list(scene.wh))))
            tile = whole(picture, random_matrix(rng, motion, picture.wh, hw))
            if rng.random() < 0.5:
                (x1, x2), (y1, y2) = (np.sort(rng.uniform(-0.2, 1.2, 2)) * side for side in hw[::-1])
                tile = Tile.of(picture, tile.matrix, cut_to(tile.visible, (x1, y1, x2, y2)))
            own += [tile] if len(tile.visible) else []
        layers.append(Layer(tuple(own), weight=float(rng.uniform(0.2, 1))))
    plan = Plan(hw, tuple(layers))
    if motion != "upright" and rng.random() < 0.5:
        plan = plan.moved(_about_centre(rng.uniform(-0.17, 0.17), hw))
    return plan.finished()


def _about_centre(turn: float, hw: tuple[int, int]) -> np.ndarray:
    y, x = (side / 2 for side in hw)
    c, s = math.cos(turn), math.sin(turn)
    return affine(c, -s, x - c * x + s * y, s, c, y - s * x - c * y)
