"""A batch as one picture: what the network would see, with its boxes, names and ignore regions."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

GAP = 6
_DARK = (28, 28, 28)


def contact_sheet(
    images: NDArray[np.uint8],
    xyxy: NDArray[np.float32],
    class_id: NDArray[np.int32],
    ignore: NDArray[np.bool_],
    classes: Sequence[str],
    path: Path,
    columns: int = 4,
) -> None:
    """Draw a batch as a grid and write it as PNG.

    Args:
        images: (B, H, W, 3) uint8 RGB.
        xyxy: (B, M, 4) px; places with class_id -1 and ignore False are padding.
        class_id: (B, M).
        ignore: (B, M); these are hatched.
        classes: names.
        path: file to write.
        columns: pictures in a row.
    """
    count, height, width = images.shape[:3]
    rows = -(-count // columns)
    sheet = np.full((rows * (height + GAP) + GAP, columns * (width + GAP) + GAP, 3), _DARK, np.uint8)
    for i in range(count):
        picture = images[i].copy()
        for box, number, hatched in zip(xyxy[i], class_id[i], ignore[i], strict=True):
            if hatched:
                _hatch(picture, box)
            if number >= 0:
                _frame(picture, box, classes[number], colour(int(number), len(classes)))
        top, left = GAP + i // columns * (height + GAP), GAP + i % columns * (width + GAP)
        sheet[top : top + height, left : left + width] = picture
    encoded, data = cv2.imencode(".png", sheet[..., ::-1])
    if encoded:
        path.write_bytes(data.tobytes())


def colour(number: int, classes: int) -> tuple[int, int, int]:
    """A class's RGB colour: bright hues, evenly apart."""
    r, g, b = colorsys.hsv_to_rgb(number / max(1, classes), 0.75, 1.0)
    return int(255 * r), int(255 * g), int(255 * b)


def _frame(
    picture: NDArray[np.uint8], box: NDArray[np.float32], name: str, rgb: tuple[int, int, int]
) -> None:
    x1, y1, x2, y2 = (round(float(v)) for v in box)
    cv2.rectangle(picture, (x1, y1), (x2 - 1, y2 - 1), _DARK, 3, cv2.LINE_AA)
    cv2.rectangle(picture, (x1, y1), (x2 - 1, y2 - 1), rgb, 1, cv2.LINE_AA)
    text: dict[str, Any] = {"fontFace": cv2.FONT_HERSHEY_SIMPLEX, "fontScale": 0.38, "lineType": cv2.LINE_AA}
    (w, h), _ = cv2.getTextSize(name, cv2.FONT_HERSHEY_SIMPLEX, 0.38, 1)
    left = min(max(x1, 0), picture.shape[1] - w - 4)
    base = y1 - 3 if y1 - h - 5 >= 0 else min(y1 + h + 4, picture.shape[0] - 2)
    cv2.rectangle(picture, (left, base - h - 2), (left + w + 3, base + 3), _DARK, -1)
    cv2.putText(picture, name, (left + 2, base), color=rgb, thickness=1, **text)


def _hatch(picture: NDArray[np.uint8], box: NDArray[np.float32], step: int = 8) -> None:
    """Diagonal light lines over a region that is neither object nor background."""
    height, width = picture.shape[:2]
    x1, y1 = max(0, int(box[0])), max(0, int(box[1]))
    x2, y2 = min(width, round(float(box[2]))), min(height, round(float(box[3])))
    ys, xs = np.mgrid[y1:y2, x1:x2]
    line = (xs + ys) % step < 2
    region = picture[y1:y2, x1:x2]
    region[line] = (region[line].astype(np.uint16) + 255) // 2
