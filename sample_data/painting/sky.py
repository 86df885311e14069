"""Skies: the gradient, the sun, high streaks, heaped clouds."""

from __future__ import annotations

import numpy as np

from .noise import Noise, smooth
from .pen import mix, rgb
from .scene import Scene, grid, lay


def sky(scene: Scene, rng: np.random.Generator, noise: Noise) -> None:
    """Fill the whole canvas with sky."""
    weather, canvas, horizon = scene.weather, scene.canvas, scene.horizon
    width, height = scene.wh
    x, y = grid(canvas)
    rise = np.clip(1 - y / horizon, 0, 1)
    canvas[:] = mix(rgb(weather.horizon), rgb(weather.zenith), (rise**0.75)[..., None])

    sun_x = width * (0.5 + scene.sun * rng.uniform(0.18, 0.45))
    sun_y = horizon * rng.uniform(0.25, 0.85)
    away = np.hypot(x - sun_x, y - sun_y) / max(width, height)
    lay(canvas, rgb(weather.sun), 0.65 * np.exp(-away * 6))
    if rng.random() < 0.4:
        lay(canvas, rgb(weather.sun), smooth(0.034, 0.030, away))

    nearness = (horizon - y) / height + 0.12
    u, v = (x - width / 2) / width / nearness * 1.3, 1.6 / nearness
    streaks = smooth(0.0, 0.9, noise(u + 9, v + 5, 4) + rng.uniform(-0.15, 0.3))
    lay(canvas, rgb(weather.cloud), 0.6 * streaks * smooth(0.0, 0.25, rise))
    for _ in range(int(rng.integers(1, 6))):
        _heap_cloud(scene, rng, noise)


def _heap_cloud(scene: Scene, rng: np.random.Generator, noise: Noise) -> None:
    """One heaped cloud: round puffs over a flat foot, lit from the sun's side."""
    width, height = scene.wh
    foot = rng.uniform(0.15, 0.9) * min(scene.horizon, height)
    span = rng.uniform(0.3, 0.8) * width * (1.15 - foot / scene.horizon)
    middle = rng.uniform(0, width)
    left, top = max(int(middle - span), 0), max(int(foot - 0.45 * span), 0)
    window = scene.canvas[top : int(foot + 0.06 * span) + 2, left : int(middle + span) + 1]
    x, y = grid(window)
    x, y = x + left - middle, y + top - foot

    puffs = np.full(window.shape[:2], -1.0)
    for at in rng.normal(0, 0.25, 9):
        radius = span * rng.uniform(0.1, 0.2) * (1 - min(abs(at), 0.7))
        distance = np.hypot(x - at * span, (y + radius * 0.5) * 1.25)
        puffs = np.maximum(puffs, 1 - distance / radius)
    fluff = noise(x / span * 9 + 50, y / span * 9 + 70, 4)
    cover = smooth(0.0, 0.35, puffs + 0.38 * fluff)
    cover = cover * smooth(0.05 * span, -0.04 * span, y)
    lit = 0.35 - 2.5 * y / span + 0.4 * scene.sun * x / span + 0.35 * fluff
    shade, light = rgb(scene.weather.cloud_shade), rgb(scene.weather.cloud)
    lay(window, mix(shade, light, np.clip(lit, 0, 1)[..., None]), cover * 0.92)
