"""The stream as a dataset of PyTorch's. Imports torch; `streams` imports this when it is needed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch.utils.data import IterableDataset, get_worker_info

from datapipe.dataset import Dataset
from datapipe.errors import InputError
from datapipe.pipeline.feed import Feed, State, feed_of
from datapipe.recipe import Recipe


class StreamOfTensors(IterableDataset):  # type: ignore[misc]
    """A torch IterableDataset that knows its stream; see `torch_dataset`.

    steps_per_epoch: steps of this host until every position of an epoch is over; for evaluation all there are
    """

    def __init__(
        self,
        dataset: Dataset,
        recipe: Recipe,
        split: str,
        batch_size: int,
        start_step: int | State,
        options: dict[str, Any],
    ) -> None:
        """Check the arguments; nothing is read yet."""
        super().__init__()
        self._made_of = (recipe, split, batch_size)
        self._dataset, self._options = dataset, options
        feed = self._feed()
        self.steps_per_epoch, self._first = feed.steps_per_epoch, feed.start(start_step)

    def state(self, step: int) -> dict[str, Any]:
        """What a checkpoint keeps to go on with a step: give it to `start_step`."""
        return self._feed().state(step)

    def __iter__(self) -> Iterator[tuple[torch.Tensor, dict[str, Any]]]:
        worker = get_worker_info()
        number, workers = (worker.id, worker.num_workers) if worker else (0, 1)
        feed = self._feed(worker.num_workers) if worker else self._feed()
        for images, targets in feed.batches(self._first + number, workers):
            yield torch.from_numpy(images), {name: _tensor(array) for name, array in targets.items()}

    def __getstate__(self) -> dict[str, Any]:
        """For workers that are spawned: files and locks stay here, the dataset is opened anew there."""
        return vars(self) | {"_dataset": (self._dataset.folder, self._dataset.identity)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        folder, identity = state["_dataset"]
        self.__dict__.update(state | {"_dataset": Dataset(folder)})
        if self._dataset.identity != identity:
            raise InputError(f"{folder}: changed since this stream was made; make it anew")

    def _feed(self, workers: int | None = None) -> Feed:
        """A feed for this process, which is one of some workers of a loader, or none."""
        recipe, split, batch_size = self._made_of
        options = dict(self._options)
        if workers:
            threads = options["threads"] or len(os.sched_getaffinity(0))
            options |= {"threads": max(1, threads // workers), "memory_mb": options["memory_mb"] / workers}
            options["workers"] = "threads"  # a loader's worker is a process already
        return feed_of(self._dataset, recipe, split, batch_size, **options)


def _tensor(array: np.ndarray[Any, Any]) -> Any:
    return array.tolist() if array.dtype.kind == "U" else torch.from_numpy(array)
