"""Overlays: reviewable lines over immutable shards, applied on reading by one function.

`splits.json` moves images to other splits, `edits.jsonl` leaves images out, ignores objects, corrects classes
and boxes. Undoing is deleting a line. Only datapipe sees them; other readers of the shards do not.

    splits.json   {"<image_id>": "val", ...}
    edits.jsonl   {"image": "<image_id>", "edit": "leave_out"}
                  {"image": "<image_id>", "object": "<object_id>", "edit": "ignore"}
                  {"image": "<image_id>", "object": "<object_id>", "edit": "class", "class": "<name>"}
                  {"image": "<image_id>", "object": "<object_id>", "edit": "box", "xyxy": [x1, y1, x2, y2]}
                  {"image": "<image_id>", "edit": "fine"}, of an object too: looked at, nothing to change

who, when and why may stand beside them and are left to the person. xyxy is in px of the stored picture; a
corrected box brings its own area and drops the old outline. `fine` changes nothing that anyone reads, so it
is no part of the dataset's identity; an audit does not ask again.
"""

from __future__ import annotations

import json
import os
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from datapipe.errors import EnvironmentProblem, InputError, did_you_mean

SPLITS, EDITS = "splits.json", "edits.jsonl"
Kind = Literal["leave_out", "ignore", "class", "box", "fine"]
KINDS = ("leave_out", "ignore", "class", "box", "fine")
_FREE = ("who", "when", "why")


@dataclass(frozen=True)
class Edit:
    """One decision. `place` is its line, for messages, and `why` its reason; equal decisions are equal."""

    image: str
    kind: Kind
    object: str | None = None
    class_name: str | None = None
    xyxy: tuple[float, float, float, float] | None = None
    place: str = field(default="", compare=False)
    why: str = field(default="", compare=False)

    def says(self) -> dict[str, Any]:
        """What a line says of it, without who, when and why."""
        values = {"image": self.image, "object": self.object, "edit": self.kind, "class": self.class_name}
        said: dict[str, Any] = {key: value for key, value in values.items() if value is not None}
        return said | ({"xyxy": list(self.xyxy)} if self.xyxy else {})


@dataclass(frozen=True)
class Overlays:
    """All overlays of a dataset."""

    splits: Mapping[str, str] = field(default_factory=dict)
    edits: tuple[Edit, ...] = ()

    @property
    def text(self) -> bytes:
        """What they change, for the dataset's identity: a reason given later or a `fine` changes nothing."""
        said = [edit.says() for edit in self.edits if edit.kind != "fine"]
        if not self.splits and not said:
            return b""
        return "\n".join(json.dumps(one, sort_keys=True) for one in (dict(self.splits), *said)).encode()

    def left_out(self) -> set[str]:
        """Ids of the images that are left out."""
        return {edit.image for edit in self.edits if edit.kind == "leave_out"}


def read(folder: Path, classes: Sequence[str]) -> Overlays:
    """Read the overlays of a dataset's folder.

    Raises:
        InputError: a line cannot be read or says something impossible by itself; file and line are named.
    """
    splits_path, edits_path = folder / SPLITS, folder / EDITS
    splits_text = _bytes(splits_path)
    splits = _splits(splits_text, str(splits_path)) if splits_text.strip() else {}
    decided = tuple(_edits(_bytes(edits_path), str(edits_path), classes))
    return Overlays(splits, decided)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None


def _splits(text: bytes, where: str) -> dict[str, str]:
    found = _json(text, where)
    if not isinstance(found, dict):
        raise InputError(f'{where}: not a mapping {{"<image_id>": "<split>"}}')
    for image_id, split in found.items():
        if not isinstance(split, str) or not split.isidentifier():
            raise InputError(f"{where}: image {image_id!r}: {split!r} is not a split's name (like train)")
    return found


def _edits(text: bytes, where: str, classes: Sequence[str]) -> Iterator[Edit]:
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            yield _edit(_json(line, f"{where}:{number}"), f"{where}:{number}", classes)


def _json(text: bytes, where: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: not JSON: {error}; correct or delete it") from None


def _edit(found: Any, where: str, classes: Sequence[str]) -> Edit:
    if not isinstance(found, dict) or not isinstance(found.get("image"), str):
        raise InputError(f"{where}: an edit names its image: {{'image': '<image_id>', 'edit': ...}}")
    kind = found.get("edit")
    if kind not in KINDS:
        raise InputError(f"{where}: no edit {kind!r}: {did_you_mean(str(kind), KINDS)}")
    wanted = {
        "leave_out": (),
        "ignore": ("object",),
        "class": ("object", "class"),
        "box": ("object", "xyxy"),
        "fine": (),
    }[kind]
    for key in wanted:
        if key not in found:
            raise InputError(f"{where}: edit {kind!r} needs {key!r}")
    allowed = ("object",) if kind == "fine" else wanted
    for key in found.keys() - {"image", "edit", *allowed, *_FREE}:
        raise InputError(f"{where}: unknown key {key!r}: {did_you_mean(key, [*allowed, *_FREE])}")
    if "class" in wanted and found["class"] not in classes:
        raise InputError(
            f"{where}: no class {found['class']!r}: {did_you_mean(str(found['class']), classes)}"
        )
    return Edit(
        image=found["image"],
        kind=kind,
        object=str(found["object"]) if "object" in found else None,
        class_name=found.get("class"),
        xyxy=_corners(found["xyxy"], where) if "xyxy" in wanted else None,
        place=where,
        why=str(found.get("why", "")),
    )


def append(folder: Path, decided: Sequence[Edit]) -> None:
    """Add lines to a dataset's edits; what stands there stays, and the file is never half written.

    who and when are left empty for the person; why is the edit's own.

    Raises:
        EnvironmentProblem: the file cannot be written.
    """
    path, stands = folder / EDITS, _bytes(folder / EDITS)
    lines = [
        json.dumps(edit.says() | {"who": "", "when": "", "why": edit.why}, ensure_ascii=False)
        for edit in decided
    ]
    gap = b"\n" if stands and not stands.endswith(b"\n") else b""
    beside = path.with_name(f".{EDITS}.{os.getpid()}")
    try:
        beside.write_bytes(stands + gap + "".join(f"{line}\n" for line in lines).encode())
        os.replace(beside, path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise EnvironmentProblem(f"{path}: cannot be written: {error.strerror}") from None


def _corners(value: Any, where: str) -> tuple[float, float, float, float]:
    numbers = isinstance(value, list) and len(value) == 4
    numbers = numbers and all(type(v) in (int, float) and abs(v) < 1e9 for v in value)
    x1, y1, x2, y2 = array("f", value if numbers else [0, 0, 0, 0])  # as they are kept
    if not (x1 < x2 and y1 < y2):
        raise InputError(
            f"{where}: xyxy {value!r} is not [x1, y1, x2, y2] with x1 < x2 and y1 < y2 in float32"
        )
    return (float(value[0]), float(value[1]), float(value[2]), float(value[3]))


@dataclass(frozen=True)
class Changes:
    """What edits do to the objects of one image, by their row.

    drop: rows that become ignore regions; class_name, xyxy: row -> new value
    """

    drop: tuple[int, ...]
    class_name: Mapping[int, str]
    xyxy: Mapping[int, tuple[float, float, float, float]]


def changes(object_ids: Sequence[str], edits: Sequence[Edit]) -> Changes:
    """Work out what the edits of one image do; the last edit of a kind wins.

    Args:
        object_ids: the image's objects in order; an id that occurs twice means both.
        edits: this image's edits.
    """
    drop: set[int] = set()
    class_name: dict[int, str] = {}
    xyxy: dict[int, tuple[float, float, float, float]] = {}
    for edit in edits:
        for row in (i for i, object_id in enumerate(object_ids) if object_id == edit.object):
            if edit.kind == "ignore":
                drop.add(row)
            elif edit.class_name is not None:
                class_name[row] = edit.class_name
            elif edit.xyxy is not None:
                xyxy[row] = edit.xyxy
    return Changes(tuple(sorted(drop)), class_name, xyxy)
