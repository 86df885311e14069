"""A MongoDB server of our own: on loopback, over one folder, ended with the process that wanted it.

FiftyOne would start one itself, but attaches to any other FiftyOne's server that runs on the machine,
whatever its folder: an audit would then write into a stranger's database.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path

from datapipe.audit.home import Home, read_json, write_json
from datapipe.audit.watching import Watch
from datapipe.errors import EnvironmentProblem

VARIABLE = "DATAPIPE_MONGOD"
PATIENCE_S = 30.0
INSTALL = "pip install 'datapipe[audit-offline]'"
_NEWER = 62
"""Exit code of a mongod whose database was made by another major version."""


def find() -> str:
    """The server's program: $DATAPIPE_MONGOD, the one in FiftyOne's folder, or the one on the path.

    Raises:
        EnvironmentProblem: there is none.
    """
    if given := os.environ.get(VARIABLE):
        return given
    spec = importlib.util.find_spec("fiftyone")
    for place in (spec.submodule_search_locations or []) if spec else []:
        path = Path(place, "db", "bin", "mongod")
        if path.is_file() and os.access(path, os.X_OK):
            return str(path)
    if found := shutil.which("mongod"):
        return found
    raise EnvironmentProblem(
        f"audit: FiftyOne has no MongoDB server here: {INSTALL} brings one (Linux x86-64); or point "
        f"${VARIABLE} to a mongod, or --database-uri to a running server"
    )


def version(program: str) -> str:
    """Its version, like 6.0.5.

    Raises:
        EnvironmentProblem: it does not run; says why.
    """
    try:
        done = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=PATIENCE_S)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EnvironmentProblem(f"{program}: does not run: {error}") from None
    found = re.search(r"db version v?(\d+\.\d+\.\d+)", done.stdout)
    if done.returncode or not found:
        said = (done.stderr or done.stdout).strip().splitlines() or [f"exit code {done.returncode}"]
        raise EnvironmentProblem(f"{program}: does not run: {said[0]}; is one of its libraries missing?")
    return found[1]


class Mongod:
    """A running server; `stop` ends it cleanly, and so does the end of this process, however it comes."""

    def __init__(self, home: Home) -> None:
        """Start it and wait until it answers.

        Raises:
            EnvironmentProblem: it cannot be started; the message says why, and where its log is.
        """
        program = find()
        mine, made_by = version(program), str(read_json(home.made_by).get("mongod", ""))
        if made_by and _series(mine) < _series(made_by):
            raise _of_newer(home, mine, made_by)
        self.port = _free_port()
        log = home.root / "mongod.log"
        command = [
            program,
            "--dbpath",
            str(home.database),
            "--bind_ip",
            "127.0.0.1",
            "--port",
            str(self.port),
        ]
        command += ["--nounixsocket", "--logpath", str(log), "--wiredTigerCacheSizeGB", "0.25"]
        # A session of its own: Ctrl-C on the terminal is for us, who stop the server when all is written.
        with open(home.root / "mongod.out", "wb") as out:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
            )
        self._watch = Watch(self._process.pid)
        end = time.monotonic() + PATIENCE_S
        while not _answers(self.port):
            code = self._process.poll()
            if code is None and time.monotonic() < end:
                time.sleep(0.05)
                continue
            self.stop()
            if code == _NEWER:
                raise _of_newer(home, mine, made_by or "another version")
            raise EnvironmentProblem(
                f"audit: mongod {_reason(code, log, home.root / 'mongod.out')}; see {log}"
            )
        write_json(home.made_by, {"mongod": max(mine, made_by, key=_series)})

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    def stop(self) -> None:
        """End it and wait; a second call does nothing."""
        self._process.terminate()
        try:
            self._process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._watch.dismiss()


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _answers(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
        return True
    return False


def _series(version: str) -> tuple[int, ...]:
    """Major and minor version; a database of a newer series cannot be opened by an older server."""
    return tuple(int(part) for part in version.split(".")[:2] if part.isdigit())


def _of_newer(home: Home, mine: str, made_by: str) -> EnvironmentProblem:
    return EnvironmentProblem(
        f"{home.database}: written by MongoDB {made_by}, this server is {mine} and cannot open it: point "
        f"${VARIABLE} to that version, or give another --cache (decisions already pulled are in edits.jsonl)"
    )


def _reason(code: int | None, log: Path, out: Path) -> str:
    """Why a server did not come up, from its exit code and what it said last."""
    if code is None:
        return f"did not answer within {PATIENCE_S:.0f} s"
    if code == 100:
        return "refuses its folder: another process uses it, or it cannot be written"
    for path in (out, log):
        with suppress(OSError):
            words = path.read_text(errors="replace")
            errors = re.findall(r'"s":"[EF]".*?"msg":"([^"]*)".*?"error":"?([^"}]*)', words)
            if errors:
                return f"ended with code {code}: {': '.join(errors[-1])[:200]}"
            if words.strip() and path is out:
                return f"ended with code {code}: {words.strip().splitlines()[-1][:200]}"
    return f"ended with code {code}"
