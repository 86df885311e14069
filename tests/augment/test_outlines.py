"""Many outlines in arrays are what each is in plain floats, to the bit the same beside any others."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datapipe.augment import plane
from datapipe.augment.clipping import area
from datapipe.augment.outlines import Outlines
from datapipe.augment.plane import Nine, Points

WH = (60.0, 40.0)
CANVAS = (0.0, 0.0, *WH)

rings = st.builds(
    lambda n, x, y, r, turn: [
        (x + r * float(np.cos(turn + 2 * np.pi * k / n)), y + r * float(np.sin(turn + 2 * np.pi * k / n)))
        for k in range(n)
    ],
    st.integers(3, 8),
    st.floats(-20, 80),
    st.floats(-20, 60),
    st.floats(1, 60),
    st.floats(0, 7),
)
boxes = st.builds(
    lambda x, y, w, h: plane.rectangle((x, y, x + w, y + h)),
    *[st.integers(-40, 50).map(float)] * 2,
    *[st.integers(1, 90).map(float)] * 2,
)
outlines = st.lists(rings | boxes | st.just([]), min_size=1, max_size=6)
numbers = st.floats(-2, 2).map(lambda x: round(x, 3))
matrices = st.builds(
    lambda a, b, c, d, e, f, g, h: (a, b, c, d, e, f, g, h, 1.0),
    *[numbers, numbers, st.floats(-50, 50)] * 2,
    *[st.sampled_from([0.0, 0.001, -0.002])] * 2,
).filter(lambda m: abs(m[0] * m[4] - m[1] * m[3]) > 0.05)


def columns(chosen: list[Nine]) -> np.ndarray:
    return np.array(chosen).T


def cut(some: list[Points]) -> list[Points]:
    return Outlines.of(some).inside(np.tile(np.array([WH]).T, len(some))).points()


@given(outlines)
def test_corners_come_back_as_they_were_given(some):
    assert Outlines.of(some).points() == some


@given(outlines, st.data())
def test_through_a_matrix_each_is_what_plain_floats_make_of_it(some, data):
    chosen = data.draw(st.lists(matrices, min_size=len(some), max_size=len(some)))
    found = Outlines.of(some).through(columns(chosen)).points()
    assert found == [plane.through(one, m) if one else [] for one, m in zip(some, chosen, strict=True)]


@given(outlines)
def test_inside_a_canvas_each_is_what_plain_floats_leave_of_it(some):
    for found, one in zip(cut(some), some, strict=True):
        want = plane.cut(one, CANVAS)
        assert area(found) == pytest.approx(area(want), abs=1e-6)
        if area(want) > 1e-6:
            assert plane.bounds(found) == pytest.approx(plane.bounds(want), abs=1e-9)


@given(outlines)
def test_no_outline_changes_a_bit_of_another(some):
    assert cut(some) == [cut([one])[0] for one in some]


def test_a_diamond_is_cut_to_a_triangle_and_what_lies_beside_to_nothing():
    diamond = [(2.0, 0.0), (4.0, 2.0), (2.0, 4.0), (0.0, 2.0)]
    wh = np.array([[4.0, 4.0], [2.0, 2.0]])
    found = Outlines.of([diamond, plane.rectangle((4, 0, 8, 2))]).inside(wh).points()
    assert [set(one) for one in found] == [{(2, 0), (4, 2), (0, 2)}, set()]


def test_an_outline_that_only_touches_the_canvas_leaves_nothing():
    kite = [(60.0, 0.0), (80.0, 10.0), (60.0, 20.0), (60.0, 10.0)]
    assert cut([kite, plane.rectangle((60, 0, 70, 9)), plane.rectangle((-5, 3, 0, 9))]) == [[], [], []]


def test_a_matrix_that_takes_a_corner_to_the_horizon_is_refused():
    square, horizon = plane.rectangle((0, 0, 10, 10)), (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, -0.1, 0.0, 1.0)
    with pytest.raises(ZeroDivisionError, match="horizon"):
        Outlines.of([square]).through(columns([horizon]))
    assert Outlines.of([square, []]).through(columns([plane.SAME, horizon])).points() == [square, []]


def test_no_outlines_at_all_are_none():
    none = Outlines.of([]).through(np.zeros((9, 0))).inside(np.zeros((2, 0)))
    assert none.points() == []
