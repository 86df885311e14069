"""Box arithmetic against counting pixels and against plain Python."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datapipe import boxes

SIDE = 12
corner = st.integers(-SIDE, 2 * SIDE)
whole_boxes = st.lists(st.tuples(corner, corner, corner, corner), min_size=0, max_size=6)
coordinate = st.floats(-1e4, 1e4, width=32)
real_boxes = st.lists(st.tuples(coordinate, coordinate, coordinate, coordinate), min_size=0, max_size=8)


def array(rows: list[tuple[float, ...]], dtype: type = np.float64) -> np.ndarray:
    return np.array(rows, dtype).reshape(-1, 4)


def cells(box: tuple[int, ...]) -> set[tuple[int, int]]:
    """The unit squares a box of whole numbers covers."""
    return {(x, y) for x in range(box[0], box[2]) for y in range(box[1], box[3])}


@given(whole_boxes)
def test_area_counts_the_squares_a_box_covers(rows):
    assert boxes.area(array(rows)).tolist() == [len(cells(row)) for row in rows]


@given(whole_boxes, st.integers(1, SIDE), st.integers(1, SIDE))
def test_inside_fraction_counts_the_squares_inside_the_picture(rows, w, h):
    picture = cells((0, 0, w, h))
    for row, fraction in zip(rows, boxes.inside_fraction(array(rows), (w, h)), strict=True):
        covered = cells(row)
        assert fraction == pytest.approx(len(covered & picture) / len(covered) if covered else 0.0)


@given(whole_boxes, whole_boxes)
def test_iou_counts_shared_squares(a, b):
    found = boxes.iou(array(a), array(b))
    assert found.shape == (len(a), len(b))
    for i, one in enumerate(map(cells, a)):
        for j, other in enumerate(map(cells, b)):
            want = len(one & other) / len(one | other) if one and other else 0.0
            assert found[i, j] == pytest.approx(want)


@given(real_boxes, st.integers(1, 5000), st.integers(1, 5000))
def test_clip_is_inside_the_picture_and_leaves_inner_boxes_alone(rows, w, h):
    given_boxes = array(rows, np.float32)
    clipped = boxes.clip(given_boxes, (w, h))
    assert clipped.dtype == np.float32
    assert ((clipped >= 0) & (clipped <= [w, h, w, h])).all()
    inner = ((given_boxes >= 0) & (given_boxes <= [w, h, w, h])).all(axis=1)
    assert np.array_equal(clipped[inner], given_boxes[inner])
    assert np.array_equal(boxes.clip(clipped, (w, h)), clipped)


@given(real_boxes, real_boxes)
def test_iou_is_between_0_and_1_symmetric_and_1_with_itself(a, b):
    one, other = array(a, np.float32), array(b, np.float32)
    found = boxes.iou(one, other)
    assert found.dtype == np.float32
    assert ((found >= 0) & (found <= 1 + 1e-6)).all()
    assert np.allclose(found, boxes.iou(other, one).T)
    own = np.diag(boxes.iou(one, one))
    assert np.allclose(own[boxes.area(one) > 1e-6], 1)


def test_the_numbers_of_the_docstrings():
    assert boxes.clip(np.array([-2.0, 5, 12, 30]), (10, 20)).tolist() == [0, 5, 10, 20]
    assert boxes.inside_fraction(np.array([-5.0, 0, 5, 10]), (10, 10)) == 0.5
    assert boxes.iou(array([(0, 0, 2, 2)]), array([(1, 0, 3, 2)]))[0, 0] == pytest.approx(1 / 3)


def test_swapped_corners_have_no_area_instead_of_a_positive_one():
    assert boxes.area(array([(5, 5, 2, 2), (5, 0, 2, 3)])).tolist() == [0, 0]


def test_clip_takes_a_size_for_every_box():
    sizes = np.array([[10, 10], [20, 5]])
    assert boxes.clip(array([(0, 0, 99, 99)] * 2), sizes).tolist() == [[0, 0, 10, 10], [0, 0, 20, 5]]


@given(real_boxes)
def test_centre_and_corner_forms_agree(rows):
    xywh = array(rows)
    centred = np.concatenate([xywh[:, :2] + xywh[:, 2:] / 2, xywh[:, 2:]], axis=1)
    assert np.allclose(boxes.from_xywh(xywh), boxes.from_cxcywh(centred))
    assert boxes.from_xywh(array([(1, 2, 3, 4)])).tolist() == [[1, 2, 4, 6]]
    assert boxes.from_cxcywh(array([(1, 2, 2, 4)])).tolist() == [[0, 0, 2, 4]]
