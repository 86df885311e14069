"""Fitting YOLOv4's anchors: mean best IoU over shapes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from anchor_shapes import log_normal
from hypothesis import given, settings
from hypothesis import strategies as st

from datapipe.anchors.cloud import Cloud, merge, thin
from datapipe.anchors.clustering import (
    assign,
    climb,
    mean_update,
    median_update,
    score,
    settle,
    swaps,
)
from datapipe.anchors.yolov4 import FOLD, fit, mean_best_iou, starting_sets
from datapipe.targets.yolov4 import COCO_ANCHORS, shape_iou

sides = st.integers(2, 400)
shapes = st.lists(st.tuples(sides, sides), min_size=1, max_size=40)


def cloud_of(rows) -> Cloud:
    return merge(np.array(rows, np.float64).reshape(-1, 2))[0]


@given(shapes)
def test_merging_keeps_every_object_and_its_shape(rows):
    wh = np.array(rows, np.float64)
    cloud, inverse = merge(wh)
    assert cloud.weight.sum() == len(wh)
    assert len(np.unique(cloud.wh, axis=0)) == len(cloud) == len(set(rows))
    assert np.array_equal(cloud.wh[inverse], wh)


def test_thinning_keeps_weight_and_mean_and_says_where_each_went():
    cloud, _ = merge(log_normal(5000))
    few, group = thin(cloud, 300)
    assert 50 < len(few) <= 300
    assert few.weight.sum() == pytest.approx(5000)
    assert few.weight @ few.wh == pytest.approx(cloud.weight @ cloud.wh)
    assert (np.abs(np.log(cloud.wh / few.wh[group])) < 1.0).all()
    assert thin(cloud, 5000)[0] is cloud


@given(shapes, st.integers(1, 5), st.integers(0, 99))
def test_assignment_is_that_of_the_whole_table(rows, k, seed):
    cloud = cloud_of(rows)
    centres = np.random.default_rng(seed).uniform(2, 400, (3, k, 2))
    best, owner = assign(cloud, centres)
    for one, iou, who in zip(centres, best, owner, strict=True):
        table = shape_iou(cloud.wh, one)
        assert iou == pytest.approx(table.max(axis=1))
        assert table[np.arange(len(cloud)), who] == pytest.approx(table.max(axis=1))
    assert score(cloud, best)[0] == pytest.approx(
        np.average(shape_iou(cloud.wh, centres[0]).max(axis=1), weights=cloud.weight)
    )


@given(shapes, st.integers(1, 4), st.integers(0, 99))
def test_updates_are_the_means_and_medians_of_each_clusters_objects(rows, k, seed):
    wh = np.array(rows, np.float64)
    cloud, inverse = merge(wh)
    centres = np.random.default_rng(seed).uniform(2, 400, (2, k, 2))
    _, owner = assign(cloud, centres)
    means, medians = mean_update(cloud, centres, owner), median_update(cloud, centres, owner)
    for r in range(2):
        for j in range(k):
            mine = wh[owner[r][inverse] == j]
            assert means[r, j] == pytest.approx(mine.mean(axis=0) if len(mine) else centres[r, j])
            low = np.quantile(mine, 0.5, axis=0, method="inverted_cdf") if len(mine) else centres[r, j]
            assert medians[r, j] == pytest.approx(low)


@settings(max_examples=40)
@given(shapes, st.integers(1, 4), st.integers(0, 99))
def test_climbing_and_settling_never_lose(rows, k, seed):
    cloud = cloud_of(rows)
    centres = np.random.default_rng(seed).uniform(2, 400, (3, k, 2))
    before = score(cloud, assign(cloud, centres)[0])
    climbed, reached = climb(cloud, centres, 10)
    assert (reached >= before - 1e-12).all()
    assert score(cloud, assign(cloud, climbed)[0]) == pytest.approx(reached)
    assert mean_best_iou(cloud, settle(cloud, centres[0])) >= before[0] - 1e-12


def test_the_climbs_slope_is_the_objectives():
    cloud, centres = cloud_of(log_normal(200)), np.log(np.array([[[40.0, 50.0], [90.0, 70.0]]]))
    climbed, _ = climb(cloud, np.exp(centres), 1, first=1e-4)
    signs = np.sign(np.log(climbed) - centres)
    for j in range(2):
        for axis in range(2):
            moved = centres.copy()
            moved[0, j, axis] += signs[0, j, axis] * 1e-4
            assert mean_best_iou(cloud, np.exp(moved[0])) > mean_best_iou(cloud, np.exp(centres[0]))


def test_swaps_move_one_centre_onto_an_object():
    cloud, centres = cloud_of(log_normal(300)), np.array([(20.0, 20.0), (60.0, 60.0), (200.0, 200.0)])
    for variant in swaps(cloud, centres, 20, np.random.default_rng(0)):
        moved = np.flatnonzero((variant != centres).any(axis=1))
        assert len(moved) == 1
        assert (cloud.wh == variant[moved[0]]).all(axis=1).any()


def test_starting_sets_come_from_every_source():
    sets = starting_sets(cloud_of(log_normal(300)), 5, 0, 6, np.random.default_rng(0))
    assert sets.shape == (10, 5, 2)
    assert (sets > 0).all()


def test_one_anchor_is_at_least_as_good_as_the_mean_box():
    for seed in range(5):
        cloud = cloud_of(log_normal(300, seed))
        found = fit(cloud, 1, seed)
        assert found.shape == (1, 2)
        assert mean_best_iou(cloud, found) > mean_best_iou(cloud, np.average(cloud.wh, 0, cloud.weight)[None])


def test_one_anchor_is_the_best_of_a_fine_grid():
    cloud = cloud_of(log_normal(80))
    grid = np.stack(np.meshgrid(np.geomspace(5, 400, 200), np.geomspace(5, 400, 200)), -1).reshape(-1, 1, 2)
    assert mean_best_iou(cloud, fit(cloud, 1)) >= score(cloud, assign(cloud, grid)[0]).max()


@given(st.sets(st.tuples(sides, sides), min_size=1, max_size=9), st.integers(1, 5))
def test_duplicates_of_k_shapes_are_fitted_exactly(rows, copies):
    wh = np.repeat(np.array(sorted(rows), np.float64), copies, axis=0)
    found = fit(cloud_of(wh), 9)
    assert len(found) == len(rows)
    assert mean_best_iou(cloud_of(wh), found) == 1.0


def test_more_anchors_are_never_worse():
    for rows in (log_normal(400, 1), log_normal(60, 2)):
        cloud = cloud_of(rows)
        reached = [mean_best_iou(cloud, fit(cloud, k)) for k in range(1, 11)]
        assert (np.diff(reached) > 0).all()


def test_the_order_of_the_objects_does_not_matter():
    wh = log_normal(3000)
    shuffled = np.random.default_rng(5).permutation(wh)
    assert np.array_equal(fit(cloud_of(wh), 9, 3), fit(cloud_of(shuffled), 9, 3))


def test_a_seed_is_a_result():
    cloud = cloud_of(log_normal(2000))
    assert np.array_equal(fit(cloud, 6, 1), fit(cloud, 6, 1))
    assert np.array_equal(fit(cloud, 6, 1, FOLD), fit(cloud, 6, 1, FOLD))


def test_nine_anchors_beat_the_published_ones_on_what_they_were_fitted_to():
    stock = np.array(COCO_ANCHORS)
    near_stock = np.repeat(stock, 30, axis=0) * np.random.default_rng(0).normal(1, 0.02, (270, 2))
    for rows in (log_normal(500), near_stock):
        cloud = cloud_of(rows)
        assert mean_best_iou(cloud, fit(cloud, 9)) > mean_best_iou(cloud, stock)


def test_anchors_come_by_area():
    areas = fit(cloud_of(log_normal(500)), 9).prod(axis=1)
    assert (np.diff(areas) > 0).all()


def test_two_far_kinds_of_object_both_get_anchors():
    rng = np.random.default_rng(0)
    rows = np.concatenate([rng.normal([300, 500], 5, (100, 2)), rng.normal([12, 8], 0.5, (2000, 2))])
    found = fit(cloud_of(rows), 3)
    assert found[-1] == pytest.approx([300, 500], rel=0.05)


@pytest.mark.slow
def test_no_rule_that_people_use_is_better_on_any_seed():
    script = Path(__file__).parents[1] / "benchmarks/anchor_quality.py"
    run = subprocess.run(
        [sys.executable, script, "--seeds", "3", "--k", "3", "9"], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr
