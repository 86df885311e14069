"""Class names of a YOLO source, and the plan they come with: obj.data, classes.txt, obj.names."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

from datapipe.errors import InputError, printable
from datapipe.formats.image_sets import SPLIT_NAMES
from datapipe.formats.text import NotReadable, read_text, storable

NAME_FILES = ("classes.txt", "obj.names", "_darknet.labels")
"""Files that hold one class name per line; any other `*.names` does too."""


@dataclass(frozen=True)
class Plan:
    """What a source says about itself, paths as written.

    file:   who says so, relative to the source
    path:   the folder that splits are relative to, "" for the source itself
    splits: split -> folders, lists or pictures; empty: look for the pictures
    note:   one sentence for the report
    """

    file: str
    names: tuple[str, ...]
    path: str = ""
    splits: dict[str, tuple[str, ...]] = field(default_factory=dict)
    note: str = ""


def check_names(file: str, key: str, names: list[Any]) -> tuple[str, ...]:
    """Names as text, each once.

    Raises:
        InputError: there is none, one is not text, or one stands there twice.
    """
    seen: dict[str, int] = {}
    for number, name in enumerate(names):
        if not isinstance(name, str):
            raise InputError(
                f"{printable(file)}: {key}[{number}] is {printable(_told(name), 60)}, not text; "
                "names like yes, no, on, off and numbers must be quoted"
            )
        stripped = name.strip()
        if not storable(name):
            raise InputError(f"{printable(file)}: {key}[{number}] {printable(name, 60)} is no Unicode text")
        if not stripped:
            raise InputError(f"{printable(file)}: {key}[{number}] is empty; every class needs a name")
        if stripped in seen:
            raise InputError(
                f"{printable(file)}: {key} has {printable(stripped)!r} twice, as {seen[stripped]} and "
                f"{number}; give each class its own name"
            )
        seen[stripped] = number
    if not seen:
        raise InputError(f"{printable(file)}: {key} is empty; list the class names")
    return tuple(seen)


def _told(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"a {type(value).__name__}" if isinstance(value, (list, dict)) else repr(value)


def check_count(file: str, key: str, count: Any, names: tuple[str, ...]) -> None:
    """Hold the declared number of classes against the names.

    Raises:
        InputError: they disagree.
    """
    text = str(count).strip() if isinstance(count, (int, float, str)) else ""
    if isinstance(count, bool) or text.removesuffix(".0") != str(len(names)):
        raise InputError(
            f"{printable(file)}: {key} is {printable(_told(count), 60)} but there are {len(names)} names; "
            "correct one of the two"
        )


def read_names(root: str, file: str) -> tuple[str, ...]:
    """Read one name per line; empty lines are allowed at the end only, because they would shift the ids."""
    lines = _lines(root, file)
    while lines and not lines[-1].strip():
        lines.pop()
    return check_names(file, "line", list(lines))


def read_darknet(root: str, file: str) -> Plan:
    """Read darknet's obj.data: classes, train, valid, test, names.

    Raises:
        InputError: the names are not found, or `classes` disagrees with them.
    """
    pairs = (line.partition("=") for line in _lines(root, file) if "=" in line.partition("#")[0])
    values = {key.strip().lower(): value.partition("#")[0].strip() for key, _, value in pairs}
    written = values.get("names", "")
    tried = [written, *without_first(written), os.path.basename(written), "obj.names"]
    names_file = next((one for one in tried if one and _inside_file(root, one)), None)
    if names_file is None:
        tried_text = ", ".join(printable(one) for one in dict.fromkeys(tried) if one)
        raise InputError(f"{printable(file)}: names {printable(written)!r} is not there; tried {tried_text}")
    names = read_names(root, names_file)
    if "classes" in values:
        check_count(file, "classes", values["classes"], names)
    splits: dict[str, tuple[str, ...]] = {
        split: (values[key],) for key, split in SPLIT_NAMES.items() if values.get(key)
    }
    note = f"classes as {printable(names_file)} says, splits as {printable(file)} says"
    return Plan(file, names, "", splits, note)


def find_names(root: str, files: list[str]) -> Plan | None:
    """Look for a file of names among `files` (relative to root); None if there is none.

    Raises:
        InputError: two of them disagree.
    """
    named = [f for f in files if os.path.basename(f).lower() in NAME_FILES or f.lower().endswith(".names")]
    read = {file: read_names(root, file) for file in sorted(named, key=lambda f: (f.count("/"), f))}
    if not read:
        return None
    first = next(iter(read))
    for file, names in read.items():
        if names != read[first]:
            raise InputError(
                f"{printable(first)} and {printable(file)}: they name different classes; keep the right one"
            )
    return Plan(first, read[first], note=f"classes as {printable(first)} says")


def _lines(root: str, file: str) -> list[str]:
    if not _inside_file(root, file):
        raise InputError(f"{printable(file)}: not a file inside the source")
    try:
        return read_text(os.path.join(root, file)).splitlines()
    except NotReadable as reason:
        raise InputError(f"{printable(file)}: {reason}; save it as UTF-8 text") from None


def without_first(path: str) -> list[str]:
    """Darknet's paths are relative to its own folder: data/obj.names is obj.names for us."""
    rest = path.removeprefix("./").partition("/")[2]
    return [rest] if rest else []


def _inside_file(root: str, file: str) -> bool:
    path = os.path.realpath(os.path.join(root, file))
    return path.startswith(os.path.realpath(root).rstrip(os.sep) + os.sep) and os.path.isfile(path)
