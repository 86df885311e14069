"""A real dataset: BCCD, blood cells in VOC format, 364 pictures with 4 888 objects."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from datapipe.dataset import Dataset
from datapipe.ingest import IngestResult, ingest
from datapipe.verify import verify

BCCD = Path(__file__).parents[2] / "shared/data/bccd"

pytestmark = [
    pytest.mark.skipif(not BCCD.is_dir(), reason=f"the real dataset is not here ({BCCD})"),
    pytest.mark.xdist_group("bccd"),
]


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bccd") / "out"


@pytest.fixture(scope="module")
def result(out: Path) -> IngestResult:
    return ingest([BCCD], out)


def test_every_image_and_object_is_accounted_for(result: IngestResult) -> None:
    images, objects = result.account.images, result.account.objects
    assert (images.read, images.kept, images.left_out) == (364, 364, 0)
    assert (objects.read, objects.kept, objects.left_out) == (4888, 4886, 2)
    assert result.account.left_out == {"DP103": 2}


def test_the_two_empty_boxes_are_named(result: IngestResult, out: Path) -> None:
    rows = [json.loads(line) for line in (out / "findings.jsonl").read_text("utf-8").splitlines()]
    lost = [row for row in rows if row["action"] in ("left out", "ignored")]
    assert len(lost) == 2
    for row in lost:
        xml, number = (BCCD / row["file"]).read_text("utf-8"), int(row["place"].removeprefix("object "))
        written = xml.split("<object>")[number]
        edges = [int(written.split(f"<{e}>")[1].split("<")[0]) for e in ("xmin", "ymin", "xmax", "ymax")]
        assert edges[0] >= edges[2] or edges[1] >= edges[3], f"{row} is not what the file says: {edges}"
        assert row["code"] == "DP103" and row["image"] == Path(row["file"]).stem + ".jpg"


def test_splits_come_from_the_lists(result: IngestResult, out: Path) -> None:
    assert {split: len(rows) for split, rows in Dataset(out).splits.items()} == {
        "train": 205,
        "val": 87,
        "test": 72,
    }


def test_corners_count_from_1_and_that_is_told(result: IngestResult) -> None:
    note = next(note for note in result.notes if note.startswith("corners"))
    assert note.startswith("corners read as 1-based inclusive: of 4 886 boxes")


def test_the_classes_are_the_three_kinds_of_cells(result: IngestResult, out: Path) -> None:
    assert Dataset(out).classes == ("Platelets", "RBC", "WBC")


def test_it_verifies_clean(result: IngestResult, out: Path) -> None:
    verification = verify(out)
    assert verification.findings == ()
    assert verification.records == 364
