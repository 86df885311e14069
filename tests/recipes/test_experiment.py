"""The experiment: four ways, each seed once, nothing run twice, and an honest table."""

from __future__ import annotations

import json
from math import isnan
from pathlib import Path
from typing import Any

import pytest
from make import make_dataset

from datapipe.errors import DatapipeError, Interrupted, UsageError
from datapipe.recipe import Recipe

pytestmark = pytest.mark.xdist_group("tensorflow")


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Path, int]]:
    """Runs that would have been made: the trainer is another process, which `test_trainers` knows."""
    from recipes import experiment

    made: list[tuple[Path, int]] = []

    def trained(said: Any, trainer: Any, recipe: Path, seed: int) -> dict[str, Any]:
        made.append((recipe, seed))
        ap50 = 0.5 + 0.1 * seed + 0.2 * ("fitted" in recipe.stem)
        return dict.fromkeys(experiment.MEASURES, 0.1) | {"ap50": ap50, "loss": 1.0, "cpu_minutes": 2.0}

    monkeypatch.setattr(experiment, "trained", trained)
    return made


def test_each_way_is_run_with_each_seed_and_never_twice(
    tmp_path: Path, calls: list[tuple[Path, int]], capsys: pytest.CaptureFixture[str]
):
    from recipes.experiment import main

    data = str(make_dataset(tmp_path, n=12).folder)
    out = tmp_path / "runs"
    arguments = [data, "--out", str(out), "--detector", "yolov4", "--hw", "64", "96", "--seeds"]
    done = main([*arguments, "2"])
    assert len(calls) == len(set(calls)) == 8
    assert done == json.loads((out / "experiment.json").read_text())
    main([*arguments, "3"])
    assert len(calls) == len(set(calls)) == 12, "the third seed alone was new"
    told = capsys.readouterr().out
    assert "0.800 ± 0.100" in told and "0.600 ± 0.100" in told
    with pytest.raises(UsageError, match="its runs have another epochs; name another --out"):
        main([*arguments, "3", "--epochs", "7"])
    with pytest.raises(UsageError, match="its runs have another trainer"):
        main([*arguments, "3", "--", "--lr", "1"])


def test_ways_differ_in_what_they_say_and_in_nothing_else(tmp_path: Path, calls: list[tuple[Path, int]]):
    from recipes.experiment import main

    out = tmp_path / "runs"
    data = str(make_dataset(tmp_path, n=12).folder)
    main([data, "--out", str(out), "--detector", "yolov4", "--seeds", "1", "--hw", "64", "96"])
    found = {path.stem: Recipe.load(path) for path in out.glob("*.yaml")}
    assert sorted(found) == ["default_harsh", "default_moderate", "fitted_harsh", "fitted_moderate"]
    for name, recipe in found.items():
        anchors, augmentation = name.split("_")
        assert recipe.geometry == Recipe.load(augmentation).geometry
        assert recipe.input.hw == (64, 96)
        assert (recipe.targets == found["default_harsh"].targets) == (anchors == "default")


def test_one_run_has_no_spread():
    from recipes.experiment import MEASURES, summary

    run = {"anchors": "default", "augmentation": "harsh", "seed": 0, "cpu_minutes": 1.0}
    (row,) = summary({"runs": [run | dict.fromkeys(MEASURES, 0.25)]})
    assert (row["ap50"], row["runs"]) == (0.25, 1)
    assert isnan(row["ap50_spread"])


def test_a_trainer_that_fails_ends_the_experiment_with_its_command(tmp_path: Path):
    from recipes.experiment import options, trained

    said = options().parse_args([str(tmp_path / "nothing"), "--out", str(tmp_path)])
    with pytest.raises(
        DatapipeError, match=r"the trainer ended with exit code 2: .*recipes\.train_retinanet"
    ):
        trained(said, ["--no-such-option"], tmp_path / "a.yaml", 0)


def test_an_experiment_that_was_stopped_goes_on_in_the_run_it_was_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    from recipes import experiment

    calls: list[list[str]] = []

    class Trainer:
        """Stands for the process; the second one is stopped when its checkpoint is written."""

        def __init__(self, call: list[str], cwd: Path) -> None:
            calls.append(call)

        def wait(self) -> int:
            out, log = (Path(calls[-1][calls[-1].index(name) + 1]) for name in ("--out", "--json-log"))
            out.mkdir(exist_ok=True)
            (out / "checkpoint.npz").touch()
            if len(calls) == 2:
                return 130
            row = {"loss": {"total": 1.0}, "evaluation": dict.fromkeys(experiment.MEASURES, 0.5)}
            log.write_text(json.dumps(row | {"minutes": 1.0, "cpu_minutes": 2.0}))
            return 0

    monkeypatch.setattr(experiment.subprocess, "Popen", Trainer)
    data, out = str(make_dataset(tmp_path, n=12).folder), tmp_path / "runs"
    arguments = [data, "--out", str(out), "--detector", "yolov4", "--hw", "64", "96", "--seeds", "1"]
    with pytest.raises(Interrupted, match="stopped in default_harsh_0: the same command goes on"):
        experiment.main(arguments)
    assert len(json.loads((out / "experiment.json").read_text())["runs"]) == 1
    done = experiment.main(arguments)
    runs = [Path(call[call.index("--out") + 1]).name for call in calls]
    assert runs == [
        f"{way}_0" for way in ("default_moderate", *["default_harsh"] * 2, "fitted_moderate", "fitted_harsh")
    ]
    assert [place for place, call in enumerate(calls) if "--resume" in call] == [2]
    assert len(done["runs"]) == 4


def test_runs_stopped_before_the_first_ended_are_not_mixed_with_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    from recipes import experiment

    def stopped(*asked: Any) -> None:
        raise Interrupted("stopped")

    monkeypatch.setattr(experiment, "trained", stopped)
    data = str(make_dataset(tmp_path, n=12).folder)
    with pytest.raises(Interrupted):
        experiment.main([data, "--out", str(tmp_path / "runs")])
    with pytest.raises(UsageError, match="its runs have another epochs; name another --out"):
        experiment.main([data, "--out", str(tmp_path / "runs"), "--epochs", "7"])
