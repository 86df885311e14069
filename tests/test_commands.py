"""What the commands that look at data say to calls and recipes that cannot work, and to Ctrl-C."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from journeys.sources import DATAPIPE
from make import make_coco, make_image
from typer.testing import CliRunner

from datapipe.cli import app
from datapipe.dataset import Dataset
from datapipe.errors import DatapipeError
from datapipe.ingest import IngestOptions, ingest

runner = CliRunner()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source, out = tmp_path_factory.mktemp("commanded"), tmp_path_factory.mktemp("dataset") / "out"
    images = [make_image(f"{i}.jpg", (5, 5, 20, 15, i % 3), wh=(60, 40)) for i in range(12)]
    ingest([make_coco(source, images)], out, IngestOptions(split="train=1"))
    return out


@pytest.mark.parametrize(
    ("exit_code", "call", "words"),
    [
        (2, "preview DATA --recipe moderate --out grid.gif", "--out grid.gif: want a name that ends in .png"),
        (2, "preview DATA --recipe moderate --out grid", "want a name that ends in .png or .jpg"),
        (4, "preview DATA --recipe moderate --out no/grid.png", "there is no folder no; make it first"),
        (2, "preview DATA --recipe moderate --out dir.png", "--out dir.png: is a folder; name a file"),
        (2, "preview DATA --recipe moderat", "did you mean 'moderate'?"),
        (2, "preview DATA --recipe moderate --split vall", "no split 'vall'"),
        (2, "preview DATA --recipe moderate --targets -n 1", "Raw has no anchors to draw"),
        (3, "preview nosuch --recipe moderate", "nosuch: no such folder"),
        (3, "preview . --recipe moderate", "no dataset.json here"),
        (4, "replay DATA --recipe moderate --position 1 --out no/r.png", "there is no folder no"),
        (2, "bench DATA --recipe moderate --seconds 0", "seconds 0: want above 0, at most 3600"),
        (2, "bench DATA --recipe moderate --seconds nan", "seconds nan: want above 0"),
        (2, "bench DATA --recipe moderate --seconds inf", "seconds inf: want above 0"),
        (2, "bench DATA --recipe moderate --batch-size 7", "batch_size 7: want a divisor"),
        (4, "stats DATA --html no/stats.html", "there is no folder no"),
        (2, "stats DATA --html stats.pdf", "--html stats.pdf: want a name that ends in .html or .htm"),
        (4, "anchors DATA --write no/mine.yaml", "there is no folder no"),
        (4, "anchors DATA --plot no/a.svg", "there is no folder no"),
        (2, "anchors DATA --plot a.pdf", "--plot a.pdf: want a name that ends in .svg or .png or .html"),
        (
            2,
            "anchors DATA --detector yolo",
            "did you mean 'yolov4'? (there are: yolov4, retinanet, mobilenet",
        ),
        (2, "doctor DATA --resize strech", "did you mean 'stretch'? (there are: letterbox, stretch, short"),
        (3, "preview DATA --recipe huge.yaml", "huge.yaml:1: input.hw: 99999999: want at most 8192 px"),
        (3, "preview DATA --recipe scales.yaml", "multi_scale.max: 16384: want at most 8192 px"),
        (3, "preview DATA --recipe window.yaml", "stream.window: 1000000000: want a whole number from 1 to"),
        (3, "preview DATA --recipe function.yaml", "want a frozen dataclass, this is another function"),
        (
            3,
            "preview DATA --recipe crop.yaml -n 1",
            "Albumentations: transforms made uint8 (8, 8, 3) of uint8",
        ),
        (3, "preview DATA --recipe dir.png", "dir.png: cannot be read: Is a directory"),
        (3, "preview DATA --recipe bytes.yaml", "bytes.yaml:1: not UTF-8 text"),
    ],
)
def test_a_call_that_cannot_work_is_refused_with_one_line(
    exit_code: int, call: str, words: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    Path("dir.png").mkdir()
    Path("bytes.yaml").write_bytes(b"\xff\xfe\x00")
    for name, text in {
        "huge": "input: {hw: [99999999, 640]}",
        "scales": "input: {hw: [640, 640], multi_scale: {max: 16384}}",
        "window": "stream: {window: 1000000000, group: 1}",
        "function": "geometry: [{os.path.join: {}}]",
        "crop": "pixels: [{Albumentations: {transforms: [{RandomCrop: {height: 8, width: 8, p: 1}}]}}]",
    }.items():
        Path(f"{name}.yaml").write_text(text)
    run = runner.invoke(app, [str(folder) if word == "DATA" else word for word in call.split()] + ["-q"])
    assert isinstance(run.exception, DatapipeError), run
    assert run.exception.exit_code == exit_code
    assert words in str(run.exception) and "\n" not in str(run.exception)


@pytest.mark.parametrize(
    "call", ["replay DATA --recipe moderate --position", "preview DATA --recipe moderate --start"]
)
def test_a_position_beyond_what_the_stream_can_count_is_refused(call: str, folder: Path, tmp_path: Path):
    words = [str(folder) if word == "DATA" else word for word in call.split()]
    assert runner.invoke(app, [*words, "1" + "0" * 30]).exit_code == 2
    out = str(tmp_path / "far.png")
    more = ["-n", "1"] if "--start" in call else []
    assert runner.invoke(app, [*words, str(2**62), *more, "-o", out, "-q"]).exit_code == 0


def test_optional_words_are_shown_without_an_empty_one():
    shown = runner.invoke(app, ["doctor", "--help"], env={"COLUMNS": "160"}).output
    assert "yolov4|retinanet|mobilenet_ssd" in shown and "|yolov4" not in shown


def test_a_damaged_record_is_named_by_position_picture_and_place(folder: Path, tmp_path: Path):
    hurt = tmp_path / "hurt"
    shutil.copytree(folder, hurt)
    shard = next(hurt.glob("*.tfrecord"))
    data = bytearray(shard.read_bytes())
    images = Dataset(hurt).images
    offset, name = int(images["offset"][3]), str(images["filename"][3])
    data[offset + 40] ^= 1
    shard.write_bytes(data)
    (tmp_path / "small.yaml").write_text("input: {hw: [64, 64]}")
    out = str(tmp_path / "x.png")
    for call in (["preview", "-n", "12", "--out", out], ["bench", "--seconds", "0.1"]):
        words = [call[0], str(hurt), "--recipe", str(tmp_path / "small.yaml"), "-q", *call[1:]]
        run = runner.invoke(app, words)
        assert isinstance(run.exception, DatapipeError) and run.exception.exit_code == 3, run
        said = str(run.exception)
        assert "position" in said and f"image '{name}'" in said and f"at byte {offset}" in said


PLUGIN = """
import os, signal, time
from dataclasses import dataclass

try:
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(0.1)
except BaseException:  # as C code does in the middle of an import
    pass


@dataclass(frozen=True)
class Still:
    def __call__(self, plan, rng):
        return plan
"""


def test_an_interrupt_in_the_middle_of_an_import_is_not_lost(folder: Path, tmp_path: Path):
    (tmp_path / "stopping.py").write_text(PLUGIN)
    (tmp_path / "r.yaml").write_text("input: {hw: [64, 64]}\ngeometry: [{stopping.Still: {}}]\n")
    command = [DATAPIPE, "preview", str(folder), "--recipe", "r.yaml", "-n", "3000", "-q"]
    done = subprocess.run(
        command, cwd=tmp_path, env={"PYTHONPATH": str(tmp_path), "PATH": "/usr/bin"}, check=False,
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (130, "error: interrupted; run the same command again\n")


def test_ctrl_c_in_the_middle_of_a_preview_is_one_line_and_130(folder: Path, tmp_path: Path):
    command = [DATAPIPE, "preview", str(folder), "--recipe", "moderate", "-n", "400"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        first = process.stderr.readline()  # it has begun
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
    assert first.startswith("drawing") and process.returncode == 130
    assert rest.splitlines()[-1] == "error: interrupted; run the same command again"
    assert "Traceback" not in rest and "terminate" not in rest
