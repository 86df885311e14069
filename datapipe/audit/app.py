"""FiftyOne's web server, as a process of ours: on loopback, on a port that was free, ended with us.

FiftyOne's own `launch_app` joins whatever server it finds on the port, prints to stdout, starts two processes
that each import FiftyOne, and keeps a connection open for which its server waits when it shall end. A browser
needs none of that: the address of a dataset and a view is enough.
"""

from __future__ import annotations

import importlib.util
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from datapipe.audit.watching import Watch
from datapipe.errors import EnvironmentProblem, UsageError

PORT = 5151
PATIENCE_S = 120.0
_GRACE_S = 1.5


def free_port(wanted: int = 0) -> int:
    """A free port on loopback: the one wanted, else 5151, else any.

    Raises:
        UsageError: the one that is wanted is taken.
    """
    for port in [wanted] if wanted else [PORT, 0]:
        with socket.socket() as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                one.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(one.getsockname()[1])
    raise UsageError(f"--port: {wanted} is taken; leave it away to have a free one")


class App:
    """The server; starts beside other work, since it takes seconds."""

    def __init__(self, port: int, log: Path) -> None:
        """Start it, with the environment that `connection.py` set; `ready` waits for it.

        Args:
            port: a free one.
            log: what it says.

        Raises:
            EnvironmentProblem: it cannot be started.
        """
        self.port, self.log = port, log
        spec = importlib.util.find_spec("fiftyone")
        folder = Path(spec.origin).parent / "server" if spec and spec.origin else Path()
        command = [sys.executable, "main.py", "--port", str(port), "--address", "127.0.0.1"]
        quiet = {"FIFTYONE_DISABLE_SERVICES": "1", "PYTHONWARNINGS": "ignore"}
        try:
            with open(log, "wb") as out:
                self._process = subprocess.Popen(
                    command,
                    cwd=folder,
                    env=os.environ | quiet,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=out,
                    start_new_session=True,
                )
        except OSError as error:
            raise EnvironmentProblem(f"audit: FiftyOne's server does not start: {error}") from None
        self._watch = Watch(self._process.pid)

    def ready(self) -> None:
        """Wait until it answers.

        Raises:
            EnvironmentProblem: it does not come up.
        """
        end = time.monotonic() + PATIENCE_S
        while not self._answers():
            code = self._process.poll()
            if code is not None or time.monotonic() > end:
                why = f"ended with code {code}" if code is not None else f"no answer in {PATIENCE_S:.0f} s"
                raise EnvironmentProblem(
                    f"audit: FiftyOne's server did not start on port {self.port}: {why}; see {self.log}"
                )
            time.sleep(0.1)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/fiftyone", timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def stop(self) -> None:
        """End it; a browser that still listens does not hold it up. A second call does nothing."""
        self._process.terminate()
        try:
            self._process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._watch.dismiss()


@contextmanager
def serving(port: int, log: Path) -> Iterator[App]:
    """A server for as long as this lasts."""
    server = App(port, log)
    try:
        yield server
    finally:
        server.stop()
