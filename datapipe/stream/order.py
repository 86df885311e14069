"""Which picture stands at which position: a new permutation every epoch, repeat factors on request."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from datapipe.stream.chance import generator


class Order:
    """Positions 0, 1, ... of a stream and the pictures that are their primaries.

    Without repeat factors each picture stands exactly once in every epoch of `per_epoch` positions.
    """

    def __init__(
        self,
        numbers: NDArray[np.int64],
        seed: int,
        *,
        shuffled: bool = True,
        factors: NDArray[np.float64] | None = None,
    ) -> None:
        """Fix the order.

        Args:
            numbers: (n,) the split's pictures, by their numbers in the dataset.
            seed: of the stream.
            shuffled: a permutation per epoch; else the given order in each.
            factors: (n,) how often each picture is wanted in an epoch, at least 1; see `repeat_factors`.
        """
        self._numbers, self._seed, self._shuffled, self._factors = numbers, seed, shuffled, factors
        self.per_epoch = len(numbers) if factors is None else round(float(factors.sum()))
        self.epoch_pictures = lru_cache(3)(self._epoch_pictures)  # a window may span epochs

    def epoch(self, position: int) -> int:
        """The epoch a position belongs to."""
        return position // self.per_epoch

    def pictures(self, start: int, stop: int) -> list[int]:
        """Numbers of the primaries of positions start to stop - 1, across epochs."""
        found: list[int] = []
        while start < stop:
            epoch, first = divmod(start, self.per_epoch)
            last = min(first + stop - start, self.per_epoch)
            found += self.epoch_pictures(epoch)[first:last].tolist()
            start += last - first
        return found

    def _epoch_pictures(self, epoch: int) -> NDArray[np.int64]:
        pictures = self._numbers
        if self._factors is not None:
            offset = generator(self._seed, "repeats", epoch).random()
            pictures = np.repeat(pictures, repeats(self._factors, self.per_epoch, offset))
        return generator(self._seed, "order", epoch).permutation(pictures) if self._shuffled else pictures


def repeat_factors(
    images: int, image: NDArray[np.integer], class_id: NDArray[np.integer], threshold: float
) -> NDArray[np.float64]:
    """How often each picture is wanted, so that rare classes are seen more (LVIS, arXiv:1908.03195).

    A class on the share f of the pictures wants max(1, sqrt(threshold / f)); a picture what its rarest
    class wants. Example: threshold 0.01, a class on 1 of 400 pictures: sqrt(0.01 / 0.0025) = 2.

    Args:
        images: how many pictures.
        image: (M,) picture of each object, 0 to images - 1.
        class_id: (M,) its class.
        threshold: share of pictures below which a class is rare.

    Returns:
        (images,) at least 1.
    """
    pairs = np.unique(np.stack([np.asarray(class_id, np.int64), np.asarray(image, np.int64)]), axis=1)
    classes, row, count = np.unique(pairs[0], return_inverse=True, return_counts=True)
    wanted = np.maximum(1.0, np.sqrt(threshold * images / np.maximum(count, 1)))
    factors = np.ones(images)
    if len(classes):
        np.maximum.at(factors, pairs[1], wanted[row])
    return factors


def repeats(factors: NDArray[np.float64], total: int, offset: float) -> NDArray[np.int64]:
    """Whole numbers of copies: one each, and what is wanted beyond by systematic resampling.

    Args:
        factors: (n,) at least 1.
        total: the sum of the copies, at least n.
        offset: in [0, 1), by chance.

    Returns:
        (n,) each its factor, scaled to the total, rounded up or down. Example: factors (1.5, 1.5, 1), total
        4, offset 0.25: the sums of 0.5, 0.5, 0 with the offset are 0.75, 1.25, 1.25, so copies (1, 2, 1).
    """
    extra = total - len(factors)
    sums = np.cumsum(factors - 1)
    sums *= extra / sums[-1] if extra else 0.0
    sums[-1] = extra
    whole = np.minimum(np.floor(sums + offset), extra).astype(np.int64)  # an offset just below 1 rounds up
    whole[1:] -= whole[:-1].copy()
    return whole + 1


def distinct(numbers: Sequence[int]) -> list[int]:
    """Each number once, in order of first appearance."""
    return list(dict.fromkeys(numbers))
