"""What people see of a diagnosis: the worst first, each with its evidence and its mend. Nothing computes."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from datapipe.doctor import Diagnosis, Finding, Passed
from datapipe.errors import printable
from datapipe.report import count

_COLOURS = {"serious": "red", "warning": "yellow", "note": "cyan"}
_LONGEST = 2000


def diagnosis(console: Console, found: Diagnosis) -> None:
    """Print the findings in their order, then what was looked at and is well, and last the verdict.

    Args:
        console: where to.
        found: the diagnosis.
    """
    split = f", split {found.split}" if found.split else ""
    console.print(
        f"[bold]{_safe(found.folder)}[/]{_safe(split)}: {count(found.images, 'image')}, "
        f"{count(found.objects, 'object')}"
    )
    console.print(f"[dim]seen as {_safe('; '.join(found.looked))}[/]")
    for number, finding in enumerate(found.findings, 1):
        console.print()
        _finding(console, number, finding)
    if found.passed:
        console.print("\n[bold]examined and well[/]")
        console.print(_passed(found.passed))
    for reason in found.not_examined:
        console.print(f"[dim]not examined  {_safe(reason)}[/]")
    console.print(f"\n{_verdict(found)}")


def _finding(console: Console, number: int, finding: Finding) -> None:
    colour = _COLOURS[finding.severity]
    about = f"  [dim]{_safe(finding.detector)}[/]" if finding.detector else ""
    console.print(
        f"[bold]{number}[/]  [bold {colour}]{finding.severity}[/]  [{colour}]{finding.code}[/]  "
        f"[bold]{_safe(finding.title)}[/]{about}"
    )
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, style="dim")
    table.add_column(overflow="fold")
    table.add_row("found", _safe(finding.evidence))
    table.add_row("why", _safe(finding.why))
    table.add_row("mend", f"[bold]{_safe(finding.mend)}[/]")
    console.print(Padding(table, (0, 0, 0, 3)))


def _passed(passed: tuple[Passed, ...]) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, style="green")
    table.add_column(overflow="fold")
    last = ""
    for one in sorted(passed, key=lambda one: one.code):
        about = f"[dim]{_safe(one.detector)}[/]  " if one.detector else ""
        table.add_row(one.code if one.code != last else "", about + _safe(one.evidence))
        last = one.code
    return table


def _verdict(found: Diagnosis) -> str:
    counts = {name: sum(one.severity == name for one in found.findings) for name in _COLOURS}
    parts = [
        f"[{_COLOURS[name]}]{count(n, name) if name != 'serious' else f'{n} serious'}[/]"
        for name, n in counts.items()
        if n
    ]
    hint = "; `datapipe explain CODE` tells the thresholds" if parts else ""
    return (", ".join(parts) or "[green]nothing to mend[/]") + hint


def _safe(text: str) -> str:
    return escape(printable(text, _LONGEST))
