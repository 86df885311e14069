"""A JSON root without its big lists: small enough to be parsed whole, so nothing goes unnoticed."""

from __future__ import annotations

import json
from typing import Any

from datapipe.formats.coco import json_exact
from datapipe.formats.coco.json_scan import BACKSLASH, COLON, QUOTE

_KEPT_VALUE = 4 << 20
"""Bytes of another root value (info, licenses) that are parsed; a larger one is only balanced."""


class Skeleton:
    """Collects the root's text piece by piece."""

    def __init__(self) -> None:
        self._text = bytearray()
        self._origin: list[tuple[int, int]] = []  # (position here, offset in the file) of each piece
        self._inside = 0  # where the inside of the current value begins
        self._dropping = False

    def add(self, offset: int, text: bytes) -> None:
        """Add text of the root itself, which stands at `offset` in the file."""
        self._origin.append((len(self._text), offset))
        self._text += text

    def add_inside(self, offset: int, text: bytes) -> None:
        """Add text inside a bracketed value; of a value that grows too large, the inside is dropped."""
        if self._dropping or len(self._text) - self._inside + len(text) > _KEPT_VALUE:
            del self._text[self._inside :]
            self._dropping = True
        else:
            self.add(offset, text)

    def open_value(self) -> None:
        """The text so far ends with a value's opening bracket."""
        self._inside = len(self._text)

    def close_value(self) -> None:
        """The next text begins with the value's closing bracket."""
        self._dropping = False

    def is_blank(self) -> bool:
        """Whether there is nothing but white space."""
        return not self._text.strip()

    def last_key(self) -> str | None:
        """The key whose value has just opened."""
        end = len(self._text) - 1
        for byte in (COLON, QUOTE):
            while end and self._text[end - 1] in b" \t\r\n":
                end -= 1
            if not end or self._text[end - 1] != byte:
                return None
            end -= 1
        begin = end
        while (begin := self._text.rfind(b'"', 0, begin)) >= 0:
            slash = begin
            while slash and self._text[slash - 1] == BACKSLASH:
                slash -= 1
            if (begin - slash) % 2 == 0:
                break
        try:
            return str(json.loads(self._text[max(begin, 0) : end + 1]))
        except ValueError:
            return None

    def parse(self) -> Any:
        """Read the root, its big lists empty.

        Raises:
            json.JSONDecodeError: it is no JSON; `pos` is the byte in the file.
        """
        text = self._text.decode()
        try:
            return json_exact.loads(text)
        except json.JSONDecodeError as error:
            at = len(text[: error.pos].encode())
            piece, origin = max(item for item in self._origin if item[0] <= at)
            error.pos = origin + at - piece
            raise
