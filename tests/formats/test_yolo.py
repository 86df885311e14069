import os
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datapipe import formats
from datapipe.errors import InputError
from datapipe.findings import account, tally
from datapipe.formats import yolo
from datapipe.formats.annotations import ReadOptions
from datapipe.formats.yolo.rows import parse

BOX = "0 0.5 0.5 0.2 0.4\n"
YAML = "names: [cat, dog]\nnc: 2\ntrain: images\n"


def make(root: Path, files: dict) -> str:
    """Files by path; None is a picture (reading annotations never decodes one)."""
    for path, content in files.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        data = b"picture" if content is None else content
        file.write_bytes(data.encode() if isinstance(data, str) else data)
    return str(root)


def read(root: Path, files: dict, given: str = ""):
    annotations = yolo.read(os.path.join(make(root, files), given).rstrip("/"))
    # The conservation law, for every test.
    account(
        annotations.images_read,
        len(annotations),
        annotations.objects_read,
        int(sum(annotations.class_id >= 0)),
        tally(annotations.findings),
    ).check()
    return annotations


def one(root: Path, rows, **files):
    return read(root, {"data.yaml": YAML, "images/a.jpg": None, "labels/a.txt": rows} | files)


def told(annotations):
    return [(f.code, f.action, f.place, f.value) for f in annotations.findings]


def error(root: Path, files: dict, given: str = "") -> str:
    with pytest.raises(InputError) as caught:
        read(root, files, given)
    text = str(caught.value)
    assert "\n" not in text
    return text


def splits(a):
    return dict(zip(a.image_id, a.split, strict=True))


# --- rows


def test_five_columns_are_centre_and_size_as_fractions(tmp_path):
    a = one(tmp_path, "1 0.5 0.5 0.2 0.4\n0 0.25 .25 0.5 5e-1\n")
    np.testing.assert_allclose(a.xyxy, [[0.4, 0.3, 0.6, 0.7], [0, 0, 0.5, 0.5]], atol=1e-15)
    assert a.class_id.tolist() == [1, 0] and a.classes == ("cat", "dog")
    assert a.sources[0].unit == "fraction" and a.wh.tolist() == [[0, 0]]
    assert a.n.tolist() == [1, 2] and a.object_id.tolist() == [1, 2] and a.declared.tolist() == [2]
    assert a.place(0, 1) == "labels/a.txt:2" and a.findings == []


def test_boxes_over_the_border_are_not_clipped_here(tmp_path):
    assert one(tmp_path, "0 0 0 1 1").xyxy.tolist() == [[-0.5, -0.5, 0.5, 0.5]]


def test_blank_lines_comments_bom_and_any_line_end(tmp_path):
    rows = "\ufeff# labels\r\n\r\n0 0.5 0.5 0.2 0.4  \r1 0.5 0.5 0.2 0.4\n\t\n   # end"
    a = one(tmp_path, rows)
    assert a.n.tolist() == [3, 4] and a.declared.tolist() == [2] and a.findings == []


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_encodings_with_a_byte_order_mark_are_read(tmp_path, encoding):
    a = one(tmp_path, ("# Katze 猫\n" + BOX).encode(encoding))
    assert a.n.tolist() == [2]


def test_a_polygon_becomes_its_enclosing_box_and_is_read_back(tmp_path):
    rows = "# größer\n" + BOX + "1 0.1 0.2 0.5 0.1 0.4 0.9 \n"
    a = one(tmp_path, rows)
    assert a.xyxy[1].tolist() == [0.1, 0.1, 0.5, 0.9]
    assert told(a) == [("DP122", "repaired", "labels/a.txt:3", "3 points")]
    assert a.span[0].tolist() == [0, 0]
    offset, length = a.span[1].tolist()
    assert rows.encode()[offset : offset + length] == b"1 0.1 0.2 0.5 0.1 0.4 0.9"
    assert formats.read_detail(a, 0, 1).polygons == ((0.1, 0.2, 0.5, 0.1, 0.4, 0.9),)


def test_a_polygons_span_counts_in_utf8_whatever_the_file_is(tmp_path):
    a = one(tmp_path, "# größer\n0 0.1 0.2 0.5 0.1 0.4 0.9".encode("utf-16"))
    assert formats.read_detail(a, 0, 0).polygons == ((0.1, 0.2, 0.5, 0.1, 0.4, 0.9),)


@pytest.mark.parametrize(
    ("row", "code", "value"),
    [
        ("0 0.5 0.5 0.2", "DP109", "4 columns"),
        ("0 0.5 0.5 0.2 0.4 0.93", "DP109", "6 columns"),
        ("0 0.1 0.1 0.2 0.1 0.2 0.2 0.9", "DP109", "8 columns"),
        ("0", "DP109", "1 columns"),
        ("0 0.5 x 0.2 0.4", "DP101", "x"),
        ("0 0.5 0,5 0.2 0.4", "DP101", "0,5"),
        ("0 0.5 1_0 0.2 0.4", "DP101", "1_0"),
        ("0 0.5 ٠.٥ 0.2 0.4", "DP101", "٠.٥"),
        ("0 0.5 nan 0.2 0.4", "DP102", "nan"),
        ("0 0.5 0.5 -Infinity 0.4", "DP102", "-Infinity"),
        ("0 0.5 0.5 1e999 0.4", "DP102", "1e999"),
        ("0 1e308 0.5 1.7e308 0.4", "DP102", "1e308 0.5 1.7e308 0.4"),
        ("0 0.5 0.5 0 0.4", "DP103", "0.5 0.5 0 0.4"),
        ("0 0.5 0.5 0.2 -0.4", "DP103", "0.5 0.5 0.2 -0.4"),
        ("0 0.1 0.1 0.2 0.1 0.3 0.1", "DP103", "0.1 0.1 0.2 0.1 0.3 0.1"),
        ("class x y w h", "DP101", "x"),
        ("9 0.5 0.5 0 0.4", "DP103", "0.5 0.5 0 0.4"),
    ],
)
def test_a_bad_row_is_left_out_alone_with_its_line(tmp_path, row, code, value):
    a = one(tmp_path, BOX + row + "\n" + BOX)
    assert told(a) == [(code, "left out", "labels/a.txt:2", value)]
    assert a.n.tolist() == [1, 3] and a.declared.tolist() == [3] and a.findings[0].image == "a.jpg"


def test_class_1_point_0_is_1_and_counted(tmp_path):
    a = one(tmp_path, "1.0 0.5 0.5 0.2 0.4")
    assert told(a) == [("DP123", "repaired", "labels/a.txt:1", "1.0")] and a.class_id.tolist() == [1]


@pytest.mark.parametrize("cls", ["2", "-1", "1.5", "cat", "1e0", "9" * 5000, "٢"])
def test_an_unknown_class_becomes_an_ignore_region(tmp_path, cls):
    a = one(tmp_path, f"{cls} 0.5 0.5 0.2 0.4")
    assert told(a) == [("DP106", "ignored", "labels/a.txt:1", cls)]
    assert a.class_id.tolist() == [-1] and len(a.xyxy) == 1


@given(st.binary(max_size=300))
def test_no_bytes_make_the_row_reader_fail_otherwise_than_by_saying_so(data):
    try:
        file = parse(data, 3)
    except ValueError:
        return
    lost = sum(t.action == "left out" for t in file.troubles)
    assert len(file.lines) == len(file.rows) + lost
    for row in file.rows:
        assert row.x1 < row.x2 and row.y1 < row.y2 and -1 <= row.class_id < 3


@given(st.tuples(*[st.floats(-2, 2)] * 2, *[st.floats(1e-3, 2)] * 2))
def test_the_fast_and_the_careful_way_agree(numbers):
    text = " ".join(map(repr, numbers))
    fast = parse(f"1 {text}".encode(), 2).rows
    careful = parse(f"1 {text}\n# nan".encode(), 2).rows
    assert fast == careful and len(fast) == 1


# --- labels and pictures


def test_missing_and_empty_labels_are_background_and_only_missing_is_told(tmp_path):
    a = read(tmp_path, {"data.yaml": YAML, "images/a.jpg": None, "images/b.jpg": None, "labels/b.txt": ""})
    assert a.image_id == ["images/a", "images/b"] and a.declared.tolist() == [0, 0]
    assert [(f.code, f.action, f.file, f.image) for f in a.findings] == [
        ("DP305", "kept", "labels/a.txt", "a.jpg")
    ]


def test_the_last_images_in_the_path_becomes_labels(tmp_path):
    files = {"data.yaml": YAML, "images/x/images/a.jpg": None, "images/x/labels/a.txt": BOX}
    a = read(tmp_path, files)
    assert a.file(0) == "images/x/labels/a.txt" and len(a.class_id) == 1 and a.name == ["a.jpg"]


def test_a_label_beside_the_picture_is_found_too(tmp_path):
    a = read(tmp_path, {"data.yaml": YAML, "images/a.jpg": None, "images/a.txt": BOX})
    assert a.file(0) == "images/a.txt" and a.findings == []


def test_folders_above_the_source_called_images_do_not_matter(tmp_path):
    root = tmp_path / "images" / "set"
    a = read(root, {"classes.txt": "cat", "a.jpg": None, "a.txt": BOX})
    assert len(a.class_id) == 1


def test_two_pictures_for_one_label_file_are_both_left_out_and_its_rows_once(tmp_path):
    a = one(tmp_path, BOX + BOX, **{"images/a.png": None})
    assert [(f.code, f.place, f.image) for f in a.findings] == [
        ("DP210", "", "a.jpg"),
        ("DP111", "labels/a.txt:1", "a.jpg"),
        ("DP111", "labels/a.txt:2", "a.jpg"),
        ("DP210", "", "a.png"),
    ]
    assert (len(a), a.images_read, a.objects_read) == (0, 2, 2)


def test_two_background_pictures_of_one_stem_keep_their_suffix(tmp_path):
    a = read(tmp_path, {"data.yaml": YAML, "images/a.jpg": None, "images/a.png": None})
    assert a.image_id == ["images/a.jpg", "images/a.png"]


def test_a_label_without_a_picture_is_an_orphan(tmp_path):
    a = one(tmp_path, BOX, **{"labels/gone.txt": BOX + "0 1\n", "labels/classes.txt": "cat\ndog"})
    assert told(a) == [
        ("DP217", "left out", "", "no picture gone"),
        ("DP111", "left out", "labels/gone.txt:1", "its image: DP217"),
        ("DP111", "left out", "labels/gone.txt:2", "its image: DP217"),
    ]
    assert (a.images_read, a.objects_read) == (2, 3)


def test_caches_hidden_files_and_readmes_are_no_labels(tmp_path):
    clutter = {
        "labels.cache": b"\x80",
        "labels/._a.txt": b"\x00",
        "labels/.b.txt": BOX,
        "README.txt": "hello",
    }
    a = one(tmp_path, BOX, **clutter, **{"images/notes.txt": "to do", "images/._a.jpg": None})
    assert a.findings == [] and len(a) == 1


@pytest.mark.parametrize("content", [b"\xff\xff\xff", b"0 0.5 0.5 0.2 0.4 \xe9"])
def test_an_undecodable_label_leaves_its_image_out(tmp_path, content):
    a = one(tmp_path, content)
    ((code, action, _, value),) = told(a)
    assert (code, action) == ("DP216", "left out") and value.startswith("not UTF-8 text: byte ")


def test_pipes_folders_and_links_out_are_never_read_as_labels(tmp_path):
    source = tmp_path / "source"
    make(source, {"data.yaml": YAML, **{f"images/{c}.jpg": None for c in "abc"}, "labels/z.txt": ""})
    os.mkfifo(source / "labels/a.txt")
    (source / "labels/b.txt").mkdir()
    (tmp_path / "secret.txt").write_text(BOX)
    (source / "labels/c.txt").symlink_to(tmp_path / "secret.txt")
    a = read(source, {"images/z.jpg": None})
    assert [(f.code, f.value) for f in a.findings] == [
        ("DP216", "not a readable file"),
        ("DP216", "not a readable file"),
        ("DP216", "leads out of the source"),
    ]
    assert a.image_id == ["images/z"]


def test_a_label_of_another_case_is_used_unless_it_is_another_pictures_own(tmp_path):
    a = read(tmp_path / "1", {"data.yaml": YAML, "images/IMG.JPG": None, "labels/img.TXT": BOX})
    assert len(a.class_id) == 1 and [f.code for f in a.findings] == ["DP221"]
    files = {"data.yaml": YAML, "images/a.jpg": None, "images/A.jpg": None, "labels/A.txt": BOX}
    a = read(tmp_path / "2", files)
    assert dict(zip(a.image_id, a.declared.tolist(), strict=True)) == {"images/A": 1, "images/a": 0}


def test_windows_folder_names_find_each_other(tmp_path):
    files = {"data.yaml": YAML.replace("images", "Images"), "Images/a.jpg": None, "Labels/a.txt": BOX}
    a = read(tmp_path, files)
    assert len(a.class_id) == 1 and a.images_read == 1


# --- data.yaml

SPLIT = {
    "train/images/a.jpg": None,
    "train/labels/a.txt": BOX,
    "valid/images/b.jpg": None,
    "valid/labels/b.txt": BOX,
}


def test_splits_come_from_the_keys_and_names_are_below_the_split(tmp_path):
    yaml = "names: {0: cat, '1': dog}\ntrain: train/images\nvalidation: valid/images\ntest:\n"
    a = read(tmp_path, SPLIT | {"data.yaml": yaml})
    assert splits(a) == {"train/images/a": "train", "valid/images/b": "val"}
    assert a.name == ["a.jpg", "b.jpg"] and a.findings == [] and a.classes == ("cat", "dog")


@pytest.mark.parametrize(
    ("train", "where"),
    [
        ("../train/images", ""),
        ("train/images", "/content/set"),
        ("..\\train\\images", ""),
        ("train/images", "../set"),
    ],
)
def test_paths_of_another_machine_are_dropped_and_counted(tmp_path, train, where):
    yaml = f"names: [cat]\ntrain: '{train}'\n" + (f"path: {where}\n" if where else "")
    a = read(tmp_path, SPLIT | {"data.yaml": yaml})
    assert told(a) == [("DP303", "repaired", "train", f"{train} read as train/images")]


def test_path_may_be_absolute_relative_or_part_of_the_split(tmp_path):
    for i, (path, train) in enumerate(
        [
            ("{root}", "train/images"),
            (".", "train/images"),
            ("train", "images"),
            ("{root}", "{root}/train/images"),
        ]
    ):
        root = tmp_path / str(i)
        yaml = f"path: {path}\nnames: [cat]\ntrain: {train}\n".format(root=root)
        a = read(root, SPLIT | {"data.yaml": yaml})
        assert a.image_id == ["train/images/a"] and a.findings == []


def test_a_split_that_is_not_there_names_every_place_tried(tmp_path):
    text = error(tmp_path, SPLIT | {"data.yaml": "path: far\nnames: [cat]\ntrain: ../gone\n"})
    assert text.startswith("data.yaml: train: '../gone' does not exist (tried ")
    assert f"(tried {tmp_path}/gone, {tmp_path}/far/gone)" in text


def test_a_split_outside_the_source_is_an_error_even_if_it_exists(tmp_path):
    make(tmp_path, {"other/x.jpg": None})
    for train in ("../other", str(tmp_path / "other")):
        text = error(tmp_path / "set", SPLIT | {"data.yaml": f"names: [cat]\ntrain: {train}\n"})
        assert f"train: {train!r} is not in the source" in text
    (tmp_path / "set" / "link").symlink_to(tmp_path / "other")
    assert "'link' is not in the source" in error(
        tmp_path / "set", {"data.yaml": "names: [cat]\ntrain: link\n"}
    )


def test_a_split_may_be_a_list_of_folders_lists_and_pictures(tmp_path):
    yaml = "names: [cat]\ntrain: [images/x, more.txt, images/z.jpg]\n"
    files = {f"images/{n}.jpg": None for n in ("x/deep/1", "y/2", "z")}
    a = read(tmp_path, files | {"data.yaml": yaml, "more.txt": "# a list\n./images/y/2.jpg\n\n"})
    assert sorted(a.image_id) == ["images/x/deep/1", "images/y/2", "images/z"]
    assert dict(zip(a.image_id, a.name, strict=True))["images/x/deep/1"] == "deep/1.jpg"


def test_entries_of_a_list_are_found_or_left_out_by_line(tmp_path):
    make(tmp_path, {"secret.jpg": None})
    lines = "images/a.jpg\nimages\\b.jpg\nimages/gone.jpg\n../secret.jpg\nhttp://x.org/c.jpg\nimages/a.jpg\n"
    files = {"images/a.jpg": None, "images/b.jpg": None, "labels/gone.txt": BOX, "labels/b.txt": BOX}
    files |= {"data.yaml": "names: [cat]\ntrain: train.txt\n", "train.txt": lines, "labels/a.txt": BOX}
    a = read(tmp_path / "set", files)
    assert a.image_id == ["images/a", "images/b"]
    assert told(a) == [
        ("DP227", "repaired", "train.txt:6", "images/a.jpg stands there twice"),
        ("DP221", "repaired", "train.txt:2", "images/b.jpg"),
        ("DP201", "left out", "train.txt:3", "images/gone.jpg"),
        ("DP111", "left out", "labels/gone.txt:1", "its image: DP201"),
        ("DP213", "left out", "train.txt:4", "../secret.jpg"),
        ("DP213", "left out", "train.txt:5", "http://x.org/c.jpg"),
    ]


def test_a_missing_entry_does_not_take_the_label_of_a_picture_that_is_there(tmp_path):
    files = {"images/a.png": None, "labels/a.txt": BOX, "l.txt": "images/a.jpg\nimages/a.png\n"}
    a = read(tmp_path, files | {"data.yaml": "names: [cat]\ntrain: l.txt\n"})
    assert told(a) == [("DP201", "left out", "l.txt:1", "images/a.jpg")]
    assert a.name == ["a.png"] and len(a.class_id) == 1


def test_a_picture_that_is_a_link_out_of_the_source_is_left_out_with_its_rows(tmp_path):
    make(tmp_path, {"secret.jpg": None, "set/images/z.txt": "", "set/labels/a.txt": BOX})
    (tmp_path / "set/images/a.jpg").symlink_to(tmp_path / "secret.jpg")
    a = read(tmp_path / "set", {"data.yaml": YAML})
    assert [f.code for f in a.findings] == ["DP213", "DP111"] and len(a) == 0


def test_pictures_no_list_names_are_not_part_of_it_and_their_labels_no_orphans(tmp_path):
    files = {"images/a.jpg": None, "images/b.jpg": None, "labels/a.txt": BOX, "labels/b.txt": BOX}
    a = read(tmp_path, files | {"data.yaml": "names: [cat]\ntrain: l.txt\n", "l.txt": "images/a.jpg"})
    assert a.image_id == ["images/a"] and a.findings == [] and a.images_read == 1


def test_an_image_in_two_splits_stays_in_the_first(tmp_path):
    yaml = "names: [cat]\ntest: images\nval: images\ntrain: l.txt\n"
    files = {"images/a.jpg": None, "images/b.jpg": None, "labels/a.txt": "", "labels/b.txt": ""}
    a = read(tmp_path, files | {"data.yaml": yaml, "l.txt": "images/b.jpg"})
    assert splits(a) == {"images/b": "train", "images/a": "val"} and a.images_read == 2
    assert [(f.code, f.value) for f in a.findings] == [("DP306", "train, val, test"), ("DP306", "val, test")]


@pytest.mark.parametrize(
    ("yaml", "message"),
    [
        ("train: images\n", "'names' is missing; list the class names there"),
        ("names: []\n", "names is empty"),
        ("names: cat\n", "names is 'cat'; write a list of names"),
        ("names: [cat, yes]\n", "names[1] is true, not text; names like yes, no, on, off and"),
        ("names: [cat, 7]\n", "names[1] is 7, not text"),
        ("names: [cat, 2020-01-01]\n", "names[1] is datetime.date(2020, 1, 1), not text"),
        ("names: [cat, [dog]]\n", "names[1] is a list, not text"),
        ("names: [cat, ]\nnames: [dog]\n", "line 2: 'names' stands there twice"),
        ("names: {0: cat, 0: dog}\n", "line 1: '0' stands there twice"),
        ("names: [cat, ' ']\n", "names[1] is empty"),
        ('names: [cat, "dog\\ud800"]\n', "names[1] dog\\ud800 is no Unicode text"),
        ("names: [cat, dog, 'cat ']\n", "names has 'cat' twice, as 0 and 2"),
        ("names: {0: cat, 2: dog}\n", "names has 2 ids but no 1; ids go from 0 without gaps"),
        ("names: {a: cat}\n", "names has the id 'a'"),
        ("names: {true: cat}\n", "names has the id True"),
        ("names: [cat, dog]\nnc: 3\n", "nc is 3 but there are 2 names; correct one of the two"),
        ("names: [cat]\nnc: true\n", "nc is true but there are 1 names"),
        ("names: [cat\n", "correct the yaml"),
        ("- cat\n", "it holds a list, not keys and values"),
        ("", "it holds nothing, not keys and values"),
        ("names: [cat]\ntrain: 7\n", "train holds 7, not a path"),
        ("names: [cat]\npath: [a]\n", "path is a list, not a folder's name"),
        ("names: [cat]\nkpt_shape: [17, 3]\n", "kpt_shape says that rows hold keypoints"),
        ("names: !!python/object/apply:os.system ['touch /tmp/x']\n", "could not determine a constructor"),
        ("a: &a {x: 1}\nb: {<<: [*a, *a]}\nnames: [cat]\n", "could not determine a constructor"),
        ("[" * 3000, "it nests too deeply"),
        ("names: [" + "9" * 5000 + "]", "not yaml"),
        (b"names: [\xe9]\n", "not UTF-8 text: byte 8"),
        ("names: [cat]\n#" + "x" * (1 << 20), "bytes, more than 1048576"),
    ],
)
def test_a_data_yaml_that_cannot_be_believed_is_an_error(tmp_path, yaml, message):
    text = error(tmp_path, {"data.yaml": yaml, "images/a.jpg": None})
    assert text.startswith("data.yaml: ") and message in text


def test_yaml_aliases_cannot_grow(tmp_path):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 10)]
    start = time.perf_counter()
    few = error(tmp_path, {"data.yaml": "\n".join([*lines, "names: *a9"])})
    many = error(
        tmp_path,
        {"data.yaml": "\n".join([*lines, "b: [*a1, *a2]", *(f"c{i}: [*a1, *a1]" for i in range(9))])},
    )
    assert "names[0] is a list, not text" in few and "more than 100 aliases" in many
    assert time.perf_counter() - start < 2


def test_quoted_yes_and_no_are_names(tmp_path):
    a = read(tmp_path, SPLIT | {"data.yaml": "names: ['yes', \"no\"]\ntrain: train/images\n"})
    assert a.classes == ("yes", "no")


def test_the_yaml_itself_may_be_given_and_any_name_will_do(tmp_path):
    files = SPLIT | {"coco8.yaml": "names: [cat]\ntrain: train/images\n"}
    assert read(tmp_path, files).image_id == ["train/images/a"]
    a = read(tmp_path, {}, given="coco8.yaml")
    assert a.image_id == ["train/images/a"] and a.sources[0].root == str(tmp_path)


def test_two_yaml_files_with_names_ask_which(tmp_path):
    text = error(tmp_path, SPLIT | {"a.yaml": "names: [cat]", "b.yaml": "names: [dog]"})
    assert "several yaml files have names (a.yaml, b.yaml); give the one to use" in text


def test_a_yaml_without_splits_falls_back_to_the_folders(tmp_path):
    a = read(tmp_path, SPLIT | {"data.yaml": "names: [cat]"})
    assert splits(a) == {"train/images/a": "train", "valid/images/b": "val"}


def test_no_picture_at_all_is_an_error(tmp_path):
    text = error(tmp_path, {"data.yaml": "names: [cat]\ntrain: labels\n", "labels/a.txt": BOX})
    assert "no picture in labels; check the splits' paths" in text


# --- darknet


def test_obj_data_with_lists_from_darknets_own_folder(tmp_path):
    files = {
        "obj.data": "classes = 2\ntrain  = data/train.txt\nvalid = data/valid.txt\n"
        "names = data/obj.names\nbackup = b/\n",
        "obj.names": "cat\ndog\n\n",
        "train.txt": "data/obj/a.jpg\n",
        "valid.txt": "data/obj/b.jpg\n",
        "obj/a.jpg": None,
        "obj/a.txt": BOX,
        "obj/b.jpg": None,
        "obj/b.txt": "",
    }
    a = read(tmp_path, files)
    assert splits(a) == {"obj/a": "train", "obj/b": "val"} and a.classes == ("cat", "dog")
    assert {f.code for f in a.findings} == {"DP303"}


def test_obj_data_whose_count_disagrees_or_whose_names_are_gone_is_an_error(tmp_path):
    files = {"obj.data": "classes=3\nnames=obj.names\n", "obj.names": "cat\ndog\n", "a.jpg": None}
    assert "obj.data: classes is '3' but there are 2 names" in error(tmp_path / "1", files)
    text = error(tmp_path / "2", {"obj.data": "names = data/x.names\n", "a.jpg": None})
    assert "names 'data/x.names' is not there; tried data/x.names, x.names, obj.names" in text


# --- without any plan


@pytest.mark.parametrize(
    "file", ["classes.txt", "obj.names", "labels/classes.txt", "_darknet.labels", "my.names"]
)
def test_bare_images_and_labels_take_names_from_a_file(tmp_path, file):
    files = {"images/train/a.jpg": None, "labels/train/a.txt": BOX, "images/val/b.jpg": None}
    a = read(tmp_path, files | {file: "cat\r\ndog\r\n"})
    assert splits(a) == {"images/train/a": "train", "images/val/b": "val"}
    assert a.classes == ("cat", "dog") and a.name == ["a.jpg", "b.jpg"] and len(a.class_id) == 1


def test_a_flat_folder_of_pictures_and_labels(tmp_path):
    a = read(tmp_path, {"classes.txt": "cat", "a.jpg": None, "a.txt": BOX, "notes.txt": "my notes"})
    assert splits(a) == {"a": "train"} and a.findings == [] and a.name == ["a.jpg"]


def test_pictures_outside_images_without_a_label_are_only_noted(tmp_path):
    a = read(tmp_path, {"classes.txt": "cat", "images/a.jpg": None, "labels/a.txt": BOX, "plot.png": None})
    assert a.image_id == ["images/a"]
    assert "1 pictures outside images/ have no label file" in a.sources[0].notes[1]


def test_without_names_anywhere_it_says_what_to_add(tmp_path):
    text = error(tmp_path, {"images/a.jpg": None, "labels/a.txt": BOX})
    assert "class names are missing; add a data.yaml with names, or a classes.txt" in text


def test_names_files_that_disagree_or_have_holes_are_an_error(tmp_path):
    two = {"train/_darknet.labels": "cat\ndog", "test/_darknet.labels": "dog\ncat", "train/a.jpg": None}
    assert "they name different classes; keep the right one" in error(tmp_path / "1", two)
    assert "line[1] is empty" in error(tmp_path / "2", {"classes.txt": "cat\n\ndog\n", "a.jpg": None})


def test_a_link_in_a_circle_ends(tmp_path):
    make(tmp_path, {"data.yaml": YAML, "images/a.jpg": None})
    (tmp_path / "images" / "again").symlink_to(tmp_path / "images")
    assert read(tmp_path, {}).images_read == 1


def test_progress_is_told_file_by_file(tmp_path):
    from contextlib import contextmanager

    heard = []

    @contextmanager
    def listen(stage, total, unit):
        heard.append((stage, total, unit))
        yield lambda amount: heard.append(amount)

    yolo.read(make(tmp_path, SPLIT | {"classes.txt": "cat"}), ReadOptions(progress=listen))
    assert heard == [("reading annotations", 2, "files"), 1, 1]
