"""What an encoder puts on the wire: fields said beforehand, rows padded to the longest of a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from datapipe.objects import Objects

Arrays = dict[str, NDArray[Any]]
"""Field name -> array."""


class Field(NamedTuple):
    """One array of a sample.

    dtype: exactly this
    shape: of one sample; a leading None is a ragged axis, padded batch by batch
    pad:   what fills a ragged axis up
    """

    dtype: np.dtype[Any]
    shape: tuple[int | None, ...]
    pad: float = 0.0


Spec = dict[str, Field]


class Encoder(Protocol):
    """Objects of one picture to the arrays that a trainer learns from."""

    def spec(self) -> Spec:
        """The fields of every sample; they depend on the encoder alone, never on a picture."""
        ...

    def encode(self, objects: Objects, hw: tuple[int, int]) -> Arrays:
        """The arrays of one sample, as `spec` says.

        Args:
            objects: in px of the network's input.
            hw: (H, W) of that input.
        """
        ...


def field(dtype: str, *shape: int | None, pad: float = 0.0) -> Field:
    """`Field` with the dtype by name."""
    return Field(np.dtype(dtype), shape, pad)


def check(spec: Mapping[str, Field], row: Mapping[str, NDArray[Any]]) -> None:
    """Hold a sample against its specification.

    Raises:
        ValueError: naming the field that is absent, not announced, or of another dtype or shape.
    """
    if row.keys() != spec.keys():
        name = min(row.keys() ^ spec.keys())
        raise ValueError(f"{name}: {'not in spec()' if name in row else 'absent from the sample'}")
    for name, (dtype, shape, _) in spec.items():
        array = row[name]
        if array.dtype != dtype:
            raise ValueError(f"{name}: dtype {array.dtype}, want {dtype}")
        ragged = shape[:1] == (None,)
        if array.ndim != len(shape) or array.shape[ragged:] != shape[ragged:]:
            raise ValueError(f"{name}: shape {array.shape}, want {_shown(shape)}")


def collate(spec: Mapping[str, Field], rows: Sequence[Mapping[str, NDArray[Any]]]) -> Arrays:
    """Samples as one batch.

    Args:
        spec: of the encoder that made the samples.
        rows: B samples, one or more.

    Returns:
        Per field (B, ...). A ragged axis is as long as the longest sample's, and at least 1, so that a
        batch of backgrounds has no empty tensor. Example: anchors [3, 8] and [5] are [[3, 8], [5, -1]].

    Raises:
        ValueError: naming the field that is not as announced.
    """
    for row in rows:
        check(spec, row)
    batch = {}
    for name, (dtype, shape, pad) in spec.items():
        columns = [row[name] for row in rows]
        if shape[:1] != (None,):
            batch[name] = np.stack(columns)
            continue
        longest = max(1, *(len(column) for column in columns))
        whole: NDArray[Any] = np.full((len(rows), longest, *columns[0].shape[1:]), pad, dtype)
        for i, column in enumerate(columns):
            whole[i, : len(column)] = column
        batch[name] = whole
    return batch


def _shown(shape: tuple[int | None, ...]) -> str:
    return f"({', '.join('any' if n is None else str(n) for n in shape)}{',' if len(shape) == 1 else ''})"
