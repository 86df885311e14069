"""A dataset that `ingest` wrote: what is in it, any record of it by number, and who it is.

Reading applies the overlays (`edits.py`) everywhere alike: an image left out is gone, an object to ignore
becomes an ignore region, a corrected class or box is the class or box.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datapipe import boxes, edits, manifest, records, table, tfrecord
from datapipe.columns import CORNERS
from datapipe.errors import InputError, RecordError, UsageError, did_you_mean
from datapipe.objects import Objects
from datapipe.records import ImageRecord

EDITED = "EDIT"
"""Code of an ignore region that a person's edit made."""


class Dataset:
    """Random access to a dataset's records.

    Images are numbered 0 to len - 1 in the order of the shards, without those that edits leave out. Reading
    is thread-safe (`os.pread`), checks both checksums of every record and the tables' in the manifest, and
    holds no picture.
    """

    def __init__(self, folder: str | Path, *, edited: bool = True) -> None:
        """Open a dataset's folder; reads the manifest, the overlays and the image table, no shard.

        Args:
            folder: where `ingest` wrote it.
            edited: False for what the shards hold, for an audit: edits are read but not applied.

        Raises:
            InputError: no manifest, a damaged one, a damaged table, or an overlay that makes no sense.
        """
        self.folder = Path(folder)
        self.manifest = manifest.load(self.folder)
        self.classes = self.manifest.classes
        self.overlays = edits.read(self.folder, self.classes)
        images = self._columns("images.parquet")
        unknown = [e.image for e in self.overlays.edits] + list(self.overlays.splits)
        known = {image_id: row for row, image_id in enumerate(images["image_id"])}
        for image_id in unknown:
            if image_id not in known:
                raise InputError(
                    f"{self.folder}: an overlay names image {image_id!r}, which is not in the dataset"
                )
        for edit in self.overlays.edits:
            w, h = (int(images[side][known[edit.image]]) for side in ("width", "height"))
            if edit.xyxy and not (min(edit.xyxy) >= 0 and edit.xyxy[2] <= w and edit.xyxy[3] <= h):
                raise InputError(f"{edit.place}: xyxy {list(edit.xyxy)} reaches out of the {w}x{h} picture")
        if self.overlays.splits:
            moved = images["split"].copy()
            for image_id, split in self.overlays.splits.items():
                moved[known[image_id]] = split
            images["split"] = moved
        if not edited:
            self.overlays = replace(self.overlays, edits=())
        left_out = self.overlays.left_out()
        self._rows = np.array([i for i, x in enumerate(images["image_id"]) if x not in left_out], np.int64)
        self.stored_images = images
        self.edits_by_image: dict[str, list[edits.Edit]] = {}
        for edit in self.overlays.edits:
            self.edits_by_image.setdefault(edit.image, []).append(edit)
        self._files: dict[str, int] = {}

    def __repr__(self) -> str:
        counts = ", ".join(f"{len(rows)} {name}" for name, rows in self.splits.items())
        return f"Dataset({str(self.folder)!r}: {len(self)} images ({counts}), {len(self.classes)} classes)"

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[tuple[ImageRecord, bytes]]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, i: int) -> tuple[ImageRecord, bytes]:
        """Read image i: its annotations, overlays applied, and the stored picture's bytes.

        Raises:
            IndexError: there is no such image.
            RecordError: the record is damaged; names the shard and the offset.
        """
        payload, where = self._payload(i)
        try:
            record, data = records.decode(payload)
        except ValueError as error:
            raise RecordError(f"{where}: {error}") from None
        return self._edited(record), data

    def objects_of(
        self, i: int, ignore: Sequence[str], tabled: Callable[[int], Objects] | None = None
    ) -> tuple[Objects, bytes | memoryview]:
        """What training needs of image i: `self[i][0].objects(ignore, left_out=True)`, the picture's bytes.

        Args:
            i: which image.
            ignore: flags that make an object an ignore region.
            tabled: gives an image's objects as `objects` has them, made with the same `ignore`: they stand in
                for those of a record that says no more, which is not looked into.

        Raises:
            IndexError: there is no such image.
            RecordError: the record is damaged; names the shard and the offset.
        """
        if self.edits_by_image and self.stored_images["image_id"][self._row(i)] in self.edits_by_image:
            record, stored = self[i]
            return record.objects(ignore, left_out=True), stored
        payload, where = self._payload(i)
        try:
            return records.decode_objects(payload, ignore, tabled and partial(tabled, i % len(self)))
        except ValueError as error:
            raise RecordError(f"{where}: {error}") from None

    def _row(self, i: int) -> int:
        """Of the stored table."""
        if not -len(self) <= i < len(self):
            raise IndexError(f"image {i} of {len(self)}")
        return int(self._rows[i])

    def _payload(self, i: int) -> tuple[memoryview, str]:
        """A record's bytes, its checksums verified, and where it stands."""
        row, columns = self._row(i), self.stored_images
        name = self._shard_name(columns["split_on_disk"][row], int(columns["shard"][row]))
        offset, length = int(columns["offset"][row]), int(columns["length"][row])
        where = f"{name} at byte {offset}"
        return tfrecord.unframe(memoryview(os.pread(self._file(name), length, offset)), where), where

    @cached_property
    def images(self) -> dict[str, NDArray[Any]]:
        """Columns of the image table (`table.IMAGES`) with edits applied, one row an image."""
        columns = {name: column[self._rows] for name, column in self.stored_images.items()}
        if any(edit.kind == "ignore" for edit in self.overlays.edits):
            number = {image_id: i for i, image_id in enumerate(columns["image_id"])}
            for image_id, _, change in self._changes(self._columns("objects.parquet")):
                if image_id in number:
                    columns["objects"][number[image_id]] -= len(change.drop)
                    columns["left_out"][number[image_id]] += len(change.drop)
        return columns

    @cached_property
    def objects(self) -> dict[str, NDArray[Any]]:
        """Columns of the object table (`table.OBJECTS`) with edits applied; `image` counts this dataset's."""
        columns = self._columns("objects.parquet")
        number = np.full(len(self.stored_images["image_id"]), -1, np.int32)
        number[self._rows] = np.arange(len(self._rows), dtype=np.int32)
        keep = number[columns["image"]] >= 0
        columns["class_id"], sides = columns["class_id"].copy(), CORNERS
        columns |= {name: columns[name].copy() for name in (*sides, "area")}
        for _, rows, change in self._changes(columns):
            keep[rows[list(change.drop)]] = False
            for i, name in change.class_name.items():
                columns["class_id"][rows[i]] = self.classes.index(name)
            for i, xyxy in change.xyxy.items():
                for side, value in zip(sides, xyxy, strict=True):
                    columns[side][rows[i]] = value
                columns["area"][rows[i]] = boxes.area(np.array(xyxy, np.float32))
        edited = {name: column[keep] for name, column in columns.items()}
        return edited | {"image": number[edited["image"]]}

    def _changes(
        self, objects: dict[str, NDArray[Any]]
    ) -> Iterator[tuple[str, NDArray[np.intp], edits.Changes]]:
        """For each edited image its id, its rows in the stored object table, and what becomes of them."""
        ids = {image_id: row for row, image_id in enumerate(self.stored_images["image_id"])}
        for image_id, decided in self.edits_by_image.items():
            rows = np.flatnonzero(objects["image"] == ids[image_id])
            yield image_id, rows, edits.changes(list(objects["object_id"][rows]), decided)

    @cached_property
    def splits(self) -> dict[str, NDArray[np.int64]]:
        """Split name -> numbers of its images, train, val, test first."""
        of = self.images["split"]
        return {name: np.flatnonzero(of == name) for name in ordered(of)}

    def split(self, name: str) -> NDArray[np.int64]:
        """Numbers of one split's images.

        Raises:
            UsageError: there is no such split; names the nearest one.
        """
        if name not in self.splits:
            raise UsageError(f"{self.folder}: no split {name!r}: {did_you_mean(name, self.splits)}")
        return self.splits[name]

    @cached_property
    def identity(self) -> str:
        """SHA-256 over shards, splits and edits: equal identities train on equal data."""
        text = "".join(f"{shard.name} {shard.sha256}\n" for shard in self.manifest.shards)
        return hashlib.sha256(text.encode() + b"\0" + self.overlays.text).hexdigest()

    def stored_object_ids(self, image_id: str) -> list[str]:
        """Ids of an image's objects as the shards hold them, before any edit."""
        columns = self._columns("objects.parquet")
        row = int(np.flatnonzero(self.stored_images["image_id"] == image_id)[0])
        return [str(value) for value in columns["object_id"][columns["image"] == row]]

    def close(self) -> None:
        """Close the shards' files; reading opens them again."""
        files, self._files = self._files, {}
        for file in files.values():
            os.close(file)

    def _columns(self, name: str) -> dict[str, NDArray[Any]]:
        try:
            columns = table.read(self.folder / name)
            sha256 = manifest.sha256_of(self.folder / name)
        except (OSError, ValueError) as error:
            line = str(error).splitlines()[0]
            raise InputError(f"{self.folder / name}: cannot be read: {line}; run `datapipe verify`") from None
        if sha256 != self.manifest.files.get(name, {}).get("sha256"):
            raise InputError(f"{self.folder / name}: is not what ingest wrote; run `datapipe verify`")
        return columns | {"split_on_disk": columns["split"]} if "split" in columns else columns

    def _shard_name(self, split: str, number: int) -> str:
        return shard_name(split, number, self._shards_of[split]) + ".tfrecord"

    @cached_property
    def _shards_of(self) -> dict[str, int]:
        splits = [shard.split for shard in self.manifest.shards]
        return {split: splits.count(split) for split in splits}

    def _file(self, name: str) -> int:
        file = self._files.get(name)
        if file is None:
            try:
                opened = os.open(self.folder / name, os.O_RDONLY)
            except OSError as error:
                raise RecordError(f"{self.folder / name}: {error.strerror}") from None
            file = self._files.setdefault(name, opened)  # a lock would be held for ever in a forked child
            if file != opened:
                os.close(opened)
        return file

    def _edited(self, record: ImageRecord) -> ImageRecord:
        decided = self.edits_by_image.get(record.image_id)
        return apply(record, decided, self.classes) if decided else record


def apply(record: ImageRecord, decided: Sequence[edits.Edit], classes: Sequence[str]) -> ImageRecord:
    """A record as its edits say: ignored objects become ignore regions, classes and boxes are corrected.

    A corrected box brings its own area and drops the outline of the old one.
    """
    change = edits.changes(record.object_id, decided)
    class_id, xyxy, area = record.class_id.copy(), record.xyxy.copy(), record.area.copy()
    for row, name in change.class_name.items():
        class_id[row] = classes.index(name)
    for row, corners in change.xyxy.items():
        xyxy[row] = corners
        area[row] = boxes.area(xyxy[row])
    polygons = tuple(() if row in change.xyxy else rings for row, rings in enumerate(record.polygons))
    keep = np.ones(len(record), np.bool_)
    keep[list(change.drop)] = False
    rows = np.flatnonzero(keep)
    arrays: dict[str, Any] = {
        name: getattr(record, name)[keep] for name in ("crowd", "difficult", "truncated")
    }
    lists: dict[str, Any] = {
        name: tuple(getattr(record, name)[i] for i in rows) for name in ("object_id", "pose", "extra")
    }
    return replace(
        record,
        **arrays,
        **lists,
        class_id=class_id[keep],
        xyxy=xyxy[keep],
        area=area[keep],
        polygons=tuple(polygons[i] for i in rows),
        left_out_xyxy=np.concatenate([record.left_out_xyxy, xyxy[~keep]]),
        left_out_code=record.left_out_code + (EDITED,) * int((~keep).sum()),
    )


SPLIT_ORDER = ("train", "val", "test")
"""The order in which splits are written and shown; others follow by name."""


def ordered(names: Iterable[str]) -> list[str]:
    """Distinct split names: train, val, test, then the others by name."""
    found = set(names)
    return [name for name in SPLIT_ORDER if name in found] + sorted(found - set(SPLIT_ORDER))


def shard_name(split: str, number: int, shards: int) -> str:
    """TF Object Detection's habit: train-00000-of-00008."""
    return f"{split}-{number:05d}-of-{shards:05d}"
