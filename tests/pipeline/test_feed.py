"""What all trainers are fed, as NumPy."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import islice
from types import SimpleNamespace

import numpy as np
import pytest
from feeding import MIXED, RAW, Damaged, digest, threads

import datapipe
from datapipe.errors import DatapipeError, EnvironmentProblem, RecordError, UsageError
from datapipe.pipeline import as_numpy, keras_boxes, torch_dataset, train_stream
from datapipe.pipeline.feed import feed_of
from datapipe.pipeline.quiet import _sifted_stderr
from datapipe.recipe import Recipe
from datapipe.stream import Stream

TARGETS = {
    "raw": RAW,
    "raw padded": RAW + "targets: {Raw: {pad_to: 20}}",
    "short side": "input: {hw: [32, 64], resize: short_side}\nstream: {window: 32}",
    "yolov4": MIXED,
    "retinanet": RAW.replace("[32, 48]", "[128, 128]") + "targets: {RetinaNet: {}}",
}


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("text", TARGETS.values(), ids=TARGETS)
def test_batches_are_as_announced(pictures, text, training):
    feed = feed_of(pictures, Recipe.parse(text), "train", 8, training=training)
    with feed.stream:
        for step in range(4):
            images, targets = feed(step)
            arrays = {"images": images, **targets}
            assert list(arrays) == list(feed.shapes())
            for name, (dtype, shape) in feed.shapes().items():
                found = arrays[name]
                assert found.dtype == dtype or dtype.kind == found.dtype.kind == "U", name
                assert len(found.shape) == len(shape), name
                assert all(n in (None, m) for n, m in zip(shape, found.shape, strict=True)), name


def test_raw_targets_are_the_samples_of_the_stream(pictures):
    recipe = Recipe.parse(RAW)
    with Stream(pictures, recipe, "train", 3) as stream:
        samples = stream.window(0)[:8]
    images, targets = next(iter(as_numpy(pictures, recipe, batch_size=8, seed=3)))
    for i, sample in enumerate(samples):
        n = len(sample.objects)
        assert np.array_equal(images[i], sample.pixels)
        assert np.array_equal(targets["xyxy"][i, :n], sample.objects.xyxy)
        assert (targets["class_id"][i, n:] == -1).all() and (targets["weight"][i, n:] == 0).all()
        assert targets["image_id"][i] == sample.image_id


def test_a_run_goes_on_where_its_checkpoint_says(pictures):
    recipe = Recipe.parse(MIXED)
    feed = feed_of(pictures, recipe, "train", 8, seed=7)
    state = json.loads(json.dumps(feed.state(3)))
    whole = islice(as_numpy(pictures, recipe, batch_size=8, seed=7), 3, 6)
    assert digest(whole) == digest(as_numpy(pictures, recipe, batch_size=8, seed=7, start_step=state), 3)


@pytest.mark.parametrize(("size", "step"), [(8, 30), (16, 15), (4, 60)])
def test_a_checkpoint_of_another_batch_size_is_taken_in_whole_steps(pictures, size, step):
    state = feed_of(pictures, Recipe.parse(RAW), "train", 8).state(30)
    assert feed_of(pictures, Recipe.parse(RAW), "train", size).start(state) == step


@pytest.mark.parametrize(
    ("start", "options", "message"),
    [
        (-1, {}, "start_step -1: want 0 or more"),
        ({"batch_size": 16, "step": 1}, {"batch_size": 32}, "step 1 of batch_size 16 lies between two steps"),
        (
            {"identity": "0123456789abcdef"},
            {},
            "the dataset.*changed since the checkpoint: identity 0123456789ab",
        ),
        ({"seed": 1}, {}, "the seed changed"),
        ({"batch_size": None}, {}, "no 'batch_size' in it"),
    ],
)
def test_a_start_that_makes_no_sense_is_refused(pictures, start, options, message):
    if isinstance(start, dict):
        start = feed_of(pictures, Recipe.parse(RAW), "train", 16).state(0) | start
        start = {name: value for name, value in start.items() if value is not None}
    with pytest.raises(UsageError, match=message):
        as_numpy(pictures, Recipe.parse(RAW), start_step=start, **{"batch_size": 16} | options)


def test_a_damaged_record_is_named_with_its_step(pictures):
    batches = as_numpy(Damaged(pictures, "9"), Recipe.parse(RAW), batch_size=8)
    with pytest.raises(RecordError, match=r"^step \d: position \d+ \(image '9.jpg'\): shard at byte 40"):
        list(islice(batches, 8))
    assert not threads()


def test_an_encoder_that_says_no_names_the_picture(pictures):
    recipe = Recipe.parse(RAW + "targets: {Raw: {pad_to: 1}}")
    with pytest.raises(DatapipeError, match=r"^step 0: image '\d+': Raw: [23] objects for pad_to 1"):
        list(islice(as_numpy(pictures, recipe, batch_size=16), 2))


def test_evaluation_ends_and_carries_the_way_back(pictures):
    batches = list(as_numpy(pictures, Recipe.parse(RAW), "val", batch_size=8, training=False))
    assert [len(images) for images, _ in batches] == [8, len(pictures.split("val")) - 8]
    ids = [pictures[int(i)][0].image_id for i in pictures.split("val")]
    assert [image_id for _, targets in batches for image_id in targets["image_id"]] == ids
    for _, targets in batches:
        for xyxy, matrix, ignore in zip(targets["xyxy"], targets["matrix"], targets["ignore"], strict=True):
            back = (np.linalg.inv(matrix) @ [[xyxy[0, 0]], [xyxy[0, 1]], [1]])[:2, 0]
            assert ignore[0] or not xyxy[0].any() or np.allclose(back, [1, 2], atol=1e-4)


def test_leaving_the_iterator_leaves_no_thread(pictures):
    batches = as_numpy(pictures, Recipe.parse(RAW), batch_size=8)
    next(batches)
    assert threads()
    batches.close()
    assert not threads()


def test_a_stride_deals_the_steps_to_workers(pictures):
    def batches(start: int, stride: int):
        return feed_of(pictures, Recipe.parse(MIXED), "train", 4).batches(start, stride)

    first, second, alone = batches(2, 2), batches(3, 2), batches(2, 1)
    dealt = [next(turn) for turn in (first, second) * 3]
    assert digest(dealt) == digest(alone, 6)


def test_every_public_call_is_reached_from_the_package():
    for name in datapipe.__all__:
        assert callable(getattr(datapipe, name)), name


def test_unknown_engines_and_foreign_targets_are_refused(pictures):
    with pytest.raises(UsageError, match="engine: no 'lokal': did you mean 'local'"):
        train_stream(pictures, Recipe.parse(RAW), batch_size=8, engine="lokal")
    with pytest.raises(UsageError, match="keras_boxes: no 'ignore'.*want a recipe with `targets: Raw`"):
        keras_boxes({"anchor": 1, "class_id": 1, "xyxy": 1})


def test_without_torch_one_line_says_what_to_install(pictures, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "datapipe.pipeline.pytorch", raising=False)
    with pytest.raises(EnvironmentProblem, match="torch_dataset needs PyTorch: pip install torch"):
        torch_dataset(pictures, Recipe.parse(RAW), batch_size=8)


def test_importing_the_bridge_imports_neither_framework():
    code = "import sys, datapipe.pipeline; print({'tensorflow', 'torch'} & sys.modules.keys())"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (run.stdout, run.stderr) == ("set()\n", "")


def test_only_chatter_is_kept_from_stderr(capfd):
    said = (
        b"I0000 00:00:1.5 7 port.cc:153] oneDNN custom operations are on.\nE0000 00:00:1.5 7 it is broken\n"
    )
    with _sifted_stderr():
        os.write(2, b"WARNING: All log messages before absl::InitializeLog() is called\n" + said)
        print("a word of Python's", file=SimpleNamespace(write=lambda text: os.write(2, text.encode())))
    assert capfd.readouterr().err == "E0000 00:00:1.5 7 it is broken\na word of Python's\n"
