"""Defects of VOC's and YOLO's own files: xml, labels, lists."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

from mini import SHARED, NoRoom, Picture, picture_bytes, voc_text

from defects.images import Spoil, entry_set, rename, secret, told, whole
from defects.kind import Defect


def every_file_defect() -> Iterator[Defect]:
    """All of them, format by format."""
    yield from _voc()
    for kind in ("yolo", "yolo list"):
        yield from _yolo(kind)
    yield from _yolo_list()


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
            yield whole("voc", name, "DP216", spoil)
    for name, encoding in (("latin-1 as declared", "iso-8859-1"), ("UTF-16", "utf-16"), ("gbk", "gbk")):
        yield whole("voc", f"xml in {name}", "", _encoded(encoding))
    yield whole("voc", "no filename", "DP225", told("DP225", "repaired", entry_set("filename", None)))
    yield whole(
        "voc", "a filename of nothing", "DP225", told("DP225", "repaired", entry_set("filename", "scan.jpg"))
    )
    yield whole("voc", "a filename without ending", "DP225", told("DP225", "repaired", _stem_only))
    yield whole("voc", "a filename of another picture", "DP210", _another_picture)
    yield whole("voc", "two pictures of the stem", "DP210", _two_of_the_stem)
    yield whole("voc", "no filename, no picture", "DP217", _orphan_xml)
    yield whole("voc", "in two lists", "DP306", _in_two_lists)
    yield whole("voc", "in no list", "DP307", _in_no_list)
    yield Defect("a picture without xml", "voc", "DP304", _unlabelled)
    yield Defect("a list's entry of nothing", "voc", "DP201", _stray_entry)
    yield whole(
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
    rename(source, picture, name)
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
        yield whole(kind, name, "DP216", spoil)
    yield whole(kind, "no label file", "DP305", _no_label)
    for encoding in ("utf-8-sig", "utf-16", "utf-32"):
        yield whole(kind, f"a label in {encoding}", "", _label(lambda text, e=encoding: text.encode(e)))
    yield whole(kind, "blank lines at the end", "", _label(lambda text: (text + "\n  \n# end\n").encode()))
    yield whole(
        kind, "a label with old Mac line ends", "", _label(lambda text: text.replace("\n", "\r").encode())
    )
    yield whole(kind, "a label of another case", "DP221", _label_case, 1)
    yield whole(kind, "two pictures for one label", "DP210", _two_for_one)


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
    yield whole("yolo list", "in two splits", "DP306", _listed_in_both)
    yield whole("yolo list", "listed twice", "DP227", _listed_twice)
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
