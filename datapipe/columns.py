"""A record's features as columns with a row for each object or region; `records.encode` is the other way.

The lists that protobuf gives are read through `[:]`: NumPy takes three times as long on them themselves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datapipe import boxes
from datapipe.objects import Objects, Polygon

Features = Mapping[str, Sequence[Any]]
"""Key to bytes, floats or ints, as `tfexample.decode` gives them."""

CORNERS = ("xmin", "ymin", "xmax", "ymax")
"""Order of the bbox keys in an xyxy box."""
NEEDED = (
    "image/width",
    "image/height",
    *(f"image/object/bbox/{side}" for side in CORNERS),
    *(f"image/object/{key}" for key in ("class/label", "is_crowd", "difficult", "truncated", "area")),
    *(f"datapipe/object/{key}" for key in ("id", "polygon/rings", "polygon/points", "polygon/xy")),
    *(f"datapipe/left_out/bbox/{side}" for side in CORNERS),
)
"""Keys of all that training wants to know of a picture's objects: those of `of_objects`. A test compares what
is read by them with what is read of whole records."""
BEYOND_THE_TABLE = (b"datapipe/object/polygon/", b"datapipe/left_out/", b"image/encoded")
"""In the keys of records that say more than the object table does; the last, where a picture is left over."""


def of_objects(found: Features) -> dict[str, Any]:
    """The columns of a record's objects and of its left-out places.

    Returns:
        xyxy, class_id, crowd, difficult, truncated, area, object_id, polygons, left_out_xyxy: as in
        `records.ImageRecord`.

    Raises:
        KeyError, IndexError, TypeError, AttributeError, OverflowError, UnicodeDecodeError, ValueError: keys
            that are missing or make no sense.
    """
    wh = wh_of(found)
    label = np.array(found.get("image/object/class/label", ())[:], np.int32)
    n = len(label)
    unset = (0,) * n
    crowd, difficult, truncated = (
        np.array(found.get(f"image/object/{key}", unset)[:], np.bool_)
        for key in ("is_crowd", "difficult", "truncated")
    )
    return {
        "xyxy": _boxes(found, "image/object/bbox/", wh),
        "class_id": label - 1,
        "crowd": crowd,
        "difficult": difficult,
        "truncated": truncated,
        "area": np.array(found.get("image/object/area", ())[:], np.float32),
        "object_id": texts(found, "datapipe/object/id") or ("",) * n,
        "polygons": _polygons(found, n),
        "left_out_xyxy": _boxes(found, "datapipe/left_out/bbox/", wh),
    }


def wh_of(found: Features) -> tuple[int, int]:
    """Width and height of the picture in px."""
    return int(found["image/width"][0]), int(found["image/height"][0])


def texts(found: Features, key: str) -> tuple[str, ...]:
    """A feature's texts, none if it is absent."""
    return tuple(value.decode() for value in found.get(key, ()))


def objects(found: Mapping[str, Any], ignore: Sequence[str], *, left_out: bool) -> Objects:
    """The objects for augmentation and targets.

    Args:
        found: the columns of `of_objects`, all of one length but for left_out_xyxy.
        ignore: flags that make an object an ignore region.
        left_out: append the places that are neither object nor background: ignored, of class -1.
    """
    n = len(found["class_id"])
    ignored = np.zeros(n, np.bool_)
    for flag in ignore:
        ignored |= found[flag]
    names = ("xyxy", "class_id", "crowd", "area", "object_id", "polygons")
    seen = Objects(ignore=ignored, weight=np.ones(n, np.float32), **{name: found[name] for name in names})
    regions = found["left_out_xyxy"]
    if not left_out or not len(regions):
        return seen
    k = len(regions)
    return Objects(
        xyxy=np.concatenate([seen.xyxy, regions]),
        class_id=np.concatenate([seen.class_id, np.full(k, -1, np.int32)]),
        ignore=np.concatenate([seen.ignore, np.ones(k, np.bool_)]),
        crowd=np.concatenate([seen.crowd, np.zeros(k, np.bool_)]),
        weight=np.ones(n + k, np.float32),
        area=np.concatenate([seen.area, boxes.area(regions)]),
        object_id=seen.object_id + ("",) * k,
        polygons=seen.polygons + ((),) * k,
    )


def normalise(xyxy: NDArray[Any], wh: tuple[int, int]) -> NDArray[np.float32]:
    """Pixels to the fractions a record stores. Example: (0, 0, 320, 480) of 640 x 480 is (0, 0, 0.5, 1)."""
    fractions = np.asarray(xyxy, np.float64).reshape(-1, 4) / np.array([*wh, *wh], np.float64)
    return fractions.astype(np.float32)


def denormalise(fractions: NDArray[np.float32], wh: tuple[int, int]) -> NDArray[np.float32]:
    """A record's fractions to pixels, float32."""
    return (fractions * np.array([*wh, *wh], np.float64)).astype(np.float32, order="C")


def _boxes(found: Features, prefix: str, wh: tuple[int, int]) -> NDArray[np.float32]:
    sides = [found.get(prefix + side, ())[:] for side in CORNERS]
    if len(set(map(len, sides))) > 1:
        raise ValueError(f"keys {prefix}xmin to ymax: not all of the same shape")
    return denormalise(np.array(sides, np.float32).T, wh) if sides[0] else np.zeros((0, 4), np.float32)


def _polygons(found: Features, n: int) -> tuple[tuple[Polygon, ...], ...]:
    counts = found.get("datapipe/object/polygon/rings", ())
    if not counts:
        return ((),) * n
    points = np.array(found["datapipe/object/polygon/points"][:], np.int64)
    xy = np.array(found["datapipe/object/polygon/xy"][:], np.float32).reshape(-1, 2)
    rings = np.split(xy, np.cumsum(points)[:-1])
    starts = np.concatenate([[0], np.cumsum(counts)])
    return tuple(tuple(rings[a:b]) for a, b in zip(starts[:-1], starts[1:], strict=True))
