"""A picture with its objects as plain values, and what edits come to."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from make import make_dataset

from datapipe.audit.applying import applied
from datapipe.audit.coverage import bars, counted, summary
from datapipe.audit.facts import gather
from datapipe.audit.home import home_of, key_of, read_json, write_json
from datapipe.audit.ledger import Told
from datapipe.audit.loading import Stored
from datapipe.audit.mapping import plain, to_fractions, to_px
from datapipe.audit.pictures import Looked
from datapipe.audit.schema import IMAGE_FIELDS, OBJECT_FIELDS, SIDEBAR, hexadecimal
from datapipe.dataset import Dataset
from datapipe.doctor.examination import lenses_of
from datapipe.errors import InputError
from datapipe.images.drawing import colour

LOOKED = Looked("/p/x.jpg", False, 100.0, 5.0, 255)


@pytest.fixture
def data(tmp_path: Path) -> Dataset:
    make_dataset(tmp_path)
    return Dataset(tmp_path / "out", edited=False)


def test_a_plain_sample_has_only_declared_fields_and_the_tables_values(data):
    facts = gather(data, lenses_of("yolov4", None, None, None)[0], Told())
    for image in range(len(data)):
        record, _ = data[image]
        one = plain(data, facts, image, LOOKED, 1.25)
        assert one.values.keys() <= IMAGE_FIELDS.keys() and one.wh == record.wh
        assert (one.values["image_id"], one.values["objects"]) == (record.image_id, len(record))
        assert (one.values["hash"], one.values["suspicion"]) == ("00000000000000ff", 1.25)
        assert [each["label"] for each in one.objects] == [data.classes[i] for i in record.class_id]
        for number, each in enumerate(one.objects):
            assert each.keys() - {"label", "box"} <= OBJECT_FIELDS.keys()
            np.testing.assert_allclose(to_px(each["box"], one.wh), record.xyxy[number], atol=1e-4)
            assert (each["object_id"], each["number"]) == (record.object_id[number], number)


def test_left_out_places_come_from_the_record(data, tmp_path):
    rows = np.flatnonzero(data.images["objects"] == 2)
    record, _ = data[int(rows[0])]
    line = {"image": record.image_id, "object": record.object_id[0], "edit": "ignore"}
    (data.folder / "edits.jsonl").write_text(json.dumps(line))
    edited = Dataset(data.folder)
    facts = gather(edited, lenses_of("yolov4", None, None, None)[0], Told())
    one = plain(edited, facts, int(rows[0]), LOOKED, 0)
    assert [each["label"] for each in one.regions] == ["EDIT"] and len(one.objects) == 1
    np.testing.assert_allclose(to_px(one.regions[0]["box"], one.wh), record.xyxy[0], atol=1e-4)


SIDE = st.integers(1, 4000)


@given(SIDE, SIDE, st.tuples(*[st.floats(0, 1)] * 4))
def test_px_to_fractions_and_back_is_the_same_box(w: int, h: int, part: tuple[float, ...]):
    x1, x2 = sorted(part[:2])
    y1, y2 = sorted(part[2:])
    box = (x1 * w, y1 * h, x2 * w, y2 * h)
    np.testing.assert_allclose(to_px(to_fractions(box, (w, h)), (w, h)), box, atol=1e-6)


def test_colours_are_those_that_preview_draws():
    assert hexadecimal(0, 4) == "#ff3f3f"
    assert all(hexadecimal(i, 7) == "#" + bytes(colour(i, 7)).hex() for i in range(7))


def test_no_field_stands_in_two_groups_of_the_sidebar():
    listed = [path for paths in SIDEBAR.values() for path in paths]
    assert len(listed) == len(set(listed))


def test_the_stored_boxes_are_found_by_picture_and_number(data):
    stored = Stored(data)
    for image in range(len(data)):
        record, _ = data[image]
        for number in range(len(record)):
            row = stored.row(record.image_id, number)
            assert row is not None
            np.testing.assert_allclose(stored.xyxy(row), record.xyxy[number], atol=1e-4)
            assert stored.name(row) == data.classes[record.class_id[number]]
        assert stored.row(record.image_id, len(record)) is None
        assert stored.missing(record.image_id, {0}) == record.object_id[1:]
    assert stored.row("nobody", 0) is None and stored.row("1", None) is None


def test_an_edited_dataset_is_not_edited_on_request_but_its_lines_are_checked(data):
    plain_identity = data.identity
    (data.folder / "edits.jsonl").write_text('{"image": "1", "edit": "leave_out"}\n')
    assert len(Dataset(data.folder)) == len(data) - 1
    stored = Dataset(data.folder, edited=False)
    assert len(stored) == len(data) and stored.identity == plain_identity
    (data.folder / "edits.jsonl").write_text('{"image": "nobody", "edit": "leave_out"}\n')
    with pytest.raises(InputError, match="nobody"):
        Dataset(data.folder, edited=False)


def test_apply_counts_before_and_after_by_class(data):
    columns, objects = data.images, data.objects
    many = int(np.flatnonzero(columns["objects"] == 3)[0])
    two = int(np.flatnonzero(columns["objects"] == 2)[0])
    ids = [str(one) for one in objects["object_id"][objects["image"] == many]]
    image, other = str(columns["image_id"][many]), str(columns["image_id"][two])
    lines = [
        {"image": image, "object": ids[0], "edit": "ignore"},
        {"image": image, "object": ids[1], "edit": "class", "class": "dog"},
        {"image": image, "object": ids[2], "edit": "box", "xyxy": [1, 1, 9, 9]},
        {"image": other, "edit": "leave_out"},
        {"image": other, "edit": "fine"},
    ]
    (data.folder / "edits.jsonl").write_text("\n".join(map(json.dumps, lines)))
    made = applied(data.folder)
    total = len(objects["image"])
    assert (made.images.before, made.images.after) == (len(data), len(data) - 1)
    assert (made.objects.before, made.objects.after) == (total, total - 3)
    assert (made.regions.before, made.regions.after) == (0, 1)
    assert (made.moved, made.renamed) == (1, 1)
    assert made.lines == {"leave_out": 1, "ignore": 1, "class": 1, "box": 1, "fine": 1}
    edited = Dataset(data.folder)
    for number, name in enumerate(data.classes):
        for one, n in ((data, made.by_class[name].before), (edited, made.by_class[name].after)):
            assert n == int((one.objects["class_id"] == number).sum())
    assert made.identity == (data.identity, edited.identity)
    assert sum(one.after for one in made.by_class.values()) == made.objects.after


def test_apply_names_the_line_about_an_object_that_is_not_there(data):
    (data.folder / "edits.jsonl").write_text('{"image": "1", "object": "none", "edit": "ignore"}\n')
    with pytest.raises(InputError, match="edits.jsonl:1: image '1' has no object 'none'"):
        applied(data.folder)


def test_the_cache_hangs_on_the_shards_and_not_on_edits_or_the_place(data, tmp_path, monkeypatch):
    before = home_of(data.manifest, str(tmp_path))
    (data.folder / "edits.jsonl").write_text('{"image": "1", "edit": "leave_out"}\n')
    assert home_of(Dataset(data.folder).manifest, str(tmp_path)) == before
    other = replace(data.manifest, shards=data.manifest.shards[:1])
    assert key_of(other) != key_of(data.manifest)
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    monkeypatch.delenv("DATAPIPE_CACHE", raising=False)
    assert str(home_of(data.manifest).root).startswith("/x/datapipe/audit/")
    monkeypatch.setenv("DATAPIPE_CACHE", "/y")
    assert str(home_of(data.manifest).root).startswith("/y/audit/")
    assert str(home_of(data.manifest, "/z").root).startswith("/z/audit/")


def test_a_note_of_ours_that_was_cut_short_is_no_note(tmp_path):
    path = tmp_path / "x.json"
    assert read_json(path) == {}
    write_json(path, {"a": 1})
    assert read_json(path) == {"a": 1}
    path.write_text('{"a": ')
    assert read_json(path) == {}
    path.write_text("[1]")
    assert read_json(path) == {}


def test_coverage_counts_what_is_trained_on_level_by_level():
    levels = ["stride 16", None, "stride 8", "x", "stride 8"]
    iou, level = counted([0.2, None, 0.9, 0.6, 0.6], levels, [False, False, False, True, False])
    assert iou.tolist() == [0.2, 0.9, 0.6] and level == ["stride 16", "stride 8", "stride 8"]
    assert summary(iou, 0.5) == "**3** objects, mean best IoU **0.567**, **66.7 %** reach 0.5"
    traces = bars(iou, level)
    assert [(trace["name"], sum(trace["y"])) for trace in traces] == [("stride 8", 2), ("stride 16", 1)]
    assert summary(iou[:0], 0.5).startswith("no objects") and bars(iou[:0], []) == []
