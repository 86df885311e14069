"""The three trainers learn: easy shapes in a short training, and the sample data within fifteen minutes."""

from __future__ import annotations

import json
import shlex
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from shapes_to_find import make_shapes

from datapipe.dataset import Dataset
from datapipe.ingest import IngestOptions, ingest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.xdist_group("tensorflow")

SHORT = {
    "retinanet": "--depth 18 --width 0.25 --head-convs 1 --epochs 25",
    "mobilenet_ssd": "--width 0.25 --epochs 60",
    "yolov4": "--depth 0.1 --width 0.125 --iou-normalizer 1 --epochs 60",
}
TARGETS = {
    "retinanet": "RetinaNet",
    "mobilenet_ssd": "MobileNetSSD",
    "yolov4": "YoloV4: {anchors_wh: [[10, 10], [20, 20], [30, 30], [36, 36], [42, 42], [48, 48], [52, 52], "
    "[56, 56], [60, 60]]}",
}


def trained(detector: str, arguments: list[str], log: Path) -> list[dict[str, Any]]:
    """The curve of a training by the script's own command line."""
    script = import_module(f"recipes.train_{detector}")
    script.main([*arguments, "--json-log", str(log), "--evaluate-split", "train", "--quiet"])
    return [json.loads(line) for line in log.read_text().splitlines()]


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return make_shapes(tmp_path_factory.mktemp("shapes"), 8)


@pytest.mark.parametrize("detector", SHORT)
def test_loss_falls_and_ap_rises_on_easy_shapes(detector: str, shapes: Dataset, tmp_path: Path):
    recipe = tmp_path / "recipe.yaml"
    targets = TARGETS[detector] if ":" not in TARGETS[detector] else f"{{{TARGETS[detector]}}}"
    recipe.write_text(f"input: {{hw: [128, 128]}}\ngeometry: [{{Flip: {{}}}}]\ntargets: {targets}\n")
    arguments = [str(shapes.folder), "--recipe", str(recipe), "--out", str(tmp_path / "run")]
    arguments += ["--optimizer", "adamw", "--lr", "0.003", "--batch-size", "4", "--evaluate-every", "100"]
    curve = trained(detector, [*arguments, *shlex.split(SHORT[detector])], tmp_path / "curve.jsonl")
    first, last = curve[0]["loss"]["total"], curve[-1]["loss"]["total"]
    found = curve[-1]["evaluation"]
    assert last < 0.5 * first, f"loss {first:.2f} to {last:.2f}"
    assert found["ap50"] > 0.2, f"AP50 {found['ap50']:.3f}, loss {first:.2f} to {last:.2f}"


def cpu_command(detector: str) -> list[str]:
    """What the script's own help gives as the command for two cores, from its recipe on."""
    text = import_module(f"recipes.train_{detector}").__doc__.replace("\\\n", " ")
    line = next(line for line in text.splitlines() if "recipes/cpu" in line)
    return shlex.split(line.partition("build/coco ")[2])


@pytest.mark.slow
@pytest.mark.parametrize("detector", SHORT)
def test_the_sample_data_is_learnt_within_fifteen_minutes_of_two_cores(
    detector: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(ROOT)
    ingest([ROOT / "sample_data/coco"], tmp_path / "coco", IngestOptions())
    arguments = [*cpu_command(detector), "--out", str(tmp_path / "run"), "--evaluate-every", "100"]
    curve = trained(detector, [str(tmp_path / "coco"), *arguments], tmp_path / "curve.jsonl")
    minutes = curve[-1]["cpu_minutes"]  # all threads': the wall's, were the machine otherwise idle, is half
    found = curve[-1]["evaluation"]
    assert found["images"] == 48
    assert found["ap50"] >= 0.5, f"AP50 {found['ap50']:.3f} after {minutes:.1f} minutes of CPU"
    assert minutes < 30, f"{minutes:.1f} minutes of CPU, AP50 {found['ap50']:.3f}"


def test_every_trainers_help_tells_its_commands_and_knobs(capsys: pytest.CaptureFixture[str]):
    knobs = {
        "retinanet": "--depth --backbone --width --head-convs --focal-alpha --focal-gamma",
        "mobilenet_ssd": "--width --class-loss --negatives --focal-alpha --focal-gamma",
        "yolov4": "--depth --width --drop-block --iou-normalizer --adversarial-lr",
    }
    shared = "--recipe --hw --epochs --batch-size --lr --seed --weights --freeze --score-threshold "
    shared += "--nms-threshold --top-k --resume --json-log --ema --precision"
    for detector, own in knobs.items():
        script = import_module(f"recipes.train_{detector}")
        with pytest.raises(SystemExit):
            script.main(["--help"])
        told = capsys.readouterr().out
        assert f"python -m recipes.train_{detector} build/coco" in told
        for knob in (*own.split(), *shared.split()):
            assert f"{knob} " in told or f"{knob}\n" in told, f"{detector}: {knob}"
