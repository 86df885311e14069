"""data.yaml: class names and splits as they are written, loaded safely and believed only if unambiguous."""

from __future__ import annotations

import os
from collections.abc import Hashable
from typing import Any

import yaml

from datapipe.errors import InputError, printable
from datapipe.formats.image_sets import SPLIT_NAMES
from datapipe.formats.text import NotReadable, read_text
from datapipe.formats.yolo.names import Plan, check_count, check_names

LIMIT_BYTES = 1 << 20
LIMIT_ALIASES = 100
_SPLIT_KEYS = {key: split for key, split in SPLIT_NAMES.items() if not key.endswith("ing")}


class _Loader(yaml.SafeLoader):
    """SafeLoader that refuses what makes a file mean two things, or grow without bound."""

    aliases = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            self.aliases += 1
            if self.aliases > LIMIT_ALIASES:
                raise yaml.MarkedYAMLError(problem=f"more than {LIMIT_ALIASES} aliases")
        return super().compose_node(parent, index)

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """`<<` copies whole mappings, which is how a short file becomes gigabytes: not done, so refused."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise yaml.MarkedYAMLError(
                        problem=f"{key.value!r} stands there twice", problem_mark=key.start_mark
                    )
                seen.add(key.value)
        return super().construct_mapping(node, deep)


def load(path: str) -> Plan:
    """Read a data.yaml.

    Raises:
        InputError: it does not parse, names are missing or unusable, nc disagrees, or a split is not text.
    """
    file = os.path.basename(path)
    content = _parse(path, file)
    names = check_names(file, "names", _names(file, content))
    if content.get("nc") is not None:
        check_count(file, "nc", content["nc"], names)
    if content.get("kpt_shape") is not None:
        raise InputError(
            f"{printable(file)}: kpt_shape says that rows hold keypoints, which look like polygons; "
            "write boxes (five columns) and delete kpt_shape"
        )
    where = content.get("path")
    if where is not None and not isinstance(where, str):
        raise InputError(f"{printable(file)}: path is {_kind(where)}, not a folder's name; quote it")
    splits: dict[str, tuple[str, ...]] = {}
    for key, split in _SPLIT_KEYS.items():
        values = _places(file, key, content.get(key))
        if values:
            splits[split] = splits.get(split, ()) + values
    return Plan(file, names, where or "", splits, f"classes and splits as {printable(file)} says")


def has_names(path: str) -> bool:
    """Whether a yaml file has `names` at its top: the cheap question before `load`."""
    try:
        text = read_text(path, LIMIT_BYTES)
    except NotReadable:
        return False
    return any(line.startswith(("names:", "names :", '"names"', "'names'")) for line in text.splitlines())


def _parse(path: str, file: str) -> dict[Any, Any]:
    try:
        content = yaml.load(read_text(path, LIMIT_BYTES), _Loader)
    except NotReadable as reason:
        raise InputError(f"{printable(file)}: {reason}; save it as UTF-8 text") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line = f" line {mark.line + 1}:" if mark else ""
        problem = printable(error.problem)
        raise InputError(f"{printable(file)}:{line} {problem}; correct the yaml") from None
    except RecursionError:
        raise InputError(f"{printable(file)}: it nests too deeply; a data.yaml is flat") from None
    except (yaml.YAMLError, ValueError, TypeError, OverflowError) as error:
        raise InputError(f"{printable(file)}: not yaml: {printable(error)}; correct it") from None
    if not isinstance(content, dict):
        raise InputError(f"{printable(file)}: it holds {_kind(content)}, not keys and values")
    return content


def _names(file: str, content: dict[Any, Any]) -> list[Any]:
    """Names in the order of their ids, from a list or from a mapping {0: ..., 1: ...}."""
    names = content.get("names")
    if isinstance(names, list):
        return names
    if names is None:
        raise InputError(f"{printable(file)}: 'names' is missing; list the class names there")
    if not isinstance(names, dict):
        raise InputError(
            f"{printable(file)}: names is {_kind(names)}; write a list of names, or ids from 0 and names"
        )
    by_id: dict[int, Any] = {}
    for key, name in names.items():
        number = key if type(key) is int else int(key) if _is_digits(key) else -1
        if number < 0 or number in by_id:
            shown = printable(repr(key), 60)
            raise InputError(f"{printable(file)}: names has the id {shown}; ids are 0, 1, 2, ...")
        by_id[number] = name
    for number in range(len(by_id)):
        if number not in by_id:
            raise InputError(
                f"{printable(file)}: names has {len(by_id)} ids but no {number}; ids go from 0 without gaps"
            )
    return [by_id[number] for number in range(len(by_id))]


def _is_digits(key: Any) -> bool:
    return isinstance(key, str) and key.isascii() and key.isdigit() and len(key) < 10


def _places(file: str, key: str, value: Any) -> tuple[str, ...]:
    """A split's folders or lists; an empty value, as in `test:`, says there is none."""
    if value is None or value == "":
        return ()
    values = value if isinstance(value, list) else [value]
    for one in values:
        if not isinstance(one, str) or not one.strip() or "\0" in one:
            raise InputError(f"{printable(file)}: {key} holds {_kind(one)}, not a path; quote it")
    return tuple(values)


def _kind(value: Any) -> str:
    """Name a value without printing one that might be huge.

    >>> _kind(True), _kind([1]), _kind(None)
    ('true', 'a list', 'nothing')
    """
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, dict)):
        return "a list" if isinstance(value, list) else "a mapping"
    return printable(repr(value), 60)
