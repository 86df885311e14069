"""Padded boxes: everything as it came, or a fixed length with the positives first."""

from __future__ import annotations

import numpy as np
import pytest

from datapipe.errors import UsageError
from datapipe.objects import Objects
from datapipe.targets import Raw, collate

CORNERS = [[0, 0, 10, 10], [5, 5, 9, 9], [0, 0, 60, 60], [1, 1, 4, 4], [0, 0, 30, 30]]
OBJECTS = Objects.of(
    CORNERS,
    [2, 1, -1, -1, 3],
    ignore=np.array([False, False, True, True, True]),
    crowd=np.array([False, False, True, False, False]),
    weight=np.array([1, 0.5, 1, 1, 1], np.float32),
)


def test_without_a_length_the_objects_keep_their_order():
    row = Raw().encode(OBJECTS, (64, 64))
    assert row["xyxy"].tolist() == CORNERS
    assert row["class_id"].tolist() == [2, 1, -1, -1, 3]
    assert row["ignore"].tolist() == [False, False, True, True, True]
    assert row["weight"].tolist() == [1, 0.5, 1, 1, 1]


def test_beyond_the_length_the_smallest_ignore_regions_go_first():
    row = Raw(pad_to=4).encode(OBJECTS, (64, 64))
    assert row["xyxy"].tolist() == [CORNERS[i] for i in (0, 1, 2, 4)]
    assert row["crowd"].tolist() == [False, False, True, False]


def test_a_length_puts_positives_first_and_pads_the_rest():
    swapped = OBJECTS.take(np.array([2, 0, 1]))
    row = Raw(pad_to=5).encode(swapped, (64, 64))
    assert row["xyxy"].tolist() == [CORNERS[0], CORNERS[1], CORNERS[2], [0] * 4, [0] * 4]
    assert row["class_id"].tolist() == [2, 1, -1, -1, -1]
    assert row["ignore"].tolist() == [False, False, True, False, False]
    assert row["weight"].tolist() == [1, 0.5, 1, 0, 0]


def test_the_length_is_in_the_specification():
    assert Raw().spec()["xyxy"].shape == (None, 4)
    assert Raw(pad_to=7).spec()["xyxy"].shape == (7, 4)
    assert collate(Raw(7).spec(), [Raw(7).encode(OBJECTS, (64, 64))])["xyxy"].shape == (1, 7, 4)


def test_positives_are_never_dropped():
    with pytest.raises(UsageError, match="Raw: 2 objects for pad_to 1: raise pad_to"):
        Raw(pad_to=1).encode(OBJECTS, (64, 64))


def test_a_length_below_one_is_refused():
    with pytest.raises(ValueError, match="pad_to: 0"):
        Raw(pad_to=0)
