"""Writes the annotated pictures as COCO, Pascal VOC and YOLO, each with its own copy of them."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
from annotated import CLASSES, SPLITS, Box, Picture
from numpy.typing import NDArray
from outline import rings
from pycocotools import mask as rle

CATEGORY_IDS = (1, 3, 4, 7)  # with gaps, as in COCO itself
SUPERCATEGORIES = ("aircraft", "animal", "vessel", "toy")
APACHE = {
    "id": 1,
    "name": "Apache-2.0",
    "url": "https://www.apache.org/licenses/LICENSE-2.0",
}


def write_coco(root: Path, pictures: list[Picture]) -> None:
    """Write `annotations/instances_*.json` and `images/*/`.

    The first crowd's mask is an uncompressed list of counts, the others' are compressed strings.
    """
    categories = [
        {"id": category_id, "name": name, "supercategory": kind}
        for category_id, name, kind in zip(CATEGORY_IDS, CLASSES, SUPERCATEGORIES, strict=True)
    ]
    annotation_ids = itertools.count(1)
    crowds = itertools.count()
    for split in SPLITS:
        images: list[dict[str, Any]] = []
        annotations: list[dict[str, Any]] = []
        for picture in (p for p in pictures if p.split == split):
            _put(root / "images" / split / picture.name, picture.encoded)
            width, height = picture.wh
            image = {"id": picture.number, "file_name": picture.name}
            images.append({**image, "width": width, "height": height, "license": APACHE["id"]})
            for thing in picture.things:
                if thing.crowd:
                    outline: Any = _run_lengths(thing.mask, as_list=next(crowds) == 0)
                else:
                    outline = [ring.ravel().tolist() for ring in rings(thing.mask)]
                x1, y1, x2, y2 = thing.box
                annotation = {
                    "id": next(annotation_ids),
                    "image_id": picture.number,
                    "category_id": CATEGORY_IDS[thing.class_id],
                    "bbox": [x1, y1, x2 - x1, y2 - y1],
                    "area": int(thing.mask.sum()),
                    "iscrowd": int(thing.crowd),
                    **({"ignore": 1} if thing.difficult else {}),
                    "segmentation": outline,
                }
                annotations.append(annotation)
        info = {"description": f"datapipe sample data, {split}", "version": "1.0", "year": 2026}
        tables = {
            "licenses": [APACHE],
            "categories": categories,
            "images": images,
            "annotations": annotations,
        }
        parts = [f'"{name}": [\n{_lines(rows)}\n]' for name, rows in tables.items()]
        text = ",\n".join([f'"info": {json.dumps(info)}', *parts])
        _put(root / "annotations" / f"instances_{split}.json", f"{{\n{text}\n}}\n".encode())


def write_voc(root: Path, pictures: list[Picture]) -> None:
    """Write `JPEGImages/`, `Annotations/*.xml` and `ImageSets/Main/*.txt`.

    VOC knows no crowds: they are written as difficult.
    """
    for picture in pictures:
        _put(root / "JPEGImages" / picture.name, picture.encoded)
        tree = ElementTree.Element("annotation")
        _leaf(tree, "folder", "voc")
        _leaf(tree, "filename", picture.name)
        source = ElementTree.SubElement(tree, "source")
        _leaf(source, "database", "datapipe sample data")
        size = ElementTree.SubElement(tree, "size")
        _leaf(size, "width", picture.wh[0])
        _leaf(size, "height", picture.wh[1])
        _leaf(size, "depth", picture.channels)
        _leaf(tree, "segmented", 0)
        for thing in picture.things:
            item = ElementTree.SubElement(tree, "object")
            _leaf(item, "name", CLASSES[thing.class_id])
            _leaf(item, "pose", thing.pose)
            _leaf(item, "truncated", int(thing.truncated))
            _leaf(item, "difficult", int(thing.difficult or thing.crowd))
            _corners(item, thing.box)
            if thing.part:
                part = ElementTree.SubElement(item, "part")
                _leaf(part, "name", thing.part[0])
                _corners(part, thing.part[1])
        ElementTree.indent(tree, "\t")
        text = ElementTree.tostring(tree, encoding="unicode") + "\n"
        _put(root / "Annotations" / f"{picture.stem}.xml", text.encode())
    for name, splits in (*((split, (split,)) for split in SPLITS), ("trainval", SPLITS)):
        stems = [f"{picture.stem}\n" for picture in pictures if picture.split in splits]
        _put(root / "ImageSets" / "Main" / f"{name}.txt", "".join(stems).encode())


def write_yolo(root: Path, pictures: list[Picture], without_file: int) -> None:
    """Write `data.yaml`, `images/*/` and `labels/*/`, which know neither crowd nor difficult.

    Args:
        root: folder to write to.
        pictures: all of them.
        without_file: number of a picture without objects that gets no label file at all.
    """
    names = "".join(f"  {i}: {name}\n" for i, name in enumerate(CLASSES))
    header = "path: .\ntrain: images/train\nval: images/val\n"
    _put(root / "data.yaml", f"{header}names:\n{names}".encode())
    for picture in pictures:
        _put(root / "images" / picture.split / picture.name, picture.encoded)
        width, height = picture.wh
        rows = []
        for thing in picture.things:
            x1, y1, x2, y2 = thing.box
            cx, cy = (x1 + x2) / 2 / width, (y1 + y2) / 2 / height
            w, h = (x2 - x1) / width, (y2 - y1) / height
            rows.append(f"{thing.class_id} {cx:.6f} {cy:.6f} {w:.6f} {h:.6f}\n")
        if picture.number != without_file:
            target = root / "labels" / picture.split / f"{picture.stem}.txt"
            _put(target, "".join(rows).encode())


def _put(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _lines(rows: list[dict[str, Any]]) -> str:
    return ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows)


def _run_lengths(mask: NDArray[np.bool_], as_list: bool) -> dict[str, Any]:
    """Column-major run lengths, background first: a list, or COCO's string of them."""
    if as_list:
        flat = mask.ravel(order="F")
        starts = np.flatnonzero(np.diff(flat, prepend=False))
        counts: list[int] | str = np.diff(starts, prepend=0, append=flat.size).tolist()
    else:
        counts = rle.encode(np.asfortranarray(mask, dtype=np.uint8))["counts"].decode("ascii")
    return {"size": list(mask.shape), "counts": counts}


def _leaf(parent: ElementTree.Element, tag: str, value: object) -> None:
    ElementTree.SubElement(parent, tag).text = str(value)


def _corners(parent: ElementTree.Element, box: Box) -> None:
    """VOC corners count pixels from 1 and include the last one."""
    x1, y1, x2, y2 = box
    bndbox = ElementTree.SubElement(parent, "bndbox")
    for tag, value in (("xmin", x1 + 1), ("ymin", y1 + 1), ("xmax", x2), ("ymax", y2)):
        _leaf(bndbox, tag, value)
