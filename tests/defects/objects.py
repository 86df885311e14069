"""Defects of single objects: boxes, classes, flags, outlines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import replace
from random import Random
from typing import Any

from mini import CLASSES, Box, NoRoom, Picture, Source, Thing, decimal, raw

from defects.kind import Defect

Place = Callable[[tuple[int, int], Box], Box]
Spoil = Callable[[Source, Picture, Thing], None]

OUTSIDE: dict[str, Place] = {
    "a box right of the picture": lambda wh, box: (wh[0] + 5, box[1], wh[0] + 15, box[3]),
    "a box above the picture": lambda wh, box: (box[0], -30, box[2], -12),
    "a box in pixels of another picture": lambda wh, box: (40 * wh[0], 40 * wh[1], 50 * wh[0], 50 * wh[1]),
}
MOSTLY_OUTSIDE: dict[str, tuple[Place, Place]] = {
    "a box with a third inside": (
        lambda wh, box: (wh[0] - 4, box[1], wh[0] + 8, box[3]),
        lambda wh, box: (wh[0] - 4, box[1], wh[0], box[3]),
    ),
    "a box that swallows the picture": (
        lambda wh, box: (-1000, -1000, 2000, 2000),
        lambda wh, box: (0, 0, *wh),
    ),
    "a corner of a box": (
        lambda wh, box: (-9, -9, 8, 8),
        lambda wh, box: (0, 0, 8, 8),
    ),
}
SLIGHTLY_OVER: dict[str, tuple[Place, Place]] = {
    "a box slightly over the right edge": (
        lambda wh, box: (wh[0] - 8, box[1], wh[0] + 3, box[3]),
        lambda wh, box: (wh[0] - 8, box[1], wh[0], box[3]),
    ),
    "a box slightly over two edges": (
        lambda wh, box: (-2, -3, 14, 15),
        lambda wh, box: (0, 0, 14, 15),
    ),
}
TO_THE_PIXEL: dict[str, Place] = {
    "a box that begins at the right edge": lambda wh, box: (wh[0], box[1], wh[0] + 9, box[3]),
}
HALF_INSIDE: tuple[Place, Place] = (
    lambda wh, box: (wh[0] - 6, box[1], wh[0] + 6, box[3]),
    lambda wh, box: (wh[0] - 6, box[1], wh[0], box[3]),
)


def every_object_defect() -> Iterator[Defect]:
    """All of them, format by format."""
    for kind in ("coco", "voc", "yolo"):
        yield from _boxes(kind)
        yield _one(kind, "a box twice", "DP131", _repeat)
    yield from _coco()
    yield from _voc()
    yield from _yolo("yolo")


def _one(kind: str, name: str, code: str, spoil: Spoil) -> Defect:
    def plant(source: Source, rng: Random) -> None:
        spoil(source, *source.take_thing(rng))

    return Defect(name, kind, code, plant)


def _boxes(kind: str) -> Iterator[Defect]:
    """Boxes that are four good numbers in a bad place."""
    exact = not kind.startswith("yolo")  # six decimals leave a thousandth of a pixel inside
    for name, place in (OUTSIDE | (TO_THE_PIXEL if exact else {})).items():
        yield _one(kind, name, "DP104", _moved(place, "DP104"))
    for name, (place, region) in MOSTLY_OUTSIDE.items():
        yield _one(kind, name, "DP104", _moved(place, "DP104", region))
    half = {"a box with exactly half inside": HALF_INSIDE} if exact else {}
    for name, (place, clipped) in (SLIGHTLY_OVER | half).items():
        yield _one(kind, name, "DP121", _clipped(place, clipped))


def _moved(place: Place, code: str, region: Place | None = None) -> Spoil:
    def spoil(source: Source, picture: Picture, thing: Thing) -> None:
        source.set_box(picture, thing, place(picture.wh, thing.xyxy))
        thing.lose(code, region(picture.wh, thing.xyxy) if region else None)

    return spoil


def _clipped(place: Place, result: Place) -> Spoil:
    def spoil(source: Source, picture: Picture, thing: Thing) -> None:
        xyxy = result(picture.wh, thing.xyxy)
        if any(other.name == thing.name and other.xyxy == xyxy for other in picture.things):
            raise NoRoom  # it would be a duplicate as well
        source.set_box(picture, thing, place(picture.wh, thing.xyxy))
        thing.xyxy = xyxy
        thing.told.append(("DP121", "repaired"))

    return spoil


def _repeat(source: Source, picture: Picture, thing: Thing) -> None:
    again = replace(thing, entry=None, told=[("DP131", "kept")], touched=True)
    source.add_thing(picture, again)


def _left_out(code: str, change: Callable[[Thing], None]) -> Spoil:
    def spoil(source: Source, picture: Picture, thing: Thing) -> None:
        change(thing)
        thing.lose(code)

    return spoil


def _to_ignore(change: Callable[[Thing], None]) -> Spoil:
    """The class is spoilt: the whole box becomes an ignore region."""

    def spoil(source: Source, picture: Picture, thing: Thing) -> None:
        change(thing)
        thing.lose("DP106", thing.xyxy)

    return spoil


def _kept(code: str, action: str, change: Callable[[Thing], None]) -> Spoil:
    def spoil(source: Source, picture: Picture, thing: Thing) -> None:
        change(thing)
        if code:
            thing.told.append((code, action))

    return spoil


def _set(key: str, value: Any) -> Callable[[Thing], None]:
    return lambda thing: thing.entry.__setitem__(key, deepcopy(value))


def _drop(key: str) -> Callable[[Thing], None]:
    return lambda thing: thing.entry.pop(key)


BAD_BOXES: dict[str, tuple[str, Any]] = {
    "text for a number": ("DP101", [1, "2", 5, 5]),
    "true for a number": ("DP101", [True, 2, 5, 5]),
    "null for a number": ("DP101", [1, 2, None, 5]),
    "a nested list": ("DP101", [[1, 2, 5, 5]]),
    "three numbers": ("DP101", [1, 2, 5]),
    "five numbers": ("DP101", [1, 2, 5, 5, 0.9]),
    "no numbers": ("DP101", []),
    "null for a box": ("DP101", None),
    "text for a box": ("DP101", "1 2 5 5"),
    "an object for a box": ("DP101", {"x": 1, "y": 2, "w": 5, "h": 5}),
    "NaN": ("DP102", [1, float("nan"), 5, 5]),
    "Infinity": ("DP102", [1, 2, float("inf"), 5]),
    "-Infinity": ("DP102", [float("-inf"), 2, 5, 5]),
    "1e400": ("DP102", [1, 2, raw("1e400"), 5]),
    "an integer of 600 digits": ("DP102", [1, raw("9" * 600), 5, 5]),
    "an edge that overflows": ("DP102", [1.7e308, 2, 1.7e308, 5]),
    "width 0": ("DP103", [1, 2, 0, 5]),
    "height 0.0": ("DP103", [1, 2, 5, 0.0]),
    "negative width": ("DP103", [9, 2, -5, 5]),
    "a width lost in rounding": ("DP103", [1e17, 2, 1, 5]),
    "a width that vanishes as a fraction": ("DP105", [4, 2, 1e-9, 5]),
}


def _coco() -> Iterator[Defect]:
    for name, (code, box) in BAD_BOXES.items():
        yield _one("coco", name, code, _left_out(code, _set("bbox", box)))
    yield _one("coco", "no box", "DP101", _left_out("DP101", _drop("bbox")))
    for value in (999, "1", None, True, 1.5, [1], raw("1e400")):
        yield _one("coco", f"category_id {value}", "DP106", _to_ignore(_set("category_id", value)))
    yield _one("coco", "no category_id", "DP106", _to_ignore(_drop("category_id")))
    for value in (99999, "100", None, True, 100.5, [100], {}):
        yield _stray(
            f"image_id {value}", "DP107", {"image_id": value, "category_id": 1, "bbox": [1, 1, 5, 5]}
        )
    yield _stray("no image_id", "DP107", {"category_id": 1, "bbox": [1, 1, 5, 5]})
    for value in (17, "annotation", None, True, [1, 2], 1.5):
        yield _stray(f"{value!r} for an annotation", "DP108", value)
    odd = {"an odd number of coordinates": [[1, 1, 5, 1, 5]], "two points": [[1, 1, 5, 5]], "text": "polygon"}
    odd |= {"null in a ring": [[1, 1, 5, 1, None, 5]], "NaN in a ring": [[1, 1, 5, 1, float("nan"), 5]]}
    odd |= {"a ring too many": [[1, 1, 5, 1, 5, 5], [1]], "a number": 7, "true": True}
    odd |= {
        "a mask without counts": {"size": [9, 9]},
        "a mask that is too long": {"size": [2, 2], "counts": [0, 9]},
    }
    odd |= {"a mask of another size": {"size": [999, 7], "counts": [0, 999 * 7]}}
    for name, value in odd.items():
        yield _one(
            "coco", f"segmentation: {name}", "DP132", _kept("DP132", "kept", _set("segmentation", value))
        )
    flags: dict[str, Any] = {"iscrowd": "yes", "ignore": 2, "difficult": None, "truncated": [1], "area": -1}
    for key, value in flags.items():
        yield _one("coco", f"{key} {value!r}", "DP133", _kept("DP133", "kept", _flag(key, value)))
    yield _one("coco", "area NaN", "DP133", _kept("DP133", "kept", _set("area", float("nan"))))
    for name, change in {
        "no id": _drop("id"),
        "an id that others have": _set("id", 1000),
        "no area and no flags": lambda thing: [thing.entry.pop(key) for key in ("area", "iscrowd")],
        "an unknown key": _set("score", {"deep": [1, None, "ü"]}),
        "segmentation null": _set("segmentation", None),
        "category_id 1.0": lambda thing: thing.entry.update(category_id=float(thing.entry["category_id"])),
        "numbers with exponents": lambda thing: thing.entry.update(
            bbox=[raw(f"{v}e0") for v in thing.entry["bbox"]]
        ),
    }.items():
        yield _one("coco", name, "", _kept("", "", change))


def _stray(name: str, code: str, entry: Any) -> Defect:
    """An annotation that belongs to no image of the file."""

    def plant(source: Any, rng: Random) -> None:
        value = deepcopy(entry)
        n = source.append("train", value)
        shown = value["id"] if isinstance(value, dict) else f"#{n}"
        source.strays.append((code, "left out", source.file("train"), f"annotations[{n}] id {shown}", ""))

    return Defect(name, "coco", code, plant)


def _edge(name: str, text: str) -> Callable[[Thing], None]:
    def change(thing: Thing) -> None:
        box = [(edge, text if edge == name else old) for edge, old in thing.entry["bndbox"][0]]
        thing.entry["bndbox"] = [box]

    return change


def _voc() -> Iterator[Defect]:
    for text in ("ten", "", "1,5", "１２", "0x10", "1e1", "1_0", "true", "1 2", "--1", "½"):
        yield _one("voc", f"xmin {text!r}", "DP101", _left_out("DP101", _edge("xmin", text)))
    for text in ("nan", "inf", "-Infinity", "9" * 400):
        yield _one("voc", f"ymax {text[:9]!r}", "DP102", _left_out("DP102", _edge("ymax", text)))
    yield _one("voc", "no ymin", "DP101", _left_out("DP101", lambda t: t.entry["bndbox"][0].pop(1)))
    yield _one(
        "voc", "xmax twice", "DP101", _left_out("DP101", lambda t: t.entry["bndbox"][0].append(("xmax", "9")))
    )
    yield _one("voc", "corners swapped", "DP103", _left_out("DP103", _set("bndbox", [_edges(9, 3, 2, 12)])))
    yield _one("voc", "a line", "DP103", _left_out("DP103", _set("bndbox", [_edges(4, 3, 4, 12)])))
    yield _one("voc", "negative height", "DP103", _left_out("DP103", _set("bndbox", [_edges(2, 12, 9, 3)])))
    yield _one("voc", "no bndbox", "DP110", _left_out("DP110", _set("bndbox", [])))
    yield _one(
        "voc",
        "two bndbox",
        "DP110",
        _left_out("DP110", lambda t: t.entry["bndbox"].append(_edges(1, 1, 5, 5))),
    )
    box = "<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>3</xmax><ymax>3</ymax></bndbox>"
    part = f"<part><name>head</name>{box}</part>"
    yield _one(
        "voc",
        "only a part has a box",
        "DP110",
        _left_out("DP110", lambda t: t.entry.update(bndbox=[], more=part)),
    )
    for names in ([], [""], ["  "], ["cat", "dog"]):
        yield _one("voc", f"names {names}", "DP106", _to_ignore(_set("name", names)))
    for text in ("yes", "2", "", "true"):
        yield _one("voc", f"difficult {text!r}", "DP133", _kept("DP133", "kept", _flag("difficult", text)))
    yield _one("voc", "truncated '0.5'", "DP133", _kept("DP133", "kept", _flag("truncated", "0.5")))
    for name, change in {
        "a part with a box": _set("more", part),
        "an unknown tag": _set("more", "<occluded><by>fog</by></occluded><pose>Left</pose>"),
        "spaces around the name": lambda thing: thing.entry.update(name=[f"\n {thing.name}\t"]),
        "corners with decimals": lambda thing: thing.entry.update(
            bndbox=[[(edge, f" {text}.00") for edge, text in thing.entry["bndbox"][0]]]
        ),
        "corners in another order": lambda thing: thing.entry["bndbox"][0].reverse(),
    }.items():
        yield _one("voc", name, "", _kept("", "", change))


def _edges(*values: float) -> list[tuple[str, str]]:
    return list(zip(("xmin", "ymin", "xmax", "ymax"), map(decimal, values), strict=True))


def _flag(name: str, value: Any) -> Callable[[Thing], None]:
    """An unusable flag: its default is used."""

    def change(thing: Thing) -> None:
        thing.entry[name] = value
        if name in ("difficult", "truncated"):
            setattr(thing, name, False)

    return change


def _row(text: str) -> Callable[[Thing], None]:
    return lambda thing: setattr(thing, "entry", text)


def _class(text: str) -> Callable[[Thing], None]:
    return lambda thing: setattr(thing, "entry", text.format(thing.entry[0]) + thing.entry[1:])


def _yolo(kind: str) -> Iterator[Defect]:
    for row in (
        "0 0.5 abc 0.2 0.2",
        "0 0,5 0.5 0.2 0.2",
        "0 0.5 0.5 0.2 ０.2",
        "0 0x1 0.5 0.2 0.2",
        "0 1_0 0.5 0.2 0.2",
    ):
        yield _one(kind, f"row {row!r}", "DP101", _left_out("DP101", _row(row)))
    for row in ("0 nan 0.5 0.2 0.2", "0 0.5 inf 0.2 0.2", "0 0.5 0.5 1e400 0.2", "0 0.5 0.5 -Infinity 0.2"):
        yield _one(kind, f"row {row!r}", "DP102", _left_out("DP102", _row(row)))
    for row in ("0 0.5 0.5 0 0.2", "0 0.5 0.5 0.2 -0.1", "0 1e17 0.5 1e-3 0.2", "0 .1 .1 .1 .2 .1 .3"):
        yield _one(kind, f"row {row!r}", "DP103", _left_out("DP103", _row(row)))
    yield _one(kind, "a width that vanishes", "DP105", _left_out("DP105", _row("0 0.5 0.5 1e-12 0.2")))
    for row in ("0 0.5 0.5 0.2", "0 0.5 0.5 0.2 0.2 0.93", "0", "0 .1 .1 .2 .1 .2 .3 .4", "cat"):
        yield _one(kind, f"row {row!r}", "DP109", _left_out("DP109", _row(row)))
    for text in ("99", "cat", "-1", "1.5", "nan", "３", "1e0", "9" * 30, str(len(CLASSES))):
        yield _one(kind, f"class {text[:9]}", "DP106", _to_ignore(_class(text)))
    yield _one(kind, "class 1.0", "DP123", _kept("DP123", "repaired", _class("{}.0")))
    yield _one(kind, "a polygon", "DP122", _polygon)
    for name, change in {
        "tabs and a comment": lambda thing: setattr(
            thing, "entry", "\t" + thing.entry.replace(" ", "\t") + " \r"
        ),
        "exponents": lambda thing: setattr(thing, "entry", _exponents(thing.entry)),
        "class 01": _class("0{}"),
    }.items():
        yield _one(kind, name, "", _kept("", "", change))


def _exponents(row: str) -> str:
    number, *values = row.split()
    return " ".join([number, *(f"{float(value):e}" for value in values)])


def _polygon(source: Source, picture: Picture, thing: Thing) -> None:
    (x1, y1, x2, y2), (w, h) = thing.xyxy, picture.wh
    points = [(x1, (y1 + y2) / 2), ((x1 + x2) / 2, y1), (x2, y2), (x1, y2)]
    thing.entry = thing.entry[0] + "".join(f" {x / w:.6f} {y / h:.6f}" for x, y in points)
    thing.told.append(("DP122", "repaired"))
