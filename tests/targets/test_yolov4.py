"""YOLOv4's assignment against the numbers worked out from darknet's process_batch."""

from __future__ import annotations

import numpy as np
import pytest

from datapipe.targets import YoloV4, shape_iou

TRUTH = np.array([0.47 - 0.10, 0.31 - 0.15, 0.47 + 0.10, 0.31 + 0.15])


def assigned(net: int, truth: np.ndarray = TRUTH) -> list[tuple[int, int, int, int]]:
    """(anchor, level, column, row), as darknet counts."""
    found = YoloV4().assign((net, net), truth[None] * net)
    rows = zip(found.anchor, found.level, found.column, found.row, strict=True)
    return [(int(a), int(level), int(column), int(row)) for a, level, column, row in rows]


def test_shape_iou_by_hand():
    assert shape_iou(np.array([[10.0, 20.0]]), np.array([[20.0, 10.0], [10.0, 20.0]]))[0] == pytest.approx(
        [1 / 3, 1.0]
    )


def test_golden_assignment_at_608():
    assert assigned(608) == [(5, 1, 17, 11), (6, 2, 8, 5), (7, 2, 8, 5)]


def test_golden_assignment_at_416_takes_other_anchors():
    assert assigned(416) == [(3, 1, 12, 8), (4, 1, 12, 8), (5, 1, 12, 8), (6, 2, 6, 4), (7, 2, 6, 4)]


def test_the_best_anchor_at_608_is_6_and_at_416_is_5():
    for net, best in ((608, 6), (416, 5)):
        assert int(YoloV4().iou(np.array([[0.2, 0.3]]) * net).argmax()) == best


def test_anchors_and_cells_of_each_net():
    assert YoloV4().masks() == ((0, 1, 2), (3, 4, 5), (6, 7, 8))
    assert YoloV4(anchors_wh=((1, 1),) * 5).masks() == ((0, 1), (2, 3), (4,))


def test_an_object_unlike_all_anchors_still_gets_its_best_one():
    found = YoloV4().assign((608, 608), np.array([[10.0, 10.0, 11.0, 600.0]]))
    assert len(found.anchor) == 1
    assert not YoloV4().matches(YoloV4().iou(np.array([[1.0, 590.0]])).max(axis=1))[0]


def test_a_centre_on_the_far_edge_belongs_to_the_last_cell():
    found = YoloV4().assign((608, 608), np.array([[600.0, 600.0, 616.0, 616.0]]))
    assert set(zip(found.level.tolist(), found.column.tolist(), found.row.tolist(), strict=True)) == {
        (0, 75, 75)
    }


def test_exactly_the_threshold_is_not_above_it():
    spec = YoloV4(anchors_wh=((10.0, 10.0), (5.0, 10.0)), strides=(8,), iou_threshold=0.5)
    assert spec.assign((64, 64), np.array([[0.0, 0.0, 10.0, 10.0]])).anchor.tolist() == [0]
    assert spec.matches(np.array([0.5, 0.5001])).tolist() == [False, True]


def test_no_objects_no_rows():
    assert len(YoloV4().assign((608, 608), np.zeros((0, 4))).anchor) == 0


def test_numbers_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="anchors_wh"):
        YoloV4(anchors_wh=())
    with pytest.raises(ValueError, match="strides"):
        YoloV4(strides=(0,))
