"""One stream: the same bytes whoever computes them, in whatever portions."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scenes import MIXED, MOSAICS, PLAIN, bytes_of, digest, make_pictures, some, stream_of

from datapipe.dataset import Dataset

ALONE = """
input: {hw: [64, 64]}
geometry: [{Flip: {horizontal: 0.5}}, {Affine: {rotate_deg: 10, scale: [0.5, 1.5]}}]
pixels: [{ColorJitter: {brightness: 0.4, hue: 0.015}}, {scenes.Grain: {strength: 20}}]
"""
LENGTHS = [128, pytest.param(3200, marks=pytest.mark.slow)]
"""Samples: a look in the quick suite, 200 batches' worth in the whole one."""


@pytest.mark.parametrize("samples", LENGTHS)
def test_threads_and_batch_size_never_change_a_byte(pictures: Dataset, samples: int):
    found = set()
    for threads, batch_size in ((1, 16), (2, 16), (8, 16), (2, 8), (2, 32), (8, 64)):
        with stream_of(pictures, threads=threads) as stream:
            found.add(some(stream, batch_size, samples))
    assert len(found) == 1


def test_going_on_at_any_step_is_as_if_one_had_never_stopped(pictures: Dataset):
    with stream_of(pictures) as stream:
        whole = [digest([stream.batch(step, 16)]) for step in range(10)]
    for start in range(10):
        with stream_of(pictures) as fresh:
            assert digest([fresh.batch(start, 16)]) == whole[start]
    with stream_of(pictures) as fresh:
        batches = fresh.batches(16, start_step=3)
        assert [digest([next(batches)]) for _ in range(7)] == whole[3:]
        batches.close()


def test_batches_asked_for_backwards_are_the_same(pictures: Dataset):
    with stream_of(pictures) as stream, stream_of(pictures) as other:
        forwards = [digest([stream.batch(step, 16)]) for step in range(6)]
        assert [digest([other.batch(step, 16)]) for step in reversed(range(6))] == forwards[::-1]


def test_another_process_makes_the_same_bytes(pictures: Dataset):
    code = (
        "import sys; sys.path[:0] = sys.argv[2:]\n"
        "from scenes import *\n"
        "with stream_of(Dataset(sys.argv[1]), threads=1) as stream: print(some(stream, 32, 128))\n"
    )
    here = Path(__file__).parent
    command = [sys.executable, "-c", code, str(pictures.folder), str(here), str(here.parent)]
    run = subprocess.run(command, capture_output=True, text=True, cwd=here.parents[1])
    assert run.stderr == ""
    with stream_of(pictures) as stream:
        assert run.stdout.strip() == some(stream, 16, 128)


def test_a_sample_alone_a_window_and_a_batch_agree(pictures: Dataset):
    with stream_of(pictures) as batched, stream_of(pictures) as single, stream_of(pictures) as whole:
        window = whole.window(1)
        for step in range(4, 8):
            batch = batched.batch(step, 16)
            for i, k in enumerate(batch.positions.tolist()):
                for sample in (single[k], window[k - 64]):
                    assert sample.position == k and sample.image == batch.image[i]
                    assert sample.image_id == batch.image_id[i]
                    assert np.array_equal(sample.pixels, batch.images[i])
                    assert np.array_equal(sample.matrix, batch.matrix[i])
                    assert bytes_of(sample.objects) == bytes_of(batch.objects[i])


@pytest.mark.parametrize("threads", [1, 4])
def test_batches_painted_together_are_those_painted_one_by_one(pictures: Dataset, threads: int):
    with stream_of(pictures, threads=threads) as alone, stream_of(pictures, threads=threads) as stream:
        one_by_one = [alone.made(step, 16) for step in range(5, 8)]
        memories = [np.zeros_like(batch.images) for batch in one_by_one]
        steps = []
        for batch, images in zip(stream.painted(5, 16, memories), memories, strict=True):
            steps.append(batch.step)
            assert batch.images is images
            assert stream.ledger()["stream"]["samples"] == 16 * len(steps)
        assert steps == [5, 6, 7]
        together = stream.painted(5, 16, memories)
        assert digest(together) == digest(one_by_one)
        assert stream.ledger()["objects"] == {k: 2 * n for k, n in alone.ledger()["objects"].items()}


def test_a_window_longer_than_what_is_judged_together_is_the_same_in_any_portion(pictures: Dataset):
    text = MIXED + "stream: {window: 128, group: 16}\n"
    with stream_of(pictures, text, threads=1) as whole, stream_of(pictures, text, threads=2) as parts:
        assert digest([whole.batch(1, 128)]) == digest(parts.batch(step, 32) for step in range(4, 8))


def test_a_step_that_fires_always_is_one_that_hardly_ever_does_not(pictures: Dataset):
    almost = MOSAICS.replace("p: 1.0", "p: 0.999999")
    with stream_of(pictures, MOSAICS) as always, stream_of(pictures, almost) as nearly:
        assert some(always, 16, 64) == some(nearly, 16, 64)


def test_painting_that_is_left_early_gives_its_pictures_back(pictures: Dataset):
    with stream_of(pictures, threads=4) as stream:
        memories = [np.zeros_like(stream.batch(step, 16).images) for step in range(4)]
        painting = stream.painted(0, 16, memories)
        next(painting)
        assert stream._pictures._lent
        painting.close()
        assert not stream._pictures._lent


def test_another_seed_and_the_next_epoch_are_other_bytes(pictures: Dataset):
    """In another order, and even the same picture alone is turned and coloured otherwise."""
    with stream_of(pictures, ALONE, seed=5) as stream, stream_of(pictures, ALONE, seed=6) as other:
        n = len(stream)
        first, again = ([stream[start + k] for k in range(n)] for start in (0, n))
        elsewhere = [other[k] for k in range(n)]
    order = [sample.image for sample in first]
    pixels = {sample.image: sample.pixels for sample in first}
    for samples in (again, elsewhere):
        assert [sample.image for sample in samples] != order
        assert sorted(sample.image for sample in samples) == sorted(order)
        assert all(sample.pixels.shape == (64, 64, 3) for sample in samples)
        assert not any(np.array_equal(sample.pixels, pixels[sample.image]) for sample in samples)


LIBRARY = """
input: {hw: [64, 64]}
mix: [{Mosaic: {p: 0.5}}]
pixels:
  - Albumentations:
      transforms:
        - {OneOf: {p: 0.8, transforms: [Blur, GaussNoise, CLAHE]}}
        - {Affine: {rotate: [-20, 20], p: 0.5}}
        - {CoarseDropout: {p: 0.5}}
  - {Noise: {p: 0.5}}
"""


def test_albumentations_in_a_stream_give_the_same_bytes_for_any_threads_and_batches(pictures: Dataset):
    found, ledgers = set(), []
    for threads, batch_size in ((1, 16), (8, 32), (8, 8)):
        with stream_of(pictures, LIBRARY, threads=threads) as stream:
            found.add(some(stream, batch_size, 64))
            ledgers.append(stream.ledger()["pixels"])
    with stream_of(pictures, LIBRARY) as single, stream_of(pictures, LIBRARY) as whole:
        samples = whole.window(0)
        for k in (40, 3, 17):
            assert np.array_equal(single[k].pixels, samples[k].pixels)
            assert bytes_of(single[k].objects) == bytes_of(samples[k].objects)
    assert len(found) == 1
    assert ledgers[0] == ledgers[1] == ledgers[2] and ledgers[0]["not_pixel_true"] > 0


@pytest.mark.parametrize(("hosts", "batch_size"), [(2, 16), (3, 64)])
def test_the_union_over_hosts_is_the_stream_of_one(pictures: Dataset, hosts: int, batch_size: int):
    with stream_of(pictures) as alone:
        whole = [digest([alone.batch(w, 64)]) for w in range(hosts + 1)]
    for host in range(hosts):
        with stream_of(pictures, shard=(host, hosts)) as stream:
            for turn in range(2 if host == 0 else 1):
                steps = range(turn * 64 // batch_size, (turn + 1) * 64 // batch_size)
                assert digest(stream.batch(step, batch_size) for step in steps) == whole[turn * hosts + host]


def test_memory_changes_speed_only(pictures: Dataset):
    with stream_of(pictures) as stream:
        usual = some(stream, 16, 128)
        once = stream.ledger()["stream"]["pictures_decoded"]
    with stream_of(pictures, memory_mb=0.03) as tight:
        assert some(tight, 16, 128) == usual
        assert tight.ledger()["stream"]["pictures_decoded"] > once


def test_fast_decoding_changes_pixels_a_little_and_nothing_else(pictures: Dataset):
    fast = PLAIN.replace("]}", "], decode: fast}")
    with stream_of(pictures, PLAIN) as one, stream_of(pictures, fast) as other:
        assert one.recipe.hash != other.recipe.hash
        for step in range(3):
            a, b = one.batch(step, 16), other.batch(step, 16)
            assert [bytes_of(objects) for objects in a.objects] == [
                bytes_of(objects) for objects in b.objects
            ]
            assert 0 < np.square(a.images.astype(float) - b.images).mean() < 255**2 / 10**3
        assert some(other, 8, 32) == some(other, 16, 32)


def test_a_window_of_another_length_is_another_recipe(pictures: Dataset):
    with stream_of(pictures) as stream, stream_of(pictures, MIXED + "stream: {window: 32}\n") as other:
        assert stream.recipe.hash != other.recipe.hash
        assert some(stream, 16, 64) != some(other, 16, 64)


def test_a_dataset_smaller_than_a_window_mixes_across_epochs(tmp_path: Path):
    dataset = make_pictures(tmp_path, 5)
    with stream_of(dataset, threads=2) as stream, stream_of(dataset, threads=1) as other:
        assert some(stream, 16, 64) == some(other, 64, 64)
        images = [int(i) for step in range(4) for i in stream.batch(step, 16).image]
        assert all(sorted(images[i : i + 5]) == [0, 1, 2, 3, 4] for i in range(0, 60, 5))


def test_a_split_of_one_picture_is_its_own_partner(tmp_path: Path):
    with stream_of(make_pictures(tmp_path, 1)) as stream:
        sample = next(sample for sample in stream.window(0) if len(sample.origin["layers"][0]["tiles"]) > 2)
        assert {tile["image"] for layer in sample.origin["layers"] for tile in layer["tiles"]} == {0}
