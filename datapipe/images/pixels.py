"""Stored bytes to pixels, and the plain resize of a first look."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]


def decode(data: bytes) -> Pixels:
    """Decode a stored picture.

    Args:
        data: JPEG or PNG bytes as a record keeps them.

    Returns:
        (H, W, 3) uint8 RGB; grey is repeated, 16 bit is reduced to 8, alpha is dropped.

    Raises:
        ValueError: the bytes are not a picture.
    """
    flags = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        pixels: Any = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:  # no bytes, or a side of more than 2^20 px
        pixels = None
    if pixels is None:
        raise ValueError("the bytes are not a picture that decodes")
    decoded: Pixels = pixels
    return decoded


def letterbox(pixels: Pixels, hw: tuple[int, int], fill: int = 114) -> tuple[Pixels, NDArray[np.float64]]:
    """Fit a picture into a canvas, keeping its aspect, centred on whole pixels.

    Args:
        pixels: (H, W, 3) uint8.
        hw: height and width of the canvas in px.
        fill: grey value of the border; 114 is darknet's and Ultralytics' habit.

    Returns:
        (h, w, 3) uint8 canvas and the (3, 3) float64 matrix from the picture's edge coordinates to the
        canvas'.
        Example: 640 x 480 into (608, 608) is scaled by 0.95 to 608 x 456 and moved down by 76 px.
    """
    height, width = pixels.shape[:2]
    scale = min(hw[0] / height, hw[1] / width)
    inner_w, inner_h = max(1, round(width * scale)), max(1, round(height * scale))
    left, top = (hw[1] - inner_w) // 2, (hw[0] - inner_h) // 2
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    canvas = np.full((*hw, 3), fill, np.uint8)
    resized = cv2.resize(pixels, (inner_w, inner_h), interpolation=method)
    canvas[top : top + inner_h, left : left + inner_w] = resized
    matrix = np.array([[inner_w / width, 0, left], [0, inner_h / height, top], [0, 0, 1]])
    return canvas, matrix
