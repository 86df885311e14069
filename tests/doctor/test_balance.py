"""Uneven and rare classes."""

from __future__ import annotations

from datapipe.doctor import Finding, Passed
from datapipe.doctor.balance import classes_even, classes_filled
from doctor.ailing import columns, healthy, squares


def test_ten_times_is_a_note_and_a_hundred_a_warning():
    def of(most: int) -> str:
        made = classes_even(columns([[(0, (1, 1, 9, 9))] * most, [(1, (1, 1, 9, 9))] * 5]))
        assert made.figures["ratio"] == most / 5
        return made.severity if isinstance(made, Finding) else "well"

    assert [of(n) for n in (5, 49, 50, 499, 500)] == ["well", "well", "note", "note", "warning"]


def test_uneven_classes_are_named_with_both_ratios():
    made = classes_even(columns([[(0, (1, 1, 9, 9))] * 1000, [(1, (1, 1, 9, 9))]], classes=("cell", "mite")))
    assert "cell has 1,000 objects, mite 1: 1,000.0 times, 632.3 times by effective number" in made.evidence
    assert "1 of 2 classes" in made.evidence


def test_one_class_cannot_be_uneven_and_crowds_do_not_count():
    assert classes_even(columns(squares(60, 60))) is None
    crowded = columns([[(0, (1, 1, 9, 9))] * 50, [(1, (1, 1, 9, 9))] * 5], crowd=range(10, 50))
    assert isinstance(classes_even(crowded), Passed)


def test_a_class_below_twenty_objects_is_rare():
    def of(n: int) -> Finding | Passed:
        made = columns([[(0, (1, 1, 9, 9))] * 30, [(1, (1, 1, 9, 9))] * n])
        return classes_filled(made, made)

    assert isinstance(of(20), Passed)
    made = of(19)
    assert made.severity == "warning" and "fewer than 20 objects: nut 19. There are 2" in made.evidence
    assert "--classes bolt" in made.mend


def test_a_class_without_any_object_is_told_unless_only_this_split_lacks_it():
    whole = columns([*healthy(20), *squares(*[60] * 30, number=2)], classes=("a", "b", "c", "d"))
    split, _ = whole.select(whole.image[:0].tolist() or list(range(20)))
    made = classes_filled(split, whole)
    assert made.figures == {"rare": {}, "absent": ["d"]}
    assert "none at all: d" in made.evidence


def test_many_rare_classes_are_cut_short_and_safe_to_show():
    names = ("\x1b[31mred", *(f"c{i}" for i in range(1, 9)))
    made = columns([[(i, (1, 1, 9, 9))] for i in range(9)], classes=names)
    evidence = classes_filled(made, made).evidence
    assert "and 5 more" in evidence and "\x1b" not in evidence
