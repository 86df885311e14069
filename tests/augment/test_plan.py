"""Plans: matrices and outlines, before any step."""

from __future__ import annotations

import numpy as np
import pytest
from arrays import affine, bounds, cut_to, moved, rectangle
from hypothesis import assume, given
from hypothesis import strategies as st

from datapipe.augment.guides import seen_boxes
from datapipe.augment.plan import Layer, Picture, Plan, finished, whole

numbers = st.floats(-2, 2).map(lambda x: round(x, 3))
affines = st.builds(affine, *[numbers, numbers, st.floats(-300, 300)] * 2).filter(
    lambda m: abs(np.linalg.det(m)) > 0.05
)


def a_picture(*xyxy: tuple[float, ...], wh: tuple[int, int] = (100, 60), ignore: bool = False) -> Picture:
    return Picture(7, wh, np.array(xyxy, np.float32).reshape(-1, 4), np.full(len(xyxy), ignore))


def tilted(a: float, b: float) -> np.ndarray:
    return np.array([[1.0, 0.2, 3.0], [-0.1, 0.9, 5.0], [a, b, 1.0]])


def signed_area(outline: np.ndarray) -> float:
    """Above 0 for corners that go clockwise on the screen, where y points down."""
    x, y = outline.T
    return float(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2


def inside(outline: np.ndarray, points: np.ndarray) -> np.ndarray:
    """How far points lie inside a clockwise convex outline, in px; below 0 outside."""
    along = np.roll(outline, -1, axis=0) - outline
    apart = points[:, None] - outline
    cross = along[:, 0] * apart[..., 1] - along[:, 1] * apart[..., 0]
    return (cross / np.maximum(np.hypot(*along.T), 1e-9)).min(axis=1)


def test_a_flip_takes_the_left_edge_to_the_right():
    plan = Plan.of((608, 608), whole(a_picture(wh=(608, 608)), np.eye(3))).moved(affine(-1, 0, 608, 0, 1, 0))
    assert plan.tiles[0].matrix @ (0, 10, 1) == pytest.approx((608, 10, 1))
    assert plan.tiles[0].matrix @ (600, 10, 1) == pytest.approx((8, 10, 1))


@given(affines, affines)
def test_a_matrix_is_applied_after_what_is_there(first, second):
    plan = Plan.of((60, 100), whole(a_picture(), first)).moved(second)
    assert plan.tiles[0].matrix == pytest.approx(second @ first, abs=1e-6)


@given(st.floats(-0.003, 0.003), st.floats(-0.003, 0.003), affines)
def test_tilted_matrices_multiply_as_numpy_says(a, b, first):
    tile = whole(a_picture(), first).moved(tilted(a, b))
    assert tile.matrix == pytest.approx(tilted(a, b) @ first, abs=1e-6)


@given(affines, affines)
def test_outlines_stay_clockwise_and_are_the_picture_through_the_matrix(first, second):
    tile = whole(a_picture(), first).moved(second)
    corners = (tile.matrix @ np.c_[rectangle((0, 0, 100, 60)), np.ones(4)].T)[:2].T
    assert np.linalg.norm(tile.visible[:, None] - corners, axis=2).min(axis=1) == pytest.approx(0, abs=1e-6)
    assert signed_area(tile.visible) == pytest.approx(6000 * abs(np.linalg.det(tile.matrix)), rel=1e-6)


@given(st.floats(-0.003, 0.003), st.floats(-0.003, 0.003), affines, affines)
def test_tilted_outlines_stay_clockwise_mirrored_or_not(a, b, first, second):
    matrix = second @ tilted(a, b) @ first
    corners = rectangle((0, 0, 100, 60))
    assume((np.c_[corners, np.ones(4)] @ matrix[2] > 0.1).all())
    assert signed_area(moved(corners, matrix)) > 0


def test_a_diamond_is_cut_to_a_triangle():
    diamond = np.array([[2, 0], [4, 2], [2, 4], [0, 2]], float)
    assert {tuple(p) for p in cut_to(diamond, (0, 0, 4, 2)).tolist()} == {(2, 0), (4, 2), (0, 2)}


def test_nothing_is_left_of_an_outline_outside_or_beside():
    assert cut_to(rectangle((0, 0, 4, 4)), (10, 0, 20, 4)).shape == (0, 2)
    assert cut_to(rectangle((0, 0, 4, 4)), (4, 0, 8, 4)).shape == (0, 2)
    assert cut_to(np.zeros((0, 2)), (4, 0, 8, 4)).shape == (0, 2)


def test_an_infinite_edge_does_not_cut():
    cut = cut_to(rectangle((-50, -40, 30, 20)), (-np.inf, -np.inf, 10, 5))
    assert bounds(cut) == (-50, -40, 10, 5)


@given(affines, st.tuples(*[st.integers(-200, 0)] * 2, *[st.integers(1, 200)] * 2), st.integers(0, 99))
def test_a_cut_outline_holds_what_outline_and_box_hold(matrix, box, seed):
    outline = moved(rectangle((-50, -30, 50, 30)), matrix)
    cut = cut_to(outline, box)
    points = np.random.default_rng(seed).uniform(-250, 250, (200, 2))
    both = np.minimum(inside(outline, points), inside(rectangle(box), points))
    found = inside(cut, points) if len(cut) else np.full(len(points), -1.0)
    clear = abs(both) > 1e-3
    assert ((found > 0) == (both > 0))[clear].all()


def test_finishing_cuts_to_the_canvas_and_drops_what_is_out_of_sight():
    seen, gone = whole(a_picture(), affine(1, 0, 60, 0, 1, 0)), whole(a_picture(), affine(1, 0, 500, 0, 1, 0))
    plan = Plan((60, 100), (Layer((seen, gone), 0.25, 0.5), Layer((gone,), 0.75)), (1, 2, 3)).noted("X", a=1)
    done = plan.finished()
    assert [bounds(tile.visible) for tile in done.tiles] == [(60, 0, 100, 60)]
    assert [(layer.opacity, layer.weight) for layer in done.layers] == [(0.25, 0.5), (0.75, 1.0)]
    assert (done.fill, done.steps) == ((1, 2, 3), (("X", {"a": 1}),))
    assert done.finished().tiles[0].visible == pytest.approx(done.tiles[0].visible)


@given(affines, affines, st.booleans())
def test_moves_in_a_row_are_one_whether_or_not_somebody_looks_in_between(first, second, looks):
    tile = whole(a_picture(), affine(1, 0, 5, 0, 1, 7))
    plan = Plan((60, 100), (Layer((tile, tile), 0.5), Layer((tile,), 0.5)))
    between = plan.moved(first)
    if looks:
        assert len(between.tiles) == 3
    there = between.moved(second)
    want = tile.moved(first).moved(second)
    assert len(there.layers) == 2 and [len(layer.tiles) for layer in there.layers[:]] == [2, 1]
    for found in there.tiles:
        assert found.matrix == pytest.approx(want.matrix, abs=1e-6)
        assert found.visible == pytest.approx(want.visible, abs=1e-6)
    assert (there.matrix == there.tiles[0].matrix).all()
    assert [tile.nine for tile in there.finished().tiles] in ([], [there.tiles[0].nine] * 3)


@given(st.lists(st.tuples(affines, st.booleans(), st.integers(20, 300)), min_size=1, max_size=5))
def test_plans_finished_together_have_the_bits_of_plans_finished_alone(drawn):
    tile = whole(a_picture(), affine(1, 0, 5, 0, 1, 7))
    plans = [
        Plan((60, side), (Layer((tile,)), Layer((tile.moved(matrix),)))[: 1 + more]).moved(matrix)
        for matrix, more, side in drawn
    ]
    for together, alone in zip(finished(plans), map(Plan.finished, plans), strict=True):
        assert [(t.nine, t.corners) for t in together.tiles] == [(t.nine, t.corners) for t in alone.tiles]
        assert len(together.layers) == len(alone.layers) and together.hw == alone.hw
        assert len(together.unseen) == len(alone.unseen) == len(together.layers) - len(together.tiles)


def test_plans_without_a_tile_are_finished_too():
    plans = [Plan((4, 5), ()), Plan((4, 5), (Layer(()),))]
    assert finished([]) == [] and [len(plan.layers) for plan in finished(plans)] == [0, 1]


def test_objects_are_seen_where_the_tile_shows_them():
    picture = a_picture((0, 0, 20, 20), (80, 20, 100, 60), (0, 50, 10, 60))
    tile = whole(picture, affine(2, 0, -20, 0, 2, 0))
    cut = type(tile).of(picture, tile.matrix, cut_to(tile.visible, (-np.inf, -np.inf, 50, 90)))
    found = seen_boxes([cut], (200, 200))
    assert found.tolist() == [[0, 0, 20, 40]]
    assert seen_boxes([tile], (60, 200)).tolist() == [[0, 0, 20, 40], [140, 40, 180, 60]]


def test_ignored_objects_do_not_guide_a_step():
    tile = whole(a_picture((0, 0, 20, 20), ignore=True), np.eye(3))
    assert seen_boxes([tile], (60, 100)).shape == seen_boxes([], (60, 100)).shape == (0, 4)


@given(affines)
def test_a_seen_box_is_the_hull_of_the_moved_corners(matrix):
    tile = whole(a_picture((10, 20, 60, 50)), matrix).moved(affine(1, 0, 5000, 0, 1, 5000))
    hull = bounds(moved(rectangle((10, 20, 60, 50)), tile.matrix))
    assert seen_boxes([tile], (10000, 10000))[0] == pytest.approx(hull, abs=1e-6)
