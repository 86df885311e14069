"""JSON values without loss: numbers keep their text, a repeated key is not forgotten.

`json.loads` alone turns 9007199254740993.0 into ...992 and keeps the last of two equal keys; both
would be a guess about ids and boxes. This is the slow, exact way to read one record; `records`
has the fast one.
"""

from __future__ import annotations

import json
from collections import Counter
from decimal import Decimal, InvalidOperation
from typing import Any

from datapipe.formats.text import storable

_LONGEST_INT = 300
"""Digits; a longer one is read as an (infinite) float. No id needs it, and int() is quadratic."""


class Record(dict[str, Any]):
    """A JSON object that remembers a key it held twice."""

    repeated: str | None = None


class Number(float):
    """A JSON number with a point or an exponent (or NaN, Infinity), and how it was written."""

    text: str

    def __new__(cls, text: str) -> Number:
        """Read `text`; beyond the range of a double it is infinite."""
        number = super().__new__(cls, text)
        number.text = text
        return number


def _record(pairs: list[tuple[str, Any]]) -> Record:
    record = Record(pairs)
    if len(record) < len(pairs):
        counts = Counter(key for key, _ in pairs)
        record.repeated = next(key for key, count in counts.items() if count > 1)
    return record


def _integer(text: str) -> int | Number:
    return int(text) if len(text) <= _LONGEST_INT else Number(text)


_DECODER = json.JSONDecoder(
    object_pairs_hook=_record, parse_float=Number, parse_constant=Number, parse_int=_integer
)


def loads(text: str) -> Any:
    """Read one JSON value: objects are `Record`, numbers with a point or an exponent are `Number`.

    Raises:
        json.JSONDecodeError: the text is no JSON; `pos` is the character.
    """
    return _DECODER.decode(text)


def scalar_at(text: str, position: int) -> tuple[Any, int]:
    """Read the value that begins at a character; returns it and where it ends.

    Raises:
        json.JSONDecodeError: no value begins there.
    """
    return _DECODER.raw_decode(text, position)


def plain_loads(text: str) -> Any:
    """Read one JSON value as plain Python objects, however long its integers are."""
    return json.loads(
        text, parse_int=lambda digits: int(digits) if len(digits) <= _LONGEST_INT else float(digits)
    )


def identifier(value: Any) -> int | str | None:
    """An id as it is compared: whole numbers (1 is 1.0, exactly) or text; None for anything else.

    >>> identifier(Number("7.0")), identifier("7"), identifier(True), identifier(Number("7.5"))
    (7, '7', None, None)
    """
    if isinstance(value, Number):
        return _whole(value.text)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return value if isinstance(value, str) and value.strip() and storable(value) else None


def _whole(text: str) -> int | None:
    try:
        exact = Decimal(text)
    except InvalidOperation:  # Infinity, -Infinity and NaN do parse; an exponent beyond all bounds does not
        return None
    if not exact.is_finite() or abs(exact.adjusted()) > _LONGEST_INT:
        return 0 if exact.is_finite() and not exact else None
    return int(exact) if exact == exact.to_integral_value() else None


def compact(value: Any) -> str:
    """A value as short JSON text, numbers as they were written: `[1,2.50,"a",NaN]`."""
    match value:
        case Number():
            return value.text
        case dict():
            return "{" + ",".join(f"{compact(str(key))}:{compact(item)}" for key, item in value.items()) + "}"
        case list() | tuple():
            return "[" + ",".join(map(compact, value)) + "]"
        case _:
            return json.dumps(value, ensure_ascii=False)
