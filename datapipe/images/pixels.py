"""Stored bytes to pixels, whole or at an exact fraction of their size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import InitVar, dataclass, field
from typing import Any, Literal

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Factor = Literal[1, 2, 4, 8]
FACTORS: tuple[Factor, ...] = (1, 2, 4, 8)
Decoding = Literal["accurate", "fast"]
DECODINGS: tuple[Decoding, ...] = ("accurate", "fast")
Memory = Callable[[tuple[int, ...]], Pixels]
"""Gives a uint8 array of some shape, its contents undefined."""


def fresh(shape: tuple[int, ...]) -> Pixels:
    """New memory."""
    return np.empty(shape, np.uint8)


BESIDE = 16
"""px of room on the left and right of a picture. OpenCV warps 16 px at once, and one of them that lies beyond
the source takes it longer than all others."""
_JPEG = b"\xff\xd8\xff"
_FLAGS = {
    1: cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION,
    2: cv2.IMREAD_REDUCED_GRAYSCALE_2 | cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION,
    4: cv2.IMREAD_REDUCED_GRAYSCALE_4 | cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION,
    8: cv2.IMREAD_REDUCED_GRAYSCALE_8 | cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION,
}  # OpenCV refuses REDUCED_COLOR, which says BGR, together with RGB


@dataclass(frozen=True, eq=False)
class Decoded:
    """A picture's pixels at 1/factor of its size.

    pixels: (ceil(H / factor), ceil(W / factor), 3) uint8 RGB; a copy of what was given, inside `roomy`
    factor: pixel (row i, column j) covers y in [i, i + 1) * factor and x in [j, j + 1) * factor of the stored
            picture, so edge coordinates map by the factor exactly, whatever is left for the last pixel
    framed: the same with one px more on every side, repeating its edge: a bilinear sample in the outer half
            of an edge pixel reads it. OpenCV's BORDER_REPLICATE takes three times as long for each px beyond,
            and a slanted tile asks for many that its outline then takes away.
    roomy:  the same with BESIDE px on the left and right, the frame's among them; the others' contents are
            undefined. Contiguous
    memory: where `roomy` comes from
    """

    pixels: Pixels
    factor: int = 1
    memory: InitVar[Memory] = fresh
    framed: Pixels = field(init=False, repr=False)
    roomy: Pixels = field(init=False, repr=False)

    def __post_init__(self, memory: Memory) -> None:
        height, width = self.pixels.shape[:2]
        roomy = memory((height + 2, width + 2 * BESIDE, 3))
        framed = roomy[:, BESIDE - 1 : 1 - BESIDE]
        cv2.copyMakeBorder(self.pixels, 1, 1, 1, 1, cv2.BORDER_REPLICATE, framed)
        object.__setattr__(self, "roomy", roomy)
        object.__setattr__(self, "framed", framed)
        object.__setattr__(self, "pixels", framed[1:-1, 1:-1])


def decode(data: bytes | memoryview) -> Pixels:
    """Decode a stored picture.

    Args:
        data: JPEG or PNG bytes as a record keeps them.

    Returns:
        (H, W, 3) uint8 RGB; grey is repeated, 16 bit is reduced to 8, alpha is dropped.

    Raises:
        ValueError: the bytes are not a picture.
    """
    return _decoded(data, 1)


def decode_reduced(
    data: bytes | memoryview, factor: Factor, memory: Memory = fresh, decoding: Decoding = "accurate"
) -> Decoded:
    """Decode a stored picture at a fraction of its size; an EXIF orientation is not applied.

    A JPEG is shrunk inside libjpeg, which then computes fewer pixels; other formats are decoded whole and
    averaged over blocks. `simplejpeg` gives the same pixels as OpenCV (accurate DCT, smooth chroma) in 0.65
    to 0.9 of its time; what it refuses goes to OpenCV: CMYK, and damage that still gives a picture.

    Args:
        data: JPEG or PNG bytes as a record keeps them.
        factor: 1, 2, 4 or 8.
        memory: where the pixels are kept.
        decoding: "fast" has libjpeg's quick DCT, and chroma repeated instead of smoothed: a fifth to a third
            less time, and pixels 38 to 44 dB from the accurate ones (TensorFlow's `INTEGER_FAST` with
            `fancy_upscaling=False`). What OpenCV decodes is the same: other formats, and what is refused.

    Returns:
        The pixels. Example: 101 x 67 px at 2 are 51 x 34; the last column covers px [100, 102), of which the
        picture has one.

    Raises:
        ValueError: the bytes are not a picture, or no such factor.
    """
    if factor not in FACTORS:
        raise ValueError(f"factor {factor}: want one of {', '.join(map(str, FACTORS))}")
    return Decoded(_decoded(data, factor, decoding), factor, memory)


def _decoded(data: bytes | memoryview, factor: int, decoding: Decoding = "accurate") -> Pixels:
    if data[:3] != _JPEG:
        return shrunk(_opencv(data, 1), factor)
    pixels = _libjpeg(data, factor, decoding == "fast")
    return _opencv(data, factor) if pixels is None else pixels


def _libjpeg(data: bytes | memoryview, factor: int, fast: bool) -> Pixels | None:
    """None where simplejpeg refuses, or might choose another fraction (pictures of a few px)."""
    least: dict[str, int] = {}
    try:
        if factor > 1:
            height, width, *_ = simplejpeg.decode_jpeg_header(data)
            if max(height, width) <= 8:
                return None
            least = {"min_height": -(-height // factor), "min_width": -(-width // factor)}
        pixels: Pixels = simplejpeg.decode_jpeg(data, "RGB", fast, fast, min_factor=1, **least)
    except ValueError:
        return None
    return pixels


def _opencv(data: bytes | memoryview, factor: int) -> Pixels:
    try:
        pixels: Any = cv2.imdecode(np.frombuffer(data, np.uint8), _FLAGS[factor])
    except cv2.error:  # no bytes, or a side of more than 2^20 px
        pixels = None
    if pixels is None:
        raise ValueError("the bytes are not a picture that decodes")
    decoded: Pixels = pixels
    return decoded


def shrunk(pixels: Pixels, factor: int) -> Pixels:
    """The mean of each block of factor x factor pixels; at the right and lower edge, of those there are.

    Args:
        pixels: (H, W, 3) uint8.
        factor: 1 or more.

    Returns:
        (ceil(H / factor), ceil(W / factor), 3) uint8. Example: a row of 5 px 10 20 30 40 50 at 2 is 15 35 50.
    """
    if factor == 1:
        return pixels
    height, width = pixels.shape[:2]
    small: Pixels = np.empty((-(-height // factor), -(-width // factor), 3), np.uint8)
    for y, rows in _blocks(height, factor):
        for x, columns in _blocks(width, factor):
            part = small[y, x]
            cv2.resize(pixels[rows, columns], part.shape[1::-1], part, interpolation=cv2.INTER_AREA)
    return small


def _blocks(length: int, factor: int) -> list[tuple[slice, slice]]:
    """(of the result, of the source) for the whole blocks and for what remains of one."""
    count, rest = divmod(length, factor)
    parts = [(slice(0, count), slice(0, count * factor))] if count else []
    return parts + ([(slice(count, count + 1), slice(count * factor, length))] if rest else [])
