"""Splits: stable, near the asked fractions, with errors that name the part."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datapipe import splits
from datapipe.errors import UsageError

ids = st.lists(st.text(max_size=8), unique=True, max_size=30)
FRACTIONS = {"train": 0.8, "val": 0.1, "test": 0.1}


@given(ids, ids)
def test_adding_images_never_moves_old_ones(old, new):
    before = dict(zip(old, splits.assign(old, FRACTIONS), strict=True))
    after = dict(zip(new + old, splits.assign(new + old, FRACTIONS), strict=True))
    assert {image_id: after[image_id] for image_id in old} == before


def test_shares_are_met_on_average():
    dealt = splits.assign(map(str, range(20_000)), FRACTIONS)
    for name, share in FRACTIONS.items():
        assert dealt.count(name) / len(dealt) == pytest.approx(share, abs=0.01)


def test_the_split_of_an_id_is_the_same_in_every_version():
    assert splits.assign(["1", "2", "3", "é", "\udce9"], {"train": 0.5, "val": 0.5}) == [
        "train",
        "val",
        "train",
        "train",
        "val",
    ]


def test_fractions_are_read_in_order_with_spaces():
    assert list(splits.parse(" val=0.25, train=0.75").items()) == [("val", 0.25), ("train", 0.75)]
    assert splits.parse("a=0.1,b=0.2,c=0.7") == {"a": 0.1, "b": 0.2, "c": 0.7}
    assert splits.parse("train=1") == {"train": 1.0}


@pytest.mark.parametrize(
    "text, message",
    [
        ("train", "'train' is not name=fraction"),
        ("train=0.5,train=0.5", "'train=0.5' is not name=fraction"),
        ("train=nan", "'train=nan' is not name=fraction"),
        ("train=1.5,val=-0.5", "'train=1.5' is not name=fraction"),
        ("a b=1", "'a b=1' is not name=fraction"),
        ("=1", "'=1' is not name=fraction"),
        ("", "'' is not name=fraction"),
        ("train=0.8,val=0.1", "the fractions add up to 0.9, not 1"),
    ],
)
def test_a_senseless_split_names_the_part(text, message):
    with pytest.raises(UsageError, match=message):
        splits.parse(text)
