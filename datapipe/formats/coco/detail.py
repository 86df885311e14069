"""What of a COCO record does not fit the columns, read back from its span when it is needed."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Raw

from datapipe.formats.annotations import Detail
from datapipe.formats.coco import rle
from datapipe.formats.coco.json_exact import compact, plain_loads
from datapipe.formats.coco.json_stream import read_span
from datapipe.formats.coco.records import FLAGS

_OBJECT_KEYS = frozenset({"id", "image_id", "category_id", "bbox", "area", *FLAGS})
_IMAGE_KEYS = frozenset({"id", "file_name", "width", "height"})
_FAR = 1e9
"""Pixels; a polygon's coordinate beyond it is no place in a picture."""

_NOTHING = Raw(b"")


class _Usual(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A record with COCO's own keys and polygons: what nearly every span holds, decoded in one go."""

    segmentation: list[list[float]]
    id: Raw = _NOTHING
    image_id: Raw = _NOTHING
    category_id: Raw = _NOTHING
    bbox: Raw = _NOTHING
    area: Raw = _NOTHING
    iscrowd: Raw = _NOTHING
    ignore: Raw = _NOTHING


_USUAL = msgspec.json.Decoder(_Usual)


def read_detail(path: str, span: tuple[int, int], wh: tuple[int, int] = (0, 0)) -> Detail:
    """Read an annotation's polygons and further keys.

    Args:
        path: absolute path of the json file.
        span: (offset, length) of the annotation's text.
        wh: the declared size of its picture in px; a mask of another size is unusable. (0, 0): not
            known.

    Returns:
        Polygons in px; extra: unknown keys, and the segmentation where it is no usable polygon.
        Lossless: the columns, the polygons and extra together are the record.
    """
    text = read_span(path, *span)
    try:
        usual = _USUAL.decode(text).segmentation
    except msgspec.DecodeError:  # not wrong, only unusual
        return _exactly(plain_loads(text.decode()), wh)
    if usual and all(len(ring) >= 6 and len(ring) % 2 == 0 and max(map(abs, ring)) < _FAR for ring in usual):
        return Detail(tuple(map(tuple, usual)))
    return _exactly(plain_loads(text.decode()), wh)


def _exactly(record: dict[str, Any], wh: tuple[int, int]) -> Detail:
    extra = {key: value for key, value in record.items() if key not in _OBJECT_KEYS}
    mask = extra.get("segmentation")
    if not mask:  # missing, null, []: says nothing, but is kept for export where it is there
        return Detail(extra=extra)
    if not isinstance(mask, list):
        problem = _mask_problem(mask, wh)
        findings = (("DP132", f"segmentation: {problem}"),) if problem else ()
        return Detail((), extra, findings, None if problem else rle_area(mask))
    polygons, problem = _polygons(mask)
    if polygons and not problem:
        del extra["segmentation"]
    findings = (("DP132", f"segmentation: {problem}"),) if problem else ()
    return Detail(() if problem else polygons, extra, findings)


def read_image_detail(path: str, span: tuple[int, int]) -> dict[str, Any]:
    """Read the further keys of an image's record: all but id, file_name, width and height.

    Args:
        path: absolute path of the json file.
        span: (offset, length) of the image's text.
    """
    record = plain_loads(read_span(path, *span).decode())
    return {key: value for key, value in record.items() if key not in _IMAGE_KEYS}


def rle_area(segmentation: Any) -> float | None:
    """Pixels in a run-length mask, where an annotation gives no area; None: an unusable mask."""
    pixels = rle.area(segmentation)
    return None if pixels is None else float(pixels)


def _polygons(rings: list[Any]) -> tuple[tuple[tuple[float, ...], ...], str]:
    """The rings as tuples, or why one of them is unusable: half an outline would be a wrong one."""
    polygons = []
    for number, ring in enumerate(rings):
        if not isinstance(ring, list):
            return (), f"ring {number} is {compact(ring)[:60]}, not a list"
        if len(ring) < 6 or len(ring) % 2:
            return (), f"ring {number} has {len(ring)} numbers, not x, y of at least three points"
        for value in ring:
            if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < _FAR:
                return (), f"ring {number} holds {compact(value)[:60]}"
        polygons.append(tuple(map(float, ring)))
    return tuple(polygons), ""


def _mask_problem(mask: Any, wh: tuple[int, int]) -> str:
    lengths = rle.runs(mask)
    if isinstance(lengths, str):
        return lengths
    if all(wh) and mask["size"] != [wh[1], wh[0]]:
        return f"size {compact(mask['size'])} of a picture {wh[1]} high and {wh[0]} wide"
    return ""
