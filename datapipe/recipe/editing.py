"""Change one section of a recipe's text and leave every other line as a person wrote it."""

from __future__ import annotations

from textwrap import indent
from typing import Any

import yaml

from datapipe.recipe import dumping
from datapipe.recipe.document import Place, pairs, parse


def with_section(text: str, name: str, value: Any, comment: str = "", source: str = "recipe") -> str:
    """The text with another value for a section, which is added at the end where it is missing.

    Comments above the section and below it stay; those inside it go with what they spoke of.

    Args:
        text: of a recipe.
        name: of the section.
        value: from `dumping.plain`.
        comment: a line to stand in the section.
        source: the file, for messages.

    Returns:
        The text; it may still mean something else than intended where the section shares an alias with
        another one, so read it before it is written.

    Raises:
        InputError: the text is no mapping.
    """
    root = parse(text, source)
    end = "\r\n" if "\r\n" in text else "\n"
    if root is None:
        return _ended(text, end) + dumping.section(name, value, comment).replace("\n", end)
    if not isinstance(root, yaml.MappingNode):
        Place(source).refuse("a recipe is a mapping of sections")
    keys = pairs(root)
    at = next((i for i, (key, _, _) in enumerate(keys) if key == name), None)
    if root.flow_style:
        if at is None:
            inside = root.start_mark.index + 1
            return f"{text[:inside]}{name}: {dumping.flow(value)}{', ' if keys else ''}{text[inside:]}"
        old = keys[at][2]
        return text[: old.start_mark.index] + dumping.flow(value) + text[old.end_mark.index :]
    pad = " " * keys[0][1].start_mark.column
    new = indent(dumping.section(name, value, comment), pad).replace("\n", end)
    if at is None:
        return _ended(text, end) + new
    lines = text.splitlines(keepends=True)
    first = keys[at][1].start_mark.line
    last = keys[at + 1][1].start_mark.line if at + 1 < len(keys) else len(lines)
    while last > first + 1 and _outside(lines[last - 1], pad):
        last -= 1
    return "".join([*lines[:first], new, *lines[last:]])


def spelt(text: str, name: str) -> set[str]:
    """The keys that stand in a section, one class's fields among them: someone wanted to see them there."""
    root = parse(text, "recipe")
    found: set[str] = set()
    for key, _, value in pairs(root) if isinstance(root, yaml.MappingNode) else []:
        if key == name:
            inside = [value]
            while inside:
                node = inside.pop()
                if isinstance(node, yaml.MappingNode):
                    found |= {word for word, _, _ in pairs(node)}
                    inside += [body for _, _, body in pairs(node)]
    return found


def _outside(line: str, pad: str) -> bool:
    """Whether a line below a section belongs to what follows: blank, or a comment no further in than keys."""
    return not line.strip() or (line.startswith(f"{pad}#") or line.startswith("#"))


def _ended(text: str, end: str) -> str:
    return text if not text or text.endswith("\n") else text + end
