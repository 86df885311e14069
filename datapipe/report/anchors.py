"""What people see of fitted anchors: tables side by side with the defaults, the verdict, and a picture."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from rich.markup import escape
from rich.table import Table

from datapipe.anchors.answer import AnchorReport, Compared, one_cell, shapes
from datapipe.errors import EnvironmentProblem, UsageError, printable
from datapipe.report import stdout

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FORMATS = (".svg", ".png", ".html")
MOST_DOTS = 5000
MOST_CLASSES = 20
_WIDE = 100
"""Columns of a terminal from which on a pair of figures stands side by side."""
_FITTED, _DEFAULT, _OBJECT = "#d1495b", "#00798c", "#9aa5b1"


def anchors(report: AnchorReport) -> None:
    """Print the verdict's evidence, the lines to paste, and last the verdict."""
    console = stdout()
    size = " x ".join(str(side) for side in report.input_hw)
    objects, judged = (
        report.overall.fitted.objects,
        "held-out pictures" if report.folds else "the fitted objects",
    )
    on, aside = "on", "crowd or difficult"
    if report.planned:
        on, aside = "in planned samples of", "ignored by the recipe's rules"
    console.print(
        f"[bold]{report.detector}[/] at {size}, {report.resize.replace('_', ' ')}: {objects:,} objects {on} "
        f"{report.images:,} images" + (f", split {escape(printable(report.split))}" if report.split else "")
    )
    left = [f"{n:,} {why}" for n, why in ((report.ignored, aside), (report.too_small, "under 2 px")) if n]
    if left:
        console.print(f"  not fitted: {', '.join(left)}", style="dim")
    folds = f", {report.folds} folds by image" if report.folds else ""
    wide = console.width >= _WIDE
    pair = "fitted | defaults" if wide else "fitted above defaults"
    console.print(_table(f"{pair}, on {judged}{folds}", [report.overall, *report.by_size], wide))
    most = sorted(report.by_class, key=lambda row: -row.fitted.objects)[:MOST_CLASSES]
    if len(report.by_class) > 1:
        console.print(_table("by class", most, wide))
    if len(most) < len(report.by_class):
        console.print(f"  and {len(report.by_class) - len(most)} rarer classes: --json has all", style="dim")
    lines = report.lines()
    longest = max(len(place) for place, _ in lines)
    for place, line in lines:
        console.print(f"[dim]{escape(place):<{longest}}[/]  {escape(line)}", soft_wrap=True)
    for note in report.notes:
        console.print(f"note  {escape(printable(note, 300))}", style="dim")
    colour = "green" if report.verdict == "change" else "yellow"
    console.print(f"[bold {colour}]{report.verdict}[/]: {escape(report.reason)}", soft_wrap=True)


def _table(title: str, rows: Sequence[Compared], wide: bool) -> Table:
    table = Table(title=title, title_justify="left", title_style="dim", box=None, pad_edge=False)
    table.add_column("")
    table.add_column("objects", justify="right")
    for name in ("mean IoU", "IoU >= .5", ">= .4", ">= .213", "no positive"):
        table.add_column(name, justify="right")
    for row in rows:
        new, old = row.fitted, row.defaults
        between = " | " if wide else "\n"
        unit = "" if wide else " %"
        pairs = [f"{new.mean_iou:.3f}{between}{old.mean_iou:.3f}"]
        for name in ("recall_50", "recall_40", "recall_213", "without_positive"):
            pairs.append(f"{100 * getattr(new, name):.1f}{unit}{between}{100 * getattr(old, name):.1f} %")
        shown = pairs if new.objects else ["-"] * len(pairs)
        table.add_row(escape(printable(row.group, 40)), f"{new.objects:,}", *shown)
    return table


def plot(report: AnchorReport, wh: NDArray[np.floating], path: str | Path) -> None:
    """Draw the objects' shapes with the anchors among them, and the anchors to scale.

    Args:
        report: whose anchors.
        wh: (M, 2) px of the objects at the input's size (`anchors.shapes_seen`).
        path: .svg, .png, or .html (one file, the picture inside).

    Raises:
        UsageError: another ending.
        EnvironmentProblem: matplotlib is not installed, or the file cannot be written.
    """
    target = Path(path)
    if target.suffix.lower() not in FORMATS:
        raise UsageError(f"{printable(target)}: a plot ends in {', '.join(FORMATS)}, not {target.suffix!r}")
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise EnvironmentProblem("a plot needs matplotlib: pip install matplotlib") from None
    figure = Figure(figsize=(12.5, 6.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    _scatter(left, report, np.asarray(wh, np.float64))
    _to_scale(right, report)
    figure.suptitle(f"{report.detector}: {report.verdict}\n{report.reason}", fontsize=11)
    drawn = _drawn(figure, target.suffix.lower())
    try:
        target.write_bytes(drawn)
    except OSError as error:
        raise EnvironmentProblem(f"{printable(target)}: cannot be written: {error.strerror}") from None


def _scatter(axes: Axes, report: AnchorReport, wh: NDArray[np.float64]) -> None:
    if len(wh) > MOST_DOTS:
        axes.hexbin(
            wh[:, 0], wh[:, 1], xscale="log", yscale="log", gridsize=70, bins="log", mincnt=1, cmap="Greys"
        )
        _keyed(axes, "s", "#777777", f"{len(wh):,} objects (darker: more)")
    else:
        axes.scatter(wh[:, 0], wh[:, 1], s=9, c=_OBJECT, alpha=0.55, linewidths=0)
        _keyed(axes, "o", _OBJECT, f"{len(wh):,} objects")
    axes.set(xscale="log", yscale="log", xlabel="width, px at the input", ylabel="height, px at the input")
    old, new = np.array(shapes(report.defaults, report.input_hw)), np.array(report.anchors)
    axes.scatter(old[:, 0], old[:, 1], s=42, facecolors="none", edgecolors=_DEFAULT, linewidths=1.5)
    axes.scatter(new[:, 0], new[:, 1], s=46, c=_FITTED, edgecolors="white", linewidths=0.8, zorder=3)
    _keyed(axes, "o", _FITTED, f"{len(new)} fitted anchors")
    axes.scatter([], [], s=42, facecolors="none", edgecolors=_DEFAULT, label=f"{len(old)} default anchors")
    ticks = [2.0**i for i in range(1, 12)]
    for axis, values in (
        (axes.xaxis, (wh[:, 0], new[:, 0], old[:, 0])),
        (axes.yaxis, (wh[:, 1], new[:, 1], old[:, 1])),
    ):
        low, high = min(v.min() for v in values) / 1.3, max(v.max() for v in values) * 1.3
        shown = [tick for tick in ticks if low <= tick <= high]
        axis.set_ticks(shown, [f"{tick:g}" for tick in shown])
        axis.set_ticks([], minor=True)
        (axes.set_xlim if axis is axes.xaxis else axes.set_ylim)(low, high)
    axes.grid(alpha=0.25)
    axes.legend(loc="upper left", frameon=True, fontsize=9)
    axes.set_title("object shapes and anchors", fontsize=10)


def _keyed(axes: Axes, marker: str, colour: str, label: str) -> None:
    axes.scatter([], [], marker=marker, c=colour, label=label)


def _to_scale(axes: Axes, report: AnchorReport) -> None:
    from matplotlib.patches import Rectangle

    reach = 1.0
    old, title = one_cell(report.defaults, report.input_hw)
    new, _ = one_cell(report.spec, report.input_hw)
    pairs = ((old, _DEFAULT, "--"), (new, _FITTED, "-"))
    for rows, colour, line in pairs:
        for w, h in rows:
            reach = max(reach, w, h)
            corner = (-w / 2, -h / 2)
            axes.add_patch(
                Rectangle(corner, w, h, fill=False, edgecolor=colour, linestyle=line, linewidth=1.1)
            )
    axes.set(
        xlim=(-0.55 * reach, 0.55 * reach), ylim=(0.55 * reach, -0.55 * reach), aspect="equal", xlabel="px"
    )
    axes.grid(alpha=0.25)
    axes.set_title(f"{title} to scale: fitted solid, defaults dashed", fontsize=10)


def _drawn(figure: Figure, suffix: str) -> bytes:
    out = io.BytesIO()
    if suffix == ".png":
        figure.savefig(out, format="png", dpi=130)
        return out.getvalue()
    figure.savefig(out, format="svg", metadata={"Date": None})
    if suffix == ".svg":
        return out.getvalue()
    svg = out.getvalue().decode()
    svg = svg[svg.index("<svg") :]
    page = (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>datapipe anchors</title>'
        "<style>body{margin:2rem;background:#fff}svg{max-width:100%;height:auto}</style>"
    )
    return f"{page}{svg}</html>\n".encode()
