"""The network's input: how large a window's canvas is, and how a picture is placed on it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from datapipe import resizing
from datapipe.augment import plane
from datapipe.augment.plan import Picture, Tile
from datapipe.augment.plane import Nine, Points
from datapipe.augment.ranges import check_whole
from datapipe.images.pixels import DECODINGS, Decoding

MOST_SIDE_PX = 8192
"""Of a canvas; 201 MB a picture."""
_SHAPES = 0x5ED  # sets these draws apart from the steps' own


@dataclass(frozen=True)
class MultiScale:
    """Another input size every few windows, so that one detector serves many (YOLO9000, arXiv:1612.08242).

    pjreddie's YOLO draws 320 to 608 every 10 iterations; darknet draws 480 to 896 for a network of 608 and
    leans upwards (it adds a step after rounding); Ultralytics draws for each batch; detectron2's RetinaNet
    draws a short side of 640 to 800. Here every side is as likely as the next, and it holds for
    `every_windows` windows: 3 windows of 64 are 12 batches of 16.

    every_windows: how many windows in a row share a side
    min, max:      smallest and largest side in px, both multiples of `step`
    step:          the largest stride of the detector: 32, or 128 for RetinaNet's P7
    """

    every_windows: int = 3
    min: int = 480
    max: int = 736
    step: int = 32

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            ValueError: naming the field that is off.
        """
        for name in ("every_windows", "step"):
            check_whole(name, getattr(self, name), 1)
        for name in ("min", "max"):
            side = getattr(self, name)
            _check_side(name, side)
            if side % self.step:
                raise ValueError(f"{name} {side}: want a multiple of step, {self.step} px")
        if self.min > self.max:
            raise ValueError(f"min {self.min}: want at most max, {self.max} px")

    def side(self, window: int, seed: int) -> int:
        """The side in px for a window: a pure function of the seed and the run of windows it lies in.

        Args:
            window: counted over the whole stream, from 0.
            seed: of the stream, 0 or above.
        """
        rng = np.random.default_rng([seed, window // self.every_windows, _SHAPES])
        return self.min + self.step * int(rng.integers((self.max - self.min) // self.step + 1))


@dataclass(frozen=True)
class Input:
    """The network's input and the rule by which a picture is placed on it.

    hw:          height and width in px; for short_side the short side and the most the long one may be
    resize:      letterbox, stretch or short_side: see `datapipe.resizing.resize`
    multi_scale: sizes that take hw's place. Its side is the shorter of hw; the other keeps the proportion,
                 rounded to `step` (short_side: to a px)
    multiple:    the canvas of short_side is padded to a multiple of this
    decode:      fast is libjpeg's quick DCT and repeated chroma: a fifth to a third less time for a JPEG, and
                 pixels 38 to 44 dB from the accurate ones. Evaluation decodes alike
    """

    hw: tuple[int, int]
    resize: resizing.Mode = "letterbox"
    multi_scale: MultiScale | None = None
    multiple: int = 32
    decode: Decoding = "accurate"

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            ValueError: naming the field that is off.
        """
        if not isinstance(self.hw, tuple) or len(self.hw) != 2:
            raise ValueError(f"hw {self.hw}: want height and width, two whole numbers")
        for side in self.hw:
            _check_side("hw", side)
        if self.resize not in resizing.MODES:
            raise ValueError(f"resize {self.resize}: want one of {', '.join(resizing.MODES)}")
        if self.resize == "short_side" and self.hw[0] > self.hw[1]:
            raise ValueError(f"hw {self.hw}: want the short side first, then the longest of the other")
        check_whole("multiple", self.multiple, 1)
        if self.decode not in DECODINGS:
            raise ValueError(f"decode {self.decode}: want one of {', '.join(DECODINGS)}")

    def fixed(self, window: int, seed: int) -> Input:
        """This input as one window has it: multi_scale drawn and done with.

        Example: hw (608, 608) with a drawn side of 480 is (480, 480); (384, 640) is (480, 800).
        """
        if self.multi_scale is None:
            return self
        side, short = self.multi_scale.side(window, seed), min(self.hw)
        step = 1 if self.resize == "short_side" else self.multi_scale.step
        height, width = (
            side if one == short else max(step, round(one * side / short / step) * step) for one in self.hw
        )
        return replace(self, hw=(height, width), multi_scale=None)

    def hw_of(self, window: int, seed: int) -> tuple[int, int]:
        """Height and width in px of a window; for short_side the two sides it is placed by, not a canvas."""
        return self.fixed(window, seed).hw

    def hw_for(self, window: int, seed: int, wh: ArrayLike) -> tuple[int, int]:
        """Height and width in px of a window's canvas.

        Args:
            window: counted over the whole stream, from 0.
            seed: of the stream.
            wh: (I, 2) px of the window's primary pictures; short_side's canvas must hold every one.
        """
        here = self.fixed(window, seed)
        if here.resize != "short_side":
            return here.hw
        canvas_hw = resizing.resize(wh, here.hw, here.resize, here.multiple).canvas_hw
        height, width = canvas_hw.max(axis=0).tolist()
        return height, width

    def place(self, picture: Picture, hw: tuple[int, int]) -> Tile:
        """The whole picture on a canvas of hw px, by the resize rule.

        short_side scales by the input's own two sides and starts at the left top corner, whatever the canvas;
        a mixing partner may stick out of a canvas that was made for others.

        Example: 1280 x 720 letterboxed to (608, 608) is scaled by 0.475 and moved down by 133 px.

        Raises:
            ValueError: short_side with a multi_scale still open: place with `fixed(window, seed)`.
        """
        if self.resize == "short_side":
            if self.multi_scale is not None:
                raise ValueError("multi_scale: want it fixed for the window before a picture is placed")
            hw = self.hw
        return Tile(picture, *_placed(picture.wh, hw, self.resize))


def _check_side(name: str, side: int) -> None:
    check_whole(name, side, 1)
    if side > MOST_SIDE_PX:
        raise ValueError(f"{name} {side}: want at most {MOST_SIDE_PX} px")


@lru_cache(maxsize=16384)
def _placed(wh: tuple[int, int], hw: tuple[int, int], mode: resizing.Mode) -> tuple[Nine, Points]:
    """Matrix and corners of a picture's place. Pictures share few sizes, so most places are looked up."""
    (sx,), (sy,), (dx,), (dy,), _ = (column.tolist() for column in resizing.resize(wh, hw, mode))
    matrix = plane.affine(sx, 0.0, dx, 0.0, sy, dy)
    return matrix, tuple(plane.outline_of(wh, matrix))
