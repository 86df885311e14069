"""Is a picture whole? Three depths, from a look at the header to every bit of its data."""

from __future__ import annotations

import re
from typing import Literal

import simplejpeg
from PIL import Image

from datapipe.images.pixels import decode
from datapipe.images.probe import Header, ImageProblem, open_other, open_png

Depth = Literal["decode", "structure", "header"]

_JPEG_END = b"\xff\xd9"
_PNG_END = b"\0\0\0\0IEND\xaeB\x60\x82"
_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_SCAN = 0xDA


def check(data: bytes, header: Header, depth: Depth) -> bytes:
    """Look for damage.

    Args:
        data: the picture's bytes.
        header: what `probe` said of them.
        depth: "header" looks no further; "structure" walks markers or chunks to the end; "decode" reads all
            data to the end once and also finds damage that decoders only warn about.

    Returns:
        The bytes; a JPEG that lacks only its end marker comes back with it.

    Raises:
        ImageProblem: DP206, with what is wrong.
    """
    if depth == "header":
        return data
    if header.format == "jpeg":
        return _jpeg_structure(data) if depth == "structure" else _jpeg_data(data)
    if header.format == "png":
        _png(data, depth)
    elif depth == "decode":
        _load(open_other(data), header.format)
    return data


def _jpeg_structure(data: bytes) -> bytes:
    """Walk every marker segment and scan up to the end marker (ITU T.81, B.2).

    Garbage after the end marker is allowed.
    """
    position, scanned = 2, False
    while True:
        found = _MARKER.search(data, position) if scanned else None
        if scanned and found is None:
            raise ImageProblem("DP206", f"JPEG ends inside its data, after {len(data)} bytes")
        position = found.start() if found else position
        if data[position : position + 2] == _JPEG_END:
            return data
        if position + 4 > len(data):
            raise ImageProblem("DP206", f"JPEG ends inside its headers, after {len(data)} bytes")
        if data[position] != 0xFF:
            raise ImageProblem("DP206", f"no JPEG marker at byte {position}")
        if data[position + 1] == 0xFF:
            position += 1
            continue
        scanned = scanned or data[position + 1] == _SCAN
        position += 2 + max(2, int.from_bytes(data[position + 2 : position + 4], "big"))


def _jpeg_data(data: bytes) -> bytes:
    """Read all entropy-coded data; libjpeg's warnings count as damage.

    Grey at an eighth of the size: every bit is still read (the checks lie in the entropy decoder), but colour
    conversion and almost all of the inverse transform fall away: a quarter of the time of a full decode.
    """
    try:
        _strict(data)
        return data
    except ValueError as error:
        problem = ImageProblem("DP206", f"JPEG data: {error}")
    mended = data + _JPEG_END
    if _JPEG_END in data[-64:] or not _is_whole(mended):
        raise problem
    return mended


def _is_whole(data: bytes) -> bool:
    try:
        _jpeg_structure(data)
        _strict(data)
    except (ValueError, ImageProblem):
        return False
    return True


def _strict(data: bytes) -> None:
    _, _, colorspace, _ = simplejpeg.decode_jpeg_header(data)
    four = colorspace in ("CMYK", "YCCK")
    simplejpeg.decode_jpeg(data, "CMYK" if four else "GRAY", min_height=1, min_width=1, strict=True)


def _png(data: bytes, depth: Depth) -> None:
    """Check every chunk's CRC and, for "decode", inflate the pixels."""
    try:
        with open_png(data) as picture:
            picture.verify()
        if _PNG_END not in data:
            raise ImageProblem("DP206", f"PNG ends inside its chunks, after {len(data)} bytes")
    except ImageProblem:
        raise
    except Exception as error:  # Pillow raises SyntaxError, OSError, zlib.error, struct.error, ValueError
        raise ImageProblem("DP206", f"PNG: {error}") from None
    if depth == "decode":  # by libpng, as TensorFlow does; Pillow takes missing rows for black ones
        try:
            decode(data)
        except ValueError:
            raise ImageProblem("DP206", "PNG: its pixels do not decode") from None


def _load(picture: Image.Image, name: str) -> None:
    try:
        picture.load()
    except Exception as error:  # as above
        raise ImageProblem("DP206", f"{name}: {error}") from None
