"""How good predictions are, as tables. Nothing here computes."""

from __future__ import annotations

from math import isfinite

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from datapipe.errors import printable
from datapipe.evaluation import Evaluation
from datapipe.report import count

CLASSES = 30
"""Rows of the class table: the worst; all are in the JSON."""


def evaluation(console: Console, measured: Evaluation, title: str) -> None:
    """Print the averages, then the classes, the worst first.

    Args:
        console: where to.
        measured: by `datapipe.evaluate`.
        title: what was compared.
    """
    console.print(
        f"[bold]{escape(printable(title, 300))}[/]  {count(measured.images, 'image')}, "
        f"{count(measured.objects, 'object')}, {count(measured.detections, 'detection')}; "
        f"{count(measured.ignored, 'place')} left aside"
    )
    console.print(_averages(measured))
    console.print(_classes(measured))


def _averages(measured: Evaluation) -> Table:
    heads = ["AP", "AP50", "AP75", "small", "medium", "large", "recall"]
    values = [getattr(measured, name.lower()) for name in heads]
    if measured.voc_ap50 is not None:
        heads, values = [*heads, "VOC AP50"], [*values, measured.voc_ap50]
    table = _table(*heads)
    table.add_row(*(number(value) for value in values))
    return table


def _classes(measured: Evaluation) -> Table:
    table = _table("class", "AP", "AP50")
    rows = sorted(measured.by_class.items(), key=lambda row: _last(row[1]["ap"]))
    for name, row in rows[:CLASSES]:
        table.add_row(escape(printable(name, 40)), number(row["ap"]), number(row["ap50"]))
    if len(rows) > CLASSES:
        table.add_row(f"… {len(rows) - CLASSES} better ones", "", "")
    return table


def number(value: float) -> str:
    """An AP with three digits; a dash where there is nothing to be found.

    Example: 0.4567 is 0.457.
    """
    return f"{value:.3f}" if isfinite(value) else "–"


def _last(value: float) -> float:
    """Classes without objects come last."""
    return value if isfinite(value) else 2.0


def _table(*heads: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    for head in heads:
        table.add_column(head, justify="left" if head == "class" else "right", no_wrap=True)
    return table
