"""The command that says what is wrong with a dataset: doctor."""

from __future__ import annotations

from typing import Annotated

import typer

from datapipe import words
from datapipe.cli.options import Data, Json, Quiet, RecipeName, one_of, print_json


def doctor(
    data: Data,
    recipe: RecipeName = "",
    detector: Annotated[
        str,
        typer.Option(
            help="Default: the recipe's, or all three.",
            rich_help_panel="What",
            **one_of("yolov4", "retinanet", "mobilenet_ssd", default=""),
        ),
    ] = "",
    input_size: Annotated[
        str, typer.Option(metavar="S|HxW", help="Default: the detector's usual.", rich_help_panel="What")
    ] = "",
    resize: Annotated[
        str,
        typer.Option(
            help="Default: the detector's own.",
            rich_help_panel="What",
            **one_of("letterbox", "stretch", "short_side", default=""),
        ),
    ] = "",
    split: Annotated[
        str | None, typer.Option(metavar="NAME", help="Default: train.", rich_help_panel="What")
    ] = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """[bold]datapipe doctor build/coco --detector retinanet[/]

    Why a detector trains badly on this, in numbers: anchors that cannot
    match, objects too small, bent pictures, rare classes, shared pictures.
    The worst first, each with what mends it.

    Exit code 1 if any is serious; `datapipe explain DP501` tells thresholds.
    """
    from datapipe import report
    from datapipe.dataset import Dataset
    from datapipe.doctor import examine, planned
    from datapipe.recipe import Recipe
    from datapipe.report.doctor import diagnosis

    size = words.input_size(input_size) if input_size else None
    dataset, progress = Dataset(data), report.progress(quiet)
    loaded = Recipe.load(recipe) if recipe else None
    found = examine(
        dataset,
        detector=words.known(detector) or None,
        input_size=size[0] if size and size[0] == size[1] else size,
        resize=words.known(resize) or None,
        split=split,
        recipe=loaded,
        augmented=planned(dataset, loaded, split, progress=progress) if loaded else None,
        progress=progress,
    )
    if as_json:
        print_json(found.to_json())
    else:
        diagnosis(report.stdout(), found)
    if found.serious:
        raise typer.Exit(1)
