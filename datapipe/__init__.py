"""datapipe: annotations become records from which nothing vanished, and records become training batches.

import datapipe

dataset = datapipe.open("build/coco")
record, jpeg = dataset[0]
stream = datapipe.train_stream(dataset, datapipe.Recipe.load("yolov4"), batch_size=16)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from datapipe.version import VERSION

if TYPE_CHECKING:
    from datapipe.dataset import Dataset as Dataset
    from datapipe.evaluation import evaluate as evaluate
    from datapipe.pipeline import as_numpy as as_numpy
    from datapipe.pipeline import eval_stream as eval_stream
    from datapipe.pipeline import keras_boxes as keras_boxes
    from datapipe.pipeline import torch_dataset as torch_dataset
    from datapipe.pipeline import train_stream as train_stream
    from datapipe.recipe import Recipe as Recipe
    from datapipe.stream import Stream as Stream

__version__ = VERSION

__all__ = [
    "Dataset",
    "Recipe",
    "Stream",
    "as_numpy",
    "eval_stream",
    "evaluate",
    "keras_boxes",
    "open",
    "torch_dataset",
    "train_stream",
]

_HOMES = {
    "Dataset": "datapipe.dataset",
    "Recipe": "datapipe.recipe",
    "Stream": "datapipe.stream",
    "as_numpy": "datapipe.pipeline",
    "eval_stream": "datapipe.pipeline",
    "evaluate": "datapipe.evaluation",
    "keras_boxes": "datapipe.pipeline",
    "torch_dataset": "datapipe.pipeline",
    "train_stream": "datapipe.pipeline",
}


def open(path: Any) -> Dataset:
    """Open a dataset that `datapipe ingest` wrote.

    Args:
        path: its folder.

    Raises:
        datapipe.errors.InputError: there is no finished dataset.
    """
    from datapipe.dataset import Dataset

    return Dataset(path)


def __getattr__(name: str) -> Any:
    """Import public names when they are first used: `import datapipe` costs milliseconds."""
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'datapipe' has no attribute {name!r}")
