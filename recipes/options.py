"""Options that the three trainers share, and what they say of the data: a dataset and a recipe."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from datapipe import report
from datapipe.dataset import Dataset
from datapipe.errors import DatapipeError, UsageError
from datapipe.recipe import Recipe
from datapipe.targets import Detector

Spec = TypeVar("Spec", bound=Detector)


class Data(NamedTuple):
    """What a trainer learns from."""

    dataset: Dataset
    recipe: Recipe

    @property
    def classes(self) -> int:
        """Number of classes, without background."""
        return len(self.dataset.classes)


def parser(story: str | None, recipe: str, out: str, **defaults: object) -> argparse.ArgumentParser:
    """The options of every trainer.

    Args:
        story: the script's docstring, which `--help` shows.
        recipe: shipped recipe to take by default.
        out: folder to write to by default.
        **defaults: of options whose best value differs between detectors, like lr=0.01.
    """
    made = argparse.ArgumentParser(description=story, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("data", metavar="DATA", help="a folder that `datapipe ingest` wrote")

    what = made.add_argument_group("data")
    what.add_argument("--recipe", default=recipe, metavar="R", help=f"file or shipped name [{recipe}]")
    what.add_argument("--split", default="train", help="to learn from [train]")
    what.add_argument(
        "--evaluate-split", default="val", metavar="SPLIT", help="to measure AP on [val]; '' for none"
    )
    what.add_argument(
        "--hw", type=int, nargs=2, metavar=("H", "W"), help="px, in place of the recipe's input"
    )

    how = made.add_argument_group("training")
    how.add_argument("--epochs", type=int, default=30, help="times through the split [%(default)s]")
    how.add_argument("--batch-size", type=int, default=16, help="divides the recipe's window [%(default)s]")
    how.add_argument("--optimizer", choices=("sgd", "adamw"), default="sgd", help="[%(default)s]")
    how.add_argument("--lr", type=float, help="highest learning rate [sgd 0.01, adamw 0.001]")
    how.add_argument("--warmup-steps", type=int, help="steps up to it [a twentieth, at most 1000]")
    how.add_argument("--momentum", type=float, default=0.9, help="of sgd [%(default)s]")
    how.add_argument("--weight-decay", type=float, default=1e-4, help="not of biases [%(default)s]")
    how.add_argument("--clip", type=float, default=10.0, help="longest gradient [%(default)s]")
    how.add_argument("--ema", type=float, default=0.0, help="evaluate averaged weights, like 0.999 [off]")
    how.add_argument(
        "--precision",
        choices=("auto", "float32", "mixed_float16", "mixed_bfloat16"),
        default="auto",
        help="auto: mixed_float16 where there is a GPU [%(default)s]",
    )
    how.add_argument("--any-order", action="store_true", help="faster GPU kernels; resuming is not exact")
    how.add_argument("--seed", type=int, default=0, help="of weights and stream [%(default)s]")

    start = made.add_argument_group("weights")
    start.add_argument(
        "--weights", type=Path, metavar="FILE", help="start from a run's checkpoint or a Keras .weights.h5"
    )
    start.add_argument(
        "--freeze", type=int, default=0, metavar="STAGES", help="backbone stages that stay as they are [0]"
    )

    found = made.add_argument_group("detections")
    found.add_argument("--score-threshold", type=float, help="detections below it are dropped")
    found.add_argument("--nms-threshold", type=float, help="overlap above which the worse one goes")
    found.add_argument("--top-k", type=int, help="candidates per level before NMS")
    found.add_argument("--evaluate-every", type=int, default=1, metavar="EPOCHS", help="[%(default)s]")

    run = made.add_argument_group("run")
    run.add_argument(
        "--out", type=Path, default=Path(out), help="checkpoint and recipe go there [%(default)s]"
    )
    run.add_argument("--resume", action="store_true", help="go on from the checkpoint in --out, exactly")
    run.add_argument("--json-log", type=Path, metavar="FILE", help="the curve, one JSON line an epoch")
    run.add_argument("--quiet", action="store_true", help="no progress on stderr")
    made.set_defaults(**defaults)
    return made


def opened(options: argparse.Namespace, wanted: type[Spec]) -> tuple[Data, Spec]:
    """The dataset, the recipe with `--hw` in place, and the recipe's targets.

    Raises:
        UsageError: the recipe's targets are another detector's.
    """
    recipe = Recipe.load(options.recipe)
    if not isinstance(recipe.targets, wanted):
        raise UsageError(
            f"{options.recipe}: its targets are {type(recipe.targets).__name__}'s, this trains a "
            f"{wanted.__name__}; say targets: {{{wanted.__name__}: {{}}}}"
        )
    if options.hw:
        try:
            recipe = replace(recipe, input=replace(recipe.input, hw=tuple(options.hw), multi_scale=None))
        except ValueError as error:
            raise UsageError(f"--hw: {error}") from None
    return Data(Dataset(options.data), recipe), recipe.targets


def given(options: argparse.Namespace) -> dict[str, float]:
    """What was said of the detections to keep, as fields of `datapipe.heads.Keep`; the rest has defaults."""
    names = ("score_threshold", "nms_threshold", "top_k")
    return {name: getattr(options, name) for name in names if getattr(options, name) is not None}


def checked(options: argparse.Namespace, names: Sequence[str] = ("epochs", "batch_size")) -> None:
    """Refuse numbers that mean nothing.

    Raises:
        UsageError: naming the option.
    """
    for name in names:
        if getattr(options, name) < 1:
            raise UsageError(f"--{name.replace('_', '-')} {getattr(options, name)}: want 1 or more")


def command(main: Callable[[], Any]) -> None:
    """Run a script's main; what datapipe says no to is one line and an exit code."""
    try:
        main()
    except DatapipeError as error:
        report.error(str(error))
        sys.exit(error.exit_code)
