"""What tags mean, and whose word counts when the app and the file differ."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datapipe.audit.marks import MarkedImage, MarkedObject, decisions, merge, things
from datapipe.edits import Edit

CLASSES = ("dog", "car")
BOX = (10.0, 10.0, 20.0, 30.0)


def image(*objects: MarkedObject, tags: tuple[str, ...] = (), **more: object) -> MarkedImage:
    return MarkedImage("1", (100, 80), tags, objects, **more)  # type: ignore[arg-type]


def thing(*tags: str, name: str = "dog", xyxy: tuple[float, ...] = BOX) -> MarkedObject:
    return MarkedObject("7", name, "dog", xyxy, BOX, tags)  # type: ignore[arg-type]


def test_nothing_marked_is_nothing_decided():
    assert decisions([image(thing()), image()], CLASSES) == decisions([], CLASSES)


@pytest.mark.parametrize("tag", ["leave_out", "leave out", "Leave-Out", " LEAVE OUT "])
def test_a_tag_may_be_spelt_as_people_spell_it(tag: str):
    found = decisions([image(tags=(tag, "why:blurred", "beautiful"))], CLASSES)
    assert found.edits == (Edit("1", "leave_out"),) and found.edits[0].why == "blurred"
    assert found.remarks == ()


@pytest.mark.parametrize(
    "marked, edit",
    [
        (thing("ignore"), Edit("1", "ignore", "7")),
        (thing("fine"), Edit("1", "fine", "7")),
        (thing("class:car"), Edit("1", "class", "7", class_name="car")),
        (thing(name="car"), Edit("1", "class", "7", class_name="car")),
        (thing("class:dog", name="car"), Edit("1", "class", "7", class_name="car")),
        (thing(xyxy=(11.0, 10, 20, 30)), Edit("1", "box", "7", xyxy=(11, 10, 20, 30))),
        (thing("box", xyxy=(-5, 10, 20.004, 99)), Edit("1", "box", "7", xyxy=(0, 10, 20, 80))),
    ],
)
def test_every_mark_on_an_object_is_an_edit(marked: MarkedObject, edit: Edit):
    found = decisions([image(marked)], CLASSES)
    assert found.edits == (edit,) and found.remarks == ()


def test_a_slip_of_the_mouse_moves_no_box():
    assert decisions([image(thing(xyxy=(10.4, 9.6, 20.4, 30.4)))], CLASSES).edits == ()


@pytest.mark.parametrize(
    "marked, remark",
    [
        (image(tags=("ignore",)), "tagged 'ignore', which is said of an object: tag its box"),
        (image(thing("leave_out")), "tagged 'leave_out', which is said of a picture"),
        (image(thing("class:cra")), "no class 'cra': did you mean 'car'?"),
        (image(thing(name="")), "no class ''"),
        (image(thing("box")), "stands where it stood"),
        (image(thing(xyxy=(110, 10, 120, 20))), "no area in the picture"),
        (image(added=2), "2 boxes drawn in the app are not kept"),
        (image(gone=("9",)), "object '9' was deleted in the app: tag it `ignore`"),
    ],
)
def test_what_cannot_be_kept_is_told_and_never_an_edit(marked: MarkedImage, remark: str):
    found = decisions([marked], CLASSES)
    assert found.edits == () and len(found.remarks) == 1 and remark in found.remarks[0]


A = Edit("1", "leave_out", place="f:1")
RENAMED, OTHERWISE = (Edit("1", "class", "7", class_name=name, place="f:2") for name in CLASSES)


@pytest.mark.parametrize(
    "base, file, app, new, follow",
    [
        ([], [], [A], [A], {}),  # decided in the app
        ([], [A], [], [], [A]),  # a colleague's line
        ([A], [], [A], [], [None]),  # the line was deleted: forget it, do not write it again
        ([A], [A], [A], [], {}),
        ([], [A], [A], [], {}),  # both came to the same
        ([A], [], [], [], {}),
        ([RENAMED], [RENAMED], [OTHERWISE], [OTHERWISE], {}),  # decided anew
        ([RENAMED], [RENAMED, OTHERWISE], [RENAMED], [], [OTHERWISE]),  # a colleague decided anew
        ([RENAMED, A], [A], [RENAMED, A], [], [None]),
    ],
)
def test_who_changed_something_since_both_agreed_is_right(base, file, app, new, follow):
    merged = merge(base, file, app)
    assert list(merged.new) == new and list(merged.follow.values()) == list(follow)
    assert things(merged.agreed) == things(file) and merged.remarks == ()


def test_a_tag_taken_away_leaves_the_line_and_says_where_it_is():
    merged = merge([A], [A], [])
    assert not merged.new and not merged.follow and "f:1: taken back" in merged.remarks[0]


def test_two_who_differ_are_told_and_the_app_writes_the_later_line():
    merged = merge([], [RENAMED], [OTHERWISE])
    assert merged.new == (OTHERWISE,) and "f:2 says otherwise" in merged.remarks[0]


def test_a_box_of_more_decimals_than_the_app_has_is_the_same_box():
    exact, rounded = (Edit("1", "box", "7", xyxy=one) for one in ((0.123456, 0, 5, 5), (0.12, 0, 5, 5)))
    assert merge([], [exact], [rounded]).new == ()


KINDS = st.sampled_from(["leave_out", "fine", "ignore"])
EDITS = st.lists(st.builds(Edit, st.sampled_from("12"), KINDS, st.sampled_from([None, "7"])), max_size=5)


@given(EDITS, EDITS, EDITS)
def test_after_a_merge_both_say_the_same_but_for_what_was_taken_back(base, file, app):
    merged = merge(base, file, app)
    lines = things((*file, *merged.new))
    shown = things(app)
    for key, edit in merged.follow.items():
        if edit is None:
            shown.pop(key, None)
        else:
            shown[key] = edit
    taken_back = {key for key in things(base) if key in lines and key not in shown}
    assert {key: lines[key] for key in lines if key not in taken_back} == shown
    again = merge((*merged.agreed, *merged.new), (*file, *merged.new), list(shown.values()))
    assert again.new == () and not again.follow
