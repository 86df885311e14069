"""Reading a dataset: any record by number, overlays alike in records and table, identity."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from make import CLASSES, make_coco, make_dataset, make_image

import datapipe
from datapipe import tfrecord
from datapipe.columns import CORNERS
from datapipe.dataset import EDITED, Dataset, ordered, shard_name
from datapipe.errors import InputError, RecordError, UsageError
from datapipe.ingest import ingest
from datapipe.records import decode, digest
from datapipe.verify import verify


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished dataset that no test writes to; overlays go to a `copy`."""
    return make_dataset(tmp_path_factory.mktemp("whole"), n=12).folder


def copy(whole: Path, folder: Path, *lines: dict[str, Any], splits: dict[str, str] | None = None) -> Dataset:
    """The dataset again, with overlays; its files are linked."""
    folder.mkdir(exist_ok=True)
    for file in whole.iterdir():
        (folder / file.name).unlink(missing_ok=True)
        (folder / file.name).hardlink_to(file)
    overlay(folder, lines, splits)
    return Dataset(folder)


def overlay(folder: Path, lines: Any = (), splits: dict[str, str] | None = None) -> None:
    (folder / "edits.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (folder / "splits.json").write_text(json.dumps(splits or {}))


def damage(whole: Path, folder: Path, image: int) -> tuple[Dataset, str, int]:
    """A copy with one byte of an image's record flipped."""
    dataset = copy(whole, folder)
    offset = int(dataset.images["offset"][image])
    split, number = str(dataset.images["split"][image]), int(dataset.images["shard"][image])
    name = (
        next(s.name for s in dataset.manifest.shards if s.name.startswith(f"{split}-{number:05d}-"))
        + ".tfrecord"
    )
    data = bytearray((folder / name).read_bytes())
    data[offset + 60] ^= 1
    (folder / name).unlink()
    (folder / name).write_bytes(data)
    return dataset, name, offset


def boxes_by_image(dataset: Dataset) -> list[list[tuple[Any, ...]]]:
    """What the object table says of each image."""
    columns = dataset.objects
    rows: list[list[tuple[Any, ...]]] = [[] for _ in range(len(dataset))]
    for i, image in enumerate(columns["image"]):
        names = ("object_id", "class_id", *CORNERS, "area", "crowd", "difficult", "truncated")
        rows[image].append(tuple(columns[name][i] for name in names))
    return rows


def boxes_of_records(dataset: Dataset) -> list[list[tuple[Any, ...]]]:
    """The same of the records."""
    return [
        list(zip(r.object_id, r.class_id, *r.xyxy.T, r.area, r.crowd, r.difficult, r.truncated, strict=True))
        for r, _ in dataset
    ]


def test_random_access_is_what_reading_the_shards_in_order_gives(whole):
    dataset = datapipe.open(whole)
    sequential = []
    for shard in dataset.manifest.shards:
        with open(whole / f"{shard.name}.tfrecord", "rb") as file:
            sequential += [decode(payload) for _, payload in tfrecord.scan(file, shard.name)]
    assert len(sequential) == len(dataset) == 12
    for i in np.random.default_rng(0).permutation(12):
        (record, data), (want, pixels) = dataset[int(i)], sequential[i]
        assert (record.image_id, data) == (want.image_id, pixels) and record.objects().equals(want.objects())
        assert digest(data) == record.sha256 == dataset.images["sha256"][i]
        assert record.wh == (dataset.images["width"][i], dataset.images["height"][i])
    assert [r.image_id for r, _ in dataset] == dataset.images["image_id"].tolist()


def test_negative_numbers_count_from_the_end_and_numpy_numbers_work(whole):
    dataset = Dataset(whole)
    assert dataset[-1][0].image_id == dataset[11][0].image_id == dataset[np.int64(11)][0].image_id
    assert dataset[-12][0].image_id == dataset[0][0].image_id


@pytest.mark.parametrize("i", [12, -13, 10**12])
def test_an_image_that_is_not_there_is_an_index_error(whole, i):
    with pytest.raises(IndexError, match=f"image {i} of 12"):
        Dataset(whole)[i]


def test_repr_tells_images_splits_and_classes(whole):
    dataset = Dataset(whole)
    counts = ", ".join(f"{n['images']} {name}" for name, n in dataset.manifest.splits().items())
    assert repr(dataset) == f"Dataset('{whole}': 12 images ({counts}), 3 classes)"


def test_a_damaged_record_names_shard_and_offset_and_spares_the_others(whole, tmp_path):
    dataset, name, offset = damage(whole, tmp_path / "d", 3)
    with pytest.raises(RecordError, match=f"^{name} at byte {offset}: checksum of the record's content"):
        dataset[3]
    assert [dataset[i][0].image_id for i in range(12) if i != 3] == [
        Dataset(whole)[i][0].image_id for i in range(12) if i != 3
    ]
    assert {finding.code for finding in verify(dataset.folder).findings} == {"DP403"}


def test_a_shard_that_is_gone_or_cut_is_named(whole, tmp_path):
    dataset = copy(whole, tmp_path / "d")
    name = dataset.manifest.shards[0].name + ".tfrecord"
    data = (whole / name).read_bytes()
    (dataset.folder / name).unlink()
    with pytest.raises(RecordError, match=f"{name}: No such file or directory"):
        dataset[0]
    (dataset.folder / name).write_bytes(data[:50])
    with pytest.raises(RecordError, match=f"{name} at byte 0: record says .* bytes, 34 are there"):
        dataset[0]
    (dataset.folder / name).write_bytes(b"")
    dataset.close()
    with pytest.raises(RecordError, match=f"{name} at byte 0: record cut off after 0 bytes"):
        dataset[0]


def test_a_damaged_table_says_to_run_verify(whole, tmp_path):
    dataset = copy(whole, tmp_path / "d")
    (dataset.folder / "images.parquet").unlink()
    (dataset.folder / "images.parquet").write_bytes(b"no table")
    with pytest.raises(InputError, match="images.parquet: cannot be read: .*run `datapipe verify`"):
        Dataset(dataset.folder)


@pytest.mark.parametrize("name", ["images.parquet", "objects.parquet"])
def test_a_table_that_ingest_did_not_write_is_refused(whole, tmp_path, name):
    """Streams train on what it says; `identity` speaks of the shards alone."""
    dataset = copy(whole, tmp_path / "d")
    rows = pq.read_table(dataset.folder / name)
    (dataset.folder / name).unlink()
    pq.write_table(rows.slice(1), dataset.folder / name)
    with pytest.raises(InputError, match=f"{name}: is not what ingest wrote; run `datapipe verify`"):
        print(Dataset(dataset.folder).objects)


def test_many_threads_read_the_same(whole):
    dataset = Dataset(whole)
    alone = [digest(data) + record.image_id for record, data in dataset]
    dataset.close()
    numbers = np.random.default_rng(1).integers(0, 12, 2000).tolist()
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda i: digest(dataset[i][1]) + dataset[i][0].image_id, numbers))
    assert found == [alone[i] for i in numbers]
    dataset.close()


def test_the_nearest_split_and_folder_are_named(whole):
    with pytest.raises(UsageError, match="no split 'vla': did you mean 'val'.*there are: train, val"):
        Dataset(whole).split("vla")
    with pytest.raises(InputError, match="no such folder; did you mean 'out'"):
        datapipe.open(whole.parent / "ou")


def test_splits_are_disjoint_complete_and_in_order(whole):
    dataset = Dataset(whole)
    assert list(dataset.splits) == ["train", "val"]
    assert sorted(np.concatenate(list(dataset.splits.values())).tolist()) == list(range(12))
    assert ordered(["b", "test", "a", "train", "val"]) == ["train", "val", "test", "a", "b"]
    assert shard_name("train", 3, 8) == "train-00003-of-00008"


def test_splits_json_moves_images_and_leaves_records_alone(whole, tmp_path):
    before = Dataset(whole)
    first = before[int(before.split("train")[0])][0].image_id
    dataset = copy(whole, tmp_path / "d", splits={first: "holdout"})
    assert [dataset[int(i)][0].image_id for i in dataset.split("holdout")] == [first]
    assert len(dataset.split("train")) == len(before.split("train")) - 1
    assert boxes_by_image(dataset) == boxes_of_records(dataset)


def test_leave_out_removes_the_image_everywhere(whole, tmp_path):
    dataset = copy(whole, tmp_path / "d", {"image": "3", "edit": "leave_out"})
    assert len(dataset) == 11 and "3" not in dataset.images["image_id"]
    assert "3" not in [record.image_id for record, _ in dataset]
    assert boxes_by_image(dataset) == boxes_of_records(dataset)
    assert max(map(max, (rows.tolist() for rows in dataset.splits.values()))) == 10


def test_ignore_makes_an_ignore_region_of_the_object(whole, tmp_path):
    before = {record.image_id: record for record, _ in Dataset(whole)}
    object_id = before["3"].object_id[1]
    dataset = copy(whole, tmp_path / "d", {"image": "3", "object": object_id, "edit": "ignore"})
    after = {record.image_id: record for record, _ in dataset}["3"]
    assert len(after) == 2 and object_id not in after.object_id
    assert after.left_out_code == (EDITED,) and np.array_equal(after.left_out_xyxy[0], before["3"].xyxy[1])


def test_class_and_box_are_corrected(whole, tmp_path):
    object_id = {record.image_id: record for record, _ in Dataset(whole)}["2"].object_id[0]
    lines: list[dict[str, Any]] = [
        {"image": "2", "object": object_id, "edit": "class", "class": "été", "who": "me"},
        {"image": "2", "object": object_id, "edit": "box", "xyxy": [1, 2, 11, 22]},
    ]
    dataset = copy(whole, tmp_path / "d", *lines)
    after = {record.image_id: record for record, _ in dataset}["2"]
    assert after.class_id[0] == 2 and after.xyxy[0].tolist() == [1, 2, 11, 22]
    assert after.area[0] == 200, "the area goes with the box"
    assert boxes_by_image(dataset) == boxes_of_records(dataset)


def test_a_corrected_box_takes_the_old_outline_along(tmp_path):
    outline = {"segmentation": [[1, 1, 9, 1, 9, 9]]}
    make_coco(tmp_path / "source", [make_image("a.jpg", (1, 1, 8, 8), **outline)])
    ingest([tmp_path / "source"], tmp_path / "out")
    assert len(Dataset(tmp_path / "out")[0][0].polygons[0]) == 1
    overlay(tmp_path / "out", [{"image": "1", "object": "1", "edit": "box", "xyxy": [20, 10, 30, 20]}])
    assert Dataset(tmp_path / "out")[0][0].polygons == ((),)


edit_lines = st.lists(
    st.fixed_dictionaries(
        {
            "image": st.integers(1, 12).map(str),
            "edit": st.sampled_from(["leave_out", "ignore", "class", "box"]),
        },
        optional={},
    ),
    max_size=12,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edit_lines, st.data())
def test_after_any_edits_the_table_says_what_the_records_say(whole, tmp_path, lines, data):
    ids = {record.image_id: record.object_id for record, _ in Dataset(whole)}
    for line in lines:
        if line["edit"] != "leave_out":
            line["object"] = data.draw(st.sampled_from([*ids[line["image"]], "none"]))
        if line["edit"] == "class":
            line["class"] = data.draw(st.sampled_from(CLASSES))
        if line["edit"] == "box":
            x, y = data.draw(st.floats(0, 38, width=32)), data.draw(st.floats(0, 28, width=32))
            line["xyxy"] = [x, y, x + 1.25, y + 1.5]
    dataset = copy(whole, tmp_path / "d", *lines)
    assert boxes_by_image(dataset) == boxes_of_records(dataset)
    images = dataset.images
    assert images["objects"].tolist() == [len(record) for record, _ in dataset]
    assert images["left_out"].tolist() == [len(record.left_out_code) for record, _ in dataset]


def test_identity_changes_with_an_edit_and_returns_when_the_line_is_deleted(whole, tmp_path):
    plain = Dataset(whole).identity
    edit = {"image": "3", "edit": "leave_out"}
    edited = copy(whole, tmp_path / "d", edit).identity
    moved = copy(whole, tmp_path / "d", splits={"3": "test"}).identity
    assert len({plain, edited, moved}) == 3 and re.fullmatch("[0-9a-f]{64}", plain)
    assert copy(whole, tmp_path / "d", edit).identity == edited
    for name in ("edits.jsonl", "splits.json"):
        (tmp_path / "d" / name).unlink()
    assert Dataset(tmp_path / "d").identity == plain
    (tmp_path / "d" / "edits.jsonl").write_text("")
    assert Dataset(tmp_path / "d").identity == plain, "an empty file is no edit"


@pytest.mark.parametrize(
    "lines, splits, message",
    [
        (
            [{"image": "99", "edit": "leave_out"}],
            {},
            "an overlay names image '99', which is not in the dataset",
        ),
        ([], {"99": "val"}, "an overlay names image '99', which is not in the dataset"),
        ([{"image": "1", "edit": "remove"}], {}, "edits.jsonl:1: no edit 'remove'"),
        (
            [{"image": "1", "object": "1", "edit": "class", "class": "cat"}],
            {},
            r"edits.jsonl:1: no class 'cat': did you mean 'car'.*there are: dog, car, été",
        ),
        (
            [{"image": "1", "object": "1", "edit": "box", "xyxy": [0, 0, 41, 30]}],
            {},
            "edits.jsonl:1: xyxy .* 40x30",
        ),
        (
            [{"image": "1", "object": "1", "edit": "box", "xyxy": [-1, 0, 4, 3]}],
            {},
            "edits.jsonl:1: xyxy .* 40x30",
        ),
        ([], {"1": "my split"}, "splits.json: image '1': 'my split' is not a split's name"),
    ],
)
def test_an_overlay_that_makes_no_sense_is_named(whole, tmp_path, lines, splits, message):
    with pytest.raises(InputError, match=message):
        copy(whole, tmp_path / "d", *lines, splits=splits)


def test_an_edit_of_an_object_that_is_not_there_is_a_finding_of_verify(whole, tmp_path):
    dataset = copy(whole, tmp_path / "d", {"image": "3", "object": "nobody", "edit": "ignore"})
    (finding,) = verify(dataset.folder).findings
    assert finding.code == "DP407" and finding.value == "image '3' has no object 'nobody'"


def test_a_file_name_that_is_no_utf8_is_ingested_and_read(tmp_path):
    import os

    from make import make_picture

    (tmp_path / "yolo").mkdir()
    (tmp_path / "yolo" / "classes.txt").write_text("dog\n")
    for name in (b"caf\xe9.jpg", b"b.jpg"):
        (tmp_path / "yolo" / os.fsdecode(name)).write_bytes(make_picture())
        (tmp_path / "yolo" / os.fsdecode(name[:-4] + b".txt")).write_text("0 .5 .5 .2 .2\n")
    ingest([tmp_path / "yolo"], tmp_path / "out")
    dataset = Dataset(tmp_path / "out")
    assert sorted(dataset.images["filename"]) == ["b.jpg", "caf\\xe9.jpg"]
    assert sorted(record.filename for record, _ in dataset) == ["b.jpg", "caf\\xe9.jpg"]
    assert not verify(dataset.folder).findings
