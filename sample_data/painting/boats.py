"""Boats: yachts, trawlers and rowing boats, cut by the wavy waterline."""

from __future__ import annotations

import numpy as np

from .palette import BLACK, WHITE, WOOD, pick
from .pen import Colour, Floats, Pen, Sprite, disc, mix, rgb, spline

PAINTWORKS = (  # hull, stripe, sail or shirt, second sail or shirt
    ("f7f7f2", "1d4e89", "fdfdf8", "f4f1e6"), ("1d3557", "e63946", "f9f5ea", "e63946"),
    ("9b2226", "f2e8cf", "f7ede2", "f4a261"), ("2a9d8f", "fefae0", "fffdf5", "2a9d8f"),
    ("283618", "fefae0", "c8553d", "bc6c25"), ("e9c46a", "264653", "fbf7ec", "e76f51"),
    ("6d597a", "eaac8b", "fff5eb", "b56576"), ("33658a", "f6ae2d", "f26419", "f6ae2d"),
)  # fmt: skip
GLASS, SPAR, SKIN = rgb("2f4f63"), rgb("6b5b4b"), rgb("e3b18f")


def boat(rng: np.random.Generator, size_px: float, sun: int) -> Sprite:
    """A sailing yacht, a fishing boat or a rowing boat."""
    build, heel, waterline = (
        (_yacht, 9, 0.455),
        (_trawler, 4, 0.235),
        (_rowing_boat, 3, 0.16),
    )[rng.choice(3, p=(0.5, 0.32, 0.18))]
    mirrored = bool(rng.random() < 0.5)
    pen = Pen(size_px, rng.uniform(-heel, heel), mirrored)
    build(pen, rng, pick(rng, PAINTWORKS), mirrored == (sun < 0))
    return pen.lift("Left" if mirrored else "Right", waterline)


def _yacht(pen: Pen, rng: np.random.Generator, paint: list[Colour], bow_lit: bool) -> None:
    hull, stripe, sail, second = paint
    foot = rng.uniform(0.2, 0.25)
    pen.stroke([(0.03, 0.36), (0.03, -0.5)], 0.012, SPAR)
    pen.stroke([(0.03, -0.47), (0.41, 0.33)], 0.003, SPAR)
    leech = spline([(0.015, -0.47), (-0.10, -0.26), (-0.24, 0.02), (-0.34, foot)], closed=False)
    near, far = (sail, sail * 0.8) if bow_lit else (sail * 0.84, sail)
    pen.fade(_to_mast(leech), near, far, (0.02, 0.1), (-0.32, 0.1))
    if rng.random() < 0.45:
        pen.fill(_to_mast(leech[(leech[:, 1] > 0.02) & (leech[:, 1] < 0.13)]), second)
    if pen.size_px > 60:
        for x, y in leech[6:-2:6]:
            pen.stroke([(0.01, y + 0.02), (x, y)], 0.0035, sail * 0.72)
    jib = spline([(0.055, -0.37), (0.14, -0.16), (0.27, 0.1), (0.38, 0.28)], closed=False)
    luff = spline([(0.38, 0.28), (0.2, 0.26), (0.075, 0.25), (0.05, 0.0)], closed=False)
    pen.fade(np.vstack([jib, luff]), second, second * 0.78, (0.3, 0.1), (0.05, 0.1))
    pen.stroke([(0.03, foot + 0.02), (-0.35, foot + 0.015)], 0.012, SPAR)
    pen.fill([(0.03, -0.5), (-0.08, -0.485), (0.03, -0.455)], stripe)
    cabin = [(-0.16, 0.36), (-0.12, 0.295), (0.1, 0.295), (0.17, 0.36)]
    pen.fade(cabin, WHITE, WHITE * 0.75, (0, 0.29), (0, 0.36))
    for x in (-0.09, -0.02, 0.05):
        pen.fill(disc((x, 0.325), 0.02, 0.011), GLASS)
    sheer = [(-0.37, 0.35), (-0.1, 0.362), (0.2, 0.35), (0.44, 0.315)]
    _hull(pen, sheer, 0.54, hull, stripe, bow_lit)


def _to_mast(leech: Floats) -> Floats:
    """The sail between a stretch of its free edge and the mast."""
    return np.vstack([leech, [(0.015, leech[-1, 1] + 0.01), (0.015, leech[0, 1])]])


def _trawler(pen: Pen, rng: np.random.Generator, paint: list[Colour], bow_lit: bool) -> None:
    hull, stripe, crate, trim = paint
    house, mast, cargo = (-0.24, 0.16, 0.27) if rng.random() < 0.5 else (0.02, -0.2, -0.33)
    pen.stroke([(mast, 0.1), (mast, -0.32)], 0.016, WOOD)
    pen.stroke([(mast, 0.0), (mast - 0.16, -0.22)], 0.011, WOOD)
    for end in (-0.44, 0.47):
        pen.stroke([(mast, -0.31), (end, 0.06)], 0.003, SPAR)
    pen.fill([(mast, -0.32), (mast - 0.09, -0.295), (mast, -0.265)], trim)

    wall = np.array([(-0.12, 0.14), (-0.11, -0.11), (0.13, -0.11), (0.16, 0.14)]) + (house, 0)
    ahead = 0.14 if bow_lit else -0.14
    pen.fade(wall, WHITE, WHITE * 0.74, (house + ahead, 0), (house - ahead, 0.05))
    window = np.array([(-0.025, -0.07), (0.032, -0.07), (0.035, 0.01), (-0.025, 0.01)])
    for x in (-0.08, 0.0, 0.075):
        pen.fill(window + (house + x, 0), GLASS)
    roof = np.array([(-0.15, -0.1), (-0.13, -0.14), (0.15, -0.14), (0.18, -0.1)])
    pen.fill(roof + (house, 0), trim * 0.92)
    funnel = np.array([(-0.1, -0.14), (-0.09, -0.23), (-0.035, -0.23), (-0.03, -0.14)])
    pen.fade(funnel + (house, 0), stripe, stripe * 0.6, (house - 0.1, 0), (house - 0.03, 0))
    box = np.array([(-0.03, 0.14), (-0.03, 0.085), (0.028, 0.085), (0.028, 0.14)])
    for x in (-0.03, 0.03):
        pen.fill(box + (cargo + x, 0), mix(crate, WOOD, 0.5))

    sheer = [(-0.47, 0.11), (-0.2, 0.135), (0.1, 0.13), (0.33, 0.08), (0.5, 0.01)]
    _hull(pen, sheer, 0.36, hull, stripe, bow_lit)
    for x in (-0.3, -0.1, 0.1):
        pen.fill(disc((x, 0.185), 0.022), BLACK * 1.6)
        pen.fill(disc((x, 0.185), 0.01), hull * 0.8)


def _rowing_boat(pen: Pen, rng: np.random.Generator, paint: list[Colour], bow_lit: bool) -> None:
    hull, stripe, first, second = paint
    crew = [(-0.1, second), (0.16, first * 0.9)] if rng.random() < 0.6 else [(0.02, second)]
    for x, shirt in crew:
        back = [(x - 0.075, 0.08), (x - 0.05, -0.08), (x + 0.03, -0.085), (x + 0.07, 0.08)]
        pen.fade(spline(back), shirt, shirt * 0.7, (x + 0.05, 0), (x - 0.06, 0))
        pen.fill(disc((x - 0.005, -0.135), 0.04, 0.046), SKIN)
        pen.fill(disc((x - 0.01, -0.165), 0.045, 0.025), mix(stripe, BLACK, 0.35))
        pen.stroke([(x, -0.04), (x + 0.1, 0.0)], 0.026, shirt * 0.85)
    sheer = [(-0.46, -0.02), (-0.2, 0.045), (0.15, 0.045), (0.38, 0.0), (0.5, -0.06)]
    _hull(pen, sheer, 0.26, hull, stripe, bow_lit)
    pen.stroke([(0.08, 0.0), (-0.2, 0.13)], 0.014, WOOD * 1.2)
    pen.fill(spline([(-0.17, 0.11), (-0.29, 0.145), (-0.3, 0.19), (-0.19, 0.145)]), WOOD * 1.2)


def _hull(
    pen: Pen,
    sheer: list[tuple[float, float]],
    keel: float,
    hull: Colour,
    stripe: Colour,
    bow_lit: bool,
) -> None:
    """A hull from its sheer line, stern first, down to the keel, with a stripe under the rail."""
    stern, bow = sheer[0], sheer[-1]
    rail = spline(sheer, closed=False)
    light, dark = (hull * 1.03, hull * 0.68) if bow_lit else (hull * 0.72, hull)
    planks = np.vstack([rail, [(bow[0] - 0.12, keel), (stern[0] + 0.05, keel)]])
    pen.fade(planks, light, dark, bow, (stern[0], keel))
    pen.fill(np.vstack([rail + (0, 0.008), rail[::-1] + (0, 0.022)]) * (0.985, 1), stripe)
    pen.stroke(rail, 0.009, hull * 0.55)
