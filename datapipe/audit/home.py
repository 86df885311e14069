"""Where an audit keeps what can be made again: its database, copies of pictures, FiftyOne's own files."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datapipe.errors import EnvironmentProblem, UsageError
from datapipe.manifest import Manifest

VARIABLE = "DATAPIPE_CACHE"


@dataclass(frozen=True)
class Home:
    """Folders of one dataset's audits. They hang on its shards, not on its edits or its place on disk."""

    root: Path

    @property
    def database(self) -> Path:
        """MongoDB's files."""
        return self.root / "database"

    @property
    def pictures(self) -> Path:
        """Copies of pictures that their source does not hold any more."""
        return self.root / "pictures"

    @property
    def user(self) -> Path:
        """What FiftyOne takes for the user's home, so that it writes nothing to the real one."""
        return self.root / "user"

    @property
    def serving(self) -> Path:
        """Who serves the database now: process, port and the app's address."""
        return self.root / "serving.json"

    @property
    def made_by(self) -> Path:
        """The version of the MongoDB server that wrote the database last."""
        return self.root / "mongod.json"

    def prepare(self) -> None:
        """Make the folders.

        Raises:
            EnvironmentProblem: they cannot be made.
        """
        try:
            for folder in (self.database, self.pictures, self.user):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise EnvironmentProblem(
                f"{self.root}: cannot be written: {error.strerror}; give another with --cache or ${VARIABLE}"
            ) from None


def key_of(manifest: Manifest) -> str:
    """Sixteen hex digits for a dataset's shards: equal shards, equal audits."""
    text = "".join(f"{shard.name} {shard.sha256}\n" for shard in manifest.shards)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def home_of(manifest: Manifest, cache: str = "") -> Home:
    """The audit's folder: below `cache`, $DATAPIPE_CACHE, $XDG_CACHE_HOME/datapipe or ~/.cache/datapipe.

    Raises:
        UsageError: there is no home folder to put it in.
    """
    given = cache or os.environ.get(VARIABLE, "")
    xdg = os.environ.get("XDG_CACHE_HOME", "")
    try:
        below = Path(given) if given else (Path(xdg) if xdg else Path.home() / ".cache") / "datapipe"
    except RuntimeError:
        raise UsageError("no home folder: give a cache folder with --cache") from None
    return Home(below.absolute() / "audit" / key_of(manifest))


def read_json(path: Path) -> dict[str, Any]:
    """A small file of ours; {} where there is none, or one cut short."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Write such a file whole.

    Raises:
        EnvironmentProblem: it cannot be written.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_text(json.dumps(value), encoding="utf-8")
        os.replace(beside, path)
    except OSError as error:
        raise EnvironmentProblem(f"{path}: cannot be written: {error.strerror}") from None
