"""The two forms of label smoothing, in numbers."""

from __future__ import annotations

import numpy as np
import pytest

from datapipe.targets import MobileNetSSD, RetinaNet, YoloV4, on_off, smooth


def test_golden_numbers_of_both_forms():
    assert on_off(0.1, "softmax", 80) == pytest.approx((0.90125, 0.00125), abs=1e-12)
    assert on_off(0.1, "sigmoid", 80) == pytest.approx((0.95, 0.05), abs=1e-12)


def test_the_sigmoids_negatives_weigh_forty_times_the_softmaxs():
    assert on_off(0.1, "sigmoid", 80)[1] / on_off(0.1, "softmax", 80)[1] == pytest.approx(40)


@pytest.mark.parametrize("form", ["softmax", "sigmoid"])
def test_nothing_changes_without_it(form):
    assert on_off(0.0, form, 80) == (1.0, 0.0)


def test_only_rows_of_positives_are_smoothed():
    rows = np.array([[0, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0], [1, 0, 0, 1]], np.float32)
    state = np.array([1, 0, -1, 1], np.int8)
    soft = smooth(rows, state, 0.2, "softmax")
    assert soft[0] == pytest.approx([0.05, 0.85, 0.05, 0.05])
    assert soft.dtype == np.float32
    assert (soft[1:3] == 0).all()
    assert smooth(rows, state, 0.2, "sigmoid")[3] == pytest.approx([0.9, 0.1, 0.1, 0.9])
    assert soft[0].sum() == pytest.approx(1)


@pytest.mark.parametrize("kind", [RetinaNet, MobileNetSSD, YoloV4])
def test_a_share_of_one_or_more_is_refused(kind):
    assert kind(label_smoothing=0.1).label_smoothing == 0.1
    with pytest.raises(ValueError, match="label_smoothing: 1.0, want"):
        kind(label_smoothing=1.0)
