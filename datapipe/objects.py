"""The annotated objects of one image, as parallel arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from datapipe import boxes

Polygon = NDArray[np.float32]
"""(P, 2) float32 x, y in px: one ring."""


@dataclass(frozen=True, eq=False)
class Objects:
    """What a picture holds, for augmentation and targets.

    xyxy:      (N, 4) float32, px of the picture at hand, continuous edges; x1 < x2, y1 < y2
    class_id:  (N,) int32, index into the dataset's classes; -1 for an ignore region without one
    ignore:    (N,) bool, neither positive nor background (crowd, difficult, cut off, left out)
    crowd:     (N,) bool, a region that holds many: what lies in it is judged by its own area
    weight:    (N,) float32, factor of its loss
    area:      (N,) float32 px², of the mask where the source has one, else of the box
    object_id: (N,) text, the source's own id
    polygons:  N tuples of rings, empty where the source has none
    """

    xyxy: NDArray[np.float32]
    class_id: NDArray[np.int32]
    ignore: NDArray[np.bool_]
    crowd: NDArray[np.bool_]
    weight: NDArray[np.float32]
    area: NDArray[np.float32]
    object_id: tuple[str, ...]
    polygons: tuple[tuple[Polygon, ...], ...]

    def __post_init__(self) -> None:
        """Check lengths, dtypes and corners.

        Raises:
            ValueError: naming the column or the row that is off.
        """
        n = len(self.class_id)
        for field, dtype in _DTYPES.items():
            column = getattr(self, field)
            if len(column) != n or column.dtype != dtype:
                raise ValueError(
                    f"Objects.{field}: {len(column)} rows of {column.dtype}, want {n} of {dtype}"
                )
        if len(self.object_id) != n or len(self.polygons) != n:
            raise ValueError(
                f"Objects: {len(self.object_id)} ids and {len(self.polygons)} polygons for {n} objects"
            )
        if self.xyxy.shape != (n, 4):
            raise ValueError(f"Objects.xyxy: shape {self.xyxy.shape}, want ({n}, 4)")
        solid = self.xyxy[:, :2] < self.xyxy[:, 2:]
        if not solid.all():
            row = int(np.flatnonzero(~solid.all(axis=1))[0])
            raise ValueError(f"Objects.xyxy row {row} has no area: {self.xyxy[row].tolist()}")

    @classmethod
    def of(cls, xyxy: ArrayLike, class_id: ArrayLike, **columns: Any) -> Objects:
        """Objects from boxes and classes; other columns as given, else plain: positive, weight 1, no outline.

        Args:
            xyxy: (N, 4) px.
            class_id: (N,) or one class for all.
            **columns: any of the other fields.
        """
        corners = np.asarray(xyxy, np.float32).reshape(-1, 4)
        n = len(corners)
        plain: dict[str, Any] = {
            "class_id": np.broadcast_to(np.asarray(class_id, np.int32), n).copy(),
            "ignore": np.zeros(n, np.bool_),
            "crowd": np.zeros(n, np.bool_),
            "weight": np.ones(n, np.float32),
            "area": boxes.area(corners),
            "object_id": ("",) * n,
            "polygons": ((),) * n,
        }
        return cls(xyxy=corners, **plain | columns)

    def __len__(self) -> int:
        return len(self.class_id)

    def take(self, rows: NDArray[np.integer] | NDArray[np.bool_]) -> Objects:
        """Some of the objects, by number or by mask, in that order."""
        chosen = np.arange(len(self))[rows]
        columns = {name: getattr(self, name)[chosen] for name in _DTYPES}
        texts = {name: tuple(getattr(self, name)[i] for i in chosen) for name in _TUPLES}
        return Objects(**columns | texts)

    def part(self, start: int, stop: int) -> Objects:
        """Objects start to stop - 1, as views of the columns: nothing is copied or checked once more."""
        made = object.__new__(Objects)
        made.__dict__.update({name: column[start:stop] for name, column in self.__dict__.items()})
        return made

    @classmethod
    def joined(cls, parts: Sequence[Objects]) -> Objects:
        """The objects of one or more, one after another."""
        arrays: dict[str, Any] = {
            name: np.concatenate([getattr(part, name) for part in parts]) for name in _DTYPES
        }
        texts: dict[str, Any] = {
            name: tuple(chain.from_iterable(getattr(part, name) for part in parts)) for name in _TUPLES
        }
        return cls(**arrays, **texts)

    def equals(self, other: Objects) -> bool:
        """Whether every column holds the same values."""
        return all(_same(getattr(self, field.name), getattr(other, field.name)) for field in fields(self))


_DTYPES = {
    "xyxy": np.dtype(np.float32),
    "class_id": np.dtype(np.int32),
    "ignore": np.dtype(np.bool_),
    "crowd": np.dtype(np.bool_),
    "weight": np.dtype(np.float32),
    "area": np.dtype(np.float32),
}
_TUPLES = ("object_id", "polygons")


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray):
        return a.shape == np.shape(b) and bool(np.array_equal(a, b))
    if isinstance(a, tuple):
        return len(a) == len(b) and all(_same(x, y) for x, y in zip(a, b, strict=True))
    return bool(a == b)
