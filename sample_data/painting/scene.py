"""What background painters share: the canvas, and what must be known to put things into it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .pen import Floats
from .weather import Weather


@dataclass(frozen=True, eq=False)
class Scene:
    """A background; painters work on its canvas in place.

    canvas:  (H, W, 3) RGB in [0, 1]
    weather: the colours of the hour
    horizon: y where the sky ends, pixels; may lie below the picture
    shore:   y where the water ends, pixels; the horizon where there is no water
    sun:     side the light comes from, -1 left, 1 right
    """

    canvas: Floats
    weather: Weather
    horizon: float
    shore: float
    sun: int

    @property
    def wh(self) -> tuple[int, int]:
        """Width and height, pixels."""
        return self.canvas.shape[1], self.canvas.shape[0]


def grid(canvas: Floats) -> tuple[Floats, Floats]:
    """Pixel centres: x as (1, W), y as (H, 1)."""
    height, width = canvas.shape[:2]
    return np.arange(0.5, width)[None, :], np.arange(0.5, height)[:, None]


def lay(canvas: Floats, colour: Floats, cover: Floats) -> None:
    """Blend a colour, or a field of colours, into the canvas as far as `cover` in [0, 1] says."""
    canvas += cover[..., None] * (colour - canvas)


def grain(rng: np.random.Generator, canvas: Floats, strength: float) -> Floats:
    """The canvas with a trace of film grain and slightly darker corners."""
    height, width = canvas.shape[:2]
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    shaded = canvas * (1 - 0.06 * (x * x + y * y))[..., None]
    grained: Floats = shaded + rng.normal(0, strength, (height, width, 1))
    return np.clip(grained, 0, 1)
