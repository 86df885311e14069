import json
import subprocess
import sys
from pathlib import Path

import pytest

from datapipe.errors import InputError
from datapipe.formats.detect import choose, detect

XML = "<annotation><filename>a.jpg</filename></annotation>"
COCO = json.dumps({"images": [], "annotations": [], "categories": []})
ROW = "0 0.5 0.5 0.2 0.4\n"
SETS = {
    "coco": {"annotations/instances_train2017.json": COCO, "train2017/a.jpg": "x"},
    "voc": {"Annotations/a.xml": XML, "JPEGImages/a.jpg": "x"},
    "yolo": {"data.yaml": "names: [cat]\ntrain: images", "images/a.jpg": "x", "labels/a.txt": ROW},
}


def make(root: Path, files: dict) -> str:
    for path, content in files.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, encoding="utf-8")
    return str(root)


@pytest.mark.parametrize("name", ["coco", "voc", "yolo"])
def test_each_format_is_recognised_and_the_others_say_no(tmp_path, name):
    best, *others = detect(make(tmp_path, SETS[name]))
    assert best.format == name and best.found
    assert [one.score for one in others] == [0, 0] and all(one.missing for one in others)
    assert choose(str(tmp_path)) == best


@pytest.mark.parametrize(
    "files",
    [
        {"classes.txt": "cat", "a.jpg": "x", "a.txt": ROW},
        {"obj.data": "classes=1", "obj.names": "cat"},
        {"train/_darknet.labels": "cat", "train/a.txt": ROW},
        {"images/a.jpg": "x", "labels/a.txt": ROW},
        {"set.yaml": "names: [cat]\n", "set.jpg": "x"},
    ],
)
def test_yolo_without_a_data_yaml_is_recognised(tmp_path, files):
    assert choose(make(tmp_path, files)).format == "yolo"


def test_xml_beside_pictures_is_voc_in_utf16_too(tmp_path):
    make(tmp_path, {"a.jpg": "x"})
    (tmp_path / "a.xml").write_text("<?xml version='1.0'?>" + XML, encoding="utf-16")
    assert choose(str(tmp_path)).format == "voc"


def test_the_yaml_file_itself_is_yolo(tmp_path):
    make(tmp_path, SETS["yolo"])
    assert choose(str(tmp_path / "data.yaml")).found == ("data.yaml has names",)


def test_a_readme_and_other_xml_do_not_make_a_format(tmp_path):
    make(tmp_path, {"README.txt": "5 pictures of 3 cats", "pom.xml": "<project/>", "a.jpg": "x"})
    with pytest.raises(InputError) as caught:
        choose(str(tmp_path))
    text = str(caught.value)
    assert text.startswith(f"{tmp_path}: neither COCO, VOC nor YOLO (")
    for reason in ("1 .xml files, none an <annotation>", "no data.yaml or obj.data", "coco: no json"):
        assert reason in text
    assert text.endswith("or say which with --format")


def test_an_empty_folder_is_nothing(tmp_path):
    with pytest.raises(InputError, match="voc: no .xml file"):
        choose(str(tmp_path))


def test_two_formats_that_fit_equally_ask_which(tmp_path):
    make(tmp_path, SETS["voc"] | SETS["yolo"])
    with pytest.raises(InputError) as caught:
        choose(str(tmp_path))
    assert "fits several formats" in str(caught.value)
    assert str(caught.value).endswith("say which with --format voc or --format yolo")
    assert choose(str(tmp_path), "voc").format == "voc"


def test_a_named_format_is_taken_at_its_word(tmp_path):
    assert choose(make(tmp_path, SETS["voc"]), "yolo").format == "yolo"


def test_readers_are_imported_only_when_asked_for():
    code = "import sys, datapipe.formats.detect, datapipe.formats.annotations as a;"
    code += "print(*{'yaml', 'xml.etree.ElementTree', 'pycocotools', 'msgspec'} & sys.modules.keys())"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (run.stdout.strip(), run.stderr) == ("", "")
