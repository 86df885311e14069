"""An evaluation as tables: what is there, the worst class first, a dash where nothing can be said."""

from __future__ import annotations

import io

from rich.console import Console

from datapipe.evaluation import Evaluation
from datapipe.report.evaluation import evaluation, number

NAN = float("nan")


def told(**changes: object) -> list[str]:
    columns = {
        "ap": 0.4567,
        "ap50": 0.75,
        "ap75": 0.5,
        "small": 0.25,
        "medium": 0.6,
        "large": NAN,
        "recall": 0.7,
        "by_class": {
            "kite": {"ap": 0.9, "ap50": 1.0},
            "none": {"ap": NAN, "ap50": NAN},
            "[b]boat": {"ap": 0.1, "ap50": 0.2},
        },
        "voc_ap50": None,
        "images": 48,
        "objects": 346,
        "ignored": 6,
        "detections": 1234,
    }
    out = io.StringIO()
    made = Evaluation(**columns | changes)
    evaluation(Console(file=out, width=100), made, "build/coco, split train")
    return out.getvalue().splitlines()


def test_averages_stand_under_their_names_and_classes_begin_with_the_worst():
    lines = told()
    assert lines[0] == (
        "build/coco, split train  48 images, 346 objects, 1,234 detections; 6 places left aside"
    )
    assert lines[1].split() == ["AP", "AP50", "AP75", "small", "medium", "large", "recall"]
    assert lines[2].split() == ["0.457", "0.750", "0.500", "0.250", "0.600", "–", "0.700"]
    assert [line.split()[0] for line in lines[4:]] == ["[b]boat", "kite", "none"]
    assert lines[6].split() == ["none", "–", "–"]


def test_vocs_ap_has_a_column_when_it_was_asked_for():
    assert told(voc_ap50=0.8125)[2].split()[-1] == "0.812"


def test_of_many_classes_the_best_are_counted_only():
    many = {f"c{i}": {"ap": i / 100, "ap50": i / 50} for i in range(33)}
    lines = told(by_class=many)
    assert lines[-1].strip() == "… 3 better ones"
    assert lines[4].split()[0] == "c0"


def test_a_number_has_three_digits():
    assert (number(0.45678), number(NAN)) == ("0.457", "–")
