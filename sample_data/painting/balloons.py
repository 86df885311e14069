"""Hot-air balloons."""

from __future__ import annotations

import numpy as np

from .palette import WOOD, pick
from .pen import Colour, Pen, Sprite, disc, rgb

CLOTHS = (
    ("d7263d", "f7f3e3"), ("f46036", "ffd166", "c1121f"), ("1b998b", "fffd82", "ff9b71"),
    ("2e294e", "f3a712", "e4572e"), ("0081a7", "fdfcdc", "f07167"), ("7b2d8b", "f9c80e"),
    ("e63946", "f1faee", "457b9d"), ("ffbe0b", "fb5607", "ff006e", "8338ec", "3a86ff"),
    ("386641", "f2e8cf", "bc4749"), ("3d405b", "f4f1de", "e07a5f"),
)  # fmt: skip
PATTERNS = ("gores", "rings", "spiral", "zigzag", "belt")
BANDS = 22  # rings of cloth from the top to the mouth
MOUTH = 0.27  # y of the mouth


def balloon(rng: np.random.Generator, size_px: float, sun: int) -> Sprite:
    """A hot-air balloon with its basket and two travellers."""
    pen = Pen(size_px, rng.uniform(-8, 8))
    colours = pick(rng, CLOTHS)
    _envelope(pen, rng, colours, sun)
    for x in (-0.055, -0.02, 0.02, 0.055):
        pen.stroke([(x, 0.30), (x * 0.9, 0.41)], 0.006, rgb("4a3b2f"))
    for x, shirt in ((-0.022, colours[-1]), (0.02, colours[0])):
        pen.fill(disc((x, 0.408), 0.014, 0.022), shirt * 0.9)
        pen.fill(disc((x, 0.382), 0.011), rgb("e8b796"))
    basket = [(-0.055, 0.41), (0.055, 0.41), (0.046, 0.5), (-0.046, 0.5)]
    pen.fade(basket, WOOD * 1.15, WOOD * 0.65, (0.05 * sun, 0.4), (-0.05 * sun, 0.5))
    if size_px > 90:
        for y in (0.435, 0.46, 0.485):
            pen.stroke([(-0.05, y), (0.05, y)], 0.004, WOOD * 0.6)
    pen.stroke([(-0.058, 0.412), (0.058, 0.412)], 0.012, WOOD * 0.55)
    return pen.lift("Frontal")


def _envelope(pen: Pen, rng: np.random.Generator, colours: list[Colour], sun: int) -> None:
    """A round top on a cone, sewn of puffed gores, each patch lit by the way it faces."""
    light = np.array([0.6 * sun, -0.5, 0.62])
    pattern = str(rng.choice(PATTERNS))
    y = np.linspace(-0.5, MOUTH, 2 * BANDS + 1)
    top = np.sqrt(np.clip(0.36**2 - (y + 0.14) ** 2, 0, None))
    radius = np.where(y < -0.14, top, 0.36 * np.cos((y + 0.14) / 0.41 * 1.36))
    slope = np.gradient(radius, y)

    strips = 3 * int(rng.choice([12, 16, 20]))
    edges = rng.uniform(0, 2 * np.pi) + np.arange(strips + 1) * 2 * np.pi / strips
    for i, (start, end) in enumerate(zip(edges, edges[1:], strict=False)):
        middle = (start + end) / 2
        if np.cos(middle) < -0.1:  # on the far side
            continue
        left, right = np.sin(start), np.sin(end)
        puff = 1.0 if i % 3 == 1 else 0.93
        for j in range(2 * BANDS):
            normal = np.array([np.sin(middle), -slope[j], np.cos(middle)])
            shine = max(0.0, float(normal @ light / np.hypot(1, slope[j])))
            cloth = _cloth(pattern, colours, i // 3, j // 2)
            colour = cloth * (0.52 + 0.55 * shine) * puff + 0.10 * shine**6
            upper, lower = (left * radius[j], y[j]), (left * radius[j + 1], y[j + 1])
            pen.fill([upper, (right * radius[j], y[j]), (right * radius[j + 1], y[j + 1]), lower],
                     colour)  # fmt: skip
    rim = float(radius[-1])
    skirt = [(-rim, MOUTH), (rim, MOUTH), (0.06, MOUTH + 0.04), (-0.06, MOUTH + 0.04)]
    pen.fill(skirt, colours[0] * 0.45)


def _cloth(pattern: str, colours: list[Colour], gore: int, band: int) -> Colour:
    """Colour of one patch, counted around and from the top down."""
    if pattern == "belt":
        belt = colours[1:]
        return belt[(gore + band // 2) % len(belt)] if 7 <= band < 13 else colours[0]
    index = {
        "gores": gore,
        "rings": band // 4,
        "spiral": gore + band // 3,
        "zigzag": band // 3 + abs(gore % 4 - 2),
    }[pattern]
    return colours[index % len(colours)]
