"""What the network will be fed: samples of a recipe's stream beside the pictures they are made of."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datapipe import boxes
from datapipe.audit.facts import best_anchor
from datapipe.audit.home import Home
from datapipe.audit.mapping import Plain, to_fractions
from datapipe.dataset import Dataset
from datapipe.doctor.view import Lens
from datapipe.errors import EnvironmentProblem
from datapipe.images.drawing import write
from datapipe.objects import Objects
from datapipe.recipe import Recipe
from datapipe.sample import Sample
from datapipe.stream import Stream
from datapipe.stream.order import Order

SPLIT = "train"
NOWHERE = "neither object nor background"
"""Label of an ignore region without a class."""


class Again:
    """Augmented samples of pictures: the first epochs' positions whose primary each picture is."""

    def __init__(
        self, dataset: Dataset, recipe: Recipe, seed: int, count: int, lens: Lens, home: Home
    ) -> None:
        """Plan nothing yet.

        Args:
            dataset: edits applied, as a training run sees it.
            recipe: what happens to pictures.
            seed: of the stream.
            count: samples of each picture, from as many epochs.
            lens: whose anchors count.
            home: where the pictures are written.

        Raises:
            UsageError: there is no split `train`, or it is empty.
        """
        self._dataset, self._recipe, self._lens = dataset, recipe, lens
        self._stream = Stream(dataset, recipe, SPLIT, seed)
        self._count = count
        self._numbers = {str(one): i for i, one in enumerate(dataset.images["image_id"])}
        numbers = dataset.split(SPLIT)
        factors = self._stream.catalogue.repeat_factors(numbers, recipe.stream.repeat_threshold)
        order = Order(numbers, seed, factors=factors)
        self._epochs = [order.epoch_pictures(epoch) for epoch in range(count)]
        self._sources = Sources(dataset)
        folder = f"{recipe.hash[:12]}-{dataset.identity[:12]}-{seed}"
        self._folder = home.root / "augmented" / folder

    def copies(self, original: Plain) -> Iterator[Plain]:
        """The samples of one picture, rendered and written.

        Raises:
            RecordError: a record is damaged.
            EnvironmentProblem: the cache cannot be written.
        """
        number = self._numbers[original.values["image_id"]]
        for epoch, pictures in enumerate(self._epochs):
            place = np.flatnonzero(pictures == number)
            if len(place):
                sample = self._stream[epoch * len(self._stream) + int(place[0])]
                yield self._plain(sample, original)

    def close(self) -> None:
        """End the stream's threads."""
        self._stream.close()

    def _plain(self, sample: Sample, original: Plain) -> Plain:
        path = self._folder / f"{sample.position}.jpg"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise EnvironmentProblem(f"{self._folder}: cannot be written: {error.strerror}") from None
        if not path.exists():
            beside = path.with_name(f".{path.name}")
            write(beside.with_suffix(".jpg"), sample.pixels)
            beside.with_suffix(".jpg").replace(path)
        height, width = sample.pixels.shape[:2]
        values: dict[str, Any] = {
            name: original.values[name] for name in ("image_id", "filename", "split", "suspicion")
        }
        values["objects"] = int((sample.objects.class_id >= 0).sum())
        values["position"] = sample.position
        values["origin"] = json.dumps(sample.origin, ensure_ascii=False)
        values["partners"] = [
            tile["image_id"] for layer in sample.origin["layers"] for tile in layer["tiles"]
        ]
        objects, regions = self._objects(sample, (width, height))
        return Plain(str(Path(path).absolute()), (width, height), values, objects, regions)

    def _objects(
        self, sample: Sample, wh: tuple[int, int]
    ) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        made: Objects = sample.objects
        canvas = np.tile(np.array([wh[1], wh[0]], np.int64), (len(made), 1))
        iou, level = best_anchor(self._lens.spec, canvas, made.xyxy.astype(np.float64))
        side = (made.xyxy[:, 2:] - made.xyxy[:, :2]).min(axis=1, initial=np.inf)
        objects, regions = [], []
        for i, number in enumerate(made.class_id.tolist()):
            box = to_fractions(made.xyxy[i].tolist(), wh)
            if number < 0:
                regions.append({"label": NOWHERE, "box": box})
                continue
            image_id, place = self._sources.find(sample.origin, made.object_id[i], made.xyxy[i])
            objects.append(
                {
                    "label": self._dataset.classes[number],
                    "box": box,
                    "image_id": image_id,
                    "object_id": made.object_id[i],
                    "number": place,
                    "area_px": round(float(made.area[i]), 1),
                    "area_input_px": round(float(made.area[i]), 1),
                    "side_input_px": round(float(side[i]), 1),
                    "anchor_iou": None if np.isnan(iou[i]) else round(float(iou[i]), 4),
                    "level": str(level[i]) or None,
                    "ignore": bool(made.ignore[i]),
                    "crowd": bool(made.crowd[i]),
                }
            )
        return objects, regions


class Sources:
    """From an object on a canvas back to the one in its picture."""

    def __init__(self, dataset: Dataset) -> None:
        """Read the tables of a dataset, edits applied."""
        stored = Dataset(dataset.folder, edited=False)
        ids, objects = stored.images["image_id"], stored.objects
        start = np.searchsorted(objects["image"], np.arange(len(ids) + 1)).tolist()
        self._rows = {str(one): (start[i], start[i + 1]) for i, one in enumerate(ids)}
        self._object_id = objects["object_id"]
        corners = [objects[side] for side in ("xmin", "ymin", "xmax", "ymax")]
        self._xyxy = np.stack(corners, axis=1).astype(np.float64)

    def find(
        self, origin: dict[str, Any], object_id: str, xyxy: NDArray[np.float32]
    ) -> tuple[str | None, int | None]:
        """Which picture of the sample an object comes from, and its number there; None if no one can say.

        Ids are unique within a picture only: of several tiles with that id the one counts whose object,
        moved to the canvas and cut to the tile, lies where this one does.
        """
        best: tuple[float, str | None, int | None] = (-1.0, None, None)
        for layer in origin["layers"]:
            for tile in layer["tiles"]:
                first, stop = self._rows.get(tile["image_id"], (0, 0))
                for row in np.flatnonzero(self._object_id[first:stop] == object_id).tolist():
                    there = _moved(
                        self._xyxy[first + row], np.array(tile["matrix"]), np.array(tile["visible"])
                    )
                    share = float(boxes.iou(there[None], xyxy[None].astype(np.float64))[0, 0])
                    if share > best[0]:
                        best = (share, tile["image_id"], row)
        return best[1], best[2]


def _moved(
    xyxy: NDArray[np.float64], matrix: NDArray[np.float64], visible: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The box about a moved box, cut to the bounds of a tile's visible polygon (P, 2)."""
    x1, y1, x2, y2 = xyxy
    corners = np.array([[x1, y1, 1], [x2, y1, 1], [x2, y2, 1], [x1, y2, 1]]) @ matrix.T
    points = corners[:, :2] / corners[:, 2:]
    low = np.maximum(points.min(axis=0), visible.min(axis=0))
    high = np.minimum(points.max(axis=0), visible.max(axis=0))
    return np.concatenate([low, np.maximum(low, high)])
