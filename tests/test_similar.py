"""Near duplicates: what the hash survives, and that no pair is missed."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from make import make_pixels
from PIL import Image

from datapipe.similar import fingerprint, groups, near, shrink


def grey(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture.convert("L"), np.float32)


def scene(seed: int) -> Image.Image:
    rng = np.random.default_rng(seed)
    blobs = Image.fromarray(rng.integers(0, 256, (6, 8, 3), np.uint8))
    return blobs.resize((320, 240), Image.Resampling.BICUBIC)


def apart(a: Image.Image, b: Image.Image) -> int:
    return (fingerprint(grey(a)) ^ fingerprint(grey(b))).bit_count()


def again(picture: Image.Image, quality: int) -> Image.Image:
    held = io.BytesIO()
    picture.save(held, "JPEG", quality=quality)
    return Image.open(held)


@pytest.mark.parametrize("seed", range(8))
def test_the_same_scene_smaller_or_compressed_is_near_and_another_is_far(seed: int):
    picture = scene(seed)
    assert apart(picture, again(picture, 40)) <= 6
    assert apart(picture, picture.resize((160, 120), Image.Resampling.BOX)) <= 6
    assert apart(picture, picture.point(lambda value: int(0.8 * value + 10))) <= 6
    assert apart(picture, scene(seed + 100)) > 16


def test_pictures_of_one_colour_have_no_hash():
    assert fingerprint(np.full((40, 30), 77.0)) == 0
    assert fingerprint(make_pixels((40, 30), 1)[..., 0]) != 0


def test_shrinking_means_blocks_and_repeats_what_is_too_small():
    np.testing.assert_allclose(shrink(np.array([[1, 3, 5, 7]] * 2), 2), [[2, 6], [2, 6]])
    assert shrink(np.arange(6.0).reshape(2, 3), 32).shape == (32, 32)
    np.testing.assert_allclose(shrink(np.full((7, 5), 9.0), 32), 9.0)


@given(
    st.lists(st.integers(1, 2**64 - 1), min_size=0, max_size=12),
    st.lists(st.integers(0, 63), max_size=30),
    st.integers(0, 8),
)
def test_no_pair_within_the_distance_is_missed(values: list[int], flips: list[int], distance: int):
    for i, bit in enumerate(flips):
        if values:
            values.append(max(1, values[i % len(values)] ^ (1 << bit)))
    wanted = [
        [a, b]
        for a in range(len(values))
        for b in range(a + 1, len(values))
        if (values[a] ^ values[b]).bit_count() <= distance
    ]
    assert near(np.array(values, np.uint64), distance).tolist() == wanted


def test_no_hash_is_like_nothing_not_even_another_such():
    assert near(np.array([0, 0, 5, 5], np.uint64)).tolist() == [[2, 3]]


def test_chains_of_pairs_are_groups():
    assert groups(np.array([[0, 2], [2, 3]]), 5).tolist() == [0, -1, 0, 0, -1]
    assert groups(np.zeros((0, 2), np.int64), 2).tolist() == [-1, -1]
    assert groups(np.array([[3, 4], [1, 2], [2, 3]]), 5).tolist() == [-1, 1, 1, 1, 1]
