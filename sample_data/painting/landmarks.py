"""Things in the background that belong to no class: parasols and lighthouses."""

from __future__ import annotations

import numpy as np

from .pen import Pen, Sprite, disc, rgb
from .scene import Scene

CLOTH = (("e4572e", "fdf6e3"), ("17bebb", "fdf6e3"), ("ffc914", "2e86ab"))
ROCK = (
    (-0.5, 0.5), (-0.34, 0.38), (-0.2, 0.36), (-0.1, 0.3), (0.13, 0.31), (0.3, 0.4), (0.55, 0.5),
)  # fmt: skip


def parasols(scene: Scene, rng: np.random.Generator) -> None:
    """Up to three parasols on the sand; round and colourful, to be told from balloons."""
    width, height = scene.wh
    down = np.linspace(0, 1, 8)
    for place in rng.permutation(6)[: int(rng.integers(0, 4))]:
        pen = Pen(0.13 * height * rng.uniform(0.8, 1.15), rng.uniform(-14, 14))
        colours = [rgb(code) for code in CLOTH[rng.integers(len(CLOTH))]]
        pen.stroke([(0, -0.3), (0, 0.5)], 0.03, rgb("c9b79c"))
        rim = np.linspace(-0.48, 0.48, 7)
        for i in range(6):
            left, right = (np.stack([rim[k] * down, 0.42 * down**2 - 0.42], 1) for k in (i, i + 1))
            pen.fill(np.vstack([left, right[::-1]]), colours[i % 2] * (0.8 + 0.05 * i))
        at = (place + rng.uniform(0.2, 0.8)) / 6 * width
        _plant(scene, pen.lift(), at, scene.shore + 0.07 * height)


def lighthouse(scene: Scene, rng: np.random.Generator) -> None:
    """A striped tower on a rock at the horizon, well to the left or right."""
    width, height = scene.wh
    red, white, iron = rgb("c8443a"), rgb("f4efe6"), rgb("3a3a40")
    pen = Pen(height * rng.uniform(0.16, 0.24))
    pen.fade(ROCK, rgb("7d7468"), rgb("4d4a48"), (0, 0.3), (0, 0.5))
    levels = np.linspace(-0.3, 0.325, 6)
    for i, (top, bottom) in enumerate(zip(levels, levels[1:], strict=False)):
        upper, lower = 0.082 + 0.073 * top, 0.082 + 0.073 * bottom
        band = [(-upper, top), (upper, top), (lower, bottom), (-lower, bottom)]
        colour = white if i % 2 else red
        pen.fade(band, colour, colour * 0.7, (-0.05, 0), (0.09, 0))
    pen.fill([(-0.085, -0.3), (0.085, -0.3), (0.085, -0.32), (-0.085, -0.32)], iron)
    pen.fill([(-0.045, -0.32), (0.045, -0.32), (0.045, -0.4), (-0.045, -0.4)], rgb("ffe9a8"))
    pen.fill([(-0.06, -0.4), (0.06, -0.4), (0, -0.47)], red * 0.8)
    pen.fill(disc((0, -0.475), 0.012), iron)
    at = rng.uniform(0.06, 0.2) if rng.random() < 0.5 else rng.uniform(0.8, 0.94)
    _plant(scene, pen.lift(), at * width, scene.horizon + 0.012 * height)


def _plant(scene: Scene, sprite: Sprite, x: float, foot: float) -> None:
    """Put a landmark with the middle of its foot at (x, foot)."""
    high, wide = sprite.mask.shape
    lit = sprite.lit(np.array(scene.weather.light), rgb(scene.weather.horizon), 0.12)
    lit.paint_on(scene.canvas, round(x - wide / 2), round(foot) - high)
