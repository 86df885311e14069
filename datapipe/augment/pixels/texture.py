"""Steps that take sharpness away or add grain."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from datapipe.augment.ranges import check, check_pair, draw
from datapipe.images.pixels import Pixels

_UNIT = 32.0  # of the stored grain: 1 sigma; +-4 sigma fit into 8 bits
_SPARE = 1 << 20


@dataclass(frozen=True)
class Blur:
    """Gaussian blur.

    sigma_px: lowest and highest standard deviation in px of the canvas; 0.6 to 1.5 ms at 640 x 640
    p:        chance of acting
    """

    sigma_px: tuple[float, float] = (0.3, 1.5)
    p: float = 0.1

    def __post_init__(self) -> None:
        """Raises ValueError naming the field that is off."""
        check_pair("sigma_px", self.sigma_px, 0.1, 50)
        check("p", self.p, 0, 1)

    def __call__(self, pixels: Pixels, rng: np.random.Generator) -> Pixels:
        """Example: at sigma 1 a white pixel keeps 0.16 of its light, its four neighbours get 0.1 each."""
        chance, share = rng.random(2).tolist()
        if chance < self.p:
            cv2.GaussianBlur(pixels, (0, 0), draw(self.sigma_px, share), pixels)
        return pixels


@dataclass(frozen=True)
class Noise:
    """Gaussian grain, for each pixel and channel by itself.

    To draw a million normal numbers for every sample takes 13 ms. So the grain is a piece of one field, drawn
    once: it begins at one of a million places, with either sign. 0.25 ms at 640 x 640.

    sigma: lowest and highest standard deviation in grey levels of 255
    p:     chance of acting
    """

    sigma: tuple[float, float] = (2.0, 10.0)
    p: float = 0.1

    def __post_init__(self) -> None:
        """Raises ValueError naming the field that is off."""
        check_pair("sigma", self.sigma, 0, 128)
        check("p", self.p, 0, 1)

    def __call__(self, pixels: Pixels, rng: np.random.Generator) -> Pixels:
        """Example: at sigma 10 two of three values of a grey 128 lie in 118 to 138."""
        chance, share, place, sign = rng.random(4).tolist()
        if chance < self.p:
            field = _grain(1 << (pixels.size - 1).bit_length())
            first = int(place * (len(field) - pixels.size))
            piece = field[first : first + pixels.size].reshape(pixels.shape)
            scale = draw(self.sigma, share) / _UNIT * (1 if sign < 0.5 else -1)
            cv2.addWeighted(pixels, 1, piece, scale, -128 * scale, pixels)
        return pixels


@cache
def _grain(size: int) -> NDArray[np.uint8]:
    """Normal numbers as 128 + 32 x, for canvases of up to `size` values; always the same."""
    drawn = np.random.default_rng(0).standard_normal(size + _SPARE, np.float32)
    grain: NDArray[np.uint8] = np.clip(np.rint(drawn * np.float32(_UNIT)) + 128, 0, 255).astype(np.uint8)
    return grain
