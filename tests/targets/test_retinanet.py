"""Anchors against the numbers read in the sources of keras-retinanet, torchvision and Detectron2."""

from __future__ import annotations

import numpy as np
import pytest

from datapipe.targets import RetinaNet

HALF = [(45.255, 22.627), (57.018, 28.509), (71.838, 35.919)]
SQUARE = [(32, 32), (40.317, 40.317), (50.797, 50.797)]
TALL = [(h, w) for w, h in HALF]


def test_shapes_are_keras_retinanets_ratio_by_ratio():
    assert RetinaNet().shapes(0) == pytest.approx(np.array(HALF + SQUARE + TALL), abs=1e-3)


def test_detectron2_goes_scale_by_scale():
    want = [row for three in zip(HALF, SQUARE, TALL, strict=True) for row in three]
    assert RetinaNet.detectron2().shapes(0) == pytest.approx(np.array(want), abs=1e-3)


def test_torchvision_rounds_sizes_and_half_extents():
    half = [(23, 11), (28, 14), (35, 18), (16, 16), (20, 20), (25, 25), (11, 23), (14, 28), (18, 35)]
    assert (RetinaNet.torchvision().shapes(0) / 2).tolist() == [list(pair) for pair in half]


@pytest.mark.parametrize(
    ("hw", "total"),
    [((512, 512), 49_104), ((640, 640), 76_725), ((800, 1333), 200_700), ((800, 1344), 201_600)],
)
def test_totals_at_nine_a_cell(hw, total):
    assert RetinaNet().anchors(hw).shape == (total, 4)


def test_totals_at_two_scales_an_octave():
    assert len(RetinaNet(scales=(1.0, 2**0.5)).anchors((640, 640))) == 51_150


def test_maps_of_800_by_1333_are_rounded_up():
    maps = [tuple(grid.count_xy[::-1].tolist()) for grid in RetinaNet().grids((800, 1333))]
    assert maps == [(100, 167), (50, 84), (25, 42), (13, 21), (7, 11)]


def test_the_first_centre_is_half_a_stride_in_or_at_zero():
    for spec, centre in ((RetinaNet(), 4), (RetinaNet.detectron2(), 0), (RetinaNet.torchvision(), 0)):
        first = spec.anchors((512, 512))[0]
        assert (first[:2] + first[2:]) / 2 == pytest.approx([centre, centre])


def test_anchors_run_by_shape_then_column_then_row_then_level():
    spec = RetinaNet(scales=(1.0,), ratios=(1.0, 4.0))
    rows = spec.anchors((16, 24))
    centres = ((rows[:, :2] + rows[:, 2:]) / 2).tolist()
    assert centres[:5] == [[4, 4], [4, 4], [12, 4], [12, 4], [20, 4]]
    assert centres[6] == [4, 12]
    assert (rows[:2, 2:] - rows[:2, :2]).tolist() == [[32, 32], [16, 64]]
    assert (rows[12, 2:] - rows[12, :2]).tolist() == [64, 64]


def test_torchvisions_step_is_canvas_over_map():
    assert [grid.step_xy.tolist() for grid in RetinaNet.torchvision().grids((800, 1344))][-1] == [122, 114]


def test_tf_object_detection_has_six_a_cell_and_no_ignore_band():
    spec = RetinaNet.tf_object_detection()
    assert len(spec.anchors((640, 640))) == 51_150
    wide = [(round(w), round(h)) for w, h in spec.shapes(0)]
    assert wide == [(32, 32), (45, 45), (45, 23), (64, 32), (23, 45), (32, 64)]  # w/h of 1, 2, 1/2


def test_model_garden_goes_scale_by_scale_from_tall_to_wide_with_steps_that_fill_the_canvas():
    spec = RetinaNet.model_garden()
    assert spec.shapes(0)[:3] == pytest.approx(np.array([TALL[0], SQUARE[0], HALF[0]]), abs=1e-3)
    grid = spec.grids((100, 200))[1]
    assert (grid.count_xy.tolist(), grid.step_xy.tolist()) == ([13, 7], [200 / 13, 100 / 7])
    assert grid.first_xy.tolist() == [100 / 13, 50 / 7]


def test_an_object_at_exactly_half_is_taken_and_a_worse_one_only_with_low_quality():
    iou = np.array([0.5, 0.49, 0.0])
    assert RetinaNet().matches(iou).tolist() == [True, False, False]
    assert RetinaNet(low_quality=True).matches(iou).tolist() == [True, True, False]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"sizes": (32,)}, "sizes: 1 of them for 5 strides"),
        ({"ratios": (0.0,)}, r"ratios: \(0.0,\), want"),
        ({"scales": ()}, r"scales: \(\), want one or more"),
        ({"negative_iou": 0.6}, "negative_iou 0.6: want above 0, at most positive_iou 0.5"),
    ],
)
def test_numbers_that_cannot_be_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        RetinaNet(**wrong)
