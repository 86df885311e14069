import os
import time
from pathlib import Path

import numpy as np
import pytest

from datapipe import formats
from datapipe.errors import InputError
from datapipe.findings import account, tally
from datapipe.formats import voc
from datapipe.formats.annotations import DIFFICULT, TRUNCATED, ReadOptions

BCCD = Path(__file__).resolve().parents[3] / "shared" / "data" / "bccd"


def obj(name="cat", box=(1, 1, 10, 10), more=""):
    edges = "".join(f"<{e}>{v}</{e}>" for e, v in zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True))
    return f"<object><name>{name}</name>{more}<bndbox>{edges}</bndbox></object>"


def xml(*objects, filename="a.jpg", size=(100, 80), head="", more=""):
    name = f"<filename>{filename}</filename>" if filename is not None else ""
    w, h = size
    size = f"<size><width>{w}</width><height>{h}</height><depth>3</depth></size>"
    return f"{head}<annotation>{name}{size}{more}{''.join(objects)}</annotation>"


def make(root: Path, files: dict) -> str:
    """Files by path; None is a picture (reading annotations never decodes one)."""
    for path, content in files.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        data = b"picture" if content is None else content
        file.write_bytes(data.encode() if isinstance(data, str) else data)
    return str(root)


def read(root: Path, files: dict, **options):
    annotations = voc.read(make(root, files), ReadOptions(**options))
    kept = sum(annotations.class_id >= 0)
    # The conservation law, for every test: the rest of an ingest only leaves out more.
    account(
        annotations.images_read,
        len(annotations),
        annotations.objects_read,
        int(kept),
        tally(annotations.findings),
    ).check()
    return annotations


def told(annotations):
    return [(f.code, f.action, f.place, f.value) for f in annotations.findings]


def one(root: Path, *objects, **options):
    return read(root, {"a.xml": xml(*objects), "a.jpg": None}, **options)


# --- boxes


def test_voc_right_edge_is_inclusive_on_disk(tmp_path):
    a = one(tmp_path, obj(box=(1, 1, 100, 80)), voc_offset="1")
    assert a.xyxy.tolist() == [[0, 0, 100, 80]]
    assert a.wh.tolist() == [[100, 80]]
    assert a.sources[0].unit == "px"


def test_offset_0_takes_edges_as_they_are(tmp_path):
    a = one(tmp_path, obj(box=(0, 0, 100, 80)), voc_offset="0")
    assert a.xyxy.tolist() == [[0, 0, 100, 80]]
    assert "edges from 0, as asked by voc_offset" in a.sources[0].notes[0]


def test_one_corner_at_0_does_not_make_a_set_0_based(tmp_path):
    a = one(tmp_path, obj(box=(0, 5, 10, 10)), obj(box=(5, 5, 10, 10)))
    assert a.xyxy.tolist() == [[-1, 4, 10, 10], [4, 4, 10, 10]]


def test_one_box_in_the_corner_does_not_make_a_set_0_based(tmp_path):
    a = one(tmp_path, obj(box=(0, 0, 10, 10)), obj(box=(5, 5, 10, 10)))
    assert a.xyxy.tolist() == [[-1, -1, 10, 10], [4, 4, 10, 10]]


def test_the_offset_is_decided_over_all_files_and_told_in_a_sentence(tmp_path):
    files = {f"{i}.xml": xml(obj(box=(0, 7, 99, 79)), filename=None) for i in range(3)}
    files |= {f"{i}.jpg": None for i in range(4)}
    files["3.xml"] = xml(obj(box=(1, 7, 100, 20)), filename=None)
    a = read(tmp_path, files)
    assert a.xyxy[:, 0].tolist() == [0, 0, 0, 1]
    assert a.sources[0].notes[0] == (
        "corners read as edges from 0: of 4 boxes 3 edges are at 0, 1 at 1, 1 at W or H, 6 at W - 1 or H - 1"
    )


def test_as_many_ones_as_zeros_stay_1_based(tmp_path):
    a = one(tmp_path, obj(box=(0, 0, 9, 9)), obj(box=(1, 1, 9, 9)))
    assert a.xyxy[1].tolist() == [0, 0, 9, 9]


def test_float_corners_are_read(tmp_path):
    a = one(tmp_path, obj(box=("45.70", " 1.5 ", "+60.25", "70.")))
    assert a.xyxy.tolist() == [[44.70, 0.5, 60.25, 70]]


@pytest.mark.parametrize(
    ("box", "code", "value"),
    [
        (("ten", 1, 9, 9), "DP101", "xmin 'ten'"),
        (("", 1, 9, 9), "DP101", "xmin ''"),
        ((1, 1, "1e2", 9), "DP101", "xmax '1e2'"),
        ((1, 1, "1_0", 9), "DP101", "xmax '1_0'"),
        ((1, 1, "٩", 9), "DP101", "xmax '٩'"),
        ((1, 1, "0x10", 9), "DP101", "xmax '0x10'"),
        ((1, "nan", 9, 9), "DP102", "xmin 1, ymin nan, xmax 9, ymax 9"),
        ((1, 1, "Infinity", 9), "DP102", "xmin 1, ymin 1, xmax Infinity, ymax 9"),
        ((9, 1, 3, 9), "DP103", "xmin 9, ymin 1, xmax 3, ymax 9"),
        ((1, 5, 9, 5), "DP103", "xmin 1, ymin 5, xmax 9, ymax 5"),
    ],
)
def test_a_bad_box_is_left_out_alone_with_its_place(tmp_path, box, code, value):
    a = one(tmp_path, obj(), obj(box=box, name=""), obj("dog"))
    assert told(a) == [(code, "left out", "object 2", value)]
    assert a.n.tolist() == [1, 3] and a.object_id.tolist() == [1, 3]
    assert a.declared.tolist() == [3] and a.place(0, 1) == "object 3"


def test_a_number_of_a_thousand_digits_overflows_into_a_finding(tmp_path):
    a = one(tmp_path, obj(box=(1, 1, "9" * 5000, 9)))
    assert told(a)[0][:3] == ("DP102", "left out", "object 1")


def test_an_edge_missing_or_twice_is_no_box(tmp_path):
    missing = "<object><name>cat</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax></bndbox></object>"
    twice = obj().replace("<xmin>1</xmin>", "<xmin>1</xmin><xmin>2</xmin>")
    a = one(tmp_path, missing, twice)
    assert [t[3] for t in told(a)] == ["no ymax", "xmin twice"]


def test_tags_are_found_by_name_in_any_order(tmp_path):
    odd = (
        "<object><bndbox><ymax>40</ymax><xmax>30</xmax><ymin>20</ymin><xmin>10</xmin></bndbox>"
        "<difficult>1</difficult><name> cat\n</name></object>"
    )
    a = one(tmp_path, odd, voc_offset="0")
    assert a.xyxy.tolist() == [[10, 20, 30, 40]] and a.classes == ("cat",)
    assert a.flags.tolist() == [DIFFICULT]


def test_exactly_one_bndbox_of_its_own(tmp_path):
    box = "<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox>"
    part = f"<part><name>head</name>{box}</part>"
    a = one(
        tmp_path,
        f"<object><name>cat</name>{part}</object>",
        f"<object><name>cat</name>{box}{box}</object>",
        f"<object><name>cat</name>{part}{box}</object>",
    )
    assert told(a) == [
        ("DP110", "left out", "object 1", "0 bndbox"),
        ("DP110", "left out", "object 2", "2 bndbox"),
    ]
    assert a.classes == ("cat",)


def test_objects_inside_other_tags_do_not_count(tmp_path):
    a = one(tmp_path, obj(), f"<group>{obj('dog')}</group>")
    assert a.objects_read == 1 and a.classes == ("cat",)


@pytest.mark.parametrize(
    ("name", "value"),
    [("<name></name>", "names ''"), ("", "no name"), ("<name>a</name><name>b</name>", "names 'a', 'b'")],
)
def test_a_class_without_a_name_becomes_an_ignore_region(tmp_path, name, value):
    a = one(tmp_path, obj().replace("<name>cat</name>", name), obj())
    assert told(a) == [("DP106", "ignored", "object 1", value)]
    assert a.class_id.tolist() == [-1, 0]


def test_flags_have_defaults_and_an_unusable_one_does_not_touch_the_box(tmp_path):
    a = one(
        tmp_path,
        obj(more="<difficult>1</difficult><truncated>1</truncated>"),
        obj(more="<difficult>yes</difficult>"),
        obj(),
    )
    assert a.flags.tolist() == [DIFFICULT | TRUNCATED, 0, 0]
    assert told(a) == [("DP133", "kept", "object 2", "difficult 'yes'")]


def test_classes_are_sorted_by_name_and_that_is_told(tmp_path):
    a = one(tmp_path, obj("zebra"), obj("ant"), obj("zebra"))
    assert a.classes == ("ant", "zebra") and a.class_id.tolist() == [1, 0, 1]
    assert "VOC declares no order" in a.sources[0].notes[1]


@pytest.mark.parametrize("size", [(0, 0), (-5, 10), ("x", 10), ("nan", 10), ("10.5", 10)])
def test_an_unusable_size_is_not_declared(tmp_path, size):
    a = read(tmp_path, {"a.xml": xml(obj(), size=size), "a.jpg": None})
    assert a.wh.tolist() == [[0, 0]] and a.findings == []


def test_an_xml_without_objects_is_background(tmp_path):
    a = one(tmp_path)
    assert len(a) == 1 and a.row_start.tolist() == [0, 0] and a.declared.tolist() == [0]


# --- details


def test_details_beyond_the_columns_are_read_back(tmp_path):
    part = "<part><name>head</name></part>"
    more = f"<pose>Left</pose><occluded>1</occluded>{part}{part}"
    a = read(
        tmp_path,
        {
            "a.xml": xml(
                obj(), obj(more=more), obj(more="<pose>Unspecified</pose>"), more="<segmented>1</segmented>"
            ),
            "a.jpg": None,
        },
    )
    assert a.span.tolist() == [[0, 0], [1, 2], [0, 0]]
    detail = formats.read_detail(a, 0, 1)
    assert detail.extra == {
        "pose": "Left",
        "occluded": "1",
        "part": [{"name": "head"}, {"name": "head"}],
    }
    assert formats.read_image_detail(a, 0) == {"segmented": "1", "depth": "3"}


def test_deeply_nested_unknown_tags_end(tmp_path):
    deep = "<x>" * 5000 + "</x>" * 5000
    a = one(tmp_path, obj(more=deep))
    assert formats.read_detail(a, 0, 0).extra["x"]


# --- files


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not well-formed XML: no element found"),
        (b"<annotation><object>", "not well-formed XML"),
        (b"\xff\xfe\xfd\x00", "not well-formed XML"),
        (b"<annotation>\xe9</annotation>", "not well-formed XML"),
        (b"<html><body/></html>", "its root is <html>, not <annotation>"),
        (b"<?xml version='1.0' encoding='no-such'?><annotation/>", "unknown encoding"),
    ],
)
def test_an_unreadable_xml_leaves_its_image_out(tmp_path, content, reason):
    a = read(tmp_path, {"a.xml": content, "a.jpg": None, "b.xml": xml(filename="b.jpg"), "b.jpg": None})
    ((code, action, _, value),) = told(a)
    assert (code, action) == ("DP216", "left out") and reason in value
    assert a.findings[0].image == "a.jpg" and a.images_read == 2 and a.image_id == ["b"]


BOMB = '<!DOCTYPE a [<!ENTITY x "cat">]>'


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
@pytest.mark.parametrize("doctype", ["<!DOCTYPE annotation>", BOMB, '<!DOCTYPE a SYSTEM "/etc/passwd">'])
def test_any_doctype_is_refused(tmp_path, doctype, encoding):
    content = xml(obj("&x;" if "ENTITY" in doctype else "cat"), head=doctype).encode(encoding)
    a = read(tmp_path, {"a.xml": content, "a.jpg": None})
    assert told(a) == [
        ("DP216", "left out", "", "it has a DOCTYPE, which is refused because entities can hide in it")
    ]


def test_a_doctype_hidden_by_an_encoding_that_is_not_ascii_is_refused(tmp_path):
    # After an ASCII declaration expat reads on in EBCDIC, where "<!DOCTYPE" has other bytes.
    head = b"<?xml version='1.0' encoding='cp037'?>"
    a = read(tmp_path, {"a.xml": head + xml(head=BOMB).encode("cp037"), "a.jpg": None})
    assert told(a)[0][0] == "DP216"


def test_the_word_doctype_in_a_comment_is_no_doctype(tmp_path):
    a = read(tmp_path, {"a.xml": xml(obj(), more="<!-- <!DOCTYPE x> -->"), "a.jpg": None})
    assert len(a) == 1 and a.findings == []


def test_a_billion_laughs_cost_nothing(tmp_path):
    entities = "".join(f'<!ENTITY x{i + 1} "{f"&x{i};" * 10}">' for i in range(12))
    bomb = f'<!DOCTYPE a [<!ENTITY x0 "ha">{entities}]>'
    start = time.perf_counter()
    read(tmp_path, {"a.xml": xml(obj("&x12;"), head=bomb), "a.jpg": None})
    assert time.perf_counter() - start < 1


@pytest.mark.parametrize(
    ("encoding", "declared"),
    [
        ("utf-8", ""),
        ("utf-8-sig", ""),
        ("utf-16", ""),
        ("utf-32", ""),
        ("latin-1", "iso-8859-1"),
        ("gbk", "gb2312"),
        ("shift_jis", "Shift_JIS"),
    ],
)
def test_text_is_read_as_the_xml_declares(tmp_path, encoding, declared):
    name = {"latin-1": "Kätzchen", "gbk": "猫", "shift_jis": "ねこ"}.get(encoding, "Kätzchen 猫")
    head = f"<?xml version='1.0' encoding='{declared}'?>" if declared else ""
    a = read(tmp_path, {"a.xml": xml(obj(name), head=head).encode(encoding), "a.jpg": None})
    assert a.classes == (name,) and a.findings == []


def test_pipes_folders_and_links_out_are_never_read_as_xml(tmp_path):
    source = tmp_path / "source"
    make(source, {"a.xml": xml(filename="a.jpg"), "a.jpg": None, "b.jpg": None, "c.jpg": None})
    os.mkfifo(source / "b.xml")
    (tmp_path / "secret.xml").write_text(xml(obj("secret")))
    (source / "c.xml").symlink_to(tmp_path / "secret.xml")
    (source / "d.xml").mkdir()
    a = read(source, {})
    assert [(f.code, f.file, f.value) for f in a.findings] == [
        ("DP216", "b.xml", "not a readable file"),
        ("DP216", "c.xml", "leads out of the source"),
    ]
    assert a.classes == ()


def test_no_xml_at_all_is_an_error_that_says_what_to_give(tmp_path):
    with pytest.raises(InputError, match="no .xml file in it; give the folder that holds Annotations"):
        voc.read(make(tmp_path, {"a.jpg": None}))


def test_a_file_or_nothing_in_the_place_of_the_folder_is_an_error(tmp_path):
    make(tmp_path, {"a.jpg": None})
    for root in (tmp_path / "a.jpg", tmp_path / "gone"):
        with pytest.raises(InputError, match="no such folder"):
            voc.read(str(root))


# --- the picture of an xml


def test_filename_wins_and_path_is_ignored(tmp_path):
    content = xml(filename="other.jpg", more="<path>/home/somebody/wrong.jpg</path>")
    a = read(tmp_path, {"a.xml": content, "other.jpg": None})
    assert a.name == ["other.jpg"] and a.image_id == ["a"] and a.findings == []


@pytest.mark.parametrize("filename", ["gone.jpg", "a", "a.png", "", None, "C:\\Users\\me\\a.jpg"])
def test_the_xmls_own_stem_is_the_second_choice(tmp_path, filename):
    a = read(tmp_path, {"a.xml": xml(filename=filename), "a.jpg": None})
    assert a.name == ["a.jpg"]
    assert told(a) == [("DP225", "repaired", "", filename or "no <filename>")]


def test_a_filename_that_names_another_picture_than_the_stem_is_ambiguous(tmp_path):
    files = {"a.xml": xml(obj(), filename="b.jpg"), "a.jpg": None, "b.jpg": None}
    a = read(tmp_path, files | {"c.xml": xml(filename="c.jpg"), "c.jpg": None})
    assert told(a)[:2] == [
        ("DP210", "left out", "", "<filename> b.jpg is a picture, and so is a.jpg"),
        ("DP111", "left out", "object 1", "its image: DP210"),
    ]
    assert a.image_id == ["c"]


def test_two_pictures_of_the_stem_are_ambiguous_unless_filename_decides(tmp_path):
    files = {"a.jpg": None, "a.png": None}
    a = read(tmp_path / "1", files | {"a.xml": xml(filename="gone.jpg")})
    assert told(a) == [("DP210", "left out", "", "a.jpg, a.png")]
    a = read(tmp_path / "2", files | {"a.xml": xml(filename="a.png")})
    assert a.name == ["a.png"]


def test_a_missing_picture_is_named_and_takes_its_objects_along(tmp_path):
    a = read(tmp_path, {"a.xml": xml(obj(), obj(), filename="gone.jpg")})
    assert told(a) == [
        ("DP201", "left out", "", "gone.jpg"),
        ("DP111", "left out", "object 1", "its image: DP201"),
        ("DP111", "left out", "object 2", "its image: DP201"),
    ]
    assert a.findings[0].image == "gone.jpg" and (a.images_read, a.objects_read) == (1, 2)


def test_an_xml_without_filename_and_picture_is_an_orphan(tmp_path):
    a = read(tmp_path, {"a.xml": xml(filename=None)})
    assert told(a) == [("DP217", "left out", "", "no picture a")]


@pytest.mark.parametrize("filename", ["../secret.jpg", "/etc/passwd", "http://x.org/a.jpg"])
def test_a_filename_outside_the_source_is_left_out_even_beside_its_own_picture(tmp_path, filename):
    make(tmp_path, {"secret.jpg": None})
    a = read(tmp_path / "source", {"a.xml": xml(filename=filename), "a.jpg": None})
    assert told(a)[0][:2] == ("DP213", "left out") and len(a) == 0


def test_a_folder_in_the_place_of_the_picture_is_told(tmp_path):
    (tmp_path / "a.jpg").mkdir()
    a = read(tmp_path, {"a.xml": xml()})
    assert told(a) == [("DP204", "left out", "", "a.jpg")]


def test_case_and_backslash_are_repaired_and_counted(tmp_path):
    a = read(tmp_path, {"a.xml": xml(filename="images\\A.JPG"), "images/a.jpg": None})
    assert told(a) == [("DP221", "repaired", "", "images\\A.JPG")] and a.name == ["a.jpg"]


def test_a_picture_claimed_by_two_xml_files_belongs_to_the_one_of_its_name(tmp_path):
    a = read(
        tmp_path,
        {"a.xml": xml(obj()), "b.xml": xml(obj(name=""), filename="a.jpg"), "a.jpg": None},
    )
    assert a.image_id == ["a"] and len(a.class_id) == 1
    assert told(a) == [
        ("DP210", "left out", "", "a.jpg is claimed by a.xml too"),
        ("DP111", "left out", "object 1", "its image: DP210"),
    ]


def test_file_names_that_are_not_utf8_get_an_id_that_is(tmp_path):
    name = os.fsdecode(b"\xff.jpg")
    make(tmp_path, {name: None, os.fsdecode(b"\xff.xml"): xml(filename=None)})
    a = read(tmp_path, {})
    assert a.image_id == ["\\xff"] and a.name == ["\\xff.jpg"] and a.path[0].endswith(name)


# --- layouts and splits

DEVKIT = {
    "Annotations/a.xml": xml(obj()),
    "Annotations/b.xml": xml(filename="b.jpg"),
    "Annotations/c.xml": xml(filename="c.jpg"),
    "JPEGImages/a.jpg": None,
    "JPEGImages/b.jpg": None,
    "JPEGImages/c.jpg": None,
    "SegmentationClass/a.png": None,
}


def lists(**names):
    return {f"ImageSets/Main/{split}.txt": text for split, text in names.items()}


def splits(a):
    return dict(zip(a.image_id, a.split, strict=True))


def test_a_devkit_gives_each_image_its_lists_split(tmp_path):
    a = read(
        tmp_path,
        DEVKIT
        | lists(train="a\r\n\n", val="b\n", test="\ufeffc", trainval="a\nb\n", aeroplane_train="b  1\n"),
    )
    assert splits(a) == {"a": "train", "b": "val", "c": "test"} and a.findings == []
    assert a.file(0) == "Annotations/a.xml" and a.name[0] == "a.jpg"


def test_without_train_and_val_trainval_is_train(tmp_path):
    a = read(tmp_path, DEVKIT | lists(trainval="a\nb", test="c"))
    assert splits(a) == {"a": "train", "b": "train", "c": "test"}


def test_an_image_in_two_lists_stays_in_the_first_and_one_in_none_is_unlisted(tmp_path):
    a = read(tmp_path, DEVKIT | lists(train="a", val="a\nb", trainval="a\nb\nc"))
    assert splits(a) == {"a": "train", "b": "val", "c": "unlisted"}
    assert told(a) == [
        ("DP306", "kept", "", "train, val"),
        ("DP307", "kept", "", "in no list of ImageSets"),
    ]


def test_without_lists_everything_is_train(tmp_path):
    assert set(read(tmp_path, DEVKIT).split) == {"train"}


def test_a_list_entry_without_xml_is_unlabelled_or_missing(tmp_path):
    a = read(tmp_path, DEVKIT | {"JPEGImages/d.jpg": None} | lists(train="a\nb\nc\nd\ne", val="e"))
    assert [(f.code, f.action, f.file, f.place, f.value) for f in a.findings] == [
        ("DP201", "left out", "ImageSets/Main/train.txt", "line 5", "e"),
        ("DP304", "kept", "JPEGImages/d.jpg", "", "no xml file"),
    ]
    assert a.images_read == 4 and len(a) == 3


def test_a_list_that_is_not_text_is_an_error(tmp_path):
    with pytest.raises(InputError, match=r"^ImageSets/Main/train.txt: not UTF-8 text: byte 0"):
        read(tmp_path, DEVKIT | {"ImageSets/Main/train.txt": b"\xff\xff\xff"})


def test_lists_may_hold_whole_file_names(tmp_path):
    a = read(tmp_path, DEVKIT | lists(train="a.jpg\nAnnotations/b.xml", test="c"))
    assert splits(a) == {"a": "train", "b": "train", "c": "test"}


def test_nested_devkits_keep_their_lists_and_same_stems_apart(tmp_path):
    files = {f"VOCdevkit/VOC2007/{k}": v for k, v in (DEVKIT | lists(train="a\nb", val="c")).items()}
    files |= {"VOCdevkit/VOC2012/Annotations/a.xml": xml(), "VOCdevkit/VOC2012/JPEGImages/a.jpg": None}
    files |= {"VOCdevkit/VOC2012/ImageSets/Main/val.txt": "a"}
    a = read(tmp_path, files)
    assert splits(a) == {
        "VOCdevkit/VOC2007/Annotations/a": "train",
        "b": "train",
        "c": "val",
        "VOCdevkit/VOC2012/Annotations/a": "val",
    }
    assert len(set(a.path)) == 4


def test_split_folders_with_xml_beside_the_pictures(tmp_path):
    files = {}
    for i, folder in enumerate(("train", "valid", "test")):
        files |= {f"{folder}/{i}.xml": xml(filename=f"{i}.jpg"), f"{folder}/{i}.jpg": None}
    assert splits(read(tmp_path, files)) == {"0": "train", "1": "val", "2": "test"}


@pytest.mark.parametrize(
    ("annotation", "picture"),
    [
        ("xml/a.xml", "images/a.jpg"),
        ("Annotations/train/a.xml", "JPEGImages/train/a.jpg"),
        ("annotations/a.xml", "a.jpg"),
        ("a.xml", "pictures/a.jpg"),
        ("set/Annotations/a.xml", "set/whatever/a.jpg"),
        ("train/annotations/a.xml", "train/images/a.jpg"),
    ],
)
def test_pictures_are_found_in_sibling_folders(tmp_path, annotation, picture):
    a = read(tmp_path, {annotation: xml(), picture: None})
    assert a.path == [str(tmp_path / picture)] and a.findings == []


def test_a_picture_is_not_borrowed_from_another_split(tmp_path):
    a = read(tmp_path, {"train/a.xml": xml(), "valid/a.jpg": None, "valid/a.xml": xml()})
    assert [(f.code, f.file) for f in a.findings] == [("DP201", "train/a.xml")]


def test_a_picture_without_xml_is_unlabelled_and_not_read(tmp_path):
    a = read(tmp_path, DEVKIT | {"JPEGImages/z.jpg": None})
    assert told(a) == [("DP304", "kept", "", "no xml file")] and a.images_read == 3


def test_progress_is_told_file_by_file(tmp_path):
    from contextlib import contextmanager

    heard = []

    @contextmanager
    def listen(stage, total, unit):
        heard.append((stage, total, unit))
        yield lambda amount: heard.append(amount)

    read(tmp_path, DEVKIT, progress=listen)
    assert heard == [("reading annotations", 3, "files"), 1, 1, 1]


@pytest.mark.skipif(not BCCD.exists(), reason="the BCCD pictures are not here")
def test_bccd_reads_whole_with_its_two_empty_boxes_named():
    a = voc.read(str(BCCD))
    assert (len(a), a.objects_read, len(a.class_id)) == (364, 4888, 4886)
    assert [(f.code, f.file, f.place) for f in a.findings] == [
        ("DP103", "Annotations/BloodImage_00338.xml", "object 13"),
        ("DP103", "Annotations/BloodImage_00343.xml", "object 4"),
    ]
    assert a.classes == ("Platelets", "RBC", "WBC")
    assert np.all(a.xyxy[:, 2:] > a.xyxy[:, :2])
    assert a.sources[0].notes[0].startswith("corners read as 1-based inclusive: of 4 886 boxes 0 edges")
