"""Audits as processes of their own: FiftyOne is imported once a process, on one database."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any


def run(*arguments: object, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "datapipe", "audit", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=os.environ | (env or {}))


def script(code: str, *arguments: object) -> Any:
    """What a program prints as JSON; it has `folder`, `cache` and the rest of `sys.argv`."""
    start = "import json, sys\nfrom pathlib import Path\nfrom datapipe.audit import *\n"
    start += "folder, cache, *rest = sys.argv[1:]\n"
    command = [sys.executable, "-c", start + textwrap.dedent(code), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def serving(database: str) -> bool:
    """Whether any process has the folder in its command line."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if "--dbpath" in words and database in words:
            return True
    return False
