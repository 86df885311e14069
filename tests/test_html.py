"""The report: one file that needs nothing else, safe with any name, small however large the dataset is."""

from __future__ import annotations

import base64
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from make import make_coco, make_dataset, make_image, make_picture
from PIL import Image
from test_stats import ROOT, synthetic

from datapipe import html
from datapipe.dataset import Dataset
from datapipe.errors import EnvironmentProblem, InputError, RecordError
from datapipe.html import gallery
from datapipe.html.page import page
from datapipe.html.svg import octave_ticks, round_ticks
from datapipe.images.thumbnail import thumbnail
from datapipe.ingest import ingest
from datapipe.stats import summarize, summarize_columns

EVIL = '<script>alert("x")</script>'
VOID = {"meta", "br", "img", "link", "input"}


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("sample") / "out"
    ingest([ROOT / "sample_data" / "coco"], folder)
    return Dataset(folder)


@pytest.fixture(scope="module")
def spoilt(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Names that are markup, and an object outside, an empty box and a crowd."""
    folder = tmp_path_factory.mktemp("spoilt")
    image = make_image("<img src=x onerror=alert(1)>.jpg", (4, 4, 20, 10), (36, 5, 20, 10, 1), (3, 3, 0, 5))
    crowd = make_image("b.jpg", (2, 2, 30, 20, 1), iscrowd=1)
    ingest([make_coco(folder / "source", [image, crowd], classes=(EVIL, "b", '"c"'))], folder / "out")
    return Dataset(folder / "out")


class Structure(HTMLParser):
    """Tags with their attributes, and whether they close."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open.pop() == tag, f"</{tag}> closes nothing"

    def all(self, tag: str, kind: str = "") -> list[dict[str, str | None]]:
        return [
            attrs
            for name, attrs in self.tags
            if name == tag and kind in (attrs.get("class") or "").split(" ") + [""]
        ]


def report(dataset: Dataset, **options: Any) -> str:
    return page(summarize(dataset, **options), dataset)


@pytest.mark.parametrize("name", ["sample", "spoilt"])
def test_the_page_is_well_formed_and_needs_nothing_from_outside(name: str, request: pytest.FixtureRequest):
    text = report(request.getfixturevalue(name))
    found = Structure(text)
    assert found.open == []
    assert not {tag for tag, _ in found.tags} & {"script", "link", "iframe", "object", "img"}
    for _, attrs in found.tags:
        for key, value in attrs.items():
            assert not key.startswith("on")
            if key in ("href", "src"):
                assert (value or "").startswith(("#", "data:image/jpeg;base64,"))
    assert not re.search(r"@import|https?:|url\((?!#hatch)", re.sub(r"base64,[^\"]*", "", text))
    for attrs in found.all("a"):
        assert any(other.get("id") == (attrs["href"] or "")[1:] for _, other in found.tags)


def test_names_from_outside_are_text(spoilt: Dataset):
    text = report(spoilt)
    assert EVIL not in text and "<img" not in text
    assert "&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;" in text
    assert "&lt;img src=x onerror=alert(1)&gt;.jpg" in text


def test_every_class_has_examples_with_its_box_where_it_is(sample: Dataset):
    text = report(sample)
    examples = text[text.index('<section id="examples"') :]
    for name in sample.classes:
        assert f"<h3>{name} " in examples
    assert examples.count("<figure>") == 12
    figure = next(one for one in examples.split("<figure>")[1:] if ">typical<" in one)
    file = re.search(r"</b> (\S+)", figure)
    assert file
    number = list(sample.images["filename"]).index(file[1])
    record, _ = sample[number]
    box = re.search(
        r'class="box meant"[^>]* x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)"', figure
    )
    assert box
    scale = 320 / max(record.wh)
    x, y, w, h = (float(value) / scale for value in box.groups())
    distance = np.abs(record.xyxy - np.array([x, y, x + w, y + h])).max(axis=1)
    assert distance.min() < 0.5


def test_embedded_pictures_are_small_jpegs(sample: Dataset):
    found = Structure(report(sample)).all("image")
    assert len(found) >= 12
    for attrs in found:
        data = base64.b64decode((attrs["href"] or "").partition(",")[2])
        picture = Image.open(io.BytesIO(data))
        assert picture.format == "JPEG" and max(picture.size) <= 320
        assert (str(picture.width), str(picture.height)) == (attrs["width"], attrs["height"])


def test_findings_are_told_with_their_pictures_and_left_out_places(spoilt: Dataset):
    text = report(spoilt)
    findings = text[text.index('<section id="findings"') : text.index('<section id="examples"')]
    assert "DP103 box-empty" in findings and "DP104 box-outside-image" in findings
    group = findings[findings.index("DP104") :]
    assert 'class="region meant"' in group and "left out: DP104" in group
    assert "annotations[1] id 2" in group


def test_ignored_objects_are_dashed(spoilt: Dataset):
    text = report(spoilt)
    assert re.search(r'class="box[a-z ]* ignored"[^>]*><title>b, crowd</title>', text)


def test_a_finding_without_a_picture_in_the_dataset_is_text(tmp_path: Path):
    broken = make_image("broken.jpg", (1, 1, 9, 9), data=b"no picture")
    ingest([make_coco(tmp_path / "source", [make_image("a.jpg", (1, 1, 9, 9)), broken])], tmp_path / "out")
    text = report(Dataset(tmp_path / "out"))
    findings = text[text.index('<section id="findings"') : text.index('<section id="examples"')]
    assert "broken.jpg" in findings or "images[1]" in findings
    assert "<figure>" not in findings


def test_one_split_shows_pictures_of_that_split_only(sample: Dataset):
    text = report(sample, split="val")
    examples = text[text.index('<section id="examples"') :]
    assert "<i>val, " in examples and "<i>train, " not in examples
    assert "split val" in text


def test_the_same_dataset_gives_the_same_bytes(sample: Dataset, tmp_path: Path):
    made = summarize(sample)
    html.write(made, sample, tmp_path / "a.html")
    html.write(made, Dataset(sample.folder), tmp_path / "b.html")
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.html", "b.html"]


def test_a_dataset_without_objects_has_a_page(tmp_path: Path):
    ingest([make_coco(tmp_path / "source", [make_image("a.jpg")])], tmp_path / "out")
    text = report(Dataset(tmp_path / "out"))
    assert "no object at all" in text and Structure(text).open == []


def test_a_file_that_cannot_be_written_is_said(sample: Dataset, tmp_path: Path):
    with pytest.raises(EnvironmentProblem, match=r"no/such/x\.html: cannot be written"):
        html.write(summarize(sample), sample, tmp_path / "no" / "such" / "x.html")


def test_a_spoilt_line_of_findings_is_named(tmp_path: Path):
    dataset = make_dataset(tmp_path)
    for line in ("{", "[]", json.dumps({"code": "DP101"})):
        (dataset.folder / "findings.jsonl").write_text("\n" + line + "\n")
        with pytest.raises(InputError, match=r"findings\.jsonl:2: not a finding"):
            report(dataset)


def test_a_missing_list_of_findings_is_no_finding(tmp_path: Path):
    dataset = make_dataset(tmp_path)
    (dataset.folder / "findings.jsonl").unlink()
    assert "nothing was left out" in report(dataset)


def test_a_damaged_record_is_named(tmp_path: Path):
    dataset = make_dataset(tmp_path)
    made = summarize(dataset)
    for file in dataset.folder.glob("*.tfrecord"):
        file.write_bytes(b"\0" * file.stat().st_size)
    with pytest.raises(RecordError, match=r"\.tfrecord"):
        page(made, Dataset(dataset.folder))


def test_pictures_stop_where_the_page_would_grow_too_large(sample: Dataset, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(gallery, "EMBEDDED", 50_000)
    text = report(sample)
    assert len(text) < 250_000
    assert re.search(r"\d+ more pictures were left away", text)


@pytest.mark.parametrize(
    "wh, small", [((1600, 1200), (320, 240)), ((100, 50), (100, 50)), ((50, 2000), (8, 320))]
)
def test_a_thumbnail_keeps_the_aspect_and_never_grows(wh: tuple[int, int], small: tuple[int, int]):
    for kind, mode in (("JPEG", "RGB"), ("JPEG", "L"), ("PNG", "RGBA")):
        picture = Image.open(io.BytesIO(thumbnail(make_picture(wh, kind, mode), wh)))
        assert (picture.size, picture.mode, picture.format) == (small, "RGB", "JPEG")


@pytest.mark.parametrize("wh", [(1600, 1200), (640, 480), (300, 200)])
def test_a_thumbnail_looks_like_its_picture(wh: tuple[int, int]):
    corners = Image.fromarray(
        np.array([[[250, 20, 30], [20, 240, 40]], [[30, 20, 230], [200, 200, 10]]], np.uint8)
    )
    picture, out = corners.resize(wh, Image.Resampling.BICUBIC), io.BytesIO()
    picture.save(out, "JPEG", quality=95)
    small = Image.open(io.BytesIO(thumbnail(out.getvalue(), wh)))
    difference = np.asarray(small, np.float64) - np.asarray(picture.resize(small.size), np.float64)
    assert np.abs(difference).mean() < 4


def test_bytes_that_are_no_picture_make_no_thumbnail():
    for data in (b"", b"no picture"):
        with pytest.raises(ValueError, match="not a picture"):
            thumbnail(data, (4000, 3000))


def test_ticks_are_round_and_few():
    assert round_ticks(950) == [(0, "0"), (200, "200"), (400, "400"), (600, "600"), (800, "800")]
    assert round_ticks(3) == [(0, "0"), (1, "1"), (2, "2"), (3, "3")]
    assert round_ticks(12_000)[-1] == (10_000, "10k")
    assert octave_ticks(-1.2, 2.5) == [(-1.0, "1/2"), (0.0, "1"), (1.0, "2"), (2.0, "4")]
    assert all(2 <= len(round_ticks(most)) <= 7 for most in (1, 2, 5, 7, 10, 49, 99, 101, 860_000, 10**9))


@pytest.mark.slow
@pytest.mark.parametrize("classes", [80, 1203])
def test_860_000_objects_make_a_page_below_5_mb(tmp_path: Path, classes: int):
    dataset = make_dataset(tmp_path, n=60)
    columns = synthetic(860_000, classes=classes)
    made = summarize_columns(columns, {"train": np.arange(118_287)}, (608, 608), "letterbox")
    objects = {name: np.resize(column, 860_000) for name, column in dataset.objects.items()}
    vars(dataset)["objects"] = objects | {"class_id": columns.class_id}
    assert 200_000 < len(page(made, dataset).encode()) < 5_000_000
