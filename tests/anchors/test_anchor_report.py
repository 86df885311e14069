"""The whole answer: what is fitted, how it is judged, and what it says."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from anchor_shapes import columns, log_normal

from datapipe import anchors
from datapipe.anchors.judging import Gain, Quality, folds, gain
from datapipe.errors import InputError, UsageError
from datapipe.targets import RetinaNet, YoloV4
from datapipe.targets.yolov4 import COCO_ANCHORS

SMALL = np.random.default_rng(3).normal([14, 9], 1.0, (300, 2)).clip(4, 40)


def test_small_objects_are_a_reason_to_change():
    report = anchors.fit(columns(SMALL), "yolov4")
    assert report.verdict == "change"
    assert report.gain is not None and report.gain.interval[0] > 0.01
    assert report.overall.fitted.mean_iou > report.overall.defaults.mean_iou + 0.1
    assert report.reason.startswith("mean IoU +0.")


def test_objects_like_cocos_are_a_reason_to_keep_the_defaults():
    spread = np.exp(np.random.default_rng(0).normal(0, 0.03, (900, 2)))
    report = anchors.fit(columns(np.tile(COCO_ANCHORS, (100, 1)) * spread), "yolov4")
    assert report.verdict == "keep the defaults"
    assert report.reason.endswith(("worth a change", "not told apart from chance", "the defaults do better"))


def test_fewer_anchors_than_the_defaults_are_told_to_be_worse_where_they_are():
    spread = np.exp(np.random.default_rng(0).normal(0, 0.03, (900, 2)))
    report = anchors.fit(columns(np.tile(COCO_ANCHORS, (100, 1)) * spread), "yolov4", k=2)
    assert report.gain is not None and report.gain.interval[1] < 0
    assert report.verdict == "keep the defaults" and report.reason.endswith("the defaults do better")


@pytest.mark.parametrize("detector", ["retinanet", "mobilenet_ssd"])
def test_recall_of_the_matcher_decides_for_grids(detector):
    report = anchors.fit(columns(np.full((200, 2), 128.0)), detector, input_size=608, resize="stretch")
    assert report.overall.defaults.recall_50 > 0.99
    assert report.verdict == "keep the defaults"


def test_a_seed_is_an_answer():
    for detector in ("yolov4", "retinanet"):
        first, second = (anchors.fit(columns(SMALL), detector, seed=4) for _ in range(2))
        assert first == second


def test_held_out_objects_did_not_shape_the_anchors_that_judge_them():
    lone = np.concatenate([np.full((190, 2), 40.0), np.full((10, 2), 200.0)])
    data = columns(lone, images=20)
    data = replace(data, image=np.where(np.arange(200) < 190, np.arange(200) % 19, 19))
    report = anchors.fit(data, "yolov4", k=2)
    assert report.in_sample.mean_iou == pytest.approx(1.0, abs=1e-6)
    large = report.by_size[2]
    assert large.group == "large" and large.fitted.mean_iou == pytest.approx(40**2 / 200**2)


def test_ignored_and_tiny_objects_are_left_out_and_counted():
    wh = np.concatenate([SMALL, np.full((5, 2), 1.5), np.full((4, 2), 500.0)])
    data = columns(wh)
    ignore = np.arange(len(wh)) >= len(wh) - 4
    report = anchors.fit(replace(data, ignore=ignore))
    assert (report.ignored, report.too_small, report.overall.fitted.objects) == (4, 5, 300)
    assert report.to_json()["left_out"] == {"ignored": 4, "too_small": 5}
    assert max(max(pair) for pair in report.anchors) < 40


def test_size_bins_are_of_the_original_picture_and_classes_by_name():
    wh = np.array([[31.0, 31.0], [32.0, 32.0], [95.0, 95.0], [96.0, 96.0]] * 5)
    report = anchors.fit(columns(wh), input_size=320, k=4)
    assert [(row.group, row.fitted.objects) for row in report.by_size] == [
        ("small", 5),
        ("medium", 10),
        ("large", 5),
    ]
    assert [row.group for row in report.by_class] == ["a", "b"]


def test_boxes_are_fitted_as_the_network_sees_them():
    data = columns(np.full((40, 2), 60.0), side=600)
    data = replace(data, picture_wh=np.tile([[1200, 600]], (20, 1)))
    assert anchors.fit(data, input_size=608, resize="letterbox", k=1).anchors == [[30.4, 30.4]]
    assert anchors.fit(data, input_size=600, resize="stretch", k=1).anchors == [[30, 60]]
    assert anchors.fit(data, input_size=600, resize="short_side", k=1).anchors == [[50, 50]]  # 1000 / 1200


def test_fewer_shapes_than_k_are_the_anchors_and_it_says_so():
    report = anchors.fit(columns(np.array([[10.0, 20.0], [30.0, 40.0]] * 10)), k=9)
    assert report.k == 2
    assert report.anchors == [[10, 20], [30, 40]]
    assert "only 2 different shapes" in report.notes[0]


def test_one_object_keeps_the_defaults_because_nothing_can_be_held_out():
    for detector in ("yolov4", "retinanet", "mobilenet_ssd"):
        report = anchors.fit(columns(np.array([[50.0, 70.0]]), images=1), detector)
        assert (report.verdict, report.gain, report.folds) == ("keep the defaults", None, 0)
        assert "held out" in report.reason
        json.dumps(report.to_json(), allow_nan=False)


def test_an_empty_set_is_refused_in_one_line():
    with pytest.raises(InputError, match="no object to fit: 0 objects"):
        anchors.fit(columns(np.zeros((0, 2))))
    with pytest.raises(InputError, match="4 objects, 0 of them ignored .* 4 under 2 px"):
        anchors.fit(columns(np.full((4, 2), 1.0)))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ({"detector": "yolo4"}, "did you mean 'yolov4'"),
        ({"resize": "letterbx"}, "did you mean 'letterbox'"),
        ({"k": 0}, "k: 0, want 1 or more"),
        ({"k": 1, "detector": "mobilenet_ssd"}, "k: 1, want 2 or more for mobilenet_ssd"),
        ({"input_size": 8}, "input size: 8 x 8 px"),
        ({"detector": "mobilenet_ssd", "resize": "short_side"}, "one input size"),
        ({"seed": -1}, "seed: -1"),
    ],
)
def test_calls_that_cannot_be_are_refused(call, message):
    with pytest.raises(UsageError, match=message):
        anchors.fit(columns(SMALL), **call)


def test_json_has_the_keys_that_scripts_rely_on():
    for detector in ("yolov4", "retinanet", "mobilenet_ssd"):
        answer = json.loads(json.dumps(anchors.fit(columns(SMALL[:60]), detector).to_json(), allow_nan=False))
        assert {"anchors", "mean_iou", "recall_50", "baseline", "verdict"} <= answer.keys()
        assert {"anchors", "mean_iou", "recall_50"} <= answer["baseline"].keys()
        assert ({"sizes", "scales", "ratios"} <= answer.keys()) == (detector != "yolov4")
        areas = [w * h for w, h in answer["anchors"]]
        assert areas == sorted(areas)


def test_lines_can_be_pasted():
    report = anchors.fit(columns(log_normal(300)), "yolov4")
    recipe, cfg, masks = (line for _, line in report.lines())
    listed = json.loads(recipe.removeprefix("anchors_wh: "))
    assert listed == report.anchors and len(listed) == 9
    numbers = [float(word) for word in cfg.removeprefix("anchors = ").split(",")]
    assert numbers == [side for pair in report.anchors for side in pair]
    assert "mask = 6,7,8 (stride 32)" in masks
    grid = anchors.fit(columns(SMALL[:60]), "retinanet")
    assert isinstance(grid.spec, RetinaNet)
    assert dict.fromkeys(line.split(":")[0] for _, line in grid.lines()[:3]) == dict.fromkeys(
        ("sizes", "scales", "ratios")
    )


def test_a_better_mean_that_loses_objects_at_the_matchers_threshold_is_no_reason():
    rng = np.random.default_rng(0)
    many, few = rng.normal([60, 60], 2, (940, 2)), rng.normal([7, 70], 0.3, (60, 2))
    held = anchors.fit(columns(np.concatenate([many, few])), k=1)
    assert held.overall.fitted.recall_213 < held.overall.defaults.recall_213
    assert held.verdict == "keep the defaults"
    assert "fewer objects reach the matcher's threshold" in held.reason


def test_a_gain_must_clear_the_interval_and_be_worth_it():
    assert Gain("mean IoU", 0.02, (0.01, 0.03)).worth
    assert not Gain("mean IoU", 0.009, (0.008, 0.0095)).worth
    assert not Gain("mean IoU", 0.02, (-0.001, 0.04)).worth


def test_the_interval_is_over_pictures_not_objects():
    rng = np.random.default_rng(0)
    by_picture = rng.normal(0, 0.1, 50)
    image = np.repeat(np.arange(50), 40)
    found = gain(0.5 + by_picture[image], np.full(2000, 0.5), YoloV4(), image, 0)
    wanted = 1.96 * by_picture.std() / np.sqrt(50)
    assert (found.interval[1] - found.interval[0]) / 2 == pytest.approx(wanted, rel=0.15)
    many = np.arange(20_000)
    each = rng.normal(0.02, 0.1, 20_000)
    found = gain(0.5 + each, np.full(20_000, 0.5), YoloV4(), many, 0)
    assert (found.interval[1] - found.interval[0]) / 2 == pytest.approx(1.96 * 0.1 / 20_000**0.5, rel=0.15)


def test_folds_are_even_and_follow_the_seed():
    assert np.bincount(folds(23, 0)).tolist() == [5, 5, 5, 4, 4]
    assert not np.array_equal(folds(23, 0), folds(23, 1))


def test_quality_of_nothing_is_zero():
    assert Quality.of(np.zeros(0), YoloV4()) == Quality(0, 0.0, 0.0, 0.0, 0.0, 0.0)
    assert Quality.of(np.array([0.5, 0.4, 0.213, 0.1]), YoloV4()) == Quality(4, 0.30325, 0.25, 0.5, 0.75, 0.5)


def test_a_recipes_own_matcher_judges_its_anchors():
    strict = RetinaNet(positive_iou=0.7, negative_iou=0.6, scales=(0.1,), label_smoothing=0.1)
    report = anchors.fit(columns(SMALL), "retinanet", k=9, resize="letterbox", targets=strict)
    for spec in (report.spec, report.defaults):
        assert isinstance(spec, RetinaNet)
        assert (spec.positive_iou, spec.negative_iou, spec.label_smoothing) == (0.7, 0.6, 0.1)
    assert report.defaults.scales == RetinaNet().scales, "compared with the published anchors"
    plain = anchors.fit(columns(SMALL), "retinanet", k=9, resize="letterbox")
    assert report.overall.fitted.without_positive > plain.overall.fitted.without_positive


def test_targets_with_fewer_strides_keep_their_own_anchors_to_compare_with():
    six = ((10, 14), (23, 27), (37, 58), (81, 82), (135, 169), (344, 319))
    tiny = YoloV4(anchors_wh=six, strides=(16, 32))
    report = anchors.fit(columns(SMALL), "yolov4", targets=tiny)
    assert report.defaults == tiny and report.k == 6
    assert isinstance(report.spec, YoloV4) and report.spec.strides == (16, 32)


def test_targets_of_another_detector_have_no_say():
    assert anchors.fit(columns(SMALL), "yolov4", targets=RetinaNet()) == anchors.fit(columns(SMALL), "yolov4")
