"""Plain values into FiftyOne's database, and out of it again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from datapipe.audit.mapping import Plain, to_fractions, to_px
from datapipe.audit.marks import CLASS, MarkedImage, MarkedObject, Thing, plain_tag
from datapipe.audit.schema import REGIONS, TRUTH
from datapipe.columns import CORNERS
from datapipe.dataset import Dataset
from datapipe.edits import Edit
from datapipe.similar import groups, near


def sample(fo: Any, one: Plain, **more: Any) -> Any:
    """A FiftyOne sample."""
    labels = {
        name: fo.Detections(detections=[_detection(fo, each) for each in listed])
        for name, listed in ((TRUTH, one.objects), (REGIONS, one.regions))
        if listed or name == TRUTH
    }
    size = fo.ImageMetadata(width=one.wh[0], height=one.wh[1], num_channels=3)
    return fo.Sample(filepath=one.path, metadata=size, **one.values, **labels, **more)


def _detection(fo: Any, values: Mapping[str, Any]) -> Any:
    rest = {name: value for name, value in values.items() if name not in ("label", "box")}
    return fo.Detection(label=values["label"], bounding_box=values["box"], **rest)


def everything(dataset: Any) -> Any:
    """All samples: a grouped dataset by itself shows only one slice of each group."""
    return dataset.select_group_slices(_allow_mixed=True) if dataset.media_type == "group" else dataset


def near_duplicates(dataset: Any) -> int:
    """Number the groups of pictures that look alike; gives how many pictures are in one."""
    ids, hashes = dataset.values(["id", "hash"])
    values = np.array([int(text or "0", 16) for text in hashes], np.uint64)
    group = groups(near(values), len(values))
    number = {int(first): i for i, first in enumerate(np.unique(group[group >= 0]), 1)}
    alike = {one: number[int(first)] for one, first in zip(ids, group, strict=True) if first >= 0}
    held = dict(zip(*dataset.values(["id", "near_duplicate"]), strict=True))
    changed = {one: alike.get(one) for one in ids if held[one] != alike.get(one)}
    if changed:
        dataset.set_values("near_duplicate", changed, key_field="id")
    return len(alike)


_PATH = f"{TRUTH}.detections"
_READ = ("image_id", "position", "tags", "metadata.width", "metadata.height") + tuple(
    f"{_PATH}.{name}" for name in ("image_id", "object_id", "number", "label", "bounding_box", "tags")
)


class Stored:
    """Boxes and names as the shards hold them, by picture."""

    def __init__(self, dataset: Dataset) -> None:
        """Read the tables of a dataset opened with `edited=False`."""
        objects, ids = dataset.objects, dataset.images["image_id"]
        self._xyxy = np.stack([objects[side] for side in CORNERS], axis=1).astype(float).reshape(-1, 4)
        self._name = [dataset.classes[number] for number in objects["class_id"]]
        self._object_id = objects["object_id"]
        start = np.searchsorted(objects["image"], np.arange(len(ids) + 1)).tolist()
        self._rows = {str(one): (start[i], start[i + 1]) for i, one in enumerate(ids)}
        self.classes = dataset.classes

    def row(self, image_id: str, number: int | None) -> int | None:
        """The row of an object; None if there is no such."""
        first, stop = self._rows.get(image_id, (0, 0))
        return first + number if number is not None and 0 <= number < stop - first else None

    def xyxy(self, row: int) -> tuple[float, float, float, float]:
        """Its box in px."""
        x1, y1, x2, y2 = self._xyxy[row].tolist()
        return (x1, y1, x2, y2)

    def name(self, row: int) -> str:
        """Its class."""
        return str(self._name[row])

    def missing(self, image_id: str, numbers: set[int]) -> tuple[str, ...]:
        """Ids of a picture's objects that are not among these."""
        first, stop = self._rows.get(image_id, (0, 0))
        return tuple(str(self._object_id[first + i]) for i in range(stop - first) if i not in numbers)


def read_marks(dataset: Any, stored: Stored) -> tuple[list[MarkedImage], list[str]]:
    """What stands in the app, by columns and not by samples, which is thirty times as fast; and remarks.

    An augmented sample has objects of several pictures: what is said of one of them is said of its original.
    """
    marked, remarks = [], []
    for image_id, position, tags, width, height, *objects in zip(
        *everything(dataset).values(list(_READ)), strict=True
    ):
        wh, listed = (int(width), int(height)), list(zip(*(column or () for column in objects), strict=True))
        if position is not None:
            if tags:
                remarks.append(f"augmented sample {position} is tagged {', '.join(tags)}: tag the original")
            marked += [_of_augmented(one, stored) for one in listed if one[5]]
            continue
        rows = [stored.row(image_id, one[2]) for one in listed]
        found = tuple(
            MarkedObject(
                str(one[1]),
                one[3] or "",
                stored.name(row),
                to_px(one[4], wh),
                stored.xyxy(row),
                tuple(one[5] or ()),
            )
            for one, row in zip(listed, rows, strict=True)
            if row is not None
        )
        numbers = {int(one[2]) for one, row in zip(listed, rows, strict=True) if row is not None}
        gone = stored.missing(image_id, numbers)
        marked.append(MarkedImage(image_id, wh, tuple(tags or ()), found, rows.count(None), gone))
    return marked, remarks


def _of_augmented(one: Sequence[Any], stored: Stored) -> MarkedImage:
    image_id, object_id, number, _, _, tags = one
    row = stored.row(image_id, number)
    if row is None:
        return MarkedImage(str(image_id), (1, 1), (), ())
    name, xyxy = stored.name(row), stored.xyxy(row)
    return MarkedImage(
        image_id, (1, 1), (), (MarkedObject(str(object_id), name, name, xyxy, xyxy, tuple(tags)),)
    )


def follow(dataset: Any, decided: Mapping[Thing, Edit | None], stored: Stored) -> None:
    """Let the app show what the file says; of a deleted line, what was before it."""
    if not decided:
        return
    view = everything(dataset)
    columns = ("id", "image_id", "position", "tags", "metadata.width", "metadata.height")
    inner = tuple(f"{_PATH}.{name}" for name in ("id", "image_id", "object_id", "number", "tags"))
    samples: dict[str, list[tuple[str, list[str]]]] = {}
    places: dict[tuple[str, str], list[tuple[Any, ...]]] = {}
    for sample_id, image_id, position, tags, width, height, *objects in zip(
        *view.values([*columns, *inner]), strict=True
    ):
        if position is None:
            samples.setdefault(image_id, []).append((sample_id, tags))
        for label_id, of_image, object_id, number, said in zip(*(one or () for one in objects), strict=True):
            place = (sample_id, label_id, number, said or (), position is None, (width, height))
            places.setdefault((of_image, object_id), []).append(place)
    tagging: dict[tuple[bool, str], list[str]] = {}
    names: list[dict[str, Any]] = []
    boxes: list[dict[str, Any]] = []
    for (image_id, object_id, kind), edit in decided.items():
        if object_id is None:
            for sample_id, tags in samples.get(image_id, ()):
                for tag in [kind] if edit else [tag for tag in tags if plain_tag(tag) == kind]:
                    tagging.setdefault((edit is not None, tag), []).append(sample_id)
            continue
        for sample_id, label_id, number, tags, original, wh in places.get((image_id, object_id), ()):
            row = stored.row(image_id, number)
            if row is None:
                continue
            where = {"sample_id": sample_id, "label_id": label_id}
            old = [
                tag for tag in tags if (tag.startswith(CLASS) if kind == "class" else plain_tag(tag) == kind)
            ]
            for tag in old:
                tagging.setdefault((False, tag), []).append(label_id)
            if edit is not None:
                tag = f"{CLASS}{edit.class_name}" if kind == "class" else kind
                tagging.setdefault((True, tag), []).append(label_id)
            if kind == "class":
                name = edit.class_name if edit and edit.class_name else stored.name(row)
                names.append(where | {"value": name})
            if kind == "box" and original:
                xyxy = edit.xyxy if edit and edit.xyxy else stored.xyxy(row)
                boxes.append(where | {"value": to_fractions(xyxy, wh)})
    _tag(view, tagging, {one for listed in samples.values() for one, _ in listed})
    if names:
        view.set_label_values(f"{_PATH}.label", names)
    if boxes:
        view.set_label_values(f"{_PATH}.bounding_box", boxes)


def _tag(view: Any, tagging: Mapping[tuple[bool, str], list[str]], samples: Iterable[str]) -> None:
    """Untag before tagging: a class that changes loses its old tag first."""
    whole = set(samples)
    for (add, tag), ids in sorted(tagging.items()):
        of_samples = [one for one in ids if one in whole]
        of_labels = [one for one in ids if one not in whole]
        if of_samples:
            chosen = view.select(of_samples)
            chosen.tag_samples(tag) if add else chosen.untag_samples(tag)
        if of_labels:
            chosen = view.select_labels(ids=of_labels, fields=TRUTH)
            chosen.tag_labels(tag) if add else chosen.untag_labels(tag)
