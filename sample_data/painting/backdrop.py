"""Backgrounds, from the sky forward."""

from __future__ import annotations

import numpy as np

from .land import coast, fields, sand, sea
from .landmarks import lighthouse, parasols
from .noise import Noise
from .scene import Scene
from .sky import sky
from .weather import Weather

HORIZONS = {  # kind of background -> range of the horizon's height in the picture, from the top
    "beach": (0.42, 0.54),
    "bay": (0.42, 0.55),
    "sea": (0.36, 0.56),
    "sky": (1.1, 1.3),
    "fields": (0.62, 0.76),
}


def backdrop(rng: np.random.Generator, kind: str, weather: Weather, wh: tuple[int, int]) -> Scene:
    """Paint a background of one of the kinds in `HORIZONS`."""
    width, height = wh
    noise = Noise(rng)
    horizon = height * rng.uniform(*HORIZONS[kind])
    shore = {"beach": height * rng.uniform(0.78, 0.88), "bay": height, "sea": height}
    sun = int(rng.choice([-1, 1]))
    scene = Scene(np.zeros((height, width, 3)), weather, horizon, shore.get(kind, horizon), sun)
    sky(scene, rng, noise)
    if kind == "fields":
        fields(scene, rng, noise)
    if kind in ("beach", "bay", "sea"):
        if kind != "sea" or rng.random() < 0.5:
            coast(scene, rng, noise, high=kind == "bay")
        sea(scene, rng, noise)
    if kind == "bay":
        lighthouse(scene, rng)
    if kind == "beach":
        sand(scene, noise)
        parasols(scene, rng)
    return scene
