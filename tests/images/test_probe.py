"""Headers: the content decides, bombs and many frames are found before any pixel is decoded."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from make import make_picture, make_pixels
from PIL import Image

from datapipe.images.probe import MAX_PIXELS, Header, ImageProblem, probe

KINDS = {"JPEG": "jpeg", "PNG": "png", "BMP": "bmp", "GIF": "gif", "WEBP": "webp", "TIFF": "tiff"}


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_header(w: int, h: int) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def jpeg_header(w: int, h: int, marker: int = 0xC0, bits: int = 8) -> bytes:
    frame = struct.pack(">HBHHB", 17, bits, h, w, 3) + bytes(9)
    return b"\xff\xd8\xff" + bytes([marker]) + frame + b"\xff\xda\x00\x02\xff\xd9"


def gif_header(w: int, h: int) -> bytes:
    screen = b"GIF89a" + struct.pack("<HHBBB", w, h, 0x80, 0, 0) + bytes(6)
    return screen + b"\x2c" + struct.pack("<HHHHB", 0, 0, w, h, 0) + b"\x02\x02\x44\x01\x00\x3b"


def bmp_header(w: int, h: int) -> bytes:
    return (
        b"BM"
        + struct.pack("<IHHI", 58, 0, 0, 54)
        + struct.pack("<IiiHHIIiiII", 40, w, h, 1, 24, 0, 4, 0, 0, 0, 0)
        + bytes(4)
    )


def frames(kind: str, n: int, **options: object) -> bytes:
    pictures = [Image.fromarray(make_pixels((20, 10), seed=40 * i)) for i in range(n)]
    out = io.BytesIO()
    pictures[0].save(out, kind, save_all=True, append_images=pictures[1:], **options)
    return out.getvalue()


def code_of(data: bytes) -> str:
    with pytest.raises(ImageProblem) as problem:
        probe(data)
    return f"{problem.value.code}: {problem.value.value}"


@pytest.mark.parametrize("kind", KINDS)
def test_format_and_size_come_from_the_content(kind):
    assert probe(make_picture((33, 21), kind)) == Header(KINDS[kind], (33, 21))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_and_both_sizes_are_read(kind, orientation):
    header = probe(make_picture((33, 21), kind, orientation=orientation))
    assert (header.orientation, header.wh) == (orientation, (33, 21))
    assert header.displayed_wh == ((21, 33) if orientation >= 5 else (33, 21))


@pytest.mark.parametrize("order", ["little", "big"])
def test_the_place_of_the_orientation_value_is_exact(order):
    mark = "<" if order == "little" else ">"
    tiff = (b"II" if order == "little" else b"MM") + struct.pack(mark + "HI", 42, 8)
    tiff += struct.pack(mark + "H", 1) + struct.pack(mark + "HHIHH", 0x0112, 3, 1, 6, 0) + bytes(4)
    exif = b"Exif\0\0" + tiff
    plain = make_picture()
    data = plain[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + plain[2:]
    header = probe(data)
    ((at, found),) = header.orientation_at
    assert (header.orientation, found) == (6, order)
    assert int.from_bytes(data[at : at + 2], order) == 6


@pytest.mark.parametrize("value", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_is_upright(value):
    data = bytearray(make_picture(orientation=6))
    ((at, order),) = probe(bytes(data)).orientation_at
    data[at : at + 2] = value.to_bytes(2, order)
    assert probe(bytes(data)).orientation == 1


@pytest.mark.parametrize("bomb", [png_header, jpeg_header, gif_header, bmp_header])
def test_a_bomb_is_refused_by_its_header_without_memory(bomb):
    data = bomb(60_000, 60_000)
    tracemalloc.start()
    try:
        told = code_of(data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert told.startswith("DP207: ") and peak < 1 << 20


@pytest.mark.parametrize("make", [png_header, jpeg_header])
def test_the_limit_itself_is_allowed_and_one_row_more_is_not(make):
    side = MAX_PIXELS // 10_000
    assert probe(make(10_000, side) + bytes(400_000)).wh == (10_000, side)
    assert code_of(make(10_000, side + 1)) == f"DP207: 10000 x {side + 1} = {10_000 * (side + 1)} pixels"


@pytest.mark.parametrize(
    "data, told",
    [
        (b"", "DP202: 0 bytes"),
        (b"hello world", "DP205: starts with b'hello wo'"),
        (b"<svg/>", "DP205: "),
        (b"%PDF-1.4", "DP205: "),
        (b"\xff\xd8\xff", "DP206: JPEG ends before its frame header"),
        (b"\xff\xd8\xff\xd9", "DP206: JPEG ends before its frame header"),
        (b"\x89PNG\r\n\x1a\n", "DP206: PNG without a header chunk"),
        (png_header(0, 5), "DP206: png header says 0 x 5"),
        (jpeg_header(5, 0), "DP206: jpeg header says 5 x 0"),
        (jpeg_header(5, 5, bits=12), "DP205: JPEG of 12 bits, process SOF0"),
        (jpeg_header(5, 5, marker=0xC3), "DP205: JPEG of 8 bits, process SOF3"),
        (jpeg_header(5, 5, marker=0xC9), "DP205: JPEG of 8 bits, process SOF9"),
    ],
)
def test_what_is_no_usable_picture_says_why(data, told):
    assert code_of(data).startswith(told)


@pytest.mark.parametrize(
    "kind, options",
    [
        ("GIF", {}),
        ("WEBP", {}),
        ("WEBP", {"lossless": True}),
        ("PNG", {}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
    ],
)
def test_several_frames_or_pages_are_refused_and_counted(kind, options):
    told = code_of(frames(kind, 3, **options))
    assert told.startswith("DP208: ") and "3 frames" in told


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_one_frame_in_a_format_of_many_is_a_picture(kind):
    assert probe(frames(kind, 1)).wh == (20, 10)


def test_padding_before_a_jpeg_marker_is_allowed():
    plain = make_picture()
    assert probe(plain[:2] + b"\xff\xff\xff" + plain[2:]).wh == (40, 30)


@given(
    st.sampled_from(
        [
            b"",
            b"\xff\xd8\xff",
            b"\x89PNG\r\n\x1a\n",
            b"GIF89a",
            b"BM",
            b"RIFF\x20\0\0\0WEBP",
            b"II*\0",
            b"MM\0*",
        ]
    ),
    st.binary(max_size=80),
)
def test_random_bytes_raise_nothing_but_image_problem(start, rest):
    try:
        header = probe(start + rest)
    except ImageProblem as problem:
        assert problem.code in ("DP202", "DP205", "DP206", "DP207", "DP208")
    else:
        assert 0 < header.wh[0] * header.wh[1] <= MAX_PIXELS
