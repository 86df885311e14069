"""One picture into a rectangle of the canvas: which fraction to decode it at, and the one sampling.

Matrices come in edge coordinates; here alone they become OpenCV's, which count pixel centres: with the edge
matrix M, the index matrix is T(-1/2) M T(1/2). Left out, a flip is off by one pixel and a turn by a tenth.
"""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np

from datapipe.augment.plan import Tile
from datapipe.augment.plane import Nine, Points, bounds, inverse, through
from datapipe.images.pixels import BESIDE, FACTORS, Decoded, Factor, Pixels, shrunk

_LINEAR = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
_EXACT = 2.0**-20  # px or px per px: less is rounding noise
_HALF = 0.5 * (1 + 2.0**-17)
"""A matrix whose squares add up to more lengthens something by more than 1/2, and that beyond rounding."""
_MARGINS = 4
"""A source with margins of at most this many canvases is cheaper than OpenCV's own way beyond the edges."""
_SIDE = 32_000
"""px of a source that OpenCV's warps address, with 16 bit."""


def factor_for(tile: Tile) -> Factor:
    """The fraction to decode a tile's picture at: the smallest that needs no enlarging because of it.

    What remains for the one bilinear sampling is a shrink of less than 2 in the direction that shrinks least
    (under perspective: where the visible part is nearest). A stretch shrinks the other direction more.

    Returns:
        1, 2, 4 or 8. Example: 4000 px shown on 608 (scale 0.152): 4, and 0.608 remains.
    """
    power = _power_for(tile)
    return max(factor for factor in FACTORS if factor <= power)


class Warp:
    """A tile's warp as OpenCV wants it: from a pixel's index on the canvas to an index in the source."""

    def __init__(self, tile: Tile, picture: Decoded) -> None:
        back = inverse(tile.nine)
        a, b, c, d, e, f, g, h, i = back
        self.source, left, top, factor = _source(tile, back, picture)
        # half a pixel from edge to index, and what lies before the picture: one row, and its room
        x, y = left / factor + 0.5 - BESIDE, top / factor - 0.5
        self.x = a / factor - x * g, b / factor - x * h, c / factor - x * i
        self.y = d / factor - y * g, e / factor - y * h, f / factor - y * i
        self.w = g, h, i
        self._read_ahead(tile.corners)

    def _read_ahead(self, visible: Points) -> None:
        """Have the rows of the source that show in the cache: read one byte of every cache line, in order.

        A slanted walk through memory is too irregular for a processor to read ahead of. Waiting for each line
        costs the warps of a rotated mosaic a third of their time, this a tenth.
        """
        (d, e, f), (g, h, i) = self.y, self.w
        ends = [(d * x + e * y + f) / (g * x + h * y + i) for x, y in visible]
        top, bottom = max(0, int(min(ends)) - 1), int(max(ends)) + 3
        self.source[top:bottom].reshape(-1)[::64].max(initial=0)

    def over(self, canvas: Pixels) -> None:
        """Fill all of a canvas; beyond its edges the source goes on.

        The source gets its margins first, as far as the canvas reaches: copying a row's end takes a tenth of
        the time that OpenCV takes to find it again for each pixel of the canvas.
        """
        self._cut(1 - BESIDE, 0, self.source[:, BESIDE - 1 : 1 - BESIDE])
        height, width = canvas.shape[:2]
        corners = [(x, y) for x in (0, width) for y in (0, height)]
        (a, b, c), (d, e, f), (g, h, i) = self.x, self.y, self.w
        depths = [g * x + h * y + i for x, y in corners]
        if min(depths) <= 0:  # a canvas beyond the horizon
            return self.into(canvas, 0, 0, cv2.BORDER_REPLICATE)
        xs = [(a * x + b * y + c) / w for (x, y), w in zip(corners, depths, strict=True)]
        ys = [(d * x + e * y + f) / w for (x, y), w in zip(corners, depths, strict=True)]
        rows, columns = self.source.shape[:2]
        left, right = (max(0, math.ceil(n) + 1) for n in (-min(xs), max(xs) - columns))
        top, bottom = (max(0, math.ceil(n) + 1) for n in (-min(ys), max(ys) - rows))
        rows, columns = rows + top + bottom, columns + left + right
        if rows * columns > _MARGINS * height * width or max(rows, columns) > _SIDE:
            return self.into(canvas, 0, 0, cv2.BORDER_REPLICATE)
        wide: Any = cv2.copyMakeBorder(self.source, top, bottom, left, right, cv2.BORDER_REPLICATE)
        self._cut(left, top, wide)
        return self.into(canvas, 0, 0)

    def _cut(self, x: int, y: int, source: Pixels) -> None:
        """Sample from another cut of the source, one that has (x, y) px more on the left and above."""
        (a, b, c), (d, e, f), (g, h, i) = self.x, self.y, self.w
        self.x = a + x * g, b + x * h, c + x * i
        self.y = d + y * g, e + y * h, f + y * i
        self.source = source

    def into(self, place: Pixels, x: int, y: int, beyond: int = cv2.BORDER_CONSTANT) -> None:
        """Fill a part of the canvas whose first pixel is (x, y); OpenCV's rule for what lies `beyond`."""
        (a, b, c), (d, e, f), (g, h, i) = self.x, self.y, self.w
        u, v, size = x + 0.5, y + 0.5, place.shape[1::-1]
        rows = [[a, b, a * u + b * v + c], [d, e, d * u + e * v + f]]
        if g == h == 0 and i == 1:
            cv2.warpAffine(self.source, np.array(rows), size, place, _LINEAR, beyond)
        else:
            rows.append([g, h, g * u + h * v + i])
            cv2.warpPerspective(self.source, np.array(rows), size, place, _LINEAR, beyond)


def _source(tile: Tile, back: Nine, picture: Decoded) -> tuple[Pixels, int, int, int]:
    """The pixels to sample, the picture's (x, y) where they begin, and their factor.

    Usually what was decoded; averaged down where another sample wanted it finer, and cut to what the tile
    shows where OpenCV could not address all of it.
    """
    pixels, factor = picture.pixels, picture.factor
    rest = max(1, _power_for(tile) // factor)
    if rest == 1 and max(pixels.shape) < _SIDE:
        return picture.roomy, 0, 0, factor
    edges = bounds(through(tile.corners, back))
    height, width = pixels.shape[:2]
    # 2 px more on each side: a bilinear sample reads one beyond its place
    x1, y1 = (max(0, math.floor(low / (factor * rest)) - 2) * rest for low in edges[:2])
    x2, y2 = ((math.ceil(high / (factor * rest)) + 2) * rest for high in edges[2:])
    x1, y1 = min(x1, (width - 1) // rest * rest), min(y1, (height - 1) // rest * rest)
    part = Decoded(shrunk(pixels[y1:y2, x1:x2], rest))
    return part.roomy, x1 * factor, y1 * factor, factor * rest


def copied(tile: Tile, picture: Decoded, place: Pixels, x1: int, y1: int) -> bool:
    """Fill a part of the canvas whose first pixel is (x1, y1) without a warp, where that is exact.

    Whole pixels are moved, mirrored or turned, or there is one resize. A resize samples the same places as
    the warp, in half of its time.

    Returns:
        Whether it could be had so.
    """
    a, b, c, d, e, f, g, h, _ = tile.nine
    upright = abs(b) + abs(d) < _EXACT
    if g or h or not (upright or abs(a) + abs(e) < _EXACT) or picture.factor < _power_for(tile):
        return False
    pixels, factor = picture.pixels, picture.factor
    height, width = pixels.shape[:2]
    if not upright:  # turned by 90 degrees: the canvas' x runs along the picture's y
        a, e, width, height = b, d, height, width
    ends = (*sorted((c, c + a * width * factor)), *sorted((f, f + e * height * factor)))
    left, right, top, bottom = (round(end) for end in ends)
    if any(abs(end - px) > _EXACT for end, px in zip(ends, (left, right, top, bottom), strict=True)):
        return False
    x2, y2 = x1 + place.shape[1], y1 + place.shape[0]
    whole_px = right - left == width and bottom - top == height
    if whole_px and left <= x1 and top <= y1 and x2 <= right and y2 <= bottom:
        columns = slice(x1 - left, x2 - left) if a > 0 else slice(right - x2, right - x1)
        rows = slice(y1 - top, y2 - top) if e > 0 else slice(bottom - y2, bottom - y1)
        part: Any = pixels[rows, columns] if upright else cv2.transpose(pixels[columns, rows])
    elif upright and (x1, y1, x2, y2) == (left, top, right, bottom):
        part = cv2.resize(pixels, (x2 - x1, y2 - y1), interpolation=cv2.INTER_LINEAR)
    else:
        return False
    if a > 0 and e > 0:
        np.copyto(place, part)
    else:
        cv2.flip(part, -1 if a < 0 and e < 0 else 1 if a < 0 else 0, place)
    return True


def _power_for(tile: Tile) -> int:
    """The largest power of two by which the picture may shrink first, with nothing enlarged because of it."""
    a, b, c, d, e, f, g, h, i = tile.nine
    if not g and not h:
        a, b, d, e = a / i, b / i, d / i, e / i
        if a * a + b * b + d * d + e * e > _HALF:
            return 1
        scale = _stretch(a, b, d, e)
    else:
        scale = 0.0
        for x, y in through(tile.corners, inverse(tile.nine)):
            w = g * x + h * y + i
            u, v = (a * x + b * y + c) / w, (d * x + e * y + f) / w
            scale = max(scale, _stretch((a - g * u) / w, (b - h * u) / w, (d - g * v) / w, (e - h * v) / w))
    return max(1, 1 << math.floor(-math.log2(scale) + _EXACT)) if 0 < scale <= 1 else 1


def _stretch(a: float, b: float, d: float, e: float) -> float:
    """By how much [[a, b], [d, e]] lengthens most: its larger singular value."""
    squares, det = a * a + b * b + d * d + e * e, a * e - b * d
    return math.sqrt((squares + math.sqrt(max(0.0, squares * squares - 4 * det * det))) / 2)
