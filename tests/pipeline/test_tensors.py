"""The stream as a tf.data.Dataset."""

from __future__ import annotations

import gc
import time
import weakref
from collections.abc import Callable
from itertools import islice
from typing import Any

import numpy as np
import pytest
from feeding import MIXED, RAW, Damaged, digest, threads
from make import make_dataset

from datapipe.dataset import Dataset
from datapipe.errors import RecordError, UsageError
from datapipe.pipeline import as_numpy, eval_stream, keras_boxes, train_stream
from datapipe.pipeline.door import TICKETS
from datapipe.recipe import Recipe
from datapipe.stream import Stream

pytestmark = pytest.mark.xdist_group("tensorflow")


@pytest.fixture(scope="module")
def tf() -> Any:
    import tensorflow

    return tensorflow


def soon(is_so: Callable[[], bool]) -> bool:
    """Whether something comes true within half a minute."""
    end = time.monotonic() + 30
    while not is_so() and time.monotonic() < end:
        time.sleep(0.01)
    return is_so()


def test_the_bytes_are_those_of_the_numpy_stream(tf, pictures):
    recipe = Recipe.parse(MIXED)
    plain = digest(as_numpy(pictures, recipe, batch_size=8, seed=4), 25)
    assert digest(train_stream(pictures, recipe, batch_size=8, seed=4), 25) == plain
    assert digest(train_stream(pictures, recipe, batch_size=8, seed=4, start_step=5), 20) != plain
    assert digest(train_stream(pictures, recipe, batch_size=8, seed=5), 25) != plain
    one, other = (as_numpy(pictures, recipe, "val", batch_size=8, training=False) for _ in range(2))
    assert digest(eval_stream(pictures, recipe, batch_size=8)) == digest(one) == digest(other)


BOXES = """
input: {hw: [64, 64], multi_scale: {every_windows: 1, min: 32, max: 96, step: 32}}
mix: [{Mosaic: {p: 0.5}}, {CutMix: {p: 0.3}}, {MixUp: {p: 0.3}}]
geometry: [{Flip: {horizontal: 0.5}}, {Affine: {rotate_deg: 10, scale: [0.5, 1.5]}}]
pixels: [{ColorJitter: {brightness: 0.4}}, {Erase: {p: 0.3}}]
stream: {window: 32}
"""


@pytest.mark.parametrize("batches", [12, pytest.param(200, marks=pytest.mark.slow)])
def test_images_and_boxes_are_those_of_the_numpy_stream_for_every_batch_size(tf, pictures, batches):
    recipe = Recipe.parse(BOXES)
    for size in (8, 16, 32):
        n = batches * 8 // size
        made = train_stream(pictures, recipe, batch_size=size, seed=4, threads=2)
        assert digest(made, n) == digest(as_numpy(pictures, recipe, batch_size=size, seed=4, threads=1), n)
    start = train_stream(pictures, recipe, batch_size=8, seed=4, start_step=batches - 3)
    whole = as_numpy(pictures, recipe, batch_size=8, seed=4)
    assert digest(start, 3) == digest(islice(whole, batches - 3, batches))


def test_batches_are_made_before_they_are_asked_for(tf, pictures):
    stream, made = train_stream(pictures, Recipe.parse(RAW), batch_size=8), []
    make = stream.stream.batch
    stream.stream.batch = lambda step, size: (made.append(step), make(step, size))[1]
    iterator = iter(stream)
    next(iterator)
    assert soon(lambda: {0, 1, 2} <= set(made))
    assert max(made) < 40, "ahead, not away"


def test_a_changed_dataset_is_refused_when_a_run_goes_on(tf, tmp_path):
    dataset = make_dataset(tmp_path, n=8, split="train=1.0")
    state = train_stream(dataset, Recipe.parse(RAW), batch_size=8).state(3)
    (dataset.folder / "edits.jsonl").write_text('{"image": "3", "edit": "leave_out"}\n')
    with pytest.raises(UsageError, match="the dataset .* changed since the checkpoint: .* start anew"):
        train_stream(Dataset(dataset.folder), Recipe.parse(RAW), batch_size=8, start_step=state)


def test_a_dataset_starts_anew_with_every_loop_and_where_it_was_told(tf, pictures):
    recipe = Recipe.parse(RAW)
    stream = train_stream(pictures, recipe, batch_size=8)
    assert digest(stream, 3) == digest(stream, 3)
    later = train_stream(pictures, recipe, batch_size=8, start_step=stream.state(2))
    whole = list(stream.take(4).as_numpy_iterator())
    assert digest(later, 2) == digest(whole[2:])


def test_the_elements_are_as_announced(tf, pictures):
    stream = train_stream(pictures, Recipe.parse(RAW), batch_size=8)
    images, targets = stream.element_spec
    assert images == tf.TensorSpec((8, 32, 48, 3), tf.uint8)
    assert targets["xyxy"] == tf.TensorSpec((8, None, 4), tf.float32)
    assert targets["image_id"] == tf.TensorSpec((8,), tf.string)
    free, boxes = train_stream(pictures, Recipe.parse(MIXED), batch_size=8).element_spec
    assert free.shape.as_list() == [8, None, None, 3] and "image_id" not in boxes
    images, targets = eval_stream(pictures, Recipe.parse(MIXED), "train", batch_size=8).element_spec
    assert images.shape.as_list() == [None, 64, 64, 3]
    assert targets["matrix"] == tf.TensorSpec((None, 3, 3), tf.float64) and "image_id" in targets
    for images, targets in stream.take(2):
        for spec, tensor in zip(
            tf.nest.flatten(stream.element_spec), tf.nest.flatten((images, targets)), strict=True
        ):
            assert spec.is_compatible_with(tensor)


def test_training_has_no_end_and_evaluation_a_known_one(tf, pictures):
    stream = train_stream(pictures, Recipe.parse(RAW), batch_size=8)
    assert stream.cardinality() == tf.data.INFINITE_CARDINALITY
    assert stream.steps_per_epoch == -(-len(pictures.split("train")) // 8)
    held = eval_stream(pictures, Recipe.parse(RAW), batch_size=8)
    assert held.cardinality() == held.steps_per_epoch == len(list(held)) == 2
    options = stream.options()
    assert options.deterministic
    assert options.experimental_distribute.auto_shard_policy == tf.data.experimental.AutoShardPolicy.OFF


def test_two_hosts_share_the_windows(tf, pictures):
    recipe = Recipe.parse(RAW)
    alone = [ids for _, t in train_stream(pictures, recipe, batch_size=32).take(4) for ids in [t["image_id"]]]
    for host in (0, 1):
        stream = train_stream(pictures, recipe, batch_size=32, shard=(host, 2))
        for turn, (_, targets) in enumerate(stream.take(2)):
            assert np.array_equal(targets["image_id"], alone[2 * turn + host])


def test_pixels_are_handed_over_not_copied(tf, pictures):
    stream, places = train_stream(pictures, Recipe.parse(RAW), batch_size=8), {}
    make = stream.stream.batch

    def noted(step: int, size: int) -> Any:
        batch = make(step, size)
        places[step] = batch.images.ctypes.data
        return batch

    stream.stream.batch = noted
    for step, (images, _) in zip(range(4), stream, strict=False):
        assert np.asarray(images).ctypes.data == places[step]


def test_an_engine_elsewhere_is_asked_for_one_step_after_another(tf, pictures):
    recipe, asked = Recipe.parse(MIXED), []
    stream, here = train_stream(pictures, recipe, batch_size=8, engine="ray"), Stream(pictures, recipe)

    def batches(size: int, start: int) -> Any:
        asked.append(start)
        return here.batches(size, start)

    stream.stream.batches = batches
    plain = digest(as_numpy(pictures, recipe, batch_size=8), 9)
    assert digest(stream, 9) == plain and asked == [0]
    turns = [next(one) for one in [iter(stream)] * 9]
    assert digest(turns) == plain and asked == [0, 0]


def test_a_damaged_record_reaches_the_loop_as_our_own_line(tf, pictures):
    damaged = train_stream(Damaged(pictures, "9"), Recipe.parse(RAW), batch_size=8)
    with pytest.raises(
        RecordError, match=r"^step \d: position \d+ \(image '9.jpg'\): shard at byte 40"
    ) as error:
        list(zip(range(8), damaged, strict=False))
    assert error.value.__suppress_context__


def test_a_damaged_record_is_named_behind_a_map_too(tf, pictures):
    damaged = train_stream(Damaged(pictures, "9"), Recipe.parse(RAW), batch_size=8)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"\[step \d: position \d+ .*shard at byte 40"):
        list(damaged.map(lambda images, targets: images).take(8))


def test_a_damaged_record_is_skipped_and_counted_on_request(tf, pictures):
    stream = train_stream(Damaged(pictures, "9"), Recipe.parse(RAW), batch_size=8, on_damaged="skip")
    seen = {one for _, targets in stream.take(4) for one in targets["image_id"].numpy()}
    assert b"9" not in seen and "damaged" in str(stream.stream.ledger()["stream"])


def test_a_bug_keeps_its_own_type_and_place(tf, pictures):
    buggy = train_stream(pictures, Recipe.parse(RAW + "pixels: [feeding.Broken]"), batch_size=8)
    with pytest.raises(ZeroDivisionError, match="an answer to nothing") as error:
        next(iter(buggy))
    assert error.traceback[-1].name == "__call__" and "feeding" in str(error.traceback[-1].path)
    with pytest.raises(tf.errors.InvalidArgumentError, match="step 0: Traceback.*ZeroDivisionError"):
        next(iter(buggy.map(lambda images, _: images)))


def test_keras_boxes_have_no_ignored_and_no_padded_rows(tf, pictures):
    targets = {
        "xyxy": tf.constant([[[0, 0, 8, 8], [1, 1, 2, 2], [0, 0, 0, 0]]], tf.float32),
        "class_id": tf.constant([[2, 1, -1]]),
        "ignore": tf.constant([[False, True, False]]),
    }
    boxes = keras_boxes(targets)
    assert boxes["boxes"].numpy().tolist() == [[[0, 0, 8, 8], [-1] * 4, [-1] * 4]]
    assert boxes["classes"].numpy().tolist() == [[2, -1, -1]] and boxes["classes"].dtype == tf.float32
    mapped = eval_stream(pictures, Recipe.parse(RAW), batch_size=8).map(lambda _, t: keras_boxes(t, "labels"))
    real = sum(int((one["labels"] >= 0).numpy().sum()) for one in mapped)
    assert real == sum(len(pictures[int(i)][0]) for i in pictures.split("val"))


def test_keras_fits_on_it(tf, pictures):
    stream = train_stream(pictures, Recipe.parse(RAW), batch_size=8)
    pairs = stream.map(lambda images, targets: (tf.cast(images, tf.float32), targets["weight"][:, :1]))
    model = tf.keras.Sequential([tf.keras.layers.GlobalAveragePooling2D(), tf.keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    told = model.fit(pairs, epochs=2, steps_per_epoch=stream.steps_per_epoch, verbose=0, shuffle=False)
    assert len(told.history["loss"]) == 2


def test_threads_end_with_the_last_that_was_made_from_the_dataset(tf, pictures):
    stream = train_stream(pictures, Recipe.parse(RAW), batch_size=8)
    derived = stream.map(lambda images, targets: images)
    del stream
    gc.collect()
    iterator = iter(derived)
    next(iterator)
    assert threads()
    del derived, iterator
    gc.collect()
    assert soon(lambda: not threads())  # a call that is inside ends first


def test_a_dataset_that_is_gone_holds_no_pictures(tf, pictures):
    stream = train_stream(pictures, Recipe.parse(RAW), batch_size=8)
    held = weakref.ref(stream.stream)
    next(iter(stream))
    del stream
    gc.collect()
    assert soon(lambda: held() is None)


def test_every_ticket_comes_back_from_iterators_that_were_left(tf, pictures):
    stream = train_stream(pictures, Recipe.parse(RAW), batch_size=4)
    for turn in range(60):
        iterator = iter(stream)
        for _ in range(turn % 3):
            next(iterator)
        del iterator
    assert soon(lambda: int(stream._calls.door._queue.size()) == TICKETS)


def test_an_exhausted_iterator_says_so_in_tensorflows_way(tf, pictures):
    iterator = iter(eval_stream(pictures, Recipe.parse(RAW), batch_size=32))
    assert len(iterator.get_next()[0]) == len(pictures.split("val"))
    with pytest.raises(tf.errors.OutOfRangeError):
        iterator.get_next()
    with pytest.raises(StopIteration):
        next(iterator)
