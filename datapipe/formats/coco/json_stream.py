"""The entries of a JSON file's big root arrays, in batches, without ever holding the whole text.

A COCO file is `{"images": [...], "annotations": [...], "categories": [...], ...}`. `entries` reads
it block by block (`json_scan` finds the brackets), hands out the text of whole consecutive entries
with their borders, and keeps of the rest only a *skeleton*: the root with the wanted arrays
emptied. At the end the skeleton must be one valid JSON object, which finds repeated keys, garbage
between values and text after the end at no cost. What stands inside an entry is for the caller to
parse; that its brackets match is only counted here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from datapipe.errors import InputError, printable
from datapipe.formats.coco import json_exact
from datapipe.formats.coco.json_list import Batch as Batch
from datapipe.formats.coco.json_list import OpenList
from datapipe.formats.coco.json_scan import CLOSE_LIST, DEEPEST, OPEN_LIST, OPEN_OBJECT, Carry, Tokens, scan
from datapipe.formats.coco.json_skeleton import Skeleton
from datapipe.formats.coco.json_text import Blocks
from datapipe.formats.coco.json_text import read_span as read_span

BLOCK = 1 << 20
"""Bytes read at a time: fits the CPU's cache, and is large enough for NumPy's overhead to vanish."""


def _nobody(megabytes: int) -> None:
    """Progress nobody asked for."""


def entries(
    path: str,
    name: str,
    keys: Sequence[str],
    *,
    block: int = BLOCK,
    advance: Callable[[int], None] = _nobody,
) -> Iterator[Batch]:
    """Read the entries of some root arrays, in the order of the file.

    Args:
        path: the json file.
        name: what messages call it.
        keys: root keys that must be there and be lists.
        block: bytes to read at a time.
        advance: told the MB read.

    Raises:
        InputError: the file as a whole is no such JSON. What was yielded before counts only if this
            does not come.
    """
    reader = _Reader(path, name, keys)
    told = 0
    for offset, text in reader.blocks.read(block):
        yield from reader.feed(offset, text)
        if (done := (offset + len(text)) // 1_000_000) > told:
            advance(done - told)
            told = done
    reader.finish()


def root_lists(path: str, name: str, keys: Sequence[str], block: int = BLOCK) -> set[str]:
    """Which of `keys` are lists in the root; stops as soon as all are seen, parses no entry.

    Raises:
        InputError: the file cannot be scanned; a file broken further on may go unnoticed.
    """
    reader = _Reader(path, name, keys)
    for offset, text in reader.blocks.read(block):
        for _ in reader.feed(offset, text):
            pass
        if len(reader.seen) == len(keys):
            break
    return reader.seen


class _Reader:
    """State between blocks."""

    def __init__(self, path: str, name: str, keys: Sequence[str]) -> None:
        self.blocks = Blocks(path, name)
        self.seen: set[str] = set()
        self._name, self._keys = printable(name), keys
        self._carry = Carry()
        self._list: OpenList | None = None
        self._closed = False
        self._skeleton = Skeleton()

    def feed(self, offset: int, block: bytes) -> Iterator[Batch]:
        """Take the next block in."""
        tokens, self._carry = scan(block, self._carry)
        self._check_depth(tokens, offset)
        root = ((tokens.step > 0) & (tokens.depth <= 2)) | ((tokens.step < 0) & (tokens.depth <= 1))
        token, cursor = 0, 0
        for event in np.flatnonzero(root).tolist():
            at, kind = int(tokens.pos[event]), int(tokens.kind[event])
            if self._list is not None:
                if kind != CLOSE_LIST:
                    raise self._broken(offset + at, f"'{chr(kind)}' closes the list {self._list.key!r}")
                part = tokens.part(token, event)
                yield from self._take(self._list, part, offset, block[cursor:at], cursor, final=True)
                self._list, cursor = None, at
            elif tokens.step[event] > 0 and tokens.depth[event] == 1:
                self._open_root(offset + at, kind)
            elif tokens.step[event] > 0:
                self._skeleton.add(offset + cursor, block[cursor : at + 1])
                self._open_value(offset + at + 1, kind)
                cursor = at + 1
            elif tokens.depth[event] == 1:
                self._skeleton.add_inside(offset + cursor, block[cursor:at])
                self._skeleton.close_value()
                cursor = at
            else:
                self._closed = True
            token = event + 1
        if self._list is not None:
            part = tokens.part(token, len(tokens.pos))
            yield from self._take(self._list, part, offset, block[cursor:], cursor, final=False)
        elif self._carry.depth > 1:
            self._skeleton.add_inside(offset + cursor, block[cursor:])
        else:
            self._skeleton.add(offset + cursor, block[cursor:])

    def _take(
        self, opened: OpenList, tokens: Tokens, offset: int, text: bytes, cursor: int, final: bool
    ) -> Iterator[Batch]:
        try:
            batch = opened.take(tokens, offset, text, cursor, final)
        except json.JSONDecodeError as error:
            raise self._broken(error.pos, error.msg) from None
        if batch is not None:
            yield batch

    def finish(self) -> None:
        """Check the root once everything is read.

        Raises:
            InputError: the file is cut off, no JSON, or the wanted lists are not there.
        """
        if self._skeleton.is_blank():
            raise InputError(f"{self._name}: the file is empty; copy or export it again")
        if self._carry.depth or self._carry.in_string:
            what = "inside a text" if self._carry.in_string else f"with {self._carry.depth} brackets open"
            raise InputError(
                f"{self._name}: the json does not parse: it ends after {self.blocks.length} bytes {what}; "
                "the file was cut off, copy or export it again"
            )
        try:
            root = self._skeleton.parse()
        except json.JSONDecodeError as error:
            raise self._broken(error.pos, error.msg) from None
        if not isinstance(root, json_exact.Record):
            raise InputError(
                f"{self._name}: the root is {_shown(root)}, not an object; COCO begins with '{{'"
            )
        if root.repeated is not None:
            raise self._repeated(root.repeated)
        for key in self._keys:
            if key not in root:
                raise InputError(
                    f"{self._name}: the root has no key {key!r}; COCO needs {', '.join(self._keys)}"
                )
            if not isinstance(root[key], list):
                raise InputError(
                    f"{self._name}: {key!r} is {_shown(root[key])}, not a list; write a list there"
                )

    def _check_depth(self, tokens: Tokens, offset: int) -> None:
        if not len(tokens.depth):
            return
        if tokens.depth.min() < 0:
            at = offset + int(tokens.pos[np.argmax(tokens.depth < 0)])
            raise self._broken(at, "a bracket closes that never opened")
        if tokens.depth.max() > DEEPEST:
            at = offset + int(tokens.pos[np.argmax(tokens.depth > DEEPEST)])
            raise self._broken(at, f"brackets nest deeper than {DEEPEST} levels")

    def _open_root(self, at: int, kind: int) -> None:
        if self._closed:
            raise self._broken(at, "there is text after the end of the root object")
        if kind != OPEN_OBJECT:
            raise InputError(f"{self._name}: the root is a list, not an object; COCO begins with '{{'")

    def _open_value(self, at: int, kind: int) -> None:
        """A bracket opened directly in the root: is it one of the wanted lists?"""
        self._skeleton.open_value()
        key = self._skeleton.last_key() if kind == OPEN_LIST else None
        if key is not None and key in self._keys:
            if key in self.seen:
                raise self._repeated(key)
            self.seen.add(key)
            self._list = OpenList(key, at)

    def _repeated(self, key: str) -> InputError:
        return InputError(
            f"{self._name}: the root has the key {printable(repr(key))} twice; keep one of them"
        )

    def _broken(self, offset: int, why: str) -> InputError:
        where = self.blocks.line(offset)
        return InputError(f"{self._name}: {where}: the json does not parse: {why}; export the file again")


def _shown(value: object) -> str:
    return printable(json_exact.compact(value), limit=40)
