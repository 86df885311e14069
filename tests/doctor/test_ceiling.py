"""The AP out of reach: objects without an anchor, objects in one cell, objects that NMS cannot tell apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from datapipe.doctor import Finding, Passed
from datapipe.doctor.ceiling import ap_reachable
from datapipe.doctor.view import Lens, look
from datapipe.evaluation import Detections, evaluate
from datapipe.targets import RetinaNet, YoloV4
from doctor.ailing import columns, dataset, healthy, squares

RETINANET = Lens.of("retinanet", RetinaNet())
YOLO = Lens.of("yolov4", YoloV4())


def ceiling(per_image, lens: Lens = YOLO, **options) -> float:
    made = ap_reachable(look(columns(per_image, **options), lens))
    assert made is not None
    return made.figures["ap_ceiling"]


@pytest.mark.parametrize("lens", [RETINANET, YOLO])
def test_a_healthy_dataset_can_be_learnt_whole(lens: Lens):
    made = ap_reachable(look(columns(healthy()), lens))
    assert isinstance(made, Passed) and made.figures["ap_ceiling"] == 1


@pytest.mark.parametrize(("lost", "severity"), [(4, None), (5, "note"), (29, "note"), (30, "warning")])
def test_objects_without_an_anchor_are_out_of_reach(lost: int, severity: str | None):
    made = ap_reachable(look(columns(squares(*[10] * lost, *[150] * (100 - lost))), RETINANET))
    assert made.figures["without_anchor"] == lost
    assert made.figures["ap_ceiling"] == pytest.approx(1 - lost / 100)
    assert (made.severity if isinstance(made, Finding) else None) == severity


def test_two_objects_in_one_cell_and_anchor_leave_one_out_of_reach():
    same = (0, (300, 220, 340, 260)), (1, (301, 221, 341, 261))
    made = ap_reachable(look(columns([same] * 10), YOLO))
    assert made.figures["without_anchor"] == 10 and made.figures["collisions"] >= 10
    assert made.figures["ap_ceiling"] == 0.5


def test_of_a_heap_nms_keeps_those_that_do_not_overlap_a_larger_one():
    chain = [(0, (x, 100, x + 100, 300)) for x in (100, 130, 160)]  # IoU 0.54 to the next, 0.25 to the last
    assert ceiling([chain] * 3, RETINANET) == pytest.approx(2 / 3)
    apart = [(i % 2, box) for i, (_, box) in enumerate(chain)]
    assert ceiling([apart] * 3, RETINANET) == 1, "another class is never suppressed"


def test_ignored_objects_and_empty_pictures_are_nobody_s_loss():
    per_image = [*squares(10, 10), *squares(150, 150), []]
    made = ap_reachable(look(columns(per_image, crowd=(0, 1)), RETINANET))
    assert made.figures["objects"] == 2 and made.figures["ap_ceiling"] == 1


def test_what_is_reachable_is_the_ap_that_perfect_predictions_get(tmp_path: Path):
    """The same pictures through `evaluate`: all that is left reported, at its very place."""
    chain = [(0, (x, 100, x + 100, 300)) for x in (100, 130, 160)]
    per_image = [chain, *squares(150, 120)]
    made = dataset(tmp_path, per_image)
    split = next(iter(made.splits))
    found = {}
    for record, _ in made:
        keep = [i for i in range(len(record)) if not (len(record) == 3 and i == 1)]
        found[record.image_id] = Detections(record.xyxy[keep], np.ones(len(keep)), record.class_id[keep])
    reached = evaluate(made, split, found).recall
    assert ceiling(per_image, RETINANET) == pytest.approx(reached, abs=1e-6) == 0.8
