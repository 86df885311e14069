"""What a record keeps of a picture: its pixels in the frame of its boxes, for every plain reader."""

from __future__ import annotations

import io
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from make import make_damage, make_picture, make_pixels, make_variants
from PIL import Image, ImageOps

from datapipe.images.pixels import decode
from datapipe.images.probe import ImageProblem, probe
from datapipe.images.store import store

VARIANTS = make_variants()


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def untagged(data: bytes) -> bool:
    return opened(data).getexif().get(0x0112, 1) == 1 and probe(data).orientation == 1


def far(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a.astype(int) - b.astype(int)).mean()) if a.shape == b.shape else np.inf


KINDS = [
    ("JPEG", {}),
    ("JPEG", {"mode": "L"}),
    ("JPEG", {"progressive": True}),
    ("PNG", {}),
    ("PNG", {"mode": "L"}),
]
KINDS += [("PNG", {"mode": "P"}), ("PNG", {"mode": "RGBA"}), ("WEBP", {"lossless": True}), ("TIFF", {})]
KINDS += [("TIFF", {"compression": "tiff_lzw"})]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind, options", KINDS)
def test_the_displayed_frame_is_stored_upright_if_it_is_declared_or_nothing_is(kind, options, orientation):
    data = make_picture(kind=kind, orientation=orientation, **options)
    plain = Image.fromarray(make_pixels()).convert(options.get("mode", "RGB")).convert("RGB")
    plain.getexif()[0x0112] = orientation
    upright = np.asarray(ImageOps.exif_transpose(plain))
    for declared in (upright.shape[1::-1], (0, 0)):
        stored = store(data, declared, "decode")
        assert stored.wh == upright.shape[1::-1] and untagged(stored.data)
        assert stored.format == ("jpeg" if kind == "JPEG" else "png")
        assert far(decode(stored.data), upright) <= (4 if kind == "JPEG" else 0)
        codes = [code for code, _ in stored.repairs]
        assert ("DP222" in codes) == (orientation != 1) and ("DP224" in codes) == (declared == (0, 0))


@pytest.mark.parametrize("orientation", range(5, 9))
@pytest.mark.parametrize("kind, options", KINDS)
def test_the_stored_frame_stays_if_it_is_declared_and_only_the_tag_goes(kind, options, orientation):
    data = make_picture(kind=kind, orientation=orientation, **options)
    stored = store(data, (40, 30), "decode")
    assert stored.wh == (40, 30) and untagged(stored.data)
    same = make_picture(kind=kind, **options)
    want = np.asarray(opened(same).convert("RGB"))
    assert far(decode(stored.data), want) <= (1 if kind == "JPEG" else 0)
    assert ("DP222", f"orientation {orientation}, tag removed") in stored.repairs
    if kind == "JPEG":
        assert (
            len(stored.data) == len(data) and sum(a != b for a, b in zip(data, stored.data, strict=True)) == 1
        )


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_turned_jpeg_keeps_grey_grey_and_makes_rgb_of_cmyk(mode):
    stored = store(make_picture(mode=mode, orientation=6), (30, 40), "decode")
    assert opened(stored.data).mode == ("L" if mode == "L" else "RGB")
    want = np.rot90(make_pixels(), -1)
    if mode == "L":
        want = np.asarray(Image.fromarray(np.ascontiguousarray(want)).convert("L").convert("RGB"))
    assert far(decode(stored.data), want) < 4


def test_a_turned_16_bit_png_keeps_its_16_bits():
    grey = make_pixels()[..., 0].astype(np.uint16) * 200 + 3
    exif = Image.Exif()
    exif[0x0112] = 6
    out = io.BytesIO()
    Image.fromarray(grey).save(out, "PNG", exif=exif)
    stored = store(out.getvalue(), (0, 0), "decode")
    assert np.array_equal(np.asarray(opened(stored.data)), np.rot90(grey, -1))


KEPT = [name for name in VARIANTS if name.startswith(("jpeg", "png")) and name != "jpeg torn end"]


@pytest.mark.parametrize("name", KEPT)
def test_upright_jpeg_and_png_are_kept_byte_for_byte(name):
    stored = store(VARIANTS[name], (40, 30), "decode")
    assert stored.data == VARIANTS[name] and stored.repairs == () and stored.format == name.split()[0]


@pytest.mark.parametrize("name", [name for name in VARIANTS if name not in KEPT and "jpeg" not in name])
def test_other_formats_are_stored_without_loss_unless_they_were_lossy(name):
    stored = store(VARIANTS[name], (40, 30), "decode")
    assert ("DP223", name.split()[0]) in stored.repairs
    assert stored.format == ("jpeg" if name == "webp" else "png")
    before, after = opened(VARIANTS[name]), opened(stored.data)
    if "16 bit" in name:
        assert np.array_equal(np.asarray(before).astype(np.uint16), np.asarray(after))
    elif stored.format == "png":
        mode = after.mode if after.mode in ("RGBA", "RGB") else "RGB"
        assert np.array_equal(np.asarray(before.convert(mode)), np.asarray(after.convert(mode)))
    else:
        assert far(np.asarray(before.convert("RGB")), decode(stored.data)) < 3


def test_a_tiff_that_was_a_jpeg_becomes_a_jpeg():
    assert store(VARIANTS["tiff jpeg"], (40, 30), "decode").format == "jpeg"


def test_a_missing_end_marker_is_added_and_told():
    stored = store(VARIANTS["jpeg torn end"], (40, 30), "decode")
    assert stored.data == VARIANTS["jpeg torn end"] + b"\xff\xd9" and stored.repairs == (
        ("DP226", "end marker"),
    )


def test_no_metadata_reaches_a_new_png():
    stored = store(make_picture(kind="WEBP", lossless=True, icc_profile=b"x" * 600), (0, 0), "decode")
    assert set(opened(stored.data).info) <= {"transparency"}


@pytest.mark.parametrize(
    "declared, told",
    [((41, 30), "declared 41x30, is 40x30 (30x40 as displayed)"), ((30, 30), "declared 30x30, is 40x30")],
)
def test_a_declared_size_that_fits_no_frame_is_told_with_both(declared, told):
    with pytest.raises(ImageProblem) as problem:
        store(make_picture(orientation=6), declared, "decode")
    assert problem.value.code == "DP209" and problem.value.value.startswith(told)


def test_a_turned_size_without_a_tag_does_not_fit():
    with pytest.raises(ImageProblem, match="DP209: declared 30x40, is 40x30$"):
        store(make_picture(), (30, 40), "header")


def test_a_picture_that_pillow_calls_large_warns_nobody():
    from test_probe import png_header

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert store(png_header(10_000, 17_000) + bytes(30_000), (0, 0), "structure").wh == (10_000, 17_000)


flips = st.lists(st.tuples(st.floats(0, 1), st.integers(1, 255)), max_size=4)
FUZZED = {
    name: VARIANTS[name]
    for name in ("jpeg RGB", "jpeg progressive", "png RGB", "png palette transparent", "bmp P", "gif", "webp")
} | {
    "webp lossless": VARIANTS["webp lossless with profile"],
    "tiff RGB": VARIANTS["tiff RGB"],
    "tiff lzw": VARIANTS["tiff tiff_lzw"],
    "turned jpeg": make_picture(orientation=6),
    "turned png": make_picture(kind="PNG", orientation=8),
    "turned tiff": make_picture(kind="TIFF", orientation=5),
}


@pytest.mark.parametrize("name", FUZZED)
@settings(max_examples=60)
@given(
    flips=flips,
    cut=st.one_of(st.just(1.0), st.floats(0, 1)),
    depth=st.sampled_from(["decode", "structure", "header"]),
)
def test_damaged_bytes_raise_nothing_but_image_problem(name, flips, cut, depth):
    try:
        stored = store(make_damage(FUZZED[name], flips, cut), (0, 0), depth)
    except ImageProblem as problem:
        assert problem.code in ("DP202", "DP205", "DP206", "DP207", "DP208")
        return
    assert probe(stored.data).orientation == 1
    if depth == "decode":
        assert untagged(stored.data)
        assert decode(stored.data).shape[1::-1] == stored.wh


@settings(max_examples=200)
@given(st.binary(max_size=200), st.sampled_from(["decode", "structure", "header"]))
def test_random_bytes_raise_nothing_but_image_problem(data, depth):
    with pytest.raises(ImageProblem):
        store(data, (0, 0), depth)
