"""The container: what is written is found again, and any damage is named with its place."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datapipe import tfrecord
from datapipe.errors import RecordError

payloads = st.lists(st.binary(max_size=40), max_size=6)


def framed(payload: bytes) -> bytes:
    head, foot = tfrecord.frame(payload)
    return head + payload + foot


def scanned(data: bytes) -> list[tuple[int, bytes]]:
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.seek(0)
        return list(tfrecord.scan(file, "x.tfrecord"))


def test_the_masked_checksum_is_the_one_of_the_standard():
    # RFC 3720 B.4: CRC32C of 32 zero bytes is 0x8A9136AA; masked as in tensorflow/core/lib/hash/crc32c.h
    crc = 0x8A9136AA
    assert tfrecord.masked_crc(bytes(32)) == ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


@given(payloads)
def test_scan_finds_every_record_where_the_index_says(contents):
    data = b"".join(map(framed, contents))
    found = scanned(data)
    assert [payload for _, payload in found] == contents
    spans = [(offset, len(payload) + tfrecord.OVERHEAD) for offset, payload in found]
    index = tfrecord.read_index(tfrecord.write_index(spans), "x.index")
    assert [tuple(row) for row in index.tolist()] == spans
    for (offset, length), payload in zip(spans, contents, strict=True):
        assert tfrecord.unframe(data[offset : offset + length], "x") == payload


@given(st.lists(st.binary(min_size=1, max_size=20), min_size=2, max_size=4), st.data())
def test_any_flipped_bit_is_found_and_earlier_records_are_still_given(contents, data):
    whole = bytearray(b"".join(map(framed, contents)))
    bit = data.draw(st.integers(0, 8 * len(whole) - 1))
    whole[bit // 8] ^= 1 << bit % 8
    with tempfile.TemporaryFile() as file:
        file.write(whole)
        file.seek(0)
        given_before = []
        with pytest.raises(RecordError, match=r"^x\.tfrecord: record \d+ at byte \d+: ") as error:
            for _, payload in tfrecord.scan(file, "x.tfrecord"):
                given_before.append(payload)
    assert given_before == contents[: len(given_before)]
    assert f"record {len(given_before)} at byte" in str(error.value)


@given(st.lists(st.binary(max_size=20), min_size=1, max_size=3), st.data())
def test_a_cut_inside_a_record_is_found(contents, data):
    whole = b"".join(map(framed, contents))
    cut = data.draw(st.integers(1, len(framed(contents[-1])) - 1))
    with pytest.raises(RecordError, match="cut off after|the file ends before"):
        scanned(whole[: len(whole) - cut])


def test_a_lie_about_the_length_reads_nothing():
    length = (1 << 60).to_bytes(8, "little")
    lie = length + tfrecord.masked_crc(length).to_bytes(4, "little") + b"x" * 100
    with pytest.raises(
        RecordError, match=f"record 0 at byte 0: record says {1 << 60} bytes, the file ends before"
    ):
        scanned(lie)


@pytest.mark.parametrize(
    "damage, message",
    [
        (lambda r: r[:10], "s.tfrecord at byte 0: record cut off after 10 bytes"),
        (lambda r: b"\x01" + r[1:], "checksum of the record's length does not fit"),
        (lambda r: r[:-1], "record says 5 bytes, 4 are there"),
        (lambda r: r[:-5] + b"!" + r[-4:], "checksum of the record's content does not fit"),
    ],
)
def test_unframe_says_what_is_wrong(damage, message):
    with pytest.raises(RecordError, match=message):
        tfrecord.unframe(damage(framed(b"hello")), "s.tfrecord at byte 0")


@pytest.mark.parametrize("text", [b"1 2\n3", b"a b", b"1.5 2", b"99999999999999999999 1"])
def test_an_index_that_is_not_pairs_of_numbers_is_refused(text):
    with pytest.raises(RecordError, match="i.index: not lines of 'offset length'"):
        tfrecord.read_index(text, "i.index")


def test_an_empty_shard_has_an_empty_index(tmp_path: Path):
    assert scanned(b"") == []
    assert tfrecord.read_index(b"", "x").shape == (0, 2)
