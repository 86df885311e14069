"""How good predictions are: COCO's AP by pycocotools, or VOC's, on the original pictures' pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from datapipe.dataset import Dataset
from datapipe.errors import InputError
from datapipe.evaluation import coco_ap, voc_ap
from datapipe.evaluation.detections import Detections as Detections
from datapipe.evaluation.detections import Predictions as Predictions
from datapipe.evaluation.detections import category_ids as category_ids
from datapipe.evaluation.detections import checked
from datapipe.evaluation.detections import to_original as to_original
from datapipe.evaluation.truth import Truth, truth_of


@dataclass(frozen=True)
class Evaluation:
    """Averages over the classes that have objects; NaN where nothing of that kind is there to be found.

    ap:     over IoU .50 to .95; ap50, ap75: at one IoU; all with at most 100 detections a picture
    small, medium, large: ap by COCO's bins of the object's area, 32² and 96² px of the original picture
    recall: the share found, over IoU .50 to .95
    by_class:   name -> ap and ap50
    voc_ap50:   VOC's AP at IoU 0.5, when asked for
    images, objects, ignored, detections: what was compared
    """

    ap: float
    ap50: float
    ap75: float
    small: float
    medium: float
    large: float
    recall: float
    by_class: dict[str, dict[str, float]]
    voc_ap50: float | None
    images: int
    objects: int
    ignored: int
    detections: int

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; null for NaN."""
        found = asdict(self)
        found["by_class"] = {
            name: {key: _finite(value) for key, value in row.items()} for name, row in self.by_class.items()
        }
        return {key: _finite(value) if isinstance(value, float) else value for key, value in found.items()}


def evaluate(
    dataset: Dataset,
    split: str,
    predictions: Predictions,
    *,
    voc: Literal["area", "11-point"] | None = None,
) -> Evaluation:
    """Compare predictions with a split's objects.

    Crowd and difficult objects and left-out places are neither found nor missed: a detection on them counts
    for nothing. A crowd takes any number of detections, judged by the share of each that lies in it; every
    other ignored place takes one, by IoU.

    Args:
        dataset: the truth, edits applied.
        split: "val", ...
        predictions: see `Predictions`; a picture without an entry has no detections.
        voc: also compute VOC's AP at IoU 0.5, by the area under the curve (2010 on) or at 11 points (2007).

    Raises:
        UsageError: no such split.
        InputError: predictions name unknown images or classes, or are no boxes with scores.
    """
    chosen = dataset.split(split)
    found = checked(dataset, predictions)
    ids = [str(dataset.images["image_id"][i]) for i in chosen]
    stray = found.keys() - set(map(str, dataset.images["image_id"]))
    if stray:
        raise InputError(f"predictions: image {min(stray)!r} is not in {dataset.folder}")
    truth = truth_of(dataset, chosen)
    table = coco_ap.averages(dataset.classes, ids, truth, found)
    return Evaluation(
        **table,
        voc_ap50=None if voc is None else voc_ap.mean_ap(_by_class(truth, ids, found), voc),
        images=len(ids),
        objects=int(sum((~t.ignore).sum() for t in truth)),
        ignored=int(sum(t.ignore.sum() for t in truth)),
        detections=sum(len(found[i].score) for i in ids if i in found),
    )


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _by_class(
    truth: Sequence[Truth], ids: Sequence[str], found: Mapping[str, Detections]
) -> list[voc_ap.Pictures]:
    """Per class, the truth and the detections of every picture."""
    every = sorted({int(c) for one in truth for c in one.class_id[~one.ignore]})
    none = Detections(np.zeros((0, 4)), np.zeros(0), np.zeros(0, np.int64))
    pictures: list[voc_ap.Pictures] = []
    for number in every:
        rows = []
        for image_id, one in zip(ids, truth, strict=True):
            said = found.get(image_id, none)
            mine, theirs = (one.class_id == number) | (one.class_id < 0), said.class_id == number
            rows.append((one.xyxy[mine], one.ignore[mine], said.xyxy[theirs], said.score[theirs]))
        pictures.append(rows)
    return pictures
