"""Detections of each detector against the same worked out in NumPy from random outputs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from perfect import suppressed

from datapipe.targets import MobileNetSSD, RetinaNet, YoloV4
from datapipe.targets.decode import decode as decode_numpy
from datapipe.targets.decode import yolov4_boxes
from datapipe.targets.layout import layout

pytestmark = pytest.mark.xdist_group("tensorflow")
HW, B, C = (64, 96), 2, 3
KINDS = ["iou", "diou", "soft"]


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x.astype(np.float64)))


def clipped(boxes: np.ndarray) -> np.ndarray:
    return np.clip(boxes, 0, np.array([HW[1], HW[0]] * 2))


def random_outputs(n: int, width: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(n)
    logits, box = rng.normal(-2, 2, (B, n, width)), rng.normal(0, 0.5, (B, n, 4))
    return {"class": logits.astype(np.float32), "box": box.astype(np.float32)}


def agree(found, i: int, boxes: np.ndarray, score: np.ndarray, class_id: np.ndarray, keep) -> None:
    """Picture i is what its candidates leave when the rule is written out."""
    want = suppressed(boxes, score, class_id, keep)
    rows, n = [row for row, _ in want], len(want)
    assert n > 3, "a picture without detections shows nothing"
    assert int(found.valid[i]) == n
    assert np.allclose(found.score[i][:n], [value for _, value in want], atol=1e-5)
    assert np.array_equal(found.class_id[i][:n], class_id[rows])
    assert np.allclose(found.boxes[i][:n], clipped(boxes[rows]), atol=1e-3)


@pytest.mark.parametrize("nms", KINDS)
@pytest.mark.parametrize("spec", [RetinaNet(), RetinaNet.torchvision(), RetinaNet.tf_object_detection()])
def test_retinanet_takes_the_best_pairs_of_each_level(spec: RetinaNet, nms: str):
    from datapipe.heads import decode

    n, keep = spec.anchor_count(HW), replace(decode.KERAS_RETINANET, top_k=15, max_detections=20, nms=nms)
    outputs = random_outputs(n, C)
    found = decode.retinanet(spec, HW, outputs, keep)
    level_of = layout(spec, HW).at(np.arange(n))[2]
    for i in range(B):
        candidates = []
        for level in range(5):
            rows = np.flatnonzero(level_of == level)
            logits = outputs["class"][i, rows].ravel()
            best = np.argsort(-logits, kind="stable")[:15]
            candidates += [(rows[k // C], k % C, sigmoid(logits[k])) for k in best]
        anchor, class_id, score = (np.array(column) for column in zip(*candidates, strict=True))
        boxes = decode_numpy(spec.code(), spec.anchors(HW)[anchor], outputs["box"][i, anchor])
        agree(found, i, clipped(boxes), score, class_id, keep)


@pytest.mark.parametrize("nms", KINDS)
@pytest.mark.parametrize("scores", ["softmax", "sigmoid"])
def test_ssd_takes_the_best_priors_of_each_class(scores: str, nms: str):
    from datapipe.heads import decode

    spec = MobileNetSSD.tf_object_detection()
    keep = replace(decode.CAFFE_SSD, score_threshold=0.1, top_k=12, max_detections=20, nms=nms)
    outputs = random_outputs(spec.anchor_count(HW), C + 1)
    found = decode.ssd(spec, HW, outputs, keep, scores)
    for i in range(B):
        logits = outputs["class"][i]
        chance = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        chance = (chance if scores == "softmax" else sigmoid(logits))[:, 1:]
        prior = np.concatenate([np.argsort(-chance[:, c], kind="stable")[:12] for c in range(C)])
        class_id = np.repeat(np.arange(C), 12)
        boxes = decode_numpy(spec.code(), spec.anchors(HW)[prior], outputs["box"][i, prior])
        agree(found, i, clipped(boxes), chance[prior, class_id], class_id, keep)


@pytest.mark.parametrize("nms", KINDS)
def test_yolov4_scores_objectness_times_class(nms: str):
    from datapipe.heads import decode

    spec, keep = YoloV4(), replace(decode.DARKNET, score_threshold=0.02, top_k=25, max_detections=30, nms=nms)
    rng = np.random.default_rng(0)
    outputs = {
        name: rng.normal(-1, 1.5, (B, HW[0] // s, HW[1] // s, 3, 5 + C)).astype(np.float32)
        for name, s in (("p3", 8), ("p4", 16), ("p5", 32))
    }
    found = decode.yolov4(spec, HW, outputs, keep)
    for i in range(B):
        candidates, first = [], 0
        for level in outputs.values():
            flat = level[i].reshape(-1, 5 + C)
            chance = (sigmoid(flat[:, 4:5]) * sigmoid(flat[:, 5:])).ravel()
            best = np.argsort(-chance, kind="stable")[:25]
            boxes = yolov4_boxes(spec, HW, first + best // C, flat[best // C, :4])
            candidates += [(*box, k % C, chance[k]) for box, k in zip(boxes, best, strict=True)]
            first += len(flat)
        table = np.array(candidates)
        corners = np.concatenate([table[:, :2] - table[:, 2:4] / 2, table[:, :2] + table[:, 2:4] / 2], axis=1)
        agree(found, i, corners, table[:, 5], table[:, 4].astype(int), keep)


def test_the_presets_are_the_projects_numbers():
    from datapipe.heads import decode

    said = {
        name: (keep.score_threshold, keep.nms_threshold, keep.top_k, keep.max_detections, keep.nms)
        for name, keep in vars(decode).items()
        if isinstance(keep, decode.Keep)
    }
    assert said == {
        "KERAS_RETINANET": (0.05, 0.5, 1000, 300, "iou"),
        "DETECTRON2": (0.05, 0.5, 1000, 100, "iou"),
        "CAFFE_SSD": (0.01, 0.45, 400, 200, "iou"),
        "TORCHVISION_SSDLITE": (0.001, 0.55, 300, 300, "iou"),
        "TF_OBJECT_DETECTION": (1e-8, 0.6, 100, 100, "iou"),
        "DARKNET": (0.005, 0.45, 1000, 300, "diou"),
    }


def test_half_precision_outputs_are_decoded_in_single():
    from datapipe.heads import decode

    spec = RetinaNet()
    outputs = {k: v.astype(np.float16) for k, v in random_outputs(spec.anchor_count(HW), C).items()}
    found = decode.retinanet(spec, HW, outputs)
    assert (found.boxes.dtype, found.score.dtype) == ("float32", "float32")
    assert int(found.valid[0]) > 0
