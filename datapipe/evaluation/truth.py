"""What there is to find: a split's objects, and the places that are neither found nor missed."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from datapipe.dataset import Dataset

IGNORE = ("crowd", "difficult")
"""Objects that are neither found nor missed."""


class Truth(NamedTuple):
    """One picture's N objects and places.

    xyxy:     (N, 4) px
    class_id: (N,); -1 for a place of unknown class
    ignore:   (N,) neither found nor missed
    crowd:    (N,) may be found any number of times
    area:     (N,) px², of the mask where the source has one
    """

    xyxy: NDArray[np.float64]
    class_id: NDArray[np.int64]
    ignore: NDArray[np.bool_]
    crowd: NDArray[np.bool_]
    area: NDArray[np.float64]


def truth_of(dataset: Dataset, chosen: NDArray[np.int64]) -> list[Truth]:
    """From the object table; left-out places stand only in the records, which few pictures have."""
    columns = dataset.objects
    order = np.argsort(columns["image"], kind="stable")
    bounds = np.searchsorted(columns["image"][order], [chosen, chosen + 1])
    corners = np.stack([columns[side] for side in ("xmin", "ymin", "xmax", "ymax")], axis=1)
    truth = []
    for i, start, stop in zip(chosen, *bounds, strict=True):
        rows = order[start:stop]
        one = Truth(
            corners[rows].astype(np.float64),
            columns["class_id"][rows].astype(np.int64),
            np.logical_or.reduce([columns[flag][rows] for flag in IGNORE]),
            columns["crowd"][rows].astype(np.bool_),
            columns["area"][rows].astype(np.float64),
        )
        if dataset.images["left_out"][i]:
            record, _ = dataset[int(i)]
            places = record.left_out_xyxy.astype(np.float64)
            n = len(places)
            one = Truth(
                np.concatenate([one.xyxy, places]),
                np.concatenate([one.class_id, np.full(n, -1)]),
                np.concatenate([one.ignore, np.ones(n, np.bool_)]),
                np.concatenate([one.crowd, np.zeros(n, np.bool_)]),
                np.concatenate([one.area, np.prod(places[:, 2:] - places[:, :2], axis=1)]),
            )
        truth.append(one)
    return truth
