"""Mini datasets as values: the same few pictures and boxes written as COCO, VOC or YOLO.

A `Source` can be spoilt before it is written (`defects/`), and says what an ingest must then tell and keep.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from random import Random
from typing import Any
from xml.sax.saxutils import escape

from make import make_picture

from datapipe.findings import Balance, codes

CLASSES = ("cat", "dog", "Käfer")
SPLITS = ("train", "val")
LATE = frozenset(
    ["DP202", "DP205", "DP206", "DP207", "DP208", "DP209", "DP214", "DP222", "DP223", "DP224", "DP226"]
)
"""Image codes that only the writer of the records can tell: the picture itself was opened."""

Told = tuple[str, str, str, str, str]
"""(code, action, file, place, image) of a finding."""
Box = tuple[float, float, float, float]


SHARED = "another picture's label"


class NoRoom(Exception):
    """Everything a defect could be planted in is taken."""


@dataclass(eq=False)
class Thing:
    """An object, and what must become of it.

    xyxy:   continuous edges in px; of a kept object: as its record must hold them
    entry:  its record (COCO), its parts (VOC), its row (YOLO), to be spoilt; n: its number there
    region: what of a left-out box must become an ignore region
    """

    name: str
    xyxy: Box
    difficult: bool = False
    truncated: bool = False
    entry: Any = None
    n: int = 0
    told: list[tuple[str, str]] = field(default_factory=list)
    gone: bool = False
    region: Box | None = None
    touched: bool = False

    def lose(self, code: str, region: Box | None = None) -> None:
        """The object must be left out."""
        self.told.append((code, "ignored" if region else "left out"))
        self.gone, self.region = True, region


@dataclass(eq=False)
class Picture:
    """A picture, and what must become of it.

    path:     below the source; data: its bytes, None for no such file
    entry:    its record (COCO), its xml's parts (VOC), its label's bytes if not the rows, or SHARED (YOLO)
    name:     what findings call it; shown: the name in its record
    label:    YOLO: the path of its label file, if not the usual one
    code:     why it must be left out, "" if it must not
    of_things: what is then told of its objects; "": nothing, they cannot even be counted
    touched:  "" or "things" (single objects are spoilt) or "whole"
    """

    stem: str
    ending: str
    wh: tuple[int, int]
    split: str
    things: list[Thing]
    path: str = ""
    data: bytes | None = b""
    entry: Any = None
    n: int = 0
    name: str = ""
    shown: str = ""
    told: list[tuple[str, str]] = field(default_factory=list)
    label: str = ""
    code: str = ""
    of_things: str = "DP111"
    touched: str = ""

    def lose(self, code: str, of_things: str = "DP111") -> None:
        """The image must be left out."""
        self.code, self.of_things = code, of_things


@dataclass(frozen=True)
class Expected:
    """What an ingest must tell and keep."""

    told: Counter[Told]
    images: Balance
    objects: Balance
    kept: list[Picture]


def draw(rng: Random, count: int = 5, most: int = 4) -> list[Picture]:
    """Clean pictures of 16 to 64 px with up to `most` different boxes each; the first two have some."""
    pictures = []
    for i in range(count):
        wh = (rng.randint(16, 64), rng.randint(16, 64))
        boxes = {_box(rng, wh) for _ in range(rng.randint(1 if i < 2 else 0, most))}
        things = [
            Thing(rng.choice(CLASSES), box, rng.random() < 0.2, rng.random() < 0.2) for box in sorted(boxes)
        ]
        ending = rng.choice((".jpg", ".jpg", ".png"))
        split = SPLITS[i % 3 == 2]
        data = picture_bytes(wh, "PNG" if ending == ".png" else "JPEG", rng.randrange(4))
        pictures.append(Picture(f"p{i}", ending, wh, split, things, data=data))
    return pictures


def _box(rng: Random, wh: tuple[int, int]) -> Box:
    """At least 2 px wide and high: one pixel is xmin = xmax in VOC, which the policy takes for a slip."""
    x, y = (sorted(rng.sample(range(0, side + 1, 2), 2)) for side in wh)
    return (x[0], y[0], x[1], y[1])


@cache
def picture_bytes(wh: tuple[int, int], kind: str = "JPEG", seed: int = 0) -> bytes:
    """A picture's bytes; the same call gives the same object."""
    return make_picture(wh, kind, seed=seed)


class Source:
    """Pictures in one format, and what is expected of them.

    files:   further files, relative path -> bytes
    special: done to the written folder at the end (pipes, links)
    strays:  findings of objects that belong to no picture; nobodies: of images that are no `Picture`
    further: findings of things that are neither counted as image nor as object, and of duplicates
    """

    format = ""

    def __init__(self, pictures: list[Picture]) -> None:
        self.pictures: list[Picture] = []
        self.files: dict[str, bytes] = {}
        self.special: list[Callable[[Path], None]] = []
        self.strays: list[Told] = []
        self.nobodies: list[Told] = []
        self.further: list[Told] = []
        for picture in pictures:
            self.add(picture)

    def add(self, picture: Picture) -> Picture:
        """Take a picture in."""
        picture.name = picture.shown = picture.stem + picture.ending
        self.pictures.append(picture)
        self._enter(picture)
        things, picture.things = picture.things, []
        for thing in things:
            self.add_thing(picture, thing)
        return picture

    def add_thing(self, picture: Picture, thing: Thing) -> Thing:
        """Annotate one more object."""
        picture.things.append(thing)
        self._enter_thing(picture, thing)
        return thing

    def _enter(self, picture: Picture) -> None:
        raise NotImplementedError

    def _enter_thing(self, picture: Picture, thing: Thing) -> None:
        raise NotImplementedError

    def set_box(self, picture: Picture, thing: Thing, xyxy: Box) -> None:
        """Write another box."""
        raise NotImplementedError

    def _write(self, folder: Path) -> Iterator[tuple[str, bytes]]:
        raise NotImplementedError

    def of_image(self, picture: Picture, code: str) -> tuple[str, str]:
        """(file, place) of a finding about a picture."""
        raise NotImplementedError

    def of_thing(self, picture: Picture, thing: Thing) -> tuple[str, str]:
        """(file, place) of a finding about an object."""
        raise NotImplementedError

    def write(self, folder: Path, forgiven: tuple[type[Exception], ...] = ()) -> Path:
        """Write everything; `forgiven`: what may go wrong in the special changes."""
        for path, data in [*self._write(folder), *self.files.items()]:
            put(folder / path, data)
        for picture in self.pictures:
            (folder / picture.path).parent.mkdir(parents=True, exist_ok=True)
            if picture.data is not None:
                put(folder / picture.path, picture.data)
        for change in self.special:
            with suppress(*forgiven):
                change(folder)
        return folder

    def take_thing(self, rng: Random) -> tuple[Picture, Thing]:
        """An object nobody spoilt yet, in a picture that is not spoilt as a whole."""
        free = [(p, t) for p in self.pictures if p.touched != "whole" for t in p.things if not t.touched]
        if not free:
            raise NoRoom
        picture, thing = rng.choice(free)
        picture.touched, thing.touched = "things", True
        return picture, thing

    def take_picture(self, rng: Random, things: int = 0, ending: str = "") -> Picture:
        """A picture nobody spoilt yet, with at least so many objects."""
        free = [
            p
            for p in self.pictures
            if not p.touched and len(p.things) >= things and p.ending.endswith(ending)
        ]
        if not free:
            raise NoRoom
        picture = rng.choice(free)
        picture.touched = "whole"
        return picture

    def expected(self) -> Expected:
        """What must be told and kept, by the policy."""
        told = [*self.strays, *self.nobodies, *self.further]
        images, objects, kept = len(self.pictures) + len(self.nobodies), len(self.strays), []
        for picture in self.pictures:
            told += self._of_picture(picture)
            objects += len(picture.things) if picture.of_things or not picture.code else 0
            if not _lost(picture):
                kept.append(picture)
        lost: Counter[str] = Counter(
            codes()[code].kind for code, action, *_ in told if action in ("ignored", "left out")
        )
        here = sum(not thing.gone for picture in kept for thing in picture.things)
        return Expected(
            Counter(told),
            Balance(images, len(kept), lost["image"]),
            Balance(objects, here, lost["object"]),
            kept,
        )

    def _of_picture(self, picture: Picture) -> Iterator[Told]:
        for code, action in picture.told:
            yield (
                code,
                action,
                *self.of_image(picture, code),
                picture.shown if code in LATE else picture.name,
            )
        if picture.code:
            name = picture.shown if picture.code in LATE else picture.name
            yield (picture.code, "left out", *self.of_image(picture, picture.code), name)
            for thing in picture.things if picture.of_things else ():
                known = name if picture.of_things == "DP111" else ""
                yield (picture.of_things, "left out", *self.of_thing(picture, thing), known)
            return
        for thing in picture.things:
            for code, action in thing.told:
                seen = "left out" if code == "DP104" and _lost(picture) else action
                yield (code, seen, *self.of_thing(picture, thing), picture.shown)
        if _lost(picture):
            yield ("DP214", "left out", *self.of_image(picture, "DP214"), picture.shown)


def _lost(picture: Picture) -> bool:
    return bool(picture.code) or (bool(picture.things) and all(thing.gone for thing in picture.things))


class Coco(Source):
    """`annotations/instances_*.json` beside `images/*/`."""

    format = "coco"

    def __init__(self, pictures: list[Picture]) -> None:
        self.categories: list[Any] = [{"id": 10 * i + 1, "name": name} for i, name in enumerate(CLASSES)]
        self.documents: dict[str, dict[str, Any]] = {}
        super().__init__(pictures)

    def document(self, split: str) -> dict[str, Any]:
        """The content of a split's file."""
        return self.documents.setdefault(
            split, {"images": [], "annotations": [], "categories": self.categories}
        )

    def _enter(self, picture: Picture) -> None:
        images = self.document(picture.split)["images"]
        picture.path = f"images/{picture.split}/{picture.name}"
        picture.n = len(images)
        picture.entry = {"id": 100 + len(self.pictures), "file_name": picture.name}
        picture.entry |= {"width": picture.wh[0], "height": picture.wh[1]}
        images.append(picture.entry)

    def _enter_thing(self, picture: Picture, thing: Thing) -> None:
        x1, y1, x2, y2 = thing.xyxy
        number = CLASSES.index(thing.name)
        flags = {"difficult": int(thing.difficult), "truncated": int(thing.truncated), "iscrowd": 0}
        thing.entry = {"image_id": picture.entry["id"], "category_id": 10 * number + 1, **flags}
        thing.entry |= {"bbox": [x1, y1, x2 - x1, y2 - y1], "area": (x2 - x1) * (y2 - y1)}
        thing.n = self.append(picture.split, thing.entry)

    def append(self, split: str, entry: Any) -> int:
        """Put an entry at the end of a split's annotations; its index. Objects get an id."""
        annotations = self.document(split)["annotations"]
        if isinstance(entry, dict):
            entry.setdefault("id", 1000 + len(annotations))
        annotations.append(entry)
        return len(annotations) - 1

    def set_box(self, picture: Picture, thing: Thing, xyxy: Box) -> None:
        thing.entry["bbox"] = [xyxy[0], xyxy[1], xyxy[2] - xyxy[0], xyxy[3] - xyxy[1]]

    def file(self, split: str) -> str:
        """The path of a split's file."""
        return f"annotations/instances_{split}.json"

    def of_image(self, picture: Picture, code: str) -> tuple[str, str]:
        return self.file(picture.split), f"images[{picture.n}]"

    def of_thing(self, picture: Picture, thing: Thing) -> tuple[str, str]:
        record_id = thing.entry.get("id")
        shown = f"#{thing.n}" if record_id is None else record_id
        return self.file(picture.split), f"annotations[{thing.n}] id {shown}"

    def _write(self, folder: Path) -> Iterator[tuple[str, bytes]]:
        for split, document in self.documents.items():
            yield self.file(split), coco_text(document).encode()


def raw(text: str) -> str:
    """A number that Python's JSON cannot write, for `coco_text`."""
    return f"@raw@{text}@"


def coco_text(document: Any) -> str:
    """JSON with `raw` numbers as they are."""
    return re.sub(r'"@raw@(.*?)@"', r"\1", json.dumps(document))


class Voc(Source):
    """A devkit: `Annotations`, `JPEGImages`, `ImageSets/Main`."""

    format = "voc"

    def __init__(self, pictures: list[Picture]) -> None:
        self.lists: dict[str, list[str]] = {}
        super().__init__(pictures)

    def _enter(self, picture: Picture) -> None:
        picture.path = f"JPEGImages/{picture.name}"
        picture.entry = {"filename": picture.name, "size": picture.wh, "bytes": None}
        self.lists.setdefault(picture.split, []).append(picture.stem)

    def _enter_thing(self, picture: Picture, thing: Thing) -> None:
        thing.n = len(picture.things)
        flags = {"difficult": str(int(thing.difficult)), "truncated": str(int(thing.truncated))}
        thing.entry = {"name": [thing.name], "bndbox": [corners(thing.xyxy)], **flags, "more": ""}

    def set_box(self, picture: Picture, thing: Thing, xyxy: Box) -> None:
        thing.entry["bndbox"] = [corners(xyxy)]

    def file(self, picture: Picture) -> str:
        """The path of a picture's xml."""
        return f"Annotations/{picture.stem}.xml"

    def of_image(self, picture: Picture, code: str) -> tuple[str, str]:
        return self.file(picture), ""

    def of_thing(self, picture: Picture, thing: Thing) -> tuple[str, str]:
        return self.file(picture), f"object {thing.n}"

    def _write(self, folder: Path) -> Iterator[tuple[str, bytes]]:
        for split, stems in self.lists.items():
            yield f"ImageSets/Main/{split}.txt", "".join(stem + "\n" for stem in stems).encode()
        for picture in self.pictures:
            if picture.entry["bytes"] is not None:
                yield self.file(picture), picture.entry["bytes"]
            else:
                yield self.file(picture), voc_text(picture).encode()


def corners(xyxy: Box) -> list[tuple[str, str]]:
    """VOC's corners: pixels from 1, the last one inclusive."""
    values = (xyxy[0] + 1, xyxy[1] + 1, xyxy[2], xyxy[3])
    return list(zip(("xmin", "ymin", "xmax", "ymax"), map(decimal, values), strict=True))


def decimal(value: float) -> str:
    """A number without an exponent."""
    return f"{value:.10f}".rstrip("0").rstrip(".")


def voc_text(picture: Picture) -> str:
    """A picture's xml."""
    entry, lines = picture.entry, ["<annotation>"]
    if entry["filename"] is not None:
        lines.append(f"<filename>{escape(entry['filename'])}</filename>")
    if entry["size"] is not None:
        lines.append(
            "<size><width>{}</width><height>{}</height><depth>3</depth></size>".format(*entry["size"])
        )
    for thing in picture.things:
        parts = [f"<name>{escape(name)}</name>" for name in thing.entry["name"]]
        parts += [f"<{flag}>{thing.entry[flag]}</{flag}>" for flag in ("difficult", "truncated")]
        for box in thing.entry["bndbox"]:
            parts.append("<bndbox>" + "".join(f"<{edge}>{text}</{edge}>" for edge, text in box) + "</bndbox>")
        lines.append("<object>" + "".join(parts) + thing.entry["more"] + "</object>")
    return "\n".join([*lines, "</annotation>"])


class Yolo(Source):
    """`data.yaml`, `images/*/`, `labels/*/`; a split is a folder."""

    format = "yolo"

    def _enter(self, picture: Picture) -> None:
        picture.path = f"images/{picture.split}/{picture.name}"

    def _enter_thing(self, picture: Picture, thing: Thing) -> None:
        thing.n = len(picture.things)
        self.set_box(picture, thing, thing.xyxy)

    def set_box(self, picture: Picture, thing: Thing, xyxy: Box) -> None:
        thing.entry = f"{CLASSES.index(thing.name)} {fractions(xyxy, picture.wh)}"

    def file(self, picture: Picture) -> str:
        """The path of a picture's label file."""
        return picture.label or f"labels/{picture.split}/{picture.stem}.txt"

    def of_image(self, picture: Picture, code: str) -> tuple[str, str]:
        return self.file(picture), ""

    def of_thing(self, picture: Picture, thing: Thing) -> tuple[str, str]:
        return self.file(picture), f"{self.file(picture)}:{thing.n}"

    def _write(self, folder: Path) -> Iterator[tuple[str, bytes]]:
        splits = {picture.split for picture in self.pictures}
        yield "data.yaml", self.yaml({split: f"images/{split}" for split in sorted(splits)}).encode()
        yield from self._labels()

    def yaml(self, splits: dict[str, str]) -> str:
        """data.yaml with its splits."""
        return (
            "".join(f"{key}: {value}\n" for key, value in splits.items()) + f"names: {json.dumps(CLASSES)}\n"
        )

    def _labels(self) -> Iterator[tuple[str, bytes]]:
        for picture in self.pictures:
            if isinstance(picture.entry, bytes):
                yield self.file(picture), picture.entry
            elif picture.entry != SHARED:
                yield self.file(picture), "".join(thing.entry + "\n" for thing in picture.things).encode()


class YoloList(Yolo):
    """The same, but a split is a list of paths."""

    format = "yolo list"

    def __init__(self, pictures: list[Picture]) -> None:
        self.lists: dict[str, list[str]] = {}
        super().__init__(pictures)

    def _enter(self, picture: Picture) -> None:
        super()._enter(picture)
        lines = self.lists.setdefault(picture.split, [])
        lines.append("./" + picture.path)
        picture.n = len(lines)

    def of_image(self, picture: Picture, code: str) -> tuple[str, str]:
        if code in LATE or code == "DP305":
            return super().of_image(picture, code)
        return f"{picture.split}.txt", f"{picture.split}.txt:{picture.n}"

    def _write(self, folder: Path) -> Iterator[tuple[str, bytes]]:
        yield "data.yaml", self.yaml({split: f"{split}.txt" for split in self.lists}).encode()
        for split, lines in self.lists.items():
            yield f"{split}.txt", "".join(line + "\n" for line in lines).encode()
        yield from self._labels()


def fractions(xyxy: Box, wh: tuple[int, int]) -> str:
    """YOLO's centre and size."""
    (x1, y1, x2, y2), (w, h) = xyxy, wh
    return " ".join(f"{v:.6f}" for v in ((x1 + x2) / 2 / w, (y1 + y2) / 2 / h, (x2 - x1) / w, (y2 - y1) / h))


FORMATS: dict[str, type[Source]] = {one.format: one for one in (Coco, Voc, Yolo, YoloList)}


def put(path: Path, data: bytes) -> None:
    """Write a file and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
