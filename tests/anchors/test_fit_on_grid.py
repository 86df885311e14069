"""Fitting RetinaNet's and SSD's grids to what their matcher takes."""

from __future__ import annotations

import numpy as np
import pytest
from anchor_shapes import columns, log_normal

from datapipe.anchors.on_grid import FOLD, Ground, Search, fit, split_k
from datapipe.anchors.seen import see
from datapipe.targets import MobileNetSSD, RetinaNet, best_iou

HW = (320, 320)


def seen(wh: np.ndarray):
    return see(columns(wh, side=HW[0]), HW, "stretch")


def recall(spec, objects) -> float:
    hw = objects.hw if isinstance(spec, RetinaNet) else objects.hw[0]
    return float((best_iou(spec, hw, objects.xyxy) >= 0.5).mean())


@pytest.mark.parametrize(("spec", "k"), [(RetinaNet(), 9), (MobileNetSSD(), 6)])
def test_ground_gives_the_matchers_own_iou(spec, k):
    objects = seen(log_normal(200, middle=3.0).clip(2, 300))
    ground = Ground.of(spec, objects.hw, objects.xyxy)
    hw = objects.hw if isinstance(spec, RetinaNet) else objects.hw[0]
    shapes = Search(spec, k, HW).shapes(spec)
    assert ground.best_iou(shapes) == pytest.approx(best_iou(spec, hw, objects.xyxy), abs=1e-12)


@pytest.mark.parametrize(("spec", "k"), [(RetinaNet(), 9), (RetinaNet(), 4), (MobileNetSSD(), 6)])
def test_fitted_takes_at_least_what_the_defaults_take(spec, k):
    for seed in range(2):
        objects = seen(log_normal(150, seed, middle=2.8).clip(2, 300))
        fitted = fit(spec, k, objects.hw, objects.xyxy, seed, FOLD)
        assert recall(fitted, objects) >= recall(spec, objects)


def test_small_objects_bring_a_retinanet_smaller_scales():
    objects = seen(np.random.default_rng(0).uniform(12, 20, (200, 2)))
    fitted = fit(RetinaNet(), 9, objects.hw, objects.xyxy, 0, FOLD)
    assert recall(RetinaNet(), objects) < 0.1
    assert recall(fitted, objects) > 0.9
    assert max(fitted.scales) < 1


def test_tall_objects_bring_h_over_w_above_one_to_retinanet_and_w_over_h_below_one_to_ssd():
    wide = np.random.default_rng(0).uniform(15, 25, (300, 1))
    objects = seen(np.concatenate([wide, wide * 5], axis=1))
    tall = fit(RetinaNet(), 3, objects.hw, objects.xyxy, 0, FOLD)
    assert max(tall.ratios) > 3
    ssd = fit(MobileNetSSD(), 6, objects.hw, objects.xyxy, 0, FOLD)
    assert min(ssd.ratios) < 0.4


def test_a_seed_is_a_result():
    objects = seen(log_normal(400, middle=3.0).clip(2, 300))
    for spec, k in ((RetinaNet(), 9), (MobileNetSSD(), 6)):
        assert fit(spec, k, objects.hw, objects.xyxy, 7, FOLD) == fit(
            spec, k, objects.hw, objects.xyxy, 7, FOLD
        )


def test_one_object_and_duplicates_are_no_trouble():
    for wh in (np.array([[30.0, 60.0]]), np.full((50, 2), 40.0)):
        objects = seen(wh)
        for spec, k in ((RetinaNet(), 9), (MobileNetSSD(), 6)):
            assert recall(fit(spec, k, objects.hw, objects.xyxy, 0, FOLD), objects) >= recall(spec, objects)


@pytest.mark.parametrize(("k", "split"), [(9, (3, 3)), (6, (2, 3)), (5, (1, 5)), (4, (4, 1)), (1, (1, 1))])
def test_k_is_scales_times_ratios(k, split):
    assert split_k(k) == split


def test_what_is_fitted_is_what_is_printed():
    built = Search(RetinaNet(), 9, HW).build(np.log([1, 1.23456, 1.5, 0.5, 1, 2.34567]))
    assert (built.scales, built.ratios) == ((1.0, 1.23, 1.5), (0.5, 1.0, 2.35))
    ramp = Search(MobileNetSSD(), 3, HW).build(np.log([0.9, 0.3, 2.0, 1.0]))
    assert (ramp.min_scale, ramp.max_scale, ramp.ratios) == (0.3, 0.9, (1.0, 2.0))
