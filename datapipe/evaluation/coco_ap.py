"""COCO's average precision, by pycocotools."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datapipe.evaluation.detections import Detections
from datapipe.evaluation.truth import Truth


def averages(
    classes: Sequence[str], ids: Sequence[str], truth: Sequence[Truth], found: Mapping[str, Detections]
) -> dict[str, Any]:
    """The averages of `Evaluation`, by name.

    Args:
        classes: names, in the order of class ids.
        ids: of the pictures.
        truth: one for each of them.
        found: by image id.
    """
    from pycocotools.coco import COCO

    images: list[dict[str, Any]] = []
    objects: list[dict[str, Any]] = []
    results: list[dict[str, Any]] = []
    for number, (image_id, one) in enumerate(zip(ids, truth, strict=True), 1):
        images.append({"id": number})
        said = found.get(image_id)
        every = sorted(set(said.class_id.tolist())) if said is not None else []
        for i in range(len(one.class_id)):
            # a place of unknown class excuses a detection of any class
            for category in [int(one.class_id[i])] if one.class_id[i] >= 0 else every:
                box = [*one.xyxy[i, :2].tolist(), *(one.xyxy[i, 2:] - one.xyxy[i, :2]).tolist()]
                objects.append(
                    {
                        "id": len(objects) + 1,
                        "image_id": number,
                        "category_id": category + 1,
                        "bbox": box,
                        "area": float(one.area[i]),
                        "iscrowd": int(one.crowd[i]),
                        "set_aside": int(one.ignore[i]),
                    }
                )
        if said is not None:
            wh = said.xyxy[:, 2:] - said.xyxy[:, :2]
            results += [
                {
                    "id": len(results) + j + 1,
                    "image_id": number,
                    "category_id": int(said.class_id[j]) + 1,
                    "bbox": [*map(float, said.xyxy[j, :2]), *map(float, wh[j])],
                    "area": float(wh[j, 0] * wh[j, 1]),
                    "score": float(said.score[j]),
                }
                for j in range(len(said.score))
            ]
    categories = [{"id": i, "name": name} for i, name in enumerate(classes, 1)]
    with redirect_stdout(io.StringIO()):  # pycocotools tells its progress on stdout
        tables = []
        for rows in (objects, results):
            table = COCO()
            table.dataset = {"images": images, "annotations": rows, "categories": categories}
            table.createIndex()
            tables.append(table)
        measured = _evaluator()(*tables, "bbox")
        measured.evaluate()
        measured.accumulate()
    precision, recall = measured.eval["precision"], measured.eval["recall"]
    by_class = {
        name: {"ap": _mean(precision[:, :, k, 0, -1]), "ap50": _mean(precision[0, :, k, 0, -1])}
        for k, name in enumerate(classes)
    }
    return {
        "ap": _mean(precision[:, :, :, 0, -1]),
        "ap50": _mean(precision[0, :, :, 0, -1]),
        "ap75": _mean(precision[5, :, :, 0, -1]),
        "small": _mean(precision[:, :, :, 1, -1]),
        "medium": _mean(precision[:, :, :, 2, -1]),
        "large": _mean(precision[:, :, :, 3, -1]),
        "recall": _mean(recall[:, :, 0, -1]),
        "by_class": by_class,
    }


def _evaluator() -> Any:
    from pycocotools.cocoeval import COCOeval

    class SetAside(COCOeval):  # type: ignore[misc]
        """COCOeval overwrites `ignore` by `iscrowd`; a difficult object is to be ignored and yet no crowd."""

        def _prepare(self) -> None:
            super()._prepare()
            for rows in self._gts.values():
                for row in rows:
                    row["ignore"] = row["set_aside"]

    return SetAside


def _mean(values: NDArray[np.floating]) -> float:
    """Drop the -1 that pycocotools writes where a class has no object to find."""
    there = values[values > -1]
    return float(there.mean()) if there.size else float("nan")
