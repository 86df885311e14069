"""What a detector says beside the truth: where they differ, and where the truth is likely at fault."""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from datapipe.audit import schema
from datapipe.audit.mapping import to_fractions
from datapipe.dataset import Dataset
from datapipe.evaluation.detections import Detections, checked
from datapipe.progress import Progress

EVALUATED = "evaluation"
"""Key of FiftyOne's evaluation; `ground_truth` and `predictions` carry it as an attribute: tp, fp, fn."""
MOST, LEAST_SCORE = 100, 0.05
"""Predictions of a picture that are shown, the surest first; those below a score are noise."""

MISTAKEN = 0.5
"""FiftyOne's mistakenness of a picture from which its labels are likely wrong, and no mere doubt."""


def read(dataset: Dataset, file: str) -> Mapping[str, Detections]:
    """Read a file of COCO results.

    Raises:
        InputError: it cannot be used; names the entry.
    """
    return checked(dataset, Path(file))


def compare(
    fo: Any,
    held: Any,
    dataset: Dataset,
    predictions: Mapping[str, Detections],
    file: str,
    progress: Progress,
) -> None:
    """Put predictions into the app, evaluate them, and save the views; nothing if it is done already."""
    ids = held.values("image_id")
    key = hashlib.sha256(Path(file).read_bytes()).hexdigest() + f"-{len(ids)}"
    info = dict(held.info or {})
    if info.get("predictions") == key:
        return
    with progress("comparing predictions", 3, "steps") as advance:
        if held.has_field(schema.PREDICTIONS):
            if EVALUATED in held.list_evaluations():
                held.delete_evaluation(EVALUATED)
            held.delete_sample_field(schema.PREDICTIONS)
        held.add_sample_field(schema.PREDICTIONS, fo.EmbeddedDocumentField, embedded_doc_type=fo.Detections)
        sizes = held.values(["image_id", "metadata.width", "metadata.height"])
        shown = [
            _detections(fo, predictions.get(image_id), dataset.classes, (width, height))
            for image_id, width, height in zip(*sizes, strict=True)
        ]
        held.set_values(schema.PREDICTIONS, shown)
        advance(1)
        held.evaluate_detections(
            schema.PREDICTIONS, gt_field=schema.TRUTH, eval_key=EVALUATED, iscrowd="ignore", progress=False
        )
        advance(1)
        brain = importlib.import_module("fiftyone.brain")
        brain.compute_mistakenness(held, schema.PREDICTIONS, label_field=schema.TRUTH, progress=False)
        advance(1)
    _save_views(held)
    schema.arrange(fo, held, dataset.classes)
    held.info = {**info, "predictions": key}
    held.save()


def _detections(fo: Any, found: Detections | None, classes: tuple[str, ...], wh: tuple[int, int]) -> Any:
    if found is None:
        return fo.Detections()
    order = (-found.score).argsort(kind="stable")[:MOST]
    return fo.Detections(
        detections=[
            fo.Detection(
                label=classes[int(found.class_id[i])],
                bounding_box=to_fractions(found.xyxy[i].tolist(), wh),
                confidence=float(found.score[i]),
            )
            for i in order
            if found.score[i] >= LEAST_SCORE
        ]
    )


def _save_views(held: Any) -> None:
    """Each shows only the boxes on which truth and detector differ: what agrees would hide them."""
    F = importlib.import_module("fiftyone").ViewField
    only_predicted = (schema.PREDICTIONS, F(EVALUATED) == "fp")
    only_true, doubtful = (schema.TRUTH, F(EVALUATED) == "fn"), (schema.TRUTH, F("mistakenness") > MISTAKEN)
    for name, order, least, boxes in (
        ("false positives", f"{EVALUATED}_fp", 0, (only_predicted, only_true)),
        ("misses", f"{EVALUATED}_fn", 0, (only_predicted, only_true)),
        ("likely label mistakes", "mistakenness", MISTAKEN, (only_predicted, doubtful)),
        ("likely missing objects", "possible_missing", 0, (only_predicted, only_true)),
    ):
        view = held.match(F(order) > least).sort_by(order, reverse=True)
        for path, differs in boxes:
            view = view.filter_labels(path, differs, only_matches=False)
        held.save_view(name, view, color="#ee0000", overwrite=True)
