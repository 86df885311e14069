"""What an audit knows from the tables alone: by hand-made pictures whose issues are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from make import make_coco, make_image, make_picture

from datapipe.audit.facts import WEIGHTS, Facts, gather, weight
from datapipe.audit.ledger import Told, read_told
from datapipe.dataset import Dataset
from datapipe.doctor.examination import lenses_of
from datapipe.edits import Edit
from datapipe.errors import InputError
from datapipe.ingest import IngestOptions, ingest
from datapipe.targets import YoloV4

SAME = make_picture((200, 100), seed=77)


def dataset(folder: Path) -> Dataset:
    wh = (200, 100)
    regular = [(10 + 30 * (i % 6), 10 + 40 * (i // 6), 20, 20, 0) for i in range(12)]
    images = [
        make_image("plain.jpg", *regular, wh=wh),
        make_image("more.jpg", *regular, (100, 50, 80, 4, 0), wh=wh),
        make_image("twice.jpg", (10, 10, 40, 40, 0), (10, 10, 40, 40.5, 0), (50, 50, 40, 40, 1), wh=wh),
        make_image("close.jpg", (10, 10, 40, 40, 0), (20, 10, 40, 40, 0), wh=wh),
        make_image("tiny.jpg", (10, 10, 2, 2, 0), wh=wh),
        make_image("empty.jpg", wh=wh),
        make_image("a.jpg", (10, 10, 40, 40, 0), wh=wh, data=SAME),
        make_image("b.jpg", (10, 10, 40, 40, 0), wh=wh, data=SAME),
        make_image("crowd.jpg", (10, 10, 2, 2, 0), wh=wh, iscrowd=1),
    ]
    source = make_coco(folder / "source", images)
    ingest([source], folder / "out", IngestOptions(shard_count=1))
    return Dataset(folder / "out", edited=False)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Dataset, Facts]:
    data = dataset(tmp_path_factory.mktemp("facts"))
    (lens,) = lenses_of("yolov4", (400, 400), None, None)
    return data, gather(data, lens, read_told(data.folder))


def files(data: Dataset, has: np.ndarray) -> set[str]:
    return {str(name) for name in data.images["filename"][has]}


@pytest.mark.parametrize(
    "issue, where",
    [
        ("drawn twice", {"twice.jpg"}),
        ("heavy overlap", {"close.jpg"}),
        ("tiny at input size", {"tiny.jpg"}),
        ("odd aspect", {"more.jpg"}),
    ],
)
def test_issues_of_objects_are_where_they_were_put(made, issue: str, where: set[str]):
    data, facts = made
    assert files(data, np.unique(facts.columns.image[facts.object_issues[issue]])) == where


def test_issues_of_images_are_where_they_were_put(made):
    data, facts = made
    assert files(data, facts.image_issues["no objects"]) == {"empty.jpg"}
    assert files(data, facts.image_issues["exact duplicate"]) == {"a.jpg", "b.jpg"}
    assert not facts.image_issues["duplicate across splits"].any()
    assert facts.occurring() >= {"drawn twice", "no objects", "exact duplicate"}


def test_copies_in_two_splits_weigh_more_than_copies_in_one(made, tmp_path):
    data, _ = made
    for path in data.folder.iterdir():
        (tmp_path / path.name).symlink_to(path)
    twin = data.images["image_id"][list(data.images["filename"]).index("b.jpg")]
    (tmp_path / "splits.json").write_text(f'{{"{twin}": "val"}}')
    moved = Dataset(tmp_path, edited=False)
    facts = gather(moved, lenses_of("yolov4", None, None, None)[0], Told())
    assert files(moved, facts.image_issues["duplicate across splits"]) == {"a.jpg", "b.jpg"}
    assert not facts.image_issues["exact duplicate"].any()


def test_sizes_and_anchors_are_those_after_the_resize(made):
    data, facts = made
    row = int(np.flatnonzero(facts.columns.image == list(data.images["filename"]).index("plain.jpg"))[0])
    np.testing.assert_allclose(facts.columns.xyxy[row], [10, 10, 30, 30], rtol=1e-6)
    sizes = (facts.area_input_px[row], facts.side_input_px[row])
    assert sizes == pytest.approx((1600, 40), rel=1e-6), "200 px wide into 400"
    wanted = YoloV4().iou(np.array([[40.0, 40.0]]))
    assert facts.anchor_iou[row] == pytest.approx(wanted.max()) and facts.level[row] == "stride 8"


@pytest.mark.parametrize("detector", ["retinanet", "mobilenet_ssd"])
def test_detectors_on_a_grid_have_levels_and_the_matchers_own_iou(made, detector: str):
    data, _ = made
    (lens,) = lenses_of(detector, None, None, None)
    facts = gather(data, lens, Told())
    assert ((facts.anchor_iou > 0) & (facts.anchor_iou <= 1)).all() and (facts.level != "").all()
    trained = ~facts.columns.ignored
    fits = lens.spec.matches(facts.anchor_iou)
    np.testing.assert_array_equal(facts.object_issues["no anchor fits"], ~fits & trained)


def test_suspicion_is_the_formula_of_its_page(made):
    data, facts = made
    score = dict(zip(data.images["filename"], facts.suspicion(), strict=True))
    no_anchor = facts.object_issues["no anchor fits"]
    plain = [name for name, n in score.items() if n == 0]
    assert "plain.jpg" in plain
    assert score["twice.jpg"] == pytest.approx(2.0 * 0.75), "two objects: 1 - 2^-2"
    assert score["empty.jpg"] == pytest.approx(0.5 * 0.5)
    assert score["a.jpg"] == pytest.approx(2.0 * 0.5)
    assert score["crowd.jpg"] == 0, "a crowd is no object that is too small"
    tiny = list(data.images["filename"]).index("tiny.jpg")
    assert no_anchor[facts.columns.image == tiny].all(), "4 x 4 px at the input"
    assert score["tiny.jpg"] == pytest.approx(0.5 * 0.5 + 1.0 * 0.5)


def test_fine_takes_an_object_or_an_image_out_of_the_suspicion_and_nothing_else_does(made):
    data, facts = made
    row = list(data.images["filename"]).index("twice.jpg")
    image_id = str(data.images["image_id"][row])
    first = str(facts.object_id[facts.columns.image == row][0])
    before = facts.suspicion()
    one = facts.suspicion([Edit(image_id, "fine", first)])
    assert one[row] == pytest.approx(2.0 * 0.5)
    assert facts.suspicion([Edit(image_id, "fine")])[row] == 0
    np.testing.assert_array_equal(np.delete(one, row), np.delete(before, row))
    np.testing.assert_array_equal(facts.suspicion([Edit(image_id, "ignore", first)]), before)


def test_findings_are_laid_on_the_object_they_name_or_else_on_its_picture():
    told = Told((("DP131", "a.jpg", "7"), ("DP104", "a.jpg", "9"), ("DP222", "b.jpg", ""), ("DP1", "no", "")))
    filename = np.array(["a.jpg", "b.jpg", "b.jpg"], object)
    objects, images = told.place(filename, np.array([0, 0, 1]), np.array(["7", "8", "7"], object))
    assert {code: has.tolist() for code, has in objects.items()} == {"DP131": [True, False, False]}
    assert {code: has.tolist() for code, has in images.items()} == {
        "DP104": [True, False, False],
        "DP222": [False, True, True],
    }


def test_a_damaged_findings_file_is_named(tmp_path):
    assert read_told(tmp_path) == Told()
    (tmp_path / "findings.jsonl").write_text('\n{"code": "DP104"}\n')
    with pytest.raises(InputError, match="findings.jsonl:2: not a finding"):
        read_told(tmp_path)


def test_every_issue_and_every_code_has_a_weight():
    assert all(weight(name) > 0 for name in (*WEIGHTS, "DP104", "DP222", "DP999"))
