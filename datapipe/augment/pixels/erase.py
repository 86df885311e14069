"""Random erasing: rectangles of the canvas filled, and the objects under them judged again."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from datapipe.augment.judging import judged_again
from datapipe.augment.ranges import check, check_pair, check_whole, colour, draw
from datapipe.augment.rules import ObjectRules
from datapipe.images.pixels import Pixels
from datapipe.objects import Objects

_LARGEST = 10.0


@dataclass(frozen=True)
class Erase:
    """Fill rectangles of the canvas (random erasing, Zhong et al. 2020; cutout, DeVries and Taylor 2017).

    A rectangle covers what it hides: each object is judged again by the share that is left of its box, and
    its box becomes the hull of that. Rectangles have whole pixels and lie inside the canvas.

    count:  rectangles, up to 16
    area:   lowest and highest share of the canvas of each; Zhong's 0.02 to 0.4 is for whole pictures' classes
    aspect: lowest and highest height / width, drawn evenly in the logarithm; Zhong has 0.3 to 3.3
    fill:   a grey, an RGB colour, or "noise" (every value anew, Zhong's best)
    p:      chance of acting
    """

    count: int = 1
    area: tuple[float, float] = (0.02, 0.1)
    aspect: tuple[float, float] = (0.3, 3.3)
    fill: int | tuple[int, int, int] | Literal["noise"] = 114
    p: float = 0.5

    def __post_init__(self) -> None:
        """Raises ValueError naming the field that is off."""
        check_whole("count", self.count, 1)
        if self.count > 16:
            raise ValueError(f"count {self.count}: want a whole number from 1 to 16")
        check_pair("area", self.area, 0.0001, 1)
        check_pair("aspect", self.aspect, 1 / _LARGEST, _LARGEST)
        if isinstance(self.fill, str) and self.fill != "noise":
            raise ValueError(f'fill {self.fill}: want 0 to 255, three of them, or "noise"')
        if self.fill != "noise":
            colour("fill", self.fill)
        check("p", self.p, 0, 1)

    def apply(
        self, pixels: Pixels, objects: Objects, rules: ObjectRules, rng: np.random.Generator
    ) -> tuple[Pixels, Objects, dict[str, int]]:
        """Fill in place.

        Args:
            pixels: (H, W, 3) uint8.
            objects: on the canvas.
            rules: what keeps an object.
            rng: all chance.

        Returns:
            The same pixels, the objects left, and what changed: the counts of `judged_again`, and rectangles
            as `erased`. Example: a box of 10 x 10 px whose left 4 columns are covered keeps 6 x 10, a share
            of 0.6.
        """
        if rng.random() >= self.p:
            return pixels, objects, {}
        rectangles = [self._rectangle(pixels.shape[:2], rng) for _ in range(self.count)]
        for x1, y1, x2, y2 in rectangles:
            place = pixels[y1:y2, x1:x2]
            place[...] = (
                rng.integers(0, 256, place.shape, np.uint8)
                if self.fill == "noise"
                else colour("fill", self.fill)
            )
        hull, fraction = uncovered(objects.xyxy, np.array(rectangles))
        left, counts = judged_again(objects, hull, fraction, rules, objects.area * fraction)
        return pixels, left, counts | {"erased": len(rectangles)}

    def _rectangle(self, hw: tuple[int, ...], rng: np.random.Generator) -> tuple[int, int, int, int]:
        height, width = hw
        size, shape, across, down = rng.random(4).tolist()
        area = draw(self.area, size) * height * width
        ratio = math.exp(draw((math.log(self.aspect[0]), math.log(self.aspect[1])), shape))
        h = min(height, max(1, round(math.sqrt(area * ratio))))
        w = min(width, max(1, round(math.sqrt(area / ratio))))
        x, y = int(across * (width - w + 1)), int(down * (height - h + 1))
        return x, y, x + w, y + h


def uncovered(
    xyxy: NDArray[np.float32], covers: NDArray[np.integer]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What rectangles leave of boxes.

    The rectangles' sides cut the canvas into a grid of cells that are covered or not; so they cut every box.

    Args:
        xyxy: (N, 4) px.
        covers: (K, 4) px.

    Returns:
        (N, 4) hulls of what is left, 0 where nothing is, and (N,) the share of each box that is left.
    """
    boxes = xyxy.astype(np.float64)
    cuts = [np.concatenate([[-np.inf], np.unique(covers[:, [axis, axis + 2]]), [np.inf]]) for axis in (0, 1)]
    x, y = (np.clip(c[None], boxes[:, axis, None], boxes[:, axis + 2, None]) for axis, c in enumerate(cuts))
    inside = [
        (covers[:, axis, None] <= cut[None, :-1]) & (cut[None, 1:] <= covers[:, axis + 2, None])
        for axis, cut in enumerate(cuts)
    ]
    hidden: NDArray[np.bool_] = np.any(inside[1][:, :, None] & inside[0][:, None, :], axis=0)
    open_cell = ~hidden  # (rows, columns)
    wide, high = x[:, 1:] - x[:, :-1], y[:, 1:] - y[:, :-1]
    left = np.einsum("nr,rc,nc->n", high, open_cell.astype(np.float64), wide)
    shown = open_cell[None] & (high > 0)[:, :, None] & (wide > 0)[:, None, :]
    columns, rows = shown.any(axis=1), shown.any(axis=2)
    hull = np.stack(
        [
            np.where(columns, x[:, :-1], np.inf).min(axis=1),
            np.where(rows, y[:, :-1], np.inf).min(axis=1),
            np.where(columns, x[:, 1:], -np.inf).max(axis=1),
            np.where(rows, y[:, 1:], -np.inf).max(axis=1),
        ],
        axis=1,
    )
    hull[~columns.any(axis=1)] = 0
    fraction = left / ((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]))
    return hull, np.where(fraction > 1 - 1e-9, 1.0, fraction)  # a sum of pieces is off by rounding
