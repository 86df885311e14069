"""The loader on small dataclasses: what is written is what is built, or a line says why not."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from steps_for_recipes import CopyPaste, Mirror, Nest, Scales, Step, Turn

from datapipe.errors import InputError
from datapipe.recipe import dumping
from datapipe.recipe.building import Builder
from datapipe.recipe.document import Place, parse

BUILDER = Builder({Step: {kind.__name__: kind for kind in (Turn, Mirror, Nest)}})


@dataclass(frozen=True)
class Page:
    scales: Scales = Scales()
    steps: tuple[Step, ...] = ()


def build(text: str) -> Page:
    page: Page = BUILDER.fields_of(parse(text, "my.yaml"), Page, Place("my.yaml"))
    return page


def refused(text: str) -> str:
    with pytest.raises(InputError) as caught:
        build(text)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_an_empty_page_is_all_defaults():
    assert build("") == build("# nothing\n") == build("{}") == build("steps: []\nscales:\n") == Page()


def test_a_class_is_named_letter_for_letter_with_its_fields_or_alone():
    assert build("steps: [Turn, {Mirror: {way: right}}, {Turn: }]").steps == (
        Turn(),
        Mirror(way="right"),
        Turn(),
    )


def test_lists_become_tuples_and_whole_numbers_become_numbers_where_numbers_are_wanted():
    (turn,) = build("steps: [{Turn: {degrees: [-5, 5], fill: [1, 2, 3], centre: [0, 1]}}]").steps
    assert turn == Turn((-5.0, 5.0), (1, 2, 3), (0.0, 1.0))
    assert isinstance(turn.degrees[0], float) and isinstance(turn.fill[0], int)
    (mirror,) = build("steps: [{Mirror: {boxes: [[1, 2], [3, 4.5]]}}]").steps
    assert mirror.boxes == ((1.0, 2.0), (3.0, 4.5))


@pytest.mark.parametrize(
    "text, value", [("1e-3", 0.001), ("5E2", 500.0), (".5", 0.5), ("-3", -3.0), ("1.", 1.0)]
)
def test_numbers_are_those_of_yaml_1_2(text: str, value: float):
    assert build(f"steps: [{{Turn: {{degrees: {text}}}}}]").steps[0].degrees == value


def test_words_that_yaml_1_1_takes_for_something_else_are_words():
    for word in ("no", "on", "yes", "1:30", "2001-01-01", "0x10", "1_000", "<<"):
        assert build(f"steps: [{{Mirror: {{name: {word}}}}}]").steps[0].name == word
    assert "found 'yes': want true or false" in refused("steps: [{Mirror: {always: yes}}]")


def test_a_union_takes_the_arm_that_is_meant():
    def turn(text: str) -> Turn:
        return build(f"steps: [{{Turn: {{{text}}}}}]").steps[0]

    assert turn("fill: edge").fill == "edge"
    assert turn("fill: 7").fill == 7
    assert turn("centre: null").centre is None is turn("centre: ").centre
    assert turn("degrees: 3").degrees == 3.0


def test_steps_nest_and_free_values_stay_as_written():
    (nest,) = build(
        "steps:\n- Nest:\n    inner: [Turn, {Nest: {inner: []}}]\n    free: {a: [1, 2.0, no], b: {c: }}\n"
        "    whatever: [1, {OneOf: [{x: true}]}]"
    ).steps
    assert nest.inner == (Turn(), Nest(()))
    assert nest.free == {"a": (1, 2.0, "no"), "b": {"c": None}} and isinstance(nest.free["a"][1], float)
    assert nest.whatever == (1, {"OneOf": ({"x": True},)})


def test_aliases_state_a_fact_once():
    assert build("scales: &s {smallest: 32}\nsteps: [{Mirror: {scales: *s}}]").steps[0].scales == Scales(32)


@pytest.mark.parametrize(
    "text, said",
    [
        ("setps: []", "my.yaml:1: setps: no such key: did you mean 'steps'? (there are: scales, steps)"),
        (
            "steps:\n- Turn: {p: 1}\n- Turn:\n    rotate: 5",
            "my.yaml:4: steps[1].Turn.rotate: no such key: (there are: degrees, fill, centre, p)",
        ),
        (
            "steps:\n- Trun: {p: 1}",
            "my.yaml:2: steps[0].Trun: no such class: did you mean 'Turn'? (there are: Turn, Mirror, Nest), "
            "or a dotted name to import",
        ),
        ("steps: [turn]", "my.yaml:1: steps[0].turn: no such class: did you mean 'Turn'?"),
        ("steps:\n- Turn:\n    p: 1.2", "my.yaml:3: steps[0].Turn.p: 1.2: want 0 to 1"),
        ("steps: [{Turn: {p: high}}]", "steps[0].Turn.p: found 'high': want a number"),
        ("steps: [{Turn: {p: true}}]", "steps[0].Turn.p: found 'true': want a number"),
        ("steps: [{Turn: {p: .inf}}]", "steps[0].Turn.p: .inf: want a finite number"),
        ("steps: [{Turn: {p: [1]}}]", "steps[0].Turn.p: found a list of 1: want a number"),
        (
            "steps: [{Turn: {degrees: [1, 2, 3]}}]",
            "steps[0].Turn.degrees: found a list of 3: want a number or [number, number]",
        ),
        ("steps: [{Turn: {degrees: [1, x]}}]", "steps[0].Turn.degrees[1]: found 'x': want a number"),
        ("steps: [{Turn: {fill: egde}}]", "steps[0].Turn.fill: no 'egde': did you mean 'edge'?"),
        ("steps: [{Mirror: {way: rihgt}}]", "steps[0].Mirror.way: no 'rihgt': did you mean 'right'?"),
        ("steps: [{Mirror: {boxes: [[1]]}}]", "Mirror.boxes[0]: 1 values: want [number, number]"),
        ("steps: [{Mirror: {name: 3}}]", "Mirror.name: found '3': want a text"),
        (
            "steps: [{Mirror: {scales: [1]}}]",
            "Mirror.scales: found a list of 1: want keys of Scales: smallest",
        ),
        ("scales: {smallest: 3.5}", "scales.smallest: found '3.5': want a whole number"),
        ("scales: {smallest: '3'}", "scales.smallest: found '3': want a whole number"),
        ("scales: {smallest: }", "scales.smallest: found nothing: want a whole number"),
        ("steps: {Turn: {p: 1}}", "steps: found the keys Turn: want a list, each one of Turn, Mirror, Nest"),
        (
            "steps:\n- Turn:\n  p: 1",
            "my.yaml:2: steps[0]: found the keys Turn, p side by side: want one class, its fields further in",
        ),
        ("steps: [3.5]", "steps[0].3.5: cannot be imported"),
        ("steps: [[Turn]]", "steps[0]: found a list of 1: want a class and its fields, like {Turn: {...}}"),
        ("steps: [{Nest: {}}]", "steps[0].Nest: Nest needs 'inner': a list, each one of Turn"),
        ("steps: [{Nest: {inner: [], free: [1]}}]", "Nest.free: found a list of 1: want a mapping"),
        ("scales: {smallest: 1}\nsteps: []\nscales: {}", "my.yaml:3: scales: stands twice, first in line 1"),
        ("- 1", "my.yaml:1: found a list of 1: want keys of Page: scales, steps"),
        ("steps: [", "my.yaml:1: not YAML: "),
        ("a: b: c", "my.yaml:1: not YAML: mapping values are not allowed here"),
        ("{}\n---\n{}", "my.yaml:2: not YAML: expected a single document"),
        ("steps: *nowhere", "not YAML: found undefined alias 'nowhere'"),
        ("? [a]\n: 1", "my.yaml:1: a key is a word, not a list or a mapping"),
        ("scales: !!python/object:os.system {}", "scales: tag !!python/object:os.system has no place"),
        ("scales: {smallest: !!int x}", "scales.smallest: x: not of the type !!int"),
        ("steps: &a [*a]", "steps[0]: an alias leads back to what it is part of"),
        ("steps: \x07", "my.yaml:1: not YAML: "),
        ("{" * 5000, "my.yaml:1: "),
    ],
)
def test_a_refusal_names_place_found_and_wanted(text: str, said: str):
    assert said in refused(text)


def test_aliases_that_unfold_without_end_are_refused():
    lines = ["a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    for new, old in zip("bcdefg", "abcdef", strict=True):
        lines.append(f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]")
    assert "unfolds into more than 20000 values" in refused("\n".join(lines))


def test_a_dotted_name_is_imported():
    page = build("steps: [{steps_for_recipes.CopyPaste: {p: 0.3}}, steps_for_recipes.CopyPaste]")
    assert page.steps == (CopyPaste(0.3), CopyPaste())


@pytest.mark.parametrize(
    "name, said",
    [
        ("nowhere_at_all.Step", "cannot be imported: ModuleNotFoundError: No module named 'nowhere_at_all'"),
        ("steps_for_recipes.Nothing", "cannot be imported: AttributeError"),
        ("steps_for_recipes.no_class", "want a frozen dataclass"),
        ("steps_for_recipes.CopyPaste.p", "cannot be imported"),
        ("os.path.", "cannot be imported"),
    ],
)
def test_a_dotted_name_that_leads_nowhere_says_so(name: str, said: str):
    assert said in refused(f"steps: [{name}]")


def numbers() -> st.SearchStrategy[float]:
    return st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**6), 10**6).map(float)


def texts() -> st.SearchStrategy[str]:
    odd = [
        "\x85",
        "a\u2028b",
        "a\n\n b",
        "no",
        "1e-3",
        "1:30",
        "null",
        "~",
        "",
        "0x1",
        "true",
        "- a",
        "a: b",
        "#c",
        "'",
        " x ",
        "é",
        "1_0",
    ]
    return st.text() | st.sampled_from(odd)


def pages() -> st.SearchStrategy[Page]:
    free = st.recursive(
        st.none() | st.booleans() | st.integers() | numbers() | texts(),
        lambda inside: st.lists(inside, max_size=3).map(tuple) | st.dictionaries(texts(), inside, max_size=3),
        max_leaves=6,
    )
    turn = st.builds(
        Turn,
        numbers() | st.tuples(numbers(), numbers()),
        st.integers() | st.tuples(*[st.integers()] * 3) | st.just("edge"),
        st.none() | st.tuples(numbers(), numbers()),
        st.floats(0, 1),
    )
    mirror = st.builds(
        Mirror,
        st.sampled_from(["left", "right"]),
        st.booleans(),
        texts(),
        st.builds(Scales, st.integers(), st.integers()),
        st.lists(st.tuples(numbers(), numbers()), max_size=3).map(tuple),
    )
    plugin = st.builds(CopyPaste, numbers())
    step = st.recursive(
        turn | mirror | plugin,
        lambda inside: st.builds(
            Nest,
            st.lists(inside, max_size=3).map(tuple),
            st.dictionaries(texts(), free, max_size=2),
            st.lists(free, max_size=2).map(tuple),
        ),
        max_leaves=4,
    )
    return st.builds(Page, st.builds(Scales, st.integers()), st.lists(step, max_size=4).map(tuple))


def texts_of(page: Page) -> Iterator[str]:
    for full in (False, True):
        held = dumping.plain(page, Page, BUILDER, full)
        yield "".join(dumping.section(name, value) for name, value in held.items())


@given(pages())
def test_dump_then_load_is_the_identity(page: Page):
    for text in texts_of(page):
        assert build(text) == page
        assert "\t" not in text or "\\t" in text


@given(pages())
def test_what_is_dumped_reads_the_same_in_an_ordinary_yaml_reader(page: Page):
    for text in texts_of(page):
        ordinary = yaml.safe_load(text) or {}
        for step in ordinary.get("steps", []):
            assert isinstance(step, dict) and len(step) == 1


def test_equal_values_have_one_text():
    assert Turn(10) == Turn(10.0)  # type: ignore[comparison-overlap]
    one, other = (list(texts_of(Page(steps=(Turn(n, p=n / 10),)))) for n in (10, 10.0))
    assert one == other and "degrees: 10," in one[1]


def test_long_steps_stand_one_field_a_line():
    page = Page(steps=(Mirror(name="x" * 80, boxes=((1.5, 2.0),) * 3), Turn(5)))
    brief = next(texts_of(page))
    assert brief == (
        f"steps:\n  - Mirror:\n      name: {'x' * 80}\n      boxes: [[1.5, 2], [1.5, 2], [1.5, 2]]\n"
        "  - Turn: {degrees: 5}\n"
    )


@pytest.mark.parametrize("value", [math.inf, math.nan, object(), 1j])
def test_what_no_recipe_can_hold_is_refused_when_it_is_dumped(value: Any):
    with pytest.raises(ValueError, match="a recipe holds"):
        dumping.plain(Page(steps=(Nest((), {"a": value}),)), Page, BUILDER, True)


def test_a_class_without_a_name_to_import_is_refused_when_it_is_dumped():
    @dataclass(frozen=True)
    class Local:
        p: float = 1.0

    with pytest.raises(ValueError, match="a recipe names classes at the top of a module"):
        dumping.plain(Page(steps=(Local(),)), Page, BUILDER, True)
