"""Collects the columns of an `Annotations`, image by image, in a few bytes per object."""

from __future__ import annotations

from array import array
from typing import NamedTuple

import numpy as np

from datapipe.findings import Action, Finding
from datapipe.formats.annotations import Annotations, Source
from datapipe.formats.paths import Found


class Row(NamedTuple):
    """One object: see `Annotations` for what the fields mean."""

    n: int
    class_id: int
    x1: float
    y1: float
    x2: float
    y2: float
    flags: int = 0
    span: tuple[int, int] = (0, 0)


class Trouble(NamedTuple):
    """What is wrong with object n of a file: a `Finding` that does not know the file yet."""

    n: int
    code: str
    action: Action
    value: str


class Columns:
    """Images and their objects, appended in order; `build` makes the `Annotations`.

    Packed arrays rather than lists of rows: an object costs 73 bytes here, some 400 as Python objects.
    """

    def __init__(self) -> None:
        self.image_id: list[str] = []
        self.path: list[str] = []
        self.name: list[str] = []
        self.split: list[str] = []
        self.file_index = array("i")
        self.wh = array("q")
        self.nbytes = array("q")
        self.declared = array("i")
        self.image_span = array("q")
        self.row_start = array("q", [0])
        self.class_id = array("i")
        self.xyxy = array("d")
        self.flags = array("B")
        self.n = array("q")
        self.span = array("q")

    def add_image(
        self,
        image_id: str,
        found: Found,
        name: str,
        split: str,
        file_index: int,
        rows: list[Row],
        declared: int,
        wh: tuple[int, int] = (0, 0),
        span: tuple[int, int] = (0, 0),
    ) -> None:
        """Append an image and its usable objects; `declared` counts the others too."""
        self.image_id.append(_text(image_id))
        self.path.append(found.path)
        self.name.append(_text(name))
        self.split.append(split)
        self.file_index.append(file_index)
        self.wh.extend(wh)
        self.nbytes.append(found.nbytes)
        self.declared.append(declared)
        self.image_span.extend(span)
        for n, class_id, x1, y1, x2, y2, flags, row_span in rows:
            self.n.append(n)
            self.class_id.append(class_id)
            self.xyxy.extend((x1, y1, x2, y2))
            self.flags.append(flags)
            self.span.extend(row_span)
        self.row_start.append(len(self.class_id))

    def build(
        self,
        source: Source,
        classes: tuple[str, ...],
        images_read: int,
        objects_read: int,
        findings: list[Finding],
    ) -> Annotations:
        """Make the columns of one source; what this source has no column for is filled in."""
        images, objects = len(self.image_id), len(self.class_id)
        n = np.array(self.n, dtype=np.int64)
        return Annotations(
            sources=(source,),
            classes=classes,
            images_read=images_read,
            objects_read=objects_read,
            findings=findings,
            image_id=self.image_id,
            path=self.path,
            name=self.name,
            split=self.split,
            source=np.zeros(images, np.int16),
            file_index=np.array(self.file_index, dtype=np.int32),
            image_n=np.zeros(images, np.int64),
            image_span=np.array(self.image_span, dtype=np.int64).reshape(images, 2),
            wh=np.array(self.wh, dtype=np.int64).reshape(images, 2),
            nbytes=np.array(self.nbytes, dtype=np.int64),
            declared=np.array(self.declared, dtype=np.int32),
            row_start=np.array(self.row_start, dtype=np.int64),
            class_id=np.array(self.class_id, dtype=np.int32),
            xyxy=np.array(self.xyxy, dtype=np.float64).reshape(objects, 4),
            flags=np.array(self.flags, dtype=np.uint8),
            area=np.full(objects, np.nan),
            object_id=n.copy(),
            n=n,
            span=np.array(self.span, dtype=np.int64).reshape(objects, 2),
        )


def _text(name: str) -> str:
    r"""File names need not be UTF-8; ids must. b"\xff.jpg" becomes the text \xff.jpg."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return name
