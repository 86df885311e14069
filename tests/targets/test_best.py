"""The best anchor of each object, against the whole table of anchors x objects."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datapipe import boxes
from datapipe.targets import MobileNetSSD, RetinaNet, YoloV4, best, best_iou, candidates, unmatched

SPECS = {
    "keras-retinanet": RetinaNet(),
    "torchvision": RetinaNet.torchvision(),
    "detectron2": RetinaNet.detectron2(),
    "fitted": RetinaNet(scales=(0.4, 0.7), ratios=(0.2, 1.3, 5.0)),
    "ssdlite": MobileNetSSD(),
    "torchvision-ssdlite": MobileNetSSD.torchvision_ssdlite(),
}
side = st.integers(33, 200)
canvases = st.tuples(side, side)
numbers = st.one_of(st.floats(0, 1), st.sampled_from([0.0, 0.25, 0.5, 1.0]))
fractions = st.lists(st.tuples(numbers, numbers, numbers, numbers), min_size=1, max_size=6)


def placed(rows: list[tuple[float, ...]], hw: tuple[int, int]) -> np.ndarray:
    """Boxes of 0.5 px and more that reach over the canvas's borders here and there."""
    x, y, w, h = np.array(rows).T
    left, top = x * 1.3 * hw[1] - 0.15 * hw[1], y * 1.3 * hw[0] - 0.15 * hw[0]
    return np.stack([left, top, left + 0.5 + w**2 * hw[1], top + 0.5 + h**2 * hw[0]], axis=1)


def dense(spec, hw: tuple[int, int], xyxy: np.ndarray) -> np.ndarray:
    """(N, M) IoU of every anchor with every object."""
    return boxes.iou(spec.anchors(hw), xyxy)


@settings(max_examples=150)
@given(st.sampled_from(sorted(SPECS)), canvases, fractions)
def test_best_iou_is_that_of_the_whole_table(name, hw, rows):
    spec, xyxy = SPECS[name], placed(rows, hw)
    table = dense(spec, hw, xyxy)
    found = best(spec, hw, xyxy)
    assert best_iou(spec, hw, xyxy) == pytest.approx(table.max(axis=0), abs=1e-12)
    assert found.iou == pytest.approx(table.max(axis=0), abs=1e-12)
    ends = np.cumsum([int(grid.count_xy.prod()) * len(grid.wh) for grid in spec.grids(hw)])
    levels = np.split(table, ends[:-1])
    assert found.by_level == pytest.approx(np.stack([level.max(axis=0) for level in levels], 1), abs=1e-12)
    for i in range(len(xyxy)):
        grid = spec.grids(hw)[found.level[i]]
        of_shape = levels[found.level[i]].reshape(-1, len(grid.wh), len(xyxy))[:, found.shape[i], i]
        assert of_shape.max() == pytest.approx(found.iou[i], abs=1e-12)


@settings(max_examples=150)
@given(st.sampled_from(sorted(SPECS)), canvases, fractions, st.sampled_from([0.05, 0.213, 0.4, 0.5, 0.7]))
def test_candidates_counts_the_anchors_that_reach_the_threshold(name, hw, rows, threshold):
    spec, xyxy = SPECS[name], placed(rows, hw)
    table = dense(spec, hw, xyxy)
    ends = np.cumsum([int(grid.count_xy.prod()) * len(grid.wh) for grid in spec.grids(hw)])
    levels = np.split(table, ends[:-1])
    low = np.stack([(level >= threshold + 1e-8).sum(axis=0) for level in levels], axis=1)
    high = np.stack([(level >= threshold - 1e-8).sum(axis=0) for level in levels], axis=1)
    found = candidates(spec, hw, xyxy, threshold)
    assert ((low <= found) & (found <= high)).all()


def test_candidates_counts_a_tie_as_reached():
    spec = RetinaNet(sizes=(32,), strides=(8,), scales=(1.0,), ratios=(1.0,))
    half = np.array([[36.0, 36.0, 68.0, 52.0]])  # 32 x 16 inside the anchor at (52, 52)
    assert best_iou(spec, (128, 128), half)[0] == 0.5
    assert candidates(spec, (128, 128), half, 0.5).sum() == (dense(spec, (128, 128), half) >= 0.5).sum() > 0


def test_each_object_may_lie_on_a_canvas_of_its_own():
    rng = np.random.default_rng(0)
    hw = np.array([(96, 160), (64, 64), (160, 96)])[rng.integers(0, 3, 40)]
    xyxy = np.concatenate([placed(rng.random((1, 4)).tolist(), tuple(one)) for one in hw])
    want = [best_iou(RetinaNet(), tuple(one), box[None])[0] for one, box in zip(hw, xyxy, strict=True)]
    assert best_iou(RetinaNet(), hw, xyxy).tolist() == want
    counts = [
        candidates(RetinaNet(), tuple(one), box[None], 0.5)[0] for one, box in zip(hw, xyxy, strict=True)
    ]
    assert np.array_equal(candidates(RetinaNet(), hw, xyxy, 0.5), np.stack(counts))


def test_the_worked_example_takes_the_larger_anchor():
    found = best(RetinaNet(), (64, 64), np.array([[0.0, 0.0, 32.0, 32.0]]))
    assert (found.level.tolist(), found.shape.tolist()) == ([0], [4])
    assert found.iou[0] == pytest.approx(32**2 / (32 * 2 ** (1 / 3)) ** 2)


def test_the_golden_pair_of_the_encoders():
    pair = np.array([[96.0, 96, 224, 288], [100, 120, 220, 300]])
    assert boxes.iou(pair[:1], pair[1:])[0, 0] == pytest.approx(0.774908, abs=1e-6)


def test_a_tiny_object_has_no_possible_positive_under_retinanet_only():
    tiny = np.array([[100.0, 100.0, 106.0, 106.0], [64.0, 64.0, 128.0, 128.0]])
    assert unmatched(RetinaNet(), (512, 512), tiny) == 1
    assert unmatched(RetinaNet(low_quality=True), (512, 512), tiny) == 0
    assert unmatched(YoloV4(), (608, 608), tiny) == 1


def test_more_objects_than_a_chunk_and_none_at_all():
    rng = np.random.default_rng(1)
    xyxy = placed(rng.random((5000, 4)).tolist(), (128, 128))
    whole = best(RetinaNet(), (128, 128), xyxy)
    parts = [best_iou(RetinaNet(), (128, 128), part) for part in np.array_split(xyxy, 7)]
    assert np.array_equal(whole.iou, np.concatenate(parts))
    for spec in (*SPECS.values(), YoloV4()):
        assert best_iou(spec, (128, 128), np.zeros((0, 4))).shape == (0,)
    assert len(best(RetinaNet(), (128, 128), np.zeros((0, 4))).iou) == 0
    assert len(candidates(RetinaNet(), (128, 128), np.zeros((0, 4)), 0.5)) == 0
