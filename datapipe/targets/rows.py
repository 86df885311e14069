"""A detector's targets on the wire: one row per anchor that is not background."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from datapipe.objects import Objects
from datapipe.targets import raw
from datapipe.targets.grids import Ints
from datapipe.targets.wire import Arrays, Spec, field

POSITIVE, IGNORED = 1, -1
"""`state` of a row; 0 is padding, and every anchor without a row is background."""


def fields() -> Spec:
    """The fields of every detector.

    anchor:   (R,) flat number of the anchor, padded -1; positives ascending, then ignored ones ascending
    object:   (R,) row of the sample's raw boxes; -1 for an ignored anchor
    class_id: (R,) -1 for an ignored anchor
    state:    (R,) 1 positive, -1 ignored, padded 0; an anchor without a row is background
    box:      (R, 4) the target of the regression in the detector's code; zeros for an ignored anchor
    weight:   (R,) the object's weight; 0 for an ignored anchor
    raw_...:  all boxes of the picture, as `Raw` has them, in the objects' order
    """
    return {
        "anchor": field("int32", None, pad=-1),
        "object": field("int32", None, pad=-1),
        "class_id": field("int32", None, pad=-1),
        "state": field("int8", None),
        "box": field("float32", None, 4),
        "weight": field("float32", None),
    } | raw.fields(prefix="raw_")


def rows(objects: Objects, anchor: Ints, owner: Ints, box: NDArray[np.float32], ignored: Ints) -> Arrays:
    """The arrays of `fields`.

    Args:
        objects: of the picture.
        anchor: (P,) positives.
        owner: (P,) the object of each.
        box: (P, 4) encoded.
        ignored: (Q,) anchors.
    """
    taught, total = len(anchor), len(anchor) + len(ignored)

    def padded(column: NDArray[np.generic], fill: float, dtype: str) -> NDArray[np.generic]:
        whole = np.full((total, *column.shape[1:]), fill, dtype)
        whole[:taught] = column
        return whole

    state = np.full(total, IGNORED, np.int8)
    state[:taught] = POSITIVE
    return {
        "anchor": np.concatenate([anchor, ignored]).astype(np.int32),
        "object": padded(owner, -1, "int32"),
        "class_id": padded(objects.class_id[owner], -1, "int32"),
        "state": state,
        "box": padded(box, 0, "float32"),
        "weight": padded(objects.weight[owner], 0, "float32"),
    } | raw.columns(objects, prefix="raw_")
