"""`tf.train.Example` without TensorFlow.

The three messages are built at run time in a descriptor pool of their own: in protobuf's default pool a later
`import tensorflow` would die of a duplicate symbol. The wire format is the same, and serialisation is
deterministic (map entries sorted), so equal records are equal bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

Value = bytes | Sequence[bytes] | Sequence[int] | Sequence[float]

_LISTS = {"BytesList": "TYPE_BYTES", "FloatList": "TYPE_FLOAT", "Int64List": "TYPE_INT64"}


@cache
def _example_class() -> Any:
    """The message class, from tensorflow/core/example/{example,feature}.proto spelt out."""
    proto = descriptor_pb2.FileDescriptorProto(
        name="datapipe/example.proto", package="tensorflow", syntax="proto3"
    )
    field = descriptor_pb2.FieldDescriptorProto

    def message(name: str, *fields: tuple[str, int, str, str | None, bool]) -> Any:
        made = proto.message_type.add(name=name)
        for field_name, number, kind, type_name, repeated in fields:
            added = made.field.add(
                name=field_name,
                number=number,
                type=getattr(field, kind),
                label=field.LABEL_REPEATED if repeated else field.LABEL_OPTIONAL,
            )
            if type_name:
                added.type_name = type_name
            elif repeated and kind != "TYPE_BYTES":
                added.options.packed = True
        return made

    for name, kind in _LISTS.items():
        message(name, ("value", 1, kind, None, True))
    feature = message(
        "Feature",
        *(
            (f"{name[:-4].lower()}_list", number, "TYPE_MESSAGE", f".tensorflow.{name}", False)
            for number, name in enumerate(_LISTS, 1)
        ),
    )
    feature.oneof_decl.add(name="kind")
    for added in feature.field:
        added.oneof_index = 0
    features = message("Features", ("feature", 1, "TYPE_MESSAGE", ".tensorflow.Features.FeatureEntry", True))
    entry = features.nested_type.add(name="FeatureEntry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, type=field.TYPE_STRING, label=field.LABEL_OPTIONAL)
    entry.field.add(
        name="value",
        number=2,
        type=field.TYPE_MESSAGE,
        label=field.LABEL_OPTIONAL,
        type_name=".tensorflow.Feature",
    )
    message("Example", ("features", 1, "TYPE_MESSAGE", ".tensorflow.Features", False))
    pool = descriptor_pool.DescriptorPool()
    pool.Add(proto)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("tensorflow.Example"))


def encode(
    texts: Iterable[tuple[str, Sequence[bytes]]],
    floats: Iterable[tuple[str, Sequence[float]]],
    ints: Iterable[tuple[str, Sequence[int]]],
) -> bytes:
    """Serialise features by kind; the same features give the same bytes, in whatever order they come."""
    example = _example_class()()
    feature = example.features.feature
    for key, values in texts:
        feature[key].bytes_list.value.extend(values)
    for key, reals in floats:
        feature[key].float_list.value.extend(reals)
    for key, numbers in ints:
        feature[key].int64_list.value.extend(numbers)
    serialised: bytes = example.SerializeToString(deterministic=True)
    return serialised


def decode(
    payload: bytes | memoryview,
    apart: str = "",
    only: Sequence[str] | None = None,
    taken: tuple[memoryview | None, bytes | memoryview] | None = None,
) -> dict[str, Sequence[Any]]:
    """Parse an Example into key -> list of bytes, floats or ints.

    Args:
        payload: the message.
        apart: a key whose one large value comes as a view of the payload, which saves two copies of it. It
            comes as bytes like any other where the payload is laid out as only other writers do.
        only: the other keys that are wanted, if not all; those that are absent stay so.
        taken: `taken_out(payload, apart)`, where it is known already.

    Raises:
        ValueError: the payload is not a tf.train.Example.
    """
    value, rest = taken or (taken_out(payload, apart) if apart else (None, payload))
    try:
        features = _example_class().FromString(rest).features.feature
    except Exception as error:  # protobuf's DecodeError has no public home that all its backends share
        raise ValueError(f"not a tf.train.Example: {error}") from None
    if only is not None and apart:
        only = (apart, *only)
    if value is not None and apart in features:
        return decode(payload, only=only)
    found: dict[str, Sequence[Any]] = {}
    for key in features if only is None else [key for key in only if key in features]:
        feature = features[key]
        kind = feature.WhichOneof("kind")
        found[key] = getattr(feature, kind).value if kind else ()
    return found if value is None else found | {apart: (value,)}


_PART = 0x0A
"""Tag of field 1 with a length: of features, an entry of the map, its key, a list of bytes, a value."""


def taken_out(message: bytes | memoryview, apart: str) -> tuple[memoryview | None, bytes | memoryview]:
    """A feature of one bytes value, and the Example without it; (None, all) for another layout than ours.

    An Example is 0A n Features, Features are one 0A n Entry after another, and an Entry is 0A n key, then
    12 n Feature with Feature 0A n BytesList with BytesList 0A n value; n is a varint.
    """
    payload, key = memoryview(message), apart.encode()
    whole, size = (None, payload), len(payload)
    try:
        first, end = _part(payload, 0, _PART)
        at = first
        while end == size and at < end:
            entry, following = _part(payload, at, _PART)
            name, after = _part(payload, entry, _PART)
            if after > following:
                return whole
            if payload[name:after] == key:
                start, ends = _part(payload, after, 0x12)
                for _ in "list", "value":
                    start, inner = _part(payload, start, _PART)
                    if inner != ends:
                        return whole
                rest = b"".join((payload[first:at], payload[following:]))
                return (payload[start:ends], _framed(rest)) if ends == following else whole
            at = following
    except IndexError:
        return whole
    return whole


def _part(payload: memoryview, at: int, tag: int) -> tuple[int, int]:
    """Where the content of a field begins and ends.

    Raises:
        IndexError: another field, or the payload ends before.
    """
    if payload[at] != tag:
        raise IndexError
    at, length, shift = at + 1, 0, 0
    while True:
        byte = payload[at]
        length |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            break
    if at + length > len(payload) or shift > 35:
        raise IndexError
    return at, at + length


def _framed(features: bytes) -> bytes:
    """An Example of some features."""
    length, head = len(features), bytearray([_PART])
    while length > 0x7F:
        head.append(length & 0x7F | 0x80)
        length >>= 7
    return bytes([*head, length]) + features
