"""Box arithmetic on the one convention: xyxy, pixels, continuous edge coordinates.

x lies in [0, W], width = x2 - x1, pixel centres sit at +0.5. A picture of 640 x 480 pixels is the box
(0, 0, 640, 480). Functions are pure, keep the dtype they get and broadcast over leading axes.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

FloatT = TypeVar("FloatT", bound=np.floating)


def area(xyxy: NDArray[FloatT]) -> NDArray[FloatT]:
    """Areas in px².

    Args:
        xyxy: (..., 4) boxes; a box with x2 <= x1 or y2 <= y1 has area 0.

    Returns:
        (...,) areas, same dtype.
    """
    sides = np.maximum(xyxy[..., 2:] - xyxy[..., :2], 0)
    product: NDArray[FloatT] = sides[..., 0] * sides[..., 1]
    return product


def clip(xyxy: NDArray[FloatT], wh: NDArray[np.generic] | tuple[float, float]) -> NDArray[FloatT]:
    """Clip boxes to the picture (0, 0, W, H).

    Args:
        xyxy: (..., 4) boxes in pixels.
        wh: (2,) or (..., 2) picture width and height in pixels.

    Returns:
        (..., 4) boxes, same dtype. Example: (-2, 5, 12, 30) in a 10 x 20 picture is (0, 5, 10, 20).
    """
    size = np.asarray(wh, dtype=xyxy.dtype)
    limit = np.concatenate([size, size], axis=-1)
    clipped: NDArray[FloatT] = np.minimum(np.maximum(xyxy, 0), limit)
    return clipped


def inside_fraction(xyxy: NDArray[FloatT], wh: NDArray[np.generic] | tuple[float, float]) -> NDArray[FloatT]:
    """Share of each box's area that lies inside the picture; 0 for a box without area.

    Example: (-5, 0, 5, 10) in a 10 x 10 picture is half inside, 0.5.
    """
    whole = area(xyxy)
    visible = area(clip(xyxy, wh))
    fraction: NDArray[FloatT] = np.divide(visible, whole, out=np.zeros_like(whole), where=whole > 0)
    return fraction


def iou(a: NDArray[FloatT], b: NDArray[FloatT]) -> NDArray[FloatT]:
    """Intersection over union of every pair.

    Args:
        a: (N, 4) xyxy pixels.
        b: (M, 4) xyxy pixels.

    Returns:
        (N, M) in [0, 1]; 0 where a box has no area. Example: (0, 0, 2, 2) and (1, 0, 3, 2) share 2 of 6: 1/3.
    """
    top_left = np.maximum(a[:, None, :2], b[None, :, :2])
    bottom_right = np.minimum(a[:, None, 2:], b[None, :, 2:])
    shared = area(np.concatenate([top_left, bottom_right], axis=-1))
    union = area(a)[:, None] + area(b)[None, :] - shared
    ratio: NDArray[FloatT] = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return ratio


def from_xywh(xywh: NDArray[FloatT]) -> NDArray[FloatT]:
    """COCO's (left, top, width, height) as xyxy; same shape and dtype."""
    return np.concatenate([xywh[..., :2], xywh[..., :2] + xywh[..., 2:]], axis=-1)


def from_cxcywh(cxcywh: NDArray[FloatT]) -> NDArray[FloatT]:
    """YOLO's (centre x, centre y, width, height) as xyxy, in the units it came in."""
    half = cxcywh[..., 2:] / 2
    return np.concatenate([cxcywh[..., :2] - half, cxcywh[..., :2] + half], axis=-1)
