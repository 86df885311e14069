"""Boxes drawn twice, and objects that NMS cannot tell apart."""

from __future__ import annotations

import numpy as np
import pytest

from datapipe.doctor import Finding
from datapipe.doctor.overlaps import drawn_once, tellable_apart
from doctor.ailing import columns, squares

BOX = (100.0, 100.0, 200.0, 200.0)
ALMOST = (100.0, 100.0, 200.0, 199.0)  # IoU 0.99
CLOSE = (100.0, 100.0, 200.0, 160.0)  # IoU 0.6
APART = (100.0, 100.0, 200.0, 140.0)  # IoU 0.4


def with_pairs(box, pairs: int, objects: int):
    """So many pictures with BOX and another box, and further objects alone."""
    alone = squares(*[60] * (objects - 2 * pairs))
    return columns([*[[(0, BOX), (0, box)]] * pairs, *alone])


def severity(made: object) -> str:
    return made.severity if isinstance(made, Finding) else "well"


def names(made) -> np.ndarray:
    return np.array([f"img{i}" for i in range(len(made.image_wh))], object)


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [(0, "well"), (1, "note"), (2, "note"), (3, "warning"), (49, "warning"), (50, "serious")],
)
def test_twins_are_a_note_from_the_first_and_judged_by_their_share(pairs: int, expected: str):
    made = with_pairs(ALMOST, pairs, 1000)  # 3 pairs are 0.6 %, 50 are 10 %
    assert severity(drawn_once(made, names(made))) == expected
    assert severity(tellable_apart(made)) == "well", "twins are told once"


def test_the_picture_with_most_twins_is_named_first():
    made = columns([squares(50)[0], [(0, BOX), (0, ALMOST)], [(0, BOX)] * 3])
    told = drawn_once(made, names(made))
    assert told.figures["first"] == ["img2", "img1"]
    assert told.figures["pairs"] == 4 and told.figures["objects"] == 5
    assert "most in image img2, img1" in told.evidence and "edits.jsonl" in told.mend


def test_other_classes_other_pictures_and_crowds_are_no_twins():
    made = columns([[(0, BOX), (1, BOX)], [(0, BOX)], [(0, BOX), (0, BOX)]], crowd=[4])
    assert severity(drawn_once(made, names(made))) == severity(tellable_apart(made)) == "well"


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [(0, "well"), (1, "well"), (2, "note"), (9, "note"), (10, "warning"), (59, "warning"), (60, "serious")],
)
def test_close_pairs_are_judged_by_their_share(pairs: int, expected: str):
    made = with_pairs(CLOSE, pairs, 400)  # 2 pairs are 1 %, 10 are 5 %, 60 are 30 %
    told = tellable_apart(made)
    assert severity(told) == expected
    assert told.figures["recall_ceiling"] == pytest.approx(1 - pairs / 400)
    assert severity(drawn_once(made, names(made))) == "well"


def test_less_than_half_covered_is_apart():
    assert severity(tellable_apart(with_pairs(APART, 60, 120))) == "well"


def test_nothing_to_compare():
    none = columns([[]])
    assert drawn_once(none, names(none)) is None and tellable_apart(none) is None
