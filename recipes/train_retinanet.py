r"""Train a RetinaNet (arXiv:1708.02002): ResNet with a feature pyramid, focal loss, smooth L1.

The detector as published, for a GPU, and the same architecture at a size for two CPU cores:

  python -m recipes.train_retinanet build/coco
  python -m recipes.train_retinanet build/coco --recipe recipes/cpu/retinanet.yaml \
      --depth 18 --width 0.25 --head-convs 2 --optimizer adamw --lr 0.002 --batch-size 8 --epochs 100

Anchors, IoU thresholds and label smoothing are the recipe's `targets`.
A stopped run goes on with --resume.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from datapipe.evaluation import Evaluation
from datapipe.heads import Detected, decode, dense
from datapipe.targets import RetinaNet
from recipes import losses
from recipes.networks.resnet_fpn import BLOCKS, retinanet
from recipes.options import command, given, opened, parser
from recipes.steps import HW, Detector, Tensors
from recipes.training import prepare, train


def main(arguments: Sequence[str] | None = None) -> Evaluation | None:
    """Train by the command line's options; the last evaluation."""
    options = parser(__doc__, recipe="retinanet", out="build/train_retinanet")
    network = options.add_argument_group("network and loss")
    network.add_argument(
        *("--depth", "--backbone"),
        type=resnet,
        choices=BLOCKS,
        default=50,
        help="of the ResNet; 18 or resnet18 [%(default)s]",
    )
    network.add_argument("--width", type=float, default=1.0, help="of all layers [%(default)s]")
    network.add_argument("--head-convs", type=int, default=4, help="in each subnet [%(default)s]")
    network.add_argument("--focal-alpha", type=float, default=0.25, help="[%(default)s]")
    network.add_argument("--focal-gamma", type=float, default=2.0, help="[%(default)s]")
    said = options.parse_args(arguments)
    data, spec = opened(said, RetinaNet)
    prepare(said)

    keep = replace(decode.KERAS_RETINANET, **given(said))
    model = retinanet(
        data.classes,
        len(spec.shapes(0)),
        depth=said.depth,
        width=said.width,
        head_convs=said.head_convs,
    )

    def loss(hw: HW, outputs: Tensors, targets: Tensors) -> Tensors:
        wanted = dense.retinanet(spec, hw, data.classes, targets)
        return losses.retinanet(outputs, wanted, alpha=said.focal_alpha, gamma=said.focal_gamma)

    def detect(hw: HW, outputs: Tensors) -> Detected:
        return decode.retinanet(spec, hw, outputs, keep)

    return train(said, data, Detector(spec, model, loss, detect))


def resnet(name: str) -> int:
    """The depth that a name says. Example: "resnet50" and "50" are 50."""
    return int(name.removeprefix("resnet"))


if __name__ == "__main__":
    command(main)
