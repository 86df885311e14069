"""One picture under several entries must not become background, nor leak in silence."""

from __future__ import annotations

import json
from pathlib import Path

from make import make_coco, make_image

from datapipe.dataset import Dataset
from datapipe.findings import Finding
from datapipe.ingest import ingest
from datapipe.reading import Selection, read_sources

BOX = (1, 1, 9, 9)


def renamed(source: Path, old: str, new: str) -> Path:
    listed = next(source.rglob("*.json"))
    listed.write_text(listed.read_text().replace(json.dumps(old), json.dumps(new)))
    return source


def findings(*sources: Path) -> list[Finding]:
    return read_sources([str(source) for source in sources], Selection()).findings


def test_an_entry_without_objects_beside_its_labelled_twin_is_left_out_not_background(tmp_path: Path):
    source = make_coco(tmp_path / "source", [make_image("a.jpg", BOX), make_image("b.jpg")])
    result = ingest([renamed(source, "b.jpg", "a.jpg")], tmp_path / "out")
    assert result.account.images.read == 2 and result.account.images.kept == 1
    assert result.account.left_out == {"DP210": 1}
    assert len(Dataset(tmp_path / "out")[0][0]) == 1


def test_two_entries_with_objects_are_kept_and_mentioned(tmp_path: Path):
    source = make_coco(tmp_path / "source", [make_image("a.jpg", BOX), make_image("b.jpg", BOX)])
    found = findings(renamed(source, "b.jpg", "a.jpg"))
    assert [(f.code, f.action) for f in found] == [("DP308", "kept")]


def test_the_same_picture_in_train_and_val_is_mentioned_as_a_leak(tmp_path: Path):
    source = make_coco(tmp_path / "source", [make_image("a.jpg", BOX)])
    listed = next(source.rglob("*.json"))
    for split in ("train", "val"):
        listed.with_name(f"instances_{split}.json").write_text(listed.read_text())
    if listed.name not in ("instances_train.json", "instances_val.json"):
        listed.unlink()
    found = findings(source)
    assert [(f.code, f.action) for f in found] == [("DP306", "kept")]
    assert "in train and val" in found[0].value


def test_different_pictures_are_nobodys_twins(tmp_path: Path):
    source = make_coco(tmp_path / "source", [make_image("a.jpg", BOX), make_image("b.jpg")])
    assert findings(source) == []
