"""Previews, replays and benchmarks through the command line, and what their pictures show."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from make import make_coco, make_image
from PIL import Image
from typer.testing import CliRunner

from datapipe.augment.geometry import Flip
from datapipe.augment.mixing import Mosaic
from datapipe.cli import app
from datapipe.dataset import Dataset
from datapipe.errors import UsageError
from datapipe.images.drawing import GAP, colour
from datapipe.ingest import IngestOptions, ingest
from datapipe.preview import preview
from datapipe.recipe import Recipe
from datapipe.stream import Stream

runner = CliRunner()
SMALL = "input: {hw: [96, 128]}\nmix: [{Mosaic: {p: 1.0}}]\ngeometry: [Flip]\n"


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("previewed")
    images = [make_image(f"{i}.jpg", (5, 5, 20, 15, i % 3), wh=(60, 40)) for i in range(20)]
    ingest([make_coco(folder / "source", images)], folder / "out", IngestOptions(split="train=1"))
    return Dataset(folder / "out")


@pytest.fixture
def recipe(tmp_path: Path) -> str:
    (tmp_path / "small.yaml").write_text(SMALL)
    return str(tmp_path / "small.yaml")


def test_a_preview_shows_every_sample_with_its_boxes(dataset: Dataset):
    made = preview(dataset, [("plain", Recipe.parse("input: {hw: [96, 128]}"))], 12, columns=3)
    assert made.shape[1] == 3 * (128 + GAP) + GAP
    shown = [(made == np.array(colour(i, 3))).all(axis=-1).sum() for i in range(3)]
    assert min(shown) > 60, "a frame in each class's colour"


def test_two_recipes_stand_side_by_side_at_the_same_positions(dataset: Dataset):
    plain = Recipe.parse("input: {hw: [96, 128]}")
    mirrored = Recipe(input=plain.input, geometry=(Flip(horizontal=1.0),))
    made = preview(dataset, [("a", plain), ("b", mirrored)], 2)
    cells = [made[22:118, x : x + 128] for x in (GAP, 2 * GAP + 128)]
    left, right = (cell[40:90].astype(int) for cell in cells)
    assert np.abs(left - right[:, ::-1]).mean() < np.abs(left - right).mean() / 3


def test_a_mosaic_shows_the_borders_of_its_tiles(dataset: Dataset):
    plain = Recipe.parse("input: {hw: [96, 128]}")
    light = [
        (preview(dataset, [("", recipe)], 1) == 235).all(axis=-1).sum()
        for recipe in (plain, Recipe(input=plain.input, mix=(Mosaic(p=1.0),)))
    ]
    assert light[1] > light[0] + 100


def test_previews_of_nothing_are_refused(dataset: Dataset):
    with pytest.raises(UsageError, match="n 0, columns 4, start 0"):
        preview(dataset, [("", Recipe())], 0)


def test_the_preview_command_writes_the_picture_it_names(dataset: Dataset, recipe: str, tmp_path: Path):
    out = tmp_path / "grid.png"
    run = runner.invoke(app, ["preview", str(dataset.folder), "--recipe", recipe, "-n", "4", "-o", str(out)])
    assert run.exit_code == 0 and "look at it" in run.output
    with Image.open(out) as picture:
        assert picture.size[0] == 4 * (128 + GAP) + GAP
    args = ["preview", str(dataset.folder), "--compare", recipe, "moderate", "-n", "1", "-o", str(out), "-q"]
    run = runner.invoke(app, args)
    assert run.exit_code == 0 and run.output == ""


@pytest.mark.parametrize("extra", [[], ["--recipe", "moderate", "--compare", "moderate", "harsh"]])
def test_a_preview_wants_either_a_recipe_or_a_comparison(dataset: Dataset, extra: list[str]):
    run = runner.invoke(app, ["preview", str(dataset.folder), *extra])
    assert "either --recipe R or --compare R R" in str(run.exception)


def test_a_replay_tells_the_whole_origin_and_draws_the_sample_again(
    dataset: Dataset, recipe: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    args = ["replay", str(dataset.folder), "--recipe", recipe, "--position", "33", "--seed", "5"]
    run = runner.invoke(app, [*args, "--json", "-q"])
    told = json.loads(run.output)
    with Stream(dataset, Recipe.load(recipe), seed=5) as stream:
        sample, plan = stream[33], stream.plan(33)
    assert (told["position"], told["epoch"], told["image_id"]) == (33, 1, sample.image_id)
    assert [step["step"] for step in told["steps"]][0] == "Mosaic"
    tiles = told["layers"][0]["tiles"]
    assert [tile["image"] for tile in tiles] == [tile.picture.number for tile in plan.tiles]
    assert np.allclose([tile["matrix"] for tile in tiles], [tile.matrix for tile in plan.tiles])
    assert len(told["objects"]) == len(sample.objects)
    assert (tmp_path / "replay-33.png").exists()
    shown = runner.invoke(app, [*args, "-q"]).output
    assert "Mosaic" in shown and tiles[0]["filename"] in shown and "to learn" in shown


def test_a_benchmark_accounts_for_its_time(dataset: Dataset, recipe: str):
    args = ["bench", str(dataset.folder), "--recipe", recipe, "--seconds", "0.05", "--threads", "1", "-q"]
    told = json.loads(runner.invoke(app, [*args, "--json"]).output)
    assert told["images_per_second"] > 0 and told["floor_images_per_second"] > 0
    assert {"plan", "read", "decode", "warp", "objects", "encode", "batch"} <= told["stages"].keys()
    assert sum(told["stages"].values()) >= told["cpu_ms_per_image"] - 1e-9
    assert told["recipe"] == Recipe.load(recipe).hash and told["threads"] == 1
    shown = runner.invoke(app, args).output
    assert "stream / floor" in shown and "limit:" in shown
