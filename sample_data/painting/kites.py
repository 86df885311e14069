"""Kites: diamonds, deltas and six-cornered rokkakus, with tails."""

from __future__ import annotations

import numpy as np

from .palette import WHITE, WOOD, pick
from .pen import Colour, Pen, Sprite, disc

SILKS = (
    ("e63946", "ffd166", "118ab2", "06d6a0"), ("ff006e", "ffbe0b"), ("f15bb5", "fee440", "00bbf9"),
    ("d62828", "f77f00", "fcbf49"), ("7209b7", "4cc9f0"), ("2b9348", "f9f06b"),
    ("1d3557", "e63946", "f1faee"), ("ef476f", "073b4c", "ffd166"), ("f3722c", "577590"),
)  # fmt: skip


def kite(rng: np.random.Generator, size_px: float, sun: int) -> Sprite:
    """A kite on a slant, the half away from the sun a little darker."""
    pen = Pen(size_px, rng.uniform(-55, 55), mirrored=sun < 0)
    build = (_diamond, _delta, _rokkaku)[rng.choice(3, p=(0.5, 0.28, 0.22))]
    build(pen, rng, pick(rng, SILKS))
    return pen.lift()


def _diamond(pen: Pen, rng: np.random.Generator, silk: list[Colour]) -> None:
    wide, cross = rng.uniform(0.21, 0.27), rng.uniform(-0.32, -0.24)
    top, tip, left, right = (0.0, -0.5), (0.0, 0.1), (-wide, cross), (wide, cross)
    _tail(pen, rng, tip, 0.4, silk, int(rng.integers(3, 6)))
    for i, (a, b) in enumerate([(top, right), (right, tip), (tip, left), (left, top)]):
        colour = silk[i % len(silk)] * (1.0 if i < 2 else 0.86)
        pen.fade([(0, cross), a, b], colour * 1.08, colour * 0.82, top, tip)
    if rng.random() < 0.35:
        pen.fill(disc((0, cross), 0.085), silk[-1])
        pen.fill(disc((0, cross), 0.05), WHITE)
    pen.stroke([top, tip], 0.009, WOOD * 0.7)
    pen.stroke([left, right], 0.009, WOOD * 0.7)
    pen.stroke([top, right, tip, left, top], 0.007, silk[0] * 0.55)


def _delta(pen: Pen, rng: np.random.Generator, silk: list[Colour]) -> None:
    for x in (-0.1, 0.1):
        _tail(pen, rng, (x, 0.08), rng.uniform(0.25, 0.36), silk, 3)
    nose = (0.0, -0.28)
    sail = np.array([nose, (0.5, 0.1), (0.24, 0.075), (0.0, 0.12)])
    panel = np.array([(0.17, -0.15), (0.335, -0.025), (0.2, 0.08), (0.1, 0.09)])
    corner = np.array([(0.4, 0.025), (0.5, 0.1), (0.3, 0.08)])
    for side, shade in ((-1, 0.84), (1, 1.0)):
        tip = (0.5 * side, 0.1)
        pen.fade(sail * (side, 1), silk[0] * shade, silk[0] * shade * 0.8, nose, tip)
        pen.fill(panel * (side, 1), silk[1] * shade)
        pen.fill(corner * (side, 1), silk[-1] * shade)
        pen.stroke([nose, tip], 0.012, silk[0] * 0.5)
    pen.fill([nose, (0.05, 0.1), (0, 0.2), (-0.05, 0.1)], silk[-1] * 0.75)
    pen.stroke([nose, (0, 0.16)], 0.008, WOOD * 0.6)


def _rokkaku(pen: Pen, rng: np.random.Generator, silk: list[Colour]) -> None:
    wide = rng.uniform(0.26, 0.32)
    top, tip = (0.0, -0.44), (0.0, 0.38)
    upper_left, upper_right = (-wide, -0.22), (wide, -0.22)
    lower_left, lower_right = (-wide, 0.16), (wide, 0.16)
    corners = [top, upper_right, lower_right, tip, lower_left, upper_left]
    for start in (lower_left, lower_right):
        _tail(pen, rng, start, 0.28, silk, 2)
    pen.fade(corners, silk[0], silk[0] * 0.78, (wide, -0.4), (-wide, 0.3))
    pen.fill([top, upper_right, upper_left], silk[1])
    pen.fill([tip, lower_left, lower_right], silk[1] * 0.85)
    pen.fill(disc((0, -0.03), 0.15), silk[-1] if len(silk) > 2 else WHITE)
    pen.fill(disc((0, -0.03), 0.085), silk[0] * 0.7)
    for a, b in ((top, tip), (upper_left, upper_right), (lower_left, lower_right)):
        pen.stroke([a, b], 0.008, WOOD * 0.65)
    pen.stroke([*corners, top], 0.008, silk[0] * 0.5)


def _tail(
    pen: Pen,
    rng: np.random.Generator,
    start: tuple[float, float],
    length: float,
    silk: list[Colour],
    bows: int,
) -> None:
    """A swaying ribbon with bows."""
    down = np.linspace(0, 1, 30)
    sway = rng.uniform(0.03, 0.07) * np.sin(down * rng.uniform(5, 9) + rng.uniform(0, 3)) * down
    path = np.stack([start[0] + sway, start[1] + length * down], 1)
    pen.stroke(path, 0.008, silk[-1] * 0.7)
    bow = np.array([(0.045, -0.026), (0, 0), (0.045, 0.026)])
    for k in range(bows):
        knot = path[(k + 1) * 29 // bows]
        pen.fill(knot + bow * (-1, 1), silk[k % len(silk)])
        pen.fill(knot + bow, silk[k % len(silk)] * 0.82)
