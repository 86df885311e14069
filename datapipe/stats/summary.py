"""Everything about a dataset in numbers: as a whole and split by split."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from datapipe.dataset import Dataset
from datapipe.errors import UsageError, did_you_mean
from datapipe.progress import Progress, silent
from datapipe.stats import classes, overlap, pictures, sizes
from datapipe.stats.classes import ClassPart, Imbalance, Together
from datapipe.stats.columns import Columns, read_columns
from datapipe.stats.overlap import Overlap
from datapipe.stats.pictures import ImageSizes, Maps, PerImage
from datapipe.stats.sizes import Resize, Sizes

SIZES_LISTED = 20
"""Distinct picture sizes that `to_json` lists, the most frequent ones."""


@dataclass(frozen=True, eq=False)
class Part:
    """A dataset, or one split of it, in numbers.

    Every count of objects holds ignored ones too, but for `overlap`.

    ignored:  crowd or difficult
    left_out: places in the pictures whose annotation could not be used; they are no objects, nor background
    images_left_out: pictures with such places
    """

    images: int
    objects: int
    ignored: int
    crowd: int
    difficult: int
    truncated: int
    left_out: int
    images_left_out: int
    sizes: Sizes
    classes: tuple[ClassPart, ...]
    imbalance: Imbalance
    together: Together
    overlap: Overlap
    per_image: PerImage
    image_sizes: ImageSizes
    maps: Maps

    def share(self, objects: int) -> float:
        """A number of objects as a share of all; 0 if there are none."""
        return objects / self.objects if self.objects else 0.0

    def to_json(self) -> dict[str, Any]:
        """Plain values for JSON; classes are keyed by name."""
        flags = {name: getattr(self, name) for name in ("ignored", "crowd", "difficult", "truncated")}
        held, seen = self.per_image, self.image_sizes
        return {
            "images": self.images,
            "objects": self.objects,
            "classes": {part.name: part.to_json() for part in self.classes},
            **self.sizes.to_json(),
            **flags,
            "shares": {name: round(self.share(n), 6) for name, n in flags.items()},
            "left_out": {"regions": self.left_out, "images": self.images_left_out},
            "imbalance": self.imbalance.to_json(),
            "objects_per_image": {
                "mean": round(held.mean, 4),
                "max": held.most,
                "empty_images": held.empty,
                "percentiles": sizes.percentiles(held.spread),
                "histogram": held.histogram.tolist(),
            },
            "image_sizes": {
                "distinct": len(seen.distinct),
                "most_frequent": seen.distinct[:SIZES_LISTED].tolist(),
                "width": sizes.percentiles(seen.width),
                "height": sizes.percentiles(seen.height),
                "aspect": sizes.percentiles(seen.aspect),
            },
            "co_occurrence": self.together.pairs.tolist(),
            "overlap": asdict(self.overlap)
            | {"iou_above": overlap.THRESHOLD, "share": round(self.overlap.share, 6)},
            **self.maps.to_json(),
        }


@dataclass(frozen=True, eq=False)
class Statistics:
    """What `datapipe stats` tells.

    input_hw: height and width of the network's input in px
    resize:   how pictures get there
    split:    the one split looked at, None for all
    whole:    everything looked at
    splits:   the same by split, train, val, test first
    """

    input_hw: tuple[int, int]
    resize: Resize
    split: str | None
    whole: Part
    splits: Mapping[str, Part]

    def to_json(self) -> dict[str, Any]:
        """What `datapipe stats --json` prints.

        images, objects, classes {name: counts and sizes}, sizes {original | input: {small, medium, large}}
        and the rest of `Part.to_json` for the whole; the same under splits.NAME. co_occurrence lists
        [class a, class b, images with both] by class number; image_sizes.most_frequent lists [width, height,
        images].
        """
        return {
            "input_hw": list(self.input_hw),
            "resize": self.resize,
            "split": self.split,
            **self.whole.to_json(),
            "splits": {name: part.to_json() for name, part in self.splits.items()},
        }


def summarize(
    dataset: Dataset,
    *,
    split: str | None = None,
    input_size: int | tuple[int, int] = 608,
    resize: Resize = "letterbox",
    progress: Progress = silent,
) -> Statistics:
    """Summarize a dataset from its object table, overlays applied.

    Args:
        dataset: the dataset.
        split: only this split.
        input_size: side, or height and width, of the network's input in px.
        resize: how pictures are brought to it.
        progress: who wants to know.

    Raises:
        UsageError: no such split or resize, or an input size below 1 px.
        InputError: the object table cannot be read.
    """
    hw = (input_size, input_size) if isinstance(input_size, int) else input_size
    _check(hw, resize)
    parts = {split: dataset.split(split)} if split is not None else dataset.splits
    with progress("reading the object table", None, "objects"):
        columns = read_columns(dataset)
    return summarize_columns(columns, parts, hw, resize, split=split, progress=progress)


def summarize_columns(
    columns: Columns,
    splits: Mapping[str, NDArray[np.int64]],
    input_hw: tuple[int, int],
    resize: Resize,
    *,
    split: str | None = None,
    progress: Progress = silent,
) -> Statistics:
    """Summarize columns.

    Args:
        columns: images and objects.
        splits: name -> rows of its images, ascending; images in no split are not looked at.
        input_hw: height and width of the network's input in px.
        resize: how pictures are brought to it.
        split: the one split looked at, None for all.
        progress: who wants to know.
    """
    looked_at = np.sort(np.concatenate([np.zeros(0, np.int64), *splits.values()]))
    if len(looked_at) < len(columns.image_wh):
        places = {name: np.searchsorted(looked_at, rows) for name, rows in splits.items()}
        columns = columns.select(looked_at)[0]
    else:
        places = dict(splits)
    with progress("counting objects", (2 + len(places)) * len(columns), "objects") as advance:
        close = overlap.partners(columns)
        advance(len(columns))
        whole = _part(columns, close, input_hw, resize)
        advance(len(columns))
        parts = {}
        for name, images in places.items():
            chosen, rows = columns.select(images)
            alone = len(images) == len(columns.image_wh)
            parts[name] = whole if alone else _part(chosen, close[rows], input_hw, resize)
            advance(len(columns))
    return Statistics(input_hw, resize, split, whole, parts)


def _part(columns: Columns, partners: NDArray[np.int64], hw: tuple[int, int], resize: Resize) -> Part:
    scale = sizes.factors(columns.image_wh, hw, resize)[columns.image]
    measures = sizes.measure(columns.wh, columns.area, scale)
    by_class = classes.class_parts(columns, measures, partners)
    return Part(
        images=len(columns.image_wh),
        objects=len(columns),
        ignored=int(columns.ignored.sum()),
        crowd=int(columns.crowd.sum()),
        difficult=int(columns.difficult.sum()),
        truncated=int(columns.truncated.sum()),
        left_out=int(columns.left_out.sum()),
        images_left_out=int((columns.left_out > 0).sum()),
        sizes=sizes.sizes(measures),
        classes=by_class,
        imbalance=classes.imbalance(by_class),
        together=classes.together(columns),
        overlap=overlap.overlap(columns, partners),
        per_image=pictures.per_image(columns),
        image_sizes=pictures.image_sizes(columns),
        maps=pictures.maps(columns, measures),
    )


def _check(hw: tuple[int, int], resize: str) -> None:
    if len(hw) != 2 or min(hw) < 1:
        raise UsageError(f"input size {hw}: give a side, or height and width, of at least 1 px")
    if resize not in get_args(Resize):
        raise UsageError(f"no resize {resize!r}: {did_you_mean(resize, get_args(Resize))}")
