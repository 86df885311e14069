"""Commands that look at a dataset: stats, anchors."""

from __future__ import annotations

from typing import Annotated

import typer

from datapipe import words
from datapipe.cli.options import Data, Json, Quiet, one_of, print_json


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
        typer.Option(metavar="FILE", help="A page with plots and pictures.", rich_help_panel="Report"),
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
            help="Whose anchors, and whose matcher judges them.",
            rich_help_panel="What",
            **one_of("yolov4", "retinanet", "mobilenet_ssd"),
        ),
    ] = "yolov4",
    input_size: Annotated[
        str, typer.Option(metavar="S|HxW", help="Default: the detector's usual.", rich_help_panel="What")
    ] = "",
    resize: Annotated[
        str,
        typer.Option(
            help="Default: the detector's own.",
            rich_help_panel="What",
            **one_of("", "letterbox", "stretch", "short_side"),
        ),
    ] = "",
    split: Annotated[
        str | None, typer.Option(metavar="NAME", help="Default: train.", rich_help_panel="What")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of all chance.", rich_help_panel="What")] = 0,
    plot: Annotated[
        str,
        typer.Option(metavar="FILE", help="Shapes and anchors: .svg, .png, .html.", rich_help_panel="Report"),
    ] = "",
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """[bold]datapipe anchors build/coco --k 9[/]

    [bold]datapipe anchors build/coco --detector retinanet --plot anchors.svg[/]

    Fit anchors after the detector's own resize and judge them by its own matcher on held-out pictures, beside
    its defaults; "keep the defaults" is an answer.
    """
    from datapipe import report
    from datapipe.anchors import fit, shapes_seen
    from datapipe.dataset import Dataset
    from datapipe.report import anchors as shown

    size = words.input_size(input_size) if input_size else None
    dataset = Dataset(data)
    fitted = fit(
        dataset,
        words.known(detector),
        k,
        input_size=size[0] if size and size[0] == size[1] else size,
        resize=words.known(resize) or None,
        split=split,
        seed=seed,
        progress=report.progress(quiet),
    )
    if plot:
        shown.plot(fitted, shapes_seen(dataset, fitted), plot)
        report.note(f"look at it: {plot}", quiet)
    if as_json:
        print_json(fitted.to_json())
    else:
        shown.anchors(fitted)
