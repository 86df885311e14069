"""What people decide in the app, as edits: tags, corrected names and moved boxes; and whose word counts.

    on a picture: leave_out, fine
    on an object: ignore, fine, class:<name>, box (take the box as it is drawn now)

A tag `why:<text>` beside them is the reason. A new name or a moved box counts without a tag, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from datapipe.edits import Edit, Kind
from datapipe.errors import did_you_mean, printable

Xyxy = tuple[float, float, float, float]
MOVED_PX = 0.5
"""A side of a box is moved when it is at least this far from where it stood; less is a slip of the mouse or
the rounding of fractions."""
ON_IMAGE, ON_OBJECT = ("leave_out", "fine"), ("ignore", "fine", "box")
CLASS, WHY = "class:", "why:"


class MarkedObject(NamedTuple):
    """An object as the app holds it, beside what the shards hold; boxes in px."""

    object_id: str
    name: str
    stored_name: str
    xyxy: Xyxy
    stored_xyxy: Xyxy
    tags: tuple[str, ...]


class MarkedImage(NamedTuple):
    """A picture as the app holds it. added: objects drawn in the app; gone: ids of those deleted there."""

    image_id: str
    wh: tuple[int, int]
    tags: tuple[str, ...]
    objects: tuple[MarkedObject, ...]
    added: int = 0
    gone: tuple[str, ...] = ()


@dataclass(frozen=True)
class Decided:
    """Edits in the order of the pictures, and what cannot be kept, a line each."""

    edits: tuple[Edit, ...] = ()
    remarks: tuple[str, ...] = ()


def decisions(images: Iterable[MarkedImage], classes: Sequence[str]) -> Decided:
    """Read the decisions off pictures."""
    edits: list[Edit] = []
    remarks: list[str] = []
    for image in images:
        where = f"image {printable(image.image_id)!r}"
        why = _why(image.tags)
        edits += [Edit(image.image_id, kind, why=why) for kind in _kinds(image.tags, ON_IMAGE)]
        for tag in _misplaced(image.tags, ON_IMAGE, ON_OBJECT):
            remarks.append(f"{where} is tagged {tag!r}, which is said of an object: tag its box")
        if image.added:
            remarks.append(
                f"{where}: {image.added} boxes drawn in the app are not kept: add them to the source"
            )
        for object_id in image.gone:
            remarks.append(f"{where}: object {object_id!r} was deleted in the app: tag it `ignore` instead")
        for one in image.objects:
            if not one.tags and one.name == one.stored_name and not _moved(one):
                continue  # nearly every object
            told = _of_object(image, one, classes, f"{where}, object {printable(one.object_id)!r}")
            edits += told.edits
            remarks += told.remarks
    return Decided(tuple(edits), tuple(remarks))


def _of_object(image: MarkedImage, one: MarkedObject, classes: Sequence[str], where: str) -> Decided:
    why = _why(one.tags)
    remarks = [
        f"{where} is tagged {tag!r}, which is said of a picture: tag the picture"
        for tag in _misplaced(one.tags, ON_OBJECT, ON_IMAGE)
    ]
    kinds = _kinds(one.tags, ON_OBJECT)
    edits = [Edit(image.image_id, kind, one.object_id, why=why) for kind in kinds if kind != "box"]
    name = one.name
    if name == one.stored_name:
        name = next((tag[len(CLASS) :].strip() for tag in one.tags if tag.startswith(CLASS)), name)
    if name not in classes:
        remarks.append(f"{where}: no class {printable(name)!r}: {did_you_mean(name, classes)}")
    elif name != one.stored_name:
        edits.append(Edit(image.image_id, "class", one.object_id, class_name=name, why=why))
    moved = _moved(one)
    inside = _inside(one.xyxy, image.wh)
    if moved and inside is None:
        remarks.append(f"{where}: the box has no area in the picture: draw it anew or tag it `ignore`")
    elif moved and inside is not None:
        edits.append(Edit(image.image_id, "box", one.object_id, xyxy=inside, why=why))
    elif "box" in kinds:
        remarks.append(f"{where} is tagged 'box' but stands where it stood: move it or tag it `ignore`")
    return Decided(tuple(edits), tuple(remarks))


def _moved(one: MarkedObject) -> bool:
    (a, b, c, d), (e, f, g, h) = one.xyxy, one.stored_xyxy
    return max(abs(a - e), abs(b - f), abs(c - g), abs(d - h)) >= MOVED_PX


def _inside(xyxy: Xyxy, wh: tuple[int, int]) -> Xyxy | None:
    """The box clipped to its picture, to hundredths of a px; None if nothing is left."""
    x1, y1, x2, y2 = (
        round(min(max(value, 0.0), float(most)), 2) for value, most in zip(xyxy, (*wh, *wh), strict=True)
    )
    return (x1, y1, x2, y2) if x1 < x2 and y1 < y2 else None


def plain_tag(tag: str) -> str:
    """A tag as it is meant. Example: "Leave out" is leave_out."""
    return tag.strip().lower().replace(" ", "_").replace("-", "_")


def _kinds(tags: Iterable[str], allowed: Sequence[str]) -> list[Kind]:
    said = {plain_tag(tag) for tag in tags}
    every: tuple[Kind, ...] = ("leave_out", "ignore", "box", "fine")
    return [kind for kind in every if kind in said and kind in allowed]


def _misplaced(tags: Iterable[str], here: Sequence[str], there: Sequence[str]) -> list[str]:
    return [tag for tag in tags if plain_tag(tag) in there and plain_tag(tag) not in here]


def _why(tags: Iterable[str]) -> str:
    return "; ".join(tag[len(WHY) :].strip() for tag in tags if tag.startswith(WHY))


Thing = tuple[str, str | None, str]
"""What a decision is about: image, object, kind; of several edits about one thing the last one counts."""


def things(edits: Iterable[Edit]) -> dict[Thing, Edit]:
    """The edits that count, by what they are about."""
    return {(edit.image, edit.object, edit.kind): edit for edit in edits}


@dataclass(frozen=True)
class Merged:
    """What becomes of decisions that stand in the app, in the file, or in both.

    new:     to be written as lines
    follow:  what the app has to take over from the file; None: its line was deleted, the app forgets it too
    agreed:  what the lines say, which with `new`, once written, is the base of the next merge
    remarks: what a person should know
    """

    new: tuple[Edit, ...] = ()
    follow: Mapping[Thing, Edit | None] = field(default_factory=dict)
    agreed: tuple[Edit, ...] = ()
    remarks: tuple[str, ...] = ()


def merge(base: Sequence[Edit], file: Sequence[Edit], app: Sequence[Edit]) -> Merged:
    """Merge three ways, as version control does: who changed something since they last agreed is right.

    A line deleted in the file is undone in the app, not written again; a line a colleague wrote shows in the
    app; a tag taken away in the app does not delete the line, that is the person's: they are told which.

    Args:
        base: what both said last time.
        file: the lines of edits.jsonl.
        app: what stands in the app.
    """
    old, lines, shown = things(base), things(file), things(app)
    new: list[Edit] = []
    follow: dict[Thing, Edit | None] = {}
    remarks: list[str] = []
    for thing in dict.fromkeys((*shown, *lines, *old)):
        was, line, mark = old.get(thing), lines.get(thing), shown.get(thing)
        if _same(mark, line):
            continue
        if mark is not None and not _same(mark, was):
            new.append(mark)
            if line is not None and not _same(line, was):
                remarks.append(f"{line.place} says otherwise than the app: the later line counts")
        elif not _same(line, was):
            follow[thing] = line
        elif line is not None:
            remarks.append(f"{line.place}: taken back in the app; delete the line to undo it")
    return Merged(tuple(new), follow, tuple(lines.values()), tuple(remarks))


def _same(a: Edit | None, b: Edit | None) -> bool:
    """Whether two decisions about one thing are one; a person's box may have more decimals than the app's."""
    if a is None or b is None or a.xyxy is None or b.xyxy is None:
        return a == b
    return all(abs(one - other) < 0.02 for one, other in zip(a.xyxy, b.xyxy, strict=True))
