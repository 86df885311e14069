"""What a picture's bytes say about themselves, without decoding a pixel.

JPEG and PNG headers are read here, in microseconds, because every image of every ingest passes; the rarer
formats go through Pillow, opened with an explicit list of formats. The content decides, never the name.
"""

from __future__ import annotations

import io
import struct
import warnings
from dataclasses import dataclass
from typing import Literal

from PIL import Image

Format = Literal["jpeg", "png", "bmp", "gif", "webp", "tiff"]

MAX_PIXELS = 178_956_970
"""Pillow's limit against decompression bombs, here for every format and before any decoder sees the data."""

LARGE, MOST_PER_BYTE = 16_000_000, {"jpeg": 512, "png": 8300}
"""Above so many pixels a picture must have a byte for every so many: a JPEG needs a bit for each 8 x 8 block,
deflate shrinks 1032 to 1 at best. What has less is cut off, or its header lies to get memory."""

ORIENTATION = 0x0112
"""The EXIF tag that says how the stored picture is to be turned for display, 1 to 8."""


class ImageProblem(Exception):
    """A picture that cannot be used: a finding's code and the value to show."""

    def __init__(self, code: str, value: str) -> None:
        super().__init__(f"{code}: {value}")
        self.code, self.value = code, value


@dataclass(frozen=True)
class Header:
    """What a picture is.

    wh:             width and height in px, as stored
    orientation:    EXIF, 1 (upright) to 8
    orientation_at: JPEG: byte positions and byte order of the orientation values, to overwrite them in place
    """

    format: Format
    wh: tuple[int, int]
    orientation: int = 1
    orientation_at: tuple[tuple[int, Literal["little", "big"]], ...] = ()

    @property
    def displayed_wh(self) -> tuple[int, int]:
        """Width and height as a viewer shows it: orientations 5 to 8 make 480 x 640 of 640 x 480."""
        return self.wh[::-1] if self.orientation >= 5 else self.wh


def probe(data: bytes) -> Header:
    """Read a picture's header.

    Raises:
        ImageProblem: DP202 no bytes, DP205 no known picture, DP206 a broken or lying header, DP207 too many
            pixels, DP208 more than one frame or page.
    """
    if not data:
        raise ImageProblem("DP202", "0 bytes")
    if data.startswith(b"\xff\xd8\xff"):
        header = _jpeg(data)
    elif data.startswith(_PNG):
        header = _png(data)
    else:
        header = _through_pillow(data)
    width, height = header.wh
    if width <= 0 or height <= 0:
        raise ImageProblem("DP206", f"{header.format} header says {width} x {height}")
    if width * height > MAX_PIXELS:
        raise ImageProblem("DP207", f"{width} x {height} = {width * height} pixels")
    if width * height > max(LARGE, len(data) * MOST_PER_BYTE.get(header.format, 8300)):
        raise ImageProblem("DP206", f"{len(data)} bytes cannot hold the {width} x {height} of its header")
    return header


_SOF = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_ALONE = frozenset({0x01, *range(0xD0, 0xD8)})


def _jpeg(data: bytes) -> Header:
    """Walk the markers up to the first scan (ITU T.81, B.1)."""
    position, wh, orientations, end = 2, None, [], len(data)
    while position + 4 <= end:
        if data[position] != 0xFF:
            raise ImageProblem("DP206", f"no JPEG marker at byte {position}")
        marker = data[position + 1]
        if marker == 0xFF or marker in _ALONE:
            position += 1 if marker == 0xFF else 2
            continue
        if marker in (0xD9, 0xDA):
            break
        length = int.from_bytes(data[position + 2 : position + 4], "big")
        body = position + 4
        if marker in _SOF:
            if len(data) < body + 6:
                break
            precision, height, width = struct.unpack_from(">BHH", data, body)
            if precision != 8 or marker not in (0xC0, 0xC1, 0xC2):
                raise ImageProblem("DP205", f"JPEG of {precision} bits, process SOF{marker - 0xC0}")
            wh = (width, height)
        elif marker == 0xE1 and data[body : body + 6] == b"Exif\0\0":
            orientations += _exif_orientation(data, body + 6, position + 2 + length)
        position += 2 + max(length, 2)
    if wh is None:
        raise ImageProblem("DP206", "JPEG ends before its frame header")
    turned = next((value for _, _, value in orientations), 1)
    return Header("jpeg", wh, turned, tuple((at, order) for at, order, _ in orientations))


def _exif_orientation(data: bytes, tiff: int, end: int) -> list[tuple[int, Literal["little", "big"], int]]:
    """Find orientation values in the first directory of an EXIF block; a broken block has none.

    Returns:
        (byte position of the value, byte order, value) where the value is 1 to 8.
    """
    order: Literal["little", "big"]
    order = "little" if data[tiff : tiff + 2] == b"II" else "big"
    mark = "<" if order == "little" else ">"
    end = min(end, len(data))
    if end - tiff < 10 or data[tiff : tiff + 2] not in (b"II", b"MM"):
        return []
    directory = tiff + struct.unpack_from(mark + "I", data, tiff + 4)[0]
    if directory + 2 > end:
        return []
    count = struct.unpack_from(mark + "H", data, directory)[0]
    found: list[tuple[int, Literal["little", "big"], int]] = []
    for entry in range(directory + 2, min(directory + 2 + 12 * count, end - 11), 12):
        tag, kind = struct.unpack_from(mark + "HH", data, entry)
        if tag == ORIENTATION and kind == 3:
            value = struct.unpack_from(mark + "H", data, entry + 8)[0]
            if 1 <= value <= 8:
                found.append((entry + 8, order, value))
    return found


_PNG = b"\x89PNG\r\n\x1a\n"


def _png(data: bytes) -> Header:
    """Walk the chunks up to the pixels (and past them for an orientation)."""
    position, wh, turned = 8, None, 1
    while position + 8 <= len(data):
        length = int.from_bytes(data[position : position + 4], "big")
        kind, body = data[position + 4 : position + 8], position + 8
        if kind == b"IHDR" and length == 13 and len(data) >= body + 13:
            wh = (
                int.from_bytes(data[body : body + 4], "big"),
                int.from_bytes(data[body + 4 : body + 8], "big"),
            )
        elif kind == b"acTL" and len(data) >= body + 4:
            frames = int.from_bytes(data[body : body + 4], "big")
            if frames > 1:
                raise ImageProblem("DP208", f"animated PNG of {frames} frames")
        elif kind == b"eXIf":
            turned = next((value for _, _, value in _exif_orientation(data, body, body + length)), turned)
        elif kind == b"IEND":
            break
        position = body + length + 4
    if wh is None:
        raise ImageProblem("DP206", "PNG without a header chunk")
    return Header("png", wh, turned)


_OTHERS: dict[str, Format] = {"BMP": "bmp", "DIB": "bmp", "GIF": "gif", "WEBP": "webp", "TIFF": "tiff"}


def open_other(data: bytes) -> Image.Image:
    """Open a BMP, GIF, WebP or TIFF with Pillow, lazily.

    Raises:
        ImageProblem: DP205 it is none of them, DP206 a torn WebP, DP207 too many pixels.
    """
    try:
        return _open(data, ["BMP", "GIF", "WEBP", "TIFF"])
    except Image.DecompressionBombError as error:
        raise ImageProblem("DP207", str(error)) from None
    except Exception:  # Pillow's plug-ins raise whatever their parser trips over; none of it is usable
        if data[:4] == b"RIFF" and data[8:12] == b"WEBP":  # the only one whose whole file is read on opening
            raise ImageProblem("DP206", "webp: cut off or damaged") from None
        raise ImageProblem("DP205", f"starts with {data[:8]!r}") from None


def open_png(data: bytes) -> Image.Image:
    """Open a PNG with Pillow, lazily.

    Raises:
        ImageProblem: DP206 its headers are broken.
    """
    try:
        return _open(data, ["PNG"])
    except Exception as error:  # as above
        raise ImageProblem("DP206", f"PNG: {error}") from None


def _open(data: bytes, formats: list[str]) -> Image.Image:
    """Without Pillow's warnings, which would stand on the terminal: what they say is a finding or no news."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Image.open(io.BytesIO(data), formats=formats)


def _through_pillow(data: bytes) -> Header:
    picture = open_other(data)
    kind = _OTHERS[str(picture.format)]
    try:
        frames = getattr(picture, "n_frames", 1)
        turned = picture.getexif().get(ORIENTATION, 1) if kind in ("webp", "tiff") else 1
    except Exception as error:  # as above: a torn file can make any plug-in raise anything
        raise ImageProblem("DP206", f"{kind}: {error}") from None
    if frames > 1:
        raise ImageProblem("DP208", f"{kind} of {frames} frames")
    turned = turned if isinstance(turned, int) and 1 <= turned <= 8 else 1
    swapped = kind == "tiff" and turned >= 5  # Pillow gives a TIFF's size as displayed
    return Header(kind, picture.size[::-1] if swapped else picture.size, turned)
