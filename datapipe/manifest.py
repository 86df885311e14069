"""`dataset.json`: what a dataset is, written last. No manifest means unfinished.

It lists every file with its size and SHA-256 and carries a digest of itself, so that `verify` finds any
changed byte in anything `ingest` wrote.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datapipe.errors import InputError, did_you_mean, printable

NAME = "dataset.json"
UNFINISHED = ".unfinished"
"""Folder in a dataset's folder where `ingest` works until all is whole."""

SCHEMA = 1


@dataclass(frozen=True)
class ShardEntry:
    """A shard as the manifest lists it."""

    name: str
    split: str
    records: int
    objects: int
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """The contents of dataset.json.

    classes:     names; a class's id in records is its position + 1
    files:       every other file of the dataset: name -> {"bytes", "sha256"}, shards and indices included
    sources:     where it came from: format, root, files, notes, categories
    account:     images and objects read, kept, left out; repairs; by code
    options:     what it was made with, as far as it changes the result
    fingerprint: of the source and the options, to recognise the same job
    objects_by_class: objects in the shards, of every class
    """

    classes: tuple[str, ...]
    shards: tuple[ShardEntry, ...]
    files: dict[str, dict[str, Any]]
    sources: tuple[dict[str, Any], ...]
    account: dict[str, Any]
    options: dict[str, Any]
    fingerprint: str
    objects_by_class: dict[str, int]
    tool: str

    def splits(self) -> dict[str, dict[str, int]]:
        """Images and objects by split, in the order of the shards."""
        found: dict[str, dict[str, int]] = {}
        for shard in self.shards:
            counts = found.setdefault(shard.split, {"images": 0, "objects": 0})
            counts["images"] += shard.records
            counts["objects"] += shard.objects
        return found


def dump(manifest: Manifest) -> bytes:
    """The file's bytes: readable, keys in a fixed order, the digest last."""
    body: dict[str, Any] = {
        "schema": SCHEMA,
        "tool": manifest.tool,
        "classes": list(manifest.classes),
        "splits": manifest.splits(),
        "objects_by_class": manifest.objects_by_class,
        "account": manifest.account,
        "shards": [vars(shard) for shard in manifest.shards],
        "files": manifest.files,
        "sources": list(manifest.sources),
        "options": manifest.options,
        "fingerprint": manifest.fingerprint,
    }
    return json.dumps({**body, "digest": _digest(body)}, indent=1, ensure_ascii=False).encode() + b"\n"


def load(folder: Path) -> Manifest:
    """Read and check a dataset's manifest.

    Raises:
        InputError: there is none, it is not JSON, its digest does not fit, or its schema is another.
    """
    path = folder / NAME
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        raise InputError(_absent(folder)) from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    try:
        body = json.loads(text)
        digest = body.pop("digest")
        schema = body["schema"]
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError):
        raise InputError(f"{path}: damaged: not the JSON that ingest wrote; ingest again") from None
    if schema != SCHEMA:
        raise InputError(
            f"{path}: schema {schema!r}, this datapipe reads {SCHEMA}; ingest again or use its version"
        )
    damaged = InputError(
        f"{path}: damaged: its digest does not fit; copy it from where it is whole, or ingest again"
    )
    if digest != _digest(body):
        raise damaged
    try:
        manifest = _build(body)
    except (KeyError, TypeError):
        raise InputError(f"{path}: written by another version of datapipe; ingest again") from None
    if text != dump(manifest):
        raise damaged
    return manifest


def _build(body: dict[str, Any]) -> Manifest:
    return Manifest(
        classes=tuple(body["classes"]),
        shards=tuple(ShardEntry(**shard) for shard in body["shards"]),
        files=body["files"],
        sources=tuple(body["sources"]),
        account=body["account"],
        options=body["options"],
        fingerprint=body["fingerprint"],
        objects_by_class=body["objects_by_class"],
        tool=body["tool"],
    )


def sha256_of(file: Path) -> str:
    """Hex SHA-256 of a file, as `Manifest.files` holds it.

    Raises:
        OSError: it cannot be read.
    """
    with open(file, "rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _digest(body: dict[str, Any]) -> str:
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _absent(folder: Path) -> str:
    shown = printable(folder)
    if not folder.exists():
        near = [p.name for p in folder.parent.glob("[!.]*/")] if folder.parent.is_dir() else []
        hint = f"; {did_you_mean(folder.name, near)}" if 0 < len(near) <= 20 else ""
        return f"{shown}: no such folder{hint}"
    if (folder / UNFINISHED).exists():
        return f"{shown}: an unfinished dataset; run the same ingest again to finish it"
    return f"{shown}: no {NAME} here; give a folder that `datapipe ingest` wrote"
