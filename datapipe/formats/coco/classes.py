"""COCO's categories as classes: which names there are, in which order, and which id means which.

A wrong class map poisons every box, so whatever leaves a *used* category uncertain is an error for
the whole file; what only clutters the list (a repeat, Roboflow's unused root) is dropped and told.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from typing import Any

from datapipe.errors import InputError, printable
from datapipe.findings import Finding
from datapipe.formats.coco.json_exact import compact, identifier
from datapipe.formats.coco.records import Id
from datapipe.formats.text import storable


@dataclass(frozen=True)
class Classes:
    """The class map of one file.

    names:    class names; class_id indexes them
    ids:      the category id of each
    findings: DP301, DP302
    notes:    what else was passed over
    """

    names: tuple[str, ...]
    ids: tuple[int | str, ...]
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Category:
    n: int
    id: int | str
    name: str

    @property
    def place(self) -> str:
        return f"categories[{self.n}] id {self.id}"


def classes_of(categories: list[Any], used: Set[Id], file: str) -> Classes:
    """Build the class map.

    Args:
        categories: the parsed entries of `categories`.
        used: category ids that annotations refer to.
        file: what messages call the file.

    Raises:
        InputError: one id has two names, a used category has no name, or two used ids share a name.
    """
    findings: list[Finding] = []
    notes: list[str] = []
    by_id: dict[int | str, _Category] = {}
    for n, value in enumerate(categories):
        category = _category(n, value, used, file, notes)
        if category is None:
            continue
        known = by_id.setdefault(category.id, category)
        if known is category:
            continue
        if known.name != category.name:
            raise InputError(
                f"{printable(file)}: {category.place}: the id has two names, {_quoted(known.name)} and "
                f"{_quoted(category.name)}; give every category an id of its own"
            )
        findings.append(Finding("DP301", "repaired", file, category.place, category.name))
    kept = _one_id_per_name(list(by_id.values()), used, file, findings)
    if all(isinstance(category.id, int) for category in kept):
        kept.sort(key=lambda category: category.id)
    else:
        kept.sort(key=lambda category: category.n)
    names, ids = tuple(c.name for c in kept), tuple(c.id for c in kept)
    return Classes(names, ids, tuple(findings), tuple(notes))


def _category(n: int, value: Any, used: Set[Id], file: str, notes: list[str]) -> _Category | None:
    """One entry, or None if it names no class and nothing needs it to."""
    category_id = identifier(value.get("id")) if isinstance(value, dict) else None
    if category_id is None:
        notes.append(f"categories[{n}] {printable(compact(value), 60)} has no id and was passed over")
        return None
    name = value.get("name")
    if isinstance(name, str) and name.strip() and storable(name):
        return _Category(n, category_id, name.strip())
    shown = printable(compact(name)) if "name" in value else "missing"
    if category_id in used:
        raise InputError(
            f"{printable(file)}: categories[{n}] id {printable(category_id)}: annotations use the "
            f"category, but its name is {shown}; give it a name"
        )
    notes.append(f"categories[{n}] id {printable(category_id)} has no name, is not used and was passed over")
    return None


def _one_id_per_name(
    categories: list[_Category], used: Set[Id], file: str, findings: list[Finding]
) -> list[_Category]:
    """Drop unused repeats of a name; of unused ones only, the first stays."""
    by_name: dict[str, list[_Category]] = {}
    for category in categories:
        by_name.setdefault(category.name, []).append(category)
    kept: list[_Category] = []
    for name, same in by_name.items():
        needed = [category for category in same if category.id in used]
        if len(needed) > 1:
            ids = " and ".join(printable(repr(category.id)) for category in needed[:2])
            raise InputError(
                f"{printable(file)}: {printable(needed[1].place)}: the name {_quoted(name)} belongs to two "
                f"ids that annotations use, {ids}; rename one, or give its annotations the other's id"
            )
        stays = (needed or same)[0]
        kept.append(stays)
        findings += [Finding("DP302", "repaired", file, c.place, c.name) for c in same if c is not stays]
    return kept


def _quoted(name: str) -> str:
    return printable(repr(name))
