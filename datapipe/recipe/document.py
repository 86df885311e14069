"""YAML text to a checked tree of nodes, each of which knows its line.

YAML 1.2's core schema is read, not 1.1's: `1e-3` is a number, `no` and `on` are words, `1:30` is text.
Nothing is constructed here, so nothing in a file can run.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from math import isfinite
from typing import NoReturn

import yaml

from datapipe.errors import InputError, printable

Node = yaml.nodes.Node
TAG = "tag:yaml.org,2002:"
NUMBER = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
SCALARS = {
    "null": (re.compile(r"~|null|Null|NULL|"), ["~", "n", "N", ""]),
    "bool": (re.compile(r"true|True|TRUE|false|False|FALSE"), list("tTfF")),
    "int": (re.compile(r"[-+]?[0-9]+"), list("-+0123456789")),
    "float": (
        re.compile(rf"{NUMBER.pattern}|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"),
        list("-+.0123456789"),
    ),
}
MOST_NODES = 20_000
"""Aliases counted as often as they stand: a page that unfolds into more is no recipe."""


@dataclass(frozen=True)
class Place:
    """Where something stands: source "my.yaml", line 7, path "geometry[1].Affine.rotate_deg"."""

    source: str
    line: int = 1
    path: str = ""

    def key(self, name: str, node: Node) -> Place:
        """The place of a key's value."""
        return replace(self, line=line_of(node), path=f"{self.path}.{name}".lstrip("."))

    def item(self, number: int, node: Node) -> Place:
        """The place of a list's item, from 0."""
        return replace(self, line=line_of(node), path=f"{self.path}[{number}]")

    def refuse(self, why: str) -> NoReturn:
        """Raise InputError with this place in front."""
        inside = f"{printable(self.path)}: " if self.path else ""
        raise InputError(f"{printable(self.source)}:{self.line}: {inside}{why}")


class _Loader(yaml.SafeLoader):
    """PyYAML's parser with YAML 1.2's core schema."""

    yaml_implicit_resolvers = {}


class Dumper(yaml.SafeDumper):
    """Quotes whatever a reader of YAML 1.1 or 1.2 would take for something other than text."""

    yaml_implicit_resolvers = {
        first: list(pairs) for first, pairs in yaml.SafeDumper.yaml_implicit_resolvers.items()
    }


def _text(dumper: Dumper, text: str) -> Node:
    """Text with line ends and the like in it is written in escapes: plain, YAML would fold it."""
    node: Node = dumper.represent_scalar(f"{TAG}str", text, style=None if text.isprintable() else '"')
    return node


Dumper.add_representer(str, _text)
for _kind in (_Loader, Dumper):
    for _name, (_pattern, _first) in SCALARS.items():
        _anchored = re.compile(rf"^(?:{_pattern.pattern})$")
        _kind.add_implicit_resolver(TAG + _name, _anchored, _first)


def line_of(node: Node) -> int:
    """A node's line, from 1."""
    return int(node.start_mark.line) + 1


def pairs(node: yaml.MappingNode) -> list[tuple[str, Node, Node]]:
    """(key, key's node, value's node) of a mapping that `parse` has checked."""
    return [(key.value, key, value) for key, value in node.value]


def parse(text: str, source: str) -> Node | None:
    """Parse one YAML document.

    Args:
        text: of the file.
        source: its name, for messages.

    Returns:
        The root, None where there is nothing but comments. Every key below is a word that stands once, every
        tag one of YAML's own, and no alias leads back to what it is part of.

    Raises:
        InputError: the text is not such a document; the message names line and key.
    """
    try:
        root = yaml.compose(text, _Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        about = " ".join(filter(None, (error.context, error.problem)))
        Place(source, mark.line + 1 if mark else 1).refuse(f"not YAML: {printable(about)}")
    except yaml.YAMLError as error:
        Place(source).refuse(f"not YAML: {printable(' '.join(str(error).split()))}")
    except RecursionError:
        Place(source).refuse("nested too deeply for a recipe")
    if root is not None:
        _check(root, Place(source), [], [0])
    return root


def _check(node: Node, at: Place, above: list[Node], count: list[int]) -> None:
    count[0] += 1
    if count[0] > MOST_NODES:
        at.refuse(f"unfolds into more than {MOST_NODES} values: this is no recipe")
    if any(node is one for one in above):
        at.refuse("an alias leads back to what it is part of")
    if node.tag.removeprefix(TAG) not in {*SCALARS, "str", "seq", "map"}:
        at.refuse(f"tag {printable(node.tag.replace(TAG, '!!'))} has no place in a recipe; leave it out")
    inside = [*above, node]
    if isinstance(node, yaml.SequenceNode):
        for i, item in enumerate(node.value):
            _check(item, at.item(i, item), inside, count)
    elif isinstance(node, yaml.MappingNode):
        seen: dict[str, Node] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                replace(at, line=line_of(key)).refuse("a key is a word, not a list or a mapping")
            place = at.key(key.value, key)
            if key.value in seen:
                place.refuse(f"stands twice, first in line {line_of(seen[key.value])}; keep one")
            seen[key.value] = key
            _check(value, place, inside, count)


def scalar(node: Node, at: Place) -> bool | int | float | str | None:
    """The value of a scalar node by its tag.

    Raises:
        InputError: an explicit tag and the text disagree, or the number is not finite.
    """
    kind, text = node.tag.removeprefix(TAG), str(node.value)
    if kind not in SCALARS:
        return text
    if not SCALARS[kind][0].fullmatch(text):
        at.refuse(f"{printable(text)}: not of the type !!{kind} that stands before it")
    if kind == "bool":
        return text.lower() == "true"
    if kind == "null":
        return None
    number = float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    if not isfinite(number):
        at.refuse(f"{printable(text)}: want a finite number")
    return int(text) if kind == "int" else number
