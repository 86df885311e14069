"""Anchors that cannot match: against the dense table of anchors x objects, and at the thresholds."""

from __future__ import annotations

import numpy as np
import pytest

from datapipe import boxes
from datapipe.doctor import Finding, Passed
from datapipe.doctor.matching import anchors_match, rule
from datapipe.doctor.view import Lens, look
from datapipe.targets import MobileNetSSD, RetinaNet, YoloV4
from doctor.ailing import columns, healthy, squares

SMALL = Lens.of("retinanet", RetinaNet(), 320)
RETINANET = Lens.of("retinanet", RetinaNet())
SSD = Lens.of("mobilenet_ssd", MobileNetSSD())
YOLO = Lens.of("yolov4", YoloV4())


@pytest.mark.parametrize("lens", [SMALL, SSD])
def test_objects_without_a_positive_are_those_of_the_dense_table(lens: Lens):
    rng = np.random.default_rng(3)
    sides = np.exp(rng.normal(3.4, 1.0, (60, 2))).clip(4, 300)
    corner = rng.uniform(0, 1, (60, 2)) * (np.array([640, 480]) - sides)
    per_image = [[(0, (*map(float, xy), *map(float, xy + wh)))] for xy, wh in zip(corner, sides, strict=True)]
    view = look(columns(per_image), lens)
    assert view.seen is not None and len({tuple(hw) for hw in view.seen.hw}) == 1
    hw = tuple(int(side) for side in view.seen.hw[0])
    iou = boxes.iou(view.seen.xyxy, lens.spec.anchors(hw)).max(axis=1)
    made = anchors_match(view)
    assert 0 < made.figures["without_positive"] == int((iou < 0.5).sum()) < 60
    assert made.figures["mean_iou"] == pytest.approx(iou.mean(), abs=1e-4)


def graded(lost: int, small: int) -> str:
    """Of 100 objects `lost` are 10 px, `small` are 26 px and matched, the rest large and matched."""
    sides = [10] * lost + [26] * small + [150] * (100 - lost - small)
    made = anchors_match(look(columns(squares(*sides)), RETINANET))
    assert made.figures["without_positive"] == lost
    return made.severity if isinstance(made, Finding) else "well"


def test_a_matcher_that_forces_nothing_is_judged_from_two_to_twenty_per_cent():
    assert [graded(n, 40) for n in (0, 1, 2, 19, 20)] == ["well", "well", "warning", "warning", "serious"]


def test_half_of_a_size_bin_that_matters_is_serious():
    assert graded(6, 6) == "serious"  # 12 small objects, half of them lost
    assert graded(6, 7) == "warning"
    assert graded(5, 4) == "warning"  # only 9 small objects


def test_a_matcher_that_forces_is_judged_more_mildly():
    def severity(lost: int) -> str:
        # 26 px and 150 px become 13 x 17 and 75 x 100 under the stretch to 320
        made = anchors_match(look(columns(squares(*[26] * lost, *[150] * (100 - lost))), SSD))
        assert made.figures["without_positive"] == lost and made.figures["forced"]
        return made.severity if isinstance(made, Finding) else "well"

    assert [severity(n) for n in (19, 20, 74, 75)] == ["well", "warning", "warning", "serious"]


def test_torchvisions_low_quality_matches_count_as_forced():
    assert rule(RetinaNet()) == (0.5, False)
    assert rule(RetinaNet.torchvision()) == (0.5, True)
    assert rule(YoloV4()) == (0.213, True) and rule(MobileNetSSD()) == (0.5, True)
    lens = Lens.of("retinanet", RetinaNet.torchvision())
    made = anchors_match(look(columns(squares(*[10] * 30, *[150] * 70)), lens))
    assert made.severity == "warning" and "keeps its one best anchor" in made.evidence
    assert "low_quality" not in made.mend


def test_yolov4_anchors_that_all_reach_the_threshold_may_still_fit_badly():
    thin = [[(0, (100, 100, 112, 200))]] * 10  # 11 x 95 px at 608: IoU 0.29 with 36 x 75
    made = anchors_match(look(columns(thin), YOLO))
    assert made.figures["without_positive"] == 0 and made.figures["mean_iou"] < 0.5
    assert made.severity == "warning"
    fitting = anchors_match(look(columns(squares(*[60] * 10)), YOLO))
    assert isinstance(fitting, Passed) and fitting.figures["mean_iou"] > 0.5


def test_the_evidence_names_sizes_and_the_classes_that_stand_out():
    made = anchors_match(
        look(
            columns([*squares(*[10] * 25, number=1), *squares(*[150] * 75)], classes=("big", "wee")),
            RETINANET,
        )
    )
    for words in ("25 % of 100 objects", "small 100 %", "large 0 %", "most of all wee 100 %", "never learnt"):
        assert words in made.evidence
    assert made.figures["by_class"]["wee"] == {"objects": 25, "without_positive": 25, "share": 1.0}
    assert "medium" not in made.evidence
    assert "datapipe anchors {folder} --detector retinanet;" in made.mend and "low_quality: true" in made.mend


def test_the_command_names_the_size_where_it_is_not_the_usual():
    lens = Lens.of("retinanet", RetinaNet(), 512, "letterbox")
    assert lens.refit().endswith("--detector retinanet --input-size 512x512 --resize letterbox")
    assert str(lens) == "retinanet at 512 x 512, letterbox"


def test_ignored_and_invisible_objects_are_not_judged():
    per_image = [*squares(*[150] * 10), *squares(10), *squares(0.5)]
    made = anchors_match(look(columns(per_image, crowd=[10]), RETINANET))
    assert isinstance(made, Passed) and made.figures["objects"] == 10
    assert anchors_match(look(columns(squares(0.5, 0.5)), RETINANET)) is None
    assert anchors_match(look(columns(healthy()), Lens.of("Raw", None))) is None
