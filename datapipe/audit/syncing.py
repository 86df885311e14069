"""Decisions in the app and lines in edits.jsonl, brought together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from datapipe.audit.loading import Stored, follow, read_marks
from datapipe.audit.marks import Merged, decisions, merge
from datapipe.edits import Edit

AGREED = "agreed"
"""Key in a FiftyOne dataset's info: what the app and the file said when they last met."""


def compare(dataset: Any, stored: Stored, lines: Sequence[Edit]) -> Merged:
    """What is new in the app and what the app has to take over; changes nothing."""
    marked, remarks = read_marks(dataset, stored)
    decided = decisions(marked, stored.classes)
    known = {one.image_id for one in marked}
    base = [_edit(said) for said in (dataset.info or {}).get(AGREED, ())]
    # An audit shows a part of the pictures; lines about others are no business of it.
    mine = [edit for edit in lines if edit.image in known]
    merged = merge(base, mine, decided.edits)
    return Merged(merged.new, merged.follow, merged.agreed, (*remarks, *decided.remarks, *merged.remarks))


def settle(dataset: Any, stored: Stored, merged: Merged, *, written: bool) -> None:
    """Let the app take over what the file says, and remember what both say now.

    Args:
        dataset: FiftyOne's.
        stored: the shards' boxes and names.
        merged: from `compare`.
        written: whether the new decisions stand in the file now.
    """
    follow(dataset, merged.follow, stored)
    said = [edit.says() for edit in (*merged.agreed, *(merged.new if written else ()))]
    if (dataset.info or {}).get(AGREED, []) != said:
        dataset.info = {**(dataset.info or {}), AGREED: said}
        dataset.save()


def _edit(said: dict[str, Any]) -> Edit:
    xyxy = said.get("xyxy")
    return Edit(
        image=said["image"],
        kind=said["edit"],
        object=said.get("object"),
        class_name=said.get("class"),
        xyxy=(xyxy[0], xyxy[1], xyxy[2], xyxy[3]) if xyxy else None,
    )
