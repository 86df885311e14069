"""Overlays: what a line may say, and what its error says when it may not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from datapipe import edits
from datapipe.edits import Edit
from datapipe.errors import EnvironmentProblem, InputError

CLASSES = ("dog", "car")


def read(folder: Path, *lines: Any, splits: Any = None) -> edits.Overlays:
    if lines:
        text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
        (folder / "edits.jsonl").write_text(text)
    if splits is not None:
        (folder / "splits.json").write_text(splits if isinstance(splits, str) else json.dumps(splits))
    return edits.read(folder, CLASSES)


def test_no_overlay_is_no_change(tmp_path):
    assert read(tmp_path) == edits.Overlays()


def test_every_kind_of_edit_is_read(tmp_path):
    found = read(
        tmp_path,
        {"image": "1", "edit": "leave_out", "who": "me", "when": "now", "why": "blurred"},
        "",
        {"image": "2", "object": 5, "edit": "ignore"},
        {"image": "2", "object": "6", "edit": "class", "class": "car"},
        {"image": "2", "object": "7", "edit": "box", "xyxy": [1, 2, 3.5, 4]},
        splits={"1": "val"},
    )
    kinds = [(edit.kind, edit.object, edit.class_name, edit.xyxy) for edit in found.edits]
    assert kinds == [
        ("leave_out", None, None, None),
        ("ignore", "5", None, None),
        ("class", "6", "car", None),
        ("box", "7", None, (1.0, 2.0, 3.5, 4.0)),
    ]
    assert found.edits[1].place.endswith("edits.jsonl:3"), "blank lines count"
    assert found.left_out() == {"1"} and found.splits == {"1": "val"}


@pytest.mark.parametrize(
    "line, message",
    [
        ("{", r"edits.jsonl:2: not JSON: .*; correct or delete it"),
        ("[" * 100_000, r"edits.jsonl:2: not JSON: .*; correct or delete it"),
        ([], "edits.jsonl:2: an edit names its image"),
        ({"image": 1, "edit": "ignore"}, "edits.jsonl:2: an edit names its image"),
        ({"image": "1"}, "edits.jsonl:2: no edit None"),
        ({"image": "1", "edit": "leaveout"}, "no edit 'leaveout': did you mean 'leave_out'?"),
        ({"image": "1", "edit": "ignore"}, "edit 'ignore' needs 'object'"),
        ({"image": "1", "object": "1", "edit": "class"}, "edit 'class' needs 'class'"),
        (
            {"image": "1", "object": "1", "edit": "class", "class": "dgo"},
            "no class 'dgo': did you mean 'dog'?",
        ),
        ({"image": "1", "object": "1", "edit": "class", "class": ["dog"]}, "no class"),
        ({"image": "1", "edit": "leave_out", "wy": "x"}, "unknown key 'wy': did you mean 'why'?"),
        ({"image": "1", "edit": "leave_out", "object": "1"}, "unknown key 'object'"),
        ({"image": "1", "object": "1", "edit": "box", "xyxy": [3, 2, 1, 4]}, "is not .x1, y1, x2, y2. with"),
        (
            {"image": "1", "object": "1", "edit": "box", "xyxy": [10.3, 2, 10.3000001, 4]},
            "y1 < y2 in float32",
        ),
        ({"image": "1", "object": "1", "edit": "box", "xyxy": [1, 2, 3]}, "is not .x1, y1, x2, y2."),
        ({"image": "1", "object": "1", "edit": "box", "xyxy": "1234"}, "is not .x1, y1, x2, y2."),
        ({"image": "1", "object": "1", "edit": "box", "xyxy": [True, 0, 3, 4]}, "is not .x1, y1, x2, y2."),
        ('{"image": "1", "object": "1", "edit": "box", "xyxy": [NaN, 0, 3, 4]}', "is not .x1, y1, x2, y2."),
        ('{"image": "1", "object": "1", "edit": "box", "xyxy": [0, 0, 1e999, 4]}', "is not .x1, y1, x2, y2."),
        ('{"image": "1", "object": "1", "edit": "box", "xyxy": [0, 0, 1%s, 4]}' % ("0" * 400), "is not .x1"),
    ],
)
def test_a_line_that_says_something_impossible_is_named(tmp_path, line, message):
    with pytest.raises(InputError, match=message):
        read(tmp_path, {"image": "1", "edit": "leave_out"}, line)


@pytest.mark.parametrize(
    "splits, message",
    [
        ("[1]", "splits.json: not a mapping"),
        ("{", "splits.json: not JSON"),
        ('{"1": 2}', "splits.json: image '1': 2 is not a split's name"),
        ('{"1": "my split"}', "image '1': 'my split' is not a split's name"),
        ('{"1": "../x"}', "image '1': '../x' is not a split's name"),
    ],
)
def test_splits_that_say_something_impossible_are_named(tmp_path, splits, message):
    with pytest.raises(InputError, match=message):
        read(tmp_path, splits=splits)


def test_bytes_that_are_no_text_are_refused(tmp_path):
    (tmp_path / "edits.jsonl").write_bytes(b'{"image": "\xff"}')
    with pytest.raises(InputError, match="edits.jsonl:1: not JSON"):
        read(tmp_path)


def test_an_overlay_that_cannot_be_read_is_told_in_one_line(tmp_path):
    (tmp_path / "edits.jsonl").mkdir()
    with pytest.raises(InputError, match="edits.jsonl: cannot be read: Is a directory"):
        read(tmp_path)


def test_the_last_edit_of_a_kind_wins_and_a_repeated_id_means_both():
    found = edits.changes(
        ["a", "b", "a"],
        [
            Edit("1", "class", "a", class_name="dog"),
            Edit("1", "class", "a", class_name="car"),
            Edit("1", "box", "b", xyxy=(0, 0, 1, 1)),
            Edit("1", "ignore", "b"),
            Edit("1", "ignore", "nobody"),
        ],
    )
    assert found.class_name == {0: "car", 2: "car"} and found.xyxy == {1: (0, 0, 1, 1)} and found.drop == (1,)


def test_fine_is_read_of_images_and_objects_and_changes_nothing(tmp_path):
    found = read(
        tmp_path,
        {"image": "1", "edit": "fine", "why": "a real crowd"},
        {"image": "2", "object": 5, "edit": "fine"},
    )
    assert [(edit.kind, edit.object, edit.why) for edit in found.edits] == [
        ("fine", None, "a real crowd"),
        ("fine", "5", ""),
    ]
    assert found.text == b"" and found.left_out() == set()
    assert edits.changes(["5"], found.edits) == edits.Changes((), {}, {})


def test_reasons_and_blank_lines_are_no_part_of_what_edits_say_but_every_value_is(tmp_path):
    plain = read(tmp_path, {"image": "1", "edit": "leave_out"}).text
    assert (
        read(tmp_path, "", {"image": "1", "edit": "leave_out", "why": "blurred", "who": "me"}).text == plain
    )
    assert read(tmp_path, {"image": "1", "edit": "leave_out"}, {"image": "3", "edit": "fine"}).text == plain
    box = {"image": "1", "object": "1", "edit": "box", "xyxy": [0, 0, 3, 4]}
    said = {read(tmp_path, box).text, read(tmp_path, box | {"xyxy": [0, 0, 3, 5]}).text, plain, b""}
    assert len(said) == 4
    assert read(tmp_path, box, splits={"1": "val"}).text not in said


def test_lines_are_added_after_those_that_stand_there_and_read_back(tmp_path):
    stands = b'{"image": "1", "edit": "leave_out", "who": "\xc3\xa9va"}'
    (tmp_path / "edits.jsonl").write_bytes(stands)
    made = [
        Edit("2", "class", "a b", class_name="car", why="four wheels"),
        Edit("é", "box", "7", xyxy=(0.5, 1.0, 3.25, 4.0)),
        Edit("2", "fine"),
    ]
    edits.append(tmp_path, made)
    text = (tmp_path / "edits.jsonl").read_bytes()
    assert text.startswith(stands + b"\n") and text.endswith(b"\n") and text.count(b"\n") == 4
    assert list(edits.read(tmp_path, CLASSES).edits[1:]) == made
    assert json.loads(text.splitlines()[1]) == {
        "image": "2",
        "object": "a b",
        "edit": "class",
        "class": "car",
        "who": "",
        "when": "",
        "why": "four wheels",
    }
    assert [path.name for path in tmp_path.iterdir()] == ["edits.jsonl"]


def test_lines_that_cannot_be_written_leave_the_file_as_it_was(tmp_path, monkeypatch):
    (tmp_path / "edits.jsonl").write_bytes(b"")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(EnvironmentProblem, match="edits.jsonl: cannot be written: No space left"):
        edits.append(tmp_path, [Edit("2", "fine")])
    assert [path.name for path in tmp_path.iterdir()] == ["edits.jsonl"]
    assert (tmp_path / "edits.jsonl").read_bytes() == b""
