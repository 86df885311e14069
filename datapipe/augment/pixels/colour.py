"""Steps that map each pixel's colour by itself."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from datapipe.augment.ranges import Span, check, check_span, draw
from datapipe.images.pixels import Pixels

_LUMA = np.array([0.299, 0.587, 0.114])
_TO_YIQ = np.array([_LUMA, [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])
_FROM_YIQ = np.linalg.inv(_TO_YIQ)
# What colour_matrix is made of, row by row: the grey of a pixel, its colour as it is and turned by a quarter.
# Hue rises from red over yellow to green, which in the plane (I, Q) is the other way round.
_PLANES = [
    (_FROM_YIQ @ np.array(plane, np.float64) @ _TO_YIQ).tolist()
    for plane in (np.diag([1, 0, 0]), np.diag([0, 1, 1]), [[0, 0, 0], [0, 0, 1], [0, -1, 0]])
]
_ROWS = [list(zip(*rows, strict=True)) for rows in zip(*_PLANES, strict=True)]
_MIDDLE = 128.0


@dataclass(frozen=True)
class ColorJitter:
    """Brightness, contrast, saturation and hue as one 3 x 4 matrix: 0.3 ms at 640 x 640.

    All four are linear and clipped once, at the end, so their order does not matter. Colours differ a little
    from jitter in HSV: hue turns in YIQ (the television standard's plane of equal luma), which keeps
    brightness; saturation is the distance from the pixel's grey; contrast is about mid-grey, 128.

    brightness: factor 1 + b; plus or minus, or lowest and highest, as for all four
    contrast:   factor 1 + c of the distance to 128
    saturation: factor 1 + s of the distance to the pixel's own grey
    hue:        share of the colour circle: 0.5 turns red to cyan
    p:          chance of acting
    """

    brightness: Span = 0.4
    contrast: Span = 0.0
    saturation: Span = 0.7
    hue: Span = 0.015
    p: float = 1.0

    def __post_init__(self) -> None:
        """Raises ValueError naming the field that is off."""
        for name in ("brightness", "contrast", "saturation"):
            check_span(name, getattr(self, name), 1)
        check_span("hue", self.hue, 0.5)
        check("p", self.p, 0, 1)

    def __call__(self, pixels: Pixels, rng: np.random.Generator) -> Pixels:
        """Example: brightness + 0.5 takes (100, 60, 200) to (150, 90, 255)."""
        self.into(pixels, rng, pixels)
        return pixels

    def into(self, pixels: Pixels, rng: np.random.Generator, out: Pixels) -> None:
        """The same, written to other memory: in place OpenCV copies the picture first."""
        chance, *shares = rng.random(5).tolist()
        if chance < self.p:
            spans = (self.brightness, self.contrast, self.saturation, self.hue)
            drawn = [draw(span, share) for span, share in zip(spans, shares, strict=True)]
            cv2.transform(pixels, colour_matrix(*drawn), out)
        elif out is not pixels:
            np.copyto(out, pixels)


def colour_matrix(brightness: float, contrast: float, saturation: float, hue: float) -> NDArray[np.float64]:
    """(3, 4): RGB and a constant to RGB; all zeros are the identity.

    Example: contrast 0.5 alone is 1.5 times the identity, and -64 added.
    """
    turn, grey = 2 * math.pi * hue, (1 + brightness) * (1 + contrast)
    chroma, added = grey * (1 + saturation), -(1 + brightness) * contrast * _MIDDLE
    colour, turned = chroma * math.cos(turn), chroma * math.sin(turn)
    return np.array([[*(grey * g + colour * c + turned * t for g, c, t in row), added] for row in _ROWS])


@dataclass(frozen=True)
class HSV:
    """darknet's colour jitter, number for number (`image_data_augmentation`, OpenCV branch).

    In OpenCV's 8-bit HSV, whose hue counts in steps of 2 degrees: hue += 179 U(-hue, hue), which stops at 0
    (red) and does not wrap below it, as in darknet; saturation *= r and value *= r, each r from U(1, limit)
    or, one time in two, its inverse. 1.3 ms at 640 x 640; `ColorJitter` does nearly the same in a quarter.

    hue:        0.1 in yolov4.cfg: up to 36 degrees
    saturation: 1.5 in yolov4.cfg
    exposure:   of the value; 1.5 in yolov4.cfg
    p:          chance of acting; darknet always does
    """

    hue: float = 0.1
    saturation: float = 1.5
    exposure: float = 1.5
    p: float = 1.0

    def __post_init__(self) -> None:
        """Raises ValueError naming the field that is off."""
        check("hue", self.hue, 0, 0.5)
        check("saturation", self.saturation, 1, 10)
        check("exposure", self.exposure, 1, 10)
        check("p", self.p, 0, 1)

    def __call__(self, pixels: Pixels, rng: np.random.Generator) -> Pixels:
        """Example: an exposure of 1.5 takes (100, 60, 200) to (130, 77, 255), not to (150, 90, 255)."""
        self.into(pixels, rng, pixels)
        return pixels

    def into(self, pixels: Pixels, rng: np.random.Generator, out: Pixels) -> None:
        """The same, written to other memory."""
        chance, hue, *shares = rng.random(6).tolist()
        if chance < self.p:
            factors = [
                1 + (limit - 1) * share if side < 0.5 else 1 / (1 + (limit - 1) * share)
                for limit, share, side in zip(
                    (self.saturation, self.exposure), shares[:2], shares[2:], strict=True
                )
            ]
            shift_hsv(pixels, draw(self.hue, hue), factors[0], factors[1], out)
        elif out is not pixels:
            np.copyto(out, pixels)


def shift_hsv(pixels: Pixels, hue: float, saturation: float, exposure: float, out: Pixels) -> None:
    """Hue by a share of the circle, saturation and value by factors; OpenCV's 8-bit arithmetic."""
    hsv = cv2.cvtColor(pixels, cv2.COLOR_RGB2HSV)
    channels: Any = cv2.split(hsv)
    h, s, v = channels
    added: Any = 179 * hue
    cv2.add(h, added, h)
    cv2.convertScaleAbs(s, s, saturation)
    cv2.convertScaleAbs(v, v, exposure)
    cv2.merge(channels, hsv)
    cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB, out)


@dataclass(frozen=True)
class Gray:
    """Take the colour away: each channel becomes 0.299 R + 0.587 G + 0.114 B.

    p: chance of acting
    """

    p: float = 0.1

    def __post_init__(self) -> None:
        """Raises ValueError naming the field that is off."""
        check("p", self.p, 0, 1)

    def __call__(self, pixels: Pixels, rng: np.random.Generator) -> Pixels:
        """Example: (255, 0, 0) becomes (76, 76, 76)."""
        if rng.random() < self.p:
            cv2.cvtColor(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB, pixels)
        return pixels
