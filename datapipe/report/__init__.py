"""What people see: progress on stderr, results as tables on stdout. Nothing here computes."""

from __future__ import annotations

import os
import shlex
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from datapipe.errors import printable
from datapipe.findings import Account, Code, Finding, codes
from datapipe.formats.evidence import Evidence
from datapipe.ingest import IngestResult
from datapipe.manifest import Manifest
from datapipe.progress import Advance, silent
from datapipe.progress import Progress as TellsProgress
from datapipe.verify import Verification

_PIPED = 400
"""Columns of a pipe: wider than any line of a table, narrow enough for bars that fill the width."""

_CONSEQUENCES = ("DP111", "DP214")
"""Codes that follow from others; these come first."""

_COLOURS = {"error": "red", "warning": "yellow", "info": "cyan"}


def stdout() -> Console:
    """Results. Piped output keeps whole lines, for grep, unless COLUMNS says otherwise."""
    piped = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    return Console(width=_PIPED if piped else None, highlight=False, soft_wrap=False)


def stderr() -> Console:
    """Talk."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def error(message: str) -> None:
    """One line on stderr, whatever the message holds."""
    label = "[bold red]error:[/] "
    stderr().print(label + escape(printable(" ".join(message.split()), limit=2000)))


def note(message: str, quiet: bool = False) -> None:
    """A remark on stderr."""
    if not quiet:
        stderr().print(escape(message), style="dim")


def progress(quiet: bool) -> TellsProgress:
    """Progress for this stderr: live on a terminal, else a line every 10 % or 30 s, nothing if quiet."""
    if quiet:
        return silent
    return _live if sys.stderr.isatty() else _lines


@contextmanager
def _live(stage: str, total: int | None, unit: str) -> Iterator[Advance]:
    scale = 1e6 if unit == "bytes" else 1
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=32),
        TaskProgressColumn(),
        TextColumn("{task.fields[done]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=stderr(), transient=True) as bars:
        bar = bars.add_task(escape(printable(stage)), total=total, done="")

        def advance(amount: int) -> None:
            bars.advance(bar, amount)
            shown = f"{bars.tasks[0].completed / scale:,.0f} {'MB' if unit == 'bytes' else unit}"
            bars.update(bar, done=shown)

        yield advance


@contextmanager
def _lines(stage: str, total: int | None, unit: str) -> Iterator[Advance]:
    done, told, last = 0, 0, time.monotonic()

    def advance(amount: int) -> None:
        nonlocal done, told, last
        done += amount
        tenth = 10 * done // total if total else 0
        if tenth > told or time.monotonic() - last > 30:
            told, last = tenth, time.monotonic()
            share = f"{100 * done // total} %" if total else f"{done} {unit}"
            print(f"{printable(stage)}: {share}", file=sys.stderr, flush=True)

    yield advance


def ingested(result: IngestResult, out: str, evidence: Sequence[tuple[str, Evidence]]) -> None:
    """The whole story of an ingest: what was recognised, the balance, the splits, the findings, what next."""
    console, folder = stdout(), escape(printable(out, 300))
    for source, seen in evidence:
        console.print(
            f"[bold]{escape(printable(source))}[/]  {seen.format.upper()}: "
            f"{escape(printable('; '.join(seen.found), 300))}"
        )
    for text in dict.fromkeys(result.notes):
        console.print(f"  {escape(printable(text, 300))}", style="dim")
    console.print(_balance(result.account))
    console.print(_splits(result.manifest))
    console.print(escape(_classes(result.manifest)))
    if result.first:
        console.print(_findings(result.account, result.first))
    account = result.account
    if account.quarantined:
        unwanted = account.left_out.get("DP112", 0)
        console.print(
            f"[bold]{account.quarantined} quarantined[/]: {count(account.images.left_out, 'image')}, "
            f"{count(account.objects.left_out - unwanted, 'object')}; each with its place in "
            f"{folder}/findings.jsonl, `datapipe explain CODE` says more"
        )
    made = result.manifest
    size = sum(shard.bytes for shard in made.shards)
    said = "already complete (by sizes; verify reads every byte)" if result.already else "wrote"
    console.print(f"{said} [bold]{folder}[/]: {count(len(made.shards), 'shard')}, {_bytes(size)}")
    console.print(f"next  datapipe verify {escape(shlex.quote(printable(out, 300)))}", style="dim")


def _balance(account: Account) -> Table:
    table = _table("", "read", "kept", "left out")
    for name in ("images", "objects"):
        balance = getattr(account, name)
        table.add_row(name, *(f"{n:,}" for n in (balance.read, balance.kept, balance.left_out)))
    return table


def _splits(made: Manifest) -> Table:
    table = _table("split", "images", "objects", "shards")
    for name, counts in made.splits().items():
        shards = sum(shard.split == name for shard in made.shards)
        table.add_row(escape(name), f"{counts['images']:,}", f"{counts['objects']:,}", f"{shards:,}")
    return table


def _classes(made: Manifest, most: int = 20) -> str:
    """The classes with their objects; one without any is worth a second look."""
    objects = made.objects_by_class
    named = [f"{printable(name, 40)} {objects[name]:,}" for name in made.classes[:most]]
    more = f" … {len(made.classes) - most} more" if len(made.classes) > most else ""
    empty = [printable(name, 40) for name in made.classes if not objects[name]]
    only = ",".join(printable(name, 40) for name in made.classes if objects[name])
    hint = f"; none of {', '.join(empty)} (--classes {only} drops it)" if 0 < len(empty) <= 3 and only else ""
    return f"{count(len(made.classes), 'class', 'classes')}: {', '.join(named)}{more}{hint}"


def _findings(account: Account, first: Sequence[Finding]) -> Table:
    table = Table(box=None, pad_edge=False, title="findings", title_justify="left", title_style="bold")
    for column in ("code", "count", "action"):
        table.add_column(column, no_wrap=True, justify="right" if column == "count" else "left")
    table.add_column("the first few, in full", overflow="fold")
    counted = {"left out": account.left_out, "repaired": account.repaired, "kept": account.kept}
    for action, numbers in counted.items():
        for code, n in sorted(numbers.items(), key=lambda item: (item[0] in _CONSEQUENCES, item[0])):
            about = codes()[code]
            mine = [
                f
                for f in first
                if f.code == code and (f.action == action or (f.quarantined and action == "left out"))
            ]
            label = f"[{_COLOURS[about.severity]}]{about}[/]"
            examples = "\n".join(escape(_line(finding)) for finding in mine)
            table.add_row(label, f"{n:,}", action, examples)
    return table


def count(n: int, one: str, many: str = "") -> str:
    """A number with its noun. Example: 1 image, 2,000 images."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def _line(finding: Finding) -> str:
    about = [
        "" if finding.place.startswith(finding.file) else finding.file,
        finding.place,
        finding.image if finding.image not in finding.file else "",
        finding.value,
    ]
    return printable("  ".join(text for text in about if text), 200)


def rejections(rejected: Sequence[tuple[str, Evidence]]) -> None:
    """What spoke against the formats that were not chosen, source by source."""
    for source, seen in rejected:
        why = "; ".join(seen.missing) or "another format fits better"
        note(f"{printable(source)}: not {seen.format.upper()}: {printable(why, 300)}")


def verified(folder: str, checked: Verification) -> None:
    """Every damage found, or that there is none."""
    console = stdout()
    for finding in checked.findings:
        about = codes()[finding.code]
        console.print(f"[{_COLOURS[about.severity]}]{about}[/]  {escape(_line(finding))}")
    verdict = "[red]damaged[/]" if checked.findings else "[green]whole[/]"
    found = f"damage in {count(len(checked.findings), 'place')}" if checked.findings else "no damage"
    looked = f"{count(checked.files, 'file')}, {count(checked.records, 'record')}, {_bytes(checked.bytes)}"
    console.print(f"{escape(printable(folder, 300))}: {verdict}: {found} in {looked}")
    if checked.findings:
        console.print("next  datapipe explain CODE says what to do; or delete the folder and ingest again")


def explained(code: Code) -> None:
    """What a code means, why it hurts, what to do."""
    console = stdout()
    console.print(
        f"[bold]{code}[/]  ({code.severity}, about {'an' if code.kind[0] in 'io' else 'a'} {code.kind})"
    )
    for label, text in (("What", code.meaning), ("Why it hurts", code.hurts), ("What to do", code.mend)):
        console.print(f"\n[bold]{label}[/]\n  {escape(text)}")


def listed(chosen: Sequence[Code]) -> None:
    """All codes, a line each."""
    table = _table("code", "severity", "about")
    for about in chosen:
        table.add_row(f"[{_COLOURS[about.severity]}]{about}[/]", about.severity, about.kind)
    stdout().print(table)


def noted(message: str) -> None:
    """A line of a story told on stdout."""
    stdout().print(escape(message))


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    for i, column in enumerate(columns):
        table.add_column(column, justify="right" if i else "left", no_wrap=True)
    return table


def _bytes(n: int) -> str:
    return f"{n / 1e9:.2f} GB" if n >= 1e9 else f"{n / 1e6:.1f} MB"
