"""Sparse rows against the whole table, on random pictures full of ties, borders and ignore regions."""

from __future__ import annotations

import dense
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datapipe import boxes
from datapipe.objects import Objects
from datapipe.targets import MobileNetSSD, RetinaNet, YoloV4
from datapipe.targets.decode import decode
from datapipe.targets.layout import layout
from datapipe.targets.wire import check

SPECS = {
    "keras-retinanet": RetinaNet(),
    "retinanet ties": RetinaNet(low_quality=True),
    "torchvision": RetinaNet.torchvision(),
    "detectron2": RetinaNet.detectron2(),
    "tf_object_detection": RetinaNet.tf_object_detection(),
    "model_garden": RetinaNet.model_garden(),
    "large anchors": RetinaNet(
        sizes=(96, 128), strides=(8, 16), scales=(1.0,), ratios=(0.5, 1.0), low_quality=True
    ),
    "ssd": MobileNetSSD(),
    "ssd tf": MobileNetSSD.tf_object_detection(),
    "ssdlite torchvision": MobileNetSSD.torchvision_ssdlite(),
    "ssd few priors": MobileNetSSD(levels=2, ratios=(1.0,)),
    "yolov4": YoloV4(),
    "yolov4 port": YoloV4.tf2_port(),
    "yolov4 tiny": YoloV4(anchors_wh=((10, 14), (23, 27), (37, 58), (81, 82)), strides=(16, 32)),
}


@st.composite
def pictures(draw, most: int = 8) -> tuple[tuple[int, int], Objects]:
    """Objects on a canvas: some on a lattice (ties), some equal, some over the border, some ignored."""
    hw = draw(st.sampled_from([(64, 64), (96, 160), (128, 96), (100, 130), (192, 128)]))
    count = draw(st.integers(0, most))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    lattice = draw(st.sampled_from([0.0, 1.0, 4.0, 8.0, 16.0]))
    sides = np.array(hw[::-1])
    wh = np.exp(rng.uniform(np.log(2), np.log(1.2 * max(hw)), (count, 2)))
    centre = rng.uniform(-0.05, 1.05, (count, 2)) * sides
    corners = np.concatenate([centre - wh / 2, centre + wh / 2], axis=1)
    if lattice:
        corners = np.round(corners / lattice) * lattice
    if draw(st.booleans()):
        corners = corners.clip(0, np.tile(sides, 2))
    corners[:, 2:] = np.maximum(corners[:, 2:], corners[:, :2] + max(lattice, 0.5))
    if draw(st.booleans()):
        corners = corners[rng.integers(0, max(count, 1), count)]  # some objects twice
    ignore = rng.random(count) < draw(st.sampled_from([0.0, 0.0, 0.3, 1.0]))
    crowd = rng.random(count) < 0.5
    objects = Objects.of(
        corners,
        np.where(ignore, -1, rng.integers(0, 5, count)),
        ignore=ignore,
        crowd=crowd,
        weight=rng.random(count).astype(np.float32),
    )
    return hw, objects


def agree(spec, objects: Objects, hw: tuple[int, int]) -> None:
    """Hold the rows of `encode` against the table, anchor by anchor, with no tolerance at all."""
    row = spec.encode(objects, hw)
    check(spec.spec(), row)
    want = (dense.yolov4 if isinstance(spec, YoloV4) else dense.on_grid)(spec, objects, hw)
    state, owner = np.zeros(len(want.state), int), np.full(len(want.state), -1)
    state[row["anchor"]] = row["state"]
    owner[row["anchor"]] = row["object"]
    assert len(np.unique(row["anchor"])) == len(row["anchor"])
    assert len(state) == spec.anchor_count(hw)
    assert np.array_equal(state, want.state)
    assert np.array_equal(owner, want.owner)
    taught = row["state"] == 1
    rows = row["object"][taught]
    assert np.array_equal(row["class_id"][taught], objects.class_id[rows])
    assert np.array_equal(row["weight"][taught], objects.weight[rows])
    for name, nothing in (("object", -1), ("class_id", -1), ("box", 0), ("weight", 0)):
        assert (row[name][~taught] == nothing).all()
    assert np.array_equal(row["raw_xyxy"], objects.xyxy)
    assert np.array_equal(row["raw_ignore"], objects.ignore)
    if isinstance(spec, YoloV4):
        assert int(row["collisions"]) == want.collisions
        back = boxes.from_cxcywh(row["box"][taught].astype(np.float64))
    else:
        back = decode(spec.code(), layout(spec, hw).xyxy(row["anchor"][taught]), row["box"][taught])
    assert np.abs(back - objects.xyxy[rows]).max(initial=0) < 1e-3


@pytest.mark.parametrize("name", SPECS)
@settings(max_examples=100)
@given(pictures())
def test_rows_are_those_of_the_whole_table(name, picture):
    hw, objects = picture
    agree(SPECS[name], objects, hw)


@pytest.mark.slow
@pytest.mark.parametrize("name", SPECS)
@settings(max_examples=400)
@given(pictures(most=12))
def test_rows_are_those_of_the_whole_table_thousands_of_times(name, picture):
    hw, objects = picture
    agree(SPECS[name], objects, hw)


@pytest.mark.parametrize("name", SPECS)
def test_a_hundred_objects(name):
    rng = np.random.default_rng(3)
    corner = rng.integers(0, 20, (100, 2)) * 8.0
    xyxy = np.concatenate([corner, corner + rng.integers(1, 12, (100, 2)) * 4.0], axis=1)
    ignore = rng.random(100) < 0.1
    objects = Objects.of(xyxy, rng.integers(0, 3, 100), ignore=ignore, crowd=rng.random(100) < 0.3)
    agree(SPECS[name], objects, (192, 224))


@pytest.mark.parametrize("name", SPECS)
def test_many_objects_in_one_place(name):
    agree(SPECS[name], Objects.of([[30, 30, 62, 62]] * 30, np.arange(30)), (96, 96))


@pytest.mark.parametrize("name", SPECS)
def test_no_objects_no_rows(name):
    row = SPECS[name].encode(Objects.of(np.zeros((0, 4)), []), (96, 128))
    check(SPECS[name].spec(), row)
    assert all(len(column) == 0 for column in row.values() if column.ndim)


def test_the_tables_iou_is_the_iou_of_the_corners():
    rng = np.random.default_rng(4)
    corner = rng.random((30, 2)) * 100
    xyxy = np.concatenate([corner, corner + rng.random((30, 2)) * 90 + 1], axis=1)
    for spec in (RetinaNet.torchvision(), MobileNetSSD(), YoloV4()):
        table = dense.iou_table(*dense.every_anchor(spec, (96, 128)), xyxy)
        assert table == pytest.approx(boxes.iou(spec.anchors((96, 128)), xyxy), abs=1e-12)
