"""Classes: how many of each, how far apart, and which stand together in a picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datapipe.stats.columns import Columns, following
from datapipe.stats.sizes import Measures, Sizes, sizes

BETA = 0.999
"""Overlap of samples in the effective number (Cui et al. 2019, arXiv:1901.05555, section 3.2)."""


@dataclass(frozen=True)
class ClassPart:
    """One class in one part of a dataset.

    objects:     all of the class, ignored ones among them
    images:      pictures that show at least one
    ignored:     crowd or difficult: neither positives nor background by default
    overlapping: objects that overlap another of the class by IoU > 0.5
    effective_number: (1 - 0.999^objects) / 0.001: what many objects are worth beside few
    """

    name: str
    objects: int
    images: int
    ignored: int
    crowd: int
    difficult: int
    truncated: int
    overlapping: int
    effective_number: float
    sizes: Sizes

    def to_json(self) -> dict[str, Any]:
        """Counts and sizes; the name is the key it stands under."""
        counts = {name: value for name, value in vars(self).items() if name not in ("name", "sizes")}
        return counts | {"effective_number": round(self.effective_number, 3)} | self.sizes.to_json()


@dataclass(frozen=True)
class Imbalance:
    """How uneven the classes are, over those that have objects; ratios are None if no class has any.

    ratio:           objects of the most frequent class / of the rarest
    effective_ratio: the same with effective numbers
    absent:          classes without objects
    """

    most: str | None
    least: str | None
    ratio: float | None
    effective_ratio: float | None
    absent: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The fields."""
        ratios = {
            name: None if value is None else round(value, 4)
            for name, value in (("ratio", self.ratio), ("effective_ratio", self.effective_ratio))
        }
        return {"most": self.most, "least": self.least, **ratios, "absent": list(self.absent)}


@dataclass(frozen=True, eq=False)
class Together:
    """Which classes share pictures.

    pairs: (P, 3) int64 rows (class a, class b, images showing both), a < b, only where images > 0;
           the diagonal, images showing a class at all, is `ClassPart.images`
    """

    pairs: NDArray[np.int64]

    def matrix(self, images: NDArray[np.int64]) -> NDArray[np.int64]:
        """The symmetric (C, C) matrix with images (C,) of each class on its diagonal."""
        made = np.diag(images)
        a, b, n = self.pairs.T
        made[a, b] = made[b, a] = n
        return made


def class_parts(columns: Columns, measures: Measures, partners: NDArray[np.int64]) -> tuple[ClassPart, ...]:
    """Every class, in the dataset's order, also those without objects."""
    order = np.argsort(columns.class_id, kind="stable")
    ends = np.searchsorted(columns.class_id[order], np.arange(len(columns.classes) + 1))
    images = images_of_classes(columns)
    parts = []
    for i, name in enumerate(columns.classes):
        rows = order[ends[i] : ends[i + 1]]
        parts.append(
            ClassPart(
                name=name,
                objects=len(rows),
                images=int(images[i]),
                ignored=int(columns.ignored[rows].sum()),
                crowd=int(columns.crowd[rows].sum()),
                difficult=int(columns.difficult[rows].sum()),
                truncated=int(columns.truncated[rows].sum()),
                overlapping=int((partners[rows] > 0).sum()),
                effective_number=effective_number(len(rows)),
                sizes=sizes(measures[rows]),
            )
        )
    return tuple(parts)


def effective_number(n: int, beta: float = BETA) -> float:
    """Effective number of n samples, (1 - beta^n) / (1 - beta). Example: 1 is 1, 1000 is 632.3."""
    return float((1 - beta**n) / (1 - beta))


def imbalance(parts: tuple[ClassPart, ...]) -> Imbalance:
    """Compare the classes' counts."""
    absent = tuple(part.name for part in parts if not part.objects)
    present = [part for part in parts if part.objects]
    if not present:
        return Imbalance(None, None, None, None, absent)
    most, least = max(present, key=lambda p: p.objects), min(present, key=lambda p: p.objects)
    return Imbalance(
        most=most.name,
        least=least.name,
        ratio=most.objects / least.objects,
        effective_ratio=most.effective_number / least.effective_number,
        absent=absent,
    )


def images_of_classes(columns: Columns) -> NDArray[np.int64]:
    """(C,) number of images that show each class."""
    shown = _shown(columns) % max(1, len(columns.classes))
    return np.bincount(shown, minlength=len(columns.classes))


def together(columns: Columns) -> Together:
    """Count the images in which two classes appear together."""
    wide = max(1, len(columns.classes))
    shown = _shown(columns)
    image, class_id = shown // wide, shown % wide
    later = np.searchsorted(image, image, side="right") - np.arange(len(image)) - 1
    codes, counts = np.zeros(0, np.int64), np.zeros(0, np.int64)
    for a, b in following(later):
        fresh, n = np.unique(class_id[a] * wide + class_id[b], return_counts=True)
        codes, place = np.unique(np.concatenate([codes, fresh]), return_inverse=True)
        weights = np.concatenate([counts, n]).astype(np.float64)
        counts = np.bincount(place, weights).astype(np.int64)
    return Together(np.stack([codes // wide, codes % wide, counts], axis=-1))


def _shown(columns: Columns) -> NDArray[np.int64]:
    """Sorted codes image * C + class of what each image shows."""
    codes = np.sort(columns.image * len(columns.classes) + columns.class_id)
    return codes[np.diff(codes, prepend=-1) > 0]
