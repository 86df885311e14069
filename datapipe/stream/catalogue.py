"""What the stream knows of pictures from the dataset's tables: no shard is read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datapipe.augment.plan import Picture
from datapipe.columns import CORNERS
from datapipe.dataset import Dataset
from datapipe.errors import InputError
from datapipe.objects import Objects
from datapipe.stream.order import repeat_factors


class Catalogue:
    """Sizes, names and objects of a dataset's pictures by their numbers; nothing here can be written to."""

    def __init__(self, dataset: Dataset, ignore: Sequence[str]) -> None:
        """Read the tables.

        Args:
            dataset: the dataset.
            ignore: flags that make an object an ignore region.

        Raises:
            InputError: a table that is damaged or makes no sense.
        """
        images, objects = dataset.images, dataset.objects
        self._wh = np.stack([images["width"], images["height"]], axis=1)
        self._id, self._filename = images["image_id"], images["filename"]
        order = np.argsort(objects["image"], kind="stable")
        self._start = np.searchsorted(objects["image"][order], np.arange(len(dataset) + 1))
        columns: dict[str, Any] = {name: objects[name][order] for name in ("class_id", "crowd", "area")}
        xyxy = np.stack([objects[side][order] for side in CORNERS], axis=1).astype(np.float32, copy=False)
        ignored = np.zeros(len(order), np.bool_)
        for flag in ignore:
            ignored |= objects[flag][order]
        try:
            self._objects = Objects.of(
                xyxy, ignore=ignored, object_id=tuple(objects["object_id"][order].tolist()), **columns
            )
        except ValueError as error:
            raise InputError(
                f"{dataset.folder}: the object table makes no sense: {error}; run `datapipe verify`"
            ) from None
        for column in vars(self._objects).values():
            if isinstance(column, np.ndarray):
                column.setflags(write=False)

    def __len__(self) -> int:
        return len(self._wh)

    def picture(self, number: int) -> Picture:
        """One picture."""
        rows = slice(self._start[number], self._start[number + 1])
        return Picture(number, self.size(number), self._objects.xyxy[rows], self._objects.ignore[rows])

    def size(self, number: int) -> tuple[int, int]:
        """Its width and height in px."""
        width, height = self._wh[number].tolist()
        return width, height

    def image_id(self, number: int) -> str:
        """Its id in the dataset."""
        return str(self._id[number])

    def name(self, number: int) -> str:
        """The file name people know it by, for messages."""
        return str(self._filename[number])

    def objects(self, number: int) -> Objects:
        """Its objects as the table has them: without outlines and without left-out places."""
        return self._objects.part(self._start[number], self._start[number + 1])

    def repeat_factors(
        self, numbers: NDArray[np.int64], threshold: float | None
    ) -> NDArray[np.float64] | None:
        """How often each of some pictures is wanted in an epoch, for the sake of rare classes.

        Ignore regions make no class frequent. None without a threshold: each once.
        """
        if threshold is None:
            return None
        counts = self._start[numbers + 1] - self._start[numbers]
        place = np.repeat(np.arange(len(numbers)), counts)
        first = np.repeat(self._start[numbers] - np.concatenate([[0], np.cumsum(counts)[:-1]]), counts)
        rows = first + np.arange(len(place))
        real = ~self._objects.ignore[rows]
        return repeat_factors(len(numbers), place[real], self._objects.class_id[rows[real]], threshold)
