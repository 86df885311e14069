"""The reference of recipes, written from the dataclasses themselves: `recipes/README.md`.

python -m datapipe.recipe.reference > recipes/README.md
"""

from __future__ import annotations

import re
from dataclasses import MISSING, Field, fields, is_dataclass
from inspect import cleandoc
from typing import Any, get_args

from datapipe.recipe import dumping
from datapipe.recipe.building import hints_of
from datapipe.recipe.recipe import BUILDER, Recipe

HEAD = """# Recipes

A recipe is a page of YAML that says what happens to pictures on their way to a trainer. A key is a
field's name; a capitalised key is a class name, letter for letter, so that a search leads from the
page to the code. What is left out has its default. A name with a dot is imported
(`mylab.steps.CopyPaste: {p: 0.3}`): any frozen dataclass with the section's call is a step. A
mistake is an error with its line, what was found, and the nearest name.

Shipped: `yolov4`, `retinanet`, `mobilenet_ssd` to train with, `moderate` and `harsh` to compare.
Every command that takes `--recipe` takes a file or one of these names. `Recipe.load`, `.dump()` and
`.hash` are the same in Python.

This page is made from the code: `python -m datapipe.recipe.reference > recipes/README.md`.
"""
_ENTRY = re.compile(r"(?P<names>[a-z_]+(?:, [a-z_]+)*): +(?P<text>\S.*)")


def reference() -> str:
    """Every section, class and field of recipes with its type, default and meaning, as Markdown."""
    hints = hints_of(Recipe)
    told = meanings(Recipe)
    parts = [HEAD]
    for field in fields(Recipe):
        wanted = hints[field.name]
        element = get_args(wanted)[0] if get_args(wanted) else wanted
        table = BUILDER.table(element)
        parts.append(f"## {field.name}\n\n{_sentence(told[field.name])}\n")
        if table is None:
            parts.append(_fields(element))
            nested = [arm for hint in hints_of(element).values() for arm in (hint, *get_args(hint))]
            kinds = [kind for kind in nested if isinstance(kind, type) and is_dataclass(kind)]
            parts += [f"### {kind.__name__}\n\n{_first(kind)}\n\n{_fields(kind)}" for kind in kinds]
        else:
            parts += [f"### {name}\n\n{_first(kind)}\n\n{_fields(kind)}" for name, kind in table.items()]
    return "\n".join(parts)


def meanings(kind: type) -> dict[str, str]:
    """Field -> what the class's docstring says of it, on one line."""
    told: dict[str, str] = {}
    names: list[str] = []
    for line in cleandoc(kind.__doc__ or "").splitlines():
        entry = _ENTRY.fullmatch(line)
        if entry:
            names = entry["names"].split(", ")
            told |= dict.fromkeys(names, entry["text"])
        elif names and line.startswith("  "):
            told |= {name: f"{told[name]} {line.strip()}" for name in names}
        else:
            names = []
    return told


def _fields(kind: type) -> str:
    hints, told = hints_of(kind), meanings(kind)
    rows = ["| field | wants | default | |", "|---|---|---|---|"]
    for field in fields(kind):
        cells = (
            f"`{field.name}`",
            BUILDER.words(hints[field.name]),
            _default(field, hints[field.name]),
            told.get(field.name, ""),
        )
        rows.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join(rows) + "\n"


def _default(field: Field[Any], wanted: Any) -> str:
    value = field.default if field.default is not MISSING else None
    if field.default_factory is not MISSING:
        value = field.default_factory()
    elif field.default is MISSING:
        return "must be given"
    return f"`{dumping.flow(dumping.plain(value, wanted, BUILDER, full=False))}`"


def _first(kind: type) -> str:
    return cleandoc(kind.__doc__ or "").split("\n\n")[0].replace("\n", " ")


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


if __name__ == "__main__":
    print(reference(), end="")
