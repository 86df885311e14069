"""Anchors by their flat number."""

from __future__ import annotations

import numpy as np
import pytest

from datapipe.targets import MobileNetSSD, RetinaNet, YoloV4
from datapipe.targets.layout import layout


@pytest.mark.parametrize("hw", [(64, 64), (100, 157), (33, 200)])
@pytest.mark.parametrize(
    "spec",
    [
        RetinaNet(),
        RetinaNet.torchvision(),
        RetinaNet.model_garden(),
        MobileNetSSD(),
        MobileNetSSD.torchvision_ssdlite(),
        YoloV4(),
        YoloV4(anchors_wh=((5, 9),), strides=(8, 16)),  # no anchor left for the second level
    ],
)
def test_every_number_names_the_anchor_of_the_list(spec, hw):
    places, listed = layout(spec, hw), spec.anchors(hw)
    numbers = np.arange(places.count)
    assert len(listed) == places.count == spec.anchor_count(hw)
    assert np.array_equal(places.xyxy(numbers), listed)
    assert np.array_equal(places.number(*places.cell(numbers)), numbers)


def test_a_layout_is_kept_for_equal_detectors_and_shapes():
    assert layout(RetinaNet(), (96, 96)) is layout(RetinaNet(), (96, 96))
    assert layout(RetinaNet(), (96, 96)) is not layout(RetinaNet(), (96, 128))
    assert layout(RetinaNet(), (96, 96)) is not layout(RetinaNet.detectron2(), (96, 96))


def test_counts_of_the_shipped_sizes():
    assert RetinaNet().anchor_count((640, 640)) == 76_725
    assert RetinaNet.tf_object_detection().anchor_count((640, 640)) == 51_150
    assert MobileNetSSD().anchor_count((300, 300)) == 1917
    assert [YoloV4().anchor_count((net, net)) for net in (416, 512, 608)] == [10_647, 16_128, 22_743]
