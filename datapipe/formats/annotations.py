"""What every reader returns: one source's images and objects as columns.

Columns, because COCO's 860 001 objects as Python objects would cost gigabytes; here an object is some 90
bytes. Readers fill it, `concat` joins several sources, `take` cuts a shard's share out of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from datapipe.findings import Finding
from datapipe.progress import Progress, silent

FormatName = Literal["coco", "voc", "yolo"]

CROWD, DIFFICULT, TRUNCATED = 1, 2, 4
"""Bits of `Annotations.flags`."""


@dataclass(frozen=True)
class ReadOptions:
    """What the user may say about a source.

    images:     folder of the pictures, where the format does not say (COCO); it may lie outside the source
    voc_offset: what VOC's smallest corner means: 1 (1-based inclusive), 0 (edges), "auto"
    progress:   told how far the reading is
    """

    images: str | None = None
    voc_offset: Literal["auto", "0", "1"] = "auto"
    progress: Progress = silent


@dataclass(frozen=True)
class Source:
    """Where columns came from and how to read them.

    unit:         "px" of the frame the annotations are in, or "fraction" of its sides
    place_format: how to name an object's place, from {file}, {n} and {id}: "annotations[{n}] id {id}"
    files:        annotation files relative to root; `Annotations.file_index` points here
    notes:        what the reader decided and why, one sentence each, for the report
    categories:   class name -> the source's own id for it, for lossless export
    """

    format: FormatName
    root: str
    unit: Literal["px", "fraction"]
    place_format: str
    files: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    categories: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, eq=False)
class Annotations:
    """Images and objects of one or several sources, objects sorted by image.

    Only images whose file was found are rows here, and only objects whose image is a row and whose box is
    four finite numbers with x1 < x2, y1 < y2. Everything else is already a `Finding` with action "left out"
    and counted in images_read / objects_read.

    classes:      names; class_id indexes them
    images_read, objects_read: everything met in the source, rows or not
    findings:     what reading found

    Per image (N rows):
    image_id:     unique text
    path:         absolute real path of the picture
    name:         the picture's name as its format's users know it, "/" between folders (`image/filename`)
    split:        "train", "val", "test", ...
    source:       (N,) int16, index into sources
    file_index:   (N,) int32, index into that source's files: who speaks of this image
    image_n:      (N,) int64, number of the image's entry in that file (COCO: index in `images`), else 0
    image_span:   (N, 2) int64, (offset, length) in that file of the entry's raw text, (0, 0) for none
    wh:           (N, 2) int64, declared width and height in px, 0 where not (usably) declared
    nbytes:       (N,) int64, size of the picture's file
    declared:     (N,) int32, objects the source holds for this image, rows or not
    row_start:    (N + 1,) int64, objects of image i are rows row_start[i] to row_start[i + 1]

    Per object (M rows):
    class_id:     (M,) int32; -1: no usable class, so the place becomes an ignore region (the finding, with
                  action "ignored", is already made)
    xyxy:         (M, 4) float64 in the source's unit, continuous edges, not clipped
    flags:        (M,) uint8, CROWD | DIFFICULT | TRUNCATED
    area:         (M,) float64 px², NaN where the source gives none
    object_id:    (M,) the source's own id (int64 or object dtype); VOC, YOLO: same as n
    n:            (M,) int64, COCO: index in `annotations`; VOC: object number from 1; YOLO: line from 1
    span:         (M, 2) int64, (offset, length) of the entry's raw text in its file when there is more in it
                  than these columns hold (polygons, further keys), (0, 0) for none
    """

    sources: tuple[Source, ...]
    classes: tuple[str, ...]
    images_read: int
    objects_read: int
    findings: list[Finding]
    image_id: list[str]
    path: list[str]
    name: list[str]
    split: list[str]
    source: NDArray[np.int16]
    file_index: NDArray[np.int32]
    image_n: NDArray[np.int64]
    image_span: NDArray[np.int64]
    wh: NDArray[np.int64]
    nbytes: NDArray[np.int64]
    declared: NDArray[np.int32]
    row_start: NDArray[np.int64]
    class_id: NDArray[np.int32]
    xyxy: NDArray[np.float64]
    flags: NDArray[np.uint8]
    area: NDArray[np.float64]
    object_id: NDArray[Any]
    n: NDArray[np.int64]
    span: NDArray[np.int64]

    def __post_init__(self) -> None:
        """Check that the columns fit together.

        Raises:
            ValueError: a column has another length; the message names it. A reader's bug, not the input's.
        """
        images, objects = len(self.image_id), len(self.class_id)
        for name in (*_IMAGE_LISTS, *_IMAGE_ARRAYS):
            if len(getattr(self, name)) != images:
                raise ValueError(f"Annotations.{name}: {len(getattr(self, name))} rows for {images} images")
        for name in _OBJECT_ARRAYS:
            if len(getattr(self, name)) != objects:
                raise ValueError(f"Annotations.{name}: {len(getattr(self, name))} rows for {objects} objects")
        if len(self.row_start) != images + 1 or self.row_start[-1] != objects:
            raise ValueError(f"Annotations.row_start ends at {self.row_start[-1:]} for {objects} objects")

    def __len__(self) -> int:
        return len(self.image_id)

    def place(self, image: int, row: int) -> str:
        """Name the place of object `row` of image `image` as a person finds it in the file."""
        source = self.sources[int(self.source[image])]
        return source.place_format.format(file=self.file(image), n=self.n[row], id=self.object_id[row])

    def file(self, image: int) -> str:
        """The annotation file that speaks of an image, relative to its source."""
        files = self.sources[int(self.source[image])].files
        return files[self.file_index[image]] if files else ""

    def take(self, images: Sequence[int] | NDArray[np.intp]) -> Annotations:
        """The same columns for some images only, in the order given; findings and counts stay behind."""
        index = np.asarray(images, dtype=np.intp)
        counts = (self.row_start[1:] - self.row_start[:-1])[index]
        row_start = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        rows = np.repeat(self.row_start[:-1][index] - row_start[:-1], counts) + np.arange(row_start[-1])
        taken: dict[str, Any] = {name: [getattr(self, name)[i] for i in index] for name in _IMAGE_LISTS}
        taken |= {name: getattr(self, name)[index] for name in _IMAGE_ARRAYS}
        taken |= {name: getattr(self, name)[rows] for name in _OBJECT_ARRAYS}
        return replace(
            self, **taken, row_start=row_start, findings=[], images_read=len(index), objects_read=len(rows)
        )


_IMAGE_LISTS = ("image_id", "path", "name", "split")
_IMAGE_ARRAYS = ("source", "file_index", "image_n", "image_span", "wh", "nbytes", "declared")
_OBJECT_ARRAYS = ("class_id", "xyxy", "flags", "area", "object_id", "n", "span")


def row_start_of(image: NDArray[np.integer[Any]], images: int) -> NDArray[np.int64]:
    """Row boundaries for objects sorted by image. Example: image [0, 0, 2], 3 images: [0, 2, 2, 3]."""
    counts = np.bincount(image, minlength=images) if len(image) else np.zeros(images, np.int64)
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)


@dataclass(frozen=True)
class Detail:
    """What of one entry does not fit the columns, read back when its record is written.

    polygons: rings of (x1, y1, x2, y2, ...) in the source's unit; empty without usable polygons
    extra:    every key the record's own fields do not hold, for lossless export
    findings: (code, value) of what was wrong in it; a bad polygon never touches a good box
    area:     px² of a run-length mask, for where the source gives no area; None without one
    """

    polygons: tuple[tuple[float, ...], ...] = ()
    extra: dict[str, Any] = field(default_factory=dict)
    findings: tuple[tuple[str, str], ...] = ()
    area: float | None = None


def concat(parts: Sequence[Annotations]) -> Annotations:
    """Join sources. Classes merge by name, in the order of first appearance; image ids stay unique.

    Where the ids of several parts collide, every id of a part gets the part's label in front: the stem of its
    annotation file, or else its folder.
    """
    if len(parts) == 1:
        return parts[0]
    classes = tuple(dict.fromkeys(name for part in parts for name in part.classes))
    number = {name: i for i, name in enumerate(classes)}
    sources: list[Source] = []
    columns: dict[str, list[Any]] = {name: [] for name in (*_IMAGE_LISTS, *_IMAGE_ARRAYS, *_OBJECT_ARRAYS)}
    starts, rows = [np.zeros(1, np.int64)], 0
    ids = [image_id for part in parts for image_id in part.image_id]
    labels = _labels(parts) if len(set(ids)) < len(ids) else [""] * len(parts)
    for part, label in zip(parts, labels, strict=True):
        remap = np.array([*(number[name] for name in part.classes), -1], dtype=np.int32)
        changed = {
            "class_id": remap[part.class_id],
            "source": (part.source + len(sources)).astype(np.int16),
            "image_id": [label + image_id for image_id in part.image_id],
        }
        for name, column in columns.items():
            column.append(changed.get(name, getattr(part, name)))
        sources += part.sources
        starts.append(part.row_start[1:] + rows)
        rows += len(part.class_id)
    joined: dict[str, Any] = {name: [x for col in columns[name] for x in col] for name in _IMAGE_LISTS}
    joined |= {name: np.concatenate(columns[name]) for name in (*_IMAGE_ARRAYS, *_OBJECT_ARRAYS)}
    return Annotations(
        sources=tuple(sources),
        classes=classes,
        images_read=sum(part.images_read for part in parts),
        objects_read=sum(part.objects_read for part in parts),
        findings=[finding for part in parts for finding in part.findings],
        row_start=np.concatenate(starts),
        **joined,
    )


def _labels(parts: Sequence[Annotations]) -> list[str]:
    """A distinct prefix for each part's image ids."""
    labels: list[str] = []
    for part in parts:
        source = part.sources[0]
        files = source.files
        stem = files[0].rsplit("/", 1)[-1].rsplit(".", 1)[0] if len(files) == 1 else ""
        label = stem or source.root.rstrip("/").rsplit("/", 1)[-1]
        while label + "/" in labels:
            label += "+"
        labels.append(label + "/")
    return labels
