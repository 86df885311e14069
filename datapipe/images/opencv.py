"""OpenCV as the stream uses it."""

from __future__ import annotations

import cv2

VERSION: str = cv2.__version__


def one_thread() -> None:
    """Keep OpenCV from starting threads inside a call, for the whole process.

    The stream runs many calls side by side instead: OpenCV's own threads would fight with those.
    """
    cv2.setNumThreads(0)
