"""AP: perfect is 1, ignored places count for nothing, and both toolkits' numbers come out."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from make import make_coco, make_image, make_picture

import datapipe
from datapipe.dataset import Dataset
from datapipe.errors import InputError
from datapipe.evaluation import Detections, Evaluation, category_ids, evaluate, to_original, voc_ap
from datapipe.ingest import IngestOptions, ingest

BOX = (4, 4, 20, 12)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Four pictures: one dog, two cars, a crowd of dogs beside a dog, nothing."""
    folder = tmp_path_factory.mktemp("evaluated")
    images = [
        make_image("a.jpg", (*BOX, 0)),
        make_image("b.jpg", (2, 2, 10, 10, 1), (20, 10, 15, 15, 1)),
        make_image("c.jpg", (1, 1, 9, 9, 0)),
        make_image("d.jpg"),
    ]
    source = make_coco(folder / "source", images)
    document = json.loads((source / "annotations.json").read_text())
    crowd = {"id": 99, "image_id": 3, "category_id": 1, "bbox": [14, 4, 24, 24], "area": 576, "iscrowd": 1}
    document["annotations"].append(crowd)
    for row in document["annotations"]:
        row["category_id"] *= 10
    for row in document["categories"]:
        row["id"] *= 10
    (source / "annotations.json").write_text(json.dumps(document))
    ingest([source], folder / "out", IngestOptions(split="val=1"))
    return Dataset(folder / "out")


def truth_as_detections(dataset: Dataset) -> dict[str, Detections]:
    found = {}
    for record, _ in dataset:
        real = ~record.crowd
        found[record.image_id] = Detections(
            record.xyxy[real], np.linspace(0.9, 0.5, real.sum()), record.class_id[real]
        )
    return found


def test_perfect_predictions_have_ap_one(dataset: Dataset):
    made = evaluate(dataset, "val", truth_as_detections(dataset), voc="area")
    assert (made.ap, made.ap50, made.recall, made.voc_ap50) == (1, 1, 1, 1)
    assert (made.images, made.objects, made.ignored, made.detections) == (4, 4, 1, 4)
    assert made.by_class["dog"] == {"ap": 1, "ap50": 1}
    assert np.isnan(made.by_class["été"]["ap"])


def test_the_public_name_is_the_same_function(dataset: Dataset):
    assert datapipe.evaluate is evaluate


def test_any_number_of_detections_in_a_crowd_count_for_nothing(dataset: Dataset):
    found = truth_as_detections(dataset)
    inside = np.array([[15, 5, 20, 12], [20, 6, 30, 20], [16, 8, 36, 26]], np.float64)
    three = found["3"]
    found["3"] = Detections(
        np.concatenate([inside, three.xyxy]), np.array([0.99, 0.98, 0.97, 0.9]), np.zeros(4, np.int64)
    )
    assert evaluate(dataset, "val", found).ap == 1


def test_a_detection_on_nothing_lowers_ap(dataset: Dataset):
    found = truth_as_detections(dataset)
    found["4"] = Detections(np.array([[1.0, 1, 9, 9]]), np.array([0.99]), np.array([0]))
    made = evaluate(dataset, "val", found)
    assert made.by_class["dog"]["ap50"] == pytest.approx(2 / 3, abs=0.01)
    assert made.by_class["car"]["ap50"] == 1


def test_a_difficult_object_excuses_one_detection_by_iou(tmp_path: Path):
    """COCOeval would take it for a crowd, and excuse every detection inside it."""
    (tmp_path / "voc" / "Annotations").mkdir(parents=True)
    (tmp_path / "voc" / "JPEGImages").mkdir()
    (tmp_path / "voc" / "JPEGImages" / "a.jpg").write_bytes(make_picture((100, 100)))
    objects = "".join(
        f"<object><name>dog</name><difficult>{hard}</difficult><bndbox><xmin>{x + 1}</xmin><ymin>1</ymin>"
        f"<xmax>{x + 40}</xmax><ymax>40</ymax></bndbox></object>"
        for hard, x in ((0, 0), (1, 50))
    )
    size = "<size><width>100</width><height>100</height><depth>3</depth></size>"
    (tmp_path / "voc" / "Annotations" / "a.xml").write_text(
        f"<annotation><filename>a.jpg</filename>{size}{objects}</annotation>"
    )
    ingest([tmp_path / "voc"], tmp_path / "out", IngestOptions(split="val=1"))
    dataset = Dataset(tmp_path / "out")
    image_id = str(dataset.images["image_id"][0])
    easy, hard, small = [0, 0, 40, 40], [50, 0, 90, 40], [60, 10, 70, 20]

    def ap(*boxes: list[int]) -> float:
        score = np.linspace(0.9, 0.1, len(boxes))
        found = {image_id: Detections(np.array(boxes, float), score, np.zeros(len(boxes), int))}
        return evaluate(dataset, "val", found).ap50

    assert ap(hard, easy) == pytest.approx(1)
    assert ap(small, easy) == pytest.approx(0.5, abs=0.01), "a small box inside a difficult one is wrong"
    assert ap(hard, hard, easy) == pytest.approx(0.5, abs=0.01), "one detection is excused, not two"


def test_coco_results_are_read_by_the_source_s_category_ids(dataset: Dataset, tmp_path: Path):
    assert category_ids(dataset) == {"10": 0, "20": 1, "30": 2}
    rows = [
        {"image_id": int(image_id), "category_id": 10 * (int(c) + 1), "score": float(s)}
        | {"bbox": [*map(float, box[:2]), float(box[2] - box[0]), float(box[3] - box[1])]}
        for image_id, found in truth_as_detections(dataset).items()
        for box, s, c in zip(*found, strict=True)
    ]
    (tmp_path / "results.json").write_text(json.dumps(rows))
    assert evaluate(dataset, "val", tmp_path / "results.json").ap == 1
    assert evaluate(dataset, "val", rows).ap == 1


@pytest.mark.parametrize(
    "rows, message",
    [
        ([{"image_id": 1, "category_id": 1, "score": 1}], r"predictions\[0\]: want image_id, .*'bbox'"),
        ([{"image_id": 1, "category_id": 9, "score": 1, "bbox": [0, 0, 1, 1]}], "category_id 9 is none of"),
        ([{"image_id": 77, "category_id": 10, "score": 1, "bbox": [0, 0, 1, 1]}], "image '77' is not in"),
        ({"1": Detections(np.zeros((1, 4)), np.zeros(2), np.zeros(1))}, "1 boxes, 2 scores, 1 classes"),
        ({"1": Detections(np.zeros((1, 4)), np.zeros(1), np.full(1, 3))}, "class 3 of 3"),
        ({"1": Detections(np.full((1, 4), np.nan), np.zeros(1), np.zeros(1))}, "no number"),
    ],
)
def test_bad_predictions_are_refused_in_one_line(dataset: Dataset, rows, message: str):
    with pytest.raises(InputError, match=message):
        evaluate(dataset, "val", rows)


def test_nothing_predicted_is_ap_zero_and_json_has_no_nan(dataset: Dataset):
    made = evaluate(dataset, "val", {})
    assert (made.ap, made.recall) == (0, 0)
    assert json.loads(json.dumps(made.to_json(), allow_nan=False))["by_class"]["été"]["ap"] is None
    assert isinstance(made, Evaluation)


def test_boxes_on_a_canvas_go_back_to_the_picture():
    matrix = np.array([[0.5, 0, 0], [0, 0.5, 40], [0, 0, 1]])
    assert to_original(np.array([[32.0, 64, 64, 88]]), matrix, (640, 480)).tolist() == [[64, 48, 128, 96]]
    assert to_original(np.array([[-9.0, 0, 400, 400]]), matrix, (640, 480)).tolist() == [[0, 0, 640, 480]]


def test_voc_ap_of_the_worked_example():
    xyxy = np.array([[0.0, 0, 10, 10], [50, 0, 60, 10]])
    detected = np.array([[0.0, 0, 10, 10], [20, 0, 30, 10], [50, 0, 60, 10]])
    picture = [(xyxy, np.zeros(2, bool), detected, np.array([0.9, 0.8, 0.7]))]
    assert voc_ap.average_precision(picture, "area") == pytest.approx(5 / 6)
    assert voc_ap.average_precision(picture, "11-point") == pytest.approx((6 * 1 + 5 * 2 / 3) / 11)


@given(st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_voc_area_agrees_with_a_plain_sum_over_right_detections(seed: int):
    """AP = mean over objects of the best precision at or after the detection that found it."""
    rng = np.random.default_rng(seed)
    objects = rng.integers(1, 6)
    xyxy = np.array([[20.0 * i, 0, 20 * i + 10, 10] for i in range(objects)])
    which = rng.integers(0, objects + 3, rng.integers(1, 12))
    detected = np.array([[20.0 * i, 0, 20 * i + 10, 10] for i in which])
    score = rng.permutation(len(which)) / 100
    order, taken, right = np.argsort(-score), set(), []
    for i in which[order]:
        right.append(i < objects and i not in taken)
        taken.add(i)
    precision = np.cumsum(right) / np.arange(1, len(right) + 1)
    expected = sum(precision[i:].max() for i in np.flatnonzero(right)) / objects
    picture = [(xyxy, np.zeros(objects, bool), detected, score)]
    assert voc_ap.average_precision(picture, "area") == pytest.approx(expected)
