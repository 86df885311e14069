"""tf.train.Example without TensorFlow; TensorFlow's own view of it stands in test_tensorflow_reads.py."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datapipe import tfexample

keys = st.text(max_size=8)
texts = st.lists(st.binary(max_size=8), max_size=4)
floats = st.lists(st.floats(width=32, allow_nan=False), max_size=4)
ints = st.lists(st.integers(-(2**63), 2**63 - 1), max_size=4)


@given(
    st.dictionaries(keys, st.one_of(*(st.tuples(st.just(i), s) for i, s in enumerate((texts, floats, ints)))))
)
def test_decode_gives_back_what_encode_took(features):
    by_kind = [[(key, v) for key, (kind, v) in features.items() if kind == wanted] for wanted in range(3)]
    found = tfexample.decode(tfexample.encode(*by_kind))
    assert {key: list(values) for key, values in found.items() if len(values)} == {
        key: values for key, (_, values) in features.items() if values
    }


def test_equal_features_are_equal_bytes_in_whatever_order_they_come():
    one = tfexample.encode([("a", [b"1"]), ("b", [b"2"])], [("c", [0.5])], [("d", [1]), ("e", [2])])
    other = tfexample.encode([("b", [b"2"]), ("a", [b"1"])], [("c", [0.5])], [("e", [2]), ("d", [1])])
    assert one == other


def test_the_wire_format_is_the_one_of_the_proto_file():
    # Example{features=1{feature=1{key=1 "k", value=2{int64_list=3{value=1 packed [1, 300]}}}}}
    assert tfexample.encode([], [], [("k", [1, 300])]) == bytes.fromhex("0a0e0a0c0a016b12071a050a0301ac02")
    # float_list=2, packed little endian
    assert tfexample.encode([], [("k", [1.0])], []) == bytes.fromhex("0a0f0a0d0a016b120812060a040000803f")


def test_unpacked_numbers_are_read_too():
    # int64_list { value: 5 value: 6 } as proto2 writers spell it: tag 08 before each
    assert list(tfexample.decode(bytes.fromhex("0a0d0a0b0a016b12061a0408050806"))["k"]) == [5, 6]


@pytest.mark.parametrize("payload", [b"\xff", b"\x0a\x05abc", b"\x0a\x03\x0a\x01"])
def test_what_is_no_example_is_a_value_error(payload):
    with pytest.raises(ValueError, match="not a tf.train.Example"):
        tfexample.decode(payload)


@given(st.binary(max_size=64))
def test_random_bytes_raise_nothing_but_value_error(payload):
    try:
        tfexample.decode(payload)
    except ValueError as error:
        assert "not a tf.train.Example" in str(error)


def same(one: dict[str, Sequence[Any]], other: dict[str, Sequence[Any]]) -> bool:
    return {key: list(values) for key, values in one.items()} == {
        key: list(values) for key, values in other.items()
    }


large = st.binary(min_size=100, max_size=40000)


@given(st.dictionaries(keys, texts), st.dictionaries(keys, ints), keys, large)
def test_a_value_taken_apart_is_the_value_and_leaves_the_others(some, numbers, key, value):
    payload = tfexample.encode(
        [*(some | {key: [value]}).items()],
        [],
        [item for item in numbers.items() if item[0] not in {key, *some}],
    )
    for view in (payload, memoryview(payload)):
        assert same(tfexample.decode(view, key), tfexample.decode(payload))
        assert same(tfexample.decode(view, key + "x"), tfexample.decode(payload))


def test_a_value_taken_apart_is_not_copied():
    payload = tfexample.encode(
        [("image/encoded", [b"jpeg" * 99]), ("a", [b"1"])], [("c", [0.5])], [("z", [1])]
    )
    (value,) = tfexample.decode(payload, "image/encoded")["image/encoded"]
    assert isinstance(value, memoryview) and value.obj is payload and value == b"jpeg" * 99


def entry(key: bytes, feature: bytes) -> bytes:
    return bytes([0x0A, len(key)]) + key + bytes([0x12, len(feature)]) + feature


def example(*entries: bytes) -> bytes:
    features = b"".join(bytes([0x0A, len(one)]) + one for one in entries)
    return bytes([0x0A, len(features)]) + features


ONE = entry(b"k", bytes.fromhex("0a030a0161"))
OTHER = entry(b"k", bytes.fromhex("0a030a0162"))


@pytest.mark.parametrize(
    "payload",
    [
        example(ONE, OTHER),  # a key twice: the last counts
        example(ONE) + example(OTHER),  # features in two parts
        example(entry(b"k", bytes.fromhex("0a060a01610a0162"))),  # two values
        example(entry(b"k", bytes.fromhex("1a030a0105"))),  # numbers
        example(entry(b"k", b"")),  # nothing
        example(ONE[3:] + ONE[:3]),  # value before key
        example(ONE + ONE[3:]),  # value twice
        example(ONE) + bytes.fromhex("1201ff"),  # a field that later versions may have
    ],
)
def test_other_layouts_are_read_whole(payload):
    assert same(tfexample.decode(payload, "k"), tfexample.decode(payload))


@given(st.data())
def test_damage_is_found_or_read_the_same_way(data):
    payload = bytearray(example(entry(b"a", bytes.fromhex("1a030a0105")), ONE, entry(b"z", b"")))
    for _ in range(data.draw(st.integers(1, 3))):
        payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))
    try:
        want = tfexample.decode(bytes(payload))
    except ValueError:
        with pytest.raises(ValueError, match="not a tf.train.Example"):
            tfexample.decode(bytes(payload), "k")
    else:
        assert same(tfexample.decode(bytes(payload), "k"), want)
