"""Matrices and convex outlines of the plane in plain floats.

Planning holds Python's one lock while decoding and warping run beside it. So it counts in plain floats:
NumPy's calls cost more than the arithmetic on nine numbers or four corners.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

Nine = tuple[float, float, float, float, float, float, float, float, float]
"""A 3x3 matrix, row by row."""
Points = Sequence[tuple[float, float]]
"""(x, y) of the corners of a ring; an outline is convex and clockwise on the screen."""
Edges = tuple[float, float, float, float]
"""x1, y1, x2, y2 in px; an infinite one is no edge at all."""

ONE_POINT_PX = 1e-9
"""Cuts that meet in a corner give it twice, and an edge without a length has no direction."""


SAME: Nine = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
"""The matrix that moves nothing."""


def affine(a: float, b: float, c: float, d: float, e: float, f: float) -> Nine:
    """The matrix of x' = a x + b y + c, y' = d x + e y + f."""
    return a, b, c, d, e, f, 0.0, 0.0, 1.0


def rectangle(xyxy: Sequence[float]) -> Points:
    """The outline of a box: left top, right top, right bottom, left bottom."""
    x1, y1, x2, y2 = xyxy
    return [(x1, y1), (x2, y1), (x2, y2), (x1, y2)]


def nine(matrix: Nine | ArrayLike) -> Nine:
    """A (3, 3) matrix in plain floats."""
    if isinstance(matrix, tuple) and len(matrix) == 9:
        return matrix
    a, b, c, d, e, f, g, h, i = np.asarray(matrix, np.float64).ravel().tolist()
    return a, b, c, d, e, f, g, h, i


def corners(outline: Points | ArrayLike) -> Points:
    """A (P, 2) outline in plain floats."""
    xs, ys = np.asarray(outline, np.float64).reshape(-1, 2).T.tolist()
    return list(zip(xs, ys, strict=True))


def product(m: Nine, n: Nine) -> Nine:
    """The matrix that does n, then m."""
    a, b, c, d, e, f, g, h, i = m
    p, q, r, s, t, u, v, w, x = n
    if g == h == v == w == 0 and i == x == 1:
        return (
            a * p + b * s,
            a * q + b * t,
            a * r + b * u + c,
            d * p + e * s,
            d * q + e * t,
            d * r + e * u + f,
            0.0,
            0.0,
            1.0,
        )
    return full_product(m, n)


def full_product(m: Iterable[Any], n: Iterable[Any]) -> tuple[Any, Any, Any, Any, Any, Any, Any, Any, Any]:
    """`product` of nine numbers or of nine columns, those of many matrices; a zero may have another sign."""
    a, b, c, d, e, f, g, h, i = m
    p, q, r, s, t, u, v, w, x = n
    return (
        a * p + b * s + c * v,
        a * q + b * t + c * w,
        a * r + b * u + c * x,
        d * p + e * s + f * v,
        d * q + e * t + f * w,
        d * r + e * u + f * x,
        g * p + h * s + i * v,
        g * q + h * t + i * w,
        g * r + h * u + i * x,
    )


def inverse(m: Nine) -> Nine:
    """The matrix that undoes one.

    Raises:
        ZeroDivisionError: a matrix that flattens the plane.
    """
    a, b, c, d, e, f, g, h, i = m
    if g == h == 0 and i == 1:
        det = a * e - b * d
        p, q, r, s = e / det, -b / det, -d / det, a / det
        return p, q, -(p * c + q * f), r, s, -(r * c + s * f), 0.0, 0.0, 1.0
    ei, ch, bf = e * i - f * h, c * h - b * i, b * f - c * e
    det = a * ei + d * ch + g * bf
    return (
        ei / det,
        ch / det,
        bf / det,
        (f * g - d * i) / det,
        (a * i - c * g) / det,
        (c * d - a * f) / det,
        (d * h - e * g) / det,
        (b * g - a * h) / det,
        (a * e - b * d) / det,
    )


def through(outline: Points, m: Nine) -> Points:
    """An outline through a matrix; mirrored ones are turned round, so that they stay clockwise."""
    a, b, c, d, e, f, g, h, i = m
    if g == h == 0 and i == 1:
        there = [(a * x + b * y + c, d * x + e * y + f) for x, y in outline]
        mirrored = a * e < b * d
    else:
        there = []
        for x, y in outline:
            w = g * x + h * y + i
            there.append(((a * x + b * y + c) / w, (d * x + e * y + f) / w))
        mirrored = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g) < 0
    return there[::-1] if mirrored else there


def outline_of(wh: tuple[int, int], m: Nine) -> Points:
    """Where a whole picture of some width and height comes to lie."""
    return through(rectangle((0, 0, *wh)), m)


def bounds(outline: Points) -> Edges:
    """The upright box round an outline of one corner or more."""
    if len(outline) == 4:  # most; without the star it takes half of the time
        (a, b), (c, d), (e, f), (g, h) = outline
        return min(a, c, e, g), min(b, d, f, h), max(a, c, e, g), max(b, d, f, h)
    xs, ys = zip(*outline, strict=True)
    return min(xs), min(ys), max(xs), max(ys)


def cut(outline: Points, xyxy: Edges) -> Points:
    """The part of a convex outline inside a box (Sutherland and Hodgman 1974).

    Returns:
        Its corners, none where nothing is left. Example: the diamond (2, 0) (4, 2) (2, 4) (0, 2) in
        (0, 0, 4, 2) is the triangle (2, 0) (4, 2) (0, 2).
    """
    if not outline:
        return outline
    x1, y1, x2, y2 = xyxy
    if len(outline) == 4 and _is_upright(outline):
        (left, top), _, (right, bottom), _ = outline
        left, right = (left, right) if left < right else (right, left)
        top, bottom = (top, bottom) if top < bottom else (bottom, top)
        if left >= x1 and top >= y1 and right <= x2 and bottom <= y2:
            return outline
        x1, y1 = (left if left > x1 else x1), (top if top > y1 else y1)
        x2, y2 = (right if right < x2 else x2), (bottom if bottom < y2 else y2)
        return rectangle((x1, y1, x2, y2)) if x2 - x1 > ONE_POINT_PX and y2 - y1 > ONE_POINT_PX else []
    left, top, right, bottom = bounds(outline)
    kept: Points = outline
    if left < x1:
        kept = _beyond(kept, x1, 1)
    if right > x2:
        kept = _beyond(kept, x2, -1)
    if top < y1 or bottom > y2:
        turned: Points = [(y, x) for x, y in kept]
        if top < y1:
            turned = _beyond(turned, y1, 1)
        if bottom > y2:
            turned = _beyond(turned, y2, -1)
        kept = [(x, y) for y, x in turned]
    if kept:
        u, v = kept[-1]
        apart = []
        for x, y in kept:
            if abs(x - u) + abs(y - v) > ONE_POINT_PX:
                apart.append((x, y))
            u, v = x, y
        kept = apart
    return kept if len(kept) > 2 else []


def _is_upright(outline: Points) -> bool:
    """Whether four corners are those of a box, to the last bit."""
    (x1, y1), (x2, y2), (x3, y3), (x4, y4) = outline
    return (x1 == x4 and x2 == x3 and y1 == y2 and y3 == y4) or (
        x1 == x2 and x3 == x4 and y1 == y4 and y2 == y3
    )


def _beyond(outline: Points, limit: float, sign: int) -> Points:
    """The part of a convex outline whose first coordinate is above a limit (sign 1) or below it (-1)."""
    kept: list[tuple[float, float]] = []
    if not outline:
        return kept
    u, v = outline[-1]
    before = (u - limit) * sign
    for point in outline:
        depth = (point[0] - limit) * sign
        if (depth > 0) != (before > 0):
            kept.append((limit, v + (point[1] - v) * (before / (before - depth))))
        if depth > 0:
            kept.append(point)
        v, before = point[1], depth
    return kept
