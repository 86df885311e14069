"""Which picture stands where: permutations, epochs, repeat factors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scenes import MOSAICS, PLAIN, stream_of

from datapipe.dataset import Dataset
from datapipe.stream.chance import Chance, generator
from datapipe.stream.order import Order, repeat_factors, repeats


def test_each_picture_is_primary_exactly_once_per_epoch(pictures: Dataset):
    with stream_of(pictures) as stream:
        n = len(stream)
        images = np.concatenate([stream.batch(step, 16).image for step in range(-(-4 * n // 16))])
    for epoch in range(4):
        assert sorted(images[epoch * n : (epoch + 1) * n]) == list(range(n))


def test_the_shuffle_is_global_and_every_place_as_likely():
    """A buffer's shuffle leaves pictures near where they were; here a place tells nothing of the next."""
    n, epochs = 400, 300
    order = Order(np.arange(n), 7)
    places = np.array([np.argsort(order.epoch_pictures(epoch)) for epoch in range(epochs)])
    moved = np.abs(places[1:] - places[:-1]).mean()
    assert moved == pytest.approx(n / 3, rel=0.02)
    assert places.mean(axis=0) == pytest.approx(np.full(n, (n - 1) / 2), abs=5 * n / 12**0.5 / epochs**0.5)
    neighbours = np.diff(np.argsort(places, axis=1), axis=1)
    assert (neighbours == 1).mean() == pytest.approx(1 / n, rel=0.25)


@given(st.integers(1, 40), st.integers(0, 200), st.integers(0, 80), st.integers(0, 2**64 - 1))
def test_any_stretch_of_the_order_is_a_part_of_the_whole(n: int, start: int, length: int, seed: int):
    order = Order(np.arange(n) * 3, seed)
    whole = [int(order.epoch_pictures(k // n)[k % n]) for k in range(start + length)]
    assert order.pictures(start, start + length) == whole[start:]
    assert order.epoch(start) == start // n


def test_a_split_keeps_its_own_pictures():
    order = Order(np.array([4, 8, 15]), 3)
    assert sorted(order.pictures(0, 3)) == [4, 8, 15]


def test_rare_classes_want_more_copies():
    """1 of 400 pictures at threshold 0.01: sqrt(0.01 / 0.0025) = 2; a common class: 1."""
    image, class_id = np.concatenate([np.arange(400), [7, 7]]), np.array([0] * 400 + [1, 1])
    factors = repeat_factors(400, image, class_id, 0.01)
    assert factors[7] == pytest.approx(2) and factors.sum() == pytest.approx(401)


def test_pictures_without_objects_are_wanted_once():
    assert repeat_factors(3, np.array([], int), np.array([], int), 0.5).tolist() == [1, 1, 1]


def test_systematic_resampling_by_hand():
    assert repeats(np.array([1.5, 1.5, 1.0]), 4, 0.25).tolist() == [1, 2, 1]


@given(st.lists(st.floats(1, 8), min_size=1, max_size=50), st.floats(0, 1, exclude_max=True))
def test_resampling_rounds_each_factor_up_or_down_and_meets_the_total(wanted: list[float], offset: float):
    factors = np.array(wanted)
    total = round(float(factors.sum()))
    copies = repeats(factors, total, offset)
    assert copies.sum() == total
    extra = factors.sum() - len(factors)
    scaled = 1 + (factors - 1) * ((total - len(factors)) / extra if extra else 0)
    assert (np.abs(copies - scaled) < 1 + 1e-9).all()


def test_repeat_factors_lengthen_the_epoch_and_change_from_epoch_to_epoch(pictures: Dataset):
    text = PLAIN + "stream: {repeat_threshold: 0.9}\n"
    stream = stream_of(pictures, text)
    table = pictures.objects
    factors = repeat_factors(90, table["image"], table["class_id"], 0.9)
    assert (stream.catalogue.repeat_factors(pictures.split("train"), 0.9) == factors).all()
    n = len(stream)
    assert n == round(factors.sum()) > 90
    order = stream._order
    counts = np.array([np.bincount(order.pictures(e * n, (e + 1) * n), minlength=90) for e in range(200)])
    assert (counts.sum(axis=1) == n).all() and (counts.min(axis=1) >= 1).all()
    assert np.abs(counts.mean(axis=0) - factors).max() < 0.15
    assert (counts.std(axis=0) > 0).any()


def test_a_schedule_ends_with_its_epoch_inside_a_window(pictures: Dataset):
    stream = stream_of(pictures, "input: {hw: [48, 48]}\nmix: [{Mosaic: {p: 1.0, until_epoch: 2}}]\n")
    n = len(stream)
    assert (2 * n) % 64
    fired = [any(name == "Mosaic" for name, _ in stream.plan(k).steps) for k in range(2 * n - 40, 2 * n + 40)]
    assert fired == [True] * 40 + [False] * 40


def test_a_window_has_one_shape_and_windows_differ(pictures: Dataset):
    stream = stream_of(pictures)
    shapes = [{stream.plan(k).hw for k in range(w * 64, w * 64 + 64, 9)} for w in range(12)]
    assert all(len(found) == 1 for found in shapes) and len(set.union(*shapes)) > 1


def test_mosaics_show_the_primary(pictures: Dataset):
    stream = stream_of(pictures, MOSAICS)
    samples = stream._planner.window(0).samples
    assert all(len(sample.shown) == 4 and sample.shown[0] == sample.primary for sample in samples)


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**40), st.integers(0, 9))
def test_a_generator_set_anew_is_a_new_generator(seed: int, number: int, step: int):
    chance = Chance(seed)
    chance.at("geometry", 3, 1).random(5)
    again = chance.at("mix", number, step)
    fresh = generator(seed, "mix", number, step)
    assert again.integers(7) == fresh.integers(7) and again.normal() == fresh.normal()
    assert (again.random(9) == fresh.random(9)).all()


def test_generators_of_different_things_are_unrelated():
    keys = [
        (seed, purpose, number, step)
        for seed in (0, 1)
        for purpose in ("order", "mix", "geometry", "pixels")
        for number in (0, 1, 64)
        for step in (0, 1)
    ]
    draws = np.array([generator(*key).random(500) for key in keys])
    assert np.abs(np.corrcoef(draws) - np.eye(len(keys))).max() < 0.2
