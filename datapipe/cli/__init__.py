"""The command line: parse, one library call, one report call per command.

Results go to stdout, talk and progress to stderr. Exit codes: 0 ok, 1 a check failed, 2 usage, 3 unusable
input, 4 environment, 130 interrupted. Heavy modules are imported inside the commands, so that `--help` is
instant.
"""

from __future__ import annotations

import io
import os
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import Annotated, NoReturn

import typer

from datapipe.cli import audit, data, doctor, learning, looking, records
from datapipe.errors import DatapipeError, Interrupted
from datapipe.version import VERSION

app = typer.Typer(
    name="datapipe",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"datapipe {VERSION}")
        raise typer.Exit


@app.callback()
def datapipe(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """[bold]datapipe ingest data/coco --out build/coco[/]

    Object detection datasets one can trust: COCO, VOC and YOLO in, TFRecords out, and nothing vanishes.
    """


_COMMANDS: dict[Callable[..., None], str] = {
    records.ingest: "Read COCO, VOC or YOLO and write TFRecords; nothing vanishes.",
    data.stats: "Object sizes, classes, crowds and overlaps, at the input size.",
    data.anchors: "Fit anchors, judge them by the detector's own matcher.",
    doctor.doctor: "Say why a detector trains badly on this, and what mends it.",
    looking.preview: "Samples of a recipe as one picture, or two recipes side by side.",
    looking.replay: "One sample's whole origin, and the sample again.",
    looking.bench: "Images per second, stage by stage, and what limits them.",
    records.verify: "Read every byte of a dataset again and name any damage.",
    learning.explain: "Say what a finding means, why it hurts, what to do.",
    learning.demo: "The main job on the sample data, ending with a batch.",
}
for command, does in _COMMANDS.items():
    app.command(short_help=does)(command)
app.add_typer(audit.app, name="audit", short_help="See it in the FiftyOne app, decide, and the data follows.")


def _stop(number: int, frame: FrameType | None) -> None:
    """Ctrl-C or SIGTERM. An import is finished first: C code in it swallows the interrupt or garbles it."""
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            signal.setitimer(signal.ITIMER_REAL, 0.02)
            return
        frame = frame.f_back
    raise KeyboardInterrupt


def _deaf() -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM):
        signal.signal(number, signal.SIG_IGN)


def _fail(error: DatapipeError) -> NoReturn:
    _deaf()
    from datapipe import report

    report.error("; ".join([str(error), *getattr(error, "__notes__", ())]))
    sys.exit(error.exit_code)


def main() -> None:
    """Run the command line and exit with its code."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM):
        signal.signal(number, _stop)
    # Arrow's own allocator keeps what it once had: a quarter of the memory of an ingest of 20 000 pictures.
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    for stream in (sys.stdout, sys.stderr):  # an old locale may not know the ä of a class Käfer
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
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
    finally:
        _deaf()  # the outcome is known: a signal while Python shuts down would only add a traceback
