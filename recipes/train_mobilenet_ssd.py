r"""Train an SSDLite on MobileNetV2 (arXiv:1512.02325, arXiv:1801.04381): six maps, hard negatives.

The detector as published, for a GPU, and the same architecture at a size for two CPU cores:

  python -m recipes.train_mobilenet_ssd build/coco
  python -m recipes.train_mobilenet_ssd build/coco --recipe recipes/cpu/mobilenet_ssd.yaml \
      --width 0.35 --optimizer adamw --lr 0.002 --batch-size 8 --epochs 70

Priors, IoU threshold and label smoothing are the recipe's `targets`.
A stopped run goes on with --resume.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from datapipe.evaluation import Evaluation
from datapipe.heads import Detected, decode, dense
from datapipe.targets import MobileNetSSD
from recipes import losses
from recipes.networks.mobilenet_ssd import mobilenet_ssd
from recipes.options import command, given, opened, parser
from recipes.steps import HW, Detector, Tensors
from recipes.training import prepare, train


def main(arguments: Sequence[str] | None = None) -> Evaluation | None:
    """Train by the command line's options; the last evaluation."""
    options = parser(__doc__, recipe="mobilenet_ssd", out="build/train_mobilenet_ssd")
    network = options.add_argument_group("network and loss")
    network.add_argument("--width", type=float, default=1.0, help="of all layers [%(default)s]")
    network.add_argument(
        "--class-loss",
        choices=("softmax", "focal"),
        default="softmax",
        help="softmax with hard negatives, or sigmoids with the focal loss [%(default)s]",
    )
    network.add_argument("--negatives", type=float, default=3.0, help="for each positive [%(default)s]")
    network.add_argument("--focal-alpha", type=float, default=0.75, help="[%(default)s]")
    network.add_argument("--focal-gamma", type=float, default=2.0, help="[%(default)s]")
    said = options.parse_args(arguments)
    data, spec = opened(said, MobileNetSSD)
    prepare(said)

    keep = replace(decode.CAFFE_SSD, **given(said))
    form = "softmax" if said.class_loss == "softmax" else "sigmoid"
    priors = [len(spec.specs(level)) for level in range(spec.levels)]
    model = mobilenet_ssd(data.classes, priors, width=said.width)

    def loss(hw: HW, outputs: Tensors, targets: Tensors) -> Tensors:
        wanted = dense.ssd(spec, hw, data.classes, targets, form=form)
        return losses.ssd(
            outputs,
            wanted,
            kind=said.class_loss,
            negatives=said.negatives,
            alpha=said.focal_alpha,
            gamma=said.focal_gamma,
        )

    def detect(hw: HW, outputs: Tensors) -> Detected:
        return decode.ssd(spec, hw, outputs, keep, form)

    return train(said, data, Detector(spec, model, loss, detect))


if __name__ == "__main__":
    command(main)
