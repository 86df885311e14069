"""Whose database an audit is on, and how it ends: ours ends with us, a user's runs on."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest
from make import make_dataset

from audit.needs import needs_fiftyone
from audit.running import run, script, serving
from datapipe.audit.app import free_port
from datapipe.audit.home import home_of
from datapipe.audit.mongod import find

pytestmark = pytest.mark.xdist_group("fiftyone")


@needs_fiftyone
def test_a_killed_audit_leaves_no_server_behind_and_opens_again(tmp_path):
    data = make_dataset(tmp_path, n=4).folder
    code = (
        "import sys, time\nfrom datapipe.audit import *\n"
        "with opened(sys.argv[1], Wish(cache=sys.argv[2]), app=False) as audit:\n"
        "    print('open', flush=True)\n    time.sleep(600)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(data), str(tmp_path / "cache")], stdout=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout and running.stdout.readline() == "open\n"
        running.kill()
    database = str(next(tmp_path.glob("cache/audit/*/database")))
    end = time.monotonic() + 20
    while serving(database) and time.monotonic() < end:
        time.sleep(0.1)
    assert not serving(database)
    pulled = run("pull", data, "--cache", tmp_path / "cache")
    assert pulled.returncode == 0 and "nothing new in 4 pictures" in pulled.stdout


@needs_fiftyone
@pytest.mark.parametrize(
    "note, words",
    [('{"mongod": "99.1.0"}', "written by MongoDB 99.1.0"), ("", "")],
)
def test_a_database_of_a_newer_server_is_recognised_in_one_line(tmp_path, note: str, words: str):
    data = make_dataset(tmp_path, n=1, split="train=1", shard_count=1)
    home = home_of(data.manifest, str(tmp_path / "cache"))
    home.prepare()
    if note:
        home.made_by.write_text(note)
        done = run("pull", data.folder, "--cache", tmp_path / "cache")
        assert done.returncode == 4 and done.stderr.count("\n") == 1 and words in done.stderr
    else:
        done = run("pull", data.folder, "--cache", tmp_path / "cache")
        assert done.returncode == 2 and "was never run on this data" in done.stderr


@needs_fiftyone
def test_a_server_of_the_users_that_is_not_there_is_told_in_seconds(tmp_path):
    data = make_dataset(tmp_path, n=1, split="train=1", shard_count=1).folder
    start = time.monotonic()
    done = run("pull", data, "--database-uri", "mongodb://me:secret@127.0.0.1:1/", "--cache", tmp_path / "c")
    assert done.returncode == 4 and done.stderr.count("\n") == 1 and "does not answer" in done.stderr
    assert "secret" not in done.stderr and time.monotonic() - start < 30


@needs_fiftyone
@pytest.mark.slow
def test_a_server_of_the_users_holds_the_audit_and_runs_on(tmp_path):
    data, port = make_dataset(tmp_path, n=4).folder, free_port()
    (tmp_path / "theirs").mkdir()
    command = [find(), "--dbpath", str(tmp_path / "theirs"), "--port", str(port), "--bind_ip", "127.0.0.1"]
    with subprocess.Popen(
        [*command, "--nounixsocket", "--wiredTigerCacheSizeGB", "0.25"], stdout=subprocess.DEVNULL
    ) as theirs:
        try:
            uri = f"mongodb://127.0.0.1:{port}"
            told = script(
                """
                with opened(folder, Wish(cache=cache, uri=rest[0]), app=False) as audit:
                    audit.finish()
                    audit.dataset.limit(1).tag_samples("leave_out")
                    print(json.dumps(len(audit.dataset)))
                """,
                data,
                tmp_path / "cache",
                uri,
            )
            done = run("pull", data, "--database-uri", uri, "--cache", tmp_path / "cache")
            assert told == 4 and "1 picture left out" in done.stdout, done.stderr
            assert theirs.poll() is None and not list(tmp_path.glob("cache/audit/*/database/*"))
        finally:
            theirs.terminate()


@needs_fiftyone
@pytest.mark.slow
def test_ctrl_c_while_pictures_come_in_is_one_line_and_leaves_no_server(tmp_path):
    data = make_dataset(tmp_path, n=60).folder
    command = [sys.executable, "-m", "datapipe", "audit", "open", str(data), "--no-browser", "--cache"]
    with subprocess.Popen([*command, str(tmp_path / "cache")], stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr
        next(line for line in running.stderr if "first pictures" in line)
        running.send_signal(signal.SIGINT)
        told = [line for line in running.stderr if "pictures:" not in line]
    assert running.returncode == 130 and len(told) == 1 and "interrupted" in told[0]
    assert not serving(str(next(tmp_path.glob("cache/audit/*/database"))))


def test_without_fiftyone_the_error_has_the_install_line_and_the_page(tmp_path):
    data = make_dataset(tmp_path, n=1, split="train=1", shard_count=1).folder
    code = (
        "import importlib.util, sys\nfound = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, *a: None if name == 'fiftyone' else found(name, *a)\n"
        "from datapipe.cli import main\nmain()"
    )
    for arguments in (["open", data], ["pull", data]):
        done = subprocess.run(
            [sys.executable, "-c", code, "audit", *map(str, arguments)], capture_output=True, text=True
        )
        assert done.returncode == 4 and done.stderr.count("\n") == 1, done.stderr
        assert "pip install 'datapipe[audit]'" in done.stderr and "datapipe stats" in done.stderr
    done = run("apply", data, "--dry-run")
    assert done.returncode == 0 and "edits: none" in done.stdout, "needs no FiftyOne"
