r"""Fitted or default anchors, moderate or harsh augmentation: four ways of training, same budget, told apart.

  python -m recipes.experiment build/bccd --out build/experiment

Each way is trained with several seeds; mean and spread of the AP on the other split say whether a difference
is one. Every run is a process of its own; one that is in --out already is not run again, and one that was
stopped goes on, so the command can be given again. On 286 pictures of 640 x 480 the twelve runs take two
cores half an hour. Options behind `--` go to the trainer:

  python -m recipes.experiment build/coco --epochs 60 -- --depth 34 --lr 0.001
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

from rich.table import Table

from datapipe import report
from datapipe.anchors import fit
from datapipe.anchors.augmented import augmented
from datapipe.anchors.fitting import FITTED
from datapipe.anchors.writing import merged
from datapipe.augment.canvas import Input
from datapipe.dataset import Dataset
from datapipe.errors import DatapipeError, Interrupted, UsageError
from datapipe.recipe import Recipe
from datapipe.report.evaluation import number
from datapipe.shards import write_bytes
from datapipe.targets import Detector, MobileNetSSD, RetinaNet, YoloV4
from recipes.options import command

DETECTORS: dict[str, tuple[Detector, tuple[str, ...]]] = {
    "retinanet": (RetinaNet(), ("--depth", "18", "--width", "0.25", "--head-convs", "2")),
    "mobilenet_ssd": (MobileNetSSD(), ("--width", "0.35")),
    "yolov4": (YoloV4(), ("--depth", "0.1", "--width", "0.25", "--iou-normalizer", "1")),
}
"""Each one's published anchors, and its size for two cores."""
TRAINING = ("--optimizer", "adamw", "--lr", "0.002")
ANCHORS, AUGMENTATIONS = ("default", "fitted"), ("moderate", "harsh")
MEASURES = ("ap50", "ap", "small", "medium", "large")


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """Run what is not there yet, and print the table; what the file holds."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    end = given.index("--") if "--" in given else len(given)
    said = options().parse_args(given[:end])
    dataset, out = Dataset(said.data), said.out
    out.mkdir(parents=True, exist_ok=True)
    file = out / "experiment.json"
    settings = {
        "dataset": dataset.identity,
        "detector": said.detector,
        "hw": said.hw,
        "split": said.split,
        "evaluate_split": said.evaluate_split,
        "epochs": said.epochs,
        "batch_size": said.batch_size,
        "trainer": [*DETECTORS[said.detector][1], *TRAINING, *given[end + 1 :]],
    }
    done = loaded(file, settings)
    write_bytes(file.resolve(), json.dumps(done, indent=1).encode())
    recipes = {ways: out / f"{'_'.join(ways)}.yaml" for ways in product(ANCHORS, AUGMENTATIONS)}
    wanted = [(ways, seed) for seed in range(said.seeds) for ways in recipes]
    for place, (ways, seed) in enumerate(wanted, 1):
        row = {"anchors": ways[0], "augmentation": ways[1], "seed": seed}
        if any(row.items() <= run.items() for run in done["runs"]):
            continue
        if not recipes[ways].exists():
            text = composed(dataset, said, *ways).dump(brief=True)
            write_bytes(recipes[ways].resolve(), text.encode())
        report.note(f"run {place} of {len(wanted)}: {ways[0]} anchors, {ways[1]} augmentation, seed {seed}")
        done["runs"].append(row | trained(said, settings["trainer"], recipes[ways], seed))
        write_bytes(file.resolve(), json.dumps(done, indent=1).encode())
    shown(done)
    return done


def options() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("data", metavar="DATA", help="a folder that `datapipe ingest` wrote")
    made.add_argument("--out", type=Path, default=Path("build/experiment"), help="[%(default)s]")
    made.add_argument("--detector", choices=DETECTORS, default="retinanet", help="[%(default)s]")
    made.add_argument("--hw", type=int, nargs=2, default=[256, 256], metavar=("H", "W"), help="[256 256]")
    made.add_argument("--seeds", type=int, default=3, help="runs of each way [%(default)s]")
    made.add_argument("--epochs", type=int, default=15, help="of each run [%(default)s]")
    made.add_argument("--batch-size", type=int, default=8, help="[%(default)s]")
    made.add_argument("--split", default="train", help="to learn from [%(default)s]")
    made.add_argument("--evaluate-split", default="val", metavar="SPLIT", help="[%(default)s]")
    return made


def loaded(file: Path, settings: dict[str, Any]) -> dict[str, Any]:
    """Runs that were made with the same settings.

    Raises:
        UsageError: the file's are others.
    """
    if not file.exists():
        return {"settings": settings, "runs": []}
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    other = [name for name in settings if found["settings"].get(name) != settings[name]]
    if other:
        raise UsageError(f"{file}: its runs have another {', '.join(other)}; name another --out")
    return found


def composed(dataset: Dataset, said: argparse.Namespace, anchors: str, augmentation: str) -> Recipe:
    """One way's recipe: the shipped augmentation, the detector's targets, and if wanted its fitted anchors.

    Anchors are fitted to the objects of the training split as this augmentation leaves them.
    """
    spec = DETECTORS[said.detector][0]
    recipe = replace(
        Recipe.load(augmentation), input=Input(hw=tuple(said.hw), resize="letterbox"), targets=spec
    )
    if anchors == "default":
        return recipe
    fitted = fit(
        augmented(dataset, recipe, said.split),
        said.detector,
        input_size=tuple(said.hw),
        resize="letterbox",
        split=said.split,
    )
    told = {name: getattr(fitted.spec, name) for name in FITTED[type(spec)]}
    report.note(f"fitted for {augmentation}: {told}; verdict: {fitted.verdict}")
    return replace(recipe, targets=merged(spec, fitted.spec))


def trained(said: argparse.Namespace, trainer: Sequence[str], recipe: Path, seed: int) -> dict[str, Any]:
    """Train once, in a process of its own, and read what it measured last; go on with what was stopped.

    Raises:
        Interrupted: Ctrl-C; the trainer has written its checkpoint.
        DatapipeError: the trainer failed; its own message stands before.
    """
    run = said.out / f"{recipe.stem}_{seed}"
    log = run.with_suffix(".jsonl")
    call = [sys.executable, "-m", f"recipes.train_{said.detector}", str(said.data), "--recipe", str(recipe)]
    call += ["--out", str(run), "--json-log", str(log), "--seed", str(seed), "--quiet"]
    call += ["--epochs", str(said.epochs), "--evaluate-every", str(said.epochs)]
    call += ["--batch-size", str(said.batch_size)]
    call += ["--split", said.split, "--evaluate-split", said.evaluate_split, *trainer]
    call += ["--resume"] if (run / "checkpoint.npz").exists() else []
    process = subprocess.Popen(call, cwd=Path(__file__).resolve().parents[1])
    try:
        code = process.wait()
    except KeyboardInterrupt:  # the trainer has it from the terminal, too
        code = process.wait() or Interrupted.exit_code
    if code == Interrupted.exit_code:
        raise Interrupted(f"stopped in {run.name}: the same command goes on")
    if code:
        raise DatapipeError(f"the trainer ended with exit code {code}: {' '.join(call)}")
    last = json.loads(log.read_text(encoding="utf-8").splitlines()[-1])
    found = {name: last["evaluation"][name] for name in MEASURES}
    return found | {
        "loss": last["loss"]["total"],
        "minutes": last["minutes"],
        "cpu_minutes": last["cpu_minutes"],
    }


def summary(done: dict[str, Any]) -> list[dict[str, Any]]:
    """Each way's runs as mean and standard deviation of the AP50 and AP; the deviation needs two runs."""
    rows = []
    for anchors, augmentation in product(ANCHORS, AUGMENTATIONS):
        way = {"anchors": anchors, "augmentation": augmentation}
        runs = [run for run in done["runs"] if way.items() <= run.items()]
        if runs:
            row: dict[str, Any] = way | {"runs": len(runs)}
            for name in ("ap50", "ap"):
                values = [run[name] for run in runs]
                row[name] = statistics.fmean(values)
                row[f"{name}_spread"] = statistics.stdev(values) if len(values) > 1 else float("nan")
            row["cpu_minutes"] = statistics.fmean(run["cpu_minutes"] for run in runs)
            rows.append(row)
    return rows


def shown(done: dict[str, Any]) -> None:
    """The table, on stdout."""
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    for head in ("anchors", "augmentation", "runs", "AP50", "AP", "CPU minutes"):
        table.add_column(head, justify="left" if head.startswith("a") else "right", no_wrap=True)
    for row in summary(done):
        ap50, ap = (f"{number(row[name])} ± {number(row[f'{name}_spread'])}" for name in ("ap50", "ap"))
        table.add_row(
            row["anchors"], row["augmentation"], str(row["runs"]), ap50, ap, f"{row['cpu_minutes']:.1f}"
        )
    settings = done["settings"]
    height, width = settings["hw"]
    console = report.stdout()
    console.print(
        f"[bold]{settings['detector']}[/] at {height} x {width}, {settings['epochs']} epochs, AP on "
        f"{settings['evaluate_split']}: mean ± standard deviation over seeds"
    )
    console.print(table)


if __name__ == "__main__":
    command(main)
