"""Evaluation, the ledger, the state of a checkpoint, and objects planned without pixels."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import pytest
from make import make_coco, make_image
from scenes import MIXED, MOSAICS, PLAIN, digest, make_pictures, some, stream_of

from datapipe.dataset import Dataset
from datapipe.errors import UsageError
from datapipe.ingest import IngestOptions, ingest
from datapipe.recipe import Recipe
from datapipe.stream import Stream


@pytest.fixture(scope="module")
def two_splits(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return make_pictures(tmp_path_factory.mktemp("splits"), 150, "train=0.4,val=0.6")


def test_evaluation_is_finite_in_order_and_keeps_the_last_batch(two_splits: Dataset):
    with stream_of(two_splits, split="val", training=False) as stream:
        numbers = two_splits.split("val").tolist()
        assert len(numbers) % 16
        batches = list(stream.batches(16))
        assert [len(batch) for batch in batches[:-1]] == [16] * (len(numbers) // 16)
        assert len(batches[-1]) == len(batches[-1].images) == len(numbers) % 16
        assert [int(i) for batch in batches for i in batch.image] == numbers
        assert [i for batch in batches for i in batch.image_id] == list(
            two_splits.images["image_id"][numbers]
        )
        assert len(batches) == stream.steps_per_epoch(16)
        with pytest.raises(IndexError):
            stream.batch(len(batches), 16)
        with pytest.raises(IndexError):
            stream[len(numbers)]
        assert [sample.image for sample in stream] == numbers
        with pytest.raises(IndexError):
            stream.window(len(numbers) // 64 + 1)
        assert len(list(stream.boxes(len(numbers) - 3, len(numbers) + 100))) == 3


def test_an_evaluation_of_whole_windows_ends(two_splits: Dataset):
    window = len(two_splits.split("val")) // 2
    text = f"{PLAIN}stream: {{window: {window}, group: {window}}}\n"
    with stream_of(two_splits, text, "val", training=False) as stream:
        assert len(list(stream)) == len(stream) and len(stream) % window == len(stream) - 2 * window


def test_short_side_gives_each_window_a_canvas_that_holds_its_pictures(pictures: Dataset):
    text = "input: {hw: [40, 80], resize: short_side, multiple: 8}\nmix: [{MixUp: {p: 0.5}}]\n"
    with stream_of(pictures, text) as stream:
        batch = stream.batch(1, 16)
        assert batch.images.shape[1:] == stream.plan(3).hw + (3,)
        for i in (0, 7):
            assert np.array_equal(stream[16 + i].pixels, batch.images[i])
            assert (
                batch.matrix[i] @ [*pictures[int(batch.image[i])][0].wh, 1]
                <= [*batch.images.shape[2:0:-1], 1]
            ).all()


def test_evaluation_knows_no_chance(two_splits: Dataset):
    plain = PLAIN.replace("[48, 48]", "[64, 64]")
    with (
        stream_of(two_splits, MIXED, "val", 1, training=False) as stream,
        stream_of(two_splits, plain, "val", 2, training=False) as other,
    ):
        assert digest(stream.batches(16)) == digest(other.batches(32))


def test_matrices_lead_from_the_picture_to_the_canvas_and_back(two_splits: Dataset):
    with stream_of(two_splits, PLAIN, "val", training=False) as stream:
        for batch in stream.batches(16):
            for number, matrix, objects in zip(batch.image, batch.matrix, batch.objects, strict=True):
                record, _ = two_splits[int(number)]
                corners = np.concatenate([objects.xyxy.reshape(-1, 2), np.ones((2 * len(objects), 1))], 1)
                back = (corners @ np.linalg.inv(matrix).T)[:, :2].reshape(-1, 4)
                assert np.allclose(back, record.xyxy, atol=1e-3)


def test_hosts_share_an_evaluation(two_splits: Dataset):
    with stream_of(two_splits, split="val", training=False) as alone:
        whole = [k for batch in alone.batches(16) for k in batch.positions.tolist()]
    found = []
    for host in range(3):
        with stream_of(two_splits, split="val", training=False, shard=(host, 3)) as stream:
            batches = list(stream.batches(16))
            assert len(batches) == stream.steps_per_epoch(16)
            found += [k for batch in batches for k in batch.positions.tolist()]
    assert sorted(found) == whole


def test_steps_per_epoch_cover_every_position(pictures: Dataset):
    with stream_of(pictures) as stream:
        assert len(stream) == 90
        assert [stream.steps_per_epoch(size) for size in (1, 16, 32, 64)] == [90, 6, 3, 2]
    with stream_of(pictures, shard=(1, 3)) as stream:
        assert stream.steps_per_epoch(16) == 2


def test_the_ledger_balances(pictures: Dataset):
    with stream_of(pictures) as stream:
        objects = sum(len(one) for step in range(8) for one in stream.batch(step, 16).objects)
        ledger = stream.ledger()
        counts = ledger["objects"]
        outcome = ("kept", "to_ignore_cut", "to_ignore_small", "to_ignore_crowded", "gone")
        assert counts["seen"] == sum(counts[name] for name in outcome) > 0
        assert counts["kept"] + counts["to_ignore_cut"] + counts["to_ignore_small"] <= objects
        assert ledger["stream"]["samples"] == 128
        fired = sum(any(name == "Mosaic" for name, _ in stream.plan(k).steps) for k in range(128))
        assert ledger["steps"]["Mosaic"] == fired
        json.dumps(ledger)


def test_the_ledger_counts_the_objects_of_every_picture_that_was_dealt(pictures: Dataset):
    """Also of those whose tile came to lie wholly off the canvas."""
    text = "input: {hw: [64, 64]}\nmix: [{Mosaic: {p: 1.0}}]\ngeometry: [{Affine: {scale: [3, 4]}}]\n"
    with stream_of(pictures, text) as stream:
        for step in range(4):
            stream.batch(step, 16)
        counts = stream.ledger()["objects"]
        samples = stream._planner.window(0).samples
    assert any(len(sample.numbers) < 4 for sample in samples)
    dealt = sum(len(pictures[number][0]) for sample in samples for number in sample.shown)
    assert counts["seen"] + counts["ignore_seen"] == dealt


def test_objects_planned_without_pixels_are_those_of_the_samples(pictures: Dataset):
    with stream_of(pictures, MIXED.replace("Erase: {p: 0.3}", "Blur: {}")) as stream:
        planned = list(stream.boxes(50, 90))
        assert [one.position for one in planned] == list(range(50, 90))
        assert stream.ledger()["stream"] == {}
        for one in planned:
            sample = stream[one.position]
            assert one.hw == sample.pixels.shape[:2]
            assert np.array_equal(one.survivors.objects.xyxy, sample.objects.xyxy)
            assert np.array_equal(one.survivors.objects.class_id, sample.objects.class_id)
            assert np.array_equal(one.survivors.objects.ignore, sample.objects.ignore)


@pytest.mark.slow
def test_100_000_augmented_objects_take_less_than_5_seconds_to_plan(tmp_path: Path):
    """CPU seconds of this process, so that a busy machine is no failure."""
    rng = np.random.default_rng(0)
    images = []
    for i in range(200):
        corners, sides = rng.integers(0, 40, (8, 2)), rng.integers(4, 24, (8, 2))
        rows = [(*xy, *wh, i % 3) for xy, wh in zip(corners.tolist(), sides.tolist(), strict=True)]
        images.append(make_image(f"{i}.jpg", *rows, wh=(64, 64)))
    source = make_coco(tmp_path / "source", images)
    ingest([source], tmp_path / "out", IngestOptions(split="train=1.0"))
    with Stream(Dataset(tmp_path / "out"), Recipe.load("yolov4")) as stream:
        before, seen = time.process_time(), 0
        for one in stream.boxes(0, 10**6):
            seen += one.survivors.counts["seen"]
            if seen >= 100_000:
                break
        assert time.process_time() - before < 5
        assert stream.ledger()["stream"] == {}


def test_an_origin_tells_pictures_matrices_and_steps(pictures: Dataset):
    with stream_of(pictures, MOSAICS) as stream:
        sample = stream[70]
        origin = json.loads(json.dumps(sample.origin))
        assert (origin["position"], origin["epoch"], origin["window"], origin["hw"]) == (70, 0, 1, [48, 48])
        tiles = origin["layers"][0]["tiles"]
        own = next(tile for tile in tiles if tile["image"] == sample.image)
        assert own["image_id"] == sample.image_id
        assert np.array_equal(own["matrix"], sample.matrix)
        assert origin["steps"][0]["step"] == "Mosaic"


def test_a_state_goes_on_where_it_was_taken(pictures: Dataset):
    with stream_of(pictures) as stream:
        state = json.loads(json.dumps(stream.state(5)))
        want = digest([stream.batch(5, 16)])
    with stream_of(pictures) as other:
        assert other.check(state) == ()
        assert digest([other.batch(state["step"], 16)]) == want


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        (MIXED, {"seed": 6}, "the seed changed since the checkpoint: seed 5 there, 6 here"),
        (PLAIN, {}, "the recipe changed since the checkpoint: recipe "),
        (MIXED, {"shard": (0, 2)}, "the number of hosts changed since the checkpoint: hosts 1 there, 2 here"),
    ],
)
def test_another_streams_state_is_refused(pictures: Dataset, text: str, options, message: str):
    state = stream_of(pictures).state(5)
    with pytest.raises(UsageError, match=message):
        stream_of(pictures, text, **options).check(state)


def test_the_state_of_a_changed_dataset_is_refused(tmp_path: Path):
    dataset = make_pictures(tmp_path, 6)
    state = stream_of(dataset).state(5)
    (dataset.folder / "edits.jsonl").write_text('{"image": "3", "edit": "leave_out"}\n')
    with pytest.raises(UsageError, match=r"the dataset \(its shards, splits.json or edits.jsonl\) changed"):
        stream_of(Dataset(dataset.folder)).check(state)


def test_something_else_is_no_state(pictures: Dataset):
    with pytest.raises(UsageError, match="no 'identity' in it"):
        stream_of(pictures).check({"step": 3})


def test_another_version_is_a_remark(pictures: Dataset):
    stream = stream_of(pictures)
    state = stream.state(5)
    state["versions"] |= {"opencv": "4.0.0"}
    [remark] = stream.check(state)
    assert remark.startswith("opencv 4.0.0 at the checkpoint, 4.")


def test_left_out_pictures_and_objects_are_not_in_the_stream(tmp_path: Path):
    dataset = make_pictures(tmp_path, 12)
    before = some(stream_of(dataset), 16, 64)
    (dataset.folder / "edits.jsonl").write_text(
        '{"image": "4", "edit": "leave_out"}\n{"image": "3", "object": "2", "edit": "ignore"}\n'
    )
    with stream_of(Dataset(dataset.folder), PLAIN) as stream:
        assert len(stream) == 11
        samples = [stream[k] for k in range(11)]
        assert "4" not in {sample.image_id for sample in samples}
        edited = next(sample for sample in samples if sample.image_id == "3")
        assert edited.objects.ignore.sum() == 1 and edited.objects.class_id[edited.objects.ignore] == -1
    assert some(stream_of(Dataset(dataset.folder)), 16, 64) != before
