"""Defects of what is said about images: names, paths, sizes, ids, and of annotation files as a whole."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from random import Random
from typing import Any

from mini import FORMATS, SHARED, NoRoom, Picture, Source, picture_bytes, put, voc_text

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
    yield from _voc()
    for kind in ("yolo", "yolo list"):
        yield from _yolo(kind)
    yield from _yolo_list()


def _whole(kind: str, name: str, code: str, spoil: Spoil, things: int = 0) -> Defect:
    def plant(source: Source, rng: Random) -> None:
        spoil(source, source.take_picture(rng, things))

    return Defect(name, kind, code, plant)


def _lost(code: str, change: Spoil) -> Spoil:
    def spoil(source: Any, picture: Picture) -> None:
        change(source, picture)
        picture.lose(code)

    return spoil


def _told(code: str, action: str, change: Spoil) -> Spoil:
    def spoil(source: Any, picture: Picture) -> None:
        change(source, picture)
        picture.told.append((code, action))

    return spoil


def _places(kind: str) -> Iterator[Defect]:
    """What lies where the picture should be; what YOLO's folders lack is seen by its label only."""
    missing = "DP217" if kind == "yolo" else "DP201"
    folder = "DP217" if kind == "yolo" else "DP204"
    yield _whole(kind, "a missing picture", missing, _gone(missing, lambda path: None), 1)
    yield _whole(kind, "a folder for a picture", folder, _gone(folder, Path.mkdir), 1)
    yield _whole(kind, "a pipe for a picture", "DP204", _gone("DP204", lambda path: os.mkfifo(path)))
    yield _whole(kind, "a link out of the source", "DP213", _gone("DP213", _link_out))
    dangling = _gone("DP201" if kind != "yolo" else "DP201", lambda path: path.symlink_to("nowhere.jpg"))
    yield _whole(kind, "a link to nothing", "DP201", dangling)
    yield _whole(kind, "a link inside the source", "", _linked_inside)


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
        yield _whole(kind, name, "DP209", _lost("DP209", declare(w, h)))
    texts: tuple[Any, ...] = (0, -5, "wide", 10.5) if kind == "voc" else (0, -5, "40", None, True, 10.5, [40])
    for value in texts:
        name = f"declared width {value!r}"
        yield _whole(kind, name, "DP224", _told("DP224", "repaired", declare(value, high)))
    yield _whole(kind, "no size declared", "DP224", _told("DP224", "repaired", _undeclared))
    yield _whole(kind, "a size with a point", "", declare(lambda wh: float(wh[0]), lambda wh: float(wh[1])))


def _undeclared(source: Any, picture: Picture) -> None:
    if source.format == "coco":
        del picture.entry["width"]
    else:
        picture.entry["size"] = None


def _rename(source: Any, picture: Picture, written: str, findings_say: str | None = None) -> None:
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
            _rename(source, picture, written, written.rpartition("/")[2] if kind == "voc" else None)
            # A list's entry names none of our labels any more, and ours belongs to a picture nobody lists.
            picture.lose("DP213", of_things="" if kind == "yolo list" else "DP111")

        return change

    yield _whole(kind, "a path out of the source", "DP213", led(up + "secret-{}.jpg"))
    yield _whole(kind, "an absolute path", "DP213", led("/etc/hostname-{}.jpg"))
    yield _whole(kind, "a URL", "DP213", led("https://example.com/{}.jpg"))
    yield _whole(kind, "another case", "DP221", _another_case(folder))
    yield _whole(kind, "another Unicode form", "DP221", _another_form(folder))
    if kind != "yolo list":
        yield _whole(kind, "a backslash", "DP221", _backslash(folder))


def _another_case(folder: str) -> Spoil:
    def change(source: Any, picture: Picture) -> None:
        old = picture.name
        written = (folder if source.format == "yolo list" else "") + old.upper()
        if source.format == "yolo list":
            written = f"./images/{picture.split}/{old.upper()}"
        _rename(source, picture, written)
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
            _rename(source, picture, written)
        else:
            picture.path = f"images/{picture.split}/{real}"
            if source.format == "yolo list":
                picture.stem = unicodedata.normalize("NFD", f"été {picture.stem}")
                _rename(source, picture, f"images/{picture.split}/{written}")
            else:
                _rename(source, picture, written)
        _repaired(source, picture, real)

    return change


def _backslash(folder: str) -> Spoil:
    def change(source: Any, picture: Picture) -> None:
        old = picture.name
        if source.format == "coco":
            picture.path = f"images/{picture.split}/deep/{old}"
        else:
            picture.path = f"JPEGImages/deep/{old}"
        _rename(source, picture, f"deep\\{old}")
        _repaired(source, picture, old)

    return change


def _set(key: str, value: Any) -> Spoil:
    return lambda source, picture: picture.entry.__setitem__(key, deepcopy(value))


def _drop(key: str) -> Spoil:
    return lambda source, picture: picture.entry.pop(key)


def _nameless(change: Spoil) -> Spoil:
    def spoil(source: Any, picture: Picture) -> None:
        change(source, picture)
        picture.name = ""
        picture.lose("DP212")

    return spoil


def _coco() -> Iterator[Defect]:
    for value in (None, "", "  ", 7, ["a.jpg"], "a\0b.jpg", "\ud800.jpg"):
        yield _whole("coco", f"file_name {value!r}", "DP212", _nameless(_set("file_name", value)))
    yield _whole("coco", "no file_name", "DP212", _nameless(_drop("file_name")))
    for value in (None, True, 1.5, "", [1], {"$oid": "1"}):
        yield _whole("coco", f"image id {value!r}", "DP211", _without_id(_set("id", value)))
    yield _whole("coco", "no image id", "DP211", _without_id(_drop("id")))
    yield _whole("coco", "one id for two files", "DP210", _two_files)
    yield _whole("coco", "the same record twice", "DP227", _repeated)
    for value in (17, "a.jpg", None, [1]):
        yield Defect(f"{value!r} for an image", "coco", "DP215", _no_record(value))
    long = "a" * 300 + "/b.jpg"
    yield _whole(
        "coco", "a name that no disk can hold", "DP201", _lost("DP201", lambda s, p: _rename(s, p, long))
    )
    yield _whole(
        "coco",
        "a name with a line end and colour",
        "DP201",
        _lost("DP201", lambda s, p: _rename(s, p, "\x1b[31m\n.jpg")),
    )
    yield _whole("coco", "unknown keys", "", _set("flickr_url", {"nothing": "to fetch"}))
    yield _whole("coco", "a text id", "", _text_id)
    yield Defect("a category twice", "coco", "DP301", _category_twice)
    yield Defect("an unused category of the same name", "coco", "DP302", _category_unused)
    yield _whole(
        "coco",
        "a size of the picture's wrong neighbour",
        "DP209",
        _lost("DP209", lambda s, p: p.entry.update(width=p.wh[0] + 7)),
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


def _bytes(data: Callable[[Picture], bytes]) -> Spoil:
    """The annotation file cannot be read: nobody knows how many objects it holds."""

    def spoil(source: Any, picture: Picture) -> None:
        picture.entry = {**picture.entry, "bytes": data(picture)} if source.format == "voc" else data(picture)
        picture.lose("DP216", of_things="")

    return spoil


def _replaced(instead: Callable[[Path], None]) -> Spoil:
    """The annotation file is no file."""

    def spoil(source: Any, picture: Picture) -> None:
        file = source.file(picture)

        def change(folder: Path) -> None:
            (folder / file).unlink()
            instead(folder / file)

        source.special.append(change)
        picture.lose("DP216", of_things="")

    return spoil


def _text(change: Callable[[str], str], encoding: str = "utf-8") -> Spoil:
    return _bytes(lambda picture: change(voc_text(picture)).encode(encoding))


def _voc() -> Iterator[Defect]:
    entity = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]>\n'
    bomb = '<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;">]>\n'
    for name, spoil in {
        "an entity": _text(
            lambda text: entity + text.replace("<annotation>", "<annotation><folder>&x;</folder>")
        ),
        "a billion laughs": _text(lambda text: bomb + text.replace("<annotation>", "<annotation><a>&b;</a>")),
        "a bare DOCTYPE": _text(lambda text: "<!DOCTYPE annotation>" + text),
        "xml cut off": _text(lambda text: text[: len(text) // 2]),
        "xml with an open ampersand": _text(
            lambda text: text.replace("<annotation>", "<annotation><a>a & b</a>")
        ),
        "an empty xml": _bytes(lambda picture: b""),
        "a root of another kind": _bytes(lambda picture: b"<html><body>404</body></html>"),
        "bytes that are no text": _bytes(
            lambda picture: b"<annotation><folder>\xff\xfe\xe9</folder></annotation>"
        ),
        "an unknown encoding": _text(lambda text: '<?xml version="1.0" encoding="klingon"?>' + text),
        "a pipe for an xml": _replaced(lambda path: os.mkfifo(path)),
        "a folder for an xml": _replaced(Path.mkdir),
    }.items():
        if name != "a folder for an xml":  # a folder is no xml file, so its picture is merely unlabelled
            yield _whole("voc", name, "DP216", spoil)
    for name, encoding in (("latin-1 as declared", "iso-8859-1"), ("UTF-16", "utf-16"), ("gbk", "gbk")):
        yield _whole("voc", f"xml in {name}", "", _encoded(encoding))
    yield _whole("voc", "no filename", "DP225", _told("DP225", "repaired", _set("filename", None)))
    yield _whole(
        "voc", "a filename of nothing", "DP225", _told("DP225", "repaired", _set("filename", "scan.jpg"))
    )
    yield _whole("voc", "a filename without ending", "DP225", _told("DP225", "repaired", _stem_only))
    yield _whole("voc", "a filename of another picture", "DP210", _another_picture)
    yield _whole("voc", "two pictures of the stem", "DP210", _two_of_the_stem)
    yield _whole("voc", "no filename, no picture", "DP217", _orphan_xml)
    yield _whole("voc", "in two lists", "DP306", _in_two_lists)
    yield _whole("voc", "in no list", "DP307", _in_no_list)
    yield Defect("a picture without xml", "voc", "DP304", _unlabelled)
    yield Defect("a list's entry of nothing", "voc", "DP201", _stray_entry)
    yield _whole(
        "voc",
        "a wrong <path>",
        "",
        lambda s, p: p.entry.update(
            bytes=voc_text(p).replace("<annotation>", "<annotation><path>C:\\x\\y.jpg</path>").encode()
        ),
    )


def _encoded(encoding: str) -> Spoil:
    def spoil(source: Any, picture: Picture) -> None:
        head = f'<?xml version="1.0" encoding="{encoding}"?>'
        text = head + voc_text(picture)
        if encoding == "gbk":
            text = text.replace("Käfer", "cat")
            for thing in picture.things:
                thing.name = "cat" if thing.name == "Käfer" else thing.name
            if len({(t.name, t.xyxy) for t in picture.things}) < len(picture.things):
                raise NoRoom
        picture.entry["bytes"] = text.encode(encoding)

    return spoil


def _stem_only(source: Any, picture: Picture) -> None:
    picture.entry["filename"] = picture.stem


def _another_picture(source: Any, picture: Picture) -> None:
    name = f"elsewhere{len(source.files)}.jpg"
    source.files[f"JPEGImages/{name}"] = picture_bytes((24, 24))
    _rename(source, picture, name)
    picture.lose("DP210")


def _two_of_the_stem(source: Any, picture: Picture) -> None:
    source.files[f"JPEGImages/{picture.stem}.webp"] = picture_bytes((24, 24))
    picture.entry["filename"] = "scan.jpg"
    picture.name = min(picture.stem + ".webp", picture.stem + picture.ending)
    picture.lose("DP210")


def _orphan_xml(source: Any, picture: Picture) -> None:
    picture.data, picture.entry["filename"], picture.name = None, None, picture.stem
    picture.lose("DP217")


def _in_two_lists(source: Any, picture: Picture) -> None:
    other = "val" if picture.split == "train" else "train"
    source.lists.setdefault(other, []).append(picture.stem)
    picture.told.append(("DP306", "kept"))
    picture.split = "train"


def _in_no_list(source: Any, picture: Picture) -> None:
    source.lists[picture.split].remove(picture.stem)
    picture.told.append(("DP307", "kept"))
    picture.split = "unlisted"


def _unlabelled(source: Any, rng: Random) -> None:
    name = f"unlabelled{len(source.files)}.jpg"
    source.files[f"JPEGImages/{name}"] = picture_bytes((24, 24))
    source.further.append(("DP304", "kept", f"JPEGImages/{name}", "", name))


def _stray_entry(source: Any, rng: Random) -> None:
    lines = source.lists.setdefault("train", [])
    lines.append(f"nothing{len(lines)}")
    name = lines[-1]
    file = "ImageSets/Main/train.txt"
    source.special.append(lambda folder: None)
    source.nobodies.append(("DP201", "left out", file, f"line {len(lines)}", name))


def _yolo(kind: str) -> Iterator[Defect]:
    for name, spoil in {
        "a label in latin-1": _bytes(lambda picture: "0 0.5 0.5 0.1 0.1 # Käfer\n".encode("latin-1")),
        "a label of random bytes": _bytes(lambda picture: b"\x89\xfe\x00\xff" * 9),
        "a pipe for a label": _replaced(lambda path: os.mkfifo(path)),
        "a folder for a label": _replaced(Path.mkdir),
        "a label that links out": _replaced(lambda path: path.symlink_to(secret(path))),
    }.items():
        yield _whole(kind, name, "DP216", spoil)
    yield _whole(kind, "no label file", "DP305", _no_label)
    for encoding in ("utf-8-sig", "utf-16", "utf-32"):
        yield _whole(kind, f"a label in {encoding}", "", _label(lambda text, e=encoding: text.encode(e)))
    yield _whole(kind, "blank lines at the end", "", _label(lambda text: (text + "\n  \n# end\n").encode()))
    yield _whole(
        kind, "a label with old Mac line ends", "", _label(lambda text: text.replace("\n", "\r").encode())
    )
    yield _whole(kind, "a label of another case", "DP221", _label_case, 1)
    yield _whole(kind, "two pictures for one label", "DP210", _two_for_one)


def _no_label(source: Any, picture: Picture) -> None:
    file = source.file(picture)
    source.special.append(lambda folder: (folder / file).unlink())
    picture.things.clear()
    picture.told.append(("DP305", "kept"))


def _label(encode: Callable[[str], bytes]) -> Spoil:
    def spoil(source: Any, picture: Picture) -> None:
        picture.entry = encode("".join(thing.entry + "\n" for thing in picture.things))

    return spoil


def _label_case(source: Any, picture: Picture) -> None:
    picture.label = f"labels/{picture.split}/{picture.stem.upper()}.txt"
    picture.told.append(("DP221", "repaired"))


def _two_for_one(source: Any, picture: Picture) -> None:
    other = Picture(picture.stem, ".bmp", picture.wh, picture.split, [], data=picture_bytes(picture.wh))
    source.add(other)
    other.touched, other.entry = "whole", SHARED
    if source.format == "yolo":  # .bmp comes first in a folder, and the objects are told once, with the first
        other.things, picture.things, other.entry, picture.entry = picture.things, [], picture.entry, SHARED
    for one in (picture, other):
        one.lose("DP210")


def _yolo_list() -> Iterator[Defect]:
    yield _whole("yolo list", "in two splits", "DP306", _listed_in_both)
    yield _whole("yolo list", "listed twice", "DP227", _listed_twice)
    yield Defect("a listed picture of nothing", "yolo list", "DP201", _listed_nothing)
    yield Defect("a listed name with a NUL", "yolo list", "DP212", _listed("images/a\0b/c.jpg", "DP212"))
    long = "images/" + "a" * 300 + "/b.jpg"
    yield Defect("a listed folder that no disk can hold", "yolo list", "DP201", _listed(long, "DP201"))
    yield Defect("paths of a deeper data.yaml", "yolo list", "DP303", _deeper)


def _listed_in_both(source: Any, picture: Picture) -> None:
    other = "val" if picture.split == "train" else "train"
    lines = source.lists.setdefault(other, [])
    lines.append("./" + picture.path)
    if other == "train":  # the first of train, val, test is where it stays
        picture.label, picture.split, picture.n = source.file(picture), "train", len(lines)
    picture.told.append(("DP306", "kept"))


def _listed_twice(source: Any, picture: Picture) -> None:
    lines = source.lists[picture.split]
    lines.append("./" + picture.path)
    place = f"{picture.split}.txt:{len(lines)}"
    source.further.append(("DP227", "repaired", f"{picture.split}.txt", place, picture.name))


def _listed_nothing(source: Any, rng: Random) -> None:
    lines = source.lists["train"]
    lines.append(f"./images/train/nothing{len(lines)}.jpg")
    file, name = "train.txt", f"nothing{len(lines) - 1}.jpg"
    source.nobodies.append(("DP201", "left out", file, f"{file}:{len(lines)}", name))


def _listed(entry: str, code: str) -> Callable[[Any, Random], None]:
    """One more line in a list, that leads nowhere."""

    def plant(source: Any, rng: Random) -> None:
        lines = source.lists["train"]
        if entry in lines:
            raise NoRoom
        lines.append(entry)
        place, name = f"train.txt:{len(lines)}", entry.removeprefix("images/")
        source.nobodies.append((code, "left out", "train.txt", place, name))

    return plant


def _deeper(source: Any, rng: Random) -> None:
    lines = source.lists["train"]
    if any(line.startswith("../") for line in lines):
        raise NoRoom
    clean = [p for p in source.pictures if p.split == "train" and not p.touched]
    if not clean:
        raise NoRoom
    picture = clean[0]
    picture.touched = "whole"
    lines[picture.n - 1] = "../" + picture.path
    source.further.append(("DP303", "repaired", "train.txt", "train", ""))
