"""What the bridge's tests share: recipes, a dataset with a damaged record, digests."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from datapipe.dataset import Dataset
from datapipe.errors import RecordError
from datapipe.objects import Objects

RAW = "input: {hw: [32, 48]}\nstream: {window: 32}\n"
MIXED = """
input: {hw: [64, 64], multi_scale: {every_windows: 1, min: 32, max: 96, step: 32}}
mix: [{Mosaic: {p: 0.7}}]
geometry: [{Flip: {horizontal: 0.5}}, {Affine: {rotate_deg: 10}}]
pixels: [{ColorJitter: {brightness: 0.4}}]
stream: {window: 32}
targets: {YoloV4: {}}
"""


class Damaged:
    """A dataset one of whose records is damaged."""

    def __init__(self, dataset: Dataset, image_id: str) -> None:
        self._dataset, self._image_id = dataset, image_id

    def __getattr__(self, name: str) -> Any:
        return getattr(self._dataset, name)

    def __len__(self) -> int:
        return len(self._dataset)

    def objects_of(self, i: int, *how: Any) -> tuple[Objects, bytes | memoryview]:
        if self._dataset.images["image_id"][i] == self._image_id:
            raise RecordError("shard at byte 40: checksum off")
        return self._dataset.objects_of(i, *how)


@dataclass(frozen=True)
class Broken:
    """A pixel step with a bug."""

    def __call__(self, pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        raise ZeroDivisionError("an answer to nothing")


def digest(batches: Iterable[Any], n: int | None = None) -> str:
    """SHA-256 over n batches of NumPy, TensorFlow or PyTorch: names, shapes and bytes."""
    state = hashlib.sha256()
    for images, targets in islice(batches, n):
        for name, array in sorted({"images": images, **targets}.items()):
            values = np.asarray(array)
            if values.dtype.kind in "UO":
                values = np.array(
                    [one.decode() if isinstance(one, bytes) else one for one in values], np.str_
                )
            state.update(f"{name} {values.dtype} {values.shape}".encode() + values.tobytes())
    return state.hexdigest()


def threads() -> list[str]:
    """Names of the stream's threads that are alive."""
    return [one.name for one in threading.enumerate() if one.name.startswith("datapipe")]
