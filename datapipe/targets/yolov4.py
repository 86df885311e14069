"""YOLOv4: shapes alone decide which anchors learn an object, the position only names the cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from datapipe.objects import Objects
from datapipe.targets import crowds, grids, rows
from datapipe.targets.grids import Floats, Grid, Ints
from datapipe.targets.layout import layout
from datapipe.targets.smoothing import check_epsilon
from datapipe.targets.wire import Arrays, Spec, field

COCO_ANCHORS = (
    (12.0, 16.0),
    (19.0, 36.0),
    (40.0, 28.0),
    (36.0, 75.0),
    (76.0, 55.0),
    (72.0, 146.0),
    (142.0, 110.0),
    (192.0, 243.0),
    (459.0, 401.0),
)
"""What darknet has in cfg/yolov4.cfg, px at the network's input, whatever its size."""


def shape_iou(wh: Floats, anchors_wh: Floats) -> Floats:
    """IoU of boxes and anchors laid on one another's centres.

    Args:
        wh: (M, 2) sides in px, above 0.
        anchors_wh: (K, 2) sides in px, above 0.

    Returns:
        (M, K). Example: 10 x 20 and 20 x 10 share 100 of 300: 1/3.
    """
    shared = np.minimum(wh[:, :1], anchors_wh[:, 0]) * np.minimum(wh[:, 1:], anchors_wh[:, 1])
    union = wh[:, :1] * wh[:, 1:] + anchors_wh[:, 0] * anchors_wh[:, 1] - shared
    iou: Floats = shared / union
    return iou


@dataclass(frozen=True, eq=False)
class Assignment:
    """Which cells and anchors learn which objects, one row each; by object, then anchor.

    row, column: the cell in the grid of the anchor's level
    iou:         by which the anchor was taken
    """

    object: Ints
    level: Ints
    row: Ints
    column: Ints
    anchor: Ints
    iou: Floats


@dataclass(frozen=True)
class YoloV4:
    """Anchors and assignment of darknet's YOLOv4.

    anchors_wh:    px at the network's input, by area, dealt out evenly to the strides in this order
    strides:       px, one a level
    iou_threshold: beside its best anchor an object takes every anchor whose IoU with it is *above* this
    by:            that IoU: of the shapes alone (darknet), or where the anchor lies, centred in its cell
                   (the TF2 ports); fitting and judging anchors goes by shape always
    scale_x_y:     one a level (more are unused): a decoded centre may lie within this factor of its cell
    label_smoothing: of the classes of positives, where dense targets are made; darknet's yolov4.cfg: none
    """

    anchors_wh: tuple[tuple[float, float], ...] = COCO_ANCHORS
    strides: tuple[int, ...] = (8, 16, 32)
    iou_threshold: float = 0.213
    by: Literal["shape", "cell"] = "shape"
    scale_x_y: tuple[float, ...] = (1.2, 1.1, 1.05)
    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            ValueError: naming the field that is off.
        """
        if not self.anchors_wh or min(min(pair) for pair in self.anchors_wh) <= 0:
            raise ValueError("anchors_wh: want one or more pairs of numbers above 0")
        if not self.strides or min(self.strides) <= 0:
            raise ValueError(f"strides: {self.strides}, want one or more numbers above 0")
        if len(self.scale_x_y) < len(self.strides) or min(self.scale_x_y) < 1:
            raise ValueError(f"scale_x_y: {self.scale_x_y}, want {len(self.strides)} numbers of 1 or more")
        check_epsilon(self.label_smoothing)

    @classmethod
    def darknet(cls) -> YoloV4:
        """What darknet has in cfg/yolov4.cfg: the defaults."""
        return cls()

    @classmethod
    def tf2_port(cls) -> YoloV4:
        """The assignment of hunglc007/tensorflow-yolov4-tflite and pythonlessons/TensorFlow-2.x-YOLOv3.

        Without their defects: of two objects in one place the better one stays, not the last, and more
        than 100 boxes do not overwrite the first ones.
        """
        return cls(iou_threshold=0.3, by="cell", label_smoothing=0.01)

    def masks(self) -> tuple[tuple[int, ...], ...]:
        """Anchor numbers of each level; nine over three are (0, 1, 2), (3, 4, 5), (6, 7, 8)."""
        parts = np.array_split(np.arange(len(self.anchors_wh)), len(self.strides))
        return tuple(tuple(int(i) for i in part) for part in parts)

    def iou(self, wh: NDArray[np.floating]) -> Floats:
        """(M, K) shape IoU of (M, 2) boxes in px with every anchor."""
        return shape_iou(np.asarray(wh, np.float64), np.array(self.anchors_wh))

    def matches(self, iou: Floats) -> NDArray[np.bool_]:
        """Whether an object with this best IoU gets an anchor by threshold (the rest only their one best)."""
        return iou > self.iou_threshold

    def assign(self, hw: tuple[int, int], xyxy: NDArray[np.floating]) -> Assignment:
        """Cells and anchors of every object, by darknet's `process_batch` (yolo_layer.c).

        Args:
            hw: (H, W) of the input, px.
            xyxy: (M, 4) px, sides above 0.

        Returns:
            One row for the best anchor and for each other one above the threshold. Example: the box
            121.6 x 182.4 centred at (285.76, 188.48) in 608 x 608 takes anchors 5 (stride 16, row 11,
            column 17), 6 and 7 (stride 32, row 5, column 8).
        """
        corners = np.asarray(xyxy, np.float64).reshape(-1, 4)
        centre, wh = (corners[:, :2] + corners[:, 2:]) / 2, corners[:, 2:] - corners[:, :2]
        level = np.repeat(np.arange(len(self.strides)), [len(mask) for mask in self.masks()])
        stride = np.array(self.strides)[level][:, None]
        last = -(-np.array(hw[::-1]) // stride) - 1  # a centre on the far edge belongs to the last cell
        cell = np.clip(np.floor(centre[:, None] / stride).astype(np.int64), 0, last)
        if self.by == "shape":
            iou = self.iou(wh)
        else:
            offset = np.abs(centre[:, None] - (cell + 0.5) * stride)
            iou = _iou_at(offset, wh[:, None], np.array(self.anchors_wh))
        chosen = iou > self.iou_threshold
        chosen[np.arange(len(iou)), iou.argmax(axis=1)] = True
        owner, anchor = np.nonzero(chosen)
        column, row = cell[chosen].T
        return Assignment(owner, level[anchor], row, column, anchor, iou[chosen])

    def grids(self, hw: NDArray[np.int64] | tuple[int, int]) -> tuple[Grid, ...]:
        """The levels over an input of (H, W) px: ceil(H / stride) x ceil(W / stride) cells."""
        sides = np.array([int(hw[1]), int(hw[0])])
        shapes = np.array(self.anchors_wh)
        levels = []
        for stride, mask in zip(self.strides, self.masks(), strict=True):
            step = np.full(2, float(stride))
            levels.append(Grid(step / 2, step, -(-sides // stride), shapes[list(mask)].reshape(-1, 2)))
        return tuple(levels)

    def anchors(self, hw: tuple[int, int]) -> Floats:
        """(N, 4) xyxy px: level by level, row, column, anchor, each centred in its cell; 608² has 22 743."""
        return grids.anchors(self.grids(hw))

    def anchor_count(self, hw: tuple[int, int]) -> int:
        """Number of anchors for an input of (H, W) px: 22 743 at 608²."""
        return layout(self, hw).count

    def match(self, objects: Objects, hw: tuple[int, int]) -> Taken:
        """Which anchor learns what, and what is ignored.

        A crowd (`objects.ignore` and `objects.crowd`) takes every anchor, centred in its cell, that has
        half its area in it. A single ignored object takes the cells and anchors it would learn if it were
        real; round about them darknet's own rule holds for it as for every object: the loss forgives a
        prediction with an IoU above 0.7, and the raw boxes it tests hold the ignored ones, too.

        Args:
            objects: px of the network's input.
            hw: (H, W) of that input, px.
        """
        places = layout(self, hw)
        ignored = np.zeros(places.count, np.bool_)
        group = objects.ignore & objects.crowd
        if group.any():
            crowds.mark(places, objects.xyxy[group].astype(np.float64), ignored)
        everyone = np.flatnonzero(~group)
        taken = self.assign(hw, objects.xyxy[everyone])
        owner, number = everyone[taken.object], places.number(taken.anchor, taken.column, taken.row)
        single = objects.ignore[owner]
        ignored[number[single]] = True
        owner, number, iou = owner[~single], number[~single], taken.iou[~single]
        order = np.lexsort((-iou, number))  # stable: of equals the first object
        first = order[np.flatnonzero(np.diff(number[order], prepend=-1))]
        ignored[number[first]] = False
        return Taken(
            number[first], owner[first], iou[first], np.flatnonzero(ignored), len(number) - len(first)
        )

    def spec(self) -> Spec:
        """Fields of a sample: `rows.fields`, and `collisions` () how many anchors two objects wanted.

        `box` is centre x, centre y, w, h in px of the input.
        """
        return rows.fields() | {"collisions": field("int32")}

    def encode(self, objects: Objects, hw: tuple[int, int]) -> Arrays:
        """Targets of one picture; see `spec`.

        Args:
            objects: px of the network's input.
            hw: (H, W) of that input, px.

        Returns:
            Example: the box 121.6 x 182.4 centred at (285.76, 188.48) in 608 x 608 has the three rows of
            `assign`: anchors 17328 + (11 * 38 + 17) * 3 + 2 = 18635, 21660 + (5 * 19 + 8) * 3 = 21969 and
            21970, each with the box (285.76, 188.48, 121.6, 182.4).
        """
        found = self.match(objects, hw)
        corners = objects.xyxy[found.object].astype(np.float64)
        centre, wh = (corners[:, :2] + corners[:, 2:]) / 2, corners[:, 2:] - corners[:, :2]
        box = np.concatenate([centre, wh], axis=1).astype(np.float32)
        whole = rows.rows(objects, found.anchor, found.object, box, found.ignored)
        return whole | {"collisions": np.array(found.collisions, np.int32)}


class Taken(NamedTuple):
    """What the anchors of one picture learn; those in neither list are background.

    anchor:     (P,) positives, flat numbers, ascending
    object:     (P,) what each learns, a row of the picture's objects
    iou:        (P,) by which it was taken: where several objects want an anchor the largest has it
    ignored:    (Q,) flat numbers, ascending
    collisions: how often an object went without an anchor because another had it (darknet's rewritten_bbox)
    """

    anchor: Ints
    object: Ints
    iou: Floats
    ignored: Ints
    collisions: int


def _iou_at(offset: Floats, wh: Floats, shapes: Floats) -> Floats:
    shared = np.minimum((wh + shapes) / 2 - offset, np.minimum(wh, shapes)).clip(0).prod(axis=-1)
    iou: Floats = shared / (wh.prod(axis=-1) + shapes.prod(axis=-1) - shared)
    return iou
