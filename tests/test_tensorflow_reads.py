"""Where TensorFlow looks: our records through its readers, our stored pictures through its decoders.

All tests that import TensorFlow here stand in one file and one group: the import costs seconds.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from make import (
    CLASSES,
    make_damage,
    make_dataset,
    make_picture,
    make_record,
    make_variants,
)

from datapipe import columns, records, tfexample
from datapipe.dataset import Dataset
from datapipe.images.probe import ImageProblem
from datapipe.images.store import store

pytestmark = pytest.mark.xdist_group("tensorflow")
VARIANTS = make_variants()


@pytest.fixture(scope="module")
def tf() -> Any:
    import tensorflow

    return tensorflow


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return make_dataset(tmp_path_factory.mktemp("tf"), n=10)


def features(tf: Any) -> dict[str, Any]:
    """The keys of the TF Object Detection API's TfExampleDecoder, with its kinds."""
    one = {key: tf.io.FixedLenFeature((), tf.string, "") for key in ("image/encoded", "image/filename")}
    one |= {
        key: tf.io.FixedLenFeature((), tf.string)
        for key in ("image/format", "image/source_id", "image/key/sha256")
    }
    one |= {key: tf.io.FixedLenFeature((), tf.int64) for key in ("image/height", "image/width")}
    many = {f"bbox/{side}": tf.float32 for side in columns.CORNERS} | {
        "area": tf.float32,
        "class/text": tf.string,
    }
    many |= dict.fromkeys(("class/label", "is_crowd", "difficult", "truncated"), tf.int64)
    return one | {f"image/object/{key}": tf.io.VarLenFeature(kind) for key, kind in many.items()}


def test_tensorflow_reads_every_record_as_datapipe_does(tf, dataset):
    files = [str(dataset.folder / f"{shard.name}.tfrecord") for shard in dataset.manifest.shards]
    payloads = [raw.numpy() for raw in tf.data.TFRecordDataset(files)]
    assert len(payloads) == len(dataset)
    for payload, (record, data) in zip(payloads, dataset, strict=True):
        parsed = tf.io.parse_single_example(payload, features(tf))
        assert parsed["image/encoded"].numpy() == data
        assert parsed["image/source_id"].numpy().decode() == record.image_id
        assert parsed["image/key/sha256"].numpy().decode() == record.sha256
        shape = tuple(tf.io.decode_image(data, expand_animations=False).shape[:2])
        assert shape == (parsed["image/height"], parsed["image/width"]) == record.wh[::-1]
        column = {
            key.removeprefix("image/object/"): value.values.numpy()
            for key, value in parsed.items()
            if "object" in key
        }
        assert column["class/label"].tolist() == (record.class_id + 1).tolist()
        assert [text.decode() for text in column["class/text"]] == [CLASSES[i] for i in record.class_id]
        sides = np.stack([column[f"bbox/{side}"] for side in columns.CORNERS], axis=-1)
        assert ((sides >= 0) & (sides <= 1)).all()
        assert np.array_equal(columns.denormalise(sides, record.wh), record.xyxy)
        assert np.array_equal(column["area"], record.area)
        for name, flag in (
            ("is_crowd", record.crowd),
            ("difficult", record.difficult),
            ("truncated", record.truncated),
        ):
            assert column[name].tolist() == flag.astype(int).tolist()


def test_the_label_map_names_every_label_from_1(dataset):
    text = (dataset.folder / "label_map.pbtxt").read_text(encoding="utf-8")
    items = re.findall(r'item \{\s+id: (\d+)\s+name: "([^"]*)"\s+\}', text)
    assert [(int(number), name) for number, name in items] == list(enumerate(CLASSES, 1))


def test_tensorflows_own_example_holds_and_writes_the_same(tf, dataset):
    for record, data in dataset:
        ours = records.encode(record, data, dataset.classes)
        example = tf.train.Example.FromString(ours)
        theirs = dict(example.features.feature.items())
        for key, values in tfexample.decode(ours).items():
            kind = theirs[key].WhichOneof("kind")
            assert list(getattr(theirs[key], kind).value) == list(values), key
        assert theirs.keys() == tfexample.decode(ours).keys()
        assert example.SerializeToString(deterministic=True) == ours
        assert tfexample.decode(example.SerializeToString()).keys() == theirs.keys()


def test_what_tensorflow_writes_is_read(tf, tmp_path):
    payload = records.encode(make_record(b"x", n=2), b"x", CLASSES)
    with tf.io.TFRecordWriter(str(tmp_path / "a.tfrecord")) as writer:
        writer.write(payload)
    from datapipe import tfrecord

    with open(tmp_path / "a.tfrecord", "rb") as file:
        ((offset, found),) = tfrecord.scan(file, "a")
    head, foot = tfrecord.frame(payload)
    assert (offset, found) == (0, payload) and (tmp_path / "a.tfrecord").read_bytes() == head + payload + foot


@pytest.mark.parametrize("order", ["datapipe.tfexample, tensorflow", "tensorflow, datapipe.tfexample"])
def test_both_messages_live_in_one_process_in_either_order(order):
    code = f"""
import {order.split(", ")[0]}
if "datapipe.tfexample" in {order!r}.split(", ")[0]: datapipe.tfexample.encode([("k", [b"v"])], [], [])
import {order.split(", ")[1]}
payload = datapipe.tfexample.encode([("k", [b"v"])], [], [])
print(tensorflow.train.Example.FromString(payload).features.feature["k"].bytes_list.value[0])
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert run.stdout.strip() == "b'v'", run.stderr[-2000:]


@pytest.mark.parametrize("name", VARIANTS)
def test_tensorflow_decodes_every_stored_variant_to_its_size(tf, name):
    stored = store(VARIANTS[name], (40, 30), "decode")
    pixels = tf.io.decode_image(stored.data, expand_animations=False)
    assert tuple(pixels.shape[1::-1]) == stored.wh == (40, 30)


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", [3, 6])
def test_tensorflow_sees_the_upright_picture(tf, name, orientation):
    data = make_picture(kind=name, orientation=orientation, **({"lossless": True} if name == "WEBP" else {}))
    stored = store(data, (0, 0), "decode")
    pixels = tf.io.decode_image(stored.data, expand_animations=False, channels=3).numpy()
    bright = {3: (-4, -4), 6: (3, -4)}[orientation]  # where the bright left top corner goes
    assert pixels.shape[1::-1] == stored.wh and pixels[bright].min() > 230


flips = st.lists(st.tuples(st.floats(0, 1), st.integers(1, 255)), max_size=3)


@pytest.mark.parametrize(
    "name", ["jpeg RGB", "jpeg progressive", "jpeg 4:2:0", "png RGB", "png P", "png grey 16 bit", "gif"]
)
@settings(max_examples=60)
@given(flips=flips, cut=st.one_of(st.just(1.0), st.floats(0.5, 1)))
def test_what_passes_depth_decode_is_never_refused_by_tensorflow(tf, name, flips, cut):
    try:
        stored = store(make_damage(VARIANTS[name], flips, cut), (0, 0), "decode")
    except ImageProblem:
        return
    assert tuple(tf.io.decode_image(stored.data, expand_animations=False).shape[1::-1]) == stored.wh


def test_the_manifest_is_json_for_everyone(dataset):
    body = json.loads((dataset.folder / "dataset.json").read_text(encoding="utf-8"))
    assert body["splits"] == dataset.manifest.splits() and body["classes"] == list(CLASSES)
