"""Trainings as a picture: the AP50 and the loss over their minutes, from the trainers' --json-log.

  python -m recipes.curves build/retinanet.jsonl build/yolov4.jsonl --out build/curves.png

A curve is named after its file. `--over cpu_minutes` (of all threads) compares runs on a busy machine.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from datapipe.errors import EnvironmentProblem, InputError, UsageError, printable
from recipes.options import command

OVER = {"minutes": "minutes", "cpu_minutes": "minutes of CPU, all threads", "epoch": "epoch"}


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw by the command line's options."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("logs", nargs="+", type=Path, metavar="LOG", help="what --json-log wrote")
    options.add_argument("--out", type=Path, default=Path("curves.png"), help=".png or .svg [%(default)s]")
    options.add_argument("--over", choices=OVER, default="minutes", help="[%(default)s]")
    said = options.parse_args(arguments)
    figure = drawn({log.stem: rows(log) for log in said.logs}, said.over)
    try:
        figure.savefig(said.out, dpi=90)
    except ValueError as error:
        raise UsageError(f"--out {printable(said.out)}: {error}") from None
    except OSError as error:
        raise EnvironmentProblem(f"{printable(said.out)}: cannot be written: {error.strerror}") from None


def rows(log: Path) -> list[dict[str, Any]]:
    """A training's rows.

    Raises:
        InputError: the file has none.
    """
    try:
        found = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
        complete = bool(found) and all(row["loss"]["total"] and row["cpu_minutes"] for row in found)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{printable(log)}: no curve of a trainer's --json-log: {error}") from None
    if not complete:
        raise InputError(f"{printable(log)}: no epoch is over yet")
    return found


def drawn(curves: dict[str, list[dict[str, Any]]], over: str) -> Figure:
    """The picture: the AP50 where it was measured, and the loss as a share of the first epoch's."""
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    for name, epochs in curves.items():
        measured = [row for row in epochs if row.get("evaluation", {}).get("ap50") is not None]
        last = f" {measured[-1]['evaluation']['ap50']:.2f}" if measured else ""
        ap50 = [row["evaluation"]["ap50"] for row in measured]
        left.plot([row[over] for row in measured], ap50, ".-", label=name + last)
        first = epochs[0]["loss"]["total"]
        right.plot([row[over] for row in epochs], [row["loss"]["total"] / first for row in epochs])
    left.set(title="AP50", ylim=(0, 1), xlabel=OVER[over])
    right.set(title="loss, of the first epoch's", yscale="log", xlabel=OVER[over])
    for axes in (left, right):
        axes.set_xlim(left=0)
        axes.grid(alpha=0.3)
    left.legend(loc="best")
    return figure


if __name__ == "__main__":
    command(main)
