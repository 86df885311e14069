"""Commands that make and check records: ingest, verify."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from datapipe import words
from datapipe.cli.options import Data, Json, Quiet, one_of, print_json
from datapipe.errors import Interrupted


def ingest(
    sources: Annotated[
        list[str],
        typer.Argument(metavar="SRC...", help="Folders (or annotation files); several merge by class name."),
    ],
    out: Annotated[
        str,
        typer.Option(
            "--out",
            "-o",
            metavar="OUT",
            help="Folder to write: new, empty, or this job's own.",
            rich_help_panel="Output",
        ),
    ],
    format: Annotated[
        str,
        typer.Option(
            help="Of every SRC; auto decides and says why.",
            rich_help_panel="Input",
            **one_of("auto", "coco", "voc", "yolo"),
        ),
    ] = "auto",
    images: Annotated[
        str | None,
        typer.Option(
            metavar="DIR",
            help="Where the pictures are, if not where they are looked for.",
            rich_help_panel="Input",
        ),
    ] = None,
    voc_offset: Annotated[
        str,
        typer.Option(
            help="VOC corners: 1 counts from 1, 0 are edges; auto looks at the whole set.",
            rich_help_panel="Input",
            **one_of("auto", "0", "1"),
        ),
    ] = "auto",
    classes: Annotated[
        str,
        typer.Option(metavar="A,B,...", help="Only these classes, in this order.", rich_help_panel="Input"),
    ] = "",
    split: Annotated[
        str,
        typer.Option(
            metavar="train=0.8,val=0.2",
            help="Deal images anew instead of the source's splits.",
            rich_help_panel="Split",
        ),
    ] = "",
    seed: Annotated[int, typer.Option(min=0, help="Of the order of records.", rich_help_panel="Split")] = 0,
    shard_size: Annotated[
        str,
        typer.Option(
            metavar="SIZE",
            help="Bytes of a shard, about, like 100MB. Default: 256MiB, but 16 shards while each has 16MiB.",
            rich_help_panel="Output",
        ),
    ] = "",
    shards: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help="Shards of each split, instead of a size.", rich_help_panel="Output"
        ),
    ] = None,
    check: Annotated[
        str,
        typer.Option(
            help="How far to look for damaged pictures.",
            rich_help_panel="Policy",
            **one_of("decode", "structure", "header"),
        ),
    ] = "decode",
    strict: Annotated[
        bool,
        typer.Option("--strict", help="Publish nothing if anything is left out.", rich_help_panel="Policy"),
    ] = False,
    max_quarantine: Annotated[
        str,
        typer.Option(metavar="N|P%", help="Publish nothing if more is left out.", rich_help_panel="Policy"),
    ] = "",
    workers: Annotated[
        int,
        typer.Option(
            "--workers",
            "-w",
            min=0,
            metavar="N",
            help="Processes; 0 for one a core.",
            rich_help_panel="Speed",
        ),
    ] = 0,
    engine: Annotated[
        str, typer.Option(help="Where to work.", rich_help_panel="Speed", **one_of("local", "ray"))
    ] = "local",
    verbose: Annotated[
        bool,
        typer.Option(
            "--verbose", "-v", help="Also what spoke against the other formats.", rich_help_panel="Report"
        ),
    ] = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """[bold]datapipe ingest data/coco --out build/coco[/]

    [bold]datapipe ingest voc/ yolo/ --out build/both --split train=0.8,val=0.2[/]

    Read COCO, VOC or YOLO annotations and their pictures, write sharded TFRecords.

    Everything that is left out or repaired is listed in OUT/findings.jsonl. Interrupted? Run the same again.
    """
    from datapipe import report
    from datapipe.ingest import IngestOptions, ingest
    from datapipe.publish import Limits
    from datapipe.reading import Selection, evidence_of, seen_in

    options = IngestOptions(
        selection=Selection(words.known(format), images, words.known(voc_offset), words.listed(classes)),
        split=split,
        seed=seed,
        shard_size=words.size(shard_size) if shard_size else None,
        shard_count=shards,
        check=words.known(check),
        workers=workers or len(os.sched_getaffinity(0)),
        engine=words.known(engine),
        limits=Limits(strict, words.limit(max_quarantine) if max_quarantine else None),
    )
    evidence = [(source, evidence_of(source, options.selection.format)) for source in sources]
    if verbose and not quiet:
        chosen = {source: seen.format for source, seen in evidence}
        every = [(source, seen) for source in sources for seen in seen_in(source)]
        report.rejections([(source, seen) for source, seen in every if seen.format != chosen[source]])
    try:
        result = ingest(sources, out, options, report.progress(quiet))
    except KeyboardInterrupt:
        raise Interrupted(f"{out}: interrupted; run the same command again to finish") from None
    if as_json:
        print_json(result.to_json())
    else:
        report.ingested(result, out, evidence)


def verify(data: Data, quiet: Quiet = False, as_json: Json = False) -> None:
    """[bold]datapipe verify build/coco[/]

    Read every byte of a dataset again and name the shard and record of any damage. Exit code 1 if there is
    any.
    """
    from datapipe import report
    from datapipe.verify import verify

    checked = verify(data, report.progress(quiet))
    if as_json:
        print_json(checked.to_json())
    else:
        report.verified(data, checked)
    if checked.findings:
        raise typer.Exit(1)
