"""Defects of the pictures' own bytes: damage, lies in headers, rarer formats."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

from make import make_picture, make_pixels
from mini import Picture, Source
from PIL import Image

from defects.kind import Defect

Bytes = Callable[[Picture], bytes]
JPEG, PNG = ".jpg", ".png"


def every_picture_defect() -> Iterator[Defect]:
    """All of them, format by format."""
    for kind in ("coco", "voc", "yolo"):
        for name, (code, ending, data) in LEFT_OUT.items():
            yield _spoilt(kind, name, code, ending, data)
        for name, (code, data) in REPAIRED.items():
            yield _mended(kind, name, code, data)
        for name, data in LEGAL.items():
            yield _mended(kind, name, "", data)
        for tag in (3, 6, 8):
            yield _turned(kind, f"orientation {tag}, annotated as displayed", tag, stored=False)
        if not kind.startswith("yolo"):
            yield _turned(kind, "orientation 6, annotated as stored", 6, stored=True)


def _spoilt(kind: str, name: str, code: str, ending: str, data: Bytes) -> Defect:
    def plant(source: Source, rng: Random) -> None:
        picture = source.take_picture(rng, ending=ending)
        picture.data = data(picture)
        picture.lose(code)

    return Defect(name, kind, code, plant)


def _mended(kind: str, name: str, code: str, data: Bytes) -> Defect:
    def plant(source: Source, rng: Random) -> None:
        picture = source.take_picture(rng)
        picture.data = data(picture)
        if code:
            picture.told.append((code, "repaired"))

    return Defect(name, kind, code, plant)


def _turned(kind: str, name: str, tag: int, stored: bool) -> Defect:
    """The declared size stays: it is the displayed one, unless the boxes are in the stored frame."""

    def plant(source: Source, rng: Random) -> None:
        picture = source.take_picture(rng)
        wh = picture.wh if stored or tag < 5 else picture.wh[::-1]
        picture.data = make_picture(wh, orientation=tag)
        picture.told.append(("DP222", "repaired"))

    return Defect(name, kind, "DP222", plant)


def _made(kind: str, mode: str = "RGB", **options: Any) -> Bytes:
    return lambda picture: make_picture(picture.wh, kind, mode, **options)


def _frames(kind: str, wh: tuple[int, int]) -> bytes:
    first, second = (Image.fromarray(make_pixels(wh, seed=9 * seed)) for seed in range(2))
    out = io.BytesIO()
    first.save(out, kind, save_all=True, append_images=[second])
    return out.getvalue()


def chunk(kind: bytes, body: bytes) -> bytes:
    """A PNG chunk."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def lying_png(w: int, h: int) -> bytes:
    """A PNG whose header promises more than there is."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 99)) + chunk(b"IEND", b"")


def _frame_header(data: bytes, **changes: int) -> bytes:
    """A JPEG with another marker, precision, height or width in its frame header."""
    at = data.index(b"\xff\xc0")
    marker, length, precision, h, w = struct.unpack_from(">HHBHH", data, at)
    old = {"marker": marker, "precision": precision, "h": h, "w": w} | changes
    new = struct.pack(">HHBHH", old["marker"], length, old["precision"], old["h"], old["w"])
    return data[:at] + new + data[at + len(new) :]


def _jpeg(change: Callable[[bytes], bytes]) -> Bytes:
    return lambda picture: change(make_picture(picture.wh))


def _png(change: Callable[[bytes], bytes]) -> Bytes:
    return lambda picture: change(make_picture(picture.wh, "PNG"))


def _without_rows(picture: Picture) -> bytes:
    """A PNG with whole chunks and good sums, whose data ends after half of its rows."""
    w, h = picture.wh
    rows = zlib.compress(b"".join(b"\0" + b"\x99" * 3 * w for _ in range(h // 2)))
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


LEFT_OUT: dict[str, tuple[str, str, Bytes]] = {
    "an empty file": ("DP202", "", lambda picture: b""),
    "text": ("DP205", "", lambda picture: b"this is not a picture\n"),
    "a web page": ("DP205", "", lambda picture: b"<!DOCTYPE html><title>404</title>"),
    "zeros": ("DP205", "", lambda picture: bytes(5000)),
    "a PDF": ("DP205", "", lambda picture: b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"),
    "a Git LFS pointer": ("DP205", "", lambda picture: b"version https://git-lfs.github.com/spec/v1\n"),
    "JPEG 2000": ("DP205", "", lambda picture: make_picture(picture.wh, "JPEG2000")),
    "12-bit JPEG": ("DP205", JPEG, _jpeg(lambda data: _frame_header(data, precision=12))),
    "lossless JPEG": ("DP205", JPEG, _jpeg(lambda data: _frame_header(data, marker=0xFFC3))),
    "floating point TIFF": ("DP205", "", lambda picture: make_picture(picture.wh, "TIFF", "F")),
    "a JPEG's first bytes": ("DP206", JPEG, _jpeg(lambda data: data[:20])),
    "a JPEG without pixels": ("DP206", JPEG, _jpeg(lambda data: data[: data.index(b"\xff\xda")])),
    "a truncated JPEG": ("DP206", JPEG, _jpeg(lambda data: data[:-50])),
    "an end marker amid a JPEG's data": (
        "DP206",
        JPEG,
        _jpeg(lambda data: data[:-60] + b"\xff\xd9" + data[-60:]),
    ),
    "zeros amid a JPEG's data": ("DP206", JPEG, _jpeg(lambda data: data[:-60] + bytes(58) + data[-2:])),
    "noise amid a JPEG's data": ("DP206", JPEG, _jpeg(lambda data: data[:-60] + b"\xff\0" * 29 + data[-2:])),
    "a stray restart marker": ("DP206", JPEG, _jpeg(lambda data: data[:-40] + b"\xff\xd3" + data[-38:])),
    "a truncated PNG": ("DP206", PNG, _png(lambda data: data[: len(data) // 2])),
    "a PNG with a wrong sum": ("DP206", PNG, _png(lambda data: data[:-20] + b"\0\xff" + data[-18:])),
    "a PNG without data": ("DP206", PNG, _png(lambda data: data[:33] + data[-12:])),
    "a PNG that lacks rows": ("DP206", PNG, _without_rows),
    "a truncated BMP": ("DP206", "", lambda picture: make_picture(picture.wh, "BMP")[:-200]),
    "a truncated GIF": ("DP206", "", lambda picture: make_picture(picture.wh, "GIF")[:-60]),
    "a truncated TIFF": ("DP206", "", lambda picture: make_picture(picture.wh, "TIFF")[:-60]),
    "a PNG header that promises 169 megapixels": ("DP206", PNG, lambda picture: lying_png(13000, 13000)),
    "a truncated WebP": ("DP206", "", lambda picture: make_picture(picture.wh, "WEBP", lossless=True)[:-100]),
    "a PNG of 400 megapixels": ("DP207", PNG, lambda picture: lying_png(20000, 20000)),
    "a PNG of 2^62 pixels": ("DP207", PNG, lambda picture: lying_png(2**31 - 1, 2**31 - 1)),
    "a JPEG of 4 gigapixels": ("DP207", JPEG, _jpeg(lambda data: _frame_header(data, w=65500, h=65500))),
    "an animated GIF": ("DP208", "", lambda picture: _frames("GIF", picture.wh)),
    "an animated PNG": ("DP208", "", lambda picture: _frames("PNG", picture.wh)),
    "an animated WebP": ("DP208", "", lambda picture: _frames("WEBP", picture.wh)),
    "a TIFF of two pages": ("DP208", "", lambda picture: _frames("TIFF", picture.wh)),
}
REPAIRED: dict[str, tuple[str, Bytes]] = {
    "a BMP": ("DP223", _made("BMP")),
    "a GIF": ("DP223", _made("GIF")),
    "a WebP": ("DP223", _made("WEBP")),
    "a lossless WebP": ("DP223", _made("WEBP", lossless=True)),
    "a TIFF": ("DP223", _made("TIFF")),
    "a TIFF of 16 bits": ("DP223", _made("TIFF", "I;16")),
    "a JPEG without its end marker": ("DP226", _jpeg(lambda data: data[:-2])),
}
LEGAL: dict[str, Bytes] = {
    "garbage after a JPEG's end": _jpeg(lambda data: data + b"garbage" * 20),
    "a progressive JPEG": _made("JPEG", progressive=True),
    "a grey JPEG": _made("JPEG", "L"),
    "a CMYK JPEG": _made("JPEG", "CMYK"),
    "a palette PNG": _made("PNG", "P"),
    "a bilevel PNG": _made("PNG", "1"),
    "a 16 bit PNG": _made("PNG", "I;16"),
    "a PNG with transparency": _made("PNG", "RGBA"),
}
