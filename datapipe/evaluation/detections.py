"""What a detector says: by image id, or as COCO results; checked before it is compared."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from datapipe.dataset import Dataset
from datapipe.errors import InputError, printable


class Detections(NamedTuple):
    """What a detector says of one picture.

    xyxy:     (N, 4) px of the original picture
    score:    (N,) higher is surer
    class_id: (N,) index into the dataset's classes
    """

    xyxy: NDArray[Any]
    score: NDArray[Any]
    class_id: NDArray[Any]


Predictions = Mapping[str, Detections] | Sequence[Mapping[str, Any]] | str | Path
"""By image id; or COCO results: a list of {image_id, category_id, bbox, score}, or the json file of one."""


def to_original(
    xyxy: NDArray[np.floating], matrix: NDArray[np.floating], wh: tuple[int, int]
) -> NDArray[np.float64]:
    """Boxes on a canvas as boxes on the original picture, clipped to it.

    Args:
        xyxy: (N, 4) px of the canvas.
        matrix: (3, 3) from the picture to the canvas, as `eval_stream` hands it out: scale and move only.
        wh: of the original picture.

    Example: (32, 64, 64, 88) under a scale of 0.5 and a move of (0, 40) is (64, 48, 128, 96).
    """
    scale = np.array([matrix[0][0], matrix[1][1]] * 2, np.float64)
    move = np.array([matrix[0][2], matrix[1][2]] * 2, np.float64)
    back: NDArray[np.float64] = (np.asarray(xyxy, np.float64).reshape(-1, 4) - move) / scale
    return np.clip(back, 0, np.array([*wh, *wh], np.float64))


def checked(dataset: Dataset, predictions: Predictions) -> dict[str, Detections]:
    """Detections by image id, as float64 and int64 arrays.

    Raises:
        InputError: naming the entry that is no box, no score, no known class.
    """
    if isinstance(predictions, (str, Path)):
        predictions = _results_file(Path(predictions))
    if not isinstance(predictions, Mapping):
        return _from_results(dataset, predictions)
    checked = {}
    for image_id, one in predictions.items():
        xyxy = np.asarray(one.xyxy, np.float64).reshape(-1, 4)
        score, class_id = np.asarray(one.score, np.float64), np.asarray(one.class_id, np.int64)
        where = f"predictions: image {printable(image_id)!r}"
        if not len(xyxy) == len(score) == len(class_id):
            raise InputError(f"{where}: {len(xyxy)} boxes, {len(score)} scores, {len(class_id)} classes")
        if not (np.isfinite(xyxy).all() and np.isfinite(score).all()):
            raise InputError(f"{where}: a box or a score that is no number")
        if len(class_id) and not 0 <= class_id.min() <= class_id.max() < len(dataset.classes):
            raise InputError(f"{where}: class {class_id.max()} of {len(dataset.classes)}; they count from 0")
        checked[str(image_id)] = Detections(xyxy, score, class_id)
    return checked


def _results_file(path: Path) -> list[Any]:
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    except ValueError as error:
        raise InputError(f"{path}: not JSON: {error}") from None
    if not isinstance(rows, list):
        raise InputError(f"{path}: holds {type(rows).__name__}, want a list of COCO results")
    return rows


def _from_results(dataset: Dataset, rows: Sequence[Mapping[str, Any]]) -> dict[str, Detections]:
    """COCO results: `bbox` is left, top, width, height; `category_id` see `category_ids`."""
    class_of = category_ids(dataset)
    grouped: dict[str, list[tuple[list[float], float, int]]] = {}
    for number, row in enumerate(rows):
        where = f"predictions[{number}]"
        try:
            left, top, width, height = (float(side) for side in row["bbox"])
            score, image_id, category = float(row["score"]), str(row["image_id"]), str(row["category_id"])
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"{where}: want image_id, category_id, bbox of 4 numbers and score: {error!r}"
            ) from None
        if category not in class_of:
            raise InputError(f"{where}: category_id {category} is none of {sorted(class_of)}")
        box = [left, top, left + width, top + height]
        grouped.setdefault(image_id, []).append((box, score, class_of[category]))
    found = {}
    for image_id, listed in grouped.items():
        xyxy, score_of, class_id = zip(*listed, strict=True)
        found[image_id] = Detections(np.array(xyxy), np.array(score_of), np.array(class_id, np.int64))
    return checked(dataset, found)


def category_ids(dataset: Dataset) -> dict[str, int]:
    """Category id in COCO results, as text -> class: the COCO source's own ids, else the label map's, from 1.

    Raises:
        InputError: two COCO sources use one id for two classes, so that an id says nothing.
    """
    own: dict[str, int] = {}
    for source in dataset.manifest.sources:
        for name, number in source.get("categories") or ():
            class_id = dataset.classes.index(name) if name in dataset.classes else -1
            if class_id >= 0 and own.setdefault(number, class_id) != class_id:
                raise InputError(f"{dataset.folder}: category id {number} means two classes in its sources")
    return own or {str(i + 1): i for i in range(len(dataset.classes))}
