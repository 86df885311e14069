"""What an audit knows of pictures and objects before it looks at a pixel, and how suspicious they are.

The suspicion of a picture is the sum over kinds of issue of

    weight * (1 - 2^-n)        n: how many objects of the picture (or the picture itself) have it

so a first case counts half the weight and the hundredth hardly anything: a picture with one box drawn twice
comes before one with three hundred tiny objects. Objects that a person called fine count for nothing.
Example: two objects without an anchor (weight 1) and one tiny one (0.5) are 0.75 + 0.25 = 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datapipe.audit.ledger import Told
from datapipe.dataset import Dataset
from datapipe.doctor.overlaps import SAME_IOU
from datapipe.doctor.view import Lens
from datapipe.edits import Edit
from datapipe.findings import codes
from datapipe.resizing import place, resize
from datapipe.stats.columns import Columns, read_columns
from datapipe.stats.overlap import THRESHOLD, partners
from datapipe.targets import RetinaNet, YoloV4, best
from datapipe.targets.best import Detector

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

TINY_PX = 8.0
"""Shorter side at the input below which an object is less than a cell of the finest usual grid."""
ODD, ODD_LEAST, ODD_OBJECTS = 3.5, 0.25, 20
"""log(width / height) further than 3.5 robust deviations (1.4826 times the median distance to the median, at
least 0.25) from its class's median is odd; for classes of 20 objects and more."""

WEIGHTS = {
    "no anchor fits": 1.0,
    "tiny at input size": 0.5,
    "heavy overlap": 1.0,
    "drawn twice": 2.0,
    "odd aspect": 1.0,
    "exact duplicate": 2.0,
    "duplicate across splits": 3.0,
    "no objects": 0.5,
}
"""Weight of each kind of issue in the suspicion."""
FINDING_WEIGHTS = {"error": 3.0, "warning": 2.0, "info": 0.25}
"""Weight of a finding's code, by its severity."""


@dataclass(frozen=True, eq=False)
class Facts:
    """I images and N objects as the shards hold them.

    columns:       boxes, classes and flags
    image_id:      (I,)
    number:        (N,) of the object within its picture
    object_id:     (N,)
    area_input_px, side_input_px: (N,) of the box after the detector's resize; side is the shorter one
    anchor_iou:    (N,) with the best anchor; NaN where the recipe's targets have none
    level:         (N,) name of that anchor's level, "" for none
    aspect:        (N,) width / height
    object_issues, image_issues: kind of issue or code of finding -> (N,) or (I,) bool
    """

    columns: Columns
    image_id: NDArray[np.object_]
    number: NDArray[np.int64]
    object_id: NDArray[np.object_]
    area_input_px: Floats
    side_input_px: Floats
    anchor_iou: Floats
    level: NDArray[np.str_]
    aspect: Floats
    object_issues: Mapping[str, Bools]
    image_issues: Mapping[str, Bools]

    def issues_of(self, row: int) -> tuple[list[str], list[str]]:
        """Kinds of issue and codes of findings of one object."""
        return _split(name for name, has in self.object_issues.items() if has[row])

    def issues_of_image(self, image: int) -> tuple[list[str], list[str]]:
        """Kinds of issue and codes of findings of one image itself."""
        return _split(name for name, has in self.image_issues.items() if has[image])

    def occurring(self) -> set[str]:
        """Kinds of issue, codes of findings and flags that anything has."""
        columns = self.columns
        flags = {"crowd": columns.crowd, "ignore": columns.ignored, "truncated": columns.truncated}
        every = (*self.object_issues.items(), *self.image_issues.items(), *flags.items())
        return {name for name, has in every if has.any()}

    def suspicion(self, decided: Iterable[Edit] = ()) -> Floats:
        """(I,) 0 for nothing suspicious; see the top of this file.

        Args:
            decided: `fine` takes an object, or a whole image, out of it; other edits do not matter here.
        """
        image_of = self.columns.image
        asked = np.ones(len(image_of), np.bool_)
        score = np.zeros(len(self.image_id))
        fine = [edit for edit in decided if edit.kind == "fine"]
        row_of = {image_id: row for row, image_id in enumerate(self.image_id)} if fine else {}
        for edit in fine:
            mine = image_of == row_of.get(edit.image, -1)
            asked[mine & (self.object_id == edit.object) if edit.object is not None else mine] = False
        for name in dict.fromkeys((*self.object_issues, *self.image_issues)):
            count = np.zeros(len(score))
            if name in self.object_issues:
                count += np.bincount(image_of[self.object_issues[name] & asked], minlength=len(score))
            if name in self.image_issues:
                count += self.image_issues[name]
            score += weight(name) * (1 - 0.5**count)
        for edit in fine:
            if edit.object is None and edit.image in row_of:
                score[row_of[edit.image]] = 0.0
        return score


def _split(names: Iterable[str]) -> tuple[list[str], list[str]]:
    listed = list(names)
    return [name for name in listed if name in WEIGHTS], [name for name in listed if name not in WEIGHTS]


def weight(name: str) -> float:
    """Of an issue's kind or a finding's code; a code this version does not know is a warning."""
    if name in WEIGHTS:
        return WEIGHTS[name]
    known = codes().get(name)
    return FINDING_WEIGHTS[known.severity if known else "warning"]


def gather(dataset: Dataset, lens: Lens, told: Told) -> Facts:
    """Everything the tables say.

    Args:
        dataset: opened with `edited=False`: an audit shows what the shards hold.
        lens: the detector whose anchors and input size count.
        told: the dataset's findings.
    """
    columns, images, objects = read_columns(dataset), dataset.images, dataset.objects
    placed = resize(columns.image_wh, lens.hw, lens.mode)
    boxes = place(columns.xyxy, placed, columns.image)
    wh = np.maximum(boxes[:, 2:] - boxes[:, :2], 1e-6)
    iou, level = best_anchor(lens.spec, placed.canvas_hw[columns.image], boxes)
    trained = ~columns.ignored
    aspect = columns.wh[:, 0] / np.maximum(columns.wh[:, 1], 1e-6)
    twice, close = (partners(columns, share) > 0 for share in (SAME_IOU, THRESHOLD))
    fits = lens.spec.matches(iou) if lens.spec else np.ones(len(columns), np.bool_)
    start = np.searchsorted(columns.image, np.arange(len(dataset)))
    found = {
        "no anchor fits": ~fits & trained,
        "tiny at input size": (wh.min(axis=1) < TINY_PX) & trained,
        "heavy overlap": close & ~twice,
        "drawn twice": twice,
        "odd aspect": _odd(aspect, columns.class_id, trained),
    }
    same, across = _copies(images["sha256"], images["split"])
    empty = np.bincount(columns.image, minlength=len(dataset)) == 0
    of_image = {"exact duplicate": same & ~across, "duplicate across splits": across, "no objects": empty}
    about_objects, about_images = told.place(images["filename"], columns.image, objects["object_id"])
    return Facts(
        columns=columns,
        image_id=images["image_id"],
        number=np.arange(len(columns)) - start[columns.image],
        object_id=objects["object_id"],
        area_input_px=columns.area * placed.scale_x[columns.image] * placed.scale_y[columns.image],
        side_input_px=wh.min(axis=1, initial=np.inf),
        anchor_iou=iou,
        level=level,
        aspect=aspect,
        object_issues=found | about_objects,
        image_issues=of_image | about_images,
    )


def best_anchor(
    spec: Detector | None, canvas_hw: NDArray[np.int64], boxes: Floats
) -> tuple[Floats, NDArray[np.str_]]:
    """The best anchor of each object: positions count for RetinaNet and SSD, shapes alone for YOLOv4.

    Args:
        spec: whose anchors; None for targets without any.
        canvas_hw: (N, 2) px of the canvas each box lies on.
        boxes: (N, 4) px of the canvas.

    Returns:
        (N,) IoU, NaN without anchors; (N,) name of the level, "" without.
    """
    if spec is None or not len(boxes):
        return np.full(len(boxes), np.nan), np.full(len(boxes), "", np.str_)
    solid = np.array(boxes, np.float64)
    solid[:, 2:] = np.maximum(solid[:, 2:], solid[:, :2] + 1e-6)
    if isinstance(spec, YoloV4):
        table = spec.iou(solid[:, 2:] - solid[:, :2])
        of_anchor = np.repeat(np.arange(len(spec.strides)), [len(mask) for mask in spec.masks()])
        names = [f"stride {stride}" for stride in spec.strides]
        return table.max(axis=1), np.array(names)[of_anchor[table.argmax(axis=1)]]
    if isinstance(spec, RetinaNet):
        found = best(spec, canvas_hw, solid)
        names = [f"stride {stride}" for stride in spec.strides]
    else:
        hw = (int(canvas_hw[0, 0]), int(canvas_hw[0, 1]))
        found = best(spec, hw, solid)
        names = [f"map {grid.count_xy[0]:.0f} x {grid.count_xy[1]:.0f}" for grid in spec.grids(hw)]
    return found.iou, np.array(names)[found.level]


def _odd(aspect: Floats, class_id: NDArray[np.int64], trained: Bools) -> Bools:
    odd = np.zeros(len(aspect), np.bool_)
    logs = np.log(np.maximum(aspect, 1e-6))
    for number in np.unique(class_id[trained]):
        rows = np.flatnonzero(trained & (class_id == number))
        if len(rows) >= ODD_OBJECTS:
            away = np.abs(logs[rows] - np.median(logs[rows]))
            odd[rows] = away > ODD * max(1.4826 * float(np.median(away)), ODD_LEAST)
    return odd


def _copies(sha256: NDArray[np.object_], split: NDArray[np.object_]) -> tuple[Bools, Bools]:
    """Images whose bytes stand more than once; those of them that stand in several splits."""
    _, group, count = np.unique(sha256.astype(str), return_inverse=True, return_counts=True)
    same = count[group] > 1
    pairs = np.unique(np.stack([group, np.unique(split.astype(str), return_inverse=True)[1]]), axis=1)
    return same, np.bincount(pairs[0], minlength=len(count))[group] > 1
