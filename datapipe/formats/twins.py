"""One picture under several entries: within a COCO file, over its splits, or over several sources."""

from __future__ import annotations

from dataclasses import replace

from datapipe.findings import Action, Finding
from datapipe.formats.annotations import Annotations


def settle(annotations: Annotations) -> Annotations:
    """Leave out entries without objects beside an entry of the same picture with objects; mention the others.

    An entry without objects says "background" of a picture whose other entry says what is in it: it is left
    out (DP210). Entries of one picture in several splits leak (DP306); several in one split are mentioned
    (DP308).

    Returns:
        The annotations with findings added; rows only go where background would have been a lie.
    """
    if len(set(annotations.path)) == len(annotations):
        return annotations
    rows: dict[str, list[int]] = {}
    for row, path in enumerate(annotations.path):
        rows.setdefault(path, []).append(row)
    gone: set[int] = set()
    findings: list[Finding] = []

    def tell(code: str, row: int, value: str) -> None:
        place, name = f"image {annotations.image_id[row]}", annotations.name[row]
        action: Action = "left out" if code == "DP210" else "kept"
        findings.append(Finding(code, action, annotations.file(row), place, value, name))

    for twins in (found for found in rows.values() if len(found) > 1):
        told = [row for row in twins if annotations.declared[row]] or twins
        first = told[0]
        for row in twins:
            if row not in told:
                gone.add(row)
                tell(
                    "DP210",
                    row,
                    f"the same picture as image {annotations.image_id[first]}, which has objects",
                )
            elif row != first:
                apart = annotations.split[row] != annotations.split[first]
                splits = f"in {annotations.split[first]} and {annotations.split[row]}"
                tell(
                    "DP306" if apart else "DP308", row, f"also image {annotations.image_id[first]}, {splits}"
                )
    if not findings:
        return annotations
    kept = (
        annotations.take([row for row in range(len(annotations)) if row not in gone]) if gone else annotations
    )
    return replace(
        kept,
        findings=annotations.findings + findings,
        images_read=annotations.images_read,
        objects_read=annotations.objects_read,
    )
