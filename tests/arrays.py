"""Planes and outlines as arrays, which tests compute with: (3, 3) matrices, (P, 2) outlines."""

from __future__ import annotations

import numpy as np

from datapipe.augment import plane


def affine(*six: float) -> np.ndarray:
    return np.array(plane.affine(*six)).reshape(3, 3)


def rectangle(xyxy) -> np.ndarray:
    return np.array(plane.rectangle(xyxy), np.float64)


def moved(outline, matrix) -> np.ndarray:
    return np.array(plane.through(plane.corners(outline), plane.nine(matrix)))


def cut_to(outline, xyxy) -> np.ndarray:
    return np.array(plane.cut(plane.corners(outline), xyxy)).reshape(-1, 2)


def bounds(outline) -> plane.Edges:
    return plane.bounds(plane.corners(outline))
