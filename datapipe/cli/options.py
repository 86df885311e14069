"""What commands share: options that mean the same everywhere, and the one way to print JSON."""

from __future__ import annotations

import json
import sys
from typing import Annotated, Any

import typer

from datapipe import words

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
Seed = Annotated[int, typer.Option("--seed", min=0, help="Of all chance.", rich_help_panel="What")]
Data = Annotated[str, typer.Argument(metavar="DATA", help="A folder that `datapipe ingest` wrote.")]


def one_of(*allowed: str) -> dict[str, Any]:
    """Options of an option with a few allowed words: checked with a suggestion, completed in the shell."""

    def check(option: typer.CallbackParam, word: str) -> str:
        return words.one_of(word, allowed, option.opts[0])

    def complete(begun: str) -> list[str]:
        return [word for word in allowed if word.startswith(begun)]

    return {"metavar": "|".join(allowed), "callback": check, "autocompletion": complete}


def print_json(value: dict[str, Any]) -> None:
    """One object on stdout; where that cannot hold every letter, spelt with JSON's own escapes."""
    print(json.dumps(value, indent=2, ensure_ascii=sys.stdout.encoding.lower() not in ("utf-8", "utf8")))
