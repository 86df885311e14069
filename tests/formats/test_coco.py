"""COCO: every trap of the format and every line of the policy that speaks of it."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datapipe.errors import InputError
from datapipe.findings import Finding, account, tally
from datapipe.formats import coco
from datapipe.formats.annotations import CROWD, DIFFICULT, TRUNCATED, Annotations, ReadOptions
from datapipe.formats.coco import rle
from datapipe.formats.coco.columns import CocoColumns, read_columns
from datapipe.formats.coco.files import split_of
from datapipe.formats.evidence import CONTENT, FILE

CATEGORIES = [{"id": 18, "name": "dog"}, {"id": 3, "name": "car"}]


def picture(n: int, **more: Any) -> dict[str, Any]:
    return {"id": n, "file_name": f"{n}.jpg", "width": 100, "height": 80} | more


def thing(
    n: int, image: Any = 1, bbox: Any = (1, 2, 30, 40), category: Any = 3, **more: Any
) -> dict[str, Any]:
    row = {"id": n, "image_id": image, "category_id": category, "bbox": bbox, "area": 9.5, "iscrowd": 0}
    return row | more


def without(record: dict[str, Any], key: str) -> dict[str, Any]:
    return {k: v for k, v in record.items() if k != key}


def write(
    folder: Path,
    annotations: Any = (),
    images: Any = None,
    categories: Any = CATEGORIES,
    file: str = "coco.json",
    pictures: tuple[str, ...] = ("1.jpg", "2.jpg", "3.jpg"),
    text: str | None = None,
) -> str:
    """A folder with a COCO file and pictures beside it."""
    path = folder / file
    path.parent.mkdir(parents=True, exist_ok=True)
    for name in pictures:
        (path.parent / name).parent.mkdir(parents=True, exist_ok=True)
        (path.parent / name).write_bytes(b"jpeg")
    if images is None:
        images = [picture(1), picture(2)]
    document = {"images": images, "annotations": list(annotations), "categories": categories}
    path.write_text(text if text is not None else json.dumps(document), encoding="utf-8")
    return str(folder)


def read(root: str, **options: Any) -> Annotations:
    """Read, and hold the conservation law for what reading alone decides."""
    got = coco.read(root, ReadOptions(**options))
    counts = account(
        got.images_read, len(got), got.objects_read, int((got.class_id >= 0).sum()), tally(got.findings)
    )
    counts.check()
    return got


def found(got: Annotations, code: str) -> list[Finding]:
    return [finding for finding in got.findings if finding.code == code]


def message(root: str) -> str:
    with pytest.raises(InputError) as caught:
        coco.read(root, ReadOptions())
    assert "\n" not in str(caught.value)
    return str(caught.value)


# --- what is good


def test_columns_hold_what_the_file_says(tmp_path: Path) -> None:
    rows = [thing(7, 2, [1.5, 2, 30, 40.25], 18, iscrowd=1), thing(5, 1), thing(6, 2, area=3)]
    got = read(write(tmp_path, rows))
    assert got.classes == ("car", "dog")  # by category id, not by file order
    assert got.sources[0].categories == (("car", "3"), ("dog", "18"))
    assert got.image_id == ["1", "2"]
    assert got.name == ["1.jpg", "2.jpg"]
    assert got.path == [os.path.realpath(tmp_path / name) for name in got.name]
    assert got.wh.tolist() == [[100, 80], [100, 80]]
    assert got.nbytes.tolist() == [4, 4]
    assert got.declared.tolist() == [1, 2]
    assert got.row_start.tolist() == [0, 1, 3]
    assert got.n.tolist() == [1, 0, 2]
    assert got.object_id.tolist() == [5, 7, 6]
    assert got.object_id.dtype == np.int64
    assert got.class_id.tolist() == [0, 1, 0]
    assert got.xyxy[1].tolist() == [1.5, 2, 31.5, 42.25]
    assert got.flags.tolist() == [0, CROWD, 0]
    assert got.area.tolist() == [9.5, 9.5, 3]
    assert got.place(1, 1) == "annotations[0] id 7"
    assert got.file(1) == "coco.json"
    assert got.findings == []


def test_an_image_without_annotations_stays_as_background(tmp_path: Path) -> None:
    got = read(write(tmp_path, [thing(1, 2)]))
    assert got.declared.tolist() == [0, 1]
    assert len(got) == 2


def test_spans_lead_back_to_the_text(tmp_path: Path) -> None:
    root = write(tmp_path, [thing(1, note="é"), thing(2, 2)], [picture(1, license=4), picture(2)])
    got = read(root)
    path = f"{root}/coco.json"
    assert coco.read_detail(path, tuple(got.span[0])).extra == {"note": "é"}
    assert coco.read_image_detail(path, tuple(got.image_span[0])) == {"license": 4}


def test_flags_are_read_from_all_their_keys(tmp_path: Path) -> None:
    rows = [thing(1, ignore=1), thing(2, difficult=1.0, truncated=1), thing(3, iscrowd=1, ignore=0)]
    assert read(write(tmp_path, rows)).flags.tolist() == [DIFFICULT, DIFFICULT | TRUNCATED, CROWD]


def test_unknown_keys_and_missing_optional_ones_are_legal(tmp_path: Path) -> None:
    rows = [without(thing(1, score=0.5, attributes={"a": 1, "id": 2}), "area"), without(thing(2), "iscrowd")]
    got = read(write(tmp_path, rows))
    assert math.isnan(got.area[0])
    assert got.flags.tolist() == [0, 0]
    assert got.findings == []


def test_annotation_ids_need_not_be_unique_nor_there(tmp_path: Path) -> None:
    got = read(write(tmp_path, [thing(4), thing(4), without(thing(0), "id"), thing("x")]))  # type: ignore[arg-type]
    assert got.object_id.tolist() == [4, 4, "#2", "x"]
    assert got.findings == []


def test_ids_compare_exactly_and_one_point_zero_is_one(tmp_path: Path) -> None:
    images = [picture(1), picture(2**53 + 1, file_name="2.jpg"), picture(3, id="a", file_name="3.jpg")]
    rows = [thing(1, 1.0), thing(2, 2**53 + 1), thing(3, 2**53), thing(4, "a"), thing(5, "1"), thing(6, True)]
    got = read(write(tmp_path, rows, images))
    assert got.declared.tolist() == [1, 1, 1]
    assert [f.place for f in found(got, "DP107")] == [f"annotations[{n}] id {n + 1}" for n in (2, 4, 5)]
    assert [f.value for f in found(got, "DP107")] == [
        "image_id 9007199254740992",
        'image_id "1"',
        "image_id true",
    ]


def test_image_ids_stay_unique_as_text(tmp_path: Path) -> None:
    images = [picture(1), picture(2, id="1")]
    got = read(write(tmp_path, [thing(1, 1), thing(2, "1"), thing(3, "1")], images))
    assert got.image_id == ["1", '"1"']
    assert got.declared.tolist() == [1, 2]


def test_ids_beyond_64_bits_are_kept(tmp_path: Path) -> None:
    got = read(
        write(
            tmp_path,
            [thing(2**70, 2**65), thing(-(2**63), 2)],
            [picture(2**65, file_name="1.jpg"), picture(2)],
        )
    )
    assert got.object_id.tolist() == [2**70, -(2**63)]
    assert got.image_id == [str(2**65), "2"]


# --- boxes


@pytest.mark.parametrize(
    ("bbox", "code"),
    [
        ([1, 2, 3], "DP101"),
        ([1, 2, 3, 4, 5], "DP101"),
        (["1", 2, 3, 4], "DP101"),
        ([True, 2, 3, 4], "DP101"),
        ([None, 2, 3, 4], "DP101"),
        ([[1, 2, 3, 4]], "DP101"),
        ({"x": 1}, "DP101"),
        (None, "DP101"),
        ([1, 2, math.nan, 4], "DP102"),
        ([1, math.inf, 3, 4], "DP102"),
        ([1, 2, 10**400, 4], "DP102"),
        ([1e308, 2, 1e308, 4], "DP102"),
        ([1, 2, 0, 4], "DP103"),
        ([1, 2, 3, -4], "DP103"),
        ([1, 2, -3, math.nan], "DP102"),
        ([1e17, 2, 1, 4], "DP103"),
    ],
)
def test_a_bad_box_is_left_out_and_its_image_stays(tmp_path: Path, bbox: Any, code: str) -> None:
    got = read(write(tmp_path, [thing(40), thing(41, bbox=bbox, category=99), thing(42)]))
    (finding,) = got.findings  # only the box's finding, though the category is unknown too
    assert finding.code == code
    assert finding.action == "left out"
    assert (finding.file, finding.place, finding.image) == ("coco.json", "annotations[1] id 41", "1.jpg")
    assert got.n.tolist() == [0, 2]
    assert got.declared.tolist() == [3, 0]


def test_an_overflowing_number_is_shown_as_it_was_written(tmp_path: Path) -> None:
    text = json.dumps({"images": [picture(1)], "annotations": [thing(1)], "categories": CATEGORIES})
    got = read(write(tmp_path, text=text.replace("[1, 2, 30, 40]", "[1, 2.50, 1e400, 4]")))
    assert [(f.code, f.value) for f in got.findings] == [("DP102", "[1,2.50,1e400,4]")]


def test_a_missing_box_is_malformed(tmp_path: Path) -> None:
    got = read(write(tmp_path, [without(thing(1), "bbox")]))
    assert [(f.code, f.value) for f in got.findings] == [("DP101", "missing")]


def test_boxes_outside_the_picture_are_not_judged_here(tmp_path: Path) -> None:
    got = read(write(tmp_path, [thing(1, bbox=[-500, -500, 2, 2]), thing(2), thing(3)]))
    assert len(got.class_id) == 3
    assert got.findings == []


# --- references


@pytest.mark.parametrize("entry", [5, None, "x", [1, 2], True])
def test_an_annotation_that_is_no_object_is_left_out(tmp_path: Path, entry: Any) -> None:
    got = read(write(tmp_path, [thing(1), entry, thing(2)]))
    assert [(f.code, f.action, f.place) for f in got.findings] == [
        ("DP108", "left out", "annotations[1] id #1")
    ]
    assert got.findings[0].value == json.dumps(entry, separators=(",", ":"))
    assert got.objects_read == 3
    assert got.object_id.dtype == np.int64


@pytest.mark.parametrize("image", [99, None, "zz", 1.5, [1], True])
def test_an_annotation_of_an_unknown_image_is_left_out(tmp_path: Path, image: Any) -> None:
    got = read(write(tmp_path, [thing(1, image), thing(2)]))
    assert [(f.code, f.action) for f in got.findings] == [("DP107", "left out")]
    assert got.findings[0].value == "image_id " + json.dumps(image, separators=(",", ":"))
    assert got.findings[0].image == ""


@pytest.mark.parametrize("category", [99, None, "dog", 3.5, True, [3]])
def test_an_unknown_class_keeps_the_place_as_ignore_region(tmp_path: Path, category: Any) -> None:
    got = read(write(tmp_path, [thing(1, category=category), thing(2)]))
    assert got.class_id.tolist() == [-1, 0]
    assert [(f.code, f.action) for f in got.findings] == [("DP106", "ignored")]
    assert got.findings[0].value == "category_id " + json.dumps(category, separators=(",", ":"))


def test_objects_of_left_out_images_are_left_out_with_them(tmp_path: Path) -> None:
    images = [picture(1), picture(5), {"id": 6, "width": 3}]
    got = read(write(tmp_path, [thing(1, 5), thing(2, 5, bbox=[]), thing(3, 6), thing(4, 1)], images))
    assert [(f.code, f.place) for f in got.findings if f.code.startswith("DP2")] == [
        ("DP212", "images[2] id 6"),
        ("DP201", "images[1] id 5"),
    ]
    assert [(f.place, f.image) for f in found(got, "DP111")] == [
        ("annotations[0] id 1", "5.jpg"),
        ("annotations[1] id 2", "5.jpg"),
        ("annotations[2] id 3", ""),
    ]
    assert got.object_id.tolist() == [4]


# --- flags and area


@pytest.mark.parametrize("key", ["iscrowd", "ignore", "difficult", "truncated"])
@pytest.mark.parametrize("value", [2, -1, True, False, None, "1", 0.5, math.nan])
def test_an_unusable_flag_does_not_touch_the_box(tmp_path: Path, key: str, value: Any) -> None:
    got = read(write(tmp_path, [thing(1, **{key: value}), thing(2)]))
    assert got.flags.tolist() == [0, 0]
    assert [(f.code, f.action, f.value) for f in got.findings] == [
        ("DP133", "kept", f"{key} {json.dumps(value)}")
    ]


@pytest.mark.parametrize("value", [-1, True, None, "1", math.inf, math.nan, 10**400])
def test_an_unusable_area_is_unknown(tmp_path: Path, value: Any) -> None:
    got = read(write(tmp_path, [thing(1, area=value), thing(2, area=0)]))
    assert math.isnan(got.area[0])
    assert got.area[1] == 0
    assert [(f.code, f.action) for f in got.findings] == [("DP133", "kept")]


# --- images


def test_image_records_that_cannot_be_used_are_left_out(tmp_path: Path) -> None:
    images = [
        picture(1),
        5,
        without(picture(2), "id"),
        picture(3, file_name=7),
        picture(4, file_name=" "),
        None,
    ]
    got = read(write(tmp_path, [], images))
    assert [(f.code, f.place, f.value) for f in got.findings] == [
        ("DP215", "images[1] id #1", "5"),
        ("DP211", "images[2] id #2", "id missing"),
        ("DP212", "images[3] id 3", "file_name 7"),
        ("DP212", "images[4] id 4", 'file_name " "'),
        ("DP215", "images[5] id #5", "null"),
    ]
    assert got.images_read == 6


def test_half_a_surrogate_pair_in_a_name_is_no_usable_name(tmp_path: Path) -> None:
    got = read(write(tmp_path, [], [picture(1), picture(2, file_name="\ud800.jpg")]))
    assert [f.code for f in got.findings] == ["DP212"]
    got.findings[0].to_json().encode()


@pytest.mark.parametrize("width", [0, -5, "100", None, True, 99.5, 2**40, math.nan])
def test_an_unusable_size_counts_as_not_declared(tmp_path: Path, width: Any) -> None:
    got = read(write(tmp_path, [], [picture(1, width=width), picture(2, width=640.0)]))
    assert got.wh.tolist() == [[0, 0], [640, 80]]
    assert got.findings == []


def test_identical_image_records_are_merged(tmp_path: Path) -> None:
    got = read(write(tmp_path, [thing(1)], [picture(1), picture(2), picture(1), picture(1)]))
    assert [(f.code, f.action, f.place) for f in got.findings] == [
        ("DP227", "repaired", "images[2] id 1"),
        ("DP227", "repaired", "images[3] id 1"),
    ]
    assert got.images_read == len(got) == 2


def test_one_id_for_several_files_leaves_all_of_them_out(tmp_path: Path) -> None:
    images = [picture(1), picture(2), picture(1, file_name="3.jpg"), picture(1)]
    got = read(write(tmp_path, [thing(1), thing(2, 2)], images))
    assert [f.place for f in found(got, "DP210")] == ["images[0] id 1", "images[2] id 1"]
    assert "1.jpg, 3.jpg" in found(got, "DP210")[0].value
    assert [f.place for f in found(got, "DP227")] == ["images[3] id 1"]
    assert [f.place for f in found(got, "DP111")] == ["annotations[0] id 1"]
    assert got.image_id == ["2"]


def test_one_id_with_two_declared_sizes_is_ambiguous(tmp_path: Path) -> None:
    got = read(write(tmp_path, [], [picture(1), picture(2), picture(1, width=50)]))
    assert len(found(got, "DP210")) == 2


def test_no_images_at_all_is_an_error(tmp_path: Path) -> None:
    assert "there are no images" in message(write(tmp_path, [], []))


# --- pictures


def test_missing_pictures_are_named(tmp_path: Path) -> None:
    got = read(write(tmp_path, [thing(1, 9)], [picture(1), picture(9)]))
    assert [(f.code, f.image) for f in got.findings] == [("DP201", "9.jpg"), ("DP111", "9.jpg")]


def test_pictures_that_are_nowhere_are_all_missing(tmp_path: Path) -> None:
    got = read(write(tmp_path, [thing(1)], pictures=()))
    assert [f.code for f in got.findings] == ["DP201", "DP201", "DP111"]
    assert "none of 2 sampled names" in got.sources[0].notes[0]


@pytest.mark.parametrize("name", ["../secret.jpg", "/etc/passwd", "http://x.org/1.jpg"])
def test_no_path_leads_out_of_the_source(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret.jpg").write_bytes(b"jpeg")
    got = read(write(tmp_path / "in", [], [picture(1), picture(2, file_name=name)]))
    assert [f.code for f in got.findings] == ["DP213"]


def test_backslashes_and_case_are_repaired(tmp_path: Path) -> None:
    images = [picture(1, file_name="sub\\1.jpg"), picture(2, file_name="SUB/2.JPG")]
    got = read(write(tmp_path, [], images, pictures=("sub/1.jpg", "sub/2.jpg")))
    assert [(f.code, f.action) for f in got.findings] == [("DP221", "repaired")] * 2
    assert got.name == ["sub/1.jpg", "SUB/2.JPG"]


def test_the_folder_with_most_pictures_is_chosen_and_told(tmp_path: Path) -> None:
    for folder, names in {
        "train2017": ("1.jpg", "2.jpg"),
        "val2017": ("1.jpg",),
        "other/deep": ("1.jpg", "2.jpg"),
    }.items():
        write(tmp_path / folder, [], file="ignored.txt", pictures=names)
    got = read(write(tmp_path, [], file="annotations/instances_train2017.json", pictures=()))
    assert got.sources[0].notes == ("pictures: train2017 (2 of 2 sampled names found)",)
    assert got.split == ["train", "train"]


def test_the_named_folder_wins_even_outside_the_source(tmp_path: Path) -> None:
    write(tmp_path / "elsewhere", [], file="x.txt", pictures=("1.jpg",))
    got = read(write(tmp_path / "in", []), images=str(tmp_path / "elsewhere"))
    assert got.path == [os.path.realpath(tmp_path / "elsewhere" / "1.jpg")]
    assert [f.code for f in got.findings] == ["DP201"]
    with pytest.raises(InputError, match="is not there; check --images"):
        coco.read(str(tmp_path / "in"), ReadOptions(images=str(tmp_path / "nowhere")))


# --- categories


def test_one_category_id_with_two_names_is_an_error(tmp_path: Path) -> None:
    categories = [{"id": 3, "name": "car"}, {"id": 3, "name": "truck"}]
    assert "the id has two names, 'car' and 'truck'" in message(write(tmp_path, [], categories=categories))


def test_a_used_category_without_a_name_is_an_error(tmp_path: Path) -> None:
    said = message(write(tmp_path, [thing(1)], categories=[{"id": 3}]))
    assert "categories[0] id 3" in said
    assert "its name is missing" in said
    assert read(write(tmp_path, [], categories=[{"id": 3}])).classes == ()


def test_two_used_ids_with_one_name_are_an_error(tmp_path: Path) -> None:
    categories = [{"id": 3, "name": "car"}, {"id": 4, "name": " car "}]
    rows = [thing(1), thing(2, category=4)]
    assert "the name 'car' belongs to two ids that annotations use, 3 and 4" in message(
        write(tmp_path, rows, categories=categories)
    )


def test_an_unused_repeat_of_a_name_is_dropped(tmp_path: Path) -> None:
    categories = [{"id": 0, "name": "car"}, {"id": 3, "name": "car"}, {"id": 1, "name": "unused"}]
    got = read(write(tmp_path, [thing(1)], categories=categories))
    assert got.classes == ("unused", "car")
    assert [(f.code, f.action, f.place) for f in got.findings] == [
        ("DP302", "repaired", "categories[0] id 0")
    ]


def test_identical_categories_are_merged(tmp_path: Path) -> None:
    got = read(write(tmp_path, [thing(1)], categories=[*CATEGORIES, {"id": 3.0, "name": "car"}]))
    assert [(f.code, f.action) for f in got.findings] == [("DP301", "repaired")]
    assert got.classes == ("car", "dog")


def test_text_ids_of_categories_keep_the_order_of_the_file(tmp_path: Path) -> None:
    categories = [{"id": "z", "name": "zebra"}, {"id": "a", "name": "ant"}, 5, {"name": "no id"}]
    got = read(write(tmp_path, [thing(1, category="a")], categories=categories))
    assert got.classes == ("zebra", "ant")
    assert got.class_id.tolist() == [1]


# --- the file as a whole


@pytest.mark.parametrize("key", ["images", "annotations", "categories"])
def test_a_list_that_is_null_or_missing_is_an_error(tmp_path: Path, key: str) -> None:
    document = {"images": [picture(1)], "annotations": [], "categories": CATEGORIES}
    assert f"'{key}' is null, not a list" in message(write(tmp_path, text=json.dumps(document | {key: None})))
    said = message(write(tmp_path, text=json.dumps(without(document, key))))
    assert f"the root has no key '{key}'" in said
    assert said.startswith("coco.json: ")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"bbox"', '"bbox": [0, 0, 1, 1], "bbox"', "annotations[1] has the key 'bbox' twice"),
        ('"area"', '"note": 1, "note": 2, "area"', "annotations[1] has the key 'note' twice"),
        ('"width"', '"id": 7, "width"', "images[1] has the key 'id' twice"),
        ('"name"', '"n\\u0061me": "x", "name"', "categories[1] has the key 'name' twice"),
        ('"images"', '"info": 1, "info": 2, "images"', "the root has the key 'info' twice"),
    ],
)
def test_a_repeated_key_is_an_error_that_names_file_index_and_key(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    document = {
        "images": [picture(1), picture(2)],
        "annotations": [thing(1), thing(2)],
        "categories": CATEGORIES,
    }
    head, sep, tail = json.dumps(document).rpartition(old)
    assert "coco.json: " + said in message(write(tmp_path, text=head + new + tail))


def test_a_repeated_key_deeper_down_is_not_ours_to_judge(tmp_path: Path) -> None:
    text = json.dumps({"images": [picture(1)], "annotations": [thing(1, x=0)], "categories": CATEGORIES})
    assert len(read(write(tmp_path, text=text.replace('"x": 0', '"x": {"a": 1, "a": 2}'))).class_id) == 1


@pytest.mark.parametrize("text", ["", "{", "[]", '{"images": [', "null", '{"images": [{"id": 1,}]}'])
def test_a_lone_broken_file_is_an_error_about_that_file(tmp_path: Path, text: str) -> None:
    root = write(tmp_path, text=text)
    said = [message(f"{root}/coco.json")]
    if text not in ("[]", "null"):
        said.append(message(root))
    assert all(line.startswith("coco.json: ") or "no json file" in line for line in said)


def test_a_broken_record_is_an_error_with_its_index(tmp_path: Path) -> None:
    text = json.dumps({"images": [picture(1)], "annotations": [thing(1), thing(2)], "categories": CATEGORIES})
    said = message(write(tmp_path, text=text.replace('"id": 2', '"id": 02')))
    assert "coco.json: annotations[1]: the json does not parse" in said


def test_utf16_is_read_and_details_too(tmp_path: Path) -> None:
    root = write(tmp_path)
    document = {"images": [picture(1)], "annotations": [thing(1, note="é")], "categories": CATEGORIES}
    (tmp_path / "coco.json").write_text(json.dumps(document, ensure_ascii=False), encoding="utf-16")
    got = read(root)
    assert coco.read_detail(f"{root}/coco.json", tuple(got.span[0])).extra == {"note": "é"}


def test_progress_is_told(tmp_path: Path) -> None:
    from contextlib import contextmanager

    stages = []

    @contextmanager
    def listen(stage: str, total: int | None, unit: str) -> Any:
        stages.append((stage, total, unit))
        yield lambda amount: None

    read(write(tmp_path), progress=listen)
    assert stages == [("reading coco.json", 0, "MB")]


# --- which files


def test_instances_files_are_preferred_and_the_others_named(tmp_path: Path) -> None:
    for name in ("instances_val2017", "instances_train2017", "person_keypoints_train2017"):
        write(tmp_path, [thing(1)], file=f"annotations/{name}.json")
    got = read(str(tmp_path))
    assert got.split == ["train", "train", "val", "val"]
    assert [s.files for s in got.sources] == [
        ("annotations/instances_train2017.json",),
        ("annotations/instances_val2017.json",),
    ]
    assert "passed over: annotations/person_keypoints_train2017.json" in got.sources[0].notes[0]
    assert len(set(got.image_id)) == 4


def test_roboflow_folders_are_splits_with_their_own_pictures(tmp_path: Path) -> None:
    for folder in ("train", "valid", "test"):
        write(tmp_path / folder, [thing(1)], file="_annotations.coco.json")
    got = read(str(tmp_path))
    assert got.split == ["train"] * 2 + ["val"] * 2 + ["test"] * 2
    assert [Path(path).parent.name for path in got.path] == ["train"] * 2 + ["valid"] * 2 + ["test"] * 2


def test_files_are_found_by_their_content(tmp_path: Path) -> None:
    write(tmp_path, [thing(1)], file="a.json")
    write(tmp_path, [thing(1)], file="b.json")
    (tmp_path / "captions.json").write_text('{"images": [], "annotations": []}')
    (tmp_path / "package.json").write_text('{"name": "x"}')
    got = read(str(tmp_path))
    assert got.split == ["a", "a", "b", "b"]
    assert "captions.json" in got.sources[0].notes[0]


def test_a_split_called_after_its_file_can_name_shards(tmp_path: Path) -> None:
    write(tmp_path, [thing(1)], file="my\nset 1.json")
    write(tmp_path, [thing(1)], file="b.json")
    assert read(str(tmp_path)).split == ["b", "b", "my_set_1", "my_set_1"]


def test_a_lone_file_is_train_also_when_given_itself(tmp_path: Path) -> None:
    write(tmp_path, [thing(1)], file="annotations/mine.json", pictures=("../images/1.jpg", "../images/2.jpg"))
    for root in (tmp_path, tmp_path / "annotations" / "mine.json"):
        got = read(str(root))
        assert got.split == ["train", "train"]
        assert got.findings == []


@pytest.mark.parametrize(
    ("path", "split"),
    [
        ("instances_train2017.json", "train"),
        ("annotations/instances_val2017.json", "val"),
        ("validation.json", "val"),
        ("valid/_annotations.coco.json", "val"),
        ("image_info_test-dev2017.json", "test"),
        ("instances_minival2014.json", "minival"),
        ("trainval.json", "trainval"),
        ("train_val.json", "trainval"),
        ("contest/constraint.json", None),
    ],
)
def test_splits_are_read_from_names(path: str, split: str | None) -> None:
    assert split_of(path) == split


def test_a_folder_without_coco_is_an_error_and_no_evidence(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"a": 1}')
    assert "no json file with images, annotations and categories" in message(str(tmp_path))
    evidence = coco.sniff(str(tmp_path))
    assert evidence.score == 0
    assert evidence.missing


def test_evidence_names_the_files(tmp_path: Path) -> None:
    evidence = coco.sniff(write(tmp_path))
    assert evidence.score == CONTENT
    assert coco.sniff(f"{tmp_path}/coco.json").score == FILE
    assert evidence.found == ("coco.json (train)",)
    assert coco.sniff(str(tmp_path / "1.jpg")).score == 0


# --- details


def detail(folder: Path, wh: tuple[int, int] = (0, 0), **more: Any) -> Any:
    got = read(write(folder, [thing(1, **more)]))
    return coco.read_detail(str(folder / "coco.json"), tuple(got.span[0]), wh)


def test_polygons_are_read(tmp_path: Path) -> None:
    got = detail(tmp_path, segmentation=[[1, 2, 3, 4, 5, 6.5], [0, 0, 9, 0, 9, 9, 0, 9]], score=0.5)
    assert got.polygons == ((1, 2, 3, 4, 5, 6.5), (0, 0, 9, 0, 9, 9, 0, 9))
    assert got.extra == {"score": 0.5}
    assert got.findings == ()


@pytest.mark.parametrize(
    "bad",
    [
        [[1, 2, 3, 4]],
        [[1, 2, 3, 4, 5, 6, 7]],
        [[1, 2, 3, 4, 5, "6"]],
        [[1, 2, 3, 4, 5, math.nan]],
        [5],
        "x",
        7,
    ],
)
def test_an_unusable_segmentation_never_touches_the_box(tmp_path: Path, bad: Any) -> None:
    got = detail(tmp_path, segmentation=bad)
    assert got.polygons == ()
    assert [code for code, _ in got.findings] == ["DP132"]
    assert repr(got.extra["segmentation"]) == repr(bad)


@pytest.mark.parametrize("empty", [[], None])
def test_an_empty_segmentation_is_no_finding(tmp_path: Path, empty: Any) -> None:
    assert detail(tmp_path, segmentation=empty).findings == ()


def test_a_mask_is_kept_for_export_and_its_size_checked(tmp_path: Path) -> None:
    mask = {"size": [2, 3], "counts": [1, 5]}
    assert detail(tmp_path, (3, 2), segmentation=mask).extra == {"segmentation": mask}
    assert detail(tmp_path, (3, 2), segmentation=mask).findings == ()
    ((code, said),) = detail(tmp_path, (2, 3), segmentation=mask).findings
    assert (code, said) == ("DP132", "segmentation: size [2,3] of a picture 3 high and 2 wide")


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 1 << 30))
@settings(deadline=None)
def test_areas_of_masks_agree_with_pycocotools(h: int, w: int, seed: int) -> None:
    from pycocotools import mask as theirs

    pixels = np.random.default_rng(seed).random((h, w)) < np.random.default_rng(seed + 1).random()
    packed = theirs.encode(np.asfortranarray(pixels.astype(np.uint8)))
    text = {"size": [h, w], "counts": packed["counts"].decode()}
    assert coco.rle_area(text) == pixels.sum()
    assert coco.rle_area({"size": [h, w], "counts": rle.runs(text)}) == pixels.sum()


@pytest.mark.parametrize(
    "bad",
    [
        {"size": [2, 2], "counts": "o" * 10_000},
        {"size": [2, 2], "counts": "13o"},
        {"size": [2, 2], "counts": "\x00é"},
        {"size": [2, 2], "counts": "1O"},
        {"size": [2, 2], "counts": [5, -1]},
        {"size": [2, 2], "counts": [5]},
        {"size": [2, 2], "counts": [4.0]},
        {"size": [2, 2], "counts": None},
        {"size": [-1, -4], "counts": [4]},
        {"size": [1 << 40, 1], "counts": [1 << 40]},
        {"size": [True, 4], "counts": [4]},
        {"size": 4, "counts": [4]},
        {"counts": [4]},
        [],
    ],
)
def test_a_malicious_mask_is_refused_before_any_c_code(bad: Any) -> None:
    assert coco.rle_area(bad) is None
    assert isinstance(rle.runs(bad), str)


# --- fast = exact


def same(a: CocoColumns, b: CocoColumns) -> None:
    for one, other in ((a.images, b.images), (a.objects, b.objects)):
        for key, column in vars(one).items():
            if isinstance(column, np.ndarray):
                assert column.dtype == getattr(other, key).dtype, key
                np.testing.assert_array_equal(column, getattr(other, key), err_msg=key)
            else:
                assert column == getattr(other, key), key
    assert repr(a.categories) == repr(b.categories)


ODD_VALUES = (
    "0 1 1.0 -1 2 1.5 1e2 NaN Infinity -Infinity 1e400 1e308 true false null "
    '"1" "x" [] {} [1] {"a":1,"a":2} 9223372036854775807 -9223372036854775808 9223372036854775808 '
    "-4611686018427387904 18446744073709551616 9007199254740993.0 -0 -0.0 1e-400 0.1 "
    '"\\ud800" "\\u00e9" "\\u0020" "\\u0000" '
    '[1,2,3,4] [1,2,3,0] [1.5,2,3e1,4] [1,2,3] [1,2,3,"4"] [1e308,1,1e308,1] '
    "[1,2,NaN,4] [1,2,3,1e400] [1e17,1,1,1] [[1,2,3,4]] [0,0,-1,1] [true,1,2,3]"
)
ODD: st.SearchStrategy[str] = st.sampled_from(ODD_VALUES.split())

OBJECT_KEYS = ["id", "image_id", "category_id", "bbox", "area", "iscrowd", "ignore", "difficult", "truncated"]
IMAGE_KEYS = ["id", "file_name", "width", "height", "license", "coco_url", "flickr_url"]


def records(good: dict[str, str], keys: list[str]) -> st.SearchStrategy[str]:
    """Texts of records: good ones, with keys replaced, added, dropped or repeated; and no records."""

    def build(changes: dict[str, str], drop: set[str], extra: list[tuple[str, str]]) -> str:
        pairs = [(key, value) for key, value in (good | changes).items() if key not in drop] + extra
        return "{" + ", ".join(f'"{key}": {value}' for key, value in pairs) + "}"

    names = st.sampled_from([*keys, "segmentation", "other", "\\u0069d"])
    changed = st.builds(
        build,
        st.dictionaries(names, ODD, max_size=2),
        st.sets(st.sampled_from(keys), max_size=1) | st.just(set()),
        st.lists(st.tuples(names, ODD), max_size=1) | st.just([]),
    )
    plain = st.just(build({}, set(), []))
    return plain | plain | changed | ODD


OBJECTS = records(
    {"id": "7", "image_id": "1", "category_id": "3", "bbox": "[1, 2.5, 3, 4]", "area": "5"}, OBJECT_KEYS
)
IMAGES = records({"id": "1", "file_name": '"a.jpg"', "width": "5", "height": "6"}, IMAGE_KEYS)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=500)
@given(st.lists(OBJECTS, max_size=5), st.lists(IMAGES, max_size=3), st.integers(1, 300))
def test_the_fast_way_reads_what_the_exact_way_reads(
    tmp_path: Path, objects: list[str], images: list[str], block: int
) -> None:
    path = tmp_path / "x.json"
    path.write_text(
        f'{{"images": [{",".join(images)}], "annotations": [{", ".join(objects)}], "categories": []}}'
    )
    results: list[CocoColumns | str] = []
    for fast, size in ((True, 1 << 20), (False, 1 << 20), (True, block)):
        try:
            results.append(read_columns(str(path), "x.json", block=size, fast=fast))
        except InputError as error:
            results.append(str(error))
    first = results[0]
    for other in results[1:]:
        if isinstance(first, str) or isinstance(other, str):
            assert first == other
        else:
            same(first, other)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=200)
@given(st.lists(OBJECTS, max_size=6), st.lists(IMAGES, min_size=1, max_size=4))
def test_whatever_the_records_say_nothing_vanishes_and_nothing_crashes(
    tmp_path: Path, objects: list[str], images: list[str]
) -> None:
    lists = f'"images": [{",".join(images)}], "annotations": [{", ".join(objects)}]'
    text = "{" + lists + ', "categories": [{"id": 3, "name": "c"}]}'
    root = write(tmp_path, text=text, pictures=("a.jpg",))
    try:
        got = read(root)
    except InputError as error:
        assert "\n" not in str(error)
        return
    assert (got.xyxy[:, :2] < got.xyxy[:, 2:]).all()
    assert np.isfinite(got.xyxy).all()
    assert len(set(got.image_id)) == len(got)
    for finding in got.findings:
        finding.to_json().encode()
