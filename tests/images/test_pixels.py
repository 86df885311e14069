"""Stored bytes to pixels."""

from __future__ import annotations

import numpy as np
import pytest
from make import make_picture, make_pixels

from datapipe.images.pixels import decode


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
