"""One VOC xml file as a value: bytes in, objects and what is wrong with them out; no disk, no layout.

What may be wrong with one object stays with that object; only a file that says nothing usable at all
raises. Coordinates come out as written: what the smallest corner means is decided over the whole set.
"""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET
from typing import Any, NamedTuple
from xml.parsers import expat

from datapipe.formats.annotations import DIFFICULT, TRUNCATED
from datapipe.formats.columns import Trouble
from datapipe.formats.text import NotReadable, decode, number

EDGES = ("xmin", "ymin", "xmax", "ymax")
_FLAGS = {"difficult": DIFFICULT, "truncated": TRUNCATED}
_NO_POSE = ("", "unspecified")
_OBJECT_COLUMNS = ("name", "bndbox", *_FLAGS)
_DEEPEST = 24
"""Levels of unknown tags that are kept; far below Python's recursion limit."""

_DECLARED = re.compile(rb"""<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]+)""")
_ASCII_BASED = re.compile(r"(utf-?8|(us-)?ascii|(iso-?8859|windows|latin|cp125)[-_0-9]*)", re.I)
# expat knows no multi-byte encodings, yet Chinese, Japanese and Korean tools write them. gb18030 reads all
# of gb2312 and gbk, which such files declare interchangeably.
_MULTI_BYTE = {
    **dict.fromkeys(("gb2312", "gbk", "gb18030", "cp936"), "gb18030"),
    **{name: name for name in ("big5", "shift_jis", "cp932", "euc-jp", "euc-kr", "cp949")},
}


class VocObject(NamedTuple):
    """One direct `object` with a usable box: n counts from 1, name is "" if there is no usable one."""

    n: int
    name: str
    xyxy: tuple[float, float, float, float]
    flags: int
    more: bool


class VocFile(NamedTuple):
    """What one xml says.

    filename: stripped text of <filename>, "" for none
    wh:       declared size, (0, 0) if not usable
    declared: number of direct `object` children
    more:     whether there is anything `image_extra` would tell
    """

    filename: str
    wh: tuple[int, int]
    declared: int
    objects: list[VocObject]
    troubles: list[Trouble]
    more: bool


def parse(data: bytes) -> VocFile:
    """Read one file.

    Raises:
        NotReadable: it has a DOCTYPE, is not well-formed, or is no annotation; the message is the reason.
    """
    filename, wh, n, more = "", (0, 0), 0, False
    objects: list[VocObject] = []
    troubles: list[Trouble] = []
    for child in tree(data):
        if child.tag == "object":
            n += 1
            _read_object(child, n, objects, troubles)
        elif child.tag == "filename":
            filename = filename or (child.text or "").strip()
        elif child.tag == "size":
            wh = _size(child)
        else:
            more = True
    return VocFile(filename, wh, n, objects, troubles, more)


def tree(data: bytes) -> ET.Element:
    """The root element of an annotation without DOCTYPE; raises NotReadable."""
    try:
        text = _decoded(data)
        _refuse_doctype(text)
        root = ET.XML(text)
    except ET.ParseError as error:
        raise NotReadable(f"not well-formed XML: {error}") from None
    except (LookupError, UnicodeError, ValueError) as error:
        raise NotReadable(str(error)) from None
    if root.tag != "annotation" and not any(root.find(tag) is not None for tag in ("object", "size")):
        raise NotReadable(f"its root is <{root.tag}>, not <annotation>")
    return root


def _decoded(data: bytes) -> bytes | str:
    """Bytes that expat can decode by itself, or text where it cannot."""
    if data.startswith((b"\xff\xfe\0\0", b"\0\0\xfe\xff")):
        return decode(data)
    declared = _DECLARED.search(data[:200])
    encoding = _MULTI_BYTE.get(declared[1].decode().lower()) if declared else None
    return data.decode(encoding) if encoding else data


def _refuse_doctype(text: bytes | str) -> None:
    """Stop at a DOCTYPE, before the first entity in it is even declared.

    The second parse is skipped where the letters cannot be there: no NUL means no UTF-16, and in an
    encoding that extends ASCII "<!D" is spelled with these bytes.
    """
    if isinstance(text, bytes):
        declared = _DECLARED.search(text[:200])
        ascii_based = declared is None or _ASCII_BASED.fullmatch(declared[1].decode())
        if ascii_based and b"<!D" not in text and b"\0" not in text:
            return

    def found(*_: Any) -> None:
        raise NotReadable("it has a DOCTYPE, which is refused because entities can hide in it")

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = found
    try:
        parser.Parse(text, True)
    except expat.ExpatError as error:
        raise NotReadable(f"not well-formed XML: {error}") from None


def _read_object(element: ET.Element, n: int, objects: list[VocObject], troubles: list[Trouble]) -> None:
    """Append the object, or why it is left out; a bad box hides whatever else is wrong."""
    names: set[str] = set()
    bndboxes: list[ET.Element] = []
    flags, more = 0, False
    soft: list[Trouble] = []
    for child in element:
        tag = child.tag
        if tag == "bndbox":
            bndboxes.append(child)
        elif tag == "name":
            names.add((child.text or "").strip())
        elif tag in _FLAGS:
            text = (child.text or "").strip()
            if text == "1":
                flags |= _FLAGS[tag]
            elif text != "0":
                soft.append(Trouble(n, "DP133", "kept", f"{tag} {text!r}"))
        elif tag != "pose" or (child.text or "").strip().lower() not in _NO_POSE:
            more = True
    if len(bndboxes) != 1:
        troubles.append(Trouble(n, "DP110", "left out", f"{len(bndboxes)} bndbox"))
        return
    xyxy = _corners(bndboxes[0], n)
    if isinstance(xyxy, Trouble):
        troubles.append(xyxy)
        return
    name = next(iter(names)) if len(names) == 1 else ""
    if not name:
        value = f"names {', '.join(sorted(map(repr, names)))}" if names else "no name"
        troubles.append(Trouble(n, "DP106", "ignored", value))
    troubles += soft
    objects.append(VocObject(n, name, xyxy, flags, more))


def _corners(bndbox: ET.Element, n: int) -> tuple[float, float, float, float] | Trouble:
    """The four numbers as written, with xmin < xmax and ymin < ymax; or what is wrong with them."""
    texts: dict[str, str] = {}
    for edge in bndbox:
        if edge.tag in texts:
            return Trouble(n, "DP101", "left out", f"{edge.tag} twice")
        texts[edge.tag] = edge.text or ""
    values: list[float] = []
    for name in EDGES:
        text = texts.get(name)
        if text is None:
            return Trouble(n, "DP101", "left out", f"no {name}")
        value = number(text)
        if value is None:
            return Trouble(n, "DP101", "left out", f"{name} {text.strip()!r}")
        values.append(value)
    x1, y1, x2, y2 = values
    if not math.isfinite(x1 + y1 + x2 + y2):
        return Trouble(n, "DP102", "left out", _told(texts))
    # 1-based corners are inclusive, so xmin == xmax could mean one pixel; in practice it is a slip of the
    # mouse, and both conventions must agree on what is a box before one is chosen.
    if x1 >= x2 or y1 >= y2:
        return Trouble(n, "DP103", "left out", _told(texts))
    return x1, y1, x2, y2


def _told(texts: dict[str, str]) -> str:
    return ", ".join(f"{name} {texts[name].strip()}" for name in EDGES)


def _size(element: ET.Element) -> tuple[int, int]:
    """Width and height, or (0, 0) if one of them is missing, not whole or not positive."""
    sides = [number(element.findtext(tag) or "") or 0.0 for tag in ("width", "height")]
    if not all(0 < side < 2**31 and side.is_integer() for side in sides):
        return 0, 0
    return int(sides[0]), int(sides[1])


def object_extra(element: ET.Element) -> dict[str, Any]:
    """What an object says beyond name, box and flags: pose, parts, unknown tags."""
    extra = _children(element, _OBJECT_COLUMNS, 0)
    if str(extra.get("pose", "")).lower() in _NO_POSE:
        extra.pop("pose", None)
    return extra


def image_extra(root: ET.Element) -> dict[str, Any]:
    """What the file says about its picture beyond name, size and objects: source, owner, segmented, depth."""
    extra = _children(root, ("object", "filename", "size"), 0)
    depth = root.findtext("size/depth")
    return extra | ({"depth": depth.strip()} if depth else {})


def _children(element: ET.Element, without: tuple[str, ...], depth: int) -> dict[str, Any]:
    """Child tags as a dict; a tag that stands there several times becomes a list."""
    grouped: dict[str, list[Any]] = {}
    for child in element:
        if child.tag not in without:
            grouped.setdefault(child.tag, []).append(_value(child, depth + 1))
    return {tag: values[0] if len(values) == 1 else values for tag, values in grouped.items()}


def _value(element: ET.Element, depth: int) -> Any:
    """An element as text, or as a dict of its children."""
    if len(element) and depth < _DEEPEST:
        return _children(element, (), depth)
    return (element.text or "").strip()
