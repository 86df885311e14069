"""The rules one by one, on pictures small enough to work out by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from datapipe.objects import Objects
from datapipe.targets import MobileNetSSD, RetinaNet
from datapipe.targets.layout import layout

ONE = RetinaNet(sizes=(40,), strides=(8,), scales=(1.0,), ratios=(1.0,))
"""One 40 px anchor a cell, centres at 4, 12, 20, ..."""
HW = (160, 160)


def number(x: float, y: float) -> int:
    """Of ONE's anchor at a centre."""
    return int((y - 4) / 8 * 20 + (x - 4) / 8)


def state(spec, objects: Objects, anchor: int) -> int:
    row = spec.encode(objects, HW)
    return int(row["state"][row["anchor"] == anchor].sum())


def inside(width: float, height: float, **columns) -> Objects:
    """A box in the corner of the anchor at (84, 84), so that no other anchor holds it whole."""
    return Objects.of([[64, 64, 64 + width, 64 + height]], 0, **columns)


def test_exactly_two_fifths_is_background_for_keras_retinanet_and_ignored_for_the_others():
    at_04 = inside(40, 16)
    assert state(ONE, at_04, number(84, 84)) == 0
    assert state(replace(ONE, negative_inclusive=False), at_04, number(84, 84)) == -1
    assert not RetinaNet.torchvision().negative_inclusive
    assert not RetinaNet.detectron2().negative_inclusive


def test_just_above_two_fifths_is_ignored_and_exactly_half_is_positive_everywhere():
    assert state(ONE, inside(40, 17), number(84, 84)) == -1
    assert state(ONE, inside(40, 19.99), number(84, 84)) == -1
    for inclusive in (True, False):
        spec = replace(ONE, negative_inclusive=inclusive)
        assert state(spec, inside(40, 20), number(84, 84)) == 1
        none = replace(spec, negative_iou=0.5)  # no ignore band at all
        assert state(none, inside(40, 20), number(84, 84)) == 1
        assert state(none, inside(40, 19.99), number(84, 84)) == 0


def test_a_poor_object_has_no_anchor_unless_low_quality_gives_it_all_that_tie():
    poor = Objects.of([[84, 84, 92, 92]], 0)  # 8 x 8: every anchor that holds it whole is as good
    assert len(ONE.encode(poor, HW)["anchor"]) == 0
    ties = replace(ONE, low_quality=True).encode(poor, HW)
    held = {number(x, y) for x in (76, 84, 92, 100) for y in (76, 84, 92, 100)}
    assert set(ties["anchor"].tolist()) == held
    assert (ties["state"] == 1).all()
    one = replace(ONE, low_quality=True, claim="first").encode(poor, HW)
    assert one["anchor"].tolist() == [number(76, 76)]


def test_a_tied_anchor_learns_the_object_it_overlaps_most_and_not_the_one_that_claimed_it():
    both = Objects.of([[84, 84, 92, 92], [72, 72, 96, 88]], [7, 9])
    row = replace(ONE, low_quality=True).encode(both, HW)
    at = row["anchor"] == number(84, 84)
    assert row["class_id"][at].tolist() == [9]


def test_an_object_beside_the_canvas_claims_nothing():
    away = Objects.of([[4000, 4000, 4040, 4040]], 0)
    for spec in (
        RetinaNet.torchvision(),
        RetinaNet.detectron2(),
        RetinaNet.tf_object_detection(),
        RetinaNet.model_garden(),
        MobileNetSSD(),
        MobileNetSSD.tf_object_detection(),
    ):
        assert len(spec.encode(away, HW)["anchor"]) == 0


def test_of_equal_objects_the_first_is_learned():
    twice = Objects.of([[64, 64, 104, 104]] * 2, [3, 4])
    assert ONE.encode(twice, HW)["class_id"].max() == 3


SQUARES = MobileNetSSD(
    levels=1, min_scale=0.25, max_scale=0.25, ratios=(1.0,), reduce_lowest=False, iou_threshold=1.0
)
"""40 px and 80 px squares, centres at 8, 24, 40, ...; no prior by threshold but for a perfect fit."""
PAIR = Objects.of([[51, 51, 92, 92], [52, 52, 91, 92]], [0, 1])
"""Two objects whose best prior is the 40 px one at (72, 72): IoU 1600 / 1681 and 1560 / 1600, the better."""


@pytest.mark.parametrize(("claim", "learned"), [("first", [0]), ("last", [1]), ("greedy", [0, 1])])
def test_two_objects_with_the_same_best_prior(claim, learned):
    found = replace(SQUARES, claim=claim).match(PAIR, HW)
    assert sorted(found.object.tolist()) == learned
    best = int(found.iou.argmax())
    assert layout(SQUARES, HW).xyxy(found.anchor[[best]]).tolist() == [[52, 52, 92, 92]]
    assert found.object[best] == (0 if claim == "first" else 1)  # greedily the better pair comes first


def test_the_projects_ways_have_their_names():
    assert MobileNetSSD().claim == "greedy"
    assert (MobileNetSSD.tf_object_detection().claim, MobileNetSSD.tf_object_detection().axes) == (
        "first",
        "yx",
    )
    assert MobileNetSSD.torchvision_ssdlite().claim == MobileNetSSD.torchvision_ssd300().claim == "last"
    for spec in (RetinaNet.tf_object_detection(), RetinaNet.model_garden()):
        assert (spec.low_quality, spec.claim, spec.negative_iou) == (True, "first", 0.5)


def test_ssd_has_no_ignore_band():
    rng = np.random.default_rng(0)
    corner = rng.random((20, 2)) * 200
    many = Objects.of(np.concatenate([corner, corner + 20 + rng.random((20, 2)) * 80], axis=1), 0)
    assert (MobileNetSSD().encode(many, (300, 300))["state"] == 1).all()


IGNORED = {"ignore": np.array([True])}
CROWD = IGNORED | {"crowd": np.array([True])}


def test_half_an_anchor_in_a_crowd_is_ignored_and_less_is_background():
    crowd = Objects.of([[64, 64, 84, 104]], -1, **CROWD)  # the left half of the anchor at (84, 84)
    assert state(ONE, crowd, number(84, 84)) == -1
    assert state(ONE, crowd, number(92, 84)) == 0
    assert state(ONE, crowd, number(76, 84)) == -1


def test_a_single_ignored_object_counts_by_iou_and_a_tie_with_the_negative_threshold_is_ignored():
    assert state(ONE, inside(40, 16, **IGNORED), number(84, 84)) == -1
    assert state(ONE, inside(40, 15.9, **IGNORED), number(84, 84)) == 0


def test_a_large_crowd_ignores_what_a_single_object_of_its_box_would_not():
    box = [[0, 0, 160, 160]]
    assert state(ONE, Objects.of(box, 0, **CROWD), number(84, 84)) == -1
    assert state(ONE, Objects.of(box, 0, **IGNORED), number(84, 84)) == 0


def test_an_anchor_of_a_real_object_is_positive_whatever_else_lies_there():
    boxes = [[64, 64, 104, 104], [0, 0, 160, 160], [64, 64, 104, 104]]
    both = Objects.of(
        boxes, [2, -1, -1], ignore=np.array([False, True, True]), crowd=np.array([False, True, False])
    )
    assert state(ONE, both, number(84, 84)) == 1
    assert state(ONE, both, number(4, 4)) == 0  # three quarters of it beyond the crowd
    assert state(ONE, both, number(20, 20)) == -1


def test_a_crowd_that_is_not_ignored_is_an_object_like_any_other():
    shown = inside(40, 40, crowd=np.array([True]))
    assert state(ONE, shown, number(84, 84)) == 1
