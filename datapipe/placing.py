"""One image of the plan becomes a record: its picture stored, its boxes placed in it, its findings told."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datapipe import boxes, formats
from datapipe.columns import normalise
from datapipe.findings import Action, Finding
from datapipe.formats.annotations import CROWD, DIFFICULT, TRUNCATED, Annotations, Detail
from datapipe.images.check import Depth
from datapipe.images.probe import ImageProblem
from datapipe.images.store import Stored, store
from datapipe.records import ImageRecord, box_area, digest

PRECISION = 2e-6
"""Share of a side by which a box may reach over the border unmentioned: the rounding of six printed
decimals."""

LARGEST_FILE = 1 << 30
"""Bytes of a picture's file: the most pixels that are taken fit in, raw; a protobuf message ends at 2 GiB."""


def place(
    annotations: Annotations, image: int, depth: Depth, findings: list[Finding]
) -> tuple[ImageRecord, bytes] | None:
    """Turn one planned image into its record.

    Args:
        annotations: the plan's columns.
        image: the row.
        depth: how far to check the picture.
        findings: what is found is appended here.

    Returns:
        The record and the bytes to store, or None if the image is left out (the findings say why, for it and
        for each of its objects).
    """
    rows = np.arange(annotations.row_start[image], annotations.row_start[image + 1])
    source = annotations.sources[annotations.source[image]]
    name, file = annotations.name[image], annotations.file(image)
    entry = f"images[{annotations.image_n[image]}]" if source.format == "coco" else ""
    try:
        stored = store(
            _read(annotations.path[image], int(annotations.nbytes[image])),
            (int(annotations.wh[image, 0]), int(annotations.wh[image, 1])),
            depth,
        )
    except ImageProblem as problem:
        findings.append(Finding(problem.code, "left out", file, entry, problem.value, name))
        findings += _carried(annotations, image, rows, problem.code)
        return None
    told = [Finding(code, "repaired", file, entry, value, name) for code, value in stored.repairs]
    if source.unit == "fraction":  # YOLO declares no size: that it is missing is no news
        told = [finding for finding in told if finding.code != "DP224"]
    xyxy = annotations.xyxy[rows]
    if source.unit == "fraction":
        xyxy = xyxy * np.array([*stored.wh, *stored.wh])
    kept, clipped, regions, codes, about_boxes = _sort_out(annotations, image, rows, xyxy, stored.wh)
    if annotations.declared[image] and not kept.any():
        lost = f"{annotations.declared[image]} objects, none usable"
        findings += [
            finding._replace(action="left out") if finding.quarantined else finding for finding in about_boxes
        ]
        findings.append(Finding("DP214", "left out", file, entry, lost, name))
        return None
    chosen = rows[kept]
    details = [_detail(annotations, image, row) for row in chosen]
    for row, detail in zip(chosen.tolist(), details, strict=True):
        for code, value in detail.findings:
            told.append(Finding(code, "kept", file, annotations.place(image, row), value, name))
    findings += told + about_boxes
    ignore = (clipped[regions].astype(np.float32), tuple(codes))
    return _record(annotations, image, chosen, clipped[kept], ignore, details, stored), stored.data


def _read(path: str, nbytes: int) -> bytes:
    if nbytes > LARGEST_FILE:
        raise ImageProblem("DP207", f"{nbytes} bytes, more than {LARGEST_FILE}")
    try:
        with open(path, "rb", buffering=0) as file:
            return file.read()
    except FileNotFoundError:
        raise ImageProblem("DP201", path.rsplit("/", 1)[-1]) from None
    except OSError as error:
        raise ImageProblem("DP203", error.strerror or str(error)) from None


def _carried(annotations: Annotations, image: int, rows: NDArray[np.int64], code: str) -> list[Finding]:
    """The objects of an image that is left out; those without a class already have their finding."""
    file, name, why = annotations.file(image), annotations.name[image], f"its image: {code}"
    return [
        Finding("DP111", "left out", file, annotations.place(image, int(row)), why, name)
        for row in rows
        if annotations.class_id[row] >= 0
    ]


def _sort_out(
    annotations: Annotations,
    image: int,
    rows: NDArray[np.int64],
    xyxy: NDArray[np.float64],
    wh: tuple[int, int],
) -> tuple[NDArray[np.bool_], NDArray[np.float64], NDArray[np.intp], list[str], list[Finding]]:
    """Decide which boxes are objects, which are regions to ignore, which are gone.

    Returns:
        kept (n,) bool; all boxes clipped to the picture (n, 4); the rows (K,) that become ignore regions and
        their codes; findings.
    """
    class_id = annotations.class_id[rows]
    classless = class_id < 0
    clipped = boxes.clip(xyxy, wh)
    fractions = normalise(clipped, wh)
    vanished = np.any(fractions[:, :2] >= fractions[:, 2:], axis=1)
    keys = [(number, box.tobytes()) for number, box in zip(class_id.tolist(), xyxy, strict=True)]
    plain = not (classless.any() or vanished.any() or (clipped != xyxy).any())
    if plain and len(set(keys)) == len(keys):  # nearly every image: nothing to tell
        return np.ones(len(rows), np.bool_), clipped, np.zeros(0, np.intp), [], []
    file, name = annotations.file(image), annotations.name[image]
    visible = boxes.area(clipped) > 0
    outside = boxes.inside_fraction(xyxy, wh) < 0.5
    kept = ~(classless | outside | vanished)
    moved = (np.abs(clipped - xyxy) > PRECISION * max(wh)).any(axis=1)
    found: list[Finding] = []

    def tell(code: str, action: Action, row: int | np.intp) -> None:
        value = "xyxy " + " ".join(f"{v:g}" for v in xyxy[row]) + f" in {wh[0]}x{wh[1]}"
        found.append(Finding(code, action, file, annotations.place(image, int(rows[row])), value, name))

    for row in np.flatnonzero(~classless & (outside | vanished)):
        region = outside[row] and visible[row] and not vanished[row]
        tell("DP104" if outside[row] else "DP105", "ignored" if region else "left out", row)
    for row in np.flatnonzero(kept & moved):
        tell("DP121", "repaired", row)
    seen: set[tuple[int, bytes]] = set()
    for row in np.flatnonzero(kept):
        if keys[row] in seen:
            tell("DP131", "kept", row)
        seen.add(keys[row])
    region_rows = np.flatnonzero((classless | outside) & visible & ~vanished)
    codes = ["DP106" if classless[row] else "DP104" for row in region_rows]
    return kept, clipped, region_rows, codes, found


def _detail(annotations: Annotations, image: int, row: int) -> Detail:
    return formats.read_detail(annotations, image, int(row)) if annotations.span[row, 1] else Detail()


def _record(
    annotations: Annotations,
    image: int,
    rows: NDArray[np.int64],
    xyxy: NDArray[np.float64],
    ignore: tuple[NDArray[np.float32], tuple[str, ...]],
    details: Sequence[Detail],
    stored: Stored,
) -> ImageRecord:
    source = annotations.sources[annotations.source[image]]
    scale = np.array(stored.wh if source.unit == "fraction" else (1, 1), np.float64)
    flags = annotations.flags[rows]
    area = annotations.area[rows].astype(np.float32)
    masked = [np.nan if detail.area is None else detail.area for detail in details]
    extras = [dict(detail.extra) for detail in details]
    poses = tuple(str(extra.pop("pose", "")) for extra in extras)
    record = ImageRecord(
        image_id=annotations.image_id[image],
        filename=annotations.name[image],
        path=_relative(annotations.path[image], source.root),
        source=int(annotations.source[image]),
        format=stored.format,
        wh=stored.wh,
        sha256=digest(stored.data),
        xyxy=xyxy.astype(np.float32),
        class_id=annotations.class_id[rows],
        crowd=(flags & CROWD) != 0,
        difficult=(flags & DIFFICULT) != 0,
        truncated=(flags & TRUNCATED) != 0,
        area=np.where(np.isnan(area), np.array(masked, np.float32), area),
        object_id=tuple(str(value) for value in annotations.object_id[rows]),
        pose=poses,
        extra=tuple(_json(extra) for extra in extras),
        polygons=tuple(
            tuple((np.array(ring).reshape(-1, 2) * scale).astype(np.float32) for ring in detail.polygons)
            for detail in details
        ),
        left_out_xyxy=ignore[0],
        left_out_code=ignore[1],
        image_extra=_json(formats.read_image_detail(annotations, image)),
    )
    return box_area(record)


def _relative(path: str, root: str) -> str:
    """The picture's path below its source, or as it is when --images lies elsewhere."""
    prefix = root.rstrip("/") + "/"
    return path[len(prefix) :] if path.startswith(prefix) else path


def _json(extra: dict[str, Any]) -> str:
    return json.dumps(extra, ensure_ascii=False, sort_keys=True) if extra else ""
