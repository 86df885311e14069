"""Splits: nearly empty, without a class, sharing pictures."""

from __future__ import annotations

import numpy as np
import pytest

from datapipe.doctor import Finding, Passed
from datapipe.doctor.parting import classes_everywhere, splits_apart, splits_filled
from doctor.ailing import columns, healthy, squares


def parts(**sizes: int) -> dict[str, np.ndarray]:
    ends = np.cumsum([0, *sizes.values()])
    return {name: np.arange(a, b) for name, a, b in zip(sizes, ends[:-1], ends[1:], strict=True)}


def severity(made: object) -> str:
    return made.severity if isinstance(made, Finding) else "well" if isinstance(made, Passed) else "none"


@pytest.mark.parametrize(
    ("per_image", "sizes", "expected"),
    [
        (healthy(30), {"train": 17, "val": 13}, "well"),  # 52 objects in val
        (healthy(30), {"train": 18, "val": 12}, "warning"),  # 48
        (healthy(30), {"train": 9, "val": 21}, "warning"),
        (healthy(30), {"train": 30}, "note"),
        (healthy(5), {"train": 5}, "warning"),
        ([[]] * 20 + healthy(20), {"train": 20, "val": 20}, "serious"),
        ([[]] * 20 + healthy(20), {"test": 20, "train": 20}, "warning"),
        ([[]] * 20, {"": 20}, "serious"),
        ([], {}, "serious"),
    ],
)
def test_splits_need_pictures_and_objects(per_image, sizes, expected):
    made = splits_filled(columns(per_image), parts(**sizes))
    assert severity(made) == expected
    assert set(made.figures) == set(sizes)


def missing(in_train: int, in_val: int) -> str:
    """The class nut with so many objects in train and in val."""
    per_image = [[(0, (1, 1, 9, 9))] * 30 + [(1, (1, 1, 9, 9))] * n for n in (in_train, in_val)]
    return severity(classes_everywhere(columns(per_image), parts(train=1, val=1)))


def test_a_class_that_training_never_shows_is_worse_than_one_never_judged():
    assert missing(30, 30) == "well" == missing(1, 1)
    assert missing(0, 20) == "serious" and missing(0, 19) == "warning"
    assert missing(20, 0) == "warning" and missing(19, 0) == "note"
    assert missing(0, 0) == "well", "a class without any object is DP506's"


def test_missing_classes_are_named_by_split_the_largest_first():
    per_image = [[(0, (1, 1, 9, 9))], [(n, (1, 1, 9, 9)) for n in (0, 1, 2, 2)]]
    made = classes_everywhere(columns(per_image, classes=("a", "b", "c")), parts(train=1, val=1))
    assert made.figures["missing"] == {"train": {"c": 2, "b": 1}}
    assert made.evidence == "train has no c (2 elsewhere), b (1 elsewhere)."


def test_an_empty_split_lacks_no_class_and_crowds_are_no_objects():
    per_image = [[(0, (1, 1, 9, 9))], [(0, (1, 1, 9, 9)), (1, (1, 1, 9, 9))], []]
    assert (
        severity(classes_everywhere(columns(per_image, crowd=[2]), parts(train=1, val=1, test=1))) == "well"
    )
    assert classes_everywhere(columns(per_image[:1]), parts(train=1)) is None
    assert classes_everywhere(columns([*squares(9), []]), parts(train=1, val=1)) is None


def leaked(shared: int, val: int) -> Finding | Passed | None:
    """So many of val's pictures are in train too, under other names."""
    sha256 = np.array([f"{i:064x}" for i in range(100)] + [f"{i:064x}" for i in range(shared)], object)
    sha256 = np.concatenate([sha256, np.array([f"v{i}" for i in range(val - shared)], object)])
    names = np.array([f"img{i}" for i in range(100 + val)], object)
    return splits_apart(parts(train=100, val=val), sha256, names)


def test_pictures_in_two_splits_are_found_by_their_bytes():
    grades = [severity(leaked(n, 40)) for n in (0, 1, 2)]
    assert grades == ["well", "warning", "serious"]  # one of 40 is 2.5 %, two are 5 %
    made = leaked(2, 40)
    assert made.figures["pictures"] == 2 and made.figures["images"] == {"train": 2, "val": 2}
    assert made.figures["example"] == ["img0", "img100"]
    assert "2 of val (5.0 %)" in made.evidence and "leave_out" in made.mend


def test_the_share_of_train_does_not_make_it_serious():
    sha256 = np.array(["a", "b", "a", *map(str, range(97))], object)
    made = splits_apart(parts(train=2, val=98), sha256, sha256)
    assert made.figures["shares"]["train"] == 0.5 and made.severity == "warning"


def test_copies_within_one_split_are_no_leak():
    sha256 = np.array(["a", "a", "b"], object)
    assert severity(splits_apart(parts(train=2, val=1), sha256, sha256)) == "well"
    assert splits_apart(parts(train=3), sha256, sha256) is None
