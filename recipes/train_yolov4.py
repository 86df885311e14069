r"""Train a YOLOv4 (arXiv:2004.10934): CSPDarknet53, Mish, SPP, PAN; CIoU, and found objects let off.

The detector as published, for a GPU, and the same architecture at a size for two CPU cores:

  python -m recipes.train_yolov4 build/coco --drop-block 0.1
  python -m recipes.train_yolov4 build/coco --recipe recipes/cpu/yolov4.yaml \
      --width 0.25 --depth 0.1 --iou-normalizer 1 --optimizer adamw --lr 0.002 --batch-size 8 \
      --epochs 50

Anchors, their IoU threshold and label smoothing are the recipe's `targets`.
A stopped run goes on with --resume.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from datapipe.evaluation import Evaluation
from datapipe.heads import Detected, decode, dense
from datapipe.targets import YoloV4
from recipes import adversarial, losses
from recipes.networks.cspdarknet import yolov4
from recipes.options import command, given, opened, parser
from recipes.steps import HW, Detector, Tensors
from recipes.training import prepare, train


def main(arguments: Sequence[str] | None = None) -> Evaluation | None:
    """Train by the command line's options; the last evaluation."""
    options = parser(__doc__, recipe="yolov4", out="build/train_yolov4", momentum=0.949, weight_decay=5e-4)
    network = options.add_argument_group("network and loss")
    network.add_argument("--depth", type=float, default=1.0, help="share of the blocks [%(default)s]")
    network.add_argument("--width", type=float, default=1.0, help="of all layers [%(default)s]")
    network.add_argument("--drop-block", type=float, default=0.0, help="share of the maps to blank [off]")
    network.add_argument("--iou-normalizer", type=float, default=0.07, help="weight of boxes [%(default)s]")
    network.add_argument("--ignore-iou", type=float, default=0.7, help="found objects: above [%(default)s]")
    network.add_argument(
        "--adversarial-lr", type=float, default=0.0, help="self-adversarial training, like 0.05 [off]"
    )
    said = options.parse_args(arguments)
    data, spec = opened(said, YoloV4)
    prepare(said)

    keep = replace(decode.DARKNET, **given(said))
    model = yolov4(
        data.classes,
        tuple(len(mask) for mask in spec.masks()),
        width=said.width,
        depth=said.depth,
        drop_block=said.drop_block,
    )

    def loss(hw: HW, outputs: Tensors, targets: Tensors) -> Tensors:
        wanted = dense.yolov4(spec, hw, data.classes, targets)
        return losses.yolov4(
            spec,
            hw,
            outputs,
            wanted,
            targets["raw_xyxy"],
            iou_normalizer=said.iou_normalizer,
            ignore_iou=said.ignore_iou,
        )

    def detect(hw: HW, outputs: Tensors) -> Detected:
        return decode.yolov4(spec, hw, outputs, keep)

    def attack(hw: HW, images: Any, targets: Tensors, share: Any) -> Any:
        nothing = adversarial.without_objects(targets)
        rate = said.adversarial_lr * share
        return adversarial.hidden(images, model, lambda outputs: loss(hw, outputs, nothing)["total"], rate)

    return train(said, data, Detector(spec, model, loss, detect, attack if said.adversarial_lr else None))


if __name__ == "__main__":
    command(main)
