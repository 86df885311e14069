"""What a person sees of a training: a bar within each epoch, a line after it, and the curve as a file."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from datapipe import report

Told = Callable[[dict[str, float]], None]
MINUTES = ("minutes", "cpu_minutes")


class Curve:
    """The rows of a training, one an epoch; also as a file of JSON lines that a second look can plot."""

    def __init__(
        self, file: Path | None, step: int, cpu_seconds: Callable[[], float] = time.process_time
    ) -> None:
        """Begin, or go on.

        Args:
            file: to write; rows of a resumed run up to `step` stay, later ones are made anew.
            step: where the training stands.
            cpu_seconds: of all processes that train.
        """
        self.rows: list[dict[str, Any]] = []
        self._file = file
        self._clocks = (time.perf_counter, cpu_seconds)
        self._began = [-clock() for clock in self._clocks]
        if file is None:
            return
        file.parent.mkdir(parents=True, exist_ok=True)
        if step and file.exists():
            lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line]
            self.rows = [row for row in lines if row["step"] <= step]
        if self.rows:
            for i, name in enumerate(MINUTES):
                self._began[i] += 60 * self.rows[-1][name]
        file.write_text("".join(f"{json.dumps(row)}\n" for row in self.rows), encoding="utf-8")

    def add(self, row: dict[str, Any]) -> None:
        """Write a row, with the minutes of the training so far: the wall's, and the CPU's of all threads."""
        for name, clock, began in zip(MINUTES, self._clocks, self._began, strict=True):
            row[name] = (clock() + began) / 60
        self.rows.append(row)
        if self._file is not None:
            with open(self._file, "a", encoding="utf-8") as out:
                out.write(f"{json.dumps(row)}\n")


@contextmanager
def epoch(label: str, steps: int, done: int, quiet: bool) -> Iterator[Told]:
    """A bar for an epoch, on terminals only.

    Yields:
        To be called after each step with the latest terms of the loss, or with nothing yet.
    """
    console = report.stderr()
    if quiet or not console.is_terminal:
        yield lambda terms: None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=32),
        MofNCompleteColumn(),
        TextColumn("{task.fields[loss]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bars:
        bar = bars.add_task(label, total=steps, completed=done, loss="")
        yield lambda terms: bars.update(bar, advance=1, loss=shown(terms) if terms else "")


def told(row: dict[str, Any], epochs: int, quiet: bool) -> None:
    """A row of the curve as a line on stderr."""
    found = row.get("evaluation")
    ap = f"  AP50 {_number(found['ap50'])}  AP {_number(found['ap'])}" if found else ""
    report.note(
        f"epoch {row['epoch']:>3}/{epochs}  {shown(row['loss'])}{ap}  "
        f"{row['images_per_second']:.0f} images/s  {row['seconds']:.0f} s",
        quiet,
    )


def shown(terms: dict[str, float]) -> str:
    """A loss and its terms. Example: loss 1.25 (box 0.75, class 0.50)."""
    parts = ", ".join(f"{name} {value:.3g}" for name, value in sorted(terms.items()) if name != "total")
    return f"loss {terms['total']:.3f} ({parts})"


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.3f}"
