"""The same pictures annotated as COCO, VOC and YOLO are one dataset: every off-by-one of a convention shows.

YOLO prints fractions with six decimals; that is all the difference there may be.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mini import FORMATS, draw

from datapipe.dataset import Dataset
from datapipe.ingest import ingest
from datapipe.records import ImageRecord

SAMPLES = Path(__file__).parents[1] / "sample_data"
NAMES = ("coco", "voc", "yolo")
DECIMALS = 0.5e-6 * 2
"""Greatest error of a corner as a fraction: half a digit of the centre and of half the size, rounded up."""


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Dataset]:
    folder = tmp_path_factory.mktemp("samples")
    for name in NAMES:
        ingest([SAMPLES / name], folder / name)
    return {name: Dataset(folder / name) for name in NAMES}


def by_name(dataset: Dataset) -> dict[str, ImageRecord]:
    """Records by their picture's name; a picture is there once."""
    records = {record.filename: record for record, _ in dataset}
    assert len(records) == len(dataset)
    return records


def splits(dataset: Dataset) -> dict[str, set[str]]:
    """Names of the pictures of each split."""
    return {split: {dataset[i][0].filename for i in rows} for split, rows in dataset.splits.items()}


def class_names(dataset: Dataset, record: ImageRecord) -> list[str]:
    """Classes by name: VOC numbers them by name, the others as they declare them."""
    return [dataset.classes[i] for i in record.class_id]


def assert_equal(a: Dataset, b: Dataset, decimals: float) -> None:
    """The same pictures, bytes, sizes, splits, classes and boxes, object by object in the same order."""
    ours, theirs = by_name(a), by_name(b)
    assert sorted(ours) == sorted(theirs)
    assert splits(a) == splits(b)
    for name, one in ours.items():
        other = theirs[name]
        assert (one.wh, one.format, one.sha256) == (other.wh, other.format, other.sha256), name
        assert class_names(a, one) == class_names(b, other), name
        tolerance = decimals * np.array([*one.wh, *one.wh]) + 1e-4 * (decimals > 0)
        apart = np.abs(one.xyxy.astype(np.float64) - other.xyxy)
        assert (apart <= tolerance).all(), f"{name}: {one.xyxy.tolist()} and {other.xyxy.tolist()}"
        assert (one.left_out_code, other.left_out_code) == ((), ())


def test_coco_and_voc_samples_are_equal_to_the_last_bit(samples: dict[str, Dataset]) -> None:
    assert_equal(samples["coco"], samples["voc"], decimals=0)


def test_coco_and_yolo_samples_are_equal_to_the_last_printed_digit(samples: dict[str, Dataset]) -> None:
    assert_equal(samples["coco"], samples["yolo"], decimals=DECIMALS)


def test_the_samples_have_the_same_classes_and_nothing_left_out(samples: dict[str, Dataset]) -> None:
    for name, dataset in samples.items():
        assert set(dataset.classes) == {"balloon", "bird", "boat", "kite"}, name
        account = dataset.manifest.account
        assert account["images"] == {"read": 64, "kept": 64, "left_out": 0}, name
        assert account["objects"] == {"read": 478, "kept": 478, "left_out": 0}, name


def test_the_samples_flags_agree_as_far_as_each_format_holds_them(samples: dict[str, Dataset]) -> None:
    coco, voc, yolo = (by_name(samples[name]) for name in NAMES)
    for name, record in coco.items():
        hard = record.crowd | record.difficult
        assert voc[name].difficult.tolist() == hard.tolist(), f"{name}: VOC has crowds as difficult"
        assert not voc[name].crowd.any() and not yolo[name].crowd.any()
        assert not yolo[name].difficult.any() and not yolo[name].truncated.any()
    assert sum(record.crowd.sum() for record in coco.values()) == 5
    assert sum(record.difficult.sum() for record in coco.values()) == 5
    assert sum(record.truncated.sum() for record in voc.values()) == 30


def test_boxes_of_the_samples_are_whole_pixels_of_their_json(samples: dict[str, Dataset]) -> None:
    """The oracle beside the readers: the annotations' own numbers, read with nothing but json."""
    records = by_name(samples["coco"])
    for split in ("train", "val"):
        document = json.loads((SAMPLES / f"coco/annotations/instances_{split}.json").read_text("utf-8"))
        names = {image["id"]: image["file_name"] for image in document["images"]}
        written: dict[str, list[list[float]]] = {name: [] for name in names.values()}
        for row in document["annotations"]:
            x, y, w, h = row["bbox"]
            written[names[row["image_id"]]].append([x, y, x + w, y + h])
        for name, boxes in written.items():
            np.testing.assert_allclose(records[name].xyxy, np.array(boxes).reshape(-1, 4), atol=1e-4)


@settings(max_examples=15, derandomize=True)
@given(st.integers(0, 1 << 32), st.integers(2, 6))
def test_any_dataset_written_in_all_three_formats_is_one_dataset(seed: int, count: int) -> None:
    agree(seed, count)


@pytest.mark.slow
@settings(max_examples=300)
@given(st.integers(0, 1 << 32), st.integers(2, 12))
def test_any_larger_dataset_written_in_all_three_formats_is_one_dataset(seed: int, count: int) -> None:
    agree(seed, count)


def agree(seed: int, count: int) -> None:
    """Write one drawing in every format, ingest each, compare."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        read = {}
        for name, kind in FORMATS.items():
            root = kind(draw(Random(seed), count)).write(Path(folder, name, "source"))
            ingest([root], Path(folder, name, "out"))
            read[name] = Dataset(Path(folder, name, "out"))
        assert_equal(read["coco"], read["voc"], decimals=0)
        assert_equal(read["coco"], read["yolo"], decimals=DECIMALS)
        assert_equal(read["yolo"], read["yolo list"], decimals=0)
        coco, voc = by_name(read["coco"]), by_name(read["voc"])
        for name, record in coco.items():
            assert record.difficult.tolist() == voc[name].difficult.tolist()
            assert record.truncated.tolist() == voc[name].truncated.tolist()
            assert record.area.tolist() == voc[name].area.tolist()
