"""What a recipe makes of the objects is planned from its own matrices: moderate passes, harsh does not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from make import make_coco, make_image

from datapipe.augment.geometry import Affine, Flip
from datapipe.augment.mixing import Mosaic
from datapipe.augment.survival import ObjectRules
from datapipe.dataset import Dataset
from datapipe.doctor import examine, planned
from datapipe.errors import UsageError
from datapipe.ingest import IngestOptions, ingest
from datapipe.recipe import Recipe


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Forty pictures of 200 x 150 with three objects each, well inside."""
    folder = tmp_path_factory.mktemp("planned")
    boxes = ((40, 40, 40, 40, 0), (110, 30, 30, 40, 1), (100, 90, 50, 30, 2))
    images = [make_image(f"{i}.jpg", *boxes, wh=(200, 150)) for i in range(40)]
    source = make_coco(folder / "source", images)
    ingest([source], folder / "out", IngestOptions(split="train=1"))
    return Dataset(folder / "out")


def codes(dataset: Dataset, recipe: Recipe) -> dict[str, str]:
    found = examine(dataset, recipe=recipe, augmented=planned(dataset, recipe))
    return {one.code: one.severity for one in found.findings if one.code.startswith("DP52")}


def test_without_augmentation_objects_stay_what_they_are(dataset: Dataset):
    made = planned(dataset, Recipe())
    assert (made.seen, made.kept, made.ignored, made.gone, made.cut) == (120 * 50, 120 * 50, 0, 0, 0)
    assert made.samples == 40 * 50 and made.pictures == 40 and made.empty_samples == 0
    assert np.allclose(made.inflation, 1, atol=1e-5)
    assert np.allclose(np.sort(made.augmented_px[:120]), np.sort(made.original_px), rtol=1e-5)


def test_moderate_augmentation_has_no_finding(dataset: Dataset):
    recipe = Recipe(geometry=(Flip(), Affine(rotate_deg=10, translate=0.1)))
    assert codes(dataset, recipe) == {}
    assert codes(dataset, Recipe(mix=(Mosaic(p=1.0),), geometry=(Flip(),))) == {}


def test_corner_hulls_under_wide_rotation_are_found(dataset: Dataset):
    wide = Recipe(
        geometry=(Affine(rotate_deg=40, translate=0, scale=(1, 1)),), objects=ObjectRules(rotated="hull")
    )
    assert codes(dataset, wide) == {"DP521": "serious"}
    made = planned(dataset, wide)
    square = made.inflation[np.isclose(made.augmented_px**2 / made.inflation, (40 * 3.2) ** 2, rtol=1e-3)]
    assert np.median(square) == pytest.approx(1 + np.sin(np.deg2rad(40)), abs=0.05)  # of 1 + sin 2t


def test_wide_rotation_leaves_boxes_without_an_outline_in_doubt(dataset: Dataset):
    wide = Recipe(geometry=(Affine(rotate_deg=40, translate=0, scale=(1, 1)),))
    assert codes(dataset, wide) == {"DP521": "warning"}
    made = planned(dataset, wide)
    assert np.median(made.inflation) == pytest.approx(1, abs=0.03), "the ellipse rule keeps them tight"
    square = made.slack[np.isclose(made.augmented_px, 40 * 3.2, rtol=1e-3)]
    assert np.median(square) == pytest.approx(1 + np.sin(np.deg2rad(40)), abs=0.05)  # of 1 + sin 2t
    assert np.allclose(planned(dataset, Recipe(geometry=(Flip(),))).slack, 1)


def test_an_outline_leaves_no_doubt(tmp_path: Path):
    outline = {"segmentation": [[40, 40, 100, 40, 70, 100]], "area": 1800.0}
    images = [make_image(f"{i}.jpg", (40, 40, 60, 60, 0), wh=(200, 150), **outline) for i in range(6)]
    ingest([make_coco(tmp_path / "source", images)], tmp_path / "out", IngestOptions(split="train=1"))
    wide = Recipe(geometry=(Affine(rotate_deg=40),))
    assert np.all(planned(Dataset(tmp_path / "out"), wide).slack == 1)


def test_the_recipe_that_ships_as_a_warning_is_warned_of(dataset: Dataset):
    assert codes(dataset, Recipe.load("harsh"))["DP521"] == "warning"
    assert codes(dataset, Recipe.load("moderate")) == {}


def test_shifts_that_cut_objects_away_are_found(dataset: Dataset):
    found = codes(dataset, Recipe(geometry=(Affine(rotate_deg=0, translate=0.8),)))
    assert found["DP522"] in ("warning", "serious") and found["DP523"] in ("warning", "serious")


def test_scales_that_shift_sizes_are_found(dataset: Dataset):
    found = codes(dataset, Recipe(geometry=(Affine(rotate_deg=0, translate=0, scale=(0.1, 0.3)),)))
    assert found["DP524"] == "serious"


def test_all_splits_at_once_cannot_be_planned(dataset: Dataset):
    with pytest.raises(UsageError, match="--recipe needs one split to plan from: --split train"):
        planned(dataset, Recipe(), "")


def test_the_command_line_examines_the_shipped_recipe(dataset: Dataset, tmp_path: Path):
    import json
    import subprocess
    import sys

    command = [
        sys.executable,
        "-m",
        "datapipe",
        "doctor",
        str(dataset.folder),
        "--recipe",
        "yolov4",
        "--json",
    ]
    run = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    told = json.loads(run.stdout)
    assert {one["code"] for one in told["passed"]} >= {"DP521", "DP522", "DP523", "DP524"}
    assert run.returncode == bool([one for one in told["findings"] if one["severity"] == "serious"])
