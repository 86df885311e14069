"""Gulls and their relatives: flying past, gliding towards us, at rest on the water."""

from __future__ import annotations

import numpy as np

from .palette import BLACK, WHITE, pick
from .pen import Colour, Pen, Sprite, disc, mix, spline

PLUMAGES = (  # body, wing, wing tip, bill
    ("fbfbf7", "aeb8c4", "30343b", "f2a541"), ("f4f4f2", "c9d1d9", "4a4e57", "d1495b"),
    ("3a3d45", "2a2c33", "17181c", "d9a441"), ("8d7660", "6d5a49", "3f342b", "5c5048"),
    ("f7d6d0", "ee9ca7", "33262b", "3b3136"), ("32506e", "243b55", "131f30", "e0c097"),
)  # fmt: skip
FLYING_TRUNK = spline((
    (0.27, -0.03), (0.22, -0.075), (0.15, -0.065), (0.02, -0.055), (-0.13, -0.03), (-0.24, 0.0),
    (-0.13, 0.045), (0.02, 0.075), (0.15, 0.06), (0.25, 0.015),
))  # fmt: skip
SWIMMING_TRUNK = spline((
    (0.40, -0.36), (0.33, -0.42), (0.24, -0.40), (0.19, -0.30), (0.15, -0.16), (0.0, -0.10),
    (-0.2, -0.10), (-0.42, -0.08), (-0.34, 0.1), (-0.1, 0.2), (0.15, 0.2), (0.34, 0.06),
    (0.37, -0.1), (0.34, -0.24), (0.40, -0.30),
))  # fmt: skip
FOLDED_WING = spline((
    (0.2, -0.08), (0.0, -0.12), (-0.3, -0.09), (-0.47, -0.11), (-0.28, 0.03), (-0.02, 0.1),
    (0.17, 0.05),
))  # fmt: skip


def flying_bird(rng: np.random.Generator, size_px: float, sun: int) -> Sprite:
    """A bird in the air, seen from its side or from the front."""
    if rng.random() < 0.4:
        return _gliding_bird(rng, size_px)
    mirrored = bool(rng.random() < 0.5)
    pen = Pen(size_px, rng.uniform(-22, 22), mirrored)
    body, wing, tip, bill = pick(rng, PLUMAGES)
    lift = -float(rng.choice([-0.7, 0.6, 0.8, 1.0])) * rng.uniform(0.85, 1.1)

    _raised_wing(pen, (0.12, 0.86 * lift), [body * 0.72, wing * 0.72, tip * 0.72])
    pen.fill([(-0.15, -0.02), (-0.33, -0.03), (-0.31, 0.02), (-0.34, 0.05), (-0.14, 0.04)], tip)
    pen.fade(FLYING_TRUNK, body, body * 0.72, (0.1, -0.03), (0.1, 0.08))
    pen.fill([(0.26, -0.04), (0.35, 0.0), (0.255, 0.008)], bill)
    _eye(pen, (0.232, -0.032), 0.011, body)
    pen.name_part("head", [(0.16, -0.075), (0.35, 0.02)])
    shade = 1.0 if mirrored == (sun < 0) else 0.9
    _raised_wing(pen, (0.0, lift), [body * shade, wing * shade, tip * shade])
    return pen.lift("Left" if mirrored else "Right")


def swimming_bird(rng: np.random.Generator, size_px: float, sun: int) -> Sprite:
    """A bird at rest on the water."""
    mirrored = bool(rng.random() < 0.5)
    pen = Pen(size_px, rng.uniform(-3, 3), mirrored)
    body, wing, tip, bill = pick(rng, PLUMAGES)
    shade = 1.0 if mirrored == (sun < 0) else 0.93
    pen.fill([(-0.3, -0.02), (-0.5, -0.1), (-0.46, -0.02), (-0.3, 0.08)], tip)
    pen.fade(SWIMMING_TRUNK, body * shade, body * 0.7, (0, -0.2), (0, 0.18))
    pen.fade(FOLDED_WING, wing * 1.05, wing * 0.8, (0, -0.1), (0, 0.1))
    pen.fill([(-0.2, -0.07), (-0.49, -0.12), (-0.28, -0.01)], tip)
    pen.fill([(0.385, -0.37), (0.52, -0.31), (0.39, -0.295)], bill)
    _eye(pen, (0.335, -0.345), 0.017, body)
    pen.name_part("head", [(0.2, -0.43), (0.52, -0.27)])
    return pen.lift("Left" if mirrored else "Right", waterline=0.13)


def _gliding_bird(rng: np.random.Generator, size_px: float) -> Sprite:
    pen = Pen(size_px, rng.uniform(-28, 28))
    body, wing, tip, bill = pick(rng, PLUMAGES)
    bend, droop = rng.uniform(0.08, 0.2), rng.uniform(-0.06, 0.14)
    front = [(0.02, -0.05), (0.12, -0.05 - 0.7 * bend), (0.24, -0.04 - bend), (0.5, droop)]
    rear = [(0.34, 0.3 * droop - 0.35 * bend), (0.2, 0.06 - 0.6 * bend), (0.03, 0.05)]
    outline = spline(front + rear, steps=8)
    for side in (-1, 1):
        pen.fade(outline * (side, 1), body * 0.93, wing, (0, 0), (0.34 * side, -0.05))
        pen.fill(outline[outline[:, 0] > 0.385] * (side, 1), tip)
        for k in np.linspace(0.1, 0.9, 7) if size_px > 90 else ():
            root, end = mix(front[1], front[2], k), mix((0.06, 0.05), rear[0], k)
            quill = np.stack([mix(root, end, 0.55), mix(root, end, 0.88)])
            pen.stroke(quill * (side, 1), 0.004, wing * 0.82)
        pen.stroke(spline(front, closed=False) * (side, 1), 0.010, wing * 0.75)
    tail = [(-0.05, 0.04), (0.05, 0.04), (0.07, 0.13), (0, 0.11), (-0.07, 0.13)]
    pen.fill(tail, mix(wing, tip, 0.35))
    pen.fade(disc((0, 0.0), 0.055, 0.095), body, body * 0.75, (0, -0.05), (0, 0.1))
    head = disc((0, -0.08), 0.042)
    pen.fill(head, body)
    pen.name_part("head", head)
    pen.fill([(-0.012, -0.088), (0.012, -0.088), (0.0, -0.05)], bill)
    for x in (-0.021, 0.021):
        _eye(pen, (x, -0.09), 0.006, body)
    return pen.lift("Frontal")


def _raised_wing(pen: Pen, place: tuple[float, float], colours: list[Colour]) -> None:
    """A wing rooted at x, its tip at about 0.6 lift: up where the lift is negative."""
    x, lift = place
    body, wing, tip = colours
    front = [(0.12 + x, -0.03), (0.17 + x, 0.24 * lift), (0.02 + x, 0.50 * lift)]
    end = [(-0.12 + x, 0.62 * lift), (-0.10 + x, 0.40 * lift)]
    outline = spline([*front, *end, (-0.07 + x, 0.18 * lift), (-0.10 + x, 0.0)], steps=8)
    pen.fade(outline, body, wing, (0, 0), (0, 0.34 * lift))
    pen.fill(outline[outline[:, 1] / lift > 0.43], tip)
    if pen.size_px > 70:
        for k in (0.12, 0.19, 0.26, 0.33):
            pen.stroke([(0.03 + x, k * lift), (-0.055 + x, (k + 0.05) * lift)], 0.004, wing * 0.85)


def _eye(pen: Pen, centre: tuple[float, float], radius: float, body: Colour) -> None:
    pen.fill(disc(centre, radius * 1.35), mix(body, WHITE, 0.55))
    pen.fill(disc(centre, radius), BLACK)
