"""The whole table of anchors x objects, and the rules read off it: slow, plain, to compare with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from datapipe.objects import Objects
from datapipe.targets import MobileNetSSD, RetinaNet, YoloV4


@dataclass
class Dense:
    """state: (N,) 1, 0 or -1 of every anchor; owner: (N,) row of the object a positive learns, else -1."""

    state: np.ndarray
    owner: np.ndarray
    collisions: int = 0


def every_anchor(spec, hw: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """(N, 2) centres and (N, 2) sides of all anchors."""
    centres, sides = [], []
    for grid in spec.grids(hw):
        for row in range(int(grid.count_xy[1])):
            for column in range(int(grid.count_xy[0])):
                centres += [grid.first_xy + np.array([column, row]) * grid.step_xy] * len(grid.wh)
                sides += list(grid.wh)
    return np.array(centres), np.array(sides)


def shared(centre: np.ndarray, wh: np.ndarray, xyxy: np.ndarray) -> np.ndarray:
    """(N, M) px² that anchors and objects share."""
    middle, side = (xyxy[:, :2] + xyxy[:, 2:]) / 2, xyxy[:, 2:] - xyxy[:, :2]
    half = (wh[:, None] + side) / 2 - np.abs(middle - centre[:, None])
    return np.minimum(half, np.minimum(wh[:, None], side)).clip(0).prod(axis=2)


def iou_table(centre: np.ndarray, wh: np.ndarray, xyxy: np.ndarray) -> np.ndarray:
    """(N, M) IoU."""
    common = shared(centre, wh, xyxy)
    return common / ((xyxy[:, 2:] - xyxy[:, :2]).prod(axis=1) + wh.prod(axis=1)[:, None] - common)


def on_grid(spec: RetinaNet | MobileNetSSD, objects: Objects, hw: tuple[int, int]) -> Dense:
    """RetinaNet and SSD."""
    if isinstance(spec, RetinaNet):
        high, low, inclusive, least = spec.positive_iou, spec.negative_iou, spec.negative_inclusive, 0.0
        claim = spec.claim if spec.low_quality else None
    else:
        high, low, inclusive, least, claim = spec.iou_threshold, spec.iou_threshold, False, 1e-6, spec.claim
    centre, wh = every_anchor(spec, hw)
    xyxy = objects.xyxy.astype(np.float64)
    table = iou_table(centre, wh, xyxy)
    found = Dense(np.zeros(len(wh), int), np.full(len(wh), -1))
    real = np.flatnonzero(~objects.ignore)
    if len(real):
        best, own = table[:, real].max(axis=1), real[table[:, real].argmax(axis=1)]
        found.state[best > low if inclusive else best >= low] = -1
        found.state[best >= high] = 1
        found.owner[best >= high] = own[best >= high]
        for anchor, row in claims(table, real, claim, least):
            found.state[anchor] = 1
            found.owner[anchor] = own[anchor] if claim == "ties" else row
    _ignore(found, objects, shared(centre, wh, xyxy) / wh.prod(axis=1)[:, None], table >= low)
    return found


def claims(table: np.ndarray, real: np.ndarray, claim: str | None, least: float) -> list[tuple[int, int]]:
    """(anchor, object) by the rule; where an anchor is named twice the later one holds."""
    highest = {row: table[:, row].max() for row in real.tolist() if table[:, row].max() > least}
    if claim == "ties":
        return [(a, row) for row, top in highest.items() for a in np.flatnonzero(table[:, row] == top)]
    firsts = [(int(table[:, row].argmax()), row) for row in highest]
    if claim == "last":
        return firsts
    if claim == "first":
        return firsts[::-1]
    dealt: list[tuple[int, int]] = []
    left = np.where(table > least, table, -1.0)
    left[:, [row for row in range(table.shape[1]) if row not in highest]] = -1
    while claim == "greedy" and left.size and left.max() > 0:
        anchor, row = np.unravel_index(left.argmax(), left.shape)  # of equals: first anchor, first object
        dealt.append((int(anchor), int(row)))
        left[anchor] = -1
        left[:, row] = -1
    return dealt


def yolov4(spec: YoloV4, objects: Objects, hw: tuple[int, int]) -> Dense:
    """YOLOv4, object by object."""
    centre, wh = every_anchor(spec, hw)
    found = Dense(np.zeros(len(wh), int), np.full(len(wh), -1))
    held = np.zeros(len(wh))
    would = np.zeros((len(wh), len(objects)), bool)
    for row, (x1, y1, x2, y2) in enumerate(objects.xyxy.astype(np.float64).tolist()):
        taken = _takes(spec, hw, (x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1)
        for anchor, iou in taken.items():
            would[anchor, row] = True
            if objects.ignore[row]:
                continue
            found.collisions += found.state[anchor] == 1
            if found.state[anchor] != 1 or iou > held[anchor]:
                found.state[anchor], found.owner[anchor], held[anchor] = 1, row, iou
    inside = shared(centre, wh, objects.xyxy.astype(np.float64)) / wh.prod(axis=1)[:, None]
    _ignore(found, objects, inside, would)
    return found


def _takes(spec: YoloV4, hw: tuple[int, int], x: float, y: float, w: float, h: float) -> dict[int, float]:
    numbers, values = [], []
    start = 0
    for stride, mask in zip(spec.strides, spec.masks(), strict=True):
        columns, rows = -(-hw[1] // stride), -(-hw[0] // stride)
        i = min(max(int(np.floor(x / stride)), 0), columns - 1)
        j = min(max(int(np.floor(y / stride)), 0), rows - 1)
        off_x, off_y = abs(x - (i + 0.5) * stride), abs(y - (j + 0.5) * stride)
        if spec.by == "shape":
            off_x = off_y = 0.0
        for place, k in enumerate(mask):
            aw, ah = spec.anchors_wh[k]
            in_x, in_y = min((w + aw) / 2 - off_x, w, aw), min((h + ah) / 2 - off_y, h, ah)
            common = max(in_x, 0) * max(in_y, 0)
            numbers.append(start + (j * columns + i) * len(mask) + place)
            values.append(common / (w * h + aw * ah - common))
        start += columns * rows * len(mask)
    best = values.index(max(values))
    return {
        a: v
        for k, (a, v) in enumerate(zip(numbers, values, strict=True))
        if v > spec.iou_threshold or k == best
    }


def _ignore(found: Dense, objects: Objects, inside: np.ndarray, near: np.ndarray) -> None:
    for row in np.flatnonzero(objects.ignore):
        hit = inside[:, row] >= 0.5 if objects.crowd[row] else near[:, row]
        found.state[hit & (found.state != 1)] = -1
