"""The command line: exit codes, what goes to stdout and stderr, help, suggestions, terminals."""

import json
import os
import pty
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from journeys.sources import DATAPIPE, run, spoil, yolo
from typer.main import get_command

from datapipe.cli import app

ROOT = Path(__file__).resolve().parents[1]
COMMANDS = sorted(get_command(app).commands)  # type: ignore[attr-defined]
FORMATS = "(there are: auto, coco, voc, yolo)"


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return yolo(tmp_path_factory.mktemp("source"), images=30)


@pytest.fixture(scope="module")
def spoiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = yolo(tmp_path_factory.mktemp("spoiled"), images=12)
    spoil(folder)
    return folder


@pytest.fixture(scope="module")
def data(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("data") / "out"
    assert run("ingest", source, "--out", out, "-w", "1").returncode == 0
    return out


def told(exit_code: int, *arguments: object, **changes: Any) -> str:
    """The one line that a command which fails says on stderr."""
    failed = run(*arguments, **changes)
    assert failed.returncode == exit_code, failed
    assert failed.stdout == "", failed.stdout
    lines = failed.stderr.splitlines()
    assert len(lines) == 1 and lines[0].startswith("error: "), failed.stderr
    return lines[0].removeprefix("error: ")


def usage(*arguments: object) -> str:
    """What Typer says about a call it cannot parse, as one line."""
    failed = run(*arguments)
    assert failed.returncode == 2 and failed.stdout == "" and "Traceback" not in failed.stderr, failed
    return " ".join(re.sub(r"[│╭╮╰╯─]", " ", failed.stderr).split())


# Exit codes


def test_a_check_that_fails_is_1_and_an_environment_that_fails_is_4(source, spoiled, tmp_path):
    assert "quarantined" in told(1, "ingest", spoiled, "-o", tmp_path / "a", "--strict", "-w", "1", "-q")
    told(4, "ingest", source, "-o", "/proc/nosuch/out", "-w", "1", "-q")


@pytest.mark.parametrize(
    ("exit_code", "arguments", "words"),
    [
        (3, "ingest nosuch -o out", "nosuch: no such folder or file"),
        (3, "ingest empty -o out", "empty"),
        (3, "ingest notes.txt -o out", "notes.txt"),
        (3, "ingest empty --format coco -o out", "empty"),
        (2, "ingest SRC -o out --format coc", f"--format: no 'coc': did you mean 'coco'? {FORMATS}"),
        (2, "ingest SRC -o out --check decod", "--check: no 'decod': did you mean 'decode'?"),
        (2, "ingest SRC -o out --voc-offset 2", "--voc-offset: no '2': (there are: auto, 0, 1)"),
        (2, "ingest SRC -o out --engine locl", "did you mean 'local'?"),
        (2, "ingest SRC -o out -q --classes cat,dgo", "did you mean 'dog'? (there are: cat, dog)"),
        (2, "ingest SRC -o out -q --classes cat,dog,cat", "--classes: cat is given twice"),
        (2, "ingest SRC SRC -o out -q", "is given twice; give it once"),
        (2, "ingest SRC -o out -q --images empty", "--images: only COCO needs it; YOLO pictures are"),
        (2, "ingest SRC -o out -q --split train=0.8,val=0.3", "add up to 1.1, not 1"),
        (2, "ingest SRC -o out -q --split train", "name=fraction"),
        (2, "ingest SRC -o out --shard-size 12parsecs", "'12parsecs' is not a size"),
        (2, "ingest SRC -o out --max-quarantine lots", "--max-quarantine 'lots'"),
        (2, "ingest SRC -o out --max-quarantine 101%", "--max-quarantine '101%'"),
        (2, "explain DP14", "did you mean"),
        (2, "explain box-outside-imag", "did you mean DP104 box-outside-image?"),
        (3, "verify nosuch", "nosuch: no such folder"),
        (3, "verify emptyy", "did you mean 'empty'?"),
        (3, "verify empty", "no dataset.json here"),
        (3, "verify SRC", "no dataset.json here"),
        (3, "verify notes.txt", "notes.txt"),
    ],
)
def test_a_call_that_cannot_work_is_one_clear_line(exit_code, arguments, words, source, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("nothing to see")
    called = [str(source) if word == "SRC" else word for word in arguments.split()]
    assert words in told(exit_code, *called, cwd=tmp_path)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("format", ["coco", "voc", "yolo"])
def test_no_format_is_forced_on_an_empty_folder_or_a_lone_file(format: str, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "lone").write_bytes(b"\0\xff\n")
    for source in ("empty", "lone"):
        told(3, "ingest", source, "--format", format, "-o", "out", "-w", "1", "-q", cwd=tmp_path)
    assert not (tmp_path / "out").exists()


# Words that are nearly right


def test_a_wrong_command_or_option_names_the_nearest():
    assert "No such command 'ingst'. Did you mean 'ingest'?" in usage("ingst")
    assert "--format" in usage("ingest", "x", "-o", "y", "--formt", "coco")
    assert "--strict" in usage("ingest", "x", "-o", "y", "--strct")
    assert "Missing option '--out'" in usage("ingest", "x")
    assert "--workers" in usage("ingest", "x", "-o", "y", "--workers", "many")
    assert "--workers" in usage("ingest", "x", "-o", "y", "--workers", "-1")


# JSON


def test_ingest_json_is_one_object_with_the_keys_of_the_contract(spoiled, tmp_path):
    done = run("ingest", spoiled, "-o", tmp_path / "out", "-w", "1", "--json")
    told = json.loads(done.stdout)
    for kind in ("images", "objects"):
        assert told[kind].keys() == {"read", "kept", "left_out"}
        assert told[kind]["read"] == told[kind]["kept"] + told[kind]["left_out"]
    assert sum(told["left_out"].values()) == 6 and told["left_out"]["DP111"] == 2
    assert isinstance(told["repaired"], dict)
    assert [shard["name"] for shard in told["shards"]] == ["train-00000-of-00001", "val-00000-of-00001"]
    assert sum(shard["records"] for shard in told["shards"]) == told["images"]["kept"]


def test_the_other_commands_json_and_that_errors_leave_stdout_empty(data, tmp_path):
    assert json.loads(run("verify", data, "--json").stdout)["whole"] is True
    about = json.loads(run("explain", "DP104", "--json").stdout)
    assert about["DP104"]["slug"] == "box-outside-image"
    assert len(json.loads(run("explain", "all", "--json").stdout)) > 40
    for arguments in (["ingest", "no", "-o", "x"], ["verify", "no"], ["explain", "no"]):
        failed = run(*arguments, "--json", cwd=tmp_path)
        assert failed.returncode in (2, 3) and failed.stdout == "" and failed.stderr


# What people see


def test_pipes_and_no_color_get_no_escape_codes(spoiled, data, tmp_path):
    for environment, arguments in (
        ({}, ["ingest", spoiled, "-o", tmp_path / "out", "-w", "1"]),
        ({"NO_COLOR": "1"}, ["verify", data]),
    ):
        shown = run(*arguments, env=environment)
        assert shown.returncode == 0 and "\x1b" not in shown.stdout + shown.stderr, shown
    for arguments in (["--help"], ["ingest", "--help"], ["explain", "all"], ["ingst"], ["verify", "no"]):
        shown = run(*arguments)
        assert "\x1b" not in shown.stdout + shown.stderr


def on_terminal(*arguments: object, **environment: str) -> tuple[int, str]:
    """Run a command on a terminal of its own: its exit code and all it shows."""
    ours, theirs = pty.openpty()
    env = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100", **environment}
    process = subprocess.Popen(
        [DATAPIPE, *map(str, arguments)], stdin=theirs, stdout=theirs, stderr=theirs, env=env
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            piece = os.read(ours, 1 << 16)
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        shown += piece
    os.close(ours)
    return process.wait(30), shown.decode()


def test_a_terminal_gets_a_live_bar_and_colour_and_a_log_lines(source, tmp_path):
    code, shown = on_terminal("ingest", source, "-o", tmp_path / "live", "-w", "1")
    assert code == 0 and "\x1b[" in shown
    assert re.search(r"━.*\d+%", shown) and "writing: 10 %" not in shown
    code, shown = on_terminal("ingest", source, "-o", tmp_path / "plain", "-w", "1", NO_COLOR="1")
    assert code == 0 and not re.search(r"\x1b\[(3|9)\d", shown)


def test_a_log_gets_a_line_every_ten_percent(source, tmp_path):
    logged = run("ingest", source, "-o", tmp_path / "out", "-w", "1")
    for stage in ("reading annotations", "writing"):
        shares = [int(n) for n in re.findall(rf"^{stage}: (\d+) %$", logged.stderr, re.M)]
        assert shares == list(range(10, 101, 10)), logged.stderr
    assert re.fullmatch(r"((reading annotations|writing): \d+ %\n)*", logged.stderr)


def test_quiet_says_nothing_on_stderr(spoiled, data, tmp_path):
    for arguments in (["ingest", spoiled, "-o", tmp_path / "out", "-w", "2"], ["verify", data]):
        quiet = run(*arguments, "--quiet")
        assert quiet.returncode == 0 and quiet.stderr == "" and quiet.stdout


def test_verbose_says_what_spoke_against_the_other_formats_and_quiet_silences_it(source, tmp_path):
    arguments = ["ingest", source, "-o", tmp_path / "out", "-w", "1", "-v"]
    said = run(*arguments).stderr
    assert "not COCO: no json file" in said and "not VOC: no .xml file" in said and "not YOLO" not in said
    assert run(*arguments, "-q").stderr == ""


def test_the_report_says_what_was_left_out_and_where(spoiled, tmp_path):
    shown = run("ingest", spoiled, "-o", tmp_path / "out", "-w", "1", "-q").stdout
    for words in ("6 quarantined: 1 image, 5 objects", "DP104 box-outside-image", "0000.txt:2", "findings"):
        assert words in shown, shown
    assert "Traceback" not in shown and str(tmp_path / "out") in shown


def test_control_characters_in_names_never_reach_the_terminal(tmp_path):
    evil = "e\x1b[31mvil\x07\r\x9b2J"
    source = yolo(tmp_path / evil, images=8)
    for i, text in ((0, "0 9 9 0.1 0.1\n0 0.5 0.5 0.2 0.2\n"), (1, "\x1b[2J nonsense\n0 0.5 0.5 0.2 0.2\n")):
        for kind, end in (("images", "jpg"), ("labels", "txt")):
            (source / f"{kind}/train/000{i}.{end}").rename(source / f"{kind}/train/{evil}{i}.{end}")
        (source / f"labels/train/{evil}{i}.txt").write_text(text)
    (source / "data.yaml").write_text(
        'train: images/train\nval: images/val\nnames: ["c\\e[31mat\\a", "d[bold]og"]\n'
    )
    out = tmp_path / f"out{evil}"
    runs = [
        run("ingest", source, "-o", out, "-w", "1", "-v"),
        run("ingest", source, "-o", out, "-w", "1", "--json"),
        run("verify", out),
        run("ingest", source, "-o", out, "--seed", "1", "-w", "1"),
        run("ingest", source, "-o", tmp_path / "new", "--classes", evil, "-w", "1"),
        run("ingest", evil, "-o", tmp_path / "new"),
        run("verify", evil),
        run("explain", evil),
        run("ingest", source, "-o", tmp_path / "new", "--format", evil),
    ]
    assert [shown.returncode for shown in runs] == [0, 0, 0, 2, 2, 3, 3, 2, 2]
    assert "\\x1b[31mvil" in runs[0].stdout and "[bold]og" in runs[0].stdout
    (next(out.glob("*.index"))).write_bytes(b"")
    runs.append(run("verify", out))
    for shown in runs:
        wrong = re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", shown.stdout + shown.stderr)
        assert not wrong, f"{shown.args}: {wrong}: {shown.stdout}{shown.stderr}"
    for line in (out / "findings.jsonl").read_text().splitlines():
        assert not re.search(r"[\x00-\x1f\x7f-\x9f]", "".join(map(str, json.loads(line).values())))


def test_a_locale_that_lacks_a_letter_spells_it_out(tmp_path):
    source, ascii_only = yolo(tmp_path / "source", images=2, names="Käfer dog"), {"PYTHONIOENCODING": "ascii"}
    arguments = ["ingest", source, "-o", tmp_path / "out", "-w", "1", "-q"]
    assert "K\\xe4fer" in run(*arguments, env=ascii_only).stdout
    assert json.loads(run(*arguments, "--json", env=ascii_only).stdout)["classes"] == ["Käfer", "dog"]


def test_a_reader_that_goes_away_is_no_error(source, tmp_path):
    script = f"{DATAPIPE} explain all | head -1; echo ${{PIPESTATUS[0]}}"
    piped = subprocess.run(["bash", "-c", script], capture_output=True, text=True)
    assert "Traceback" not in piped.stderr and "BrokenPipe" not in piped.stderr, piped.stderr


# Help


def test_version():
    shown = run("--version")
    assert shown.returncode == 0 and re.fullmatch(r"datapipe \d+\.\d+\.\d+\n", shown.stdout)


def test_no_command_shows_the_help():
    shown = run()
    assert "ingest" in shown.stdout + shown.stderr and "Traceback" not in shown.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_that_begins_with_an_example_and_stands_in_the_readme(command: str):
    shown = run(command, "--help", env={"COLUMNS": "100"})
    assert shown.returncode == 0 and run(command, "-h", env={"COLUMNS": "100"}).stdout == shown.stdout
    usage_line, first, *_ = [line.strip() for line in shown.stdout.splitlines() if line.strip()]
    assert usage_line.startswith(f"Usage: datapipe {command}")
    assert first.startswith(f"datapipe {command}"), shown.stdout
    for option in get_command(app).commands[command].params:  # type: ignore[attr-defined]
        assert getattr(option, "help", None), f"{command} {option.name}: no help"
    readme = ROOT / "README.md"
    if readme.exists():
        assert f"datapipe {command}" in readme.read_text("utf-8")


def test_every_command_line_in_the_readme_parses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "build").mkdir()  # where the README writes to
    monkeypatch.chdir(tmp_path)
    readme = ROOT / "README.md"
    if not readme.exists():
        pytest.skip("no README.md yet")
    lines = re.findall(r"^(?:\$ )?datapipe ([a-z].*)$", readme.read_text("utf-8"), re.M)
    assert lines
    for line in lines:
        words = line.split("#")[0].split()
        assert words[0] in COMMANDS, line
        command = get_command(app).commands[words[0]]  # type: ignore[attr-defined]
        command.make_context(words[0], words[1:])


def imported(*arguments: object, cwd: Path | None = None) -> set[str]:
    """Top-level packages that a command imports."""
    code = (
        "import atexit, sys\n"
        "atexit.register(lambda: print('\\n@', *{name.partition('.')[0] for name in sys.modules}))\n"
        "from datapipe.cli import main\nmain()"
    )
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=60)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.rpartition("@")[2].split())


def test_no_command_of_the_front_door_imports_tensorflow(source, data, tmp_path):
    never = {"tensorflow", "keras", "albumentations", "fiftyone", "ray", "torch", "sklearn"}
    for arguments in (
        ["ingest", source, "-o", tmp_path / "out", "-w", "1"],
        ["verify", data],
        ["explain", "DP104"],
        ["stats", data],
        ["anchors", data, "--k", "3"],
    ):
        allowed = {"sklearn"} if arguments[0] == "anchors" else set()
        assert not imported(*arguments) & (never - allowed), arguments


@pytest.mark.parametrize("arguments", [["--help"], ["ingest", "--help"], ["--version"]])
def test_help_imports_nothing_heavy(arguments: list[str]):
    heavy = {"tensorflow", "numpy", "cv2", "pyarrow", "sklearn", "pycocotools", "PIL", "google", "msgspec"}
    assert not imported(*arguments) & heavy


@pytest.mark.slow
def test_help_answers_in_half_a_second():
    seconds = []
    for _ in range(3):
        begun = time.perf_counter()
        run("--help")
        seconds.append(time.perf_counter() - begun)
    assert sorted(seconds)[1] < 0.5, seconds


def completed(words: str, *, shell: str = "bash") -> list[str]:
    """What the shell offers after these words."""
    asked = {
        f"_{'DATAPIPE'}_COMPLETE": f"complete_{shell}",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split()) - (not words.endswith(" "))),
    }
    return run(env=asked).stdout.split()


def test_the_shell_completes_commands_options_and_words():
    assert completed("datapipe inge") == ["ingest"]
    assert "--format" in completed("datapipe ingest --for")
    assert completed("datapipe ingest x --format c") == ["coco"]
    assert completed("datapipe ingest x --check ") == ["decode", "structure", "header"]
    script = run(env={"_DATAPIPE_COMPLETE": "source_bash"})
    assert script.returncode == 0 and "complete_bash" in script.stdout
