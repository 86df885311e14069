"""Values to recipe text: the inverse of `building`, and the same text for equal recipes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from math import isfinite
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

import numpy as np
import yaml

from datapipe.recipe.building import Builder, hints_of
from datapipe.recipe.document import Dumper

WIDTH = 100
"""A line longer than this is spread over one line a field."""


def plain(value: Any, wanted: Any, builder: Builder, full: bool) -> Any:
    """Dicts, lists and scalars of a value, such that `Builder.build` makes an equal one of them.

    Args:
        value: of the annotated type.
        wanted: its annotation.
        builder: knows the tables.
        full: also fields that hold their defaults.

    Raises:
        ValueError: no recipe can hold the value.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if builder.table(wanted) is not None:
        return {name_of(type(value), builder, wanted): _fields(value, builder, full)}
    origin = get_origin(wanted)
    if origin in (Union, UnionType):
        return plain(value, _arm(value, wanted, builder), builder, full)
    if is_dataclass(value):
        return _fields(value, builder, full)
    if isinstance(value, (tuple, list)):
        inside = get_args(wanted) or (Any, ...)
        kinds = inside[:1] * len(value) if inside[-1:] == (...,) else inside
        return [plain(item, kind, builder, full) for item, kind in zip(value, kinds, strict=True)]
    if isinstance(value, Mapping):
        kind = (get_args(wanted) or (str, Any))[1]
        return {str(name): plain(item, kind, builder, full) for name, item in value.items()}
    if isinstance(value, float):
        if not isfinite(value):
            raise ValueError(f"{value}: a recipe holds finite numbers")
        # 32 and 32.0 are equal, so they are one text; under Any they are what they are.
        return int(value) if wanted is not Any and value.is_integer() and abs(value) < 2**53 else value
    if value is None or isinstance(value, (bool, int, str)):
        return value
    raise ValueError(f"{value!r}: a recipe holds numbers, words, lists and mappings")


def name_of(kind: type, builder: Builder, wanted: Any) -> str:
    """What a recipe calls a class: its name in the table, else its dotted name.

    Raises:
        ValueError: it cannot be imported by a name.
    """
    table = builder.table(wanted) or {}
    if table.get(kind.__name__) is kind:
        return kind.__name__
    if "<" in kind.__qualname__ or "." in kind.__qualname__:
        raise ValueError(f"{kind.__qualname__}: a recipe names classes at the top of a module")
    return f"{kind.__module__}.{kind.__qualname__}"


def section(name: str, value: Any, comment: str = "") -> str:
    """A section's text; a list is one step a line, what is too long for a line one field a line.

    Args:
        name: of the section.
        value: from `plain`.
        comment: a line above the section's contents.

    Returns:
        Lines, each with its end. Example: "input: {hw: [608, 608]}".
    """
    note = f"# {comment}" if comment else ""
    if isinstance(value, list) and value:
        rows = [row for item in value for row in _listed(item)]
        return "\n".join([f"{name}:", *([f"  {note}"] if note else []), *rows, ""])
    if not note and len(line := f"{name}: {flow(value)}") <= WIDTH:
        return f"{line}\n"
    return "\n".join([f"{name}:", *([f"  {note}"] if note else []), *_spread(value, 2), ""])


def flow(value: Any) -> str:
    """A value on one line."""
    text = yaml.dump(
        value, Dumper=Dumper, default_flow_style=True, sort_keys=False, allow_unicode=True, width=2**31
    )
    return text.removesuffix("\n").removesuffix("...").removesuffix("\n")


def _listed(item: Any) -> list[str]:
    line = f"  - {flow(item).removeprefix('{').removesuffix('}') if _one(item) else flow(item)}"
    if len(line) <= WIDTH or not _one(item):
        return [line]
    ((name, body),) = item.items()
    return [f"  - {flow(name)}:", *_spread(body, 6)]


def _one(item: Any) -> bool:
    return isinstance(item, dict) and len(item) == 1


def _spread(value: Any, indent: int) -> list[str]:
    """A mapping one key a line; what is still too long goes one step further in."""
    pad = " " * indent
    if not isinstance(value, dict) or not value:
        return [pad + flow(value)]
    rows = []
    for name, inside in value.items():
        line = f"{pad}{flow(name)}: {flow(inside)}"
        if len(line) > WIDTH and isinstance(inside, dict):
            rows += [f"{pad}{flow(name)}:", *_spread(inside, indent + 2)]
        else:
            rows.append(line)
    return rows


def _fields(value: Any, builder: Builder, full: bool) -> dict[str, Any]:
    hints = hints_of(type(value))
    return {
        field.name: plain(getattr(value, field.name), hints[field.name], builder, full)
        for field in fields(value)
        if field.init and (full or not _default(field, getattr(value, field.name)))
    }


def _default(field: Field[Any], value: Any) -> bool:
    if field.default is not MISSING:
        return bool(field.default == value)
    return field.default_factory is not MISSING and bool(field.default_factory() == value)


def _arm(value: Any, wanted: Any, builder: Builder) -> Any:
    """The arm of a union that a value is of."""
    return next((arm for arm in get_args(wanted) if _of(value, arm, builder)), object)


def _of(value: Any, arm: Any, builder: Builder) -> bool:
    origin, inside = get_origin(arm), get_args(arm)
    if builder.table(arm) is not None:
        return is_dataclass(value)
    if origin in (Union, UnionType):
        return any(_of(value, one, builder) for one in inside)
    if origin is tuple:
        if not isinstance(value, (tuple, list)):
            return False
        kinds = inside[:1] * len(value) if inside[-1:] == (...,) else inside
        return len(kinds) == len(value) and all(map(_of, value, kinds, [builder] * len(value)))
    if origin is Literal:
        return any(value == one and type(value) is type(one) for one in inside)
    if arm is NoneType:
        return value is None
    if isinstance(origin, type):
        return isinstance(value, origin)
    return arm is Any or isinstance(value, (int, float) if arm is float else arm)
