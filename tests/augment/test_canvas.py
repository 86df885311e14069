"""The network's input: sizes of windows and the place of a picture."""

from __future__ import annotations

import numpy as np
import pytest
from arrays import bounds
from hypothesis import given
from hypothesis import strategies as st

from datapipe.augment.canvas import Input, MultiScale
from datapipe.augment.plan import Picture
from datapipe.resizing import MODES, place, resize

sizes = st.tuples(st.integers(1, 5000), st.integers(1, 5000))


def a_picture(wh: tuple[int, int]) -> Picture:
    return Picture(0, wh, np.zeros((0, 4), np.float32), np.zeros(0, bool))


@given(sizes, st.sampled_from(MODES))
def test_a_picture_is_placed_where_its_boxes_are(wh, mode):
    tile = Input((416, 640), mode).place(a_picture(wh), (416, 640))
    expected = place([(0, 0, *wh)], resize(wh, (416, 640), mode), np.array([0]))[0]
    assert bounds(tile.visible) == pytest.approx(expected.tolist(), rel=1e-12, abs=1e-9)
    assert (tile.matrix @ (*wh, 1))[:2] == pytest.approx(expected[2:], rel=1e-12)


def test_letterbox_leaves_bars_and_the_tile_leaves_them_out():
    tile = Input((608, 608)).place(a_picture((1280, 720)), (608, 608))
    assert tile.matrix.tolist() == [[0.475, 0, 0], [0, 0.475, 133], [0, 0, 1]]
    assert bounds(tile.visible) == (0, 133, 608, 475)


def test_a_place_is_shared_and_what_is_written_to_its_array_changes_nothing():
    one, other = (Input((608, 608)).place(a_picture((640, 480)), (608, 608)) for _ in range(2))
    assert one.nine is other.nine and one.corners is other.corners
    one.matrix[0, 0] = 2
    assert other.matrix[0, 0] == 0.95


def test_the_side_holds_for_a_run_of_windows_and_every_side_comes():
    scales = MultiScale(every_windows=3, min=320, max=608, step=32)
    sides = [scales.side(window, seed=5) for window in range(900)]
    assert all(len(set(sides[i : i + 3])) == 1 for i in range(0, 900, 3))
    counts = np.unique(sides[::3], return_counts=True)
    assert counts[0].tolist() == list(range(320, 609, 32))
    assert counts[1].min() > 10  # 30 expected of each
    assert sides[::3] == [scales.side(3 * run + 2, 5) for run in range(300)]
    assert sides != [scales.side(window, seed=6) for window in range(900)]


def test_a_drawn_size_keeps_the_proportion_in_steps():
    scales = MultiScale(min=480, max=480)
    assert Input((608, 608), multi_scale=scales).hw_of(0, 0) == (480, 480)
    assert Input((384, 640), multi_scale=scales).hw_of(0, 0) == (480, 800)
    assert Input((640, 400), multi_scale=scales).hw_of(0, 0) == (768, 480)
    assert Input((384, 640)).hw_of(9, 0) == Input((384, 640)).hw_for(9, 0, [(10, 10)]) == (384, 640)


def test_short_side_takes_the_smallest_canvas_that_holds_the_window():
    retinanet = Input((800, 1333), "short_side")
    assert retinanet.hw_for(0, 0, [(640, 480)]) == (800, 1088)
    assert retinanet.hw_for(0, 0, [(640, 480), (1280, 720)]) == (800, 1344)
    assert retinanet.hw_for(0, 0, np.array([(640, 480), (480, 640)], np.int32)) == (1088, 1088)
    assert Input((800, 1333), "short_side", multiple=128).hw_for(0, 0, [(640, 480)]) == (896, 1152)


def test_short_side_places_by_its_own_sides_whatever_the_canvas():
    tile = Input((800, 1333), "short_side").place(a_picture((640, 480)), (1088, 1344))
    assert bounds(tile.visible) == pytest.approx((0, 0, 1066.667, 800), abs=1e-3)


def test_a_drawn_short_side_takes_the_long_one_along():
    scaled = Input((800, 1333), "short_side", MultiScale(min=640, max=640))
    assert scaled.hw_of(0, 0) == (640, 1066)
    assert bounds(scaled.fixed(0, 0).place(a_picture((640, 480)), (1, 1)).visible)[3] == 640
    assert scaled.hw_for(0, 0, [(640, 480)]) == (640, 864)
    with pytest.raises(ValueError, match="multi_scale: want it fixed"):
        scaled.place(a_picture((640, 480)), (640, 864))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Input((0, 608)), "hw 0: want a whole number from 1"),
        (lambda: Input(608), "hw 608: want height and width"),
        (
            lambda: Input((608, 608), "letterbx"),
            "resize letterbx: want one of letterbox, stretch, short_side",
        ),
        (lambda: Input((1333, 800), "short_side"), "want the short side first"),
        (lambda: Input((608, 608), multiple=0), "multiple 0: want"),
        (lambda: Input((608, 608), decode="quick"), "decode quick: want one of accurate, fast"),
        (lambda: MultiScale(min=470), "min 470: want a multiple of step, 32 px"),
        (lambda: MultiScale(min=736, max=480), "min 736: want at most max, 480 px"),
        (lambda: MultiScale(every_windows=0), "every_windows 0: want a whole number from 1"),
        (lambda: MultiScale(step=True), "step True: want a whole number"),
    ],
)
def test_what_is_wrong_is_said_by_field(make, message):
    with pytest.raises(ValueError, match=message.replace("(", r"\(")):
        make()
