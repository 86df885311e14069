"""SSD's priors against the numbers read in the sources of TF Object Detection and torchvision."""

from __future__ import annotations

import numpy as np
import pytest

from datapipe.targets import MobileNetSSD


@pytest.mark.parametrize(
    ("spec", "side", "total"),
    [
        (MobileNetSSD(), 300, 1917),
        (MobileNetSSD(), 320, 2034),
        (MobileNetSSD.torchvision_ssdlite(), 320, 3234),
        (MobileNetSSD.torchvision_ssd300(), 300, 8732),
    ],
)
def test_totals(spec, side, total):
    assert spec.anchors((side, side)).shape == (total, 4)


def test_the_lowest_map_has_three_priors_and_its_first_cell_is_golden():
    rows = MobileNetSSD().anchors((300, 300))[:3] / 300
    assert (rows[:, :2] + rows[:, 2:]) / 2 == pytest.approx(0.02632, abs=1e-5)
    hw = (rows[:, 2:] - rows[:, :2])[:, ::-1]
    assert hw == pytest.approx(np.array([(0.1, 0.1), (0.1414, 0.2828), (0.2828, 0.1414)]), abs=1e-4)


def test_scales_are_a_ramp_and_the_extra_squares_lie_between():
    spec = MobileNetSSD()
    assert spec.ramp() == pytest.approx((0.2, 0.35, 0.5, 0.65, 0.8, 0.95, 1.0))
    extras = [spec.specs(level)[-1] for level in range(1, 6)]
    assert [scale for scale, _ in extras] == pytest.approx([0.4183, 0.5701, 0.7211, 0.8718, 0.9747], abs=1e-4)
    assert [ratio for _, ratio in extras] == [1.0] * 5


def test_higher_maps_follow_the_ratios_order_then_the_extra():
    assert [ratio for _, ratio in MobileNetSSD().specs(2)] == [1.0, 2.0, 0.5, 3.0, 0.3333, 1.0]


def test_torchvision_puts_the_extra_second_and_each_ratio_before_its_inverse():
    assert [ratio for _, ratio in MobileNetSSD.torchvision_ssdlite().specs(0)] == pytest.approx(
        [1, 1, 2, 0.5, 3, 1 / 3]
    )
    assert len(MobileNetSSD.torchvision_ssd300().specs(0)) == 4


def test_torchvision_clips_sizes_only_and_priors_may_stick_out():
    rows = MobileNetSSD.torchvision_ssd300().anchors((300, 300))
    assert (rows[:, 2:] - rows[:, :2]).max() == pytest.approx(300)
    assert rows.min() < 0


def test_tf_object_detections_unit_is_the_short_side_and_torchvisions_each_side():
    assert MobileNetSSD().shapes(1, (300, 600))[0].tolist() == pytest.approx([105, 105])
    lite = MobileNetSSD.torchvision_ssdlite()
    assert lite.shapes(1, (300, 600))[0].tolist() == pytest.approx([210, 105])


def test_ssd300_is_for_300_pixels_only():
    with pytest.raises(ValueError, match="these maps are for 300 px, not 320 x 320"):
        MobileNetSSD.torchvision_ssd300().anchors((320, 320))


def test_an_object_at_exactly_half_is_taken():
    assert MobileNetSSD().matches(np.array([0.5, 0.499])).tolist() == [True, False]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"min_scale": 0.9, "max_scale": 0.5}, "min_scale 0.9 and max_scale 0.5"),
        ({"scales": (0.1, 0.2)}, "scales: 2 of them, want 7 for 6 maps"),
        ({"ratios": ()}, "ratios: "),
    ],
)
def test_numbers_that_cannot_be_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        MobileNetSSD(**wrong)
