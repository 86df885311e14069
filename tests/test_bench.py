"""Benchmarks: every stage is there, their sum is the whole, and the sentence says what the figures say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from make import make_coco, make_image
from typer.testing import CliRunner

from datapipe import bench as module
from datapipe.bench import bench
from datapipe.cli import app
from datapipe.dataset import Dataset
from datapipe.errors import UsageError
from datapipe.ingest import IngestOptions, ingest
from datapipe.recipe import Recipe

runner = CliRunner()
FULL = """
input: {hw: [96, 128]}
mix: [{Mosaic: {p: 1.0}}]
geometry: [Flip]
pixels: [{ColorJitter: {brightness: 0.2}}, {Albumentations: {transforms: [{Blur: {p: 1.0}}]}}]
"""


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("benched")
    images = [make_image(f"{i}.jpg", (5, 5, 20, 15, i % 3), wh=(60, 40)) for i in range(20)]
    ingest([make_coco(folder / "source", images)], folder / "out", IngestOptions(split="train=1"))
    return Dataset(folder / "out")


def test_a_benchmark_accounts_for_its_time(dataset: Dataset, tmp_path: Path):
    recipe = tmp_path / "full.yaml"
    recipe.write_text(FULL)
    args = [
        "bench",
        str(dataset.folder),
        "--recipe",
        str(recipe),
        "--seconds",
        "0.05",
        "--threads",
        "1",
        "-q",
    ]
    told = json.loads(runner.invoke(app, [*args, "--json"]).output)
    assert told["images_per_second"] > 0 and told["floor_images_per_second"] > 0
    stages = ["plan", "read", "decode", "objects", "warp", "ColorJitter", "Albumentations", "encode", "batch"]
    assert list(told["stages"]) == [*stages, "threads"]
    assert min(told["stages"][name] for name in stages) > 0
    assert sum(told["stages"].values()) >= told["cpu_ms_per_image"] - 1e-9
    assert told["of_floor"] == pytest.approx(told["images_per_second"] / told["floor_images_per_second"])
    assert told["recipe"] == Recipe.load(recipe).hash and told["threads"] == 1
    shown = runner.invoke(app, args).output
    assert "stream / floor" in shown and "limit:" in shown and "Albumentations" in shown


def test_the_floor_decodes_and_warps_each_image_once(dataset: Dataset, monkeypatch: pytest.MonkeyPatch):
    """On the spot, from the same files, on as many threads, to the same canvas."""
    decoded, warped = [], []
    decode, turn = module.decode_reduced, module.opencv.turned

    def noted_decode(data: bytes, factor: int, decoding: str):
        decoded.append((factor, decoding))
        return decode(data, factor, decoding=decoding)

    def noted_turn(pixels, hw):
        warped.append(hw)
        return turn(pixels, hw)

    with module.ThreadPoolExecutor(2) as pool:
        monkeypatch.setattr(module, "decode_reduced", noted_decode)
        monkeypatch.setattr(module.opencv, "turned", noted_turn)
        floor = module._floor(dataset, "train", (96, 128), pool, "fast")
        images = next(floor) + next(floor) + next(floor)
    assert images == len(decoded) == len(warped) == 36  # 16, the other 4, and from the front again
    assert set(decoded) == {(1, "fast")} and set(warped) == {(96, 128)}


def test_the_limit_names_the_stage_that_weighs_most_and_what_would_help():
    stages = {"plan": 0.5, "decode": 2.5, "warp": 1.0}
    busy = module._limit(stages, 0.97, 2)
    assert busy == (
        "the 2 threads are busy 97 % of the time; decode takes 62 % of the 4.0 ms an image costs. "
        "Smaller pictures on disk, a smaller input, which decodes at reduced scale, or `decode: fast` in the "
        "recipe's `input` would help"
    )
    assert "wait for the disk" in module._limit(stages, 0.4, 2)
    step = module._limit(stages | {"Albumentations": 9.0}, 0.97, 2)
    assert "Albumentations takes 69 %" in step and "a step of the recipe's `pixels`" in step


@pytest.mark.parametrize("seconds", [0, -1, 4000, float("nan")])
def test_a_round_without_end_or_beginning_is_refused(dataset: Dataset, seconds: float):
    with pytest.raises(UsageError, match="seconds .*: want above 0, at most 3600"):
        bench(dataset, Recipe.parse(FULL), seconds=seconds)
