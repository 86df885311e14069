"""Perfect predictions have AP 1: encoded, made dense, turned into logits, decoded, mapped back, compared.

The conditions: every object has a positive, no two in one place of one class, none beyond what decoding
keeps, crowds on neither side.
"""

from __future__ import annotations

import json

import numpy as np
import pytest
from make import make_coco, make_image
from perfect import CLASSES, batch_of, outputs, spec_of

from datapipe.augment.canvas import Input
from datapipe.augment.plan import Picture
from datapipe.dataset import Dataset
from datapipe.evaluation import Detections, evaluate, to_original
from datapipe.ingest import IngestOptions, ingest
from datapipe.objects import Objects
from datapipe.targets import RetinaNet

pytestmark = pytest.mark.xdist_group("tensorflow")
WH, TILE = (320, 240), 80


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Six pictures of twelve tiles: none to four of them with an object; the last has a crowd alone."""
    rng = np.random.default_rng(5)
    images = []
    for number in range(6):
        tiles = rng.permutation(12)[: number if number < 5 else 0]
        boxes = []
        for tile in tiles.tolist():
            corner = np.array([tile % 4, tile // 4]) * TILE
            low, wh = rng.uniform(1, 20, 2), rng.uniform(30, 55, 2)
            boxes.append((*(corner + low).round(2), *wh.round(2), int(rng.integers(CLASSES))))
        images.append(make_image(f"{number}.jpg", *boxes, wh=WH))
    folder = tmp_path_factory.mktemp("round")
    source = make_coco(folder / "source", images)
    document = json.loads((source / "annotations.json").read_text())
    crowd = {"id": 99, "image_id": 6, "category_id": 1, "bbox": [10, 10, 200, 150], "area": 9, "iscrowd": 1}
    document["annotations"].append(crowd)
    (source / "annotations.json").write_text(json.dumps(document))
    ingest([source], folder / "out", IngestOptions(split="val=1"))
    return Dataset(folder / "out")


def on_canvas(dataset: Dataset, hw: tuple[int, int]) -> tuple[list[Objects], list[np.ndarray]]:
    """Every picture's objects on the letterboxed canvas, and its matrix."""
    pictures, matrices = [], []
    for image in range(len(dataset)):
        record, _ = dataset[image]
        objects = record.objects()
        shown = Picture(image, record.wh, objects.xyxy, objects.ignore)
        matrix = Input(hw=hw).place(shown, hw).matrix
        corners = objects.xyxy * matrix[[0, 1, 0, 1], [0, 1, 0, 1]] + matrix[[0, 1, 0, 1], 2]
        columns = {"ignore": objects.ignore, "crowd": objects.crowd}
        pictures.append(Objects.of(corners, objects.class_id, **columns))
        matrices.append(matrix)
    return pictures, matrices


def round_trip(dataset: Dataset, spec, hw: tuple[int, int], smoothing: float):
    """(evaluation, detections above half on the canvas, pictures)."""
    from datapipe.heads import decode, dense

    pictures, matrices = on_canvas(dataset, hw)
    rows = batch_of(spec, hw, pictures)
    assert rows.get("collisions", np.zeros(1)).sum() == 0
    kind = {"RetinaNet": "retinanet", "MobileNetSSD": "ssd", "YoloV4": "yolov4"}[type(spec).__name__]
    wanted = getattr(dense, kind)(spec, hw, CLASSES, rows, smoothing)
    found = getattr(decode, kind)(spec, hw, outputs(spec, hw, wanted))
    predictions = {}
    for i, (matrix, n) in enumerate(zip(matrices, np.asarray(found.valid), strict=True)):
        boxes = to_original(np.asarray(found.boxes[i][:n]), matrix, WH)
        said = Detections(boxes, np.asarray(found.score[i][:n]), np.asarray(found.class_id[i][:n]))
        predictions[dataset[i][0].image_id] = said
    sure = [np.asarray(found.boxes[i])[np.asarray(found.score[i]) > 0.5] for i in range(len(pictures))]
    return evaluate(dataset, "val", predictions), sure, pictures


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("hw", [(320, 320), (256, 448)])
@pytest.mark.parametrize(
    "name", ["retinanet", "torchvision", "tf_object_detection", "ssd", "ssd yx", "yolov4", "yolov4 tiny"]
)
def test_perfect_predictions_have_ap_one(dataset: Dataset, name: str, hw: tuple[int, int], smoothing: float):
    made, sure, pictures = round_trip(dataset, spec_of(name), hw, smoothing)
    assert (made.objects, made.ignored) == (10, 1)
    assert (made.ap, made.ap50, made.recall) == pytest.approx((1, 1, 1), abs=1e-9)
    for boxes, objects in zip(sure, pictures, strict=True):
        real = objects.xyxy[~objects.ignore]
        assert len(boxes) == len(real), "twins of many positives are gone"
        order = [int(np.abs(boxes - one).sum(axis=1).argmin()) for one in real]
        assert np.abs(boxes[order] - real).max(initial=0) < 1e-3


def test_what_no_anchor_reaches_is_what_perfect_predictions_miss(dataset: Dataset):
    spec = RetinaNet(sizes=(32,), strides=(8,), scales=(1.0,), ratios=(1.0,))
    hw = (320, 320)
    pictures, _ = on_canvas(dataset, hw)
    taught = [len(np.unique(spec.match(objects, hw).object)) for objects in pictures]
    made, sure, _ = round_trip(dataset, spec, hw, 0.0)
    assert [len(boxes) for boxes in sure] == taught
    assert 0 < sum(taught) < 10
    assert made.recall < 1
