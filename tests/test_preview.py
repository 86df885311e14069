"""Previews and replays through the command line, and what their pictures show."""

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
from datapipe.errors import InputError, UsageError
from datapipe.images.drawing import GAP, annotated, colour
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


def test_a_replay_is_the_sample_the_trainer_got(dataset: Dataset, recipe: str, tmp_path: Path):
    """Drawn from the batch of a stream that began elsewhere: the picture is the same to the last pixel."""
    out = tmp_path / "again.png"
    command = ["replay", str(dataset.folder), "--recipe", recipe, "--position", "37", "-o", str(out), "-q"]
    assert runner.invoke(app, command).exit_code == 0
    with Stream(dataset, Recipe.load(recipe)) as stream:
        batch = stream.batch(2, 16)
        assert batch.positions[5] == 37
        tiles = [tile.visible for tile in stream.plan(37).tiles]
    drawn = annotated(batch.images[5].copy(), batch.objects[5], dataset.classes, tiles)
    with Image.open(out) as picture:
        assert np.array_equal(np.asarray(picture), drawn)


def test_an_ignored_object_is_hatched_in_a_preview(tmp_path: Path):
    """The same picture with its object as an object and as a crowd: only the inside differs."""
    drawn = []
    for crowd in (0, 1):
        folder = tmp_path / str(crowd)
        picture = make_image("1.jpg", (10, 10, 60, 50, 1), wh=(96, 96), iscrowd=crowd)
        ingest([make_coco(folder / "source", [picture])], folder / "out", IngestOptions(split="train=1"))
        made = preview(Dataset(folder / "out"), [("", Recipe.parse("input: {hw: [96, 96]}"))], 1)
        drawn.append(made[-96 - GAP : -GAP, GAP : GAP + 96])
    hatching = (drawn[0] != drawn[1]).any(axis=-1)
    assert hatching[12:58, 12:68].mean() > 0.1
    hatching[8:62, 8:72] = False
    assert not hatching.any(), "nothing else is drawn otherwise"


def test_anchors_that_learn_are_drawn_on_request(dataset: Dataset):
    anchors = "[[40, 30], [60, 50], [90, 90]]"
    text = f"input: {{hw: [96, 128]}}\ntargets: {{YoloV4: {{anchors_wh: {anchors}, strides: [32]}}}}"
    recipe = [("", Recipe.parse(text))]
    plain, more = (preview(dataset, recipe, 2, targets=targets) for targets in (False, True))
    assert plain.shape == more.shape and (plain != more).any(axis=-1).sum() > 200


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("mixx: []\n", "mixx: no such key: did you mean 'mix'?"),
        ("geometry: [{Affine: {rotate_degs: 3}}]\n", "geometry[0].Affine.rotate_degs: no such key"),
        ("mix: [{mosaic: {p: 1}}]\n", "mix[0].mosaic: no such class: did you mean 'Mosaic'?"),
    ],
)
def test_a_misspelt_key_is_one_line_and_no_picture(dataset: Dataset, tmp_path: Path, text: str, said: str):
    (tmp_path / "bad.yaml").write_text(text)
    out = tmp_path / "none.png"
    run = runner.invoke(
        app, ["preview", str(dataset.folder), "--recipe", str(tmp_path / "bad.yaml"), "-o", str(out)]
    )
    assert isinstance(run.exception, InputError) and f"bad.yaml:1: {said}" in str(run.exception)
    assert not out.exists()
