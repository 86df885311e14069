"""Pixel steps: their numbers against plain arithmetic, their chance, and what erasing does to objects."""

from __future__ import annotations

from colorsys import hsv_to_rgb, rgb_to_hsv

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datapipe.augment.pixels import HSV, Blur, ColorJitter, Erase, Gray, Noise, writes_elsewhere
from datapipe.augment.pixels.colour import colour_matrix, shift_hsv
from datapipe.augment.pixels.erase import uncovered
from datapipe.augment.rules import ObjectRules
from datapipe.objects import Objects

STEPS = [ColorJitter(hue=0.1, contrast=0.3), HSV(), Gray(), Blur(), Noise()]
RULES = ObjectRules()


def canvas(seed=0, hw=(48, 64)):
    return np.random.default_rng(seed).integers(0, 256, (*hw, 3), np.uint8)


def with_p(step, p):
    from dataclasses import replace

    return replace(step, p=p)


class Fixed:
    """A generator that draws what it is told."""

    def __init__(self, *values):
        self.values = list(values)

    def random(self, count):
        return np.array([self.values.pop(0) for _ in range(count)])


@pytest.mark.parametrize("step", STEPS, ids=lambda s: type(s).__name__)
def test_a_step_works_in_place_and_draws_only_from_its_generator(step):
    step = with_p(step, 1.0)
    one, two, other = canvas(), canvas(), canvas()
    made = step(one, np.random.default_rng(3))
    assert made is one and made.dtype == np.uint8
    assert np.array_equal(step(two, np.random.default_rng(3)), made)
    assert not np.array_equal(made, canvas())
    if not isinstance(step, Gray):
        assert not np.array_equal(step(other, np.random.default_rng(4)), made)


@pytest.mark.parametrize("step", STEPS, ids=lambda s: type(s).__name__)
def test_a_step_acts_in_its_share_of_samples(step):
    acted = sum(
        not np.array_equal(with_p(step, 0.3)(canvas(), np.random.default_rng(seed)), canvas())
        for seed in range(400)
    )
    assert 90 <= acted <= 150
    assert np.array_equal(with_p(step, 0.0)(canvas(), np.random.default_rng(0)), canvas())


def test_a_step_that_changes_only_the_call_of_another_is_called():
    class Twice(ColorJitter):
        def __call__(self, pixels, rng):
            return super().__call__(super().__call__(pixels, rng), rng)

    assert writes_elsewhere(ColorJitter()) and not writes_elsewhere(Twice()) and not writes_elsewhere(Gray())


@pytest.mark.parametrize("p", [0.0, 1.0])
@pytest.mark.parametrize("step", [s for s in STEPS if hasattr(s, "into")], ids=lambda s: type(s).__name__)
def test_what_a_step_leaves_in_other_memory_is_what_it_leaves_in_place(step, p):
    step, batch, source = with_p(step, p), np.zeros((3, 48, 64, 3), np.uint8), canvas()
    step.into(source, np.random.default_rng(5), batch[1])
    assert np.array_equal(batch[1], step(canvas(), np.random.default_rng(5)))
    assert np.array_equal(source, canvas()) and not batch[::2].any()


@pytest.mark.parametrize("step", STEPS, ids=lambda s: type(s).__name__)
def test_a_place_in_a_batch_is_changed_and_its_neighbours_are_not(step):
    batch = np.stack([canvas(n) for n in range(3)])
    expected = with_p(step, 1.0)(canvas(1), np.random.default_rng(5))
    with_p(step, 1.0)(batch[1], np.random.default_rng(5))
    assert np.array_equal(batch[1], expected)
    assert np.array_equal(batch[0], canvas(0)) and np.array_equal(batch[2], canvas(2))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ColorJitter(brightness=1.5), "brightness 1.5: want"),
        (lambda: ColorJitter(hue=(-0.6, 0)), r"hue \(-0.6, 0\): want"),
        (lambda: ColorJitter(p=-0.1), "p -0.1: want"),
        (lambda: HSV(saturation=0.5), "saturation 0.5: want"),
        (lambda: HSV(hue=0.6), "hue 0.6: want"),
        (lambda: Gray(p=2), "p 2: want"),
        (lambda: Blur(sigma_px=(2, 1)), r"sigma_px \(2, 1\): want"),
        (lambda: Noise(sigma=(-1, 2)), r"sigma \(-1, 2\): want"),
        (lambda: Erase(count=0), "count 0: want"),
        (lambda: Erase(count=17), "count 17: want"),
        (lambda: Erase(area=(0, 2)), r"area \(0, 2\): want"),
        (lambda: Erase(aspect=(0, 1)), r"aspect \(0, 1\): want"),
        (lambda: Erase(fill="edge"), "fill edge: want"),
        (lambda: Erase(fill=300), "fill 300: want"),
    ],
)
def test_a_value_that_cannot_be_is_refused_by_its_field(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_no_jitter_is_the_identity_matrix():
    assert np.allclose(colour_matrix(0, 0, 0, 0), np.eye(3, 4), atol=1e-12)


@given(*[st.floats(-0.9, 0.9)] * 2, st.floats(-1, 1), st.floats(-0.5, 0.5), st.integers(0, 255))
def test_grey_stays_grey_and_luma_knows_no_hue_and_no_saturation(
    brightness, contrast, saturation, hue, level
):
    matrix = colour_matrix(brightness, contrast, saturation, hue)
    grey = matrix @ [level, level, level, 1]
    expected = (1 + brightness) * ((1 + contrast) * (level - 128) + 128)
    assert grey == pytest.approx([expected] * 3, abs=1e-6)
    luma = np.array([0.299, 0.587, 0.114])
    colour = np.array([200.0, 30, 90])
    assert luma @ colour_matrix(0, 0, saturation, hue)[:, :3] @ colour == pytest.approx(
        luma @ colour, abs=1e-6
    )


def test_brightness_contrast_and_saturation_are_their_factors():
    assert colour_matrix(0.5, 0, 0, 0) @ [100, 60, 200, 1] == pytest.approx([150, 90, 300])
    assert colour_matrix(0, 0.5, 0, 0) == pytest.approx(np.hstack([1.5 * np.eye(3), [[-64]] * 3]))
    grey = 0.299 * 100 + 0.587 * 60 + 0.114 * 200
    assert colour_matrix(0, 0, -1, 0) @ [100, 60, 200, 1] == pytest.approx([grey] * 3)
    assert colour_matrix(0, 0, 1, 0) @ [100, 60, 200, 1] == pytest.approx(
        [2 * v - grey for v in (100, 60, 200)]
    )


@pytest.mark.parametrize("rgb", [(200, 40, 40), (40, 200, 40), (60, 60, 180), (180, 170, 50)])
@pytest.mark.parametrize("turn", [0.05, -0.05, 0.15])
def test_hue_turns_the_way_hsv_does(rgb, turn):
    made = colour_matrix(0, 0, 0, turn) @ [*rgb, 1]
    before, after = (rgb_to_hsv(*(np.clip(v, 0, 255) / 255))[0] for v in (np.array(rgb, float), made))
    assert (after - before + 0.5) % 1 - 0.5 == pytest.approx(turn, abs=0.06)


def test_colour_jitter_is_one_matrix_within_a_level():
    step = ColorJitter(brightness=(0.2, 0.2), contrast=(-0.1, -0.1), saturation=(0.3, 0.3), hue=(0.05, 0.05))
    made = step(canvas(), np.random.default_rng(0))
    matrix = colour_matrix(0.2, -0.1, 0.3, 0.05)
    expected = np.clip(canvas() @ matrix[:, :3].T + matrix[:, 3], 0, 255)
    assert np.abs(made - expected).max() <= 1


def darknet(rgb, dhue, dsat, dexp):
    """image_data_augmentation of image_opencv.cpp, line by line, in NumPy where it has operators of Mat."""
    hsv = cv2.cvtColor(rgb, cv2.COLOR_RGB2HSV).astype(np.float32)
    hsv[..., 1] = np.clip(np.rint(hsv[..., 1] * np.float32(dsat)), 0, 255)
    hsv[..., 2] = np.clip(np.rint(hsv[..., 2] * np.float32(dexp)), 0, 255)
    hsv[..., 0] = np.clip(np.rint(hsv[..., 0] + np.float32(179 * dhue)), 0, 255)
    return cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2RGB)


@settings(max_examples=40, deadline=None)
@given(st.floats(-0.1, 0.1), st.floats(1 / 1.5, 1.5), st.floats(1 / 1.5, 1.5))
def test_hsv_is_darknets_arithmetic(dhue, dsat, dexp):
    made = canvas(1)
    shift_hsv(made, dhue, dsat, dexp, made)
    assert np.array_equal(made, darknet(canvas(1), dhue, dsat, dexp))


def test_hsv_draws_a_factor_or_its_inverse():
    for side, factor in ((0.2, 1.4), (0.7, 1 / 1.4)):
        made = HSV(hue=0, saturation=1, exposure=1.5)(canvas(), Fixed(0.0, 0.5, 0.0, 0.8, 0.2, side))
        expected = canvas()
        shift_hsv(expected, 0, 1, factor, expected)
        assert np.array_equal(made, expected)


def test_hsv_hue_stops_at_red_as_in_darknet():
    made = np.full((1, 1, 3), (200, 100, 90), np.uint8)  # hue 5 of 360: a tenth less is not purple
    shift_hsv(made, -0.1, 1, 1, made)
    hue, saturation, value = rgb_to_hsv(*(made[0, 0] / 255))
    assert hue == 0 and hsv_to_rgb(0, saturation, value)[0] == pytest.approx(200 / 255)


def test_the_examples_of_the_docstrings():
    made = np.full((1, 1, 3), (100, 60, 200), np.uint8)
    shift_hsv(made, 0, 1, 1.5, made)
    assert made[0, 0].tolist() == [130, 77, 255]
    assert (
        Gray(p=1)(np.full((1, 1, 3), (255, 0, 0), np.uint8), np.random.default_rng(0))[0, 0].tolist()
        == [76] * 3
    )
    point = np.zeros((21, 21, 3), np.uint8)
    point[10, 10] = 255
    Blur(sigma_px=(1, 1), p=1)(point, np.random.default_rng(0))
    assert point[10, 10, 0] / 255 == pytest.approx(0.16, abs=0.005)
    assert point[10, 9, 0] / 255 == pytest.approx(0.1, abs=0.005)


def test_noise_has_its_sigma_no_mean_and_no_memory_of_place():
    pictures = np.stack(
        [
            Noise((10, 10), p=1)(np.full((64, 64, 3), 128, np.uint8), np.random.default_rng(n))
            for n in range(40)
        ]
    ).astype(float)
    grain = pictures - 128
    assert abs(grain.mean()) < 0.2 and grain.std() == pytest.approx(10, rel=0.02)
    between = np.corrcoef(grain.reshape(40, -1)) - np.eye(40)
    assert np.abs(between).max() < 0.06
    assert abs(np.corrcoef(grain[..., 0].ravel(), grain[..., 1].ravel())[0, 1]) < 0.01
    assert abs(np.corrcoef(grain[:, 1:].ravel(), grain[:, :-1].ravel())[0, 1]) < 0.01


def test_noise_stops_at_black_and_white():
    dark = Noise((30, 30), p=1)(np.zeros((32, 32, 3), np.uint8), np.random.default_rng(0))
    assert (dark == 0).mean() > 0.4 and dark.max() < 200


def painted(xyxy, hw, covers):
    """By counting fine cells of half a px: hull and share of what rectangles leave of a box."""
    seen = np.zeros((hw[0] * 2, hw[1] * 2), bool)
    x1, y1, x2, y2 = (round(2 * v) for v in xyxy)
    seen[y1:y2, x1:x2] = True
    for a, b, c, d in covers:
        seen[2 * b : 2 * d, 2 * a : 2 * c] = False
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    share = seen.sum() / ((x2 - x1) * (y2 - y1))
    hull = [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1] if share else [0] * 4
    return np.array(hull) / 2, share


def corners(limit, step):
    sides = st.tuples(st.integers(0, limit - 1), st.integers(1, limit)).filter(lambda s: s[0] < s[1])
    return sides.map(lambda s: (s[0] / step, s[1] / step))


box = st.tuples(corners(80, 2), corners(60, 2)).map(lambda s: (s[0][0], s[1][0], s[0][1], s[1][1]))
cover = st.tuples(corners(40, 1), corners(30, 1)).map(
    lambda s: tuple(int(v) for v in (s[0][0], s[1][0], s[0][1], s[1][1]))
)


@settings(max_examples=150, deadline=None)
@given(st.lists(box, min_size=0, max_size=5), st.lists(cover, min_size=1, max_size=4))
def test_what_rectangles_leave_of_boxes_is_what_one_counts(boxes, covers):
    hulls, shares = uncovered(np.array(boxes, np.float32).reshape(-1, 4), np.array(covers))
    for xyxy, hull, share in zip(boxes, hulls, shares, strict=True):
        expected, count = painted(xyxy, (30, 40), covers)
        assert share == pytest.approx(count, abs=1e-6)
        assert hull == pytest.approx(expected)


def test_erased_pixels_are_filled_and_objects_judged_by_what_is_left():
    xyxy = [[0, 0, 40, 20], [10, 10, 12, 12], [60, 44, 64, 48], [0, 0, 64, 48]]
    objects = Objects.of(xyxy, [0, 1, 2, 3], ignore=np.array([False, False, False, True]))
    step = Erase(area=(0.25, 0.25), aspect=(0.75, 0.75), fill=(1, 2, 3), p=1)  # 32 x 24 px
    seen = set()
    for seed in range(60):
        pixels = canvas(seed)
        made, left, counts = step.apply(pixels, objects, RULES, np.random.default_rng(seed))
        filled = (made == (1, 2, 3)).all(axis=2)
        rows, columns = np.flatnonzero(filled.any(axis=1)), np.flatnonzero(filled.any(axis=0))
        area = (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
        assert made is pixels and filled.sum() == 32 * 24
        assert np.array_equal(made[~filled], canvas(seed)[~filled])
        hulls, shares = uncovered(objects.xyxy, np.array([area]))
        states = {k: (s >= 0.05, s < 0.3) for k, s in enumerate(shares.tolist())}
        assert left.class_id.tolist() == [k for k in range(4) if states[k][0]]
        for k, xyxy_left, ignored, size in zip(left.class_id, left.xyxy, left.ignore, left.area, strict=True):
            small = (xyxy_left[2:] - xyxy_left[:2]).min() < 2
            assert np.allclose(xyxy_left, hulls[k]) and ignored == (k == 3 or states[k][1] or small)
            assert size == pytest.approx(objects.area[k] * shares[k])
        assert counts["erased"] == 1 and counts["gone"] == sum(not states[k][0] for k in range(3))
        seen |= {len(left)}
    assert seen == {3, 4}


def test_nothing_erased_leaves_the_objects_as_they_are():
    objects = Objects.of([[1, 2, 30, 40]], [0])
    pixels, left, counts = Erase(p=0).apply(canvas(), objects, RULES, np.random.default_rng(0))
    assert left is objects and counts == {} and np.array_equal(pixels, canvas())


def test_erasing_noise_fills_with_every_value():
    step = Erase(area=(0.5, 0.5), aspect=(1, 1), fill="noise", count=2, p=1)
    flat = np.full((200, 200, 3), 50, np.uint8)
    made, left, counts = step.apply(flat, Objects.of([], []), RULES, np.random.default_rng(0))
    assert len(np.unique(made)) > 250 and len(left) == 0 and counts["erased"] == 2
