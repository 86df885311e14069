"""COCO's columns become `Annotations`: ids lead to rows, what leads nowhere becomes a finding."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datapipe.findings import Finding
from datapipe.formats.annotations import Annotations, Source, row_start_of
from datapipe.formats.coco.classes import Classes
from datapipe.formats.coco.columns import ImageColumns, ObjectColumns
from datapipe.formats.coco.fast import NO_ID
from datapipe.formats.coco.files import CocoFile
from datapipe.formats.coco.json_exact import compact
from datapipe.formats.coco.json_text import read_span
from datapipe.formats.coco.records import Id, read_record
from datapipe.formats.paths import Found, Lookup

_UNKNOWN = -1


@dataclass(frozen=True, eq=False)
class Located:
    """The images of a file and their pictures.

    found:    per entry of `images` its picture, None: left out or merged into an earlier one
    entry_of: id -> its (first) entry
    read:     images met; merged repeats do not count
    """

    found: list[Found | None]
    entry_of: dict[int | str, int]
    read: int
    findings: list[Finding]


def locate(images: ImageColumns, file: CocoFile, folder: str, lookup: Lookup) -> Located:
    """Look every image's picture up and settle repeated ids."""
    findings: list[Finding] = []
    left_out: set[int] = set()

    def tell(n: int, code: str, value: str) -> None:
        place = _place("images", n, images.id[n])
        findings.append(Finding(code, "left out", file.relative, place, value, images.name[n]))
        left_out.add(n)

    for n, problems in images.problems.items():
        tell(n, *problems[0])
    entry_of, repeats = _first_entries(images)
    merged: set[int] = set()
    for first, others in repeats.items():
        twins, ambiguous = _settle([n for n in (first, *others) if n not in left_out], images, file)
        merged |= set(twins)
        for n in twins:
            place = _place("images", n, images.id[n])
            findings.append(
                Finding("DP227", "repaired", file.relative, place, images.name[n], images.name[n])
            )
        for n, value in ambiguous:
            tell(n, "DP210", value)
    found: list[Found | None] = [None] * len(images)
    for n, name in enumerate(images.name):
        if n in left_out or n in merged:
            continue
        picture = lookup.find(name, folder)
        if not isinstance(picture, Found):
            tell(n, picture.code, picture.value)
            continue
        found[n] = picture
        if picture.repaired:
            place = _place("images", n, images.id[n])
            findings.append(Finding("DP221", "repaired", file.relative, place, name, name))
    return Located(found, entry_of, len(images) - len(merged), findings)


def _first_entries(images: ImageColumns) -> tuple[dict[int | str, int], dict[int, list[int]]]:
    """The first entry of every id, and the further entries of those that have some."""
    entry_of: dict[int | str, int] = {}
    repeats: dict[int, list[int]] = {}
    for n, image_id in enumerate(images.id.tolist()):
        if image_id is None or image_id == NO_ID:
            continue
        first = entry_of.setdefault(image_id, n)
        if first != n:
            repeats.setdefault(first, []).append(n)
    return entry_of, repeats


def _settle(same: list[int], images: ImageColumns, file: CocoFile) -> tuple[list[int], list[tuple[int, str]]]:
    """Entries with one id: which only repeat another, and which leave open what is meant.

    Records that differ in nothing a picture or its boxes depend on (file and declared size) mean
    the same picture; of two declared sizes or two files neither can be chosen.
    """
    meanings = {(images.name[n], *images.wh[n].tolist()) for n in same}
    if len(meanings) <= 1:
        return same[1:], []
    twins: list[int] = []
    distinct: list[int] = []
    known: dict[Any, list[tuple[Any, str]]] = {}  # by meaning: many names under one id make no n² pairs
    for n in same:
        record = read_record(read_span(file.path, *images.span[n].tolist()), file.relative, f"images[{n}]")
        text = compact(record)
        alike = known.setdefault((images.name[n], *images.wh[n].tolist()), [])
        if any(record == other or text == told for other, told in alike):
            twins.append(n)
        else:
            distinct.append(n)
            alike.append((record, text))
    names = sorted({images.name[n] for n in same})
    value = "one id for " + (", ".join(names[:3]) if len(names) > 1 else "several declared sizes")
    return twins, [(n, value) for n in distinct]


def join(
    images: ImageColumns,
    objects: ObjectColumns,
    located: Located,
    classes: Classes,
    source: Source,
    file: CocoFile,
) -> Annotations:
    """Sort the objects under their images and name everything that is left out; uses `objects` up."""
    rows = [n for n, picture in enumerate(located.found) if picture is not None]
    row_of = np.full(len(images) + 1, _UNKNOWN, np.int64)
    row_of[rows] = np.arange(len(rows))
    entry = match(objects.image, located.entry_of)
    class_id = match(objects.category, {category: i for i, category in enumerate(classes.ids)}).astype(
        np.int32
    )
    read = len(objects)
    image = row_of[entry]  # an unknown entry is -1: the last, which has no row
    kept = (image >= 0) & ~np.isnan(objects.xyxy[:, 0])
    findings = [
        *located.findings,
        *_object_findings(images, objects, entry, image, kept, class_id, file),
    ]
    declared = np.bincount(entry[(entry >= 0)], minlength=len(images))[rows].astype(np.int32)
    for column in ("image", "category"):
        objects.move(column, np.zeros(0, np.intp))
    order = np.flatnonzero(kept)
    order = order[np.argsort(image[order], kind="stable")]
    pictures = [picture for picture in located.found if picture is not None]
    return Annotations(
        sources=(source,),
        classes=classes.names,
        images_read=located.read,
        objects_read=read,
        findings=[*classes.findings, *findings],
        image_id=_texts([images.id[n] for n in rows]),
        path=[picture.path for picture in pictures],
        name=[_shown_name(images.name[n], picture) for n, picture in zip(rows, pictures, strict=True)],
        split=[file.split] * len(rows),
        source=np.zeros(len(rows), np.int16),
        file_index=np.zeros(len(rows), np.int32),
        image_n=np.array(rows, np.int64),
        image_span=images.span[rows].reshape(-1, 2),
        wh=images.wh[rows].reshape(-1, 2),
        nbytes=np.array([picture.nbytes for picture in pictures], np.int64),
        declared=declared,
        row_start=row_start_of(image[order], len(rows)),
        class_id=class_id[order],
        xyxy=objects.move("xyxy", order),
        flags=objects.move("flags", order),
        area=objects.move("area", order),
        object_id=_object_ids(objects.move("id", order), order),
        n=order.astype(np.int64),
        span=objects.move("span", order),
    )


def match(ids: NDArray[Any], numbers: Mapping[int | str, int]) -> NDArray[np.int64]:
    """Number of each id, -1 for none.

    Args:
        ids: (K,) a column of ids, see `columns.Ids`.
        numbers: number of each known id.

    Returns:
        (K,) int64. Example: ids [7, 9, 7], numbers {7: 0, "9": 1} give [0, -1, 0].
    """
    if ids.dtype == object:
        return np.fromiter((numbers.get(i, _UNKNOWN) for i in ids), np.int64, len(ids))
    small = [(i, n) for i, n in numbers.items() if isinstance(i, int) and NO_ID < i < 1 << 63]
    if not small:
        return np.full(len(ids), _UNKNOWN, np.int64)
    table = np.array(sorted(small), np.int64)
    at = np.minimum(np.searchsorted(table[:, 0], ids), len(table) - 1)
    return np.where(table[at, 0] == ids, table[at, 1], _UNKNOWN)


def used_ids(ids: NDArray[Any]) -> set[Id]:
    """The different ids of a column."""
    return set(ids.tolist() if ids.dtype == object else np.unique(ids).tolist()) - {None, NO_ID}


def _object_findings(
    images: ImageColumns,
    objects: ObjectColumns,
    entry: NDArray[np.int64],
    image: NDArray[np.int64],
    kept: NDArray[np.bool_],
    class_id: NDArray[np.int32],
    file: CocoFile,
) -> Iterator[Finding]:
    """One finding for every object that is left out or has no class, and those of flags, in order."""
    odd = ~kept | (class_id < 0)
    odd[list(objects.problems)] = True
    for n in np.flatnonzero(odd).tolist():
        problems = objects.problems.get(n, ())
        place = _place("annotations", n, objects.id[n])
        name = images.name[entry[n]] if entry[n] >= 0 else ""
        if kept[n]:
            if class_id[n] < 0:
                value = dict(problems).get("DP106") or f"category_id {_id_text(objects.category[n])}"
                yield Finding("DP106", "ignored", file.relative, place, value, name)
            for code, value in problems:
                if code == "DP133":
                    yield Finding(code, "kept", file.relative, place, value, name)
        else:
            code, value = _why_left_out(dict(problems), objects, n, entry[n] >= 0, image[n] >= 0)
            yield Finding(code, "left out", file.relative, place, value, name)


def _why_left_out(
    problems: dict[str, str], objects: ObjectColumns, n: int, known_image: bool, has_row: bool
) -> tuple[str, str]:
    """The one reason an object is left out for: no record, its image, then its box."""
    for code in ("DP108", "DP107"):
        if code in problems:
            return code, problems[code]
    if not has_row:
        return "DP111" if known_image else "DP107", f"image_id {_id_text(objects.image[n])}"
    return next((code, problems[code]) for code in ("DP101", "DP102", "DP103") if code in problems)


def _place(array: str, n: int, record_id: Id) -> str:
    shown = f"#{n}" if record_id is None or record_id == NO_ID else record_id
    return f"{array}[{n}] id {shown}"


def _id_text(record_id: Any) -> str:
    return compact(record_id if isinstance(record_id, str) else int(record_id))


def _texts(ids: list[Any]) -> list[str]:
    """Image ids as text, unique: where 7 and "7" both are ids, the text one keeps its quotes."""
    taken = {str(i) for i in ids if not isinstance(i, str)}
    texts = []
    for image_id in ids:
        text = str(image_id)
        while isinstance(image_id, str) and text in taken:
            text = f'"{text}"'
        taken.add(text)
        texts.append(text)
    return texts


def _object_ids(ids: NDArray[Any], n: NDArray[np.intp]) -> NDArray[Any]:
    """Ids as the user knows them: int64 if all are, else objects; "#index" where there is none."""
    values = ids
    if ids.dtype == object:
        if all(isinstance(i, int) and NO_ID < i < 1 << 63 for i in ids):
            return ids.astype(np.int64)
        without = np.array([i is None for i in ids], np.bool_)
    else:
        without = ids == NO_ID
        if not without.any():
            return ids
        values = ids.astype(object)
    values[without] = [f"#{i}" for i in n[without].tolist()]
    return values


def _shown_name(name: str, picture: Found) -> str:
    return name.replace("\\", "/") if picture.repaired else name
