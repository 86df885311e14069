"""Stored bytes to pixels, and the letterbox."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from make import make_picture, make_pixels

from datapipe.images.pixels import decode, letterbox


def test_decoding_a_png_gives_its_pixels_in_rgb_order():
    assert np.array_equal(decode(make_picture((33, 21), "PNG")), make_pixels((33, 21)))


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "I;16", "1"])
def test_every_mode_becomes_three_channels_of_uint8(mode):
    if mode == "I;16":
        import io

        from PIL import Image

        out = io.BytesIO()
        Image.fromarray((make_pixels()[..., 0].astype(np.uint16)) * 257).save(out, "PNG")
        data = out.getvalue()
    else:
        data = make_picture(kind="PNG", mode=mode)
    pixels = decode(data)
    assert pixels.shape == (30, 40, 3) and pixels.dtype == np.uint8
    if mode in ("L", "I;16", "1"):
        assert np.array_equal(pixels[..., 0], pixels[..., 2])
    if mode == "I;16":
        assert np.array_equal(pixels[..., 0], make_pixels()[..., 0])


def test_an_orientation_tag_does_not_turn_the_pixels():
    assert decode(make_picture((40, 30), orientation=6)).shape == (30, 40, 3)


@pytest.mark.parametrize("data", [b"hello", b"\xff\xd8\xff", b"x"])
def test_what_does_not_decode_is_a_value_error(data):
    with pytest.raises(ValueError, match="the bytes are not a picture that decodes"):
        decode(data)


def test_no_bytes_are_a_value_error_too():
    with pytest.raises(ValueError, match="the bytes are not a picture that decodes"):
        decode(b"")


def test_the_example_of_the_docstring():
    canvas, matrix = letterbox(np.zeros((480, 640, 3), np.uint8), (608, 608))
    assert matrix.tolist() == [[0.95, 0, 0], [0, 0.95, 76], [0, 0, 1]]
    assert canvas.shape == (608, 608, 3)
    assert (canvas[:76] == 114).all() and (canvas[76:532] == 0).all() and (canvas[532:] == 114).all()


@given(st.integers(1, 200), st.integers(1, 200), st.integers(1, 120), st.integers(1, 120))
def test_the_picture_fills_exactly_the_place_the_matrix_says(w, h, canvas_w, canvas_h):
    canvas, matrix = letterbox(np.full((h, w, 3), 255, np.uint8), (canvas_h, canvas_w))
    x2, y2, _ = matrix @ [w, h, 1]
    x1, y1, _ = matrix @ [0, 0, 1]
    inside = np.zeros((canvas_h, canvas_w), bool)
    inside[round(y1) : round(y2), round(x1) : round(x2)] = True
    assert np.array_equal((canvas == 255).all(axis=2), inside)
    assert (canvas[~inside] == 114).all()
    assert x2 - x1 == pytest.approx(canvas_w) or y2 - y1 == pytest.approx(canvas_h)
