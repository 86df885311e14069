"""FiftyOne on a database that is ours: everything set before it is imported, checked before it is used."""

from __future__ import annotations

import atexit
import importlib
import importlib.util
import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from datapipe.audit.home import Home, read_json
from datapipe.audit.mongod import Mongod
from datapipe.errors import EnvironmentProblem, printable

NAME = "datapipe"
"""Of the database on the server."""
PLUGINS = Path(__file__).with_name("plugin")
_PING_MS = 4000
_JOINED: list[tuple[Home, str, str]] = []
"""Home, asked-for URI and address of the database this process is on: FiftyOne is imported once a process, so
it can be used again, and no other."""


def require(data: str) -> None:
    """Make sure FiftyOne is installed, without importing it.

    Raises:
        EnvironmentProblem: it is not; says how to install it and what works without.
    """
    if importlib.util.find_spec("fiftyone") is None:
        page = f"datapipe stats {shlex.quote(printable(data, 300))} --html stats.html"
        raise EnvironmentProblem(
            "audit: FiftyOne is not installed: pip install 'datapipe[audit]', or 'datapipe[audit-offline]', "
            f"which brings MongoDB's server for Linux x86-64 along; without it look at the page of `{page}`"
        )


@contextmanager
def connected(home: Home, uri: str = "", *, guest: bool = False) -> Iterator[Any]:
    """FiftyOne's module, on our own server or the user's.

    Args:
        home: of the audit.
        uri: of a server the user runs; "" for our own, which ends with this process.
        guest: join the server of an `audit open` that is running, if there is one.

    Raises:
        EnvironmentProblem: no FiftyOne, no server, a server that does not answer or serves another folder, or
            FiftyOne is imported already and may be connected elsewhere.
    """
    home.prepare()
    before = os.environ.get("HOME")
    try:
        _environment(home, _address(home, uri, guest))
        fiftyone = importlib.import_module("fiftyone")
        if not uri:
            _ours(home, os.environ["FIFTYONE_DATABASE_URI"])
        yield fiftyone
    finally:
        if before is not None:
            os.environ["HOME"] = before


def _address(home: Home, uri: str, guest: bool) -> str:
    """Of the server to use; starts one if need be."""
    if "fiftyone" in sys.modules:
        for before, asked, address in _JOINED:
            if (before, asked) == (home, uri):
                return address
        raise EnvironmentProblem(
            "audit: FiftyOne is imported already, on another database: use a new process"
        )
    address = uri or (running(home) if guest else "")
    if uri:
        _answering(uri)
    if not address:
        server = Mongod(home)
        # Before FiftyOne is imported, so that it runs after FiftyOne's own farewell to the database.
        atexit.register(server.stop)
        address = f"mongodb://127.0.0.1:{server.port}"
    _JOINED.append((home, uri, address))
    return address


def _environment(home: Home, uri: str) -> None:
    user = str(home.user)
    os.environ.update(
        FIFTYONE_DATABASE_URI=uri,
        FIFTYONE_DATABASE_NAME=NAME,
        FIFTYONE_DATABASE_VALIDATION="false",
        FIFTYONE_DATABASE_DIR=f"{user}/unused",
        FIFTYONE_DEFAULT_DATASET_DIR=f"{user}/datasets",
        FIFTYONE_CONFIG_PATH=f"{user}/config.json",
        FIFTYONE_PLUGINS_DIR=str(PLUGINS),
        FIFTYONE_DO_NOT_TRACK="1",
        FIFTYONE_SHOW_PROGRESS_BARS="0",
        FIFTYONE_LOGGING_LEVEL="ERROR",
        FIFTYONE_APP_DEFAULT_QUERY_PERFORMANCE="false",
        NO_ALBUMENTATIONS_UPDATE="1",
        HOME=user,
    )


def running(home: Home) -> str:
    """The address of an `audit open` that serves this database now, "" for none."""
    port = read_json(home.serving).get("port")
    if not isinstance(port, int):
        return ""
    uri = f"mongodb://127.0.0.1:{port}"
    try:
        return uri if _folder(uri) == home.database.resolve() else ""
    except EnvironmentProblem:
        return ""


def _ours(home: Home, uri: str) -> None:
    served = _folder(uri)
    if served != home.database.resolve():
        raise EnvironmentProblem(f"audit: the server at {uri} serves {served}, not {home.database}")


def _folder(uri: str) -> Path:
    found = _answering(uri, "getCmdLineOpts")
    return Path(str(found.get("parsed", {}).get("storage", {}).get("dbPath", ""))).resolve()


def _answering(uri: str, command: str = "ping") -> dict[str, Any]:
    """Ask a server, in seconds where FiftyOne would wait half a minute.

    Raises:
        EnvironmentProblem: it does not answer.
    """
    pymongo = importlib.import_module("pymongo")
    try:
        client = pymongo.MongoClient(uri, serverSelectionTimeoutMS=_PING_MS, connectTimeoutMS=_PING_MS)
        with client:
            answer: dict[str, Any] = client.admin.command(command)
    except Exception as error:  # pymongo's own errors, and those of the URI's parser, have no common ancestor
        shown = uri.partition("@")[2] or uri.partition("://")[2] or uri  # never print a password
        why = str(error).partition(", Timeout")[0].partition(" (configured")[0][:200]
        raise EnvironmentProblem(f"--database-uri: {printable(shown)} does not answer: {why}") from None
    return answer
