"""One sample's whole origin, as tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from datapipe.errors import printable
from datapipe.report import count
from datapipe.sample import Sample


def replayed(console: Console, sample: Sample, classes: Sequence[str]) -> None:
    """Print where a sample came from: what was drawn, which pictures lie where, what objects it has."""
    told = sample.to_json(classes)
    height, width = told["hw"]
    console.print(
        f"[bold]position {told['position']}[/]  epoch {told['epoch']}, window {told['window']}, "
        f"{height} x {width} px, primary {escape(printable(told['image_id']))}"
    )
    console.print(_steps(told["steps"]))
    console.print(_tiles(told["layers"]))
    console.print(_objects(told["objects"]))
    real = sum(not one["ignore"] for one in told["objects"])
    ignored = len(told["objects"]) - real
    console.print(f"{count(real, 'object')} to learn, {count(ignored, 'place')} to ignore")


def _steps(steps: Sequence[dict[str, Any]]) -> Table:
    table = _table("step", "drawn")
    for step in steps:
        drawn = ", ".join(f"{name} {_value(value)}" for name, value in step.items() if name != "step")
        table.add_row(step["step"], escape(drawn))
    return table


def _tiles(layers: Sequence[dict[str, Any]]) -> Table:
    table = _table("tile", "picture", "px", "decoded", "matrix to the canvas")
    for number, layer in enumerate(layers):
        for i, tile in enumerate(layer["tiles"]):
            label = f"{i}" if len(layers) == 1 else f"{number}.{i} at {layer['opacity']:.2f}"
            rows = tile["matrix"] if any(tile["matrix"][2][:2]) else tile["matrix"][:2]
            matrix = "; ".join(" ".join(f"{value:.4g}" for value in row) for row in rows)
            size = "{} x {}".format(*tile["wh"])
            table.add_row(label, escape(printable(tile["filename"])), size, tile["decoded_at"], matrix)
    return table


def _objects(objects: Sequence[dict[str, Any]]) -> Table:
    table = _table("object", "class", "xyxy px", "")
    for one in objects:
        xyxy = "  ".join(f"{side:.1f}" for side in one["xyxy"])
        kind = "ignore" if one["ignore"] else ""
        table.add_row(escape(printable(one["object_id"])), escape(printable(one["class"] or "")), xyxy, kind)
    return table


def _value(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, dict):
        return ", ".join(f"{name} {_value(one)}" for name, one in value.items())
    if isinstance(value, list):
        return "[" + " ".join(_value(one) for one in value) + "]"
    return printable(value)


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    for column in columns:
        table.add_column(column, overflow="fold")
    return table
