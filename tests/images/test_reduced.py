"""Decoding at a half, a quarter and an eighth: every pixel covers exactly its block of the stored picture."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
import simplejpeg
from hypothesis import given
from hypothesis import strategies as st
from make import make_picture
from PIL import Image

from datapipe.images.pixels import BESIDE, Decoded, decode, decode_reduced, shrunk

FACTORS = [1, 2, 4, 8]
OPENCV = {
    1: cv2.IMREAD_COLOR,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}


def smooth(wh, seed=0):
    noise = np.random.default_rng(seed).integers(0, 256, (wh[1], wh[0], 3), np.uint8)
    return cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 4), None, 0, 255, cv2.NORM_MINMAX)


def jpeg(pixels, subsampling="420", quality=95):
    return simplejpeg.encode_jpeg(np.ascontiguousarray(pixels), quality=quality, colorsubsampling=subsampling)


def saved(pixels, kind, **options):
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, kind, **options)
    return out.getvalue()


def block_means(pixels, factor):
    height, width = pixels.shape[:2]
    rows, columns = np.arange(0, height, factor), np.arange(0, width, factor)
    sums = np.add.reduceat(np.add.reduceat(pixels.astype(float), rows), columns, axis=1)
    counts = np.diff([*rows, height])[:, None] * np.diff([*columns, width])[None]
    return sums / counts[..., None]


@given(st.integers(1, 40), st.integers(1, 40), st.sampled_from(FACTORS))
def test_shrinking_gives_the_mean_of_each_block_and_of_what_is_left_at_the_edges(width, height, factor):
    pixels = np.random.default_rng(width).integers(0, 256, (height, width, 3), np.uint8)
    assert np.abs(shrunk(pixels, factor) - block_means(pixels, factor)).max() <= 0.5001


@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize("wh", [(101, 67), (640, 480), (64, 65), (9, 300), (8, 8), (5, 3), (1, 1), (2, 1)])
@pytest.mark.parametrize("subsampling", ["420", "422", "444", "Gray"])
def test_a_jpeg_is_libjpegs_own_fraction_bit_by_bit(factor, wh, subsampling):
    pixels = smooth(wh)[..., :1] if subsampling == "Gray" else smooth(wh)
    data = (
        simplejpeg.encode_jpeg(np.ascontiguousarray(pixels), colorspace="GRAY", colorsubsampling="Gray")
        if subsampling == "Gray"
        else jpeg(pixels, subsampling)
    )
    made = decode_reduced(data, factor)
    assert made.factor == factor
    assert made.pixels.shape == (-(-wh[1] // factor), -(-wh[0] // factor), 3)
    theirs = cv2.imdecode(np.frombuffer(data, np.uint8), OPENCV[factor] | cv2.IMREAD_IGNORE_ORIENTATION)
    assert np.array_equal(made.pixels, theirs[..., ::-1])


@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize("subsampling", ["420", "444"])
def test_fast_decoding_is_near_the_accurate_one_and_at_full_size_not_the_same(factor, subsampling):
    data = jpeg(smooth((160, 120)), subsampling)
    accurate, fast = (decode_reduced(data, factor, decoding=how).pixels for how in ("accurate", "fast"))
    error = np.square(accurate.astype(float) - fast).mean()
    assert fast.shape == accurate.shape and error < 255**2 / 10**3.6
    assert factor > 1 or error > 0


def test_fast_decoding_leaves_what_is_no_jpeg_alone():
    data = saved(smooth((31, 20)), "PNG")
    assert np.array_equal(decode_reduced(data, 2, decoding="fast").pixels, decode_reduced(data, 2).pixels)


@pytest.mark.parametrize("factor", [2, 4, 8])
@pytest.mark.parametrize("wh", [(101, 67), (640, 480), (163, 99)])
def test_a_jpegs_fraction_is_close_to_the_mean_of_each_whole_block(factor, wh):
    pixels = smooth(wh)
    made = decode_reduced(jpeg(pixels, "444", 98), factor).pixels
    whole = made[: wh[1] // factor, : wh[0] // factor]
    expected = block_means(pixels, factor)[: wh[1] // factor, : wh[0] // factor]
    assert np.abs(whole - expected).mean() < 1 and np.abs(whole - expected).max() < 12


@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize("kind", ["PNG", "BMP", "WEBP"])
def test_other_formats_are_decoded_whole_and_averaged(factor, kind):
    pixels = smooth((101, 67))
    data = saved(pixels, kind, **({"lossless": True} if kind == "WEBP" else {}))
    assert np.array_equal(decode_reduced(data, factor).pixels, shrunk(pixels, factor))


@pytest.mark.parametrize("factor", FACTORS)
def test_an_orientation_tag_turns_nothing_at_any_fraction(factor):
    data = make_picture((40, 24), orientation=6)
    assert decode_reduced(data, factor).pixels.shape == (24 // factor, 40 // factor, 3)


@pytest.mark.parametrize("factor", FACTORS)
def test_cmyk_and_damage_within_the_data_are_what_opencv_makes_of_them(factor):
    cmyk = io.BytesIO()
    Image.fromarray(smooth((80, 64))).convert("CMYK").save(cmyk, "JPEG")
    damaged = bytearray(jpeg(np.random.default_rng(0).integers(0, 256, (64, 80, 3), np.uint8)))
    damaged[3000:3200] = bytes(200)
    with pytest.raises(ValueError, match="."):
        simplejpeg.decode_jpeg(bytes(damaged))
    for data in (cmyk.getvalue(), bytes(damaged)):
        theirs = cv2.imdecode(np.frombuffer(data, np.uint8), OPENCV[factor] | cv2.IMREAD_IGNORE_ORIENTATION)
        assert np.array_equal(decode_reduced(data, factor).pixels, theirs[..., ::-1])


@pytest.mark.parametrize("factor", FACTORS)
def test_a_cut_file_is_a_value_error(factor):
    whole = jpeg(smooth((80, 64)))
    with pytest.raises(ValueError, match="the bytes are not a picture that decodes"):
        decode_reduced(whole[: len(whole) * 3 // 4], factor)


@pytest.mark.parametrize(
    "data", [b"", b"x", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff" + bytes(99)]
)
@pytest.mark.parametrize("factor", FACTORS)
def test_what_does_not_decode_is_a_value_error_at_every_fraction(data, factor):
    with pytest.raises(ValueError, match="the bytes are not a picture that decodes"):
        decode_reduced(data, factor)


@pytest.mark.parametrize("factor", [0, 3, 16, -2])
def test_another_fraction_is_refused(factor):
    with pytest.raises(ValueError, match=f"factor {factor}: want one of 1, 2, 4, 8"):
        decode_reduced(make_picture(), factor)


def test_the_frame_repeats_the_edge_and_the_pixels_lie_in_it():
    pixels = smooth((7, 5))
    made = Decoded(pixels, 2)
    assert np.array_equal(made.framed, np.pad(pixels, ((1, 1), (1, 1), (0, 0)), mode="edge"))
    assert np.array_equal(made.pixels, pixels) and np.shares_memory(made.pixels, made.framed)


def test_the_memory_for_the_pixels_may_be_given():
    given_shapes = []

    def memory(shape):
        given_shapes.append(shape)
        return np.full(shape, 7, np.uint8)

    made = decode_reduced(jpeg(smooth((40, 30))), 2, memory)
    assert given_shapes == [(17, 20 + 2 * BESIDE, 3)]
    assert np.array_equal(made.pixels, decode_reduced(jpeg(smooth((40, 30))), 2).pixels)


def test_threads_decode_what_one_does():
    stored = [jpeg(smooth((120, 90), n)) for n in range(8)]
    alone = [decode(data) for data in stored]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(decode, stored * 5))
    assert all(np.array_equal(a, b) for a, b in zip(alone * 5, together, strict=True))
