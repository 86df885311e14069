"""decode(encode(record)) is the record; what is no record of ours is a ValueError with its reason."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from make import CLASSES, make_record

from datapipe import table, tfexample
from datapipe.boxes import area
from datapipe.columns import BEYOND_THE_TABLE, NEEDED, denormalise, normalise
from datapipe.records import ImageRecord, box_area, decode, decode_objects, encode

FLAGS = ("crowd", "difficult", "truncated")

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
extras = st.one_of(
    st.just(""),
    st.dictionaries(words, st.one_of(st.none(), st.integers(), words), min_size=1).map(json.dumps),
)
pixel = st.floats(-64, 5000, width=32)
rings = st.lists(st.lists(st.tuples(pixel, pixel), min_size=3, max_size=5), max_size=3)


@st.composite
def records(draw: st.DrawFn) -> ImageRecord:
    """Any record: boxes on the grid of 2^-23 fractions, which float32 holds exactly."""
    n, k = draw(st.integers(0, 4)), draw(st.integers(0, 3))
    wh = (draw(st.integers(1, 9000)), draw(st.integers(1, 9000)))

    def boxes(count: int) -> np.ndarray:
        grid = st.lists(st.integers(0, 2**23), min_size=4, max_size=4)
        fractions = np.array([draw(grid) for _ in range(count)], np.float64).reshape(count, 4) / 2**23
        return denormalise(fractions.astype(np.float32), wh)

    def flags() -> np.ndarray:
        return np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n)), np.bool_)

    def texts(kind: st.SearchStrategy[str], count: int = n) -> tuple[str, ...]:
        return tuple(draw(st.lists(kind, min_size=count, max_size=count)))

    area_of = st.floats(0, 1e9, width=32)
    return make_record(
        n=n,
        image_id=draw(words),
        filename=draw(words),
        path=draw(words),
        source=draw(st.integers(0, 100)),
        format=draw(st.sampled_from(["jpeg", "png"])),
        wh=wh,
        xyxy=boxes(n),
        class_id=np.array(draw(st.lists(st.integers(0, 2), min_size=n, max_size=n)), np.int32),
        crowd=flags(),
        difficult=flags(),
        truncated=flags(),
        area=np.array(draw(st.lists(area_of, min_size=n, max_size=n)), np.float32),
        object_id=texts(words),
        pose=texts(words),
        extra=texts(extras),
        polygons=tuple(tuple(np.array(ring, np.float32) for ring in draw(rings)) for _ in range(n)),
        left_out_xyxy=boxes(k),
        left_out_code=texts(st.sampled_from(["DP104", "DP106"]), k),
        image_extra=draw(extras),
    )


def differing(a: ImageRecord, b: ImageRecord) -> list[str]:
    """Names of the fields that differ; boxes may by one rounding of float32."""
    found = []
    for name in (field.name for field in fields(ImageRecord)):
        one, other = getattr(a, name), getattr(b, name)
        if name.endswith("xyxy"):
            same = one.dtype == other.dtype and one.shape == other.shape and np.allclose(one, other, 2e-7, 0)
        elif name == "polygons":
            shapes = [[[ring.tolist() for ring in rings] for rings in polygons] for polygons in (one, other)]
            same = shapes[0] == shapes[1]
        elif isinstance(one, np.ndarray):
            same = one.dtype == other.dtype and np.array_equal(one, other)
        else:
            same = one == other
        found += [] if same else [name]
    return found


@given(records(), st.binary(max_size=20))
def test_decode_gives_back_what_encode_took(record, data):
    read, picture = decode(encode(record, data, CLASSES))
    assert differing(record, read) == []
    assert picture == data


@given(records(), st.binary(max_size=20))
def test_what_was_read_is_written_to_the_same_bytes(record, data):
    payload = encode(record, data, CLASSES)
    again = encode(decode(payload)[0], data, CLASSES)
    assert encode(decode(again)[0], data, CLASSES) == again
    assert differing(decode(payload)[0], decode(again)[0]) == []


def test_labels_start_at_1_and_text_goes_with_them():
    record = make_record(n=3, class_id=np.array([0, 2, 1], np.int32))
    found = tfexample.decode(encode(record, b"", CLASSES))
    assert list(found["image/object/class/label"]) == [1, 3, 2]
    assert [text.decode() for text in found["image/object/class/text"]] == ["dog", "été", "car"]


def test_boxes_are_fractions_of_the_picture_and_area_stays_in_px():
    record = make_record(wh=(640, 480), xyxy=np.array([[0, 120, 320, 480]], np.float32))
    found = tfexample.decode(encode(record, b"", CLASSES))
    sides = [found[f"image/object/bbox/{side}"][0] for side in ("xmin", "ymin", "xmax", "ymax")]
    assert sides == [0, 0.25, 0.5, 1] and found["image/object/area"][0] == 100
    assert (found["image/width"][0], found["image/height"][0]) == (640, 480)


def test_keys_without_values_are_absent():
    found = tfexample.decode(encode(make_record(n=0), b"x", CLASSES))
    assert not [key for key in found if "object" in key or "left_out" in key or "extra" in key]
    assert all(len(values) for values in found.values())


def test_a_name_that_is_no_utf8_stays_readable():
    read, _ = decode(encode(make_record(path="caf\udce9.jpg"), b"", CLASSES))
    assert read.path == "caf\\udce9.jpg"


def changed(**features: Any) -> bytes:
    """A good record with some keys replaced ("__" stands for "/"), or taken away by None."""
    found = tfexample.decode(encode(make_record(n=2), b"jpeg", CLASSES)) | {
        key.replace("__", "/"): value for key, value in features.items()
    }
    kinds: tuple[list[Any], list[Any], list[Any]] = ([], [], [])
    for key, values in found.items():
        if values is not None:
            first = values[0] if len(values) else 0
            kinds[0 if isinstance(first, bytes) else 1 if isinstance(first, float) else 2].append(
                (key, values)
            )
    return tfexample.encode(*kinds)


@pytest.mark.parametrize(
    "features, message",
    [
        ({"image__source_id": None}, "record without a usable key 'image/source_id'"),
        ({"image__encoded": None}, "record without a usable key 'image/encoded'"),
        ({"image__width": None}, "record without a usable key 'image/width'"),
        ({"image__source_id": [5]}, "record without a usable key"),
        ({"image__filename": [b"\xff"]}, "record without a usable key"),
        ({"image__width": [b"x"]}, "invalid literal for int"),
        ({"image__object__class__label": [2**40, 1]}, "record without a usable key"),
        ({"image__object__class__label": [b"dog", b"car"]}, "invalid literal"),
        ({"image__object__bbox__xmin": [0.5]}, "same shape"),
        ({"image__object__area": [0.5]}, "record 7: columns of different lengths"),
        ({"image__object__is_crowd": [1]}, "record 7: columns of different lengths"),
        ({"image__object__truncated": [1, 0, 0]}, "record 7: columns of different lengths"),
        ({"image__object__view": [b"left"]}, "record 7: columns of different lengths"),
        ({"datapipe__object__id": [b"1", b"2", b"3"]}, "record 7: columns of different lengths"),
        ({"datapipe__object__extra": [b"{}"]}, "record 7: columns of different lengths"),
        ({"datapipe__left_out__code": [b"DP104"]}, "record 7: columns of different lengths"),
        ({"datapipe__object__polygon__rings": [1, 1]}, "record without a usable key"),
    ],
)
def test_a_record_with_an_unusable_key_is_a_value_error(features, message):
    with pytest.raises(ValueError, match=message):
        decode(changed(**features))


@given(
    records(),
    st.binary(min_size=1, max_size=20),
    st.sets(st.sampled_from(["crowd", "difficult", "truncated"])),
)
def test_what_training_needs_is_read_as_the_whole_record_is(record, data, ignore):
    payload = encode(record, data, CLASSES)
    try:
        expected = decode(payload)[0].objects(sorted(ignore), left_out=True)
    except ValueError as error:  # a box that float32 leaves without area
        with pytest.raises(ValueError, match=re.escape(str(error))):
            decode_objects(payload, sorted(ignore))
    else:
        objects, picture = decode_objects(payload, sorted(ignore))
        assert objects.equals(expected) and picture == data
        tabled = replace(record, polygons=((),) * len(record), left_out_xyxy=np.zeros((0, 4), np.float32))
        spared, picture = decode_objects(payload, sorted(ignore), lambda: tabled.objects(sorted(ignore)))
        assert spared.equals(expected) and picture == data


@settings(max_examples=200)
@given(st.data())
def test_a_record_with_any_key_changed_raises_nothing_but_value_error(data):
    keys = sorted(tfexample.decode(encode(make_record(n=2), b"jpeg", CLASSES)))
    keys += ["datapipe/object/polygon/rings", "datapipe/object/polygon/points", "datapipe/object/polygon/xy"]
    values = st.one_of(
        st.lists(st.binary(max_size=3), max_size=3),
        st.lists(st.integers(-(2**63), 2**63 - 1), max_size=3),
        st.lists(st.integers(-2, 4), max_size=3),
        st.lists(st.floats(width=32), max_size=3),
    )
    features = data.draw(st.dictionaries(st.sampled_from(keys), values, max_size=3))
    payload = changed(**{key.replace("/", "__"): value for key, value in features.items()})
    with suppress(ValueError):
        decode_objects(payload, FLAGS)
    try:
        record, _ = decode(payload)
    except ValueError:
        return
    n = len(record)
    for name in ("crowd", "difficult", "truncated", "area", "object_id", "pose", "extra", "polygons"):
        assert len(getattr(record, name)) == n, name
    assert len(record.left_out_xyxy) == len(record.left_out_code)


def test_what_training_needs_is_in_the_table_or_sends_it_to_the_record():
    """A key that is added to the one must be added to one of the others."""
    names = {
        "width": "width",
        "height": "height",
        "class/label": "class_id",
        "is_crowd": "crowd",
        "id": "object_id",
    }
    for key in NEEDED:
        end = (
            key.removeprefix("image/").removeprefix("datapipe/").removeprefix("object/").removeprefix("bbox/")
        )
        in_table = names.get(end, end) in {*table.OBJECTS.names, "width", "height"}
        assert in_table != key.encode().startswith(BEYOND_THE_TABLE), key


def test_crowd_and_difficult_become_ignore_regions_on_request():
    record = make_record(n=3, crowd=np.array([True, False, False]), difficult=np.array([False, True, False]))
    assert record.objects().ignore.tolist() == [True, True, False]
    assert record.objects(ignore=("crowd",)).ignore.tolist() == [True, False, False]
    assert record.objects(ignore=()).weight.tolist() == [1, 1, 1]


def test_the_box_gives_the_area_where_the_source_gives_none():
    record = make_record(n=2, area=np.array([np.nan, 7], np.float32))
    assert box_area(record).area.tolist() == [area(record.xyxy)[0], 7]
    assert box_area(record).area.dtype == np.float32
    assert np.isnan(record.area[0]), "the given record is not touched"


def test_normalise_takes_no_boxes():
    assert normalise(np.zeros((0, 4)), (3, 4)).shape == (0, 4)
    assert replace(make_record(n=0)).objects().xyxy.shape == (0, 4)
