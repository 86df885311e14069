"""From a source's bytes to the bytes a record keeps.

Kept as they came whenever every plain reader will decode them right. Otherwise: turned upright (or relieved
of an orientation tag that the boxes do not follow), or written as PNG or JPEG.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from datapipe.images.check import Depth, check
from datapipe.images.probe import ORIENTATION, Header, ImageProblem, open_other, open_png, probe

JPEG_QUALITY = 95
"""For pictures that must be encoded again and were lossy before; chroma is kept at full resolution."""


@dataclass(frozen=True)
class Stored:
    """A picture ready for its record.

    data:    bytes that `tf.io.decode_image` decodes to wh, without any orientation tag other than 1
    format:  "jpeg" or "png"
    wh:      width and height in px, of the frame the boxes are in
    repairs: (code, what was done)
    """

    data: bytes
    format: str
    wh: tuple[int, int]
    repairs: tuple[tuple[str, str], ...] = ()


def store(data: bytes, declared_wh: tuple[int, int], depth: Depth) -> Stored:
    """Probe, check and bring a picture into the frame its boxes are in.

    Boxes are in the frame whose size is declared; where none is declared or both fit, in the displayed one.
    Example: a 640 x 480 JPEG with orientation 6 whose annotations say 480 x 640 is turned and stored upright;
    if they say 640 x 480 its pixels stay and only the tag goes.

    Args:
        data: the file's bytes.
        declared_wh: width and height the annotations state, (0, 0) for none.
        depth: how far to look for damage.

    Raises:
        ImageProblem: DP202, DP205 to DP208 (see `probe` and `check`), DP209 the declared size fits no frame.
    """
    header = probe(data)
    known = declared_wh != (0, 0)
    if known and declared_wh not in (header.displayed_wh, header.wh):
        shown = "" if header.orientation == 1 else f" ({_size(header.displayed_wh)} as displayed)"
        raise ImageProblem("DP209", f"declared {_size(declared_wh)}, is {_size(header.wh)}{shown}")
    upright = not known or declared_wh == header.displayed_wh
    whole = check(data, header, depth)
    repairs: list[tuple[str, str]] = [] if whole is data else [("DP226", "end marker")]
    if not known:
        repairs.append(("DP224", _size(header.displayed_wh)))
    if header.orientation != 1:
        repairs.append(
            ("DP222", f"orientation {header.orientation}, {'turned' if upright else 'tag removed'}")
        )
    if header.format in ("jpeg", "png"):
        if header.orientation == 1:
            return Stored(whole, header.format, header.wh, tuple(repairs))
        stored = _turned(whole, header) if upright else _untagged(whole, header)
    else:
        repairs.append(("DP223", header.format))
        stored = _transcoded(whole, header, upright)
    return Stored(stored.data, stored.format, stored.wh, tuple(repairs))


def _size(wh: tuple[int, int]) -> str:
    return f"{wh[0]}x{wh[1]}"


def _turned(data: bytes, header: Header) -> Stored:
    """The upright picture, encoded again: there is no lossless turn for every JPEG size."""
    if header.format == "png":
        return _as_png(_oriented(_opened(data), header.orientation))
    # "Unchanged" keeps grey grey, makes BGR of CMYK, and does not turn.
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise ImageProblem("DP206", "JPEG does not decode")
    return _as_jpeg(_oriented(Image.fromarray(pixels), header.orientation))


def _untagged(data: bytes, header: Header) -> Stored:
    """The same pixels without the tag; in a JPEG the tag's value is overwritten, nothing else changes."""
    if header.format == "png":
        return _as_png(_opened(data))
    patched = bytearray(data)
    for at, order in header.orientation_at:
        patched[at : at + 2] = (1).to_bytes(2, order)
    return Stored(bytes(patched), "jpeg", header.wh)


def _transcoded(data: bytes, header: Header, upright: bool) -> Stored:
    picture = open_other(data)
    lossy = picture.info.get("compression") == "jpeg" or (header.format == "webp" and _lossy_webp(data))
    try:
        picture.load()
    except Exception as error:  # Pillow's plug-ins raise whatever their parser trips over
        raise ImageProblem("DP206", f"{header.format}: {error}") from None
    picture = _storable(picture)
    if header.format != "tiff":
        turn = header.orientation if upright else 1
    else:  # Pillow turned it while loading
        turn = 1 if upright else {6: 8, 8: 6}.get(header.orientation, header.orientation)
    picture = _oriented(picture, turn)
    if lossy and picture.mode in ("L", "RGB"):
        pixels = np.asarray(picture)
        return _as_jpeg(Image.fromarray(pixels[..., ::-1] if pixels.ndim == 3 else pixels))
    return _as_png(picture)


def _lossy_webp(data: bytes) -> bool:
    """Walk the chunks to the pixels, past profiles and into a lone frame (WebP container specification)."""
    position = 12
    while position + 8 <= len(data):
        kind, length = (
            data[position : position + 4],
            int.from_bytes(data[position + 4 : position + 8], "little"),
        )
        if kind in (b"VP8 ", b"VP8L"):
            return kind == b"VP8 "
        position += 24 if kind == b"ANMF" else 8 + length + length % 2
    return True


def _storable(picture: Image.Image) -> Image.Image:
    """The same pixels in a mode that PNG and TensorFlow hold: grey, grey 16 bit, RGB, RGBA."""
    if picture.mode in ("L", "RGB", "RGBA", "I;16"):
        return picture
    if picture.mode in ("F", "I"):
        raise ImageProblem("DP205", f"pixels of mode {picture.mode}")
    if picture.mode.startswith("I;16"):
        return Image.fromarray(np.asarray(picture).astype(np.uint16))
    if picture.mode == "1":
        return picture.convert("L")
    transparent = "transparency" in picture.info or picture.mode in ("LA", "PA", "La", "RGBa")
    return picture.convert("RGBA" if transparent else "RGB")


def _opened(data: bytes) -> Image.Image:
    picture = open_png(data)
    try:
        picture.load()
    except Exception as error:  # as above
        raise ImageProblem("DP206", f"PNG: {error}") from None
    return picture


def _oriented(picture: Image.Image, orientation: int) -> Image.Image:
    """Turn and mirror as EXIF says (Exif 2.32, tag 0x0112)."""
    bare = picture.copy()
    bare.getexif()[ORIENTATION] = orientation
    return ImageOps.exif_transpose(bare)


def _as_png(picture: Image.Image) -> Stored:
    """Encode without any of the metadata Pillow carries along, save a palette's colours and transparency."""
    clean = picture.copy()
    clean.info = {k: v for k, v in picture.info.items() if k == "transparency"}
    out = io.BytesIO()
    clean.save(out, "PNG", exif=b"")
    return Stored(out.getvalue(), "png", picture.size)


def _as_jpeg(bgr: Image.Image) -> Stored:
    """Encode with OpenCV; the picture holds BGR or grey pixels."""
    pixels: NDArray[Any] = np.ascontiguousarray(bgr)
    options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    options += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    encoded, data = cv2.imencode(".jpg", pixels, options)
    if not encoded:
        raise ImageProblem("DP206", "the picture cannot be encoded as JPEG")
    return Stored(data.tobytes(), "jpeg", bgr.size)
