"""Pictures that any detector learns in a minute: one to three large shapes, a colour for each class."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from make import make_coco, make_image
from PIL import Image

from datapipe.dataset import Dataset
from datapipe.ingest import IngestOptions, ingest

COLOURS = {"square": (220, 40, 40), "disc": (40, 200, 60), "diamond": (50, 80, 230)}
SIDE = 128


def make_shapes(folder: Path, n: int) -> Dataset:
    """A dataset of n pictures of 128 x 128 px, all in the split "train"; same n, same pixels."""
    rng = np.random.default_rng(5)
    images = []
    for i in range(n):
        pixels = rng.integers(90, 130, (SIDE, SIDE, 3)).astype(np.uint8)
        boxes = []
        for left, top in rng.permutation([(0, 0), (64, 0), (0, 64), (64, 64)])[: rng.integers(1, 4)]:
            kind, side = int(rng.integers(3)), int(rng.integers(36, 60))
            x, y = (int(corner + rng.integers(0, 64 - side + 1)) for corner in (left, top))
            _paint(pixels[y : y + side, x : x + side], kind)
            boxes.append((x, y, side, side, kind))
        out = io.BytesIO()
        Image.fromarray(pixels).save(out, "PNG")
        images.append(make_image(f"{i}.png", *boxes, wh=(SIDE, SIDE), data=out.getvalue()))
    source = make_coco(folder / "source", images, tuple(COLOURS))
    ingest([source], folder / "out", IngestOptions(split="train=1", shard_count=1))
    return Dataset(folder / "out")


def _paint(part: np.ndarray, kind: int) -> None:
    side = len(part)
    off = np.abs(np.arange(side) + 0.5 - side / 2) / (side / 2)
    across, down = off[None, :], off[:, None]
    inside = [across <= 1, across**2 + down**2 <= 1, across + down <= 1][kind]
    part[np.broadcast_to(inside, part.shape[:2])] = tuple(COLOURS.values())[kind]
