"""The networks are the published ones, and their outputs match the targets anchor for anchor."""

from __future__ import annotations

import numpy as np
import pytest

from datapipe.targets import MobileNetSSD, RetinaNet

pytestmark = pytest.mark.xdist_group("tensorflow")


@pytest.mark.parametrize("hw", [(128, 128), (200, 300), (129, 257)])
def test_retinanet_has_an_output_for_every_anchor(hw: tuple[int, int]):
    from recipes.networks.resnet_fpn import retinanet

    outputs = retinanet(3, depth=18, width=0.1, head_convs=1)(np.zeros((1, *hw, 3), np.float32))
    anchors = len(RetinaNet().anchors(hw))
    assert {name: tuple(value.shape) for name, value in outputs.items()} == {
        "class": (1, anchors, 3),
        "box": (1, anchors, 4),
    }
    prior = 1 / (1 + np.exp(-np.asarray(outputs["class"]).mean()))
    assert prior == pytest.approx(0.01, abs=0.003), "the classifier starts at its prior"


@pytest.mark.parametrize("hw", [(300, 300), (320, 320), (256, 192)])
def test_mobilenet_ssd_has_an_output_for_every_prior(hw: tuple[int, int]):
    from recipes.networks.mobilenet_ssd import mobilenet_ssd

    outputs = mobilenet_ssd(3, width=0.1)(np.zeros((1, *hw, 3), np.float32))
    assert tuple(outputs["class"].shape) == (1, len(MobileNetSSD().anchors(hw)), 4)
    assert tuple(outputs["box"].shape) == (1, len(MobileNetSSD().anchors(hw)), 4)


def test_yolov4_has_a_cell_for_every_stride():
    from recipes.networks.cspdarknet import yolov4

    outputs = yolov4(3, width=0.1, depth=0.1, drop_block=0.1)(np.zeros((1, 96, 160, 3), np.float32))
    assert {name: tuple(value.shape) for name, value in outputs.items()} == {
        "p3": (1, 12, 20, 3, 8),
        "p4": (1, 6, 10, 3, 8),
        "p5": (1, 3, 5, 3, 8),
    }


def test_full_size_networks_have_the_published_number_of_weights():
    """keras-retinanet's R50 has 38.0 M at 80 classes, darknet's yolov4 64.4 M, SSDLite 4.3 M (its paper)."""
    from recipes.networks.cspdarknet import yolov4
    from recipes.networks.mobilenet_ssd import mobilenet_ssd
    from recipes.networks.resnet_fpn import retinanet

    millions = [network(80).count_params() / 1e6 for network in (retinanet, mobilenet_ssd, yolov4)]
    assert millions == pytest.approx([38.0, 4.4, 64.4], abs=0.05)


def test_drop_block_blanks_whole_squares_only_while_training():
    from recipes.networks.cspdarknet import DropBlock

    layer, ones = DropBlock(0.1, size=3), np.ones((4, 30, 30, 2), np.float32)
    assert (np.asarray(layer(ones, training=False)) == 1).all()
    blank = np.asarray(layer(ones, training=True)) == 0
    assert (blank[..., 0] == blank[..., 1]).all()
    assert 0.04 < blank.mean() < 0.2
    inner = blank[:, 1:-1, 1:-1, 0]
    squares = [blank[:, y : y + 28, x : x + 28, 0] for y in range(3) for x in range(3)]
    centred = np.logical_and.reduce(squares)
    assert (centred.any(axis=(1, 2)) == inner.any(axis=(1, 2))).all(), "what goes, goes in squares of 3"
