"""The command line: parse, one library call, one report call per command.

Results go to stdout, talk and progress to stderr. Exit codes: 0 ok, 1 a check failed, 2 usage, 3 unusable
input, 4 environment, 130 interrupted. Heavy modules are imported inside the commands, so that `--help` is
instant.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import Annotated, Any, NoReturn

import typer

from datapipe import words
from datapipe.errors import DatapipeError, Interrupted
from datapipe.version import VERSION

app = typer.Typer(
    name="datapipe",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Json = Annotated[
    bool, typer.Option("--json", help="One JSON object on stdout, nothing else.", rich_help_panel="Report")
]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="No progress, no remarks.", rich_help_panel="Report")
]
Data = Annotated[str, typer.Argument(metavar="DATA", help="A folder that `datapipe ingest` wrote.")]


def _version(wanted: bool) -> None:
    if wanted:
        print(f"datapipe {VERSION}")
        raise typer.Exit


def _one_of(*allowed: str) -> dict[str, Any]:
    """Options of an option with a few allowed words: checked with a suggestion, completed in the shell."""

    def check(option: typer.CallbackParam, word: str) -> str:
        return words.one_of(word, allowed, option.opts[0])

    def complete(begun: str) -> list[str]:
        return [word for word in allowed if word.startswith(begun)]

    return {"metavar": "|".join(allowed), "callback": check, "autocompletion": complete}


@app.callback()
def datapipe(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """[bold]datapipe ingest data/coco --out build/coco[/].

    Object detection datasets one can trust: COCO, VOC and YOLO in, TFRecords out, and nothing vanishes.
    """


@app.command()
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
            **_one_of("auto", "coco", "voc", "yolo"),
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
            **_one_of("auto", "0", "1"),
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
            **_one_of("decode", "structure", "header"),
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
        str, typer.Option(help="Where to work.", rich_help_panel="Speed", **_one_of("local", "ray"))
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
    """[bold]datapipe ingest data/coco --out build/coco[/].

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
    if verbose:
        report.rejections([seen for source in sources for seen in seen_in(source)])
    try:
        result = ingest(sources, out, options, report.progress(quiet))
    except KeyboardInterrupt:
        raise Interrupted(f"{out}: interrupted; run the same command again to finish") from None
    if as_json:
        _print(result.to_json())
    else:
        report.ingested(result, out, evidence)


@app.command()
def verify(data: Data, quiet: Quiet = False, as_json: Json = False) -> None:
    """[bold]datapipe verify build/coco[/].

    Read every byte of a dataset again and name the shard and record of any damage. Exit code 1 if there is
    any.
    """
    from datapipe import report
    from datapipe.verify import verify

    checked = verify(data, report.progress(quiet))
    if as_json:
        _print(checked.to_json())
    else:
        report.verified(data, checked)
    if checked.findings:
        raise typer.Exit(1)


@app.command()
def explain(
    code: Annotated[
        str, typer.Argument(metavar="CODE", help="Like DP104 or box-outside-image; `all` lists them.")
    ],
    as_json: Json = False,
) -> None:
    """[bold]datapipe explain DP104[/].

    Say what a finding means, why it hurts training, and what to do.
    """
    from datapipe import report
    from datapipe.findings import codes, explain

    chosen = list(codes().values()) if code == "all" else [explain(code)]
    if as_json:
        _print({about.code: vars(about) for about in chosen})
    elif code == "all":
        report.listed(chosen)
    else:
        report.explained(chosen[0])


@app.command()
def demo(
    out: Annotated[str, typer.Option("--out", "-o", metavar="DIR", help="Where to write.")] = "build/demo",
    quiet: Quiet = False,
) -> None:
    """[bold]datapipe demo[/].

    The main job on sample_data/: three formats to records, verified, and a first batch with a picture of it.
    """
    from datapipe import report
    from datapipe.demo import run

    run(out, report.progress(quiet), report.ingested, report.noted)


def _print(value: dict[str, Any]) -> None:
    print(json.dumps(value, indent=2, ensure_ascii=False))


def _stop(number: int, frame: object) -> NoReturn:
    raise KeyboardInterrupt


def _fail(error: DatapipeError) -> NoReturn:
    from datapipe import report

    report.error(str(error))
    sys.exit(error.exit_code)


def main() -> None:
    """Run the command line and exit with its code."""
    signal.signal(signal.SIGTERM, _stop)
    try:
        app()
    except DatapipeError as error:
        _fail(error)
    except (KeyboardInterrupt, SystemExit) as end:
        if getattr(end, "code", 130) != 130:  # which is Typer's word for a KeyboardInterrupt
            raise
        _fail(Interrupted("interrupted; run the same command again"))
    except BrokenPipeError:  # `datapipe ... | head`: the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    finally:  # the outcome is known: a signal while Python shuts down would only add a traceback
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
