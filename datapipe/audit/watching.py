"""Processes that end when this one does, however it ends."""

from __future__ import annotations

import subprocess


class Watch:
    """A shell that waits for our end of a pipe to close, as it does even if we are killed."""

    def __init__(self, pid: int) -> None:
        """Watch over a process.

        Args:
            pid: it gets SIGTERM when we are gone, and SIGKILL if that does not end it in 20 s.
        """
        script = 'trap "" INT TERM HUP; read -r _; kill -TERM "$1" && sleep 20 && kill -KILL "$1"'
        self._shell = subprocess.Popen(
            ["/bin/sh", "-c", script, "sh", str(pid)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def dismiss(self) -> None:
        """The process has ended: nothing to watch any more."""
        self._shell.kill()
        if self._shell.stdin:
            self._shell.stdin.close()
        self._shell.wait()
