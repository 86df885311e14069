"""YOLO: one text file of rows per picture, names and splits in data.yaml, obj.data or classes.txt.

`layout` knows which pictures there are, `rows` reads one label file; here they meet.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from datapipe.errors import InputError, printable
from datapipe.findings import Finding
from datapipe.formats.annotations import Annotations, Detail, ReadOptions, Source
from datapipe.formats.columns import Columns
from datapipe.formats.evidence import CONTENT, FILE, HINT, TELLING, Evidence
from datapipe.formats.glance import glance
from datapipe.formats.paths import Found, Problem
from datapipe.formats.text import NotReadable, read_bytes
from datapipe.formats.yolo.labels import Labels
from datapipe.formats.yolo.layout import Layout, Listed, survey
from datapipe.formats.yolo.names import NAME_FILES
from datapipe.formats.yolo.plan import YAML_NAMES
from datapipe.formats.yolo.rows import YoloFile, looks_like_labels, parse, read_polygon

_YAML = (".yaml", ".yml")


@dataclass
class _Image:
    """One picture, however often it is listed."""

    listed: Listed
    label: str
    label_found: Found | Problem
    splits: list[str] = field(default_factory=list)


def read(root: str, options: ReadOptions | None = None) -> Annotations:
    """Read a folder, or the folder of a data.yaml given by its own path.

    Raises:
        InputError: no class names, names or splits that cannot be believed, or no picture at all.
    """
    options = options or ReadOptions()
    root = os.path.realpath(root)
    yaml_file = None
    if root.lower().endswith(_YAML) and os.path.isfile(root):
        root, yaml_file = os.path.split(root)
    if not os.path.isdir(root):
        raise InputError(f"{printable(root)}: no such folder; give the one with data.yaml or classes.txt")
    layout = survey(root, yaml_file)
    reading = _Reading(layout)
    images = reading.merge()
    with options.progress("reading annotations", len(images), "files") as advance:
        for image in images:
            reading.read_image(image)
            advance(1)
    reading.add_orphans()
    return reading.finish()


class _Reading:
    """The columns while they grow."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.labels = Labels(layout)
        self.classes = len(layout.plan.names)
        self.findings = list(layout.findings)
        self.columns = Columns()
        self.files: list[str] = []
        self.images_read = 0
        self.objects_read = 0
        self.sharing: Counter[str] = Counter()
        self.told: set[str] = set()
        self.repeated: set[str] = set()

    def merge(self) -> list[_Image]:
        """Each picture once, with its label and the splits that list it; missing ones too."""
        images: dict[tuple[str, str], _Image] = {}
        for listed, (label, found) in zip(self.layout.listed, self.labels.find_all(), strict=True):
            real = found.path if isinstance(found, Found) else label
            picture = listed.found.path if isinstance(listed.found, Found) else listed.relative
            image = images.setdefault((picture, real), _Image(listed, label, found))
            if listed.split in image.splits:
                value = f"{listed.relative} stands there twice"
                self.findings.append(Finding("DP227", "repaired", *_where(listed, label), value, listed.name))
            else:
                image.splits.append(listed.split)
        merged = list(images.values())
        self.sharing = Counter(
            image.label_found.path
            for image in merged
            if isinstance(image.label_found, Found) and isinstance(image.listed.found, Found)
        )
        ids = Counter(os.path.splitext(image.listed.relative)[0] for image in merged)
        self.repeated = {image_id for image_id, times in ids.items() if times > 1}
        return merged

    def read_image(self, image: _Image) -> None:
        """Read one picture's label; the image becomes a row, or a finding says why not."""
        self.images_read += 1
        listed, label = image.listed, image.label
        try:
            rows, problem = self._rows(image), None
        except NotReadable as reason:
            rows, problem = YoloFile([], [], []), Problem("DP216", str(reason))
        sharers = self.sharing.get(getattr(image.label_found, "path", ""), 0)
        if isinstance(listed.found, Problem):
            problem = listed.found
        elif sharers > 1 and problem is None:
            problem = Problem("DP210", f"{sharers} pictures for {label}")
        if problem is not None:
            # The rows of a missing picture's label may belong to one that is there.
            others = sharers and isinstance(listed.found, Problem)
            rows = YoloFile([], [], []) if others else rows
            self._leave_out(problem, _where(listed, label), label, listed.name, rows)
            return
        assert isinstance(listed.found, Found)
        self._tell(image, listed.found)
        self.objects_read += len(rows.lines)
        self.findings += [
            Finding(t.code, t.action, label, f"{label}:{t.n}", t.value, listed.name) for t in rows.troubles
        ]
        stem = os.path.splitext(listed.relative)[0]
        self.columns.add_image(
            listed.relative if stem in self.repeated else stem,
            listed.found,
            listed.name,
            image.splits[0],
            len(self.files),
            rows.rows,
            len(rows.lines),
        )
        self.files.append(label)

    def _rows(self, image: _Image) -> YoloFile:
        """The label's rows; none for a picture without a label file."""
        found = image.label_found
        if isinstance(found, Found):
            return parse(read_bytes(found.path), self.classes)
        if found.code == "DP201":
            return YoloFile([], [], [])
        outside = found.code == "DP213"
        raise NotReadable("leads out of the source" if outside else "not a readable file")

    def _tell(self, image: _Image, found: Found) -> None:
        """What is worth knowing about an image that is kept."""
        listed, label = image.listed, image.label
        where = _where(listed, label)
        tell = self.findings.append
        if isinstance(image.label_found, Problem):
            tell(Finding("DP305", "kept", label, "", "no label file", listed.name))
        if len(image.splits) > 1:
            tell(Finding("DP306", "kept", *where, ", ".join(image.splits), listed.name))
        if found.repaired or getattr(image.label_found, "repaired", False):
            tell(Finding("DP221", "repaired", *where, listed.relative, listed.name))

    def _leave_out(
        self, problem: Problem, where: tuple[str, str], label: str, image: str, rows: YoloFile
    ) -> None:
        """An image goes, and the objects of its label by line, once for all images that share it."""
        self.findings.append(Finding(problem.code, "left out", *where, problem.value, image))
        if not rows.lines or label in self.told:
            return
        self.told.add(label)
        self.objects_read += len(rows.lines)
        self.findings += [
            Finding("DP111", "left out", label, f"{label}:{n}", f"its image: {problem.code}", image)
            for n in rows.lines
        ]

    def add_orphans(self) -> None:
        """Label files without a picture are left out with their rows."""
        for label in self.labels.orphans():
            self.images_read += 1
            try:
                rows = parse(read_bytes(os.path.join(self.layout.root, label)), self.classes)
            except NotReadable:
                rows = YoloFile([], [], [])
            name = os.path.splitext(os.path.basename(label))[0]
            self._leave_out(Problem("DP217", f"no picture {name}"), (label, ""), label, name, rows)

    def finish(self) -> Annotations:
        """The columns of this source."""
        layout = self.layout
        source = Source("yolo", layout.root, "fraction", "{file}:{n}", tuple(self.files), tuple(layout.notes))
        return self.columns.build(
            source, layout.plan.names, self.images_read, self.objects_read, self.findings
        )


def _where(listed: Listed, label: str) -> tuple[str, str]:
    """File and place to look at for a picture: the list that names it, or else its label."""
    return (listed.file, f"{listed.file}:{listed.line}") if listed.file else (label, "")


def read_detail(path: str, span: tuple[int, int], wh: tuple[int, int] = (0, 0)) -> Detail:
    """Read a polygon back, as fractions of the picture's sides.

    Args:
        path: the label file.
        span: (offset, length) of the row in the file as UTF-8.
        wh: not used; COCO's masks have a size to compare.

    Raises:
        InputError: the file can no longer be read.
    """
    try:
        polygon = read_polygon(read_bytes(path), span)
    except NotReadable as reason:
        raise InputError(f"{printable(path)}: {reason}; it has changed since it was read") from None
    return Detail(polygons=(polygon,) if polygon else ())


def read_image_detail(path: str, span: tuple[int, int]) -> dict[str, Any]:
    """Nothing: a YOLO label says nothing about its picture."""
    return {}


def sniff(root: str) -> Evidence:
    """Look for data.yaml, obj.data, a file of names, and text files that begin like rows."""
    from datapipe.formats.yolo.data_yaml import has_names

    if os.path.isfile(root) and root.lower().endswith(_YAML):
        if has_names(root):
            return Evidence("yolo", FILE, (f"{os.path.basename(root)} has names",))
        return Evidence("yolo", 0, missing=(f"{os.path.basename(root)} has no names",))
    seen = glance(root)
    yamls = [n for n in seen.files(*_YAML) if "/" not in n]
    named = [n for n in yamls if n in YAML_NAMES or has_names(os.path.join(root, n))]
    darknet = [n for n in seen.files(".data") if "/" not in n]
    names = [n for n in seen.files(".txt", ".labels") if os.path.basename(n).lower() in NAME_FILES]
    names += seen.files(".names")
    labels = [n for n in seen.files(".txt")[:50] if looks_like_labels(seen.head(n))]
    found = [f"{name} has names" for name in named[:1]]
    found += [f"{name} is a darknet data file" for name in darknet[:1]]
    found += [f"{name} names classes" for name in names[:1]]
    found += [f"{name} has rows of numbers" for name in labels[:1]]
    if named or darknet or (names and labels):
        telling = named or darknet or "labels" in seen.folder_names
        return Evidence("yolo", TELLING if telling else CONTENT, tuple(found))
    if labels:
        return Evidence("yolo", HINT, tuple(found), ("no data.yaml, obj.data or classes.txt with names",))
    missing = ["no data.yaml or obj.data", "no classes.txt with label files"]
    return Evidence("yolo", 0, tuple(found), tuple(missing))
