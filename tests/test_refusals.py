"""What leaves the meaning of a whole dataset uncertain is refused in one line, and nothing is written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from mini import FORMATS, draw

from datapipe.errors import InputError
from datapipe.ingest import ingest

FILES = {"coco": "annotations/instances_train.json", "voc": "ImageSets/Main/train.txt", "yolo": "data.yaml"}
Change = Callable[[bytes], bytes]


def replaced(old: str, new: str) -> Change:
    """The file with another text in one place."""

    def change(data: bytes) -> bytes:
        assert old.encode() in data
        return data.replace(old.encode(), new.encode(), 1)

    return change


def content(data: bytes) -> Change:
    """Another file altogether."""
    return lambda old: data


_NULL = b'{"images": null, "annotations": [], "categories": []}'
_HORSE = '"categories": [{"id": 1, "name": "horse"}, '
_DEEP = '{"info": ' + "[" * 5000 + "]" * 5000 + ","
_TRAIN = "train: images/train"

REFUSED: dict[str, tuple[Change, str]] = {
    "coco: json cut off": (lambda data: data[:-40], "the json does not parse: it ends after"),
    "coco: an empty json": (content(b""), "the file is empty"),
    "coco: a root that is a list": (content(b"[]"), "the root is a list, not an object"),
    "coco: no annotations": (replaced('"annotations"', '"labels"'), "no key 'annotations'"),
    "coco: images null": (content(_NULL), "'images' is null, not a list"),
    "coco: images twice": (replaced("{", '{"images": [], '), "the key 'images' twice"),
    "coco: an image's id twice": (replaced('{"id": 101,', '{"id": 101, "id": 101,'), "the key 'id' twice"),
    "coco: nesting without end": (replaced("{", _DEEP), "nest deeper"),
    "coco: one id for two categories": (replaced('"categories": [', _HORSE), "the id has two names"),
    "coco: latin-1": (lambda data: data.replace(b"cat", b"\xe9"), "UTF-8"),
    "voc: a list that is no text": (content(b"\xff\xfe\x00"), "UTF-16"),
    "yolo: yaml that does not parse": (content(b"names: [a, b"), "correct the yaml"),
    "yolo: no names": (content(_TRAIN.encode()), "'names' is missing"),
    "yolo: yes for a name": (replaced('"cat"', "yes"), "names like yes, no, on, off and numbers must be"),
    "yolo: a name twice": (replaced('"dog"', '"cat"'), "names has 'cat' twice"),
    "yolo: another count": (replaced("names:", "nc: 80\nnames:"), "nc is 80 but there are 3 names"),
    "yolo: a split of nothing": (replaced(_TRAIN, "train: images/nowhere"), "does not exist"),
    "yolo: a split outside": (replaced(_TRAIN, "train: /etc"), "is not in the source"),
    "yolo: code in yaml": (content(b"names: !!python/object/apply:os.system [id]"), "correct the yaml"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_an_uncertain_dataset_is_refused_and_nothing_is_written(tmp_path: Path, case: str) -> None:
    change, message = REFUSED[case]
    kind = case.partition(":")[0]
    source = FORMATS[kind](draw(Random(4), 5)).write(tmp_path / "source")
    file = source / FILES[kind]
    file.write_bytes(change(file.read_bytes()))
    with pytest.raises(InputError) as refused:
        ingest([source], tmp_path / "out")
    line = str(refused.value)
    assert message in line and line.isprintable(), line
    assert file.name in line, f"the message names no file: {line}"
    assert not (tmp_path / "out").exists()


def test_nothing_usable_is_an_error_that_says_why_and_leaves_the_findings(tmp_path: Path) -> None:
    source = FORMATS["voc"](draw(Random(4), 4))
    for picture in source.pictures:
        picture.data = b"no picture"
    with pytest.raises(InputError, match="nothing usable is left: .*4 DP205 image-unknown-format; see "):
        ingest([source.write(tmp_path / "source")], tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["findings.jsonl"]
