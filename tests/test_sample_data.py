"""sample_data/ holds what its README promises, and its script draws exactly that."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

SAMPLES = Path(__file__).parents[1] / "sample_data"
README = (SAMPLES / "README.md").read_text("utf-8")
SPLITS = ("train", "val")


def documents() -> dict[str, dict[str, Any]]:
    """COCO's files by their split."""
    folder = SAMPLES / "coco/annotations"
    return {split: json.loads((folder / f"instances_{split}.json").read_text("utf-8")) for split in SPLITS}


def pictures() -> dict[str, Path]:
    """COCO's pictures by their name."""
    return {path.name: path for split in SPLITS for path in (SAMPLES / "coco/images" / split).iterdir()}


def promised(about: str) -> list[str]:
    """Picture numbers in the row of the README's table that speaks of something."""
    row = next(line for line in README.splitlines() if line.startswith("|") and about in line)
    return re.findall(r"\b00\d\d\b", row.split("|")[1])


def numbers(names: Any) -> list[str]:
    return sorted({Path(name).stem for name in names})


def crowds() -> list[dict[str, Any]]:
    return [row for document in documents().values() for row in document["annotations"] if row["iscrowd"]]


def names_of(rows: list[dict[str, Any]]) -> list[str]:
    """File names of the pictures that annotations belong to."""
    images = [image for document in documents().values() for image in document["images"]]
    names = {image["id"]: image["file_name"] for image in images}
    return [names[row["image_id"]] for row in rows]


def test_each_format_holds_the_same_64_pictures_byte_for_byte() -> None:
    folders = {
        "coco": [SAMPLES / "coco/images" / split for split in SPLITS],
        "voc": [SAMPLES / "voc/JPEGImages"],
        "yolo": [SAMPLES / "yolo/images" / split for split in SPLITS],
    }
    contents = {
        name: {
            path.name: hashlib.sha256(path.read_bytes()).hexdigest() for one in some for path in one.iterdir()
        }
        for name, some in folders.items()
    }
    assert len(contents["coco"]) == 64
    assert contents["coco"] == contents["voc"] == contents["yolo"]


def test_it_takes_less_than_6_megabytes() -> None:
    files = [
        path
        for name in ("coco", "voc", "yolo", "painting")
        for path in (SAMPLES / name).rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    ]
    assert sum(path.stat().st_size for path in [*files, *SAMPLES.glob("*.py")]) < 6_000_000


def test_the_readmes_counts_are_true() -> None:
    table = re.findall(r"^\| (\w+) +\| +(\d+) \| +(\d+) \|$", README, re.MULTILINE)
    said = {name: (int(train), int(val)) for name, train, val in table}
    counted: dict[str, Counter[str]] = {}
    for split, document in documents().items():
        names = {category["id"]: category["name"] for category in document["categories"]}
        counted[split] = Counter(names[row["category_id"]] for row in document["annotations"])
    assert said == {name: (counted["train"][name], counted["val"][name]) for name in said}
    assert set(said) == set(counted["train"]) and len(said) == 4
    sizes = {split: len(document["images"]) for split, document in documents().items()}
    assert sizes == {"train": 48, "val": 16}
    assert "train (48 pictures)" in README and "val (16 pictures)" in README


def test_one_png_one_grey_and_one_turned_picture_are_the_ones_named() -> None:
    formats, modes, turned = {}, {}, {}
    for name, path in pictures().items():
        with Image.open(path) as image:
            formats[name], modes[name], turned[name] = (
                image.format,
                image.mode,
                image.getexif().get(0x0112, 1),
            )
    assert numbers(name for name, format in formats.items() if format == "PNG") == ["0009"]
    assert numbers(name for name, mode in modes.items() if mode == "L") == promised("greyscale") == ["0022"]
    assert {name: tag for name, tag in turned.items() if tag != 1} == {"0035.jpg": 6}
    assert promised("orientation 6") == ["0035"]


def test_crowds_difficult_ones_and_empty_pictures_are_the_ones_named() -> None:
    assert numbers(names_of(crowds())) == promised("one crowd of birds")
    assert [type(row["segmentation"]["counts"]) for row in crowds()].count(list) == 1
    hazy = [row for document in documents().values() for row in document["annotations"] if row.get("ignore")]
    assert numbers(names_of(hazy)) == promised("lost in haze")
    rows = [row for document in documents().values() for row in document["annotations"]]
    assert numbers(set(pictures()) - set(names_of(rows))) == promised("no objects")
    labels = {path.stem for split in SPLITS for path in (SAMPLES / "yolo/labels" / split).iterdir()}
    assert numbers(set(numbers(pictures())) - labels) == ["0047"]


def test_the_part_is_where_the_readme_says() -> None:
    with_part = [
        path.stem for path in (SAMPLES / "voc/Annotations").iterdir() if "<part>" in path.read_text("utf-8")
    ]
    assert with_part == promised("<part>") == ["0043"]


def test_boxes_lie_inside_the_picture_as_it_is_shown() -> None:
    shortest, widest = 10**6, 0.0
    for document in documents().values():
        whs = {image["id"]: (image["width"], image["height"]) for image in document["images"]}
        for row in document["annotations"]:
            (x, y, w, h), (width, height) = row["bbox"], whs[row["image_id"]]
            assert all(isinstance(v, int) for v in row["bbox"]), row
            assert 0 <= x < x + w <= width and 0 <= y < y + h <= height, row
            assert 0 < row["area"] <= w * h
            shortest, widest = min(shortest, max(w, h)), max(widest, w / width, h / height)
        for image in document["images"]:
            with Image.open(pictures()[image["file_name"]]) as opened:
                shown = opened.size[::-1] if opened.getexif().get(0x0112, 1) == 6 else opened.size
            assert shown == (image["width"], image["height"]) and max(shown) <= 640
    assert shortest <= 12 and widest > 0.8, "objects from about 8 px to most of the picture"


def test_thirty_objects_are_cut_by_the_border() -> None:
    roots = [ElementTree.parse(path).getroot() for path in (SAMPLES / "voc/Annotations").iterdir()]
    assert sum(root.findtext(f"object[{i}]/truncated") == "1" for root in roots for i in range(1, 40)) == 30


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of pycocotools
def test_areas_are_the_pixels_of_the_polygons() -> None:
    from pycocotools import mask

    for document in documents().values():
        whs = {image["id"]: (image["width"], image["height"]) for image in document["images"]}
        for row in document["annotations"]:
            w, h = whs[row["image_id"]]
            drawn = row["segmentation"]
            if isinstance(drawn, dict):
                counts = drawn["counts"]
                packed = mask.frPyObjects(drawn, h, w) if isinstance(counts, list) else drawn
            else:
                packed = mask.merge(mask.frPyObjects(drawn, h, w))
            pixels = mask.decode(packed)
            assert pixels.sum() == row["area"], row["id"]
            ys, xs = np.nonzero(pixels)
            x, y, wide, high = row["bbox"]
            assert (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1) == (x, y, x + wide, y + high), row["id"]


@pytest.mark.slow
def test_the_script_draws_the_same_bytes(tmp_path: Path) -> None:
    for path in [*SAMPLES.glob("*.py"), SAMPLES / "painting"]:
        copy = shutil.copytree if path.is_dir() else shutil.copy
        copy(path, tmp_path / path.name)
    subprocess.run([sys.executable, str(tmp_path / "draw.py")], check=True, capture_output=True, timeout=600)
    for name in ("coco", "voc", "yolo"):
        drawn = {path.relative_to(tmp_path): path for path in (tmp_path / name).rglob("*") if path.is_file()}
        here = {path.relative_to(SAMPLES): path for path in (SAMPLES / name).rglob("*") if path.is_file()}
        assert sorted(drawn) == sorted(here)
        for relative, path in drawn.items():
            assert path.read_bytes() == here[relative].read_bytes(), relative
