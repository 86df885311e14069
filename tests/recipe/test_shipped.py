"""The recipes that come along: found in a checkout and in a wheel, loadable, with headers that tell."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from datapipe.augment.geometry import Affine
from datapipe.errors import UsageError
from datapipe.recipe import Recipe, shipped
from datapipe.targets.layout import layout
from datapipe.targets.raw import Raw
from datapipe.targets.retinanet import RetinaNet
from datapipe.targets.ssd import MobileNetSSD
from datapipe.targets.yolov4 import YoloV4

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("harsh", "mobilenet_ssd", "moderate", "retinanet", "yolov4")


def test_these_recipes_are_shipped():
    assert tuple(shipped()) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_recipe_loads_by_its_name_and_survives_a_dump(name: str):
    recipe = Recipe.load(name)
    assert recipe == Recipe.load(shipped()[name])
    assert Recipe.parse(recipe.dump()) == Recipe.parse(recipe.dump(brief=True)) == recipe


@pytest.mark.parametrize(
    "name, kind",
    [
        ("retinanet", RetinaNet),
        ("mobilenet_ssd", MobileNetSSD),
        ("yolov4", YoloV4),
        ("moderate", Raw),
        ("harsh", Raw),
    ],
)
def test_a_shipped_recipe_is_for_its_detector_and_augments(name: str, kind: type):
    recipe = Recipe.load(name)
    assert isinstance(recipe.targets, kind)
    assert recipe.geometry and recipe.evaluation().geometry == ()


@pytest.mark.parametrize("name", NAMES)
def test_a_header_says_what_it_is_what_it_costs_and_how_to_look_at_it(name: str):
    text = shipped()[name].read_text("utf-8")
    header = text[: text.index("\ninput:")]
    assert all(line.startswith("#") or not line for line in header.splitlines())
    assert f"datapipe preview DATA --recipe {name}" in header
    assert re.search(r"cost", header, re.I)
    assert re.search(r"arXiv:|keras|ICCV", header)
    assert max(map(len, text.splitlines())) <= 110


@pytest.mark.parametrize("name", ["mobilenet_ssd", "retinanet", "yolov4"])
def test_a_detectors_header_says_where_every_section_and_step_comes_from(name: str):
    """The list has a line for each section the page fills, and for each mix and geometry step its name."""
    text = shipped()[name].read_text("utf-8")
    header, page = text.split("\ninput:", 1)
    _, _, told = header.partition("# Where the numbers come from\n")
    items = re.findall(r"^#   (\S.*?)  ", told, re.M)
    named = {word.strip() for item in items for word in item.split(",")}
    sections = {"input", *re.findall(r"^(\w+):", page, re.M)} - {"mix", "geometry", "stream"}
    steps = re.findall(r"^  - (\w+):", page.partition("\npixels:")[0], re.M)
    assert sections | set(steps) <= named, f"{name}.yaml: not told: {sections | set(steps) - named}"


def test_the_figures_of_a_header_follow_from_its_recipe():
    """Anchors and priors, tiles drawn a sample, px of RetinaNet's original canvas, input sizes."""
    text = {name: shipped()[name].read_text("utf-8") for name in NAMES}
    recipe = {name: Recipe.load(name) for name in NAMES}
    for name, figure in (("retinanet", "76 725 anchors"), ("mobilenet_ssd", "here 2034")):
        count = layout(recipe[name].targets, recipe[name].input.hw).count  # type: ignore[arg-type]
        assert figure in text[name] and str(count) in figure.replace(" ", "")
    mosaic, cutmix = recipe["yolov4"].mix
    assert 1 + 3 * mosaic.p + cutmix.p == pytest.approx(2.6) and "2.6 tiles drawn a sample" in text["yolov4"]
    height, width = recipe["retinanet"].input.hw
    assert round(800 * 1333 / (height * width), 1) == 2.6 and "2.6 times the" in text["retinanet"]
    scales = recipe["yolov4"].input.multi_scale
    assert len(range(scales.min, scales.max + 1, scales.step)) == 7 and "Seven input sizes" in text["yolov4"]


def test_moderate_is_moderate_and_harsh_is_not():
    mild, harsh = (
        next(step for step in Recipe.load(name).geometry if isinstance(step, Affine))
        for name in ("moderate", "harsh")
    )
    assert mild.rotate_deg == 10 and harsh.rotate_deg == 40
    assert mild.fill == "edge" == harsh.fill


def test_a_misspelt_name_lists_the_shipped_ones():
    with pytest.raises(UsageError) as caught:
        Recipe.load("yolo4")
    assert str(caught.value) == (
        "yolo4: no such file, and no shipped recipe has that name: did you mean 'yolov4'? "
        "(there are: harsh, mobilenet_ssd, moderate, retinanet, yolov4)"
    )
    with pytest.raises(
        UsageError, match=r"recipes/retinanett\.yaml: no such file.* did you mean 'retinanet'"
    ):
        Recipe.load("recipes/retinanett.yaml")


def test_a_shipped_name_wins_over_a_file_of_that_name_in_the_folder(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("yolov4").write_text("stream: {window: 32}\n")
    assert Recipe.load("yolov4").stream.window == 64
    assert Recipe.load("./yolov4").stream.window == 32


def test_every_package_stands_in_pyproject():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]
    there = {".".join(file.parent.relative_to(ROOT).parts) for file in ROOT.glob("datapipe/**/__init__.py")}
    absent = there - set(settings["packages"])
    assert not absent, f"pyproject.toml, [tool.setuptools] packages: add {', '.join(sorted(absent))}"
    assert set(settings["packages"]) - there == {"datapipe.recipes"}, "a package that is gone"


@pytest.mark.slow
def test_a_wheel_brings_the_recipes_along(tmp_path: Path):
    pytest.importorskip("setuptools", "77")
    source, out, site = tmp_path / "source", tmp_path / "out", tmp_path / "site"
    source.mkdir()
    for folder in ("datapipe", "recipes"):
        shutil.copytree(ROOT / folder, source / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "LICENSE"):
        shutil.copy(ROOT / file, source)
    build = f"from setuptools import build_meta; build_meta.build_wheel({str(out)!r})"
    subprocess.run([sys.executable, "-c", build], cwd=source, check=True, capture_output=True)
    (wheel,) = out.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(site)
    assert not (site / "recipes").exists()
    ask = (
        "import datapipe.recipe as r; print(r.__file__, *(r.Recipe.load(name).hash for name in r.shipped()))"
    )
    said = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path[:0] = [{str(site)!r}, *{sys.path!r}]; {ask}"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    assert said[0].startswith(str(site))
    assert said[1:] == [Recipe.load(name).hash for name in NAMES]
