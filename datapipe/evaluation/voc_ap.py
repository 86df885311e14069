"""PASCAL VOC's average precision at IoU 0.5, as the devkit's VOCevaldet.m counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from datapipe import boxes

Pictures = Sequence[tuple[NDArray[Any], NDArray[np.bool_], NDArray[Any], NDArray[Any]]]
"""Of one class, per picture: truth xyxy (N, 4), ignore (N,), detected xyxy (M, 4), score (M,)."""


def mean_ap(classes: Sequence[Pictures], rule: Literal["area", "11-point"]) -> float:
    """The mean over classes; NaN without classes."""
    every = [average_precision(pictures, rule) for pictures in classes]
    return float(np.mean(every)) if every else float("nan")


def average_precision(pictures: Pictures, rule: Literal["area", "11-point"], threshold: float = 0.5) -> float:
    """One class's AP.

    By falling score, each detection is given its best object: right if their IoU reaches the threshold and
    the object is not taken, wrong otherwise, and nothing at all if the object is to be ignored.

    Example: two objects; detections of scores .9 (right), .8 (wrong), .7 (right) have precisions 1, 1/2, 2/3
    at recalls 1/2, 1/2, 1: the area is 1/2 * 1 + 1/2 * 2/3 = 0.833.
    """
    scores, right, wrong = [], [], []
    wanted = 0
    for xyxy, ignore, detected, score in pictures:
        wanted += int((~ignore).sum())
        order = np.argsort(-score, kind="stable")
        table = boxes.iou(np.asarray(detected, np.float64)[order], np.asarray(xyxy, np.float64))
        taken = np.zeros(len(xyxy), np.bool_)
        for row, one in zip(table, score[order], strict=True):
            best = int(row.argmax()) if len(row) else -1
            hit = best >= 0 and row[best] >= threshold
            if hit and ignore[best]:
                continue
            scores.append(float(one))
            right.append(hit and not taken[best])
            wrong.append(not right[-1])
            if hit:
                taken[best] = True
    if not wanted:
        return float("nan")
    order = np.argsort(-np.array(scores), kind="stable")
    true, false = np.cumsum(np.array(right)[order]), np.cumsum(np.array(wrong)[order])
    recall, precision = true / wanted, true / np.maximum(true + false, 1)
    if rule == "11-point":
        at = [precision[recall >= level].max(initial=0.0) for level in np.linspace(0, 1, 11)]
        return float(np.mean(at))
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(np.diff(recall, prepend=0.0) * envelope))
