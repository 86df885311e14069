"""YOLOv4's assignment against the numbers worked out from darknet's process_batch."""

from __future__ import annotations

import numpy as np
import pytest

from datapipe.objects import Objects
from datapipe.targets import YoloV4, shape_iou
from datapipe.targets.decode import yolov4_boxes, yolov4_logits

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


def encoded(spec: YoloV4, xyxy, **columns) -> dict[str, np.ndarray]:
    return spec.encode(Objects.of(xyxy, columns.pop("class_id", 0), **columns), (608, 608))


def test_golden_rows_and_logits_at_608():
    row = encoded(YoloV4(), TRUTH[None] * 608)
    assert row["anchor"].tolist() == [18635, 21969, 21970]
    assert row["box"] == pytest.approx(np.tile([285.76, 188.48, 121.6, 182.4], (3, 1)), abs=1e-4)
    logits = yolov4_logits(YoloV4(), (608, 608), row["anchor"], row["box"])
    golden = [
        (1.5664, 1.1230, 0.5241, 0.2226),
        (2.3078, 1.9136, -0.1551, 0.5057),
        (2.3078, 1.9136, -0.4568, -0.2869),
    ]
    assert logits == pytest.approx(np.array(golden), abs=2e-4)
    assert yolov4_boxes(YoloV4(), (608, 608), row["anchor"], logits) == pytest.approx(row["box"], abs=1e-3)


def test_a_centre_on_a_cells_edge_has_a_finite_logit_thanks_to_scale_x_y():
    row = encoded(YoloV4(), [[288, 288, 320, 352]])
    logits = yolov4_logits(YoloV4(), (608, 608), row["anchor"], row["box"])
    assert np.isfinite(logits).all()
    plain = yolov4_logits(YoloV4(scale_x_y=(1, 1, 1)), (608, 608), row["anchor"], row["box"])
    assert np.isneginf(plain[:, 0]).any()


def test_of_two_objects_in_one_place_the_better_one_has_the_anchor_and_both_wishes_are_counted():
    one = YoloV4(anchors_wh=((10.0, 10.0),), strides=(8,))
    row = one.encode(Objects.of([[16, 16, 28, 28], [17, 17, 27, 27], [80, 80, 90, 90]], [0, 1, 2]), (96, 96))
    assert row["class_id"].tolist() == [1, 2]
    assert int(row["collisions"]) == 1
    equal = one.encode(Objects.of([[17, 17, 27, 27]] * 3, [5, 6, 7]), (96, 96))
    assert (equal["class_id"].tolist(), int(equal["collisions"])) == ([5], 2)


def test_a_single_ignored_object_silences_what_it_would_have_taken():
    real = encoded(YoloV4(), TRUTH[None] * 608)
    ignored = encoded(YoloV4(), TRUTH[None] * 608, ignore=np.array([True]))
    assert ignored["anchor"].tolist() == real["anchor"].tolist()
    assert ignored["state"].tolist() == [-1, -1, -1]
    assert ignored["raw_ignore"].tolist() == [True]


def test_a_crowd_silences_the_anchors_that_lie_in_it():
    crowd = {"ignore": np.array([True]), "crowd": np.array([True])}
    row = encoded(YoloV4(), [[0, 0, 64, 32]], **crowd)
    centres = YoloV4().anchors((608, 608))[row["anchor"]]
    middle = (centres[:, :2] + centres[:, 2:]) / 2
    assert ((middle <= [64, 32]) & (middle >= 0)).all()
    assert {0, 3, 6} <= set(row["anchor"].tolist())  # 12 x 16 at (4, 4), (12, 4) and (20, 4)
    assert (np.prod(centres[:, 2:] - centres[:, :2], axis=1) <= 2 * 64 * 32).all()


def test_the_ports_take_anchors_where_they_lie_and_label_by_hand():
    # 40 x 28 centred in cell (2, 2) of stride 8: its own anchor lies on it exactly
    found = YoloV4.tf2_port().assign((608, 608), np.array([[0.0, 6.0, 40.0, 34.0]]))
    assert 2 in found.anchor.tolist()
    assert found.iou.max() == 1.0
    shifted = YoloV4.tf2_port().assign((608, 608), np.array([[3.0, 9.0, 43.0, 37.0]]))
    # 3 px off both ways: 37 * 25 / (2 * 1120 - 925) = 0.7034
    assert shifted.iou[shifted.anchor == 2] == pytest.approx([925 / 1315])
    assert YoloV4.darknet().by == "shape"
    assert YoloV4.tf2_port().iou_threshold == 0.3


def test_a_size_that_no_stride_divides_has_the_cells_a_network_would():
    assert [tuple(grid.count_xy.tolist()) for grid in YoloV4().grids((100, 70))] == [(9, 13), (5, 7), (3, 4)]


def test_scale_x_y_below_one_or_too_few_are_refused():
    with pytest.raises(ValueError, match="scale_x_y"):
        YoloV4(scale_x_y=(1.2, 0.9, 1.05))
    with pytest.raises(ValueError, match="scale_x_y"):
        YoloV4(scale_x_y=(1.2,))
