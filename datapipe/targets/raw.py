"""Targets for everyone else: the boxes themselves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from datapipe.errors import UsageError
from datapipe.objects import Objects
from datapipe.targets.wire import Arrays, Spec, field


def fields(length: int | None = None, prefix: str = "") -> Spec:
    """The columns of `Raw`, or of the boxes that travel with a detector's rows."""
    columns = {
        "xyxy": field("float32", length, 4),
        "class_id": field("int32", length, pad=-1),
        "ignore": field("bool", length),
        "crowd": field("bool", length),
        "weight": field("float32", length),
    }
    return {prefix + name: column for name, column in columns.items()}


def columns(objects: Objects, prefix: str = "") -> Arrays:
    """The objects' columns by the names of `fields`, in the objects' own order."""
    return {
        prefix + name: getattr(objects, name) for name in ("xyxy", "class_id", "ignore", "crowd", "weight")
    }


@dataclass(frozen=True)
class Raw:
    """Padded boxes for a trainer that makes its own targets.

    pad_to: length of the axis. None: as many as there are, padded batch by batch, in the objects' order.
            A number: exactly that many in every sample, positives first, then ignore regions; where they
            do not all fit, the smallest ignore regions are dropped (positives never are)

    Fields of a sample: xyxy (N, 4) float32 px, padded 0; class_id (N,) int32, padded -1, which an ignore
    region may have too; ignore (N,) and crowd (N,) bool; weight (N,) float32, padded 0, so a row of
    weight 0 without `ignore` is padding.
    """

    pad_to: int | None = None

    def __post_init__(self) -> None:
        """Check the number.

        Raises:
            ValueError: pad_to is below 1.
        """
        if self.pad_to is not None and self.pad_to < 1:
            raise ValueError(f"pad_to: {self.pad_to}, want 1 or more, or nothing")

    def spec(self) -> Spec:
        """Fields of a sample."""
        return fields(self.pad_to)

    def encode(self, objects: Objects, hw: tuple[int, int]) -> Arrays:
        """The columns of one picture.

        Args:
            objects: in px of the network's input.
            hw: (H, W); boxes stay in px, so it changes nothing.

        Raises:
            UsageError: more positives than `pad_to`.
        """
        if self.pad_to is None:
            return columns(objects)
        rows = _fitting(objects, self.pad_to)
        padded = {}
        for name, column in columns(objects).items():
            padded[name] = np.full((self.pad_to, *column.shape[1:]), fields()[name].pad, column.dtype)
            padded[name][: len(rows)] = column[rows]
        return padded


def _fitting(objects: Objects, room: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    positive, ignored = np.flatnonzero(~objects.ignore), np.flatnonzero(objects.ignore)
    if len(positive) > room:
        raise UsageError(
            f"Raw: {len(positive)} objects for pad_to {room}: raise pad_to, or set max_objects to it"
        )
    largest = np.argsort(-objects.area[ignored], kind="stable")[: room - len(positive)]
    return np.concatenate([positive, ignored[np.sort(largest)]])
