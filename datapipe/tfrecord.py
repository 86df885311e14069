"""The TFRecord container: framing, checksums, index.

One record on disk is: length (uint64), masked CRC32C of these 8 bytes (uint32), the payload, masked CRC32C of
the payload (uint32), all little endian (tensorflow/core/lib/io/record_writer). There is no footer: a file cut
between two records looks whole, which is why the manifest keeps counts and hashes.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Iterator
from typing import BinaryIO, TypeVar

import google_crc32c
import numpy as np
from numpy.typing import NDArray

from datapipe.errors import RecordError

Bytes = TypeVar("Bytes", bytes, memoryview)
OVERHEAD = 16
"""Bytes of framing around a payload."""

_HEADER = struct.Struct("<QI")
_FOOTER = struct.Struct("<I")


def masked_crc(data: bytes | memoryview) -> int:
    """CRC32C, rotated right by 15 bits plus a constant, as TFRecord stores it."""
    plain = np.frombuffer(data, np.uint8) if isinstance(data, memoryview) and data else bytes(data)
    crc: int = google_crc32c.value(plain)  # takes bytes and arrays, no memoryview
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def frame(payload: bytes) -> tuple[bytes, bytes]:
    """What stands before and after a payload on disk."""
    length = struct.pack("<Q", len(payload))
    return length + _FOOTER.pack(masked_crc(length)), _FOOTER.pack(masked_crc(payload))


def unframe(framed: Bytes, where: str) -> Bytes:
    """Take one record out of its frame; a memoryview gives a view of it.

    Args:
        framed: header, payload and footer.
        where: shard and offset, for the message.

    Raises:
        RecordError: too short, another length than the frame says, or a checksum that does not fit.
    """
    if len(framed) < OVERHEAD:
        raise RecordError(f"{where}: record cut off after {len(framed)} bytes")
    length, length_crc = _HEADER.unpack_from(framed)
    if length_crc != masked_crc(framed[:8]):
        raise RecordError(f"{where}: checksum of the record's length does not fit")
    if length != len(framed) - OVERHEAD:
        raise RecordError(f"{where}: record says {length} bytes, {len(framed) - OVERHEAD} are there")
    payload = framed[_HEADER.size : -_FOOTER.size]
    if _FOOTER.unpack_from(framed, len(framed) - _FOOTER.size)[0] != masked_crc(payload):
        raise RecordError(f"{where}: checksum of the record's content does not fit")
    return payload


def scan(file: BinaryIO, name: str) -> Iterator[tuple[int, bytes]]:
    """Walk a shard from its start by the lengths in it, checking both checksums.

    Yields:
        (offset, payload) of each record.

    Raises:
        RecordError: at the first damage, naming the shard, the record's number and offset.
    """
    offset, number, size = 0, 0, os.fstat(file.fileno()).st_size
    while header := file.read(_HEADER.size):
        where = f"{name}: record {number} at byte {offset}"
        if len(header) < _HEADER.size:
            raise RecordError(f"{where}: record cut off after {len(header)} bytes")
        length, crc = _HEADER.unpack(header)
        if crc != masked_crc(header[:8]):
            raise RecordError(f"{where}: checksum of the record's length does not fit")
        if length > size - offset - OVERHEAD:
            raise RecordError(f"{where}: record says {length} bytes, the file ends before")
        yield offset, unframe(header + file.read(length + _FOOTER.size), where)
        offset, number = offset + length + OVERHEAD, number + 1


def write_index(spans: Iterable[tuple[int, int]]) -> bytes:
    """The index: one line "offset length" a record, the framed length, as tfrecord2idx and DALI read it."""
    return "".join(f"{offset} {length}\n" for offset, length in spans).encode("ascii")


def read_index(text: bytes, name: str) -> NDArray[np.int64]:
    """Parse an index.

    Returns:
        (N, 2) int64, offset and framed length of each record.

    Raises:
        RecordError: it is not pairs of numbers.
    """
    words = text.split()
    try:
        return np.array(words, dtype=np.int64).reshape(-1, 2)
    except (ValueError, OverflowError):
        raise RecordError(f"{name}: not lines of 'offset length'") from None
