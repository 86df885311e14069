"""How the stream is dealt to a loader's workers, with a stand-in for PyTorch: it need not be installed."""

from __future__ import annotations

import pickle
import sys
from itertools import islice
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from feeding import MIXED, RAW, digest, threads

from datapipe.pipeline import as_numpy, torch_dataset
from datapipe.recipe import Recipe


@pytest.fixture
def torch(monkeypatch: pytest.MonkeyPatch) -> Any:
    """As much of torch as the bridge asks for; tensors are the arrays themselves."""
    torch, utils, data = (ModuleType(name) for name in ("torch", "torch.utils", "torch.utils.data"))
    torch.from_numpy, torch.Tensor, torch.worker = lambda array: array, np.ndarray, None
    data.IterableDataset = type("IterableDataset", (), {})
    data.get_worker_info = lambda: torch.worker
    for module in (torch, utils, data):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.delitem(sys.modules, "datapipe.pipeline.pytorch", raising=False)
    yield torch
    sys.modules.pop("datapipe.pipeline.pytorch", None)


def worker(torch: Any, number: int, workers: int, dataset: Any) -> Any:
    """What a loader's worker iterates over: the dataset pickled, and knowing which worker it is."""
    arrived = pickle.loads(pickle.dumps(dataset))
    torch.worker = SimpleNamespace(id=number, num_workers=workers)
    batches = iter(arrived)
    first = next(batches)  # a generator asks who it is when it starts
    torch.worker = None
    return first, batches


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_workers_in_turns_give_the_numpy_stream(torch, pictures, workers):
    recipe = Recipe.parse(MIXED)
    dataset = torch_dataset(pictures, recipe, batch_size=8, seed=4, start_step=2)
    started = [worker(torch, i, workers, dataset) for i in range(workers)]
    turns = [first for first, _ in started]
    for _ in range(2):
        turns += [next(batches) for _, batches in started]
    plain = as_numpy(pictures, recipe, batch_size=8, seed=4, start_step=2)
    assert digest(turns) == digest(plain, 3 * workers)
    for batches in (plain, *(batches for _, batches in started)):
        batches.close()
    assert not threads()


def test_an_evaluation_dealt_to_workers_is_whole_and_ends(torch, pictures):
    recipe = Recipe.parse(RAW)
    dataset = torch_dataset(pictures, recipe, "train", batch_size=4, training=False)
    parts = [[first, *rest] for first, rest in (worker(torch, i, 3, dataset) for i in range(3))]
    turns = [part[i] for i in range(len(parts[0])) for part in parts if i < len(part)]
    assert len(turns) == dataset.steps_per_epoch == 8
    assert digest(turns) == digest(as_numpy(pictures, recipe, "train", batch_size=4, training=False))


def test_alone_it_is_the_numpy_stream_and_goes_on_where_its_state_says(torch, pictures):
    dataset = torch_dataset(pictures, Recipe.parse(RAW), batch_size=8)
    later = torch_dataset(pictures, Recipe.parse(RAW), batch_size=8, start_step=dataset.state(2))
    assert digest(later, 2) == digest(islice(as_numpy(pictures, Recipe.parse(RAW), batch_size=8), 2, 4))
    images, targets = next(iter(dataset))
    assert images.dtype == np.uint8 and all(isinstance(one, str) for one in targets["image_id"])
