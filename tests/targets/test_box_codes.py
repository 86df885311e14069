"""Box codes against the numbers read in five projects, and back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datapipe.targets import MobileNetSSD, RetinaNet
from datapipe.targets.codes import BoxCode, encode
from datapipe.targets.decode import decode

ANCHOR = np.array([[96.0, 96, 224, 288]])
OBJECT = np.array([[100.0, 120, 220, 300]])


@pytest.mark.parametrize(
    ("spec", "golden"),
    [
        (RetinaNet(), (0.15625, 0.625, -0.15625, 0.3125)),
        (RetinaNet.torchvision(), (0, 0.09375, -0.0645385, -0.0645385)),
        (RetinaNet.detectron2(), (0, 0.09375, -0.0645385, -0.0645385)),
        (RetinaNet.tf_object_detection(), (0.9375, 0, -0.3226927, -0.3226927)),
        (RetinaNet.model_garden(), (0.09375, 0, -0.0645385, -0.0645385)),
        (MobileNetSSD(), (0, 0.9375, -0.3226927, -0.3226927)),
        (MobileNetSSD.tf_object_detection(), (0.9375, 0, -0.3226927, -0.3226927)),
        (MobileNetSSD.torchvision_ssdlite(), (0, 0.9375, -0.3226927, -0.3226927)),
    ],
)
def test_the_golden_pair(spec, golden):
    assert encode(spec.code(), ANCHOR, OBJECT)[0] == pytest.approx(golden, abs=1e-6)


def test_height_comes_before_width_where_y_comes_before_x():
    wide = np.array([[96.0, 96, 352, 288]])  # twice as wide, as high
    assert encode(BoxCode(axes="xy"), ANCHOR, wide)[0, 2:] == pytest.approx([np.log(2), 0])
    assert encode(BoxCode(axes="yx"), ANCHOR, wide)[0, 2:] == pytest.approx([0, np.log(2)])
    assert encode(BoxCode("corners", axes="yx"), ANCHOR, wide)[0] == pytest.approx([0, 0, 0, 1])


place, side = st.floats(-100, 1400), st.floats(1, 1400)
corners = st.tuples(place, place, side, side).map(lambda b: [b[0], b[1], b[0] + b[2], b[1] + b[3]])
codes = st.builds(
    BoxCode,
    st.sampled_from(["corners", "centre_size"]),
    st.sampled_from([(1.0,) * 4, (0.2,) * 4, (0.1, 0.1, 0.2, 0.2), (0.1, 0.2, 0.3, 0.4)]),
    st.sampled_from(["xy", "yx"]),
)


anchors = st.tuples(place, place, st.floats(8, 900), st.floats(8, 900))


@given(codes, anchors, corners)
def test_decoding_gives_the_box_back(code, anchor, box):
    x, y, w, h = anchor
    at, boxes = np.array([[x, y, x + w, y + h]]), np.array([box])
    assert np.abs(decode(code, at, encode(code, at, boxes)) - boxes).max() < 1e-3


@pytest.mark.parametrize("kind", [RetinaNet, MobileNetSSD])
def test_variances_that_cannot_be_are_refused(kind):
    with pytest.raises(ValueError, match="variances: "):
        kind(variances=(0.1, 0.1, 0.0, 0.2))
