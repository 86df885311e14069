"""Objects refuses what cannot be: wrong lengths, dtypes, flat boxes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from datapipe.objects import Objects


def make_objects(n: int = 2, **changes: Any) -> Objects:
    columns: dict[str, Any] = {
        "xyxy": np.array([[0, 0, 4, 4]] * n, np.float32).reshape(n, 4),
        "class_id": np.zeros(n, np.int32),
        "ignore": np.zeros(n, np.bool_),
        "crowd": np.zeros(n, np.bool_),
        "weight": np.ones(n, np.float32),
        "area": np.full(n, 16, np.float32),
        "object_id": ("a",) * n,
        "polygons": ((np.zeros((3, 2), np.float32),),) * n,
    }
    return Objects(**columns | changes)


def test_no_objects_are_objects_too():
    assert len(make_objects(0)) == 0


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"weight": np.ones(3, np.float32)}, "Objects.weight: 3 rows of float32, want 2 of float32"),
        ({"area": np.ones(2)}, "Objects.area: 2 rows of float64, want 2 of float32"),
        ({"ignore": np.zeros(2, np.int32)}, "Objects.ignore: 2 rows of int32, want 2 of bool"),
        ({"object_id": ("a",)}, "Objects: 1 ids and 2 polygons for 2 objects"),
        ({"polygons": ()}, "Objects: 2 ids and 0 polygons for 2 objects"),
        ({"xyxy": np.ones((2, 3), np.float32)}, r"Objects.xyxy: shape \(2, 3\), want \(2, 4\)"),
    ],
)
def test_a_wrong_column_is_named(changes, message):
    with pytest.raises(ValueError, match=message):
        make_objects(**changes)


@pytest.mark.parametrize("flat", [(4, 0, 4, 4), (0, 4, 4, 4), (4, 0, 0, 4), (0, 0, np.nan, 4)])
def test_the_row_without_area_is_named(flat):
    xyxy = np.array([(0, 0, 4, 4), flat], np.float32)
    with pytest.raises(ValueError, match="Objects.xyxy row 1 has no area"):
        make_objects(xyxy=xyxy)


def test_equal_means_every_column_alike():
    assert make_objects().equals(make_objects())
    assert not make_objects().equals(make_objects(3))
    assert not make_objects().equals(make_objects(class_id=np.array([0, 1], np.int32)))
    assert not make_objects().equals(make_objects(object_id=("a", "b")))
    moved = (np.ones((3, 2), np.float32),)
    assert not make_objects().equals(make_objects(polygons=(moved, moved)))
    assert not make_objects().equals(make_objects(polygons=((), ())))


def test_objects_from_boxes_and_classes_are_positive_and_whole():
    objects = Objects.of([[0, 0, 4, 2], [1, 1, 3, 3]], [5, 6], ignore=np.array([True, False]))
    assert (objects.area.tolist(), objects.weight.tolist()) == ([8, 4], [1, 1])
    assert (objects.class_id.tolist(), objects.ignore.tolist()) == ([5, 6], [True, False])


def test_taking_rows_takes_every_column_of_them():
    objects = make_objects(3, class_id=np.arange(3, dtype=np.int32), object_id=("a", "b", "c"))
    for rows in (np.array([2, 0]), np.array([True, False, True])):
        taken = objects.take(rows)
        assert sorted(zip(taken.class_id.tolist(), taken.object_id, strict=True)) == [(0, "a"), (2, "c")]


def test_joined_objects_are_their_parts_in_a_row():
    parts = [make_objects(2, object_id=("a", "b")), make_objects(0), make_objects(1, object_id=("c",))]
    joined = Objects.joined(parts)
    assert joined.object_id == ("a", "b", "c")
    for part, (start, stop) in zip(parts, ((0, 2), (2, 2), (2, 3)), strict=True):
        assert joined.part(start, stop).equals(part)
