"""One YOLO label file as a value: bytes in, boxes as fractions and what is wrong with rows out; no disk."""

from __future__ import annotations

import math
import re
from typing import NamedTuple

from datapipe.formats.columns import Row, Trouble
from datapipe.formats.text import NotReadable, decode, number

_CLASS = re.compile(r"([0-9]{1,9})(\.0*)?")
_PLAIN = re.compile(rb"[0-9eE+\-.\s]*")
"""Bytes in which whatever float() takes is a plain number: no nan, no inf, no 1_000, no foreign digits."""


class YoloFile(NamedTuple):
    """What one label file says.

    lines: line numbers, from 1, of the rows that stand for an object, usable or not
    """

    lines: list[int]
    rows: list[Row]
    troubles: list[Trouble]


def canonical(data: bytes) -> bytes:
    """The file as UTF-8 without a byte order mark: what spans count in.

    Raises:
        NotReadable: it is not text.
    """
    return data if data.isascii() else decode(data).encode()


def parse(data: bytes, classes: int) -> YoloFile:
    """Read rows `class cx cy w h` and `class x1 y1 x2 y2 x3 y3 ...`; blank lines and # comments are none.

    Numbers may have an exponent: Python's %g writes 1e-05 for a box at the border.

    Args:
        data: the file.
        classes: how many names there are.

    Returns:
        Rows with xyxy as fractions, not clipped. Example: `0 0.5 0.5 0.2 0.4` is (0.4, 0.3, 0.6, 0.7).

    Raises:
        NotReadable: it is not text.
    """
    data = canonical(data)
    plain = _PLAIN.fullmatch(data) is not None
    lines: list[int] = []
    rows: list[Row] = []
    troubles: list[Trouble] = []
    offset = 0
    for n, line in enumerate(data.splitlines(keepends=True), start=1):
        start, offset = offset, offset + len(line)
        tokens = line.split()
        if not tokens or tokens[0].startswith(b"#"):
            continue
        lines.append(n)
        if plain and len(tokens) == 5 and tokens[0].isdigit():
            row = _fast(n, tokens, classes)
            if row is not None:
                rows.append(row)
                continue
        _careful(n, tokens, classes, (start, len(line.rstrip())), rows, troubles)
    return YoloFile(lines, rows, troubles)


def _fast(n: int, tokens: list[bytes], classes: int) -> Row | None:
    """The usual row, or None if anything about it is not usual."""
    try:
        cx, cy, w, h = map(float, tokens[1:])
    except ValueError:
        return None
    x1, y1, x2, y2 = cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2
    class_id = int(tokens[0]) if len(tokens[0]) < 10 else classes
    # Infinities make the sum infinite or NaN, and neither is smaller than infinity.
    if class_id < classes and x1 < x2 and y1 < y2 and abs(x1 + y1 + x2 + y2) < math.inf:
        return Row(n, class_id, x1, y1, x2, y2)
    return None


def _careful(
    n: int,
    tokens: list[bytes],
    classes: int,
    span: tuple[int, int],
    rows: list[Row],
    troubles: list[Trouble],
) -> None:
    """Append the row with what was repaired, or why it is left out; a bad box hides a bad class."""
    texts = [token.decode() for token in tokens]
    polygon = len(texts) >= 7 and len(texts) % 2 == 1
    if len(texts) != 5 and not polygon:
        troubles.append(Trouble(n, "DP109", "left out", f"{len(texts)} columns"))
        return
    values = [number(text, exponent=True) for text in texts[1:]]
    for text, value in zip(texts[1:], values, strict=True):
        if value is None or not math.isfinite(value):
            troubles.append(Trouble(n, "DP101" if value is None else "DP102", "left out", text))
            return
    numbers = [value for value in values if value is not None]
    xyxy = _hull(numbers) if polygon else _corners(numbers)
    if not all(map(math.isfinite, xyxy)):
        troubles.append(Trouble(n, "DP102", "left out", " ".join(texts[1:])))
        return
    if xyxy[0] >= xyxy[2] or xyxy[1] >= xyxy[3]:
        troubles.append(Trouble(n, "DP103", "left out", " ".join(texts[1:])))
        return
    if polygon:
        troubles.append(Trouble(n, "DP122", "repaired", f"{len(numbers) // 2} points"))
    class_id = _class(n, texts[0], classes, troubles)
    rows.append(Row(n, class_id, *xyxy, 0, span if polygon else (0, 0)))


def _class(n: int, text: str, classes: int, troubles: list[Trouble]) -> int:
    match = _CLASS.fullmatch(text)
    if match is None or int(match[1]) >= classes:
        troubles.append(Trouble(n, "DP106", "ignored", text))
        return -1
    if match[2] is not None:
        troubles.append(Trouble(n, "DP123", "repaired", text))
    return int(match[1])


def _corners(cxcywh: list[float]) -> tuple[float, float, float, float]:
    cx, cy, w, h = cxcywh
    return cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2


def _hull(polygon: list[float]) -> tuple[float, float, float, float]:
    xs, ys = polygon[::2], polygon[1::2]
    return min(xs), min(ys), max(xs), max(ys)


def looks_like_labels(text: str) -> bool:
    """Whether a text's first row is at least five numbers: tells a stray label from a README."""
    for line in text.splitlines():
        tokens = line.split()
        if tokens and not tokens[0].startswith("#"):
            return len(tokens) >= 5 and all(number(t, exponent=True) is not None for t in tokens)
    return False


def read_polygon(data: bytes, span: tuple[int, int]) -> tuple[float, ...]:
    """The coordinates of the row at a span; () if there is no polygon there any more."""
    try:
        texts = canonical(data)[span[0] : span[0] + span[1]].decode(errors="replace").split()
    except NotReadable:
        return ()
    values = [number(text, exponent=True) for text in texts[1:]]
    usable = len(values) >= 6 and all(value is not None and math.isfinite(value) for value in values)
    return tuple(value for value in values if value is not None) if usable else ()
