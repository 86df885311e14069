"""What people see of an audit: where the app is, what was pulled, what edits change. Nothing computes."""

from __future__ import annotations

import shlex
from collections import Counter

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from datapipe.audit import Applied, Audit, Pulled
from datapipe.audit.applying import Balance
from datapipe.edits import Edit
from datapipe.errors import printable
from datapipe.report import count

SHOWN = 20
"""Lines and remarks that are printed; the rest is counted."""
_KINDS = {
    "leave_out": ("picture left out", "pictures left out"),
    "ignore": ("object ignored", "objects ignored"),
    "class": ("class corrected", "classes corrected"),
    "box": ("box corrected", "boxes corrected"),
    "fine": ("fine", "fine"),
}


def opened(console: Console, audit: Audit, data: str) -> None:
    """Where the app is and what it shows."""
    of = f" of {audit.images:,}" if audit.shown < audit.images else ""
    console.print(f"[bold]{escape(audit.url)}[/]")
    console.print(
        f"{count(audit.shown, 'picture')}{of}, the most suspicious first; the first {audit.loaded:,} after "
        f"{audit.seconds:.0f} s"
    )
    if audit.waiting:
        console.print(f"{count(audit.waiting, 'decision')} not pulled yet")
    _remarks(console, audit.remarks)
    console.print(f"next  datapipe audit pull {_quoted(data)}", style="dim")


def pulled(console: Console, made: Pulled, data: str) -> None:
    """The new lines, what else happened, what to look at."""
    verb = "would write" if made.dry_run else "wrote"
    told = ", ".join(count(n, *_KINDS[kind]) for kind, n in Counter(one.kind for one in made.new).items())
    file = escape(printable(made.file, 300))
    if made.new:
        console.print(f"{verb} [bold]{count(len(made.new), 'line')}[/] to {file}: {told}")
    else:
        console.print(f"nothing new in {count(made.images, 'picture')}; {file} stays as it is")
    for edit in made.new[:SHOWN]:
        console.print(f"  {escape(_told(edit))}")
    if len(made.new) > SHOWN:
        console.print(f"  … {len(made.new) - SHOWN:,} more", style="dim")
    if made.undone:
        console.print(f"{count(made.undone, 'decision')} undone in the app: the line was deleted")
    if made.taken:
        console.print(f"{count(made.taken, 'line')} of others taken over into the app")
    _remarks(console, made.remarks)
    if made.new:
        console.print(f"next  datapipe audit apply {_quoted(data)} --dry-run", style="dim")


def applied(console: Console, made: Applied, data: str, dry_run: bool) -> None:
    """Before and after, by class."""
    told = ", ".join(count(n, *_KINDS[kind]) for kind, n in made.lines.items())
    console.print(f"[bold]{escape(printable(data, 300))}[/]  edits: {told or 'none'}")
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    for i, name in enumerate(("", "before", "after", "change")):
        table.add_column(name, justify="right" if i else "left", no_wrap=True)
    _row(table, "images", made.images)
    _row(table, "objects", made.objects)
    _row(table, "ignore regions", made.regions)
    for name, balance in made.by_class.items():
        _row(table, f"  {printable(name, 40)}", balance)
    console.print(table)
    if not dry_run:
        console.print("edits apply on reading: there is nothing to write", style="dim")


def _row(table: Table, name: str, balance: Balance) -> None:
    change = balance.after - balance.before
    table.add_row(escape(name), f"{balance.before:,}", f"{balance.after:,}", f"{change:+,}" if change else "")


def _told(edit: Edit) -> str:
    value = {"class": f" -> {edit.class_name}", "box": f" {list(edit.xyxy or ())}"}.get(edit.kind, "")
    thing = f", object {edit.object}" if edit.object is not None else ""
    why = f"  ({edit.why})" if edit.why else ""
    return printable(f"image {edit.image}{thing}: {edit.kind}{value}{why}", 200)


def _remarks(console: Console, remarks: tuple[str, ...]) -> None:
    for remark in remarks[:SHOWN]:
        console.print(f"[yellow]note[/]  {escape(printable(remark, 300))}")
    if len(remarks) > SHOWN:
        console.print(f"[yellow]note[/]  … {len(remarks) - SHOWN:,} more")


def _quoted(data: str) -> str:
    return escape(shlex.quote(printable(data, 300)))
