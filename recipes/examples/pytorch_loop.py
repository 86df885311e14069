"""A plain PyTorch loop on a detector's targets: the rows of the wire made dense, a focal loss, a step.

  python -m recipes.examples.pytorch_loop build/coco

A detector of four layers stands for yours; what matters is how anchors come to their targets, and that
ignored ones learn nothing.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

import torch
from torch.nn import functional
from torch.utils.data import DataLoader

from datapipe.dataset import Dataset
from datapipe.pipeline import torch_dataset
from datapipe.recipe import Recipe
from datapipe.targets import RetinaNet

SPEC = RetinaNet(sizes=(64.0,), strides=(16,), low_quality=True)


class OneLevel(torch.nn.Module):
    """A backbone of stride 16 and a head for nine anchors in a cell."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        sides = (3, 16, 32, 64, 64)
        self.classes = classes
        self.layers = torch.nn.ModuleList(
            torch.nn.Conv2d(before, after, 3, stride=2, padding=1)
            for before, after in zip(sides, sides[1:], strict=False)
        )
        self.head = torch.nn.Conv2d(64, 9 * (classes + 4), 1)

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(B, H, W, 3) uint8 -> class logits (B, N, C) and boxes (B, N, 4), in the order of the anchors."""
        x = images.permute(0, 3, 1, 2).float() / 255
        for layer in self.layers:
            x = functional.relu(layer(x))
        flat = self.head(x).permute(0, 2, 3, 1).reshape(len(images), -1, self.classes + 4)
        return flat[..., : self.classes], flat[..., self.classes :]


def dense(rows: dict[str, torch.Tensor], anchors: int, classes: int) -> tuple[torch.Tensor, ...]:
    """Rows (B, R) to every anchor: class (B, N, C), box (B, N, 4), state (B, N); -1 is padding."""
    picture, row = torch.nonzero(rows["anchor"] >= 0, as_tuple=True)
    anchor, state = rows["anchor"][picture, row].long(), rows["state"][picture, row]
    whole = (len(rows["anchor"]), anchors)
    label, box = torch.zeros(*whole, classes), torch.zeros(*whole, 4)
    states = torch.zeros(whole, dtype=torch.int8)
    states[picture, anchor] = state
    box[picture, anchor] = rows["box"][picture, row]
    taught = state == 1
    label[picture[taught], anchor[taught], rows["class_id"][picture, row][taught].long()] = 1
    return label, box, states


def loss_of(model: OneLevel, images: torch.Tensor, rows: dict[str, torch.Tensor]) -> torch.Tensor:
    """Focal loss of the classes and smooth L1 of the boxes, by the number of positives."""
    logits, boxes = model(images)
    label, box, state = dense(rows, logits.shape[1], model.classes)
    learning, positive = (state >= 0)[..., None], (state == 1)[..., None]
    entropy = functional.binary_cross_entropy_with_logits(logits, label, reduction="none")
    wrong = torch.where(label > 0, 1 - logits.sigmoid(), logits.sigmoid())
    focal = torch.where(label > 0, 0.25, 0.75) * wrong**2 * entropy
    off = functional.smooth_l1_loss(boxes, box, reduction="none")
    zero = torch.zeros(())
    total = torch.where(learning, focal, zero).sum() + torch.where(positive, off, zero).sum()
    return total / positive.sum().clamp(min=1)


def train(dataset: Dataset, recipe: Recipe, steps: int, *, batch_size: int = 8, lr: float = 0.01) -> Any:
    """Take steps; the loss before each, and what a checkpoint keeps of the stream.

    Args:
        dataset: from `datapipe.open`.
        recipe: with a RetinaNet's targets of one level.
        steps: how many.
        batch_size: divides the recipe's window.
        lr: learning rate.
    """
    stream = torch_dataset(dataset, recipe, batch_size=batch_size)
    model = OneLevel(len(dataset.classes))
    optimizer = torch.optim.SGD(model.parameters(), lr, momentum=0.9)
    losses = []
    for _, (images, rows) in zip(range(steps), DataLoader(stream, batch_size=None), strict=False):
        loss = loss_of(model, images, rows)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    return losses, stream.state(len(losses))


if __name__ == "__main__":
    text = "input: {hw: [256, 256]}\ngeometry: [{Flip: {}}]"
    chosen = replace(Recipe.parse(text), targets=SPEC)
    print(train(Dataset(sys.argv[1]), chosen, steps=100)[0])
