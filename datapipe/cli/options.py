"""What commands share: options that mean the same everywhere, and the one way to print JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from datapipe import words
from datapipe.errors import EnvironmentProblem, UsageError, printable

Json = Annotated[
    bool, typer.Option("--json", help="One JSON object on stdout, nothing else.", rich_help_panel="Report")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Silent on stderr.", rich_help_panel="Report")]
RecipeName = Annotated[
    str,
    typer.Option("--recipe", metavar="R", help="A recipe's file or shipped name.", rich_help_panel="What"),
]
Split = Annotated[
    str, typer.Option("--split", metavar="NAME", help="Of the dataset.", rich_help_panel="What")
]
MOST_POSITION = 2**62
"""The stream's generators count positions in 64 bits."""
Seed = Annotated[int, typer.Option("--seed", min=0, help="Of all chance.", rich_help_panel="What")]
Data = Annotated[str, typer.Argument(metavar="DATA", help="A folder that `datapipe ingest` wrote.")]


def one_of(*allowed: str, default: str | None = None) -> dict[str, Any]:
    """Options of an option with a few allowed words: checked with a suggestion, completed in the shell.

    Args:
        allowed: the words.
        default: what stands for none of them, and is not among those that are shown.
    """

    def check(option: typer.CallbackParam, word: str) -> str:
        return word if word == default else words.one_of(word, allowed, option.opts[0])

    def complete(begun: str) -> list[str]:
        return [word for word in allowed if word.startswith(begun)]

    return {"metavar": "|".join(allowed), "callback": check, "autocompletion": complete}


def file_to_write(*endings: str) -> dict[str, Any]:
    """Options of an option that names a file to write: refused before the work rather than after it."""

    def check(option: typer.CallbackParam, name: str) -> str:
        file, shown = Path(name), f"{option.opts[0]} {printable(name)}"
        if not name:
            return name
        if file.suffix.lower() not in endings:
            raise UsageError(f"{shown}: want a name that ends in {' or '.join(endings)}")
        if not file.parent.is_dir():
            raise EnvironmentProblem(f"{shown}: there is no folder {printable(file.parent)}; make it first")
        if file.is_dir():
            raise UsageError(f"{shown}: is a folder; name a file")
        return name

    return {"metavar": "FILE", "callback": check}


def print_json(value: dict[str, Any]) -> None:
    """One object on stdout; where that cannot hold every letter, spelt with JSON's own escapes."""
    print(json.dumps(value, indent=2, ensure_ascii=sys.stdout.encoding.lower() not in ("utf-8", "utf8")))
