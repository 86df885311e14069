"""A JSON file as UTF-8 text in blocks, whatever its encoding; and spans of it, read back later.

Offsets are bytes of the file; for UTF-16 and UTF-32 they are bytes of the same text in UTF-8, which
is then decoded whole (such files come from spreadsheets and PowerShell, and are small).
"""

from __future__ import annotations

import codecs
import os
import stat
from collections.abc import Iterator
from functools import lru_cache
from io import BytesIO
from typing import BinaryIO

from datapipe.errors import InputError, printable

# UTF-32's little-endian mark begins with UTF-16's: the longer ones first.
_WIDE = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def _wide_encoding(head: bytes) -> str | None:
    return next((encoding for mark, encoding in _WIDE if head.startswith(mark)), None)


def _open(path: str, name: str) -> BinaryIO:
    """Open the text as UTF-8 bytes, at its beginning; a byte order mark of UTF-8 is still there."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise InputError(f"{printable(name)}: is not a regular file; give the json file itself")
        file = open(path, "rb")  # noqa: SIM115  the caller closes it
        try:
            if _wide_encoding(file.read(4)) is None:
                file.seek(0)
                return file
        except BaseException:
            file.close()
            raise
        about = os.fstat(file.fileno())
        file.close()
        return BytesIO(_decoded(path, name, about.st_mtime_ns, about.st_size))
    except OSError as error:
        raise InputError(
            f"{printable(name)}: cannot be read ({error.strerror}); check the path and rights"
        ) from error


@lru_cache(maxsize=2)
def _decoded(path: str, name: str, mtime_ns: int, size: int) -> bytes:
    with open(path, "rb") as file:
        raw = file.read()
    encoding = _wide_encoding(raw) or "utf-8"
    try:
        return raw.decode(encoding).encode()
    except UnicodeError as error:
        raise InputError(
            f"{printable(name)}: is not valid {encoding.upper()} ({error}); save it as UTF-8"
        ) from None


class Blocks:
    """The text's blocks, in order; `length` is the whole file's size in bytes of UTF-8."""

    def __init__(self, path: str, name: str) -> None:
        self._path, self._name = path, name
        with _open(path, name) as file:
            self.start = len(codecs.BOM_UTF8) if file.read(3) == codecs.BOM_UTF8 else 0
            self.length = file.seek(0, os.SEEK_END)

    def read(self, size: int) -> Iterator[tuple[int, bytes]]:
        """Yield (offset, block), checked to be UTF-8.

        Raises:
            InputError: the bytes are not UTF-8, or the file cannot be read.
        """
        check = codecs.getincrementaldecoder("utf-8")()
        offset = self.start
        with _open(self._path, self._name) as file:
            file.seek(offset)
            while block := self._next(file, size):
                cut = len(check.getstate()[0])
                if cut or not block.isascii():
                    self._check(check, block, offset - cut, final=False)
                yield offset, block
                offset += len(block)
        self._check(check, b"", offset - len(check.getstate()[0]), final=True)

    def _next(self, file: BinaryIO, size: int) -> bytes:
        try:
            return file.read(size)
        except OSError as error:
            raise InputError(f"{printable(self._name)}: cannot be read ({error.strerror})") from error

    def _check(self, check: codecs.IncrementalDecoder, block: bytes, offset: int, final: bool) -> None:
        try:
            check.decode(block, final)
        except UnicodeDecodeError as error:
            where = self.line(offset + error.start)
            bad = error.object[error.start : error.start + 1].hex()
            message = f"{printable(self._name)}: {where}: byte 0x{bad} is not UTF-8; save the file as UTF-8"
            raise InputError(message) from None

    def line(self, offset: int) -> str:
        """An offset as a person finds it: "line 3, column 7 (byte 120)". Reads the file again."""
        newlines, last = 0, self.start - 1
        with _open(self._path, self._name) as file:
            at = 0
            while at < offset and (block := file.read(min(1 << 20, offset - at))):
                newlines += block.count(b"\n")
                if (found := block.rfind(b"\n")) >= 0:
                    last = at + found
                at += len(block)
        return f"line {newlines + 1}, column {offset - last} (byte {offset})"


class _Kept:
    """A file kept open for reading spans; the descriptor goes with it."""

    def __init__(self, path: str) -> None:
        self._descriptor = os.open(path, os.O_RDONLY)
        self._wide = b""
        if _wide_encoding(os.pread(self._descriptor, 4, 0)) is not None:
            about = os.fstat(self._descriptor)
            self._wide = _decoded(path, path, about.st_mtime_ns, about.st_size)

    def __del__(self) -> None:
        if hasattr(self, "_descriptor"):
            os.close(self._descriptor)

    def read(self, offset: int, length: int) -> bytes:
        if self._wide:
            return self._wide[offset : offset + length]
        return os.pread(self._descriptor, length, offset)


@lru_cache(maxsize=8)
def _kept(path: str, inode: int, mtime_ns: int, size: int) -> _Kept:
    return _Kept(path)


def read_span(path: str, offset: int, length: int) -> bytes:
    """Read a piece of the text back, as UTF-8. The file stays open: pieces are asked for by the thousand.

    Args:
        path: absolute path of the json file.
        offset: bytes before it, as a reader gave them.
        length: bytes.

    Raises:
        InputError: the file is gone, or has become shorter since.
    """
    try:
        about = os.stat(path)
        raw = _kept(path, about.st_ino, about.st_mtime_ns, about.st_size).read(offset, length)
    except OSError as error:
        raise InputError(f"{printable(path)}: cannot be read ({error.strerror}); ingest again") from None
    if len(raw) < length:
        raise InputError(f"{printable(path)}: is shorter than when it was read; ingest again")
    return raw
