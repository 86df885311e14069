"""Geometry steps: where points go, by numbers and by properties."""

from __future__ import annotations

import json
from math import cos, radians, sin, tan

import numpy as np
import pytest
from arrays import affine, bounds, moved, rectangle
from hypothesis import given
from hypothesis import strategies as st

from datapipe import boxes
from datapipe.augment.canvas import Input
from datapipe.augment.geometry import Affine, Expand, Flip, Jitter, Perspective, RandomCrop
from datapipe.augment.geometry.moves import LEAST_DEPTH
from datapipe.augment.guides import seen_boxes
from datapipe.augment.plan import GREY, Layer, Picture, Plan, Tile, whole

STEPS = (
    Flip(0.5, 0.5),
    Affine(30, 0.3, (0.5, 2), (0.5, 2), 20),
    Perspective(0.3),
    RandomCrop(),
    Expand(p=1),
    Jitter(),
)
seeds = st.integers(0, 2**32)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def a_picture(*xyxy: tuple[float, ...], wh: tuple[int, int] = (100, 100)) -> Picture:
    return Picture(0, wh, np.array(xyxy, np.float32).reshape(-1, 4), np.zeros(len(xyxy), bool))


def a_plan(*xyxy: tuple[float, ...], hw: tuple[int, int] = (100, 100)) -> Plan:
    return Plan.of(hw, whole(a_picture(*xyxy, wh=hw[::-1]), np.eye(3)))


def through(plan: Plan, *points: tuple[float, float]) -> np.ndarray:
    x, y, w = plan.tiles[0].matrix @ np.c_[np.array(points, float), np.ones(len(points))].T
    return np.stack([x / w, y / w], axis=1)


def box_through(plan: Plan, *xyxy: float) -> tuple[float, ...]:
    return bounds(through(plan, *map(tuple, rectangle(xyxy))))


# every step


@given(st.sampled_from(STEPS), seeds, st.tuples(st.integers(32, 700), st.integers(32, 700)))
def test_a_step_moves_tile_and_outline_by_one_invertible_matrix(step, seed, hw):
    tile = Input(hw).place(a_picture((10, 10, 80, 70), wh=(120, 90)), hw)
    plan = Plan.of(hw, tile)
    after = step(plan, rng(seed)).tiles[0]
    assert abs(np.linalg.det(after.matrix)) > 1e-6
    want = moved(rectangle((0, 0, 120, 90)), after.matrix)
    assert np.linalg.norm(after.visible[:, None] - want, axis=2).min(axis=1) == pytest.approx(0, abs=1e-6)


@given(st.sampled_from(STEPS), seeds)
def test_the_same_generator_gives_the_same_plan_and_json_tells_it(step, seed):
    plan = a_plan((10, 10, 80, 70))
    one, other = step(plan, rng(seed)), step(plan, rng(seed))
    assert (one.tiles[0].matrix == other.tiles[0].matrix).all()
    assert json.loads(json.dumps(one.steps)) == [list(line) for line in other.steps]
    assert plan.steps == ()


@given(st.sampled_from(STEPS), seeds)
def test_several_tiles_move_together(step, seed):
    left, right = whole(a_picture(), np.eye(3)), whole(a_picture(), affine(1, 0, 50, 0, 1, 0))
    plan = step(Plan((100, 100), (Layer((left, right), 0.5), Layer((right,), 0.5))), rng(seed))
    matrices = [tile.matrix for tile in plan.tiles]
    assert matrices[1] == pytest.approx(matrices[0] @ right.matrix, abs=1e-9)
    assert (matrices[1] == matrices[2]).all()


@pytest.mark.parametrize(
    "step", [Flip(0, 0), Affine(p=0), Perspective(p=0), RandomCrop(p=0), Expand(p=0), Jitter(p=0)]
)
def test_a_step_without_a_chance_moves_nothing(step):
    plan = step(a_plan((10, 10, 80, 70)), rng())
    assert (plan.tiles[0].matrix == np.eye(3)).all()
    assert plan.steps == ()


# Flip


def test_a_flip_takes_x_to_w_minus_x():
    plan = Flip(horizontal=1)(a_plan(hw=(400, 608)), rng())
    assert box_through(plan, 10, 0, 60, 20) == (548, 0, 598, 20)
    assert box_through(plan, 0, 0, 608, 400) == (0, 0, 608, 400)
    assert box_through(Flip(0, 1)(plan, rng()), 10, 0, 60, 20) == (548, 380, 598, 400)


def test_two_flips_are_none():
    plan = a_plan(hw=(333, 217))
    for _ in range(2):
        plan = Flip(1, 1)(plan, rng())
    assert (plan.tiles[0].matrix == np.eye(3)).all()


def test_flips_come_as_often_as_said():
    turned = [Flip(0.3, 0.6)(a_plan(), rng(seed)).tiles[0].matrix for seed in range(2000)]
    assert np.mean([m[0, 0] < 0 for m in turned]) == pytest.approx(0.3, abs=0.04)
    assert np.mean([m[1, 1] < 0 for m in turned]) == pytest.approx(0.6, abs=0.04)


# Affine


def still(**drawn: object) -> Affine:
    return Affine(**{"rotate_deg": 0, "translate": 0, "scale": (1, 1)} | drawn)


def test_ten_degrees_widen_a_box_of_100_by_50_to_107_by_67():
    plan = still(rotate_deg=(10, 10))(a_plan(hw=(200, 200)), rng())
    x1, y1, x2, y2 = box_through(plan, 40, 70, 140, 120)
    assert (x2 - x1, y2 - y1) == pytest.approx((107.163, 66.605), abs=5e-4)


def test_ninety_degrees_turn_clockwise_on_the_screen():
    plan = still(rotate_deg=(90, 90))(a_plan(), rng())
    assert box_through(plan, 0, 0, 20, 10) == pytest.approx((90, 0, 100, 20))


def test_the_shift_comes_last_and_is_one_of_the_canvas():
    plan = still(rotate_deg=(37, 37), scale=(0.5, 0.5), translate=(0.1, 0.1))(a_plan(hw=(100, 200)), rng())
    assert through(plan, (100, 50))[0] == pytest.approx((120, 60))


def test_aspect_keeps_the_area_and_shear_slants():
    x1, y1, x2, y2 = box_through(still(aspect=(4, 4))(a_plan(), rng()), 40, 40, 60, 60)
    assert (x2 - x1, y2 - y1) == pytest.approx((40, 10))
    assert through(still(shear_deg=(45, 45))(a_plan(), rng()), (50, 70), (50, 50)) == pytest.approx(
        np.array([(70, 70), (50, 50)])
    )


@given(seeds)
def test_the_matrix_is_shift_turn_scale_shear_about_the_centre(seed):
    plan = Affine(30, 0.3, (0.5, 2), (0.5, 2), 20)(a_plan(hw=(300, 200)), rng(seed))
    ((_, drawn),) = plan.steps
    angle, lean = radians(drawn["rotate_deg"]), tan(radians(drawn["shear_deg"]))
    root = drawn["aspect"] ** 0.5
    parts = [
        affine(1, 0, 100 + drawn["shift_px"][0], 0, 1, 150 + drawn["shift_px"][1]),
        affine(cos(angle), -sin(angle), 0, sin(angle), cos(angle), 0),
        np.diag([drawn["scale"] * root, drawn["scale"] / root, 1]),
        affine(1, lean, 0, 0, 1, 0),
        affine(1, 0, -100, 0, 1, -150),
    ]
    assert plan.tiles[0].matrix == pytest.approx(np.linalg.multi_dot(parts), abs=1e-9)


def test_a_scalar_is_plus_or_minus_and_defaults_are_moderate():
    lines = [Affine()(a_plan(hw=(100, 200)), rng(seed)).steps[0][1] for seed in range(1000)]
    angles, sizes = [one["rotate_deg"] for one in lines], [one["scale"] for one in lines]
    shifts = np.array([one["shift_px"] for one in lines])
    assert (min(angles), max(angles)) == pytest.approx((-10, 10), abs=0.2)
    assert (min(sizes), max(sizes)) == pytest.approx((0.9, 1.1), abs=0.01)
    assert abs(shifts).max(axis=0) == pytest.approx((20, 10), abs=0.3)
    assert np.mean(angles) == pytest.approx(0, abs=0.6)
    assert {one["shear_deg"] for one in lines} == {0}


def test_edge_fill_is_for_a_single_picture():
    alone = a_plan()
    several = Plan((100, 100), (Layer(alone.tiles * 2),), (1, 2, 3))
    assert Affine(fill="edge", p=0)(alone, rng()).fill == "edge"
    assert Affine(fill="edge")(several, rng()).fill == GREY
    assert Affine(fill=0)(several, rng()).fill == (0, 0, 0)
    assert Expand(fill=(123, 117, 104), p=0)(several, rng()).fill == (123, 117, 104)


# Perspective


def test_a_tilt_by_numbers():
    plan = Perspective((0.1, 0.1))(a_plan(), rng())
    assert through(plan, (50, 50), (100, 50), (0, 0)) == pytest.approx(
        np.array([(50, 50), (50 + 50 / 1.1, 50), (50 - 50 / 0.8, 50 - 50 / 0.8)])
    )


@given(seeds, st.floats(0.1, 40), st.floats(-3000, 3000), st.floats(-3000, 3000))
def test_no_corner_of_any_picture_is_folded_over(seed, size, dx, dy):
    far = whole(a_picture((0, 0, 50, 50)), affine(size, 0, dx, 0, size, dy))
    plan = Perspective(0.35)(Plan.of((100, 100), far), rng(seed))
    w = (plan.tiles[0].matrix @ np.c_[rectangle((0, 0, 100, 100)), np.ones(4)].T)[2]
    assert w.min() >= LEAST_DEPTH - 1e-9


def test_a_small_tilt_is_left_as_drawn():
    drawn = [Perspective(0.2)(a_plan(), rng(seed)).steps[0][1]["tilt"] for seed in range(500)]
    assert abs(np.array(drawn)).max(axis=0) == pytest.approx((0.2, 0.2), abs=0.005)


# RandomCrop


@given(seeds, st.lists(st.tuples(*[st.integers(0, 80)] * 2, *[st.integers(5, 100)] * 2), max_size=5))
def test_a_crop_shows_one_object_well_enough_and_keeps_its_limits(seed, corners):
    objects = [(x, y, min(x + w, 100), min(y + h, 100)) for x, y, w, h in corners]
    plan = RandomCrop()(a_plan(*objects), rng(seed))
    ((name, drawn),) = plan.steps
    assert name == "RandomCrop"
    if drawn.get("whole"):
        assert (plan.tiles[0].matrix == np.eye(3)).all()
        return
    crop = np.array([drawn["xyxy_px"]])
    assert boxes.iou(crop, np.array(objects, float)).max() >= drawn["min_iou"]
    assert (crop >= -1e-9).all() and (crop <= 100 + 1e-9).all()
    w, h = crop[0, 2:] - crop[0, :2]
    assert 0.5 - 1e-9 <= w / h <= 2 + 1e-9
    assert 30 - 1e-9 <= (w * h) ** 0.5 <= 100 + 1e-9
    assert box_through(plan, *crop[0]) == pytest.approx((0, 0, 100, 100), abs=1e-6)


def test_options_are_as_likely_where_all_find_a_place():
    plan, crop = a_plan((20, 20, 80, 80)), RandomCrop((0.0, 0.1, 0.3, 0.5, 0.7), tries=200)
    lines = [crop(plan, rng(seed)).steps[0][1] for seed in range(600)]
    found, counts = np.unique([str(one.get("min_iou")) for one in lines], return_counts=True)
    assert found.tolist() == ["0.0", "0.1", "0.3", "0.5", "0.7", "None"]
    assert counts.min() > 65  # 100 expected of each, 9 is one standard deviation


def test_a_picture_without_objects_stays_whole():
    for seed in range(50):
        assert RandomCrop()(a_plan(), rng(seed)).steps == (("RandomCrop", {"whole": True}),)


def test_options_no_place_fits_drop_out():
    speck = a_plan((50, 50, 51, 51))
    lines = [RandomCrop()(speck, rng(seed)).steps[0][1] for seed in range(100)]
    assert {one.get("min_iou", "whole") for one in lines} == {0.0, "whole"}


def test_a_crop_of_a_letterboxed_picture_keeps_off_the_bars_and_bends_no_more_than_aspect():
    hw = (100, 100)
    plan = Plan.of(hw, Input(hw).place(a_picture((0, 0, 200, 100), wh=(200, 100)), hw))
    lines = [RandomCrop((0.0,))(plan, rng(seed)).steps[0][1] for seed in range(300)]
    crops = np.array([one["xyxy_px"] for one in lines if "xyxy_px" in one])
    w, h = crops[:, 2] - crops[:, 0], crops[:, 3] - crops[:, 1]
    low = h <= 50
    assert (crops[low, 1] >= 25 - 1e-9).all() and (crops[low, 3] <= 75 + 1e-9).all()
    assert (crops[~low, 1] <= 25 + 1e-9).all() and (crops[~low, 3] >= 75 - 1e-9).all()
    assert low.any() and (~low).any()
    assert (w / h).min() >= 0.5 - 1e-9 and (w / h).max() <= 2 + 1e-9


def test_a_tile_out_of_sight_guides_nothing():
    shown = whole(a_picture((20, 20, 80, 80)), np.eye(3))
    hidden = Tile.of(shown.picture, affine(1, 0, 900, 0, 1, 900), np.zeros((0, 2)))
    for tiles, found in (((shown, hidden), 1), ((hidden,), 0)):
        assert len(seen_boxes(tiles, (100, 100))) == found
        for seed in range(20):
            plan = RandomCrop()(Plan((100, 100), (Layer(tiles),)), rng(seed))
            assert min(plan.steps[0][1].get("xyxy_px", [0])) >= 0


# Expand and Jitter


def test_the_zoom_out_keeps_the_picture_on_the_canvas_and_its_proportion():
    plans = [Expand(p=1)(a_plan(hw=(100, 200)), rng(seed)) for seed in range(300)]
    edges = np.array([bounds(plan.tiles[0].visible) for plan in plans])
    assert edges.min() >= -1e-9 and (edges[:, 2:] <= (200 + 1e-9, 100 + 1e-9)).all()
    wh = edges[:, 2:] - edges[:, :2]
    assert wh[:, 0] / wh[:, 1] == pytest.approx(np.full(300, 2.0))
    ratios = 200 / wh[:, 0]
    assert (ratios.min(), ratios.max()) == pytest.approx((1, 4), abs=0.05)


def test_jitter_moves_each_edge_on_its_own():
    lines = [Jitter(0.3)(a_plan(hw=(100, 200)), rng(seed)).steps[0][1] for seed in range(1000)]
    moved_by = np.array([one["xyxy_px"] for one in lines]) - (0, 0, 200, 100)
    assert abs(moved_by).max(axis=0) == pytest.approx((60, 30, 60, 30), abs=0.6)
    assert abs(np.corrcoef(moved_by.T) - np.eye(4)).max() < 0.12


def test_jitter_stretches_its_place_to_the_canvas():
    plan = Jitter()(a_plan(hw=(100, 200)), rng(4))
    assert box_through(plan, *plan.steps[0][1]["xyxy_px"]) == pytest.approx((0, 0, 200, 100), abs=1e-9)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Flip(horizontal=1.5), "horizontal 1.5: want a number from 0 to 1"),
        (lambda: Flip(vertical=True), "vertical True: want a number"),
        (lambda: Affine(rotate_deg=-10), "rotate_deg -10: want a number from 0 to 360, or lowest and"),
        (lambda: Affine(rotate_deg=(10, -10)), "rotate_deg .* want lowest and highest"),
        (lambda: Affine(scale=0.5), "scale 0.5: want lowest and highest, two numbers"),
        (lambda: Affine(scale=(0, 1)), "scale .* from 0.01 to 100"),
        (lambda: Affine(translate=float("nan")), "translate nan: want"),
        (lambda: Affine(shear_deg=90), "shear_deg 90: want"),
        (lambda: Affine(fill="grey"), 'fill grey: want 0 to 255, three of them, or "edge"'),
        (lambda: Affine(fill=(0, 0, 256)), "fill .*: want 0 to 255"),
        (lambda: Affine(p=2), "p 2: want"),
        (lambda: Perspective(0.5), "tilt 0.5: want a number from 0 to 0.35"),
        (lambda: RandomCrop(min_iou=(0.5, 2)), "min_iou 2: want"),
        (lambda: RandomCrop(min_iou=0.5), "min_iou 0.5: want a list"),
        (lambda: RandomCrop(scale=(0.3, 1.5)), "scale .* to 1"),
        (lambda: RandomCrop(aspect=(1.2, 2)), "aspect .* want 1"),
        (lambda: RandomCrop(tries=0), "tries 0: want a whole number from 1"),
        (lambda: Expand(ratio=(0.5, 4)), "ratio .* from 1 to 100"),
        (lambda: Jitter(0.5), "amount 0.5: want"),
    ],
)
def test_what_is_wrong_is_said_by_field(make, message):
    with pytest.raises(ValueError, match=message):
        make()
