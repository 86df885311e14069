"""Defects of what is said about images: places, names, paths, sizes, ids."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from random import Random
from typing import Any

from mini import FORMATS, NoRoom, Picture, Source, picture_bytes, put

from defects.kind import Defect

Spoil = Callable[[Any, Picture], None]


def every_image_defect() -> Iterator[Defect]:
    """All of them, format by format."""
    for kind in FORMATS:
        yield from _places(kind)
    for kind in ("coco", "voc"):
        yield from _sizes(kind)
    for kind in ("coco", "voc", "yolo list"):
        yield from _names(kind)
    yield from _coco()


def whole(kind: str, name: str, code: str, spoil: Spoil, things: int = 0) -> Defect:
    """A defect that takes a picture for itself."""

    def plant(source: Source, rng: Random) -> None:
        spoil(source, source.take_picture(rng, things))

    return Defect(name, kind, code, plant)


def lost(code: str, change: Spoil) -> Spoil:
    """The image must be left out."""

    def spoil(source: Any, picture: Picture) -> None:
        change(source, picture)
        picture.lose(code)

    return spoil


def told(code: str, action: str, change: Spoil) -> Spoil:
    """The image is kept and something is told of it."""

    def spoil(source: Any, picture: Picture) -> None:
        change(source, picture)
        picture.told.append((code, action))

    return spoil


def _places(kind: str) -> Iterator[Defect]:
    """What lies where the picture should be; what YOLO's folders lack is seen by its label only."""
    missing = "DP217" if kind == "yolo" else "DP201"
    folder = "DP217" if kind == "yolo" else "DP204"
    yield whole(kind, "a missing picture", missing, _gone(missing, lambda path: None), 1)
    yield whole(kind, "a folder for a picture", folder, _gone(folder, Path.mkdir), 1)
    yield whole(kind, "a pipe for a picture", "DP204", _gone("DP204", lambda path: os.mkfifo(path)))
    yield whole(kind, "a link out of the source", "DP213", _gone("DP213", _link_out))
    dangling = _gone("DP201", lambda path: path.symlink_to("nowhere.jpg"))
    yield whole(kind, "a link to nothing", "DP201", dangling)
    yield whole(kind, "a link inside the source", "", _linked_inside)


def _gone(code: str, instead: Callable[[Path], None]) -> Spoil:
    def spoil(source: Any, picture: Picture) -> None:
        path = picture.path
        picture.data = None
        source.special.append(lambda folder: instead(folder / path))
        if code == "DP217":
            picture.name = picture.shown = picture.stem
        picture.lose(code)

    return spoil


def _link_out(path: Path) -> None:
    outside = secret(path)
    path.symlink_to(outside)


def secret(inside: Path, name: str = "secret.jpg") -> Path:
    """A good picture outside of the source, which nothing may read: beside the folder `source`."""
    root = next(folder for folder in inside.parents if folder.name == "source")
    outside = root.with_name(name)
    outside.write_bytes(picture_bytes((32, 32)))
    return outside


def _linked_inside(source: Any, picture: Picture) -> None:
    path, data = picture.path, picture.data
    picture.data = None

    def link(folder: Path) -> None:
        put(folder / "store" / picture.name, data or b"")
        (folder / path).symlink_to(folder / "store" / picture.name)

    source.special.append(link)


def _sizes(kind: str) -> Iterator[Defect]:
    """Declared sizes."""

    def declare(w: Any, h: Any) -> Spoil:
        def change(source: Any, picture: Picture) -> None:
            wh = (w(picture.wh) if callable(w) else w, h(picture.wh) if callable(h) else h)
            if kind == "coco":
                picture.entry |= dict(zip(("width", "height"), wh, strict=True))
            else:
                picture.entry["size"] = wh

        return change

    def high(wh: tuple[int, int]) -> int:
        return wh[1]

    for name, w, h in (
        ("another width declared", lambda wh: wh[0] + 1, high),
        ("twice the size declared", lambda wh: 2 * wh[0], lambda wh: 2 * wh[1]),
        ("a gigantic size declared", 2**31 - 1, 2**31 - 1),
    ):
        yield whole(kind, name, "DP209", lost("DP209", declare(w, h)))
    texts: tuple[Any, ...] = (0, -5, "wide", 10.5) if kind == "voc" else (0, -5, "40", None, True, 10.5, [40])
    for value in texts:
        name = f"declared width {value!r}"
        yield whole(kind, name, "DP224", told("DP224", "repaired", declare(value, high)))
    yield whole(kind, "no size declared", "DP224", told("DP224", "repaired", _undeclared))
    yield whole(kind, "a size with a point", "", declare(lambda wh: float(wh[0]), lambda wh: float(wh[1])))


def _undeclared(source: Any, picture: Picture) -> None:
    if source.format == "coco":
        del picture.entry["width"]
    else:
        picture.entry["size"] = None


def rename(source: Any, picture: Picture, written: str, findings_say: str | None = None) -> None:
    """Let the annotations call the picture something else."""
    picture.name = written if findings_say is None else findings_say
    picture.shown = picture.name
    if source.format == "coco":
        picture.entry["file_name"] = written
    elif source.format == "voc":
        picture.entry["filename"] = written
        picture.name = written.replace("\\", "/").rpartition("/")[2]
    else:
        source.lists[picture.split][picture.n - 1] = written


def _names(kind: str) -> Iterator[Defect]:
    """Names and paths that lead somewhere else, or nearly there."""
    folder = {"coco": "images/{p.split}/", "voc": "JPEGImages/", "yolo list": ""}[kind]
    up = {"coco": "../../../", "voc": "../../", "yolo list": "../"}[kind]

    def led(where: str) -> Spoil:
        def change(source: Any, picture: Picture) -> None:
            written = where.format(picture.stem)
            source.special.append(lambda root: secret(root / "x", os.path.basename(written)))
            rename(source, picture, written, written.rpartition("/")[2] if kind == "voc" else None)
            # A list's entry names none of our labels any more, and ours belongs to a picture nobody lists.
            picture.lose("DP213", of_things="" if kind == "yolo list" else "DP111")

        return change

    yield whole(kind, "a path out of the source", "DP213", led(up + "secret-{}.jpg"))
    yield whole(kind, "an absolute path", "DP213", led("/etc/hostname-{}.jpg"))
    yield whole(kind, "a URL", "DP213", led("https://example.com/{}.jpg"))
    yield whole(kind, "another case", "DP221", _another_case(folder))
    yield whole(kind, "another Unicode form", "DP221", _another_form(folder))
    if kind != "yolo list":
        yield whole(kind, "a backslash", "DP221", _backslash(folder))


def _another_case(folder: str) -> Spoil:
    def change(source: Any, picture: Picture) -> None:
        old = picture.name
        written = (folder if source.format == "yolo list" else "") + old.upper()
        if source.format == "yolo list":
            written = f"./images/{picture.split}/{old.upper()}"
        rename(source, picture, written)
        _repaired(source, picture, old)

    return change


def _repaired(source: Any, picture: Picture, real: str) -> None:
    """What findings and records say of a picture that was found by another name."""
    picture.told.append(("DP221", "repaired"))
    if source.format == "coco":
        picture.shown = picture.name.replace("\\", "/")
    else:
        picture.name = picture.shown = real


def _another_form(folder: str) -> Spoil:
    def change(source: Any, picture: Picture) -> None:
        real, written = (
            unicodedata.normalize(form, f"été {picture.stem}{picture.ending}") for form in ("NFD", "NFC")
        )
        if source.format == "voc":
            picture.path = f"JPEGImages/{real}"
            rename(source, picture, written)
        else:
            picture.path = f"images/{picture.split}/{real}"
            if source.format == "yolo list":
                picture.stem = unicodedata.normalize("NFD", f"été {picture.stem}")
                rename(source, picture, f"images/{picture.split}/{written}")
            else:
                rename(source, picture, written)
        _repaired(source, picture, real)

    return change


def _backslash(folder: str) -> Spoil:
    def change(source: Any, picture: Picture) -> None:
        old = picture.name
        if source.format == "coco":
            picture.path = f"images/{picture.split}/deep/{old}"
        else:
            picture.path = f"JPEGImages/deep/{old}"
        rename(source, picture, f"deep\\{old}")
        _repaired(source, picture, old)

    return change


def entry_set(key: str, value: Any) -> Spoil:
    """Another value in the picture's entry."""
    return lambda source, picture: picture.entry.__setitem__(key, deepcopy(value))


def entry_without(key: str) -> Spoil:
    """A key less in the picture's entry."""
    return lambda source, picture: picture.entry.pop(key)


def _nameless(change: Spoil) -> Spoil:
    def spoil(source: Any, picture: Picture) -> None:
        change(source, picture)
        picture.name = ""
        picture.lose("DP212")

    return spoil


def _coco() -> Iterator[Defect]:
    for value in (None, "", "  ", 7, ["a.jpg"], "a\0b.jpg", "\ud800.jpg"):
        yield whole("coco", f"file_name {value!r}", "DP212", _nameless(entry_set("file_name", value)))
    yield whole("coco", "no file_name", "DP212", _nameless(entry_without("file_name")))
    for value in (None, True, 1.5, "", [1], {"$oid": "1"}):
        yield whole("coco", f"image id {value!r}", "DP211", _without_id(entry_set("id", value)))
    yield whole("coco", "no image id", "DP211", _without_id(entry_without("id")))
    yield whole("coco", "one id for two files", "DP210", _two_files)
    yield whole("coco", "the same record twice", "DP227", _repeated)
    for value in (17, "a.jpg", None, [1]):
        yield Defect(f"{value!r} for an image", "coco", "DP215", _no_record(value))
    long = "a" * 300 + "/b.jpg"
    yield whole(
        "coco", "a name that no disk can hold", "DP201", lost("DP201", lambda s, p: rename(s, p, long))
    )
    yield whole(
        "coco",
        "a name with a line end and colour",
        "DP201",
        lost("DP201", lambda s, p: rename(s, p, "\x1b[31m\n.jpg")),
    )
    yield whole("coco", "unknown keys", "", entry_set("flickr_url", {"nothing": "to fetch"}))
    yield whole("coco", "a text id", "", _text_id)
    yield Defect("a category twice", "coco", "DP301", _category_twice)
    yield Defect("an unused category of the same name", "coco", "DP302", _category_unused)
    yield whole(
        "coco",
        "a size of the picture's wrong neighbour",
        "DP209",
        lost("DP209", lambda s, p: p.entry.update(width=p.wh[0] + 7)),
    )


def _without_id(change: Spoil) -> Spoil:
    def spoil(source: Any, picture: Picture) -> None:
        change(source, picture)
        picture.lose("DP211", of_things="DP107")

    return spoil


def _two_files(source: Any, picture: Picture) -> None:
    other = Picture(
        f"other{len(source.pictures)}", ".jpg", (20, 20), picture.split, [], data=picture_bytes((20, 20))
    )
    source.add(other)
    other.entry["id"] = picture.entry["id"]
    other.touched = "whole"
    for one in (picture, other):
        one.lose("DP210")


def _repeated(source: Any, picture: Picture) -> None:
    images = source.document(picture.split)["images"]
    images.append(dict(picture.entry))
    file = source.file(picture.split)
    source.further.append(("DP227", "repaired", file, f"images[{len(images) - 1}]", picture.name))


def _no_record(value: Any) -> Callable[[Any, Random], None]:
    def plant(source: Any, rng: Random) -> None:
        images = source.document("train")["images"]
        images.append(value)
        source.nobodies.append(("DP215", "left out", source.file("train"), f"images[{len(images) - 1}]", ""))

    return plant


def _text_id(source: Any, picture: Picture) -> None:
    picture.entry["id"] = f"id {picture.entry['id']}"
    for thing in picture.things:
        thing.entry["image_id"] = picture.entry["id"]


def _category(source: Any, entry: dict[str, Any], code: str) -> None:
    source.categories.append(entry)
    n, shown = len(source.categories) - 1, entry["id"]
    for split in source.documents:
        source.further.append((code, "repaired", source.file(split), f"categories[{n}] id {shown}", ""))


def _category_twice(source: Any, rng: Random) -> None:
    _category(source, dict(rng.choice(source.categories[:3])), "DP301")


def _category_unused(source: Any, rng: Random) -> None:
    unused = [
        c
        for c in source.categories[:3]
        if any(t.name == c["name"] for p in source.pictures for t in p.things)
    ]
    splits = {
        split: {t.name for p in source.pictures if p.split == split for t in p.things}
        for split in source.documents
    }
    both = [c for c in unused if all(c["name"] in names for names in splits.values())]
    if not both or any(c["id"] > 500 for c in source.categories):
        raise NoRoom
    _category(source, {"id": 777, "name": both[0]["name"], "supercategory": "none"}, "DP302")
