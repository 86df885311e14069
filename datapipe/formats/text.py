"""Small files of text as people and tools really leave them: bytes off the disk, text, plain numbers.

Nothing here guesses: a file is UTF-8, or says what else it is with a byte order mark, or is not text.
"""

from __future__ import annotations

import codecs
import os
import re
import stat

LIMIT_BYTES = 64 << 20
"""No label, list or xml of one picture is larger; what is, is not read into memory."""

# UTF-32's little-endian mark begins with UTF-16's, so the longer ones come first.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)")
_WITH_EXPONENT = re.compile(_DECIMAL.pattern + r"(?:[eE][+-]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[+-]?(?:nan|inf|infinity)", re.IGNORECASE)


class NotReadable(ValueError):
    """A file's content cannot be had as text; the message is the reason, without the file's name."""


def read_bytes(path: str, limit: int = LIMIT_BYTES) -> bytes:
    """Read a regular file; a pipe or a device never makes this wait.

    Raises:
        NotReadable: it is not there, not a regular file, may not be read or is larger than `limit`.
    """
    try:
        # O_NONBLOCK: opening a FIFO that nobody writes to would otherwise hang for ever.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        raise NotReadable(getattr(error, "strerror", None) or str(error)) from None
    try:
        about = os.fstat(handle)
        if not stat.S_ISREG(about.st_mode):
            raise NotReadable("not a regular file")
        if about.st_size > limit:
            raise NotReadable(f"{about.st_size} bytes, more than {limit}")
        data = os.read(handle, about.st_size + 1)
        while len(data) <= limit and (more := os.read(handle, 1 << 20)):
            data += more
        return data
    except OSError as error:
        raise NotReadable(error.strerror or str(error)) from None
    finally:
        os.close(handle)


def decode(data: bytes) -> str:
    """Decode UTF-8 with or without a byte order mark, or UTF-16 and UTF-32 with one; the mark is dropped.

    Raises:
        NotReadable: the bytes are not that.
    """
    mark, encoding = next((m for m in _MARKS if data.startswith(m[0])), (b"", "utf-8"))
    try:
        return data[len(mark) :].decode(encoding)
    except UnicodeDecodeError as error:
        at = f"byte {error.start + len(mark)}"
        raise NotReadable(f"not {encoding.upper()} text: {at}, {error.reason}") from None


def read_text(path: str, limit: int = LIMIT_BYTES) -> str:
    """`decode` what `read_bytes` reads; raises NotReadable."""
    return decode(read_bytes(path, limit))


def storable(text: str) -> bool:
    """Whether text can be written as UTF-8: escapes in JSON and YAML can spell half a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text


def number(text: str, exponent: bool = False) -> float | None:
    """Read a plain ASCII decimal number; nothing else that Python's float() would take.

    Args:
        text: "12", "-0.5", ".5", "45.70"; white space around it is allowed.
        exponent: whether "1e-05" is a number too.

    Returns:
        The number; infinite if it overflows, NaN or infinite if the text says so, None if it is no number.
    """
    text = text.strip()
    if (_WITH_EXPONENT if exponent else _DECIMAL).fullmatch(text) or _NOT_FINITE.fullmatch(text):
        return float(text)
    return None
