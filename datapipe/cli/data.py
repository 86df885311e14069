"""Commands that look at a dataset: stats, anchors."""

from __future__ import annotations

from typing import Annotated

import typer

from datapipe import words
from datapipe.cli.options import Data, Json, Quiet, RecipeName, Seed, file_to_write, one_of, print_json


def stats(
    data: Data,
    split: Annotated[str, typer.Option(metavar="NAME", help="One split only.", rich_help_panel="What")] = "",
    input_size: Annotated[
        str,
        typer.Option(metavar="S|HxW", help="The detector's input in px.", rich_help_panel="What"),
    ] = "608",
    resize: Annotated[
        str,
        typer.Option(
            help="How pictures get there.", rich_help_panel="What", **one_of("letterbox", "stretch")
        ),
    ] = "letterbox",
    html: Annotated[
        str,
        typer.Option(
            help="A page with plots and pictures.", rich_help_panel="Report", **file_to_write(".html", ".htm")
        ),
    ] = "",
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """[bold]datapipe stats build/coco --input-size 416 --html stats.html[/]

    Object sizes at the original and at the input size, classes, crowds, overlaps: what a detector will see.
    """
    from datapipe import report
    from datapipe.dataset import Dataset
    from datapipe.report.stats import statistics
    from datapipe.stats import summarize

    dataset, progress = Dataset(data), report.progress(quiet)
    made = summarize(
        dataset,
        split=split or None,
        input_size=words.input_size(input_size),
        resize=words.known(resize),
        progress=progress,
    )
    if html:
        from datapipe.html import write

        write(made, dataset, html, progress)
        report.note(f"look at it: {html}", quiet)
    if as_json:
        print_json(made.to_json())
    else:
        statistics(report.stdout(), made, data)


def anchors(
    data: Data,
    k: Annotated[
        int | None,
        typer.Option(
            "--k", min=1, help="Anchors (yolov4: 9), or shapes in a cell (9, 6).", rich_help_panel="What"
        ),
    ] = None,
    detector: Annotated[
        str,
        typer.Option(
            help="Whose anchors, and whose matcher judges them. Default: the recipe's, else yolov4.",
            rich_help_panel="What",
            **one_of("yolov4", "retinanet", "mobilenet_ssd", default=""),
        ),
    ] = "",
    input_size: Annotated[
        str,
        typer.Option(
            metavar="S|HxW", help="Default: the recipe's, else the detector's usual.", rich_help_panel="What"
        ),
    ] = "",
    resize: Annotated[
        str,
        typer.Option(
            help="Default: the recipe's, else the detector's own.",
            rich_help_panel="What",
            **one_of("letterbox", "stretch", "short_side", default=""),
        ),
    ] = "",
    split: Annotated[
        str | None, typer.Option(metavar="NAME", help="Default: train.", rich_help_panel="What")
    ] = None,
    recipe: RecipeName = "",
    seed: Seed = 0,
    write: Annotated[
        str,
        typer.Option(
            help="Put them into this recipe; a new one is made from the detector's.",
            rich_help_panel="Report",
            **file_to_write(".yaml", ".yml"),
        ),
    ] = "",
    plot: Annotated[
        str,
        typer.Option(
            help="Shapes and anchors: .svg, .png, .html.",
            rich_help_panel="Report",
            **file_to_write(".svg", ".png", ".html"),
        ),
    ] = "",
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """[bold]datapipe anchors build/coco --k 9[/]

    [bold]datapipe anchors build/coco --detector retinanet --plot anchors.svg[/]

    [bold]datapipe anchors build/coco --recipe yolov4 --write mine.yaml[/]

    Fit anchors after the detector's own resize and judge them by its own matcher on held-out pictures, beside
    its defaults; "keep the defaults" is an answer. With a recipe: to the objects as its mosaics and geometry
    leave them.
    """
    from datapipe import report
    from datapipe.anchors import fit, shapes_seen, writing
    from datapipe.anchors.augmented import augmented
    from datapipe.anchors.seen import default_split
    from datapipe.dataset import Dataset
    from datapipe.report import anchors as shown

    size = words.input_size(input_size) if input_size else None
    dataset = Dataset(data)
    asked = writing.wish(
        words.known(detector) or None,
        size[0] if size and size[0] == size[1] else size,
        words.known(resize) or None,
        recipe,
        write,
    )
    progress, split = report.progress(quiet), default_split(dataset) if split is None else split
    planned = asked.recipe if recipe else None
    objects = augmented(dataset, planned, split, seed, progress) if planned else dataset
    fitted = fit(
        objects,
        asked.detector,
        k,
        input_size=asked.input_hw,
        resize=asked.resize,
        split=split,
        seed=seed,
        targets=asked.recipe and asked.recipe.targets,
        progress=progress,
    )
    if plot:
        shown.plot(fitted, shapes_seen(objects, fitted), plot)
        report.note(f"look at it: {plot}", quiet)
    if asked.file:
        kept = "" if fitted.verdict == "change" else f", as asked, though the verdict is: {fitted.verdict}"
        report.note(f"wrote {writing.write(fitted, asked)}{kept}", quiet)
    if as_json:
        print_json(fitted.to_json() | ({"recipe": planned.hash} if planned else {}))
    else:
        shown.anchors(fitted)
