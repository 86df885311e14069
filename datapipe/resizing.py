"""A detector's own resize, as numbers: where a picture's pixels come to lie on the network's canvas."""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from datapipe.errors import UsageError, did_you_mean

Mode = Literal["letterbox", "stretch", "short_side"]
MODES: tuple[Mode, ...] = get_args(Mode)


class Placement(NamedTuple):
    """x -> x * scale_x + dx, y -> y * scale_y + dy, for each of I pictures.

    scale_x, scale_y: (I,) float64
    dx, dy:           (I,) float64 px of the canvas
    canvas_hw:        (I, 2) int64 px
    """

    scale_x: NDArray[np.float64]
    scale_y: NDArray[np.float64]
    dx: NDArray[np.float64]
    dy: NDArray[np.float64]
    canvas_hw: NDArray[np.int64]


def resize(wh: ArrayLike, target: tuple[int, int], mode: Mode, multiple: int = 32) -> Placement:
    """Place pictures on the canvas.

    letterbox:  one scale, the whole picture inside, bars left and right or above and below.
                1280 x 720 to (608, 608): scale 0.475, 608 x 342, dy = 133.
    stretch:    a scale for each side, no bars. 1280 x 720 to (608, 608): 0.475 and 0.8444.
    short_side: RetinaNet's rule. The short side becomes target[0], unless the long one then passes target[1],
                which it then equals; top left, padded below and to the right. (800, 1333): 640 x 480 gets
                1.6667, 1066.67 x 800 on a canvas of 1088 x 800; 1280 x 720 gets 1333 / 1280 = 1.0414,
                1333 x 749.8 on 1344 x 768.

    Args:
        wh: (I, 2) or (2,) widths and heights in px, above 0.
        target: (H, W) of the canvas; for short_side (short, long).
        mode: see above.
        multiple: short_side's canvas is padded to a multiple of this (torchvision 32, keras-retinanet 1).

    Raises:
        UsageError: no such mode.
    """
    size = np.asarray(wh, np.float64).reshape(-1, 2)
    if mode == "short_side":
        short, long = size.min(axis=1), size.max(axis=1)
        scale = np.minimum(target[0] / short, target[1] / long)
        zero = np.zeros(len(size))
        pixels = np.rint(size[:, ::-1] * scale[:, None]).astype(np.int64)  # cv2.resize rounds to whole pixels
        return Placement(scale, scale.copy(), zero, zero.copy(), -(-pixels // multiple) * multiple)
    canvas = np.tile(np.array(target, np.int64), (len(size), 1))
    fit = canvas[:, ::-1] / size
    if mode == "stretch":
        return Placement(fit[:, 0], fit[:, 1], np.zeros(len(size)), np.zeros(len(size)), canvas)
    if mode == "letterbox":
        one = fit.min(axis=1)
        dx, dy = ((canvas[:, ::-1] - size * one[:, None]) / 2).T
        return Placement(one, one.copy(), dx, dy, canvas)
    raise UsageError(f"resize: no {mode!r}: {did_you_mean(mode, MODES)}")


def place(xyxy: ArrayLike, placement: Placement, picture: NDArray[np.integer]) -> NDArray[np.float64]:
    """Boxes in px of their pictures as boxes in px of the canvas.

    Args:
        xyxy: (M, 4).
        placement: of I pictures.
        picture: (M,) which of them each box lies on.

    Returns:
        (M, 4). Example: (640, 360, 1280, 720) in 1280 x 720, letterboxed to 608: (304, 304, 608, 475).
    """
    scale = np.stack([placement.scale_x, placement.scale_y] * 2, axis=1)[picture]
    shift = np.stack([placement.dx, placement.dy] * 2, axis=1)[picture]
    moved: NDArray[np.float64] = np.asarray(xyxy, np.float64).reshape(-1, 4) * scale + shift
    return moved
