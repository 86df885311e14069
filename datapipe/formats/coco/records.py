"""One COCO record at a time, exactly: what of it is usable, and which finding the rest is.

This is the reference. `columns` reads whole batches faster and comes here with every record
that is not
plainly good, so both ways agree by construction where it matters: in the odd cases.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

from datapipe.errors import InputError, printable
from datapipe.formats.annotations import CROWD, DIFFICULT, TRUNCATED
from datapipe.formats.coco.json_exact import Record, compact, identifier, loads
from datapipe.formats.text import storable

FLAGS = {"iscrowd": CROWD, "ignore": DIFFICULT, "difficult": DIFFICULT, "truncated": TRUNCATED}
LARGEST_SIDE = 1 << 31

Id = int | str | None
NO_BOX = (math.nan, math.nan, math.nan, math.nan)


@dataclass(frozen=True, slots=True)
class ObjectRow:
    """An annotation's columns.

    xyxy:     NaN if the box is unusable
    problems: (code, value); DP108, DP101, DP102, DP103 speak of the box, DP107 and DP106 of
              unusable references, DP133 of flags and area
    """

    id: Id = None
    image: Id = None
    category: Id = None
    xyxy: tuple[float, float, float, float] = NO_BOX
    area: float = math.nan
    flags: int = 0
    problems: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class ImageRow:
    """An image record's columns; wh is (0, 0) unless both sides are usable."""

    id: Id = None
    name: str = ""
    wh: tuple[int, int] = (0, 0)
    problems: tuple[tuple[str, str], ...] = ()


def read_record(raw: bytes, file: str, place: str) -> Any:
    """Parse one entry.

    Raises:
        InputError: it is no JSON, or an object with a repeated key; the message names file, place
            and key.
    """
    try:
        value = loads(raw.decode())
    except json.JSONDecodeError as error:
        raise InputError(
            f"{printable(file)}: {place}: the json does not parse: {error.msg} at character {error.pos} of "
            f"{printable(repr(raw[:40].decode(errors='replace')))}; export the file again"
        ) from None
    if isinstance(value, Record) and value.repeated is not None:
        key = printable(repr(value.repeated))
        raise InputError(f"{printable(file)}: {place} has the key {key} twice; keep one of them")
    return value


def object_row(value: Any) -> ObjectRow:
    """Judge one parsed entry of `annotations`."""
    if not isinstance(value, dict):
        return ObjectRow(problems=(("DP108", compact(value)),))
    problems: list[tuple[str, str]] = []
    image, category = identifier(value.get("image_id")), identifier(value.get("category_id"))
    if image is None:
        problems.append(("DP107", "image_id " + _shown(value, "image_id")))
    xyxy = box(value.get("bbox"))
    if isinstance(xyxy, str):
        problems.append((xyxy, _shown(value, "bbox")))
        xyxy = NO_BOX
    if category is None:
        problems.append(("DP106", "category_id " + _shown(value, "category_id")))
    flags, bad = _flags(value)
    area = math.nan
    if "area" in value:
        area = _finite(value["area"])
        if not area >= 0:
            area = math.nan
            bad.append("area")
    problems += [("DP133", f"{key} {compact(value[key])}") for key in bad]
    return ObjectRow(identifier(value.get("id")), image, category, xyxy, area, flags, tuple(problems))


def box(value: Any) -> tuple[float, float, float, float] | str:
    """Edges of COCO's [x, y, w, h]; or DP101 (its shape is off), DP102 (not finite), DP103 (empty)."""
    if not (isinstance(value, list) and len(value) == 4 and all(map(_is_number, value))):
        return "DP101"
    x, y, w, h = map(_finite, value)
    xyxy = (x, y, x + w, y + h)
    if not all(map(math.isfinite, (w, h, *xyxy))):
        return "DP102"
    # 1e17 + 1 is 1e17: such a box is as empty as one of width 0.
    empty = w <= 0 or h <= 0 or xyxy[0] >= xyxy[2] or xyxy[1] >= xyxy[3]
    return "DP103" if empty else xyxy


def image_row(value: Any) -> ImageRow:
    """Judge one parsed entry of `images`."""
    if not isinstance(value, dict):
        return ImageRow(problems=(("DP215", compact(value)),))
    image_id, name = identifier(value.get("id")), value.get("file_name")
    wh = (_side(value.get("width")), _side(value.get("height")))
    named = isinstance(name, str) and bool(name.strip()) and storable(name)
    row = ImageRow(image_id, name if named else "", wh if all(wh) else (0, 0))  # type: ignore[arg-type]
    if image_id is None:
        return ImageRow(None, row.name, row.wh, (("DP211", "id " + _shown(value, "id")),))
    if not named:
        return ImageRow(image_id, "", row.wh, (("DP212", "file_name " + _shown(value, "file_name")),))
    return row


def _flags(value: dict[str, Any]) -> tuple[int, list[str]]:
    """Bits of the flags that are 1, and the keys whose value is neither 0 nor 1."""
    flags, bad = 0, []
    for key, bit in FLAGS.items():
        flag = value.get(key, 0)
        if not _is_number(flag) or flag not in (0, 1):
            bad.append(key)
        elif flag == 1:
            flags |= bit
    return flags, bad


def _side(value: Any) -> int:
    side = identifier(value)
    return side if isinstance(side, int) and 0 < side < LARGEST_SIDE else 0


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _finite(value: Any) -> float:
    """A JSON number as a double; NaN for anything that is none or does not fit."""
    if not _is_number(value):
        return math.nan
    try:
        number = float(value)
    except OverflowError:
        return math.nan
    return number if math.isfinite(number) else math.nan


def _shown(value: dict[str, Any], key: str) -> str:
    return compact(value[key]) if key in value else "missing"
