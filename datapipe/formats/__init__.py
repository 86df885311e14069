"""Readers for COCO, VOC and YOLO: each turns a source into `annotations.Annotations`.

A format is one module with `sniff`, `read`, `read_detail` and `read_image_detail`, and one line in `READERS`.
Modules are imported when they are needed: a worker that writes a YOLO shard never sees pycocotools.
"""

from __future__ import annotations

import os
from functools import cache
from importlib import import_module
from typing import Any

from datapipe.formats.annotations import Annotations, Detail

READERS = {"coco": "datapipe.formats.coco", "voc": "datapipe.formats.voc", "yolo": "datapipe.formats.yolo"}
"""Format name -> the module that reads it."""


@cache
def reader(name: str) -> Any:
    """The module that reads a format."""
    return import_module(READERS[name])


def read_detail(annotations: Annotations, image: int, row: int) -> Detail:
    """Read what the columns do not hold of object `row` of image `image`: polygons, further keys."""
    source = annotations.sources[annotations.source[image]]
    span, wh = annotations.span[row].tolist(), annotations.wh[image].tolist()
    detail: Detail = reader(source.format).read_detail(_path(annotations, image), tuple(span), tuple(wh))
    return detail


def read_image_detail(annotations: Annotations, image: int) -> dict[str, Any]:
    """Read the further keys of an image's entry."""
    offset, length = (int(v) for v in annotations.image_span[image])
    if not length:
        return {}
    source = annotations.sources[annotations.source[image]]
    detail: dict[str, Any] = reader(source.format).read_image_detail(
        _path(annotations, image), (offset, length)
    )
    return detail


def _path(annotations: Annotations, image: int) -> str:
    return os.path.join(annotations.sources[annotations.source[image]].root, annotations.file(image))
