"""One section of a recipe's text changes; every other line stays, letter for letter."""

from __future__ import annotations

import pytest

from datapipe.errors import InputError
from datapipe.recipe.editing import with_section

NEW = {"YoloV4": {"anchors_wh": [[1, 2]]}}
FLOW = "targets: {YoloV4: {anchors_wh: [[1, 2]]}}\n"


def edited(text: str, comment: str = "") -> str:
    return with_section(text, "targets", NEW, comment, "my.yaml")


def test_lines_around_a_section_stay_as_they_were():
    before = "# head\ninput: {hw: [64, 64]}   # mine\n\n# about targets\n"
    after = "\n# about the stream\nstream: {window: 8,\n         group: 8}\n# foot"
    old = "targets:  # old\n  Raw:\n    # old\n    pad_to: 5 # old\n\n    # old\n  # old\n"
    assert edited(before + old + after) == before + FLOW + after


def test_a_comment_stands_inside_the_section():
    assert edited("targets: Raw\n", "why") == ("targets:\n  # why\n  YoloV4: {anchors_wh: [[1, 2]]}\n")


@pytest.mark.parametrize(
    "text, wanted",
    [
        ("", FLOW),
        ("# only a remark", f"# only a remark\n{FLOW}"),
        ("input: {hw: [64, 64]}", f"input: {{hw: [64, 64]}}\n{FLOW}"),
        ("targets: Raw", FLOW),
        ("targets:\n", FLOW),
        ("targets: {Raw:\n  {pad_to: 3}}\nmix: []\n", f"{FLOW}mix: []\n"),
        ("  input: {hw: [64, 64]}\n  targets: Raw\n", f"  input: {{hw: [64, 64]}}\n  {FLOW}"),
        (
            "input:\r\n  hw: [64, 64]\r\ntargets: Raw\r\n",
            "input:\r\n  hw: [64, 64]\r\n" + FLOW.strip() + "\r\n",
        ),
        ("{targets: {Raw: {pad_to: 3}}, mix: []} # x", f"{{{FLOW.strip()}, mix: []}} # x"),
        ("{mix: []}", f"{{{FLOW.strip()}, mix: []}}"),
        ("{}", f"{{{FLOW.strip()}}}"),
        ("---\ntargets: Raw\n", f"---\n{FLOW}"),
    ],
)
def test_a_section_is_found_wherever_it_stands_or_added_at_the_end(text: str, wanted: str):
    assert edited(text) == wanted


def test_long_values_stand_one_key_a_line():
    pairs = [[i, i] for i in range(20)]
    text = with_section("targets: Raw\n", "targets", {"YoloV4": {"anchors_wh": pairs, "iou_threshold": 0.3}})
    assert text.splitlines()[:2] == ["targets:", "  YoloV4:"]
    assert text.splitlines()[2].startswith("    anchors_wh: [[0, 0], [1, 1]")
    assert text.splitlines()[3] == "    iou_threshold: 0.3"


def test_a_page_that_is_no_recipe_is_refused():
    with pytest.raises(InputError, match="my.yaml:1: a recipe is a mapping of sections"):
        edited("- 1")
