"""The stream as PyTorch sees it."""

from __future__ import annotations

import gc
import pickle
from itertools import islice

import pytest
from feeding import MIXED, RAW, Damaged, digest, threads

from datapipe.errors import RecordError
from datapipe.pipeline import as_numpy, torch_dataset
from datapipe.recipe import Recipe

torch = pytest.importorskip("torch", reason="PyTorch is not installed")


def loaded(dataset, workers: int = 0, **options):
    return torch.utils.data.DataLoader(dataset, batch_size=None, num_workers=workers, **options)


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_a_loader_gives_the_bytes_of_the_numpy_stream_in_its_order(pictures, workers):
    recipe = Recipe.parse(MIXED)
    batches = loaded(torch_dataset(pictures, recipe, batch_size=8, seed=4, start_step=3), workers)
    assert digest(batches, 10) == digest(as_numpy(pictures, recipe, batch_size=8, seed=4, start_step=3), 10)


@pytest.mark.parametrize("workers", [0, 2])
def test_an_evaluation_ends(pictures, workers):
    dataset = torch_dataset(pictures, Recipe.parse(RAW), "train", batch_size=4, training=False)
    plain = as_numpy(pictures, Recipe.parse(RAW), "train", batch_size=4, training=False)
    assert digest(loaded(dataset, workers)) == digest(plain)
    assert dataset.steps_per_epoch == len(list(dataset))


def test_elements_are_tensors_and_ids_are_text(pictures):
    images, targets = next(iter(torch_dataset(pictures, Recipe.parse(RAW), batch_size=8)))
    assert images.shape == (8, 32, 48, 3) and images.dtype == torch.uint8
    assert targets["xyxy"].dtype == torch.float32 and targets["ignore"].dtype == torch.bool
    assert all(isinstance(one, str) for one in targets["image_id"])


def test_a_spawned_worker_opens_the_dataset_anew(pictures):
    dataset = torch_dataset(pictures, Recipe.parse(MIXED), batch_size=8, seed=4)
    assert digest(pickle.loads(pickle.dumps(dataset)), 4) == digest(dataset, 4)


def test_a_run_goes_on_where_its_checkpoint_says(pictures):
    dataset = torch_dataset(pictures, Recipe.parse(RAW), batch_size=8)
    later = torch_dataset(pictures, Recipe.parse(RAW), batch_size=8, start_step=dataset.state(2))
    assert digest(later, 2) == digest(islice(dataset, 2, 4))


def test_errors_keep_their_type_and_words(pictures):
    for workers in (0, 1):
        batches = loaded(torch_dataset(Damaged(pictures, "9"), Recipe.parse(RAW), batch_size=8), workers)
        with pytest.raises(RecordError, match=r"step \d: position \d+ \(image '9.jpg'\): shard at byte 40"):
            list(zip(range(8), batches, strict=False))
    gc.collect()  # a loader's workers end with it, and here the error holds it


def test_leaving_a_loop_leaves_no_thread(pictures):
    for _ in loaded(torch_dataset(pictures, Recipe.parse(RAW), batch_size=8)):
        break
    assert not threads()
