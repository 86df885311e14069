"""Statistics: small cases by hand, pairs against brute force, the sample data against its README."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import time
import tracemalloc
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from make import make_coco, make_dataset, make_image
from rich.console import Console

from datapipe import boxes
from datapipe.dataset import Dataset
from datapipe.errors import UsageError
from datapipe.ingest import ingest
from datapipe.report import stats as report_stats
from datapipe.stats import Columns, Statistics, columns, remarks, summarize, summarize_columns
from datapipe.stats.classes import effective_number, together
from datapipe.stats.columns import following, read_columns
from datapipe.stats.overlap import overlap, partners
from datapipe.stats.remarks import percent
from datapipe.stats.sizes import Bins, bins, factors, spread

ROOT = Path(__file__).resolve().parents[1]
SAMPLE = ROOT / "sample_data"


def make_columns(
    *objects: tuple[int, int, tuple[float, float, float, float]],
    image_wh: Any = ((640, 480), (480, 640)),
    classes: tuple[str, ...] = ("bolt", "nut"),
    **changes: Any,
) -> Columns:
    """Columns of objects (image, class, xyxy); the area is the box's, nothing is flagged."""
    n = len(objects)
    xyxy = np.array([box for *_, box in objects], np.float64).reshape(-1, 4)
    plain = Columns(
        classes=classes,
        image_wh=np.array(image_wh, np.int64).reshape(-1, 2),
        left_out=np.zeros(len(image_wh), np.int64),
        image=np.array([image for image, *_ in objects], np.int64),
        class_id=np.array([number for _, number, _ in objects], np.int64),
        xyxy=xyxy,
        area=boxes.area(xyxy),
        crowd=np.zeros(n, np.bool_),
        difficult=np.zeros(n, np.bool_),
        truncated=np.zeros(n, np.bool_),
    )
    return replace(plain, **{name: np.array(value) for name, value in changes.items()})


def summary(
    made: Columns, hw: tuple[int, int] = (416, 416), resize: Any = "letterbox", **splits: Any
) -> Statistics:
    images = np.arange(len(made.image_wh))
    return summarize_columns(
        made, {name: np.array(rows) for name, rows in splits.items()} or {"train": images}, hw, resize
    )


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """The sample data from COCO."""
    folder = tmp_path_factory.mktemp("sample") / "out"
    ingest([SAMPLE / "coco"], folder)
    return Dataset(folder)


def test_an_object_on_the_border_of_two_bins_is_medium():
    assert bins(np.array([1023.99, 1024, 9216, 9216.01])) == Bins(small=1, medium=2, large=1)


def test_letterbox_scales_both_sides_alike_and_stretch_does_not():
    wh = np.array([[640, 480], [100, 200]])
    assert factors(wh, (608, 608), "letterbox").tolist() == [[0.95, 0.95], [3.04, 3.04]]
    np.testing.assert_allclose(factors(wh, (608, 608), "stretch"), [[0.95, 608 / 480], [6.08, 3.04]])
    np.testing.assert_allclose(factors(wh, (240, 320), "letterbox"), [[0.5, 0.5], [1.2, 1.2]])


def test_sizes_are_told_at_the_original_and_at_the_input_size():
    made = summary(
        make_columns((0, 0, (0, 0, 40, 40)), (0, 0, (0, 0, 100, 100)), (0, 1, (0, 0, 15, 3))), (320, 320)
    )
    sizes = made.whole.sizes
    assert (sizes.original, sizes.input) == (
        Bins(1, 1, 1),
        Bins(2, 1, 0),
    )  # half as wide, a quarter of the area
    assert (sizes.under_8_px, sizes.under_2_px) == (1, 1)
    assert sizes.sqrt_area_original and sizes.sqrt_area_original.p50 == 40
    assert sizes.sqrt_area_input and sizes.sqrt_area_input.p50 == 20
    bolt, nut = made.whole.classes
    assert bolt.sizes.original == Bins(0, 1, 1) and nut.sizes.under_2_px == 1


def test_the_area_is_the_masks_where_the_source_gives_one():
    made = summary(make_columns((0, 0, (0, 0, 100, 100)), area=[1000.0]))
    assert made.whole.sizes.original == Bins(1, 0, 0)


def test_stretching_changes_the_aspect_and_says_so():
    whole = make_columns((0, 0, (0, 0, 30, 30)))
    stretched, boxed = summary(whole, (480, 480), "stretch"), summary(whole, (480, 480))
    assert stretched.whole.sizes.aspect_input and stretched.whole.sizes.aspect_input.p50 == 0.75
    assert boxed.whole.sizes.aspect_input and boxed.whole.sizes.aspect_input.p50 == 1
    assert any("1.33 times taller" in remark.text for remark in remarks(stretched))
    assert not any("taller" in remark.text for remark in remarks(boxed))


def test_percentiles_are_interpolated():
    found = spread(np.arange(101.0))
    assert found and list(vars(found).values()) == [5, 25, 50, 75, 95]
    assert spread(np.zeros(0)) is None


def test_classes_count_objects_images_and_ignored_ones():
    box = (0, 0, 10, 10)
    made = make_columns(
        (0, 0, box), (0, 0, (50, 50, 60, 60)), (1, 0, box), (1, 1, box),
        crowd=[False, True, False, False], difficult=[False, True, True, False], truncated=[True] * 4,
    )  # fmt: skip
    part = summary(made).whole
    bolt, nut = part.classes
    assert (bolt.objects, bolt.images, bolt.ignored, bolt.crowd, bolt.difficult) == (3, 2, 2, 1, 2)
    assert (nut.objects, nut.images, nut.ignored, nut.truncated) == (1, 1, 0, 1)
    assert (part.ignored, part.crowd, part.difficult, part.truncated) == (2, 1, 2, 4)
    assert part.together.pairs.tolist() == [[0, 1, 1]]
    assert part.together.matrix(np.array([2, 1])).tolist() == [[2, 1], [1, 1]]


def test_imbalance_is_told_plainly_and_by_effective_number():
    assert effective_number(1) == pytest.approx(1)
    assert effective_number(1000) == pytest.approx(632.30, abs=0.01)
    assert effective_number(0) == 0
    made = summary(
        make_columns(
            *[(0, 0, (9 * i, 0, 9 * i + 8, 8)) for i in range(50)],
            (0, 1, (0, 0, 9, 9)),
            classes=("a", "b", "c"),
        )
    )
    uneven = made.whole.imbalance
    assert (uneven.most, uneven.least, uneven.ratio, uneven.absent) == ("a", "b", 50, ("c",))
    assert uneven.effective_ratio == pytest.approx((1 - 0.999**50) / 0.001)


def test_overlap_is_above_one_half_of_one_class_in_one_image_among_plain_objects():
    box = (0, 0, 10, 10)
    assert partners(make_columns((0, 0, box), (0, 0, (0, 0, 10, 6)))).tolist() == [1, 1]
    assert partners(make_columns((0, 0, box), (0, 0, (0, 0, 10, 5)))).tolist() == [0, 0]  # exactly 0.5
    assert partners(make_columns((0, 0, box), (0, 1, box))).tolist() == [0, 0]
    assert partners(make_columns((0, 0, box), (1, 0, box))).tolist() == [0, 0]
    assert partners(make_columns((0, 0, box), (0, 0, box), crowd=[True, False])).tolist() == [0, 0]
    assert partners(make_columns((0, 0, (0, 0, 0, 0)), (0, 0, (0, 0, 0, 0)))).tolist() == [0, 0]
    assert partners(make_columns()).tolist() == []


def test_overlap_counts_pairs_objects_and_images():
    box = (0, 0, 10, 10)
    made = make_columns((0, 0, box), (0, 0, box), (0, 0, box), (0, 0, (20, 20, 30, 30)), (1, 0, box))
    near = overlap(made, partners(made))
    assert (near.considered, near.objects, near.pairs, near.images, near.share) == (5, 3, 3, 1, 0.6)


@st.composite
def crowds(draw: st.DrawFn) -> Columns:
    """Few images and classes, many boxes on a coarse grid: ties, duplicates and nesting are common."""
    side = st.integers(0, 12)
    box = st.tuples(side, side, st.integers(0, 8), st.integers(0, 8))
    rows = draw(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), box, st.booleans()), max_size=40))
    objects = [(image, number, (x, y, x + w, y + h)) for image, number, (x, y, w, h), _ in rows]
    crowd = np.array([flag for *_, flag in rows], np.bool_)
    return make_columns(*objects, image_wh=[(20, 20)] * 3, classes=("a", "b", "c"), crowd=crowd)


@given(crowds(), st.sampled_from([1, 3, 1 << 20]), st.sampled_from([0.1, 0.5, 0.9]))
@settings(max_examples=150)
def test_overlap_equals_brute_force_in_any_chunks(made: Columns, at_once: int, threshold: float):
    expected = np.zeros(len(made), np.int64)
    for i, j in combinations(range(len(made)), 2):
        alike = made.image[i] == made.image[j] and made.class_id[i] == made.class_id[j]
        if (
            alike
            and not made.crowd[i]
            and not made.crowd[j]
            and boxes.iou(made.xyxy[[i]], made.xyxy[[j]])[0, 0] > threshold
        ):
            expected[[i, j]] += 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(columns, "PAIRS_AT_ONCE", at_once)
        assert partners(made, threshold).tolist() == expected.tolist()


@given(crowds(), st.sampled_from([1, 2, 1 << 20]))
def test_co_occurrence_equals_brute_force_in_any_chunks(made: Columns, at_once: int):
    expected = {}
    for a, b in combinations(range(3), 2):
        shown = [set(made.image[made.class_id == number].tolist()) for number in (a, b)]
        if both := len(shown[0] & shown[1]):
            expected[a, b] = both
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(columns, "PAIRS_AT_ONCE", at_once)
        assert {(a, b): n for a, b, n in together(made).pairs.tolist()} == expected


def test_every_row_is_paired_with_those_right_after_it():
    ((a, b),) = list(following(np.array([2, 1, 0])))
    assert (a.tolist(), b.tolist()) == ([0, 0, 1], [1, 2, 2])
    assert list(following(np.zeros(0, np.int64))) == []


@given(crowds(), st.sampled_from(["letterbox", "stretch"]))
def test_nothing_vanishes_from_bins_maps_splits_and_classes(made: Columns, resize: Any):
    statistics = summary(made, (64, 96), resize, train=[0, 2], val=[1])
    for part in (statistics.whole, *statistics.splits.values()):
        n = part.objects
        assert sum(vars(part.sizes.original).values()) == sum(vars(part.sizes.input).values()) == n
        assert sum(one.objects for one in part.classes) == n
        assert sum(one.sizes.under_8_px for one in part.classes) == part.sizes.under_8_px
        assert [int(grid.sum()) for grid in vars(part.maps).values()] == [n] * 5
        held = part.per_image.histogram
        assert (int(held[:, 1].sum()), int((held[:, 0] * held[:, 1]).sum())) == (part.images, n)
        assert int(part.image_sizes.distinct[:, 2].sum()) == part.images
    parts = statistics.splits.values()
    for count in ("images", "objects", "ignored", "left_out"):
        assert sum(getattr(part, count) for part in parts) == getattr(statistics.whole, count)
    assert sum(part.overlap.pairs for part in parts) == statistics.whole.overlap.pairs


def test_a_centre_is_counted_in_its_cell():
    centres = summary(make_columns((0, 0, (0, 0, 10, 10)), (0, 0, (630, 230, 640, 250)))).whole.maps.centres
    assert [tuple(map(int, cell)) for cell in np.argwhere(centres)] == [(0, 0), (16, 31)]


def test_the_sample_data_are_what_their_readme_says(sample: Dataset):
    made = summarize(sample)
    counts = {name: [one.objects for one in part.classes] for name, part in made.splits.items()}
    assert counts == {"train": [91, 93, 74, 94], "val": [31, 32, 32, 31]}
    whole = made.whole
    assert (whole.images, whole.objects, whole.crowd, whole.difficult, whole.per_image.empty) == (
        64,
        478,
        5,
        5,
        5,
    )
    assert made.input_hw == (608, 608)


def test_one_split_alone_is_what_it_is_among_all(sample: Dataset):
    alone, among = summarize(sample, split="val"), summarize(sample).splits["val"]
    assert alone.split == "val" and list(alone.splits) == ["val"]
    assert alone.whole.to_json() == among.to_json()


def test_json_has_the_promised_keys_and_plain_values(sample: Dataset):
    made = json.loads(
        json.dumps(summarize(sample, input_size=(320, 416), resize="stretch").to_json(), allow_nan=False)
    )
    assert (made["images"], made["objects"], made["input_hw"], made["resize"]) == (
        64,
        478,
        [320, 416],
        "stretch",
    )
    assert list(made["classes"]) == ["balloon", "bird", "boat", "kite"]
    assert {"objects", "images", "ignored"} <= set(made["classes"]["bird"])
    for where in ("original", "input"):
        assert list(made["sizes"][where]) == ["small", "medium", "large"]
        assert sum(made["sizes"][where].values()) == 478
        assert sum(made["splits"]["train"]["sizes"][where].values()) == 352


def test_edits_are_applied(tmp_path: Path):
    dataset = make_dataset(tmp_path, n=6)
    before = summarize(dataset).whole
    ids = dataset.stored_object_ids("3")
    lines = [{"image": "3", "object": ids[0], "edit": "ignore"}, {"image": "2", "edit": "leave_out"}]
    (dataset.folder / "edits.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    after = summarize(Dataset(dataset.folder)).whole
    assert (before.images - after.images, before.objects - after.objects) == (1, 3)
    assert (before.left_out, after.left_out, after.images_left_out) == (0, 1, 1)


def test_a_split_without_a_class_is_told():
    made = summary(make_columns((0, 0, (0, 0, 99, 99)), (1, 1, (0, 0, 99, 99))), train=[0], val=[1])
    texts = [remark.text for remark in remarks(made)]
    assert "split `train`: class `nut` without objects" in texts
    assert "split `val`: class `bolt` without objects" in texts


def test_small_objects_are_told_in_words():
    tiny, plain = (0, 0, 10, 10), (0, 0, 99, 99)
    made = make_columns(*[(0, 0, tiny if i < 31 else plain) for i in range(100)], image_wh=[(640, 640)])
    texts = [remark.text for remark in remarks(summary(made))]
    assert any(text.startswith("31 % of `bolt` is under 8 px at 416") for text in texts)


def test_a_share_is_never_rounded_to_nothing_or_all():
    assert [percent(x) for x in (0, 0.0004, 0.004, 0.314, 0.996, 1)] == [
        "0 %",
        "< 0.1 %",
        "0.4 %",
        "31 %",
        "99.6 %",
        "100 %",
    ]


def test_a_dataset_without_objects_has_statistics(tmp_path: Path):
    ingest([make_coco(tmp_path / "source", [make_image("a.jpg")])], tmp_path / "out")
    made = summarize(Dataset(tmp_path / "out"))
    json.dumps(made.to_json(), allow_nan=False)
    assert (made.whole.objects, made.whole.sizes.sqrt_area_input, made.whole.imbalance.ratio) == (
        0,
        None,
        None,
    )
    assert "no object at all" in remarks(made)[0].text
    assert "1 images, 0 objects" in shown(made, 80)


def test_what_cannot_be_asked_is_said(sample: Dataset):
    with pytest.raises(UsageError, match="no split 'vall': did you mean 'val'"):
        summarize(sample, split="vall")
    with pytest.raises(UsageError, match="no resize 'strech': did you mean 'stretch'"):
        summarize(sample, resize="strech")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=r"input size \(0, 0\)"):
        summarize(sample, input_size=0)


def shown(made: Statistics, width: int) -> str:
    out = io.StringIO()
    report_stats.statistics(Console(file=out, width=width, highlight=False), made, "out")
    return out.getvalue()


@pytest.mark.parametrize("width", [80, 100, 120])
def test_the_tables_fit_the_terminal(sample: Dataset, width: int):
    text = shown(summarize(sample, input_size=416), width)
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    assert "64 images, 478 objects, 4 classes" in text
    assert "26 % of bird is under 8 px at 416" in text


def test_names_from_outside_are_shown_as_they_are():
    made = summary(make_columns((0, 0, (0, 0, 99, 99)), classes=("[red]a\x1b[0m`", "b")))
    text = shown(made, 100)
    assert "[red]a" in text and "\x1b[0m" not in text


def test_many_classes_are_cut_in_the_table_but_not_in_json():
    names = tuple(f"c{i}" for i in range(100))
    made = summary(make_columns(*[(0, i, (0, 0, 99, 99)) for i in range(100)], classes=names))
    assert "… 70 more" in shown(made, 100)
    assert len(made.to_json()["classes"]) == 100


def test_statistics_load_no_tensorflow(sample: Dataset, tmp_path: Path):
    code = f"""import sys
from datapipe import html
from datapipe.dataset import Dataset
from datapipe.stats import summarize
dataset = Dataset({str(sample.folder)!r})
html.write(summarize(dataset), dataset, {str(tmp_path / "x.html")!r})
print(*{{'tensorflow', 'matplotlib', 'sklearn', 'scipy'}} & sys.modules.keys())"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert (run.stdout.strip(), run.stderr) == ("", "")


def synthetic(objects: int, images: int = 118_287, classes: int = 80) -> Columns:
    sys.path.insert(0, str(ROOT / "tests" / "benchmarks"))
    try:
        from stats import synthetic as made
    finally:
        sys.path.pop(0)
    columns: Columns = made(objects, images, classes)
    return columns


@pytest.mark.slow
def test_860_000_objects_take_seconds_and_bounded_memory():
    made = synthetic(860_000)
    tracemalloc.start()
    start = time.process_time()
    part = summary(made, (608, 608), train=range(100_000), val=range(100_000, 118_287)).whole
    seconds = time.process_time() - start
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert part.objects == 860_000
    assert seconds < 20
    assert peak < 500e6


@pytest.mark.slow
def test_overlap_in_crowded_pictures_needs_bounded_memory():
    made = synthetic(200_000, images=100, classes=1)  # 2 000 objects a picture: 2 * 10^8 pairs of one class
    tracemalloc.start()
    near = overlap(made, partners(made))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert near.pairs > 0
    assert peak < 400e6


def test_columns_are_read_with_their_types(sample: Dataset):
    made = read_columns(sample)
    assert (made.xyxy.shape, made.xyxy.dtype, made.image_wh.shape) == ((478, 4), np.float64, (64, 2))
    assert int(made.image.max()) < 64 and int(made.class_id.max()) == 3
