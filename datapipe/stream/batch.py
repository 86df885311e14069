"""A training step's samples side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datapipe.objects import Objects
from datapipe.stream.catalogue import Catalogue
from datapipe.stream.making import Made


@dataclass(frozen=True, eq=False)
class Batch:
    """B samples of one shape, in the order of the stream.

    step:      of this host, counted from 0
    positions: (B,) int64 in the stream
    images:    (B, H, W, 3) uint8 RGB
    objects:   B times the objects on the canvas, px; ignore regions among them
    image:     (B,) int32 number of the primary picture in the dataset
    image_id:  B times its id
    matrix:    (B, 3, 3) float64 from the primary picture's px to the canvas'; its inverse leads back
    """

    step: int
    positions: NDArray[np.int64]
    images: NDArray[np.uint8]
    objects: tuple[Objects, ...]
    image: NDArray[np.int32]
    image_id: tuple[str, ...]
    matrix: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.positions)

    def __reduce__(self) -> tuple[Any, ...]:
        """A batch travels with its objects in one row: many short arrays take ten times as long to pickle."""
        columns = vars(self) | {"objects": Objects.joined(self.objects)}
        return _arrived, (columns, [len(one) for one in self.objects])

    @classmethod
    def of(cls, step: int, images: NDArray[np.uint8], made: Sequence[Made], catalogue: Catalogue) -> Batch:
        """Samples whose pixels stand in (B, H, W, 3)."""
        planned = [one.planned for one in made]
        return cls(
            step=step,
            positions=np.array([one.position for one in planned], np.int64),
            images=images,
            objects=tuple(one.objects for one in made),
            image=np.array([one.primary for one in planned], np.int32),
            image_id=tuple(catalogue.image_id(one.primary) for one in planned),
            matrix=np.stack([one.matrix for one in planned]),
        )

    def part(self, rows: slice, step: int) -> Batch:
        """Some of the samples as the batch of a step."""
        arrays: dict[str, Any] = {
            name: getattr(self, name)[rows]
            for name in ("positions", "images", "objects", "image", "image_id", "matrix")
        }
        return Batch(step=step, **arrays)


def _arrived(columns: dict[str, Any], counts: Sequence[int]) -> Batch:
    """A batch from what it travelled as."""
    ends = pairwise(accumulate(counts, initial=0))
    return Batch(**columns | {"objects": tuple(columns["objects"].part(*rows) for rows in ends)})
