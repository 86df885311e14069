"""Mix steps: what lies where, by numbers, by sampled points and by statistics."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest
from arrays import bounds, cut_to, moved, rectangle
from hypothesis import given
from hypothesis import strategies as st

from datapipe.augment.canvas import Input
from datapipe.augment.geometry import Affine, Flip, Jitter, RandomCrop
from datapipe.augment.mixing import CutMix, MixUp, Mosaic, Place, check_order, fires
from datapipe.augment.plan import Picture, Plan, Tile

HW = (480, 600)
seeds = st.integers(0, 2**32)
sizes = st.tuples(st.integers(20, 900), st.integers(20, 900))


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def a_picture(
    *xyxy: tuple[float, ...], wh: tuple[int, int] = (600, 480), number: int = 0, ignore: bool = False
) -> Picture:
    return Picture(number, wh, np.array(xyxy, np.float32).reshape(-1, 4), np.full(len(xyxy), ignore))


def placing(hw: tuple[int, int] = HW, resize: str = "letterbox") -> Place:
    return lambda picture: Input(hw, resize).place(picture, hw)  # type: ignore[arg-type]


def mixed(step: Callable, pictures: list[Picture], seed: int = 0, place: Place | None = None) -> Plan:
    place = place or placing()
    return step(Plan.of(HW, place(pictures[0])), pictures[1:], place, rng(seed))


def inside(outline: np.ndarray, points: np.ndarray) -> np.ndarray:
    """How far points lie inside a clockwise convex outline, in px; below 0 outside."""
    along = np.roll(outline, -1, axis=0) - outline
    apart = points[:, None] - outline
    cross = along[:, 0] * apart[..., 1] - along[:, 1] * apart[..., 0]
    return (cross / np.maximum(np.hypot(*along.T), 1e-9)).min(axis=1)


def owners(tiles: tuple[Tile, ...], points: np.ndarray) -> np.ndarray:
    """How many tiles each point lies in, clear of their borders."""
    return sum((inside(tile.visible, points) > 1e-6).astype(int) for tile in tiles)


def some_points(seed: int, n: int = 300, reach: float = 1.0) -> np.ndarray:
    """Points on the canvas, or, with `reach` above 1, that far around it."""
    centre = np.array(HW[::-1]) / 2
    return centre + rng(seed).uniform(-reach, reach, (n, 2)) * centre


# Mosaic


def test_four_pictures_touch_the_cut_lines_with_their_own_edges():
    pictures = [a_picture(wh=(600, 300), number=n) for n in range(4)]
    plan = mixed(Mosaic(center=(0.5, 0.5)), pictures, seed=3)
    found = {bounds(tile.visible) for tile in plan.tiles}
    assert found == {(-300, -60, 300, 240), (300, -60, 900, 240), (-300, 240, 300, 540), (300, 240, 900, 540)}
    assert [tile.picture.number for tile in plan.tiles] == [0, 1, 2, 3]
    assert {bounds(tile.visible) for tile in plan.finished().tiles} == {
        (0, 0, 300, 240), (300, 0, 600, 240), (0, 240, 300, 480), (300, 240, 600, 480)
    }  # fmt: skip


def test_nine_pictures_are_two_thirds_as_large_and_the_middle_ones_centred():
    pictures = [a_picture(wh=(600, 480), number=n) for n in range(9)]
    plan = mixed(Mosaic(grid=3, center=(0.5, 0.5)), pictures)
    assert all(tile.matrix[0, 0] == pytest.approx(2 / 3) for tile in plan.tiles)
    cells = {tuple(round(edge) for edge in bounds(tile.visible)) for tile in plan.finished().tiles}
    across, down = [(0, 200), (200, 400), (400, 600)], [(0, 160), (160, 320), (320, 480)]
    assert cells == {(x1, y1, x2, y2) for x1, x2 in across for y1, y2 in down}
    middle = next(tile for tile in plan.tiles if bounds(tile.visible)[:2] == (200, 160))
    assert middle.matrix @ (300, 240, 1) == pytest.approx((300, 240, 1))


def a_mosaic(data: st.DataObject, grid: int, **more: object) -> tuple[Plan, int]:
    pictures = [a_picture(wh=data.draw(sizes), number=n) for n in range(grid**2)]
    seed = data.draw(seeds)
    return mixed(Mosaic(grid=grid, **more), pictures, seed), seed


tile_steps = st.sampled_from([(), (Affine(15, 0.2, (0.7, 1.5)),), (Jitter(), Flip()), (RandomCrop((0.0,)),)])


@given(st.data(), st.sampled_from([2, 3]), tile_steps)
def test_tiles_never_overlap_on_the_canvas_or_beyond(data, grid, tile):
    plan, seed = a_mosaic(data, grid, tile=tile, scale=(0.5, 2))
    assert owners(plan.tiles, some_points(seed, reach=4)).max() <= 1


@given(st.data(), st.sampled_from([2, 3]), tile_steps)
def test_a_tile_shows_its_picture_up_to_the_cut_lines_and_nothing_else(data, grid, tile):
    plan, seed = a_mosaic(data, grid, tile=tile)
    drawn = plan.steps[0][1]
    columns = [-np.inf, *drawn["columns_px"], np.inf]
    rows = [-np.inf, *drawn["rows_px"], np.inf]
    points = some_points(seed, reach=4)
    for index, one in enumerate(plan.tiles):
        row, column = divmod((drawn["first_cell"] + index) % grid**2, grid)
        cell = (columns[column], rows[row], columns[column + 1], rows[row + 1])
        outline = moved(rectangle((0, 0, *one.picture.wh)), one.matrix)
        x, y = points.T
        room = np.minimum.reduce([x - cell[0], y - cell[1], cell[2] - x, cell[3] - y])
        depth = np.minimum(inside(outline, points), room)
        clear = abs(depth) > 1e-6
        shown = inside(one.visible, points) > 0 if len(one.visible) else np.zeros(len(points), bool)
        assert (shown == (depth > 0))[clear].all()


@given(st.data(), st.sampled_from([2, 3]))
def test_pictures_of_the_canvas_own_shape_cover_all_of_it(data, grid):
    shape = st.integers(1, 9).map(lambda n: (100 * n, 80 * n))
    pictures = [a_picture(wh=data.draw(shape), number=n) for n in range(grid**2)]
    seed = data.draw(seeds)
    plan = mixed(Mosaic(grid=grid, center=(0.4, 0.6)), pictures, seed)
    assert (owners(plan.tiles, np.floor(some_points(seed)) + 0.5) == 1).all()


@given(st.data(), tile_steps.filter(len))
def test_what_a_tiles_own_steps_leave_on_its_canvas_touches_the_lines(data, tile):
    plan, _ = a_mosaic(data, 2, tile=tile)
    drawn = plan.steps[0][1]
    (x,), (y,) = drawn["columns_px"], drawn["rows_px"]
    for index, (one, note) in enumerate(zip(plan.tiles, drawn["tiles"], strict=True)):
        if not len(one.visible):
            continue
        row, column = divmod((drawn["first_cell"] + index) % 4, 2)
        edges = bounds(one.visible)
        assert (edges[0] if column else edges[2]) == pytest.approx(x, abs=1e-6)
        assert note["steps"] or tile == (Jitter(), Flip())
        if tile != tile_steps_turning:  # a turned outline's corner may touch one line only
            assert (edges[1] if row else edges[3]) == pytest.approx(y, abs=1e-6)


tile_steps_turning = (Affine(15, 0.2, (0.7, 1.5)),)


def test_the_darknet_crop_stays_cropped_in_a_mosaic():
    pictures = [a_picture(number=n) for n in range(4)]
    half = Affine(0, (0.25, 0.25), (2, 2))  # shows the left top part of its canvas at twice the size
    plan = mixed(Mosaic(center=(0.5, 0.5), tile=(half,)), pictures)
    for index, tile in enumerate(plan.tiles):
        row, column = divmod((plan.steps[0][1]["first_cell"] + index) % 4, 2)
        corner = np.linalg.solve(tile.matrix, (300, 240, 1))[:2]
        want = (75 if column else 375, 60 if row else 300)  # the canvas it left was (75, 60, 375, 300) of it
        assert corner == pytest.approx(want)


def test_at_half_size_the_outer_parts_come_in():
    pictures = [a_picture(number=n) for n in range(4)]
    plan = mixed(Mosaic(center=(0.5, 0.5)), pictures)
    whole = Affine(0, 0, (0.5, 0.5))(plan, rng()).finished()
    assert {bounds(tile.visible) for tile in whole.tiles} == {
        (0, 0, 300, 240), (300, 0, 600, 240), (0, 240, 300, 480), (300, 240, 600, 480)
    }  # fmt: skip
    assert all(tile.matrix[0, 0] == 0.5 for tile in whole.tiles)
    for tile in whole.tiles:  # each picture is seen whole
        assert bounds(moved(tile.visible, np.linalg.inv(tile.matrix))) == pytest.approx((0, 0, 600, 480))


def test_the_centre_is_even_in_its_range_and_the_primary_in_any_cell():
    pictures = [a_picture(number=n) for n in range(4)]
    lines = [mixed(Mosaic(), pictures, seed).steps[0][1] for seed in range(1000)]
    for name, side in (("columns_px", 600), ("rows_px", 480)):
        share = np.array([one[name][0] for one in lines]) / side
        assert (share.min(), share.max()) == pytest.approx((0.3, 0.7), abs=0.01)
        assert np.histogram(share, 4, (0.3, 0.7))[0] == pytest.approx(250, abs=60)
    assert np.bincount([one["first_cell"] for one in lines]) == pytest.approx(250, abs=60)


def test_each_picture_has_its_own_size():
    pictures = [a_picture(number=n) for n in range(4)]
    plan = mixed(Mosaic(scale=(0.5, 2)), pictures)
    factors = [tile.matrix[0, 0] for tile in plan.tiles]
    assert len(set(factors)) == 4
    assert 0.5 <= min(factors) <= max(factors) <= 2


# CutMix


@given(sizes, seeds, st.sampled_from(["letterbox", "stretch", "short_side"]))
def test_the_paste_is_in_whole_px_inside_the_partner_and_the_canvas(wh, seed, resize):
    place = placing(resize=resize)
    partner = a_picture(wh=wh, number=1)
    plan = mixed(CutMix(), [a_picture(), partner], seed, place)
    box = plan.steps[0][1]["xyxy_px"]
    edges = bounds(place(partner).visible)
    assert all(edge == int(edge) for edge in box)
    assert max(edges[0], 0) <= box[0] <= box[2] <= min(edges[2], 600)
    assert max(edges[1], 0) <= box[1] <= box[3] <= min(edges[3], 480)
    assert len(plan.tiles) == 2  # partners this size leave room for a paste
    assert bounds(plan.tiles[1].visible) == tuple(box)
    assert (plan.tiles[1].matrix == place(partner).matrix).all()


def test_rectangles_are_distributed_as_the_rule_says():
    pair = [a_picture(), a_picture(number=1)]
    found = np.array([mixed(CutMix(), pair, seed).steps[0][1]["xyxy_px"] for seed in range(3000)])
    draws = rng(99)
    side = np.sqrt(1 - draws.beta(1, 1, 100000)).clip(0.3, 0.8)
    wh = np.array([600, 480])
    centre, half = draws.random((100000, 2)) * wh, side[:, None] * wh / 2
    want = np.concatenate([(centre - half).clip(0, wh), (centre + half).clip(0, wh)], axis=1)
    for statistic in (np.mean, np.std, lambda x, axis: np.quantile(x, 0.1, axis=axis)):
        assert statistic(found, axis=0) == pytest.approx(statistic(want, axis=0), abs=12)
    sides = (found[:, 2:] - found[:, :2]) / wh
    assert sides.max() <= 0.8 + 1 / 480
    area = np.prod(want[:, 2:] - want[:, :2], axis=1).mean()
    assert np.prod(found[:, 2:] - found[:, :2], axis=1).mean() == pytest.approx(area, rel=0.05)


def partly_covered(ignore: bool) -> float:
    box = (150, 120, 450, 360)
    pair = [a_picture(box, ignore=ignore), a_picture(number=1)]
    partial = 0
    for seed in range(1500):
        x1, y1, x2, y2 = mixed(CutMix(), pair, seed).steps[0][1]["xyxy_px"]
        w, h = min(x2, 450) - max(x1, 150), min(y2, 360) - max(y1, 120)
        partial += 0.2 < max(w, 0) * max(h, 0) / 72000 < 0.8
    return partial / 1500


def test_three_tries_keep_objects_from_being_covered_in_part():
    once = partly_covered(ignore=True)  # ignored objects do not guide the choice
    assert once > 0.3
    assert partly_covered(ignore=False) == pytest.approx(once**3, abs=0.05)


def test_a_partner_too_thin_for_a_whole_px_is_not_pasted():
    plan = mixed(CutMix(), [a_picture(), a_picture(wh=(20000, 20), number=1)])
    assert len(plan.tiles) == 1


# MixUp


def test_mixup_shares_the_canvas_by_opacity():
    pair = [a_picture(), a_picture(number=1)]
    plain, weighed = mixed(MixUp(), pair, 5), mixed(MixUp(weights=True), pair, 5)
    r = plain.steps[0][1]["r"]
    assert [(x.opacity, x.weight) for x in plain.layers] == [(r, 1), (1 - r, 1)]
    assert [(x.opacity, x.weight) for x in weighed.layers] == [(r, r), (1 - r, 1 - r)]
    assert [tile.picture.number for tile in plain.tiles] == [0, 1]


def test_beta_32_mixes_about_evenly():
    pair = [a_picture(), a_picture(number=1)]
    ratios = [mixed(MixUp(), pair, seed).layers[0].opacity for seed in range(1000)]
    assert np.mean(ratios) == pytest.approx(0.5, abs=0.01)
    assert np.std(ratios) == pytest.approx(0.062, abs=0.006)  # sqrt(1 / (4 (2 * 32 + 1)))


# all of them


def test_they_compose_and_a_paste_lies_under_a_blend_in_either_order():
    pictures = [a_picture(number=n) for n in range(6)]
    place = placing()
    plan = mixed(Mosaic(), pictures[:4])
    one = MixUp()(CutMix()(plan, pictures[4:5], place, rng(1)), pictures[5:], place, rng(2))
    other = CutMix()(MixUp()(plan, pictures[5:], place, rng(2)), pictures[4:5], place, rng(1))
    for found in (one, other):
        assert [[tile.picture.number for tile in layer.tiles] for layer in found.layers] == [
            [0, 1, 2, 3, 4],
            [5],
        ]
        assert sum(layer.opacity for layer in found.layers) == pytest.approx(1)
    assert bounds(one.tiles[4].visible) == bounds(other.tiles[4].visible)


@given(st.integers(1, 4), seeds)
def test_opacities_add_up_to_one_however_often_is_mixed(times, seed):
    plan, generator = Plan.of(HW, placing()(a_picture())), rng(seed)
    for number in range(times):
        plan = MixUp(beta=1, weights=True)(plan, [a_picture(number=number)], placing(), generator)
    assert sum(layer.opacity for layer in plan.layers) == pytest.approx(1)
    assert [layer.weight for layer in plan.layers] == [layer.opacity for layer in plan.layers]


@given(st.sampled_from([Mosaic(tile=(Jitter(),)), Mosaic(grid=3), CutMix(), MixUp()]), seeds)
def test_the_same_generator_gives_the_same_plan_and_json_tells_it(step, seed):
    pictures = [a_picture((10, 10, 200, 200), number=n) for n in range(1 + step.partners)]
    one, other = mixed(step, pictures, seed), mixed(step, pictures, seed)
    for a, b in zip(one.tiles, other.tiles, strict=True):
        assert (a.matrix == b.matrix).all() and (a.visible == b.visible).all()
    assert json.dumps(one.steps) == json.dumps(other.steps)


@given(st.data(), seeds, st.tuples(*[st.floats(0, 500)] * 2))
def test_visible_parts_stay_inside_their_pictures_through_everything(data, seed, corner):
    plan, _ = a_mosaic(data, 2, tile=(Jitter(),))
    plan = CutMix()(plan, [a_picture(wh=data.draw(sizes))], placing(), rng(seed))
    plan = MixUp()(plan, [a_picture(wh=data.draw(sizes))], placing(), rng(seed))
    plan = Affine(30, 0.3, (0.3, 2))(Flip()(plan, rng(seed)), rng(seed)).finished()
    for tile in plan.tiles:
        back = moved(tile.visible, np.linalg.inv(tile.matrix))
        w, h = tile.picture.wh
        assert len(cut_to(back, (-1e-6, -1e-6, w + 1e-6, h + 1e-6))) == len(back)
        assert (bounds(back)[:2] >= np.array([-1e-6, -1e-6])).all()
        assert (bounds(back)[2:] <= np.array([w, h]) + 1e-6).all()
        assert min(bounds(tile.visible)) >= 0


def test_a_step_fires_by_chance_and_until_its_epoch():
    shares = rng(3).random(2000).tolist()
    assert np.mean([fires(CutMix(p=0.3), 5, share) for share in shares]) == pytest.approx(0.3, abs=0.03)
    step = Mosaic(until_epoch=270)
    assert fires(step, 269, 0.999) and not fires(step, 270, 0.0)
    assert not any(fires(MixUp(p=0), 0, share) for share in (0.0, *shares))


def test_a_mosaic_after_another_step_is_refused():
    check_order([Mosaic(), Mosaic(grid=3), CutMix(), MixUp(), CutMix()])
    check_order([])
    with pytest.raises(ValueError, match="mix Mosaic after CutMix: want Mosaic first"):
        check_order([CutMix(), Mosaic()])
    plan = mixed(MixUp(), [a_picture(), a_picture()])
    with pytest.raises(ValueError, match="want Mosaic first"):
        Mosaic()(plan, [a_picture()] * 3, placing(), rng())


def test_partners_are_counted():
    assert [step.partners for step in (Mosaic(), Mosaic(grid=3), CutMix(), MixUp())] == [3, 8, 1, 1]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Mosaic(p=1.2), "p 1.2: want a number from 0 to 1"),
        (lambda: Mosaic(center=(0.7, 0.3)), "center .* want lowest and highest"),
        (lambda: Mosaic(grid=4), "grid 4: want 2 or 3"),
        (lambda: Mosaic(tile=Affine()), "tile .* want a list of geometry steps"),
        (lambda: Mosaic(scale=1.0), "scale 1.0: want lowest and highest"),
        (lambda: Mosaic(until_epoch=-1), "until_epoch -1: want a whole number from 0"),
        (lambda: CutMix(beta=0), "beta 0: want"),
        (lambda: CutMix(side=(0.3, 1.2)), "side .* to 1"),
        (lambda: MixUp(weights=1), "weights 1: want true or false"),
    ],
)
def test_what_is_wrong_is_said_by_field(make, message):
    with pytest.raises(ValueError, match=message):
        make()
