"""What the stream's tests run on: a small dataset, recipes with every kind of step, digests."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from make import make_coco, make_image

from datapipe.dataset import Dataset
from datapipe.ingest import IngestOptions, ingest
from datapipe.objects import Objects
from datapipe.recipe import Recipe
from datapipe.stream import Batch, Stream

MIXED = """
input: {hw: [64, 64], multi_scale: {every_windows: 1, min: 64, max: 96, step: 32}}
mix: [{Mosaic: {p: 0.7}}, {CutMix: {p: 0.3}}, {MixUp: {p: 0.3}}]
geometry: [{Flip: {horizontal: 0.5}}, {Affine: {rotate_deg: 10, scale: [0.5, 1.5]}}]
pixels:
  - {ColorJitter: {brightness: 0.4, saturation: 0.7, hue: 0.015}}
  - {Erase: {p: 0.3}}
  - {scenes.Grain: {strength: 20}}
objects: {ignore_visible: 0.01}
"""
"""Steps of every kind by chance, sizes that change from window to window."""
MOSAICS = "input: {hw: [48, 48]}\nmix: [{Mosaic: {p: 1.0}}]\n"
PLAIN = "input: {hw: [48, 48]}\n"


@dataclass(frozen=True)
class Grain:
    """A pixel step as anyone may write one: gives back other memory than it was given."""

    strength: int = 9

    def __call__(self, pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return np.maximum(pixels, rng.integers(0, self.strength, pixels.shape, np.uint8))


def make_pictures(folder: Path, n: int = 90, split: str = "train=1.0") -> Dataset:
    """A dataset of n small pictures of three sizes; picture i holds i % 4 boxes."""
    sizes = ((40, 30), (30, 40), (70, 50))
    images = [
        make_image(
            f"{i:03d}.jpg", *((1 + 2 * k, 2 + k, 12 + i % 7, 9, k) for k in range(i % 4)), wh=sizes[i % 3]
        )
        for i in range(n)
    ]
    source = make_coco(folder / "source", images)
    ingest([source], folder / "out", IngestOptions(split=split, shard_count=2))
    return Dataset(folder / "out")


def stream_of(dataset: Dataset, text: str = MIXED, split: str = "train", seed: int = 5, **options) -> Stream:
    """A stream of a recipe given as text."""
    return Stream(dataset, Recipe.parse(text), split, seed, **options)


def digest(batches: Iterable[Batch]) -> str:
    """SHA-256 over images, objects, matrices and ids, sample by sample."""
    state = hashlib.sha256()
    for batch in batches:
        for i, position in enumerate(batch.positions):
            state.update(f"{position} {batch.image[i]} {batch.image_id[i]} {batch.images[i].shape}".encode())
            state.update(batch.images[i].tobytes())
            state.update(batch.matrix[i].tobytes())
            state.update(bytes_of(batch.objects[i]))
    return state.hexdigest()


def bytes_of(objects: Objects) -> bytes:
    """All columns of objects."""
    columns = (getattr(objects, field.name) for field in fields(objects))
    return b"|".join(
        column.tobytes() if isinstance(column, np.ndarray) else repr(column).encode() for column in columns
    )


def some(stream: Stream, batch_size: int, samples: int) -> str:
    """The digest of `samples` samples in batches."""
    return digest(stream.batch(step, batch_size) for step in range(samples // batch_size))
