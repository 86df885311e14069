"""One dataset for all tests of the stream: nothing writes to it."""

import pytest
from scenes import make_pictures

from datapipe.dataset import Dataset


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """90 pictures in one split, ids "1" to "90"."""
    return make_pictures(tmp_path_factory.mktemp("stream"))
