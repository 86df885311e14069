"""dataset.json: any changed byte is refused, and the message says what to do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datapipe import manifest
from datapipe.errors import InputError
from datapipe.manifest import Manifest, ShardEntry


def made() -> Manifest:
    shards = [
        ShardEntry("train-00000-of-00002", "train", 3, 7, 100, "ab"),
        ShardEntry("train-00001-of-00002", "train", 2, 0, 50, "cd"),
        ShardEntry("val-00000-of-00001", "val", 1, 1, 20, "ef"),
    ]
    return Manifest(
        classes=("dog", "été"),
        shards=tuple(shards),
        files={"train-00000-of-00002.tfrecord": {"bytes": 100, "sha256": "ab"}},
        sources=({"format": "coco", "root": "/somewhere"},),
        account={"images": {"read": 6, "kept": 6, "left_out": 0}},
        options={"seed": 0, "share": 0.5},
        fingerprint="f",
        objects_by_class={"dog": 5, "été": 3},
        tool="datapipe 0.1.0",
    )


def test_load_gives_back_what_dump_took(tmp_path):
    (tmp_path / "dataset.json").write_bytes(manifest.dump(made()))
    assert manifest.load(tmp_path) == made()


def test_splits_add_up_over_their_shards():
    assert made().splits() == {"train": {"images": 5, "objects": 7}, "val": {"images": 1, "objects": 1}}


@settings(max_examples=300)
@given(st.data())
def test_any_changed_byte_is_refused(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("m")
    text = bytearray(manifest.dump(made()))
    at = data.draw(st.integers(0, len(text) - 1))
    text[at] = data.draw(st.integers(0, 255).filter(lambda value: value != text[at]))
    (folder / "dataset.json").write_bytes(text)
    with pytest.raises(InputError, match=r"dataset\.json: (damaged|schema)"):
        manifest.load(folder)


def test_a_cut_or_longer_manifest_is_refused(tmp_path):
    text = manifest.dump(made())
    for damaged in (
        b"",
        text[:-1],
        text[: len(text) // 2],
        text + b"\n",
        text + b"{}",
        b"[]",
        b"3",
        b"[" * 10**5,
    ):
        (tmp_path / "dataset.json").write_bytes(damaged)
        with pytest.raises(InputError, match="dataset.json: damaged: .*ingest again"):
            manifest.load(tmp_path)


def test_another_schema_says_which_one_is_read(tmp_path):
    body = json.loads(manifest.dump(made())) | {"schema": 99}
    (tmp_path / "dataset.json").write_text(json.dumps(body))
    with pytest.raises(InputError, match="schema 99, this datapipe reads 1"):
        manifest.load(tmp_path)


def test_a_missing_folder_names_the_nearest(tmp_path):
    (tmp_path / "coco_small").mkdir()
    with pytest.raises(InputError, match="no such folder; did you mean 'coco_small'?"):
        manifest.load(tmp_path / "coco_smal")


def test_a_folder_without_manifest_says_what_it_is(tmp_path):
    with pytest.raises(InputError, match="no dataset.json here; give a folder that `datapipe ingest` wrote"):
        manifest.load(tmp_path)
    (tmp_path / ".unfinished").mkdir()
    with pytest.raises(InputError, match="an unfinished dataset; run the same ingest again"):
        manifest.load(tmp_path)


def test_a_file_instead_of_a_folder_is_told_in_one_line(tmp_path: Path):
    (tmp_path / "a.json").write_text("{}")
    with pytest.raises(InputError, match="a.json/dataset.json: cannot be read: Not a directory"):
        manifest.load(tmp_path / "a.json")
