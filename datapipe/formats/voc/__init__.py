"""Pascal VOC: one xml per picture, the split in ImageSets lists or folder names.

Which picture an xml means, whether it is there, which split it is in and what its corners mean: the policy's
rules, one function each. `xml` reads one file, `layout` knows the folders.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

from datapipe.errors import InputError, printable
from datapipe.findings import Finding
from datapipe.formats.annotations import Annotations, Detail, ReadOptions, Source
from datapipe.formats.columns import Columns, Row
from datapipe.formats.evidence import CONTENT, TELLING, Evidence
from datapipe.formats.glance import glance
from datapipe.formats.image_sets import UNLISTED, split_of_folder
from datapipe.formats.paths import Found, Problem
from datapipe.formats.text import NotReadable, read_bytes
from datapipe.formats.voc import offset as voc_offset
from datapipe.formats.voc.layout import Layout
from datapipe.formats.voc.names import listed_splits, picture_of
from datapipe.formats.voc.xml import VocFile, image_extra, object_extra, parse, tree

HAS_MORE = 1
"""First number of a span that is a marker only: VOC's details are found by the object's number."""


def read(root: str, options: ReadOptions | None = None) -> Annotations:
    """Read every xml below a folder.

    Raises:
        InputError: there is none, or a list in ImageSets is not text.
    """
    options = options or ReadOptions()
    root = os.path.realpath(root)
    if not os.path.isdir(root):
        raise InputError(f"{printable(root)}: no such folder; give the folder that holds Annotations")
    layout = Layout(root)
    if not layout.xmls:
        raise InputError(f"{printable(root)}: no .xml file in it; give the folder that holds Annotations")
    reading = _Reading(layout)
    with options.progress("reading annotations", len(layout.xmls), "files") as advance:
        for folder, name in layout.xmls:
            reading.read_file(folder, name)
            advance(1)
    reading.add_pictures_without_xml()
    return reading.finish(options)


class _Reading:
    """The columns while they grow, and who claimed which picture."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.findings: list[Finding] = []
        self.columns = Columns()
        self.files: list[str] = []
        self.classes: dict[str, int] = {}
        self.images_read = 0
        self.objects_read = 0
        self.claims: dict[str, list[int]] = {}
        self.spoken_for: set[str] = set()
        self.repeated = _repeated(os.path.splitext(name)[0] for _, name in layout.xmls)
        self.splits, self.strays = listed_splits(layout)

    def read_file(self, folder: str, name: str) -> None:
        """Read one xml and find its picture; the image becomes a row, or a finding says why not."""
        file = os.path.join(folder, name)
        stem = os.path.splitext(name)[0]
        self.images_read += 1
        try:
            voc = parse(_bytes_of(self.layout, folder, name))
        except NotReadable as reason:
            own = self.layout.of_stem(stem, folder)
            image = os.path.basename(own[0]) if own else stem
            self.findings.append(Finding("DP216", "left out", file, "", str(reason), image))
            return
        self.objects_read += voc.declared
        found, image, mended = picture_of(self.layout, folder, stem, voc.filename)
        if isinstance(found, Problem):
            self._leave_out(found.code, file, found.value, image, voc.declared)
            return
        self.claims.setdefault(found.path, []).append(len(self.columns.path))
        self.findings += [Finding(c, "repaired", file, "", v, image) for c, v in mended]
        self._add(folder, file, stem, voc, found, image)

    def _add(self, folder: str, file: str, stem: str, voc: VocFile, found: Found, image: str) -> None:
        self.findings += [
            Finding(t.code, t.action, file, f"object {t.n}", t.value, image) for t in voc.troubles
        ]
        number = self.classes
        rows = [
            Row(
                o.n,
                number.setdefault(o.name, len(number)) if o.name else -1,
                *o.xyxy,
                o.flags,
                (HAS_MORE, o.n) if o.more else (0, 0),
            )
            for o in voc.objects
        ]
        image_id = os.path.splitext(file)[0] if stem in self.repeated else stem
        self.columns.add_image(
            image_id,
            found,
            image,
            self._split(folder, file, image),
            len(self.files),
            rows,
            voc.declared,
            voc.wh,
            (HAS_MORE, HAS_MORE) if voc.more else (0, 0),
        )
        self.files.append(file)

    def _split(self, folder: str, file: str, image: str) -> str:
        """The first of train, val, test that lists the xml; the folder's name where there are no lists."""
        listed = self.splits.get(file)
        if listed is None:
            return split_of_folder(folder) or "train"
        if not listed:
            self.findings.append(Finding("DP307", "kept", file, "", "in no list of ImageSets", image))
            return UNLISTED
        if len(listed) > 1:
            self.findings.append(Finding("DP306", "kept", file, "", ", ".join(listed), image))
        return listed[0]

    def _leave_out(self, code: str, file: str, value: str, image: str, objects: int) -> None:
        """An image goes, and every object of it by name."""
        self.findings.append(Finding(code, "left out", file, "", value, image))
        self.findings += [
            Finding("DP111", "left out", file, f"object {n}", f"its image: {code}", image)
            for n in range(1, objects + 1)
        ]
        self.spoken_for.add(image)

    def add_pictures_without_xml(self) -> None:
        """Pictures nobody annotated are counted; list entries with neither xml nor picture are left out."""
        for entry in self.strays:
            self.images_read += 1
            self.findings.append(
                Finding("DP201", "left out", entry.file, f"line {entry.line}", entry.name, entry.name)
            )
        for relative in self.layout.pictures_of_nobody():
            name = os.path.basename(relative)
            real = os.path.realpath(os.path.join(self.layout.root, relative))
            if real in self.claims or name in self.spoken_for:
                continue
            self.findings.append(Finding("DP304", "kept", relative, "", "no xml file", name))

    def finish(self, options: ReadOptions) -> Annotations:
        """Number the classes by name, read the corners, leave out pictures that several xml files claim."""
        lost = self._contested()
        names = sorted(self.classes)
        # The last entry serves class_id -1.
        final = np.full(len(names) + 1, -1, dtype=np.int32)
        for new, name in enumerate(names):
            final[self.classes[name]] = new
        raw = self.columns.build(
            Source("voc", self.layout.root, "px", "object {n}", tuple(self.files)),
            tuple(names),
            self.images_read,
            self.objects_read,
            [],
        )
        kept = np.setdiff1d(np.arange(len(raw)), lost)
        image_of = np.repeat(np.arange(len(raw)), np.diff(raw.row_start))
        offset, note = voc_offset.choose(raw.xyxy, raw.wh[image_of], options.voc_offset)
        order = "classes are numbered by name, because VOC declares no order"
        taken = replace(
            raw,
            sources=(replace(raw.sources[0], notes=(note, order)),),
            class_id=final[raw.class_id],
            xyxy=raw.xyxy - np.array([offset, offset, 0, 0]),
        ).take(kept)
        return replace(
            taken,
            images_read=self.images_read,
            objects_read=self.objects_read,
            findings=self.findings,
        )

    def _contested(self) -> list[int]:
        """Images whose picture another xml claims too, unless the picture bears this xml's own name."""
        lost: list[int] = []
        for images in self.claims.values():
            if len(images) == 1:
                continue
            own = [i for i in images if _same_stem(self.files[i], self.columns.name[i])]
            lost += [i for i in images if own != [i]]
        if not lost:
            return lost
        gone = {self.files[i] for i in lost}
        # What was said about their objects is replaced: each object is accounted for exactly once.
        self.findings = [finding for finding in self.findings if finding.file not in gone]
        for i in lost:
            others = ", ".join(self.files[j] for j in self.claims[self.columns.path[i]] if j != i)
            image = self.columns.name[i]
            value = f"{image} is claimed by {others} too"
            self._leave_out("DP210", self.files[i], value, image, self.columns.declared[i])
        return lost


def _same_stem(file: str, picture: str) -> bool:
    return os.path.splitext(os.path.basename(file))[0] == os.path.splitext(picture)[0]


def _repeated(stems: Any) -> set[str]:
    return {stem for stem, times in Counter(stems).items() if times > 1}


def _bytes_of(layout: Layout, folder: str, name: str) -> bytes:
    """An xml's content, if it lies inside the source."""
    found = layout.lookup.find(name, os.path.join(layout.root, folder))
    if isinstance(found, Problem):
        raise NotReadable({"DP213": "leads out of the source"}.get(found.code, "not a readable file"))
    return read_bytes(found.path)


def read_detail(path: str, span: tuple[int, int], wh: tuple[int, int] = (0, 0)) -> Detail:
    """Read back what an object says beyond its columns: pose, parts, tags datapipe does not know.

    Args:
        path: the xml file.
        span: (HAS_MORE, number of the object from 1).
        wh: not used; COCO's masks have a size to compare.

    Raises:
        InputError: the file can no longer be read.
    """
    objects, n = _reread(path).findall("object"), span[1]
    return Detail(extra=object_extra(objects[n - 1]) if 0 < n <= len(objects) else {})


def read_image_detail(path: str, span: tuple[int, int]) -> dict[str, Any]:
    """Read back what an xml says about its picture: source, owner, segmented, depth.

    Args:
        path: the xml file.
        span: a marker only; there is one picture per file.

    Raises:
        InputError: the file can no longer be read.
    """
    return image_extra(_reread(path))


def _reread(path: str) -> Any:
    """The file's tree again; an image's objects ask for it one after the other."""
    try:
        about = os.stat(path)
        return _tree(path, about.st_ino, about.st_mtime_ns, about.st_size)
    except OSError as error:
        raise InputError(f"{printable(path)}: {error.strerror}; it has changed since it was read") from None
    except NotReadable as reason:
        raise InputError(f"{printable(path)}: {reason}; it has changed since it was read") from None


@lru_cache(maxsize=1)
def _tree(path: str, inode: int, mtime_ns: int, size: int) -> Any:
    return tree(read_bytes(path))


def sniff(root: str) -> Evidence:
    """Look for xml files that begin like an annotation; parses none."""
    seen = glance(root)
    heads = [path for path in seen.files(".xml")[:5] if "<annotation" in seen.head(path)]
    if not heads:
        xmls = len(seen.files(".xml"))
        missing = f"{xmls} .xml files, none an <annotation>" if xmls else "no .xml file"
        return Evidence("voc", 0, missing=(missing,))
    found = [f"{heads[0]} begins with <annotation>"]
    folders = [name for name in ("Annotations", "ImageSets", "JPEGImages") if name in seen.folder_names]
    found += [f"a folder {name}" for name in folders]
    return Evidence("voc", TELLING if folders else CONTENT, tuple(found))
