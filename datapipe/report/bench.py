"""A benchmark as a table."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from datapipe.bench import Bench


def measured(console: Console, made: Bench, recipe: str) -> None:
    """Print rate, floor, stages with bars, and what limits it."""
    height, width = made.hw
    console.print(
        f"[bold]{escape(recipe)}[/]  {made.recipe[:12]}  {height} x {width}, batch {made.batch_size}, "
        f"{made.threads} threads, {made.images:,} images"
    )
    rates = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    for column in ("", "images/s", "CPU ms/image"):
        rates.add_column(column, justify="right" if column else "left")
    rates.add_row("stream", f"{made.images_per_second:,.0f}", f"{made.cpu_ms_per_image:.2f}")
    rates.add_row(
        "floor: one decode, one warp",
        f"{made.floor_images_per_second:,.0f}",
        f"{made.floor_cpu_ms_per_image:.2f}",
    )
    rates.add_row("stream / floor", f"{100 * made.of_floor:.0f} %", "")
    console.print(rates)
    console.print(_stages(made))
    console.print(escape(f"{made.pictures_per_image:.2f} pictures decoded an image"))
    console.print(escape(f"limit: {made.limit}"))


def _stages(made: Bench) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    table.add_column("stage, ms on one thread")
    table.add_column("", justify="right")
    table.add_column("")
    longest = max(made.stages.values()) or 1.0
    for name, milliseconds in made.stages.items():
        table.add_row(escape(name), f"{milliseconds:.2f}", "█" * round(30 * milliseconds / longest))
    return table
