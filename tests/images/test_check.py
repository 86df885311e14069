"""Each depth finds what it promises, and reads no further than it says."""

from __future__ import annotations

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from make import make_picture
from PIL import Image

from datapipe.images.check import check
from datapipe.images.probe import ImageProblem, probe

DEPTHS = ("header", "structure", "decode")


def verdicts(data: bytes) -> dict[str, bool]:
    """Depth -> whether the picture passes; a repaired one passes."""
    header = probe(data)

    def passes(depth: str) -> bool:
        try:
            check(data, header, depth)
        except ImageProblem as problem:
            assert problem.code == "DP206", problem
            return False
        return True

    return {depth: passes(depth) for depth in DEPTHS}


def big_jpeg(**options: object) -> bytes:
    noise = np.random.default_rng(1).integers(0, 256, (96, 128, 3), np.uint8)
    out = io.BytesIO()
    Image.fromarray(noise).save(out, "JPEG", quality=90, **options)
    return out.getvalue()


GOOD = {
    "jpeg": big_jpeg(),
    "progressive": big_jpeg(progressive=True),
    "restart markers": big_jpeg(restart_marker_blocks=4),
    "grey": make_picture(mode="L"),
    "CMYK": make_picture(mode="CMYK"),
    "RGB jpeg": make_picture(keep_rgb=True),
    "1x1": make_picture((1, 1)),
    "png": make_picture(kind="PNG"),
    "palette png": make_picture(kind="PNG", mode="P"),
    "RGBA png": make_picture(kind="PNG", mode="RGBA"),
    "bmp": make_picture(kind="BMP"),
    "gif": make_picture(kind="GIF"),
    "webp": make_picture(kind="WEBP"),
    "tiff": make_picture(kind="TIFF"),
}


@pytest.mark.parametrize("name", GOOD)
def test_a_whole_picture_passes_every_depth_unchanged(name):
    data = GOOD[name]
    assert all(check(data, probe(data), depth) is data for depth in DEPTHS)


@pytest.mark.parametrize("garbage", [b"x", b"\0" * 500, b"\xff\xd8\xff\xe0 another", b"\xff\xd9", b"\xff"])
def test_garbage_after_the_end_of_a_jpeg_is_allowed(garbage):
    data = big_jpeg() + garbage
    assert all(check(data, probe(data), depth) is data for depth in DEPTHS)


@pytest.mark.parametrize("name", ["jpeg", "progressive", "restart markers", "grey", "RGB jpeg"])
def test_a_jpeg_that_lacks_only_its_end_marker_gets_it_at_depth_decode(name):
    whole = GOOD[name]
    assert whole.endswith(b"\xff\xd9")
    torn = whole[:-2]
    assert check(torn, probe(torn), "decode") == whole
    assert check(torn, probe(torn), "header") is torn
    with pytest.raises(ImageProblem, match="JPEG ends inside its data"):
        check(torn, probe(torn), "structure")


def test_half_an_end_marker_is_mended_too():
    torn = big_jpeg()[:-1]
    mended = check(torn, probe(torn), "decode")
    assert mended.endswith(b"\xff\xd9") and cv2.imdecode(np.frombuffer(mended, np.uint8), 1) is not None


@pytest.mark.parametrize("share", [0.3, 0.5, 0.9, 0.98])
@pytest.mark.parametrize("name", ["jpeg", "progressive", "restart markers"])
def test_a_truncated_jpeg_is_damaged_at_structure_and_decode(name, share):
    whole = GOOD[name]
    assert verdicts(whole[: int(len(whole) * share)]) == {"header": True, "structure": False, "decode": False}


@pytest.mark.parametrize("name", ["jpeg", "progressive", "restart markers"])
def test_200_zeroed_bytes_in_the_middle_are_found_by_decode_but_not_by_opencv(name):
    damaged = bytearray(GOOD[name])
    middle = len(damaged) // 2
    damaged[middle : middle + 200] = bytes(200)
    data = bytes(damaged)
    assert cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) is not None
    found = verdicts(data)
    assert found["header"] and not found["decode"]


def chunks(data: bytes) -> list[tuple[bytes, int, int]]:
    found, position = [], 8
    while position < len(data):
        length = struct.unpack_from(">I", data, position)[0]
        found.append((data[position + 4 : position + 8], position + 8, length))
        position += length + 12
    return found


def test_a_broken_png_crc_is_found_by_structure_and_decode():
    data = bytearray(make_picture(kind="PNG"))
    _, body, length = next(c for c in chunks(data) if c[0] == b"IDAT")
    data[body + length] ^= 1
    assert verdicts(bytes(data)) == {"header": True, "structure": False, "decode": False}


def test_png_pixels_that_do_not_inflate_are_found_by_decode_alone():
    data = make_picture(kind="PNG")
    _, body, length = next(c for c in chunks(data) if c[0] == b"IDAT")
    lie = b"IDAT" + b"\x78\x9c" + b"\xff" * (length - 2)
    data = data[: body - 4] + lie + struct.pack(">I", zlib.crc32(lie)) + data[body + length + 4 :]
    assert verdicts(data) == {"header": True, "structure": True, "decode": False}


@pytest.mark.parametrize("share", [0.5, 0.9])
def test_a_truncated_png_is_damaged_at_structure_and_decode(share):
    whole = make_picture((128, 96), "PNG")
    assert verdicts(whole[: int(len(whole) * share)]) == {"header": True, "structure": False, "decode": False}


@pytest.mark.parametrize("missing", range(1, 13))
def test_a_png_whose_end_chunk_is_cut_is_found(missing):
    data = make_picture(kind="PNG")
    assert verdicts(data[:-missing]) == {"header": True, "structure": False, "decode": False}
    assert all(verdicts(data + b"garbage").values())


def test_a_png_with_too_few_rows_is_found_by_decode():
    raw = zlib.compress(b"\0" * (1 + 3 * 10) * 4)
    parts = [(b"IHDR", struct.pack(">IIBBBBB", 10, 10, 8, 2, 0, 0, 0)), (b"IDAT", raw), (b"IEND", b"")]
    data = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in parts
    )
    assert not verdicts(data)["decode"]


@pytest.mark.parametrize("kind", ["BMP", "GIF", "WEBP", "TIFF"])
def test_other_formats_are_loaded_at_depth_decode(kind):
    whole = make_picture((128, 96), kind)
    try:
        found = verdicts(whole[: int(len(whole) * 0.7)])
    except ImageProblem as problem:  # some say so in their headers
        assert problem.code in ("DP205", "DP206")
    else:
        assert not found["decode"]


class Counted(bytes):
    """Bytes that fail when anything is looked at."""

    def __getitem__(self, at: object) -> object:
        raise AssertionError("read")


def test_depth_header_reads_nothing_further():
    data = Counted(make_picture())
    assert check(data, probe(bytes(data)), "header") is data


def test_a_side_that_no_decoder_takes_is_told_instead_of_raised():
    row = zlib.compress(bytes(1 + (1 << 20) // 8 + 1))
    header = struct.pack(">IIBBBBB", (1 << 20) + 8, 1, 1, 0, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n"
    for kind, body in ((b"IHDR", header), (b"IDAT", row), (b"IEND", b"")):
        data += struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    assert verdicts(data) == {"header": True, "structure": True, "decode": False}
