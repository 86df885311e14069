"""Commands that show what a recipe does: preview, replay, bench."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from datapipe.cli.options import (
    MOST_POSITION,
    Data,
    Json,
    Quiet,
    RecipeName,
    Seed,
    Split,
    file_to_write,
    print_json,
)


def preview(
    data: Data,
    recipe: RecipeName = "",
    compare: Annotated[
        tuple[str, str],
        typer.Option(metavar="R R", help="Two recipes side by side, same pictures.", rich_help_panel="What"),
    ] = ("", ""),
    n: Annotated[int, typer.Option("-n", min=1, help="Samples of each.", rich_help_panel="What")] = 16,
    start: Annotated[
        int, typer.Option(min=0, max=MOST_POSITION, help="First position.", rich_help_panel="What")
    ] = 0,
    split: Split = "train",
    seed: Seed = 0,
    targets: Annotated[
        bool,
        typer.Option("--targets", help="Draw the anchors that learn each object.", rich_help_panel="Report"),
    ] = False,
    columns: Annotated[int, typer.Option(min=1, help="Pictures in a row.", rich_help_panel="Report")] = 4,
    out: Annotated[
        str,
        typer.Option(
            "--out",
            "-o",
            help=".png or .jpg",
            rich_help_panel="Report",
            **file_to_write(".png", ".jpg", ".jpeg"),
        ),
    ] = "preview.png",
    quiet: Quiet = False,
) -> None:
    """[bold]datapipe preview build/coco --recipe yolov4 -n 16 --out grid.png[/]

    [bold]datapipe preview build/coco --compare moderate harsh -n 4[/]

    [bold]datapipe preview build/coco --recipe retinanet --targets[/]

    Samples as the network gets them: boxes, class names, ignore regions hatched, borders of tiles dashed.
    """
    from datapipe import report
    from datapipe.dataset import Dataset
    from datapipe.errors import UsageError
    from datapipe.images.drawing import write
    from datapipe.preview import preview
    from datapipe.recipe import Recipe

    names = [name for name in (recipe, *compare) if name]
    if bool(recipe) == any(compare):
        raise UsageError("preview: give either --recipe R or --compare R R")
    recipes = [(Path(name).stem, Recipe.load(name)) for name in names]
    progress = report.progress(quiet)
    pixels = preview(
        Dataset(data),
        recipes,
        n,
        split=split,
        seed=seed,
        start=start,
        columns=columns,
        targets=targets,
        progress=progress,
    )
    write(out, pixels)
    report.note(f"look at it: {out}", quiet)


def replay(
    data: Data,
    recipe: RecipeName,
    position: Annotated[
        int, typer.Option(min=0, max=MOST_POSITION, help="Of the stream.", rich_help_panel="What")
    ],
    split: Split = "train",
    seed: Seed = 0,
    out: Annotated[
        str,
        typer.Option(
            "--out",
            "-o",
            help="Default: replay-POSITION.png.",
            rich_help_panel="Report",
            **file_to_write(".png", ".jpg", ".jpeg"),
        ),
    ] = "",
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """[bold]datapipe replay build/coco --recipe yolov4 --position 1234[/]

    Make one sample again: every picture in it, every step's numbers, every object, and the picture itself.
    """
    from datapipe import report
    from datapipe.dataset import Dataset
    from datapipe.images.drawing import write
    from datapipe.preview import draw
    from datapipe.recipe import Recipe
    from datapipe.report.replay import replayed
    from datapipe.stream import Stream

    out = out or f"replay-{position}.png"
    with Stream(Dataset(data), Recipe.load(recipe), split, seed) as stream:
        sample = stream[position]
        write(out, draw(stream, sample))
        classes = stream.dataset.classes
    report.note(f"look at it: {out}", quiet)
    if as_json:
        print_json(sample.to_json(classes))
    else:
        replayed(report.stdout(), sample, classes)


def bench(
    data: Data,
    recipe: RecipeName,
    split: Split = "train",
    batch_size: Annotated[
        int, typer.Option(min=1, help="Divides the recipe's window.", rich_help_panel="What")
    ] = 16,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Default: the CPUs.", rich_help_panel="What")
    ] = None,
    seconds: Annotated[float, typer.Option(help="Of each of the six rounds.", rich_help_panel="What")] = 4.0,
    seed: Seed = 0,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """[bold]datapipe bench build/coco --recipe yolov4[/]

    Images per second of a recipe, stage by stage, beside this machine's floor: one decode and one warp an
    image on the same threads. Says what limits it.
    """
    from datapipe import report
    from datapipe.bench import bench
    from datapipe.dataset import Dataset
    from datapipe.recipe import Recipe
    from datapipe.report.bench import measured

    made = bench(
        Dataset(data),
        Recipe.load(recipe),
        split,
        batch_size=batch_size,
        seconds=seconds,
        threads=threads,
        seed=seed,
        progress=report.progress(quiet),
    )
    if as_json:
        print_json(made.to_json())
    else:
        measured(report.stdout(), made, recipe)
