"""Small JPEGs of stored pictures, for pages that show many."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from datapipe.images.pixels import Pixels, decode

_REDUCED = {2: cv2.IMREAD_REDUCED_COLOR_2, 4: cv2.IMREAD_REDUCED_COLOR_4, 8: cv2.IMREAD_REDUCED_COLOR_8}


def thumbnail(data: bytes, wh: tuple[int, int], side: int = 320, quality: int = 72) -> bytes:
    """Shrink a stored picture.

    Args:
        data: JPEG or PNG bytes as a record keeps them.
        wh: the picture's width and height in px, as its record says.
        side: most pixels of the longer side; smaller pictures keep their size.
        quality: of the JPEG.

    Returns:
        JPEG bytes. Example: 4000 x 3000 becomes 320 x 240.

    Raises:
        ValueError: the bytes are not a picture.
    """
    scale = min(1.0, side / max(wh))
    half = max((factor for factor in _REDUCED if factor * scale <= 1), default=1)
    flags = _REDUCED.get(half, 0) | cv2.IMREAD_IGNORE_ORIENTATION
    pixels: Any = cv2.imdecode(np.frombuffer(data, np.uint8), flags) if data and half > 1 else None
    small: Pixels = decode(data)[..., ::-1] if pixels is None else pixels
    size = (max(1, round(wh[0] * scale)), max(1, round(wh[1] * scale)))
    if small.shape[1::-1] != size:
        small = cv2.resize(small, size, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    encoded, jpeg = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not encoded:
        raise ValueError("the picture does not encode as JPEG")
    return jpeg.tobytes()
