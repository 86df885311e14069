"""A torchvision detector, or any that takes lists of dictionaries: Faster R-CNN, RetinaNet, SSD, FCOS.

  python -m recipes.examples.torchvision_detector build/coco

torchvision has no ignore regions: what is crowd or difficult is not among the boxes, and its losses see
background there. Class 0 of its models is the background.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from torch.utils.data import DataLoader

from datapipe.dataset import Dataset
from datapipe.pipeline import torch_dataset
from datapipe.recipe import Recipe
from datapipe.targets import Raw

Images = list[torch.Tensor]
Targets = list[dict[str, torch.Tensor]]


def batches(dataset: Dataset, recipe: Recipe, *, batch_size: int = 8, **options: Any) -> Iterator[Any]:
    """Batches as torchvision's detectors want them.

    Args:
        dataset: from `datapipe.open`.
        recipe: what happens to pictures; its targets are replaced.
        batch_size: divides the recipe's window.
        **options: of `torch_dataset`, like seed or start_step.

    Returns:
        An endless iterator of (images, targets): B tensors (3, H, W) float32 from 0 to 1; B times boxes
        (M, 4) float32 xyxy px and labels (M,) int64 from 1.
    """
    stream = torch_dataset(dataset, replace(recipe, targets=Raw()), batch_size=batch_size, **options)
    for images, boxes in DataLoader(stream, batch_size=None):
        pixels = images.permute(0, 3, 1, 2).float() / 255
        real = ~boxes["ignore"] & (boxes["class_id"] >= 0)
        yield (
            list(pixels),
            [
                {"boxes": boxes["xyxy"][i][real[i]], "labels": boxes["class_id"][i][real[i]].long() + 1}
                for i in range(len(pixels))
            ],
        )


def train(model: torch.nn.Module, stream: Iterator[Any], steps: int, lr: float = 0.01) -> list[float]:
    """Take steps; the loss before each."""
    optimizer = torch.optim.SGD(model.parameters(), lr, momentum=0.9)
    model.train()
    losses = []
    for _, (images, targets) in zip(range(steps), stream, strict=False):
        loss = sum(model(images, targets).values())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 10.0)
        optimizer.step()
        losses.append(float(loss.detach()))
    return losses


if __name__ == "__main__":
    from torchvision.models.detection import retinanet_resnet50_fpn

    data = Dataset(sys.argv[1])
    detector = retinanet_resnet50_fpn(weights=None, weights_backbone=None, num_classes=len(data.classes) + 1)
    print(train(detector, batches(data, Recipe.load("retinanet"), batch_size=2), steps=100))
