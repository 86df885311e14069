"""Random fields."""

from __future__ import annotations

import numpy as np

from .pen import Floats, mix


def smooth(low: float, high: float, value: Floats) -> Floats:
    """0 where the value is `low`, 1 where it is `high`, an S between; `low` may be the larger."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


class Noise:
    """A smooth random field over the plane (Perlin's gradient noise on a 256 x 256 torus)."""

    def __init__(self, rng: np.random.Generator) -> None:
        angle = rng.uniform(0, 2 * np.pi, (256, 256))
        self._slope_x, self._slope_y = np.cos(angle).ravel(), np.sin(angle).ravel()

    def __call__(self, x: Floats, y: Floats | float, octaves: int = 1) -> Floats:
        """Values of about [-1, 1] at the points; each octave is twice as fine, half as strong."""
        rows = np.asarray(y, float)
        total = np.zeros(np.broadcast(x, rows).shape)
        for k in range(octaves):
            total += self._octave(x * 2**k + 37 * k, rows * 2**k + 17 * k) / 2**k
        return total

    def _octave(self, x: Floats, y: Floats) -> Floats:
        column, row = np.floor(x).astype(np.int64), np.floor(y).astype(np.int64)
        dx, dy = x - column, y - row
        ease_x, ease_y = (d * d * d * (d * (d * 6 - 15) + 10) for d in (dx, dy))

        def corner(i: int, j: int) -> Floats:
            at = ((row + j & 255) << 8) + (column + i & 255)
            dot: Floats = self._slope_x[at] * (dx - i) + self._slope_y[at] * (dy - j)
            return dot

        upper = mix(corner(0, 0), corner(1, 0), ease_x)
        lower = mix(corner(0, 1), corner(1, 1), ease_x)
        return mix(upper, lower, ease_y) * 1.4
