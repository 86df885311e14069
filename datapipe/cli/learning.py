"""Commands that explain: explain, demo."""

from __future__ import annotations

from typing import Annotated

import typer

from datapipe.cli.options import Json, Quiet, print_json


def explain(
    code: Annotated[
        str, typer.Argument(metavar="CODE", help="Like DP104 or box-outside-image; `all` lists them.")
    ],
    as_json: Json = False,
) -> None:
    """[bold]datapipe explain DP104[/]

    Say what a finding means, why it hurts training, and what to do.
    """
    from datapipe import report
    from datapipe.findings import codes, explain

    chosen = list(codes().values()) if code == "all" else [explain(code)]
    if as_json:
        print_json({about.code: vars(about) for about in chosen})
    elif code == "all":
        report.listed(chosen)
    else:
        report.explained(chosen[0])


def demo(
    out: Annotated[str, typer.Option("--out", "-o", metavar="DIR", help="Where to write.")] = "build/demo",
    quiet: Quiet = False,
) -> None:
    """[bold]datapipe demo[/]

    The main job on sample_data/: three formats to records, verified, and a first batch with a picture of it.
    """
    from datapipe import report
    from datapipe.demo import run

    run(out, report.progress(quiet), report.ingested, report.noted)
