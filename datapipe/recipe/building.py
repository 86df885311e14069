"""Nodes to values, by the annotations of the dataclasses: what is written is what is built."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from importlib import import_module
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import yaml

from datapipe.errors import did_you_mean, printable
from datapipe.recipe.document import Node, Place, line_of, pairs, scalar

Table = Mapping[str, type]
"""Class name -> class: what may stand in one section."""


@dataclass(frozen=True, eq=False)
class Builder:
    """Builds values of annotated types.

    tables: annotation -> the classes that a name may stand for there
    """

    tables: Mapping[Any, Table]

    def build(self, node: Node, wanted: Any, at: Place) -> Any:
        """The value of a node.

        Args:
            node: of `document.parse`.
            wanted: an annotation: bool, int, float, str, None, Any, a Literal, a union, tuple[...], a mapping
                from text, a dataclass, or a key of `tables`.
            at: where the node stands.

        Raises:
            InputError: place, what was found, what is wanted.
        """
        table = self.table(wanted)
        if table is not None:
            return self._named(node, table, at)
        if wanted is Any or wanted is object:
            return self._free(node, at)
        origin = get_origin(wanted)
        if origin in (Union, UnionType):
            return self._union(node, wanted, at)
        if origin is tuple:
            return self._tuple(node, wanted, at)
        if origin is not None and isinstance(origin, type) and issubclass(origin, Mapping):
            return self._mapping(node, wanted, at)
        if is_dataclass(wanted) and isinstance(wanted, type):
            return self.fields_of(node, wanted, at)
        if not isinstance(node, yaml.ScalarNode):
            at.refuse(f"{shown(node)}: want {self.words(wanted)}")
        return self._scalar(node, wanted, at)

    def fields_of(self, node: Node | None, kind: type, at: Place) -> Any:
        """A dataclass from a mapping of its fields; an empty value is all defaults.

        Raises:
            InputError: an unknown or a missing field, or a value that it refuses.
        """
        hints = hints_of(kind)
        known = [f for f in fields(kind) if f.init]
        given: dict[str, Any] = {}
        places: dict[str, Place] = {}
        if isinstance(node, yaml.MappingNode):
            for name, key, value in pairs(node):
                places[name] = here = at.key(name, key)
                if name not in hints or name not in {f.name for f in known}:
                    here.refuse(f"no such key: {did_you_mean(name, [f.name for f in known])}")
                given[name] = self.build(value, hints[name], here)
        elif node is not None and not empty(node):
            at.refuse(f"{shown(node)}: want keys of {kind.__name__}: {', '.join(f.name for f in known)}")
        for field in known:
            if field.name not in given and field.default is field.default_factory is MISSING:
                at.refuse(f"{kind.__name__} needs {field.name!r}: {self.words(hints[field.name])}")
        try:
            return kind(**given)
        except (ValueError, TypeError, ArithmeticError) as error:
            said = " ".join(str(error).split())
            first = said.split(" ")[0].rstrip(":")
            if first in places:
                places[first].refuse(said[len(first) :].lstrip(": "))
            return at.refuse(said)

    def table(self, wanted: Any) -> Table | None:
        """The classes that may stand where a field has this annotation, None where it is no table's."""
        try:
            return self.tables.get(wanted)
        except TypeError:  # an annotation that has no hash
            return None

    def _named(self, node: Node, table: Table, at: Place) -> Any:
        """`Flip`, `{Flip: {horizontal: 0.5}}` or `{mylab.steps.CopyPaste: {p: 0.3}}`."""
        example = next(iter(table), "mylab.steps.CopyPaste")
        if isinstance(node, yaml.ScalarNode) and not empty(node):
            name, body, place = str(node.value), None, at.key(str(node.value), node)
        elif isinstance(node, yaml.MappingNode) and len(node.value) == 1:
            ((name, key, body),) = pairs(node)
            place = at.key(name, key)
        elif isinstance(node, yaml.MappingNode) and node.value:
            names = [name for name, _, _ in pairs(node)]
            at.refuse(
                f"found the keys {listed(names)} side by side: want one class, its fields further in, "
                f"like {{{names[0]}: {{...}}}}; is the indentation off?"
            )
        else:
            at.refuse(f"{shown(node)}: want a class and its fields, like {{{example}: {{...}}}}")
        return self.fields_of(body, self.class_named(name, table, place), place)

    def class_named(self, name: str, table: Table, at: Place) -> type:
        """The class of a table, or, for a name with a dot, an imported one.

        Raises:
            InputError: there is none, or it is no dataclass.
        """
        if name in table:
            return table[name]
        module, _, attribute = name.rpartition(".")
        if not module:
            at.refuse(f"no such class: {did_you_mean(name, table)}, or a dotted name to import")
        try:
            kind = getattr(import_module(module), attribute)
        except Exception as error:  # a plugin's module may fail in any way it likes
            at.refuse(
                f"cannot be imported: {type(error).__name__}: {printable(error)} "
                "(is its folder on PYTHONPATH?)"
            )
        if not (isinstance(kind, type) and is_dataclass(kind)):
            at.refuse(f"want a frozen dataclass, this is another {type(kind).__name__}")
        return kind

    def _union(self, node: Node, wanted: Any, at: Place) -> Any:
        arms = [arm for arm in get_args(wanted) if self._fits(node, arm)]
        if len(arms) > 1:
            arms = [arm for arm in arms if self._fits(node, arm, deep=True)]
        if arms:
            return self.build(node, int if int in arms else arms[0], at)
        choices = [word for arm in get_args(wanted) if get_origin(arm) is Literal for word in get_args(arm)]
        if choices and _text(node):
            at.refuse(f"no {printable(node.value)!r}: {did_you_mean(node.value, choices)}")
        return at.refuse(f"{shown(node)}: want {self.words(wanted)}")

    def _fits(self, node: Node, arm: Any, deep: bool = False) -> bool:
        """Whether this arm of a union may be the one that is meant; `deep` looks into lists."""
        if self.table(arm) is not None:
            return isinstance(node, yaml.MappingNode) or _text(node)
        origin, inside = get_origin(arm), get_args(arm)
        if origin in (Union, UnionType):
            return any(self._fits(node, one, deep) for one in inside)
        if origin is tuple:
            if not isinstance(node, yaml.SequenceNode):
                return False
            kinds = inside[:1] * len(node.value) if inside[-1:] == (...,) else inside
            return len(kinds) == len(node.value) and (
                not deep or all(map(self._fits, node.value, kinds, [True] * len(kinds)))
            )
        if origin is Literal:
            return _scalar_in(node, inside)
        if arm is Any:
            return True
        if arm is NoneType:
            return empty(node)
        if arm is float:
            return _tagged(node, "int", "float")
        if arm in (int, bool):
            return _tagged(node, arm.__name__)
        return _text(node) if arm is str else isinstance(node, yaml.MappingNode)

    def _tuple(self, node: Node, wanted: Any, at: Place) -> tuple[Any, ...]:
        kinds = get_args(wanted)
        if not isinstance(node, yaml.SequenceNode):
            at.refuse(f"{shown(node)}: want {self.words(wanted)}")
        if kinds[-1:] == (...,):
            kinds = kinds[:1] * len(node.value)
        if len(kinds) != len(node.value):
            at.refuse(f"{len(node.value)} values: want {self.words(wanted)}")
        return tuple(
            self.build(item, kind, at.item(i, item))
            for i, (item, kind) in enumerate(zip(node.value, kinds, strict=True))
        )

    def _mapping(self, node: Node, wanted: Any, at: Place) -> dict[str, Any]:
        if not isinstance(node, yaml.MappingNode):
            at.refuse(f"{shown(node)}: want {self.words(wanted)}")
        inside = get_args(wanted)[1]
        return {name: self.build(value, inside, at.key(name, key)) for name, key, value in pairs(node)}

    def _scalar(self, node: yaml.ScalarNode, wanted: Any, at: Place) -> Any:
        value = scalar(node, at)
        if get_origin(wanted) is Literal:
            if not _scalar_in(node, get_args(wanted)):
                at.refuse(f"no {printable(repr(value))}: {did_you_mean(str(value), get_args(wanted))}")
            return value
        if wanted is float and type(value) is int:
            return float(value)
        if wanted in (bool, int, float, str, NoneType) and type(value) is wanted:
            return value
        return at.refuse(f"{shown(node)}: want {self.words(wanted)}")

    def _free(self, node: Node, at: Place) -> Any:
        """Plain values for whoever reads them: lists become tuples."""
        if isinstance(node, yaml.MappingNode):
            return {name: self._free(value, at.key(name, key)) for name, key, value in pairs(node)}
        if isinstance(node, yaml.SequenceNode):
            return tuple(self._free(item, at.item(i, item)) for i, item in enumerate(node.value))
        return scalar(node, at)

    def words(self, wanted: Any) -> str:
        """An annotation as a person would say it.

        Example: float | tuple[float, float] is "a number or [number, number]".
        """
        table, origin, inside = self.table(wanted), get_origin(wanted), get_args(wanted)
        if table is not None:
            return f"one of {', '.join(table)}"
        if origin in (Union, UnionType):
            return " or ".join(self.words(arm) for arm in inside)
        if origin is Literal:
            return f"one of {', '.join(map(str, inside))}" if len(inside) > 1 else f"{inside[0]}"
        if origin is tuple and inside[-1:] == (...,):
            return f"a list, each {self.words(inside[0])}"
        if origin is tuple:
            return f"[{', '.join(self.words(kind).removeprefix('a ') for kind in inside)}]"
        if is_dataclass(wanted):
            return f"keys of {getattr(wanted, '__name__', '')}"
        return _WORDS.get(wanted, "a mapping" if origin else "a value")


_WORDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    NoneType: "null",
}


def hints_of(kind: type) -> dict[str, Any]:
    """The resolved annotations of a dataclass."""
    return get_type_hints(kind)


def empty(node: Node) -> bool:
    """Whether nothing stands there, or null."""
    return _tagged(node, "null")


def shown(node: Node) -> str:
    """What was found, for a message."""
    if isinstance(node, yaml.ScalarNode):
        return "found nothing" if node.value == "" and empty(node) else f"found {printable(node.value)!r}"
    if isinstance(node, yaml.SequenceNode):
        return f"found a list of {len(node.value)}"
    keys = [name for name, _, _ in pairs(node)] if isinstance(node, yaml.MappingNode) else []
    return f"found the keys {listed(keys)}" if keys else "found {}"


def listed(names: list[str]) -> str:
    """Names in a row, at most five."""
    return ", ".join(printable(name, 30) for name in names[:5]) + (", ..." if len(names) > 5 else "")


def _tagged(node: Node, *kinds: str) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag.rpartition(":")[2] in kinds


def _text(node: Node) -> bool:
    return _tagged(node, "str")


def _scalar_in(node: Node, allowed: tuple[Any, ...]) -> bool:
    """Whether a scalar is one of these values, of the same type: `true` is not 1."""
    value = scalar(node, Place("", line_of(node))) if isinstance(node, yaml.ScalarNode) else None
    return any(value == one and type(value) is type(one) for one in allowed)
