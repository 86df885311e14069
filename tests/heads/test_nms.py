"""Suppression against the rule written out, picture by picture, pair by pair."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from perfect import suppressed

pytestmark = pytest.mark.xdist_group("tensorflow")
KINDS = ["iou", "diou", "soft"]


def crowded(seed: int, b: int, k: int, classes: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Boxes that overlap a lot, no two scores alike, some of no hope at all."""
    rng = np.random.default_rng(seed)
    centre, wh = rng.random((b, k, 2)) * 60, rng.uniform(5, 60, (b, k, 2))
    boxes = np.concatenate([centre - wh / 2, centre + wh / 2], axis=-1).astype(np.float32)
    score = rng.permuted(np.linspace(0.0, 0.99, b * k)).reshape(b, k).astype(np.float32)
    return boxes, score, rng.integers(0, classes, (b, k)).astype(np.int32)


def agree(found, boxes, score, class_id, keep) -> None:
    b, places = len(boxes), keep.max_detections
    assert [tuple(part.shape) for part in found] == [(b, places, 4), (b, places), (b, places), (b,)]
    for i in range(b):
        want = suppressed(boxes[i], score[i], class_id[i], keep)
        rows = [row for row, _ in want]
        n = len(want)
        assert int(found.valid[i]) == n
        assert np.allclose(found.score[i][:n], [value for _, value in want], atol=1e-6)
        assert np.array_equal(found.boxes[i][:n], boxes[i][rows])
        assert np.array_equal(found.class_id[i][:n], class_id[i][rows])
        assert not np.asarray(found.boxes[i][n:]).any() and not np.asarray(found.score[i][n:]).any()
        assert (np.asarray(found.class_id[i][n:]) == -1).all()


@pytest.mark.parametrize("nms", KINDS)
@settings(max_examples=20)
@given(
    seed=st.integers(0, 2**32 - 1),
    b=st.integers(1, 3),
    k=st.integers(1, 25),
    classes=st.integers(1, 3),
    threshold=st.sampled_from([0.2, 0.45, 0.6]),
    places=st.integers(1, 12),
)
def test_what_stays_is_what_the_rule_keeps(nms, seed, b, k, classes, threshold, places):
    from datapipe.heads.nms import Keep, one_by_one, suppress

    boxes, score, class_id = crowded(seed, b, k, classes)
    keep = Keep(0.05, 99, threshold, places, nms)
    agree(suppress(boxes, score, class_id, classes, keep), boxes, score, class_id, keep)
    agree(one_by_one(boxes, score, class_id, keep), boxes, score, class_id, keep)


def test_diou_spares_the_neighbour_that_iou_takes():
    from datapipe.heads.nms import Keep, suppress

    boxes = np.array([[[0, 0, 40, 40], [12, 0, 52, 40]]], np.float32)  # IoU 28 / 52 = 0.538
    score, class_id = np.array([[0.9, 0.8]], np.float32), np.zeros((1, 2), np.int32)
    keep = Keep(0.05, 9, 0.45, 5)
    said = [int(suppress(boxes, score, class_id, 1, replace(keep, nms=nms)).valid[0]) for nms in KINDS]
    assert said == [1, 2, 2]
    soft = suppress(boxes, score, class_id, 1, replace(keep, nms="soft"))
    assert soft.score[0, :2].numpy() == pytest.approx([0.9, 0.8 * np.exp(-((28 / 52) ** 2) / 0.5)])


@pytest.mark.parametrize("nms", KINDS)
def test_twins_of_another_class_stay_and_of_the_same_class_one_goes(nms: str):
    from datapipe.heads.nms import Keep, suppress

    boxes = np.array([[[5, 5, 30, 30]] * 3], np.float32)
    keep = Keep(0.2, 9, 0.5, 5, nms)
    score = np.array([[0.9, 0.9, 0.9]], np.float32)
    found = suppress(boxes, score, np.array([[0, 1, 0]], np.int32), 2, keep)
    assert int(found.valid[0]) == 2, "softly, 0.9 exp(-2) = 0.12 is below the threshold"
    assert sorted(found.class_id[0, :2].numpy()) == [0, 1]


@pytest.mark.parametrize("nms", KINDS)
def test_a_graph_takes_any_batch_and_a_picture_without_hope(nms: str):
    import tensorflow as tf

    from datapipe.heads.nms import Keep, suppress

    keep, traces = Keep(0.05, 99, 0.5, 7, nms), []
    pairs = [
        tf.TensorSpec((None, 20, 4)),
        tf.TensorSpec((None, 20)),
        tf.TensorSpec((None, 20), tf.int32),
    ]

    @tf.function(input_signature=pairs)
    def run(boxes, score, class_id):
        traces.append(1)
        return suppress(boxes, score, class_id, 3, keep)

    for b in (1, 4):
        boxes, score, class_id = crowded(b, b, 20, 3)
        score[0] = 0.01
        found = run(boxes, score, class_id)
        agree(found, boxes, score, class_id, keep)
        assert int(found.valid[0]) == 0
    assert int(tf.reduce_sum(run(boxes, score * 0, class_id).valid)) == 0
    assert len(traces) == 1


def test_numbers_that_cannot_be_are_refused():
    from datapipe.heads.nms import Keep

    for wrong, match in (
        ({"nms": "hard"}, "nms: 'hard', want"),
        ({"top_k": 0}, "top_k 0"),
        ({"max_detections": 0}, "max_detections 0"),
        ({"nms_threshold": -0.1}, "nms_threshold"),
        ({"sigma": 0.0}, "sigma 0"),
    ):
        with pytest.raises(ValueError, match=match):
            replace(Keep(0.05, 9, 0.5, 9), **wrong)
