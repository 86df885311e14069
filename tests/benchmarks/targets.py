"""CPU cost of encoding: `python tests/benchmarks/targets.py [--rounds 5] [--objects 20]`.

Milliseconds of CPU (all threads) per image of datapipe's sparse encoding in batches of 16, collated, against
the dense formulation in TensorFlow: the table of anchors x objects, as keras-retinanet, TF Object Detection
and their kin write it, in one `tf.function` for an image. Also against keras-hub's and Model Garden's own
labelers where they are installed; there the share of anchors on which both agree is printed, too.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf

from datapipe.objects import Objects
from datapipe.targets import MobileNetSSD, RetinaNet, YoloV4, collate

BATCH = 16
DETECTORS = (
    ("RetinaNet, keras-retinanet", RetinaNet(), (640, 640)),
    ("RetinaNet, torchvision", RetinaNet.torchvision(), (640, 640)),
    ("SSDLite 300", MobileNetSSD(), (300, 300)),
    ("SSDLite 320, torchvision", MobileNetSSD.torchvision_ssdlite(), (320, 320)),
    ("YOLOv4", YoloV4(), (608, 608)),
)


def batch_of(hw: tuple[int, int], objects: int, seed: int = 0) -> list[Objects]:
    """Pictures with objects of log-normal sides, a tenth of them ignored, anywhere inside."""
    rng = np.random.default_rng(seed)
    pictures = []
    for _ in range(BATCH):
        wh = np.exp(rng.normal(np.log(0.1 * max(hw)), 0.8, (objects, 2))).clip(6, 0.9 * min(hw))
        corner = rng.random((objects, 2)) * (np.array(hw[::-1]) - wh)
        ignore = rng.random(objects) < 0.1
        xyxy = np.concatenate([corner, corner + wh], axis=1)
        pictures.append(Objects.of(xyxy, rng.integers(0, 80, objects), ignore=ignore))
    return pictures


def dense_on_grid(spec: RetinaNet | MobileNetSSD, hw: tuple[int, int]) -> Callable[..., Any]:
    """State, class and box of every anchor from the whole table; each object forces its best anchor."""
    anchors = tf.constant(spec.anchors(hw), tf.float32)
    sides = anchors[:, 2:] - anchors[:, :2]
    high = spec.positive_iou if isinstance(spec, RetinaNet) else spec.iou_threshold
    low = spec.negative_iou if isinstance(spec, RetinaNet) else high
    forced = isinstance(spec, MobileNetSSD) or spec.low_quality
    code, variances = spec.code(), tf.constant(spec.variances)

    @tf.function(reduce_retracing=True)
    def encode(xyxy: tf.Tensor, class_id: tf.Tensor, ignore: tf.Tensor) -> tuple[tf.Tensor, ...]:
        top = tf.maximum(anchors[:, None, :2], xyxy[None, :, :2])
        end = tf.minimum(anchors[:, None, 2:], xyxy[None, :, 2:])
        common = tf.reduce_prod(tf.maximum(end - top, 0), axis=2)
        area = tf.reduce_prod(xyxy[:, 2:] - xyxy[:, :2], axis=1)
        table = common / (tf.reduce_prod(sides, axis=1)[:, None] + area - common)
        silent = tf.reduce_any((table >= low) & ignore, axis=1)
        table = tf.where(ignore, -1.0, table)
        owner, best = tf.argmax(table, axis=1), tf.reduce_max(table, axis=1)
        state = tf.where((best >= low) | silent, -1, 0)
        state = tf.where(best >= high, 1, state)
        if forced:
            own = tf.cast(tf.argmax(table, axis=0), tf.int32)[:, None]
            state = tf.tensor_scatter_nd_update(state, own, tf.where(ignore, -1, 1))
            owner = tf.tensor_scatter_nd_update(owner, own, tf.range(len(own), dtype=tf.int64))
        boxes = tf.gather(xyxy, owner)
        if code.kind == "corners":
            box = (boxes - anchors) / tf.tile(sides, [1, 2]) / variances
        else:
            wh = boxes[:, 2:] - boxes[:, :2]
            shift = ((boxes[:, :2] + boxes[:, 2:]) - (anchors[:, :2] + anchors[:, 2:])) / 2 / sides
            box = tf.concat([shift, tf.math.log(wh / sides)], axis=1) / variances
        return state, tf.gather(class_id, owner), box

    return encode


def dense_yolov4(spec: YoloV4, hw: tuple[int, int]) -> Callable[..., Any]:
    """Per level a label map (rows, columns, anchors, 5 + 80): box, objectness, one-hot class."""
    anchors = tf.constant(spec.anchors_wh, tf.float32)

    @tf.function(reduce_retracing=True)
    def encode(xyxy: tf.Tensor, class_id: tf.Tensor, ignore: tf.Tensor) -> list[tf.Tensor]:
        xyxy, class_id = tf.boolean_mask(xyxy, ~ignore), tf.boolean_mask(class_id, ~ignore)
        centre, wh = (xyxy[:, :2] + xyxy[:, 2:]) / 2, xyxy[:, 2:] - xyxy[:, :2]
        common = tf.reduce_prod(tf.minimum(wh[:, None], anchors), axis=2)
        iou = common / (tf.reduce_prod(wh, axis=1)[:, None] + tf.reduce_prod(anchors, axis=1) - common)
        chosen = (iou > spec.iou_threshold) | tf.cast(tf.one_hot(tf.argmax(iou, axis=1), len(anchors)), bool)
        row = tf.concat([centre, wh, tf.ones([len(wh), 1]), tf.one_hot(class_id, 80)], axis=1)
        levels = []
        for stride, mask in zip(spec.strides, spec.masks(), strict=True):
            found = tf.cast(tf.where(tf.gather(chosen, mask, axis=1)), tf.int32)
            cell = tf.cast(tf.gather(centre, found[:, 0]) // stride, tf.int32)
            place = tf.stack([cell[:, 1], cell[:, 0], found[:, 1]], axis=1)
            empty = tf.zeros([hw[0] // stride, hw[1] // stride, len(mask), 85])
            levels.append(tf.tensor_scatter_nd_update(empty, place, tf.gather(row, found[:, 0])))
        return levels

    return encode


def keras_hub_retinanet(pictures: list[Objects], hw: tuple[int, int]) -> tuple[RetinaNet, Callable[[], Any]]:
    """KerasHub's RetinaNetLabelEncoder: torchvision's anchors without forced matches; and ours like it."""
    from keras_hub.layers import AnchorGenerator
    from keras_hub.src.models.retinanet.retinanet_label_encoder import RetinaNetLabelEncoder

    generator = AnchorGenerator("xyxy", 3, 7, 3, [0.5, 1.0, 2.0], 4.0)
    labeler = RetinaNetLabelEncoder(generator, "xyxy")
    images = tf.zeros([len(pictures), *hw, 3])
    boxes = tf.stack([objects.xyxy for objects in pictures])
    classes = tf.stack([objects.class_id.astype(np.float32) for objects in pictures])
    function = tf.function(labeler)

    def state() -> np.ndarray:
        found = function(images, boxes, classes)[1].numpy()
        return np.where(found >= 0, 1, np.where(found == -2, -1, 0))

    return replace(RetinaNet.torchvision(), low_quality=False), state


def model_garden_retinanet(
    pictures: list[Objects], hw: tuple[int, int]
) -> tuple[RetinaNet, Callable[[], Any]]:
    """Model Garden's AnchorLabeler, image by image as its parser calls it; and ours like it."""
    from official.vision.ops import anchor

    maker = anchor.build_anchor_generator(3, 7, 3, [0.5, 1.0, 2.0], 4.0)
    labeler = anchor.AnchorLabeler(0.5, 0.5)
    anchors = maker(hw)

    @tf.function(reduce_retracing=True)
    def label(boxes: tf.Tensor, classes: tf.Tensor) -> tf.Tensor:
        found = labeler.label_anchors(anchors, boxes, classes)
        return tf.concat([tf.reshape(level, [-1]) for level in found[0].values()], axis=0)

    def state() -> np.ndarray:
        rows = [
            label(o.xyxy[:, [1, 0, 3, 2]], o.class_id[:, None].astype(np.float32)).numpy() for o in pictures
        ]
        return np.where(np.stack(rows) >= 0, 1, 0)

    return RetinaNet.model_garden(), state


def cpu_ms(work: Callable[[], Any], rounds: int) -> float:
    """CPU per image of the quickest round; a first one is not counted."""
    work()
    costs = []
    for _ in range(rounds):
        start = time.process_time()
        work()
        costs.append(time.process_time() - start)
    return min(costs) / BATCH * 1e3


def states(spec: RetinaNet, pictures: list[Objects], hw: tuple[int, int]) -> np.ndarray:
    """(B, N) of our rows."""
    dense = np.zeros((len(pictures), spec.anchor_count(hw)), int)
    for row, objects in zip(dense, pictures, strict=True):
        sparse = spec.encode(objects, hw)
        row[sparse["anchor"]] = sparse["state"]
    return dense


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--objects", type=int, default=20)
    options = parser.parse_args()
    print(f"CPU ms per image, {options.objects} objects, batches of {BATCH}, best of {options.rounds} rounds")

    def ours(spec: Any, pictures: list[Objects], hw: tuple[int, int]) -> float:
        def work() -> Any:
            return collate(spec.spec(), [spec.encode(objects, hw) for objects in pictures])

        return cpu_ms(work, options.rounds)

    for name, spec, hw in DETECTORS:
        pictures = batch_of(hw, options.objects)
        dense = dense_yolov4(spec, hw) if isinstance(spec, YoloV4) else dense_on_grid(spec, hw)
        tensors = [
            tuple(map(tf.constant, (objects.xyxy, objects.class_id, objects.ignore))) for objects in pictures
        ]
        mine = ours(spec, pictures, hw)
        theirs = cpu_ms(lambda dense=dense, tensors=tensors: [dense(*one) for one in tensors], options.rounds)
        print(f"{name:28} {mine:6.3f}   dense TensorFlow {theirs:8.3f}   {theirs / mine:6.1f} x")
    for name, make in (("keras-hub", keras_hub_retinanet), ("Model Garden", model_garden_retinanet)):
        hw = (640, 640)
        plain = [Objects.of(one.xyxy, one.class_id) for one in batch_of(hw, options.objects)]
        try:
            spec, state = make(plain, hw)
        except ImportError as why:
            print(f"RetinaNet of {name}: not installed ({why})")
            continue
        mine, theirs = ours(spec, plain, hw), cpu_ms(state, options.rounds)
        agree = (state() == states(spec, plain, hw)).mean()
        print(
            f"{'RetinaNet, as ' + name:28} {mine:6.3f}   {name + ' labeler':16} {theirs:8.3f}   "
            f"{theirs / mine:6.1f} x   same state on {agree:.4%} of the anchors"
        )


if __name__ == "__main__":
    main()
