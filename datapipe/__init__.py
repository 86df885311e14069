"""datapipe: annotations become records from which nothing vanished, and records become training batches.

import datapipe

dataset = datapipe.open("build/coco")
record, jpeg = dataset[0]
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from datapipe.version import VERSION

if TYPE_CHECKING:
    from datapipe.dataset import Dataset as Dataset
    from datapipe.evaluation import evaluate as evaluate
    from datapipe.pipeline import plain_batches as plain_batches

__version__ = VERSION

__all__ = ["Dataset", "evaluate", "open", "plain_batches"]

_HOMES = {
    "Dataset": "datapipe.dataset",
    "evaluate": "datapipe.evaluation",
    "plain_batches": "datapipe.pipeline",
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
