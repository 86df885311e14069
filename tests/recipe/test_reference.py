"""The reference page is what the dataclasses say, and they say something of every field."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from datapipe.augment.canvas import Input, MultiScale
from datapipe.augment.survival import ObjectRules
from datapipe.recipe import Recipe, StreamOptions
from datapipe.recipe.classes import TABLES
from datapipe.recipe.reference import meanings, reference

PAGE = Path(__file__).resolve().parents[2] / "recipes" / "README.md"
KINDS = [kind for table in TABLES.values() for kind in table.values()]


def test_the_page_is_fresh():
    wanted = "python -m datapipe.recipe.reference > recipes/README.md"
    assert PAGE.read_text("utf-8") == reference(), f"run: {wanted}"


def test_every_section_class_and_field_stands_on_the_page():
    page = reference()
    for section in fields(Recipe):
        assert f"\n## {section.name}\n" in page
    for kind in (*KINDS, MultiScale):
        assert f"\n### {kind.__name__}\n" in page


def test_every_field_is_told_in_its_class():
    for kind in (*KINDS, Input, MultiScale, ObjectRules, StreamOptions, Recipe):
        for field in fields(kind):
            assert meanings(kind).get(field.name), f"{kind.__name__}.{field.name}: say what it means"


def test_a_meaning_goes_over_several_lines_and_several_fields():
    told = meanings(MultiScale)
    assert told["min"] == told["max"] == "smallest and largest side in px, both multiples of `step`"
    told = meanings(ObjectRules)
    assert told["rotated"].startswith("what a box without a polygon becomes when it is turned")
    assert told["rotated"].endswith("(the box of its corners)")
