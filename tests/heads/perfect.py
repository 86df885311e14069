"""Plain NumPy to compare with: rows of random pictures, outputs that say just what was asked, greedy NMS."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from datapipe.objects import Objects
from datapipe.targets import MobileNetSSD, RetinaNet, YoloV4, collate
from datapipe.targets.decode import yolov4_logits

CLASSES = 3


def scattered(rng: np.random.Generator, hw: tuple[int, int], n: int = 6) -> Objects:
    """Objects of all sizes; one in four is to be ignored, every other one of those a crowd."""
    sides = np.array(hw[::-1])
    centre, wh = rng.random((n, 2)) * sides, np.exp(rng.uniform(math.log(8), math.log(min(hw)), (n, 2)))
    corners = np.concatenate([centre - wh / 2, centre + wh / 2], axis=1).clip(0, np.tile(sides, 2))
    ignore = rng.random(n) < 0.25
    weight = rng.uniform(0.2, 1, n).astype(np.float32)
    class_id = np.where(ignore, -1, rng.integers(0, CLASSES, n))
    return Objects.of(corners, class_id, ignore=ignore, crowd=rng.random(n) < 0.5, weight=weight)


def batch_of(spec: Any, hw: tuple[int, int], pictures: list[Objects]) -> dict[str, np.ndarray]:
    """Their rows, padded."""
    return collate(spec.spec(), [spec.encode(objects, hw) for objects in pictures])


def logit(chance: np.ndarray) -> np.ndarray:
    """Of probabilities; 0 and 1 are as good as reached at +-13.8."""
    inner = np.clip(np.asarray(chance, np.float64), 1e-6, 1 - 1e-6)
    return (np.log(inner) - np.log1p(-inner)).astype(np.float32)


def outputs(spec: Any, hw: tuple[int, int], wanted: dict[str, Any]) -> dict[str, np.ndarray]:
    """What a network returns that has learnt these dense targets by heart."""
    if isinstance(spec, RetinaNet):
        return {"class": logit(wanted["class"]), "box": np.asarray(wanted["box"])}
    if isinstance(spec, MobileNetSSD):
        chance = np.asarray(wanted["class"])
        return {"class": np.log(np.maximum(chance, 1e-7)), "box": np.asarray(wanted["box"])}
    made, first = {}, 0
    for name, level in wanted.items():
        cells = np.asarray(level["cells"])
        anchor = first + np.arange(cells[0, ..., 0].size).reshape(cells.shape[1:4])
        first += anchor.size
        made[name] = logit(cells)
        made[name][..., :4] = 0
        for place in np.argwhere(np.asarray(level["state"]) == 1):
            number = anchor[tuple(place[1:])][None]
            made[name][*place, :4] = yolov4_logits(spec, hw, number, cells[*place, :4][None])[0]
    return made


def spec_of(name: str) -> RetinaNet | MobileNetSSD | YoloV4:
    """Each detector, with each kind of box code."""
    return {
        "retinanet": RetinaNet(),
        "torchvision": RetinaNet.torchvision(),
        "tf_object_detection": RetinaNet.tf_object_detection(),
        "ssd": MobileNetSSD(),
        "ssd yx": MobileNetSSD.tf_object_detection(),
        "yolov4": YoloV4(),
        "yolov4 tiny": YoloV4(anchors_wh=((10, 14), (23, 27), (37, 58), (81, 82)), strides=(16, 32)),
    }[name]


def iou(a: np.ndarray, b: np.ndarray) -> float:
    """Of two boxes."""
    wide, high = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    shared = max(wide, 0) * max(high, 0)
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared
    return shared / union if union > 0 else 0.0


def diou(a: np.ndarray, b: np.ndarray, beta: float) -> float:
    """darknet's box_diou with its power."""
    apart = ((a[0] + a[2] - b[0] - b[2]) / 2) ** 2 + ((a[1] + a[3] - b[1] - b[3]) / 2) ** 2
    across = (max(a[2], b[2]) - min(a[0], b[0])) ** 2 + (max(a[3], b[3]) - min(a[1], b[1])) ** 2
    return iou(a, b) - ((apart / across) ** beta if across > 0 else 0.0)


def suppressed(boxes: np.ndarray, score: np.ndarray, class_id: np.ndarray, keep: Any) -> list[tuple]:
    """(row, score) of one picture's survivors, the best first."""
    left, found = score.astype(np.float64), []
    while len(found) < keep.max_detections and len(left):
        best = int(left.argmax())
        if left[best] <= keep.score_threshold:
            break
        found.append((best, left[best]))
        left[best] = 0
        for other in np.flatnonzero((class_id == class_id[best]) & (left > 0)):
            if keep.nms == "soft":
                left[other] *= math.exp(-(iou(boxes[best], boxes[other]) ** 2) / keep.sigma)
            elif keep.nms == "diou":
                left[other] *= diou(boxes[best], boxes[other], keep.beta) <= keep.nms_threshold
            else:
                left[other] *= iou(boxes[best], boxes[other]) <= keep.nms_threshold
    return found
