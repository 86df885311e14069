"""tf.train.Example without TensorFlow; TensorFlow's own view of it stands in test_pipeline.py."""

from __future__ import annotations

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
