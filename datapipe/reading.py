"""From source folders to one set of annotations: detect each format, read it, merge by class name, select."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from datapipe import formats
from datapipe.errors import InputError, UsageError, did_you_mean, printable
from datapipe.findings import Finding
from datapipe.formats.annotations import Annotations, ReadOptions, concat, row_start_of
from datapipe.formats.detect import choose, detect
from datapipe.formats.evidence import Evidence
from datapipe.formats.twins import settle
from datapipe.progress import Progress, silent


@dataclass(frozen=True)
class Selection:
    """What to read of the sources.

    format:     "auto" decides for each source by what is there
    images:     folder of the pictures, where the annotations do not say
    voc_offset: what VOC's smallest corner means; see `formats.voc`
    classes:    only these, in this order; () for all
    """

    format: Literal["auto", "coco", "voc", "yolo"] = "auto"
    images: str | None = None
    voc_offset: Literal["auto", "0", "1"] = "auto"
    classes: tuple[str, ...] = ()


def read_sources(sources: Sequence[str], selection: Selection, progress: Progress = silent) -> Annotations:
    """Read every source and merge them.

    Raises:
        InputError: a source is not there, of no known format, or unusable as a whole.
        UsageError: a source or a class to select stands there twice, a class is in none of the sources, or
            --images is given where nothing asks for it.
    """
    _each_once(sources, "SRC")
    _each_once(selection.classes, "--classes")
    seen = [evidence_of(source, selection.format) for source in sources]
    if selection.images is not None and all(evidence.format != "coco" for evidence in seen):
        told = " and ".join(sorted({evidence.format.upper() for evidence in seen}))
        raise UsageError(f"--images: only COCO needs it; {told} pictures are where the source has them")
    parts = []
    for source, evidence in zip(sources, seen, strict=True):
        options = ReadOptions(selection.images, selection.voc_offset, progress)
        parts.append(formats.reader(evidence.format).read(os.path.realpath(source), options))
    merged = settle(concat(parts))
    return select(merged, selection.classes) if selection.classes else merged


def _each_once(words: Sequence[str], what: str) -> None:
    """Refuse repeats: a source read twice doubles its pictures, a class named twice has two labels."""
    seen: set[str] = set()
    for word in words:
        same = os.path.realpath(word) if what == "SRC" else word
        if same in seen:
            raise UsageError(f"{what}: {printable(word)} is given twice; give it once")
        seen.add(same)


def evidence_of(source: str, wanted: Literal["auto", "coco", "voc", "yolo"] = "auto") -> Evidence:
    """Decide a source's format and say why.

    Raises:
        InputError: the source is not there or its format cannot be told.
    """
    if not os.path.exists(source):
        raise InputError(f"{printable(source)}: no such folder or file")
    if selection_error := _unreadable(source):
        raise InputError(f"{printable(source)}: {selection_error}")
    return choose(os.path.realpath(source), wanted)


def seen_in(source: str) -> list[Evidence]:
    """What speaks for and against every format, best first."""
    return detect(os.path.realpath(source))


def _unreadable(source: str) -> str:
    return "" if os.access(source, os.R_OK) else "cannot be read: permission denied"


def select(annotations: Annotations, classes: Sequence[str]) -> Annotations:
    """Keep only some classes; objects of the others are left out, by request, and become background.

    Raises:
        UsageError: a class is not there; names the nearest one.
    """
    for name in classes:
        if name not in annotations.classes:
            raise UsageError(f"--classes: no class {name!r}: {did_you_mean(name, annotations.classes)}")
    remap = np.array(
        [classes.index(name) if name in classes else -2 for name in annotations.classes] + [-1], np.int32
    )
    class_id = remap[annotations.class_id]
    images = np.repeat(np.arange(len(annotations)), np.diff(annotations.row_start))
    keep = class_id != -2
    gone = np.flatnonzero(~keep)
    findings = [
        Finding(
            "DP112",
            "left out",
            annotations.file(int(images[row])),
            annotations.place(int(images[row]), int(row)),
            annotations.classes[annotations.class_id[row]],
            annotations.name[int(images[row])],
        )
        for row in gone
    ]
    return replace(
        annotations,
        classes=tuple(classes),
        findings=annotations.findings + findings,
        declared=annotations.declared
        - np.bincount(images[gone], minlength=len(annotations)).astype(np.int32),
        row_start=row_start_of(images[keep], len(annotations)),
        class_id=class_id[keep],
        **{
            name: getattr(annotations, name)[keep]
            for name in ("xyxy", "flags", "area", "object_id", "n", "span")
        },
    )
