"""Statistics as tables and bars on a terminal. Nothing here computes more than shares."""

from __future__ import annotations

import re

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from datapipe.errors import printable
from datapipe.stats import Part, Remark, Statistics, remarks
from datapipe.stats.classes import ClassPart
from datapipe.stats.remarks import at, percent
from datapipe.stats.sizes import Sizes

FREQUENT, RARE = 24, 6
"""Rows of the class table: the most frequent and the rarest; all are in --json and --html."""

_EIGHTHS = " ▏▎▍▌▋▊▉█"


def statistics(console: Console, made: Statistics, title: str) -> None:
    """The whole story: counts, splits, sizes, classes, and what stands out.

    Args:
        console: where to.
        made: the statistics.
        title: the dataset's folder as the user called it.
    """
    whole = made.whole
    shown = f", split {made.split}" if made.split is not None else ""
    console.print(
        f"[bold]{_safe(title, 300)}[/]{_safe(shown)}  {whole.images:,} images, {whole.objects:,} objects, "
        f"{len(whole.classes):,} classes; input {_safe(_input(made))}"
    )
    _gap(console, _splits(made))
    _gap(console, _facts(whole))
    if whole.objects:
        _gap(console, _sizes(console, made))
    if whole.classes:
        _gap(console, _classes(console, made))
    console.print()
    for remark in remarks(made):
        console.print(_remark(remark))


def _gap(console: Console, table: Table) -> None:
    console.print()
    console.print(table)


def _input(made: Statistics) -> str:
    height, width = made.input_hw
    return f"{width} x {height} {made.resize}"


def _splits(made: Statistics) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    heads = ("split", "images", "empty", "objects", "mean", "most", "ignored", "truncated", "left out")
    for head in heads:
        table.add_column(head, justify="left" if head == "split" else "right", no_wrap=True)
    rows = list(made.splits.items())
    if len(rows) != 1:
        rows.append(("all", made.whole))
    for name, part in rows:
        held = part.per_image
        table.add_row(
            _safe(name, 20),
            f"{part.images:,}",
            f"{held.empty:,}",
            f"{part.objects:,}",
            f"{held.mean:.1f}",
            f"{held.most:,}",
            percent(part.share(part.ignored)),
            percent(part.share(part.truncated)),
            f"{part.left_out:,}",
        )
    return table


def _facts(part: Part) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 3, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    seen = part.image_sizes
    if seen.width and seen.height:
        common = ", ".join(f"{w} x {h} ({n:,})" for w, h, n in seen.distinct[:3])
        more = f" and {len(seen.distinct) - 3:,} more" if len(seen.distinct) > 3 else ""
        table.add_row("picture sizes", f"{common}{more}")
    uneven = part.imbalance
    if uneven.ratio is not None and uneven.effective_ratio is not None:
        table.add_row(
            "imbalance",
            f"{_safe(uneven.most or '')} : {_safe(uneven.least or '')} = {uneven.ratio:,.1f} : 1, "
            f"by effective number {uneven.effective_ratio:,.1f} : 1",
        )
    near = part.overlap
    table.add_row(
        "overlap",
        f"{near.objects:,} objects ({percent(near.share)}), {near.pairs:,} pairs of one class with IoU > 0.5",
    )
    table.add_row(
        "ignored", f"{part.crowd:,} crowd, {part.difficult:,} difficult; {part.truncated:,} truncated objects"
    )
    return table


def _sizes(console: Console, made: Statistics) -> Table:
    """Bins at both sizes, side by side, with bars to one scale."""
    part, where = made.whole, at(made.input_hw)
    room = _room(console, 56, 2, 24)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name, justify in (
        ("size by area", "left"),
        ("original", "right"),
        ("", "right"),
        ("", "left"),
        (f"at {where}", "right"),
        ("", "right"),
        ("", "left"),
    ):
        table.add_column(name, justify=justify, no_wrap=True)  # type: ignore[arg-type]
    before, after = part.sizes.original, part.sizes.input
    for label, a, b in (
        ("small   < 32²", before.small, after.small),
        ("medium", before.medium, after.medium),
        ("large   > 96²", before.large, after.large),
    ):
        cells = []
        for n in (a, b):
            share = part.share(n)
            cells += [f"{n:,}", percent(share), f"[cyan]{_bar(console, share, room)}[/]"]
        table.add_row(label, *cells)
    for label, n in (
        ("side    < 8 px", part.sizes.under_8_px),
        ("side    < 2 px", part.sizes.under_2_px),
    ):
        share = part.share(n)
        bar = f"[yellow]{_bar(console, share, room)}[/]"
        table.add_row(label, "", "", "", f"{n:,}", percent(share), bar)
    return table


def _classes(console: Console, made: Statistics) -> Table:
    whole = made.whole
    ranked = sorted(whole.classes, key=lambda one: -one.objects)
    hidden = ranked[FREQUENT:-RARE] if len(ranked) > FREQUENT + RARE else []
    most = max(1, ranked[0].objects)
    wide = max(len(printable(one.name, 24)) for one in ranked)
    narrow = console.width < 100
    room = _room(console, (58 if narrow else 74) + max(5, wide), 1, 28)
    title = f"percentiles 5, 50, 95 at {at(made.input_hw)}: sqrt(area) in px, aspect = width / height"
    table = Table(
        box=None, pad_edge=False, padding=(0, 2, 0, 0), title=title, title_justify="left", title_style="dim"
    )
    table.add_column("class", no_wrap=True)
    table.add_column("objects", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for column in ("images", "ignored", "sqrt(area)", *(() if narrow else ("aspect",)), "< 8 px"):
        table.add_column(column, justify="right", no_wrap=True)
    for i, one in enumerate(ranked):
        if hidden and i == FREQUENT:
            table.add_row(f"[dim]… {len(hidden)} more[/]")
        if FREQUENT <= i < FREQUENT + len(hidden):
            continue
        table.add_row(
            _safe(one.name, 24),
            f"{one.objects:,}",
            f"[green]{_bar(console, one.objects / most, room)}[/]",
            f"{one.images:,}",
            f"{one.ignored:,}" if one.ignored else "",
            *_spreads(one.sizes)[: 1 if narrow else 2],
            _tiny(one),
        )
    return table


def _spreads(sizes: Sizes) -> tuple[str, str]:
    root, ratio = sizes.sqrt_area_input, sizes.aspect_input
    if not root or not ratio:
        return "", ""
    return (
        f"{root.p5:>4.0f} {root.p50:>4.0f} {root.p95:>4.0f}",
        f"{ratio.p5:>4.2f} {ratio.p50:>4.2f} {ratio.p95:>4.2f}",
    )


def _tiny(one: ClassPart) -> str:
    share = one.sizes.under_8_px / one.objects if one.objects else 0.0
    return f"[yellow]{percent(share)}[/]" if share >= 0.1 else percent(share) if share else ""


def _remark(remark: Remark) -> str:
    text = re.sub(r"`([^`]*)`", r"[bold]\1[/]", escape(remark.text))
    return f"[yellow]![/] {text}" if remark.warns else f"[dim]-[/] {text}"


def _bar(console: Console, share: float, width: int) -> str:
    """A bar of a share of `width` cells, to an eighth of a cell; something is never nothing."""
    if (console.encoding or "").lower().replace("-", "") not in ("utf8", "utf16", "utf32"):
        return "#" * max(round(share * width), int(share > 0))
    eighths = max(round(8 * share * width), int(share > 0))
    return "█" * (eighths // 8) + (_EIGHTHS[eighths % 8] if eighths % 8 else "")


def _room(console: Console, taken: int, bars: int, most: int) -> int:
    """Width of a bar where `taken` columns of the line are used otherwise."""
    return max(4, min(most, (console.width - taken) // bars))


def _safe(text: str, limit: int = 40) -> str:
    return escape(printable(text, limit))
