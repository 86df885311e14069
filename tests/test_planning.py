"""Shards: every image once, evenly, the same every time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from make import make_coco, make_image

from datapipe.errors import InputError
from datapipe.planning import LARGEST, PARALLEL, SMALLEST, ShardPlan, _count, deal, plan_shards
from datapipe.reading import Selection, read_sources

sizes = st.lists(st.integers(0, 10_000), max_size=60)


@given(sizes, st.integers(1, 8))
def test_deal_gives_every_item_to_one_shard_in_ascending_order(weights, shards):
    members = deal(weights, shards)
    assert len(members) == shards
    assert sorted(item for shard in members for item in shard.tolist()) == list(range(len(weights)))
    assert all((np.diff(shard) > 0).all() for shard in members)


@given(sizes, st.integers(1, 8))
def test_shards_differ_by_at_most_the_largest_item(weights, shards):
    filled = [sum(weights[i] for i in shard) for shard in deal(weights, shards)]
    assert max(filled) - min(filled) <= max(weights, default=0)


@given(sizes, st.integers(1, 8))
def test_deal_is_deterministic(weights, shards):
    one, other = deal(weights, shards), deal(np.array(weights, np.int64), shards)
    assert [shard.tolist() for shard in one] == [shard.tolist() for shard in other]


def test_the_example_of_the_docstring():
    assert [shard.tolist() for shard in deal([5, 4, 3, 3], 2)] == [[0, 3], [1, 2]]


@given(st.integers(1, 8), st.integers(1, 40))
def test_no_shard_is_empty_while_there_are_items(shards, extra):
    assert all(len(shard) for shard in deal([0] * (shards + extra), shards))


@pytest.mark.parametrize(
    "nbytes, shard_size, count",
    [
        (0, None, 1),
        (SMALLEST, None, 1),
        (2 * SMALLEST, None, 2),
        (PARALLEL * SMALLEST, None, PARALLEL),
        (PARALLEL * LARGEST + 1, None, PARALLEL + 1),
        (100, 30, 4),
        (0, 30, 1),
    ],
)
def test_the_default_rule_and_the_asked_size_give_the_number_of_shards(nbytes, shard_size, count):
    assert _count(nbytes, shard_size) == count


def plan(folder: Path, n: int = 20, seed: int = 0, count: int | None = 3, split: str = "") -> ShardPlan:
    if not (folder / "annotations.json").exists():
        make_coco(folder, [make_image(f"{i}.jpg", (1, 1, 5, 5)) for i in range(1, n + 1)])
    return plan_shards(read_sources([str(folder)], Selection()), split, seed, None, count)


def test_every_image_is_planned_once_and_names_count_within_the_split(tmp_path):
    made = plan(tmp_path, split="train=0.5,val=0.5")
    assert sorted(made.order.tolist()) == list(range(20))
    assert made.names[:3] == tuple(f"train-0000{i}-of-00003" for i in range(3))
    assert made.names[3:] == tuple(f"val-0000{i}-of-00003" for i in range(3))
    for name, (split, number) in zip(made.names, made.about, strict=True):
        spec = made.spec(name, "work", "decode")
        assert (spec.split, spec.number, spec.name) == (split, number, name)
        assert set(spec.annotations.split) == {split}
        assert spec.annotations.image_id == [made.annotations.image_id[i] for i in made.images(name)]


def test_same_seed_same_plan_other_seed_other_order(tmp_path):
    assert np.array_equal(plan(tmp_path, seed=1).order, plan(tmp_path, seed=1).order)
    assert not np.array_equal(plan(tmp_path, seed=1).order, plan(tmp_path, seed=2).order)


def test_more_shards_than_images_makes_a_shard_an_image(tmp_path):
    assert len(plan(tmp_path, n=3, count=99).names) == 3


def test_nothing_to_write_says_why(tmp_path):
    make_coco(tmp_path, [make_image("1.jpg", (1, 1, 5, 5))])
    (tmp_path / "1.jpg").unlink()
    with pytest.raises(InputError, match="none of 1 images is usable: 1 DP201 image-missing.*1.jpg"):
        plan(tmp_path)
