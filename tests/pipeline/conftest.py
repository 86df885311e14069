"""One dataset for all tests of the bridge: nothing writes to it."""

import pytest
from make import make_dataset

from datapipe.dataset import Dataset


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """40 pictures of 40 x 30 px, ids "1" to "40", picture i with i % 4 boxes: 30 to train, 10 to evaluate."""
    return make_dataset(tmp_path_factory.mktemp("bridge"), n=40, split="train=0.75,val=0.25")
