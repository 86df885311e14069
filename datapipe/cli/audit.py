"""Commands that show a dataset in the FiftyOne app and bring decisions back: audit open, pull, apply."""

from __future__ import annotations

from typing import Annotated

import typer

from datapipe import words
from datapipe.cli.options import Data, Json, Quiet, RecipeName, Seed, one_of, print_json

app = typer.Typer(no_args_is_help=True, rich_markup_mode="rich")

Uri = Annotated[
    str,
    typer.Option(
        "--database-uri", metavar="URI", help="A MongoDB server of yours.", rich_help_panel="Database"
    ),
]
Cache = Annotated[
    str,
    typer.Option(
        metavar="DIR", help="Default: $DATAPIPE_CACHE, ~/.cache/datapipe.", rich_help_panel="Database"
    ),
]


@app.callback()
def audit() -> None:
    """[bold]datapipe audit open build/coco[/]

    See the data in the FiftyOne app, decide there, and the data follows.
    """


@app.command("open", short_help="Show the dataset in the FiftyOne app, the most suspicious first.")
def open_(
    data: Data,
    recipe: RecipeName = "",
    n: Annotated[
        int, typer.Option("-n", min=1, help="Pictures, with --recipe.", rich_help_panel="What")
    ] = 500,
    copies: Annotated[
        int,
        typer.Option(min=1, max=16, help="Samples of each, with --recipe.", rich_help_panel="What"),
    ] = 2,
    predictions: Annotated[
        str, typer.Option(metavar="FILE", help="COCO results, to compare.", rich_help_panel="What")
    ] = "",
    limit: Annotated[
        int, typer.Option(min=1, help="Pictures, the most suspicious first.", rich_help_panel="What")
    ] = 5000,
    detector: Annotated[
        str,
        typer.Option(
            help="Whose anchors count. Default: the recipe's, else yolov4.",
            rich_help_panel="What",
            **one_of("", "yolov4", "retinanet", "mobilenet_ssd"),
        ),
    ] = "",
    input_size: Annotated[
        str,
        typer.Option(metavar="S|HxW", help="Default: the detector's usual.", rich_help_panel="What"),
    ] = "",
    seed: Seed = 0,
    port: Annotated[
        int,
        typer.Option(min=0, max=65535, help="Default: 5151, or a free one.", rich_help_panel="App"),
    ] = 0,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Only say the address.", rich_help_panel="App")
    ] = False,
    database_uri: Uri = "",
    cache: Cache = "",
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """[bold]datapipe audit open build/coco[/]

    [bold]datapipe audit open build/coco --recipe yolov4 -n 200[/]

    The app on this machine, until Ctrl-C: views of what is suspicious, and buttons to decide. Decisions stay
    when it ends; `datapipe audit pull` writes them down.
    """
    from datapipe import report
    from datapipe.audit import Wish, opened
    from datapipe.recipe import Recipe
    from datapipe.report import audit as shown

    wish = Wish(
        detector=words.known(detector) or None,
        input_size=words.input_size(input_size) if input_size else None,
        recipe=Recipe.load(recipe) if recipe else None,
        pictures=n,
        copies=copies,
        seed=seed,
        predictions=predictions,
        limit=limit,
        uri=database_uri,
        cache=cache,
        port=port,
    )
    with opened(data, wish, report.progress(quiet)) as audit:
        if as_json:
            print_json(audit.to_json())
        else:
            shown.opened(report.stdout(), audit, data)
        if not no_browser:
            audit.browse()
        audit.finish()
        report.note("all pictures are in; Ctrl-C ends the app, decisions stay", quiet)
        audit.wait()


@app.command(short_help="Write the app's decisions as lines of edits.jsonl.")
def pull(
    data: Data,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Write nothing.", rich_help_panel="Report")
    ] = False,
    database_uri: Uri = "",
    cache: Cache = "",
    as_json: Json = False,
) -> None:
    """[bold]datapipe audit pull build/coco[/]

    Decisions that are not in DATA/edits.jsonl yet become lines of it, for a colleague to review; who, when
    and why are yours to fill in. Every command obeys them; deleting a line undoes it, in the app too.
    """
    from datapipe import report
    from datapipe.audit import pull
    from datapipe.report import audit as shown

    pulled = pull(data, dry_run=dry_run, uri=database_uri, cache=cache)
    if as_json:
        print_json(pulled.to_json())
    else:
        shown.pulled(report.stdout(), pulled, data)


@app.command(short_help="Say what edits.jsonl changes.")
def apply(
    data: Data,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Only say it; edits apply on reading.", rich_help_panel="Report"),
    ] = False,
    as_json: Json = False,
) -> None:
    """[bold]datapipe audit apply build/coco --dry-run[/]

    Images and objects before and after the edits, by class. Every command applies edits on reading and no
    shard is written anew: this only says what they come to.
    """
    from datapipe import report
    from datapipe.audit import applied
    from datapipe.report import audit as shown

    made = applied(data)
    if as_json:
        print_json(made.to_json())
    else:
        shown.applied(report.stdout(), made, data, dry_run)
