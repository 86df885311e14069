"""OpenCV as the stream uses it."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

VERSION: str = cv2.__version__


def one_thread() -> None:
    """Keep OpenCV from starting threads inside a call, for the whole process.

    The stream runs many calls side by side instead: OpenCV's own threads would fight with those.
    """
    cv2.setNumThreads(0)


def turned(pixels: NDArray[np.uint8], hw: tuple[int, int], degrees: float = 10.0) -> NDArray[np.uint8]:
    """A picture fitted into a canvas and turned about its centre by one bilinear warp.

    The least that augmentation with rotation costs; `datapipe bench` measures it as the floor.
    """
    height, width = pixels.shape[:2]
    scale = min(hw[0] / height, hw[1] / width)
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, scale)
    matrix[:, 2] += hw[1] / 2 - width / 2, hw[0] / 2 - height / 2
    warped: Any = cv2.warpAffine(pixels, matrix, (hw[1], hw[0]))
    made: NDArray[np.uint8] = warped
    return made
