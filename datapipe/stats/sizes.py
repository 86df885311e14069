"""How large objects are: in the stored picture, and in what the network gets to see.

Bins are COCO's, by area, with one rule at the borders: small < 32² <= medium <= 96² < large. (COCOeval
counts an area of exactly 32² as small and as medium, one of exactly 96² as medium and as large; here every
object is in one bin.) The area is the mask's where the source gives it, else the box's. At the input size it
is multiplied by both scale factors of the resize. Letterbox scales by r = min(S_w / W, S_h / H), before it
rounds to whole pixels; stretch by (S_w / W, S_h / H).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from datapipe import resizing

Resize = Literal["letterbox", "stretch"]
Floats = NDArray[np.float64]

SMALL_PX2, LARGE_PX2 = 32.0**2, 96.0**2
"""Borders of COCO's bins."""

PERCENTILES = (5, 25, 50, 75, 95)


@dataclass(frozen=True)
class Bins:
    """Numbers of objects in COCO's bins; they add up to all objects."""

    small: int
    medium: int
    large: int


@dataclass(frozen=True)
class Spread:
    """Percentiles of a quantity, linearly interpolated between neighbours."""

    p5: float
    p25: float
    p50: float
    p75: float
    p95: float

    def to_json(self) -> dict[str, float]:
        """Percentile -> value."""
        return {name: round(value, 4) for name, value in vars(self).items()}


@dataclass(frozen=True)
class Sizes:
    """Sizes of a set of objects at the original and at the input size.

    original, input:      bins
    under_8_px, under_2_px: objects whose box's shorter side at the input size is below (8 px: the finest
                          stride; 2 px: too small to learn, by default left out)
    sqrt_area_*:          percentiles of the square root of the area in px; None without objects
    aspect_*:             percentiles of width / height of the box; None without objects
    """

    original: Bins
    input: Bins
    under_8_px: int
    under_2_px: int
    sqrt_area_original: Spread | None
    sqrt_area_input: Spread | None
    aspect_original: Spread | None
    aspect_input: Spread | None

    def to_json(self) -> dict[str, Any]:
        """The keys `sizes`, `under_8_px`, `under_2_px`, `sqrt_area` and `aspect`."""
        return {
            "sizes": {"original": asdict(self.original), "input": asdict(self.input)},
            "under_8_px": self.under_8_px,
            "under_2_px": self.under_2_px,
            "sqrt_area": {
                "original": percentiles(self.sqrt_area_original),
                "input": percentiles(self.sqrt_area_input),
            },
            "aspect": {
                "original": percentiles(self.aspect_original),
                "input": percentiles(self.aspect_input),
            },
        }


@dataclass(frozen=True, eq=False)
class Measures:
    """What is measured of each object.

    area_original, area_input: (N,) px²
    wh_original, wh_input:     (N, 2) px
    """

    area_original: Floats
    area_input: Floats
    wh_original: Floats
    wh_input: Floats

    def __getitem__(self, rows: NDArray[np.intp] | slice) -> Measures:
        return Measures(
            self.area_original[rows], self.area_input[rows], self.wh_original[rows], self.wh_input[rows]
        )


def factors(image_wh: NDArray[np.int64], hw: tuple[int, int], resize: Resize) -> Floats:
    """Scale factors of the resize.

    Args:
        image_wh: (I, 2) width and height of the pictures in px.
        hw: height and width of the network's input in px.
        resize: "letterbox" keeps the aspect, "stretch" does not.

    Returns:
        (I, 2) factors of width and height. Example: 640 x 480 into (608, 608) is (0.95, 0.95) for letterbox
        and (0.95, 1.2667) for stretch.
    """
    placed = resizing.resize(image_wh, hw, resize)
    return np.stack([placed.scale_x, placed.scale_y], axis=1)


def measure(wh: Floats, area: Floats, scale: Floats) -> Measures:
    """Measure objects before and after the resize.

    Args:
        wh: (N, 2) sides of the boxes in px of the stored picture.
        area: (N,) px² there.
        scale: (N, 2) factors of the object's picture.
    """
    return Measures(area, area * scale[:, 0] * scale[:, 1], wh, wh * scale)


def sizes(of: Measures) -> Sizes:
    """Summarize the sizes of objects."""
    shorter = of.wh_input.min(axis=1) if len(of.wh_input) else np.zeros(0)
    return Sizes(
        original=bins(of.area_original),
        input=bins(of.area_input),
        under_8_px=int((shorter < 8).sum()),
        under_2_px=int((shorter < 2).sum()),
        sqrt_area_original=spread(np.sqrt(of.area_original)),
        sqrt_area_input=spread(np.sqrt(of.area_input)),
        aspect_original=spread(aspect(of.wh_original)),
        aspect_input=spread(aspect(of.wh_input)),
    )


def bins(area: Floats) -> Bins:
    """Count areas (N,) in px² by COCO's bins.

    Example: (1023, 1024, 9216, 9217) is 1 small, 2 medium, 1 large.
    """
    small, large = int((area < SMALL_PX2).sum()), int((area > LARGE_PX2).sum())
    return Bins(small, len(area) - small - large, large)


def aspect(wh: Floats) -> Floats:
    """Width / height of boxes (N, 2); a box without height counts as having a height of 1e-6 px."""
    ratio: Floats = wh[:, 0] / np.maximum(wh[:, 1], 1e-6)
    return ratio


def spread(values: Floats) -> Spread | None:
    """Percentiles of values (N,); None if there are none. Example: 0, 1, ..., 100 gives 5, 25, 50, 75, 95."""
    if not len(values):
        return None
    return Spread(*(float(value) for value in np.percentile(values, PERCENTILES)))


def percentiles(spread: Spread | None) -> dict[str, float] | None:
    """A spread for JSON."""
    return spread.to_json() if spread else None
