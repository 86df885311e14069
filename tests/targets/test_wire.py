"""Fields are announced, checked and padded."""

from __future__ import annotations

import numpy as np
import pytest

from datapipe.objects import Objects
from datapipe.targets import Field, MobileNetSSD, Raw, RetinaNet, YoloV4, collate

SPEC = {
    "anchor": Field(np.dtype(np.int32), (None,), -1),
    "box": Field(np.dtype(np.float32), (None, 4)),
    "collisions": Field(np.dtype(np.int32), ()),
}


def row(count: int, **other: np.ndarray) -> dict[str, np.ndarray]:
    plain = {
        "anchor": np.arange(count, dtype=np.int32),
        "box": np.ones((count, 4), np.float32),
        "collisions": np.array(count, np.int32),
    }
    return plain | other


def test_ragged_axes_are_padded_to_the_longest_of_the_batch():
    batch = collate(SPEC, [row(2), row(0), row(3)])
    assert batch["anchor"].tolist() == [[0, 1, -1], [-1, -1, -1], [0, 1, 2]]
    assert batch["box"][:, :, 0].tolist() == [[1, 1, 0], [0, 0, 0], [1, 1, 1]]
    assert batch["collisions"].tolist() == [2, 0, 3]
    assert {name: batch[name].dtype for name in SPEC} == {name: field.dtype for name, field in SPEC.items()}


def test_a_batch_of_backgrounds_has_one_row_of_padding():
    batch = collate(SPEC, [row(0), row(0)])
    assert (batch["anchor"].tolist(), batch["box"].shape) == ([[-1], [-1]], (2, 1, 4))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (row(1, anchor=np.zeros(1, np.int64)), "anchor: dtype int64, want int32"),
        (row(1, box=np.zeros((1, 5), np.float32)), r"box: shape \(1, 5\), want \(any, 4\)"),
        (row(1, box=np.zeros(4, np.float32)), r"box: shape \(4,\), want \(any, 4\)"),
        (row(1, collisions=np.zeros(1, np.int32)), r"collisions: shape \(1,\), want \(\)"),
        (row(1, other=np.zeros(1)), r"other: not in spec\(\)"),
        ({"anchor": np.zeros(1, np.int32)}, "box: absent from the sample"),
    ],
)
def test_another_dtype_or_shape_is_refused_by_name(wrong, message):
    with pytest.raises(ValueError, match=message):
        collate(SPEC, [row(1), wrong])


@pytest.mark.parametrize("encoder", [RetinaNet(), MobileNetSSD(), YoloV4(), Raw(), Raw(pad_to=4)])
def test_every_encoder_makes_a_batch_of_full_and_empty_pictures_and_any_shape(encoder):
    full = Objects.of([[10, 10, 50, 60], [30, 20, 90, 90]], [0, 1])
    none = Objects.of(np.zeros((0, 4)), [])
    rows = [encoder.encode(full, (96, 160)), encoder.encode(none, (128, 64)), encoder.encode(full, (100, 75))]
    batch = collate(encoder.spec(), rows)
    assert all(len(column) == 3 for column in batch.values())
    names = {"raw_weight", "weight"} & batch.keys()
    assert all((batch[name][1] == 0).all() and batch[name][0].any() for name in names)
