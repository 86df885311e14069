"""Where the app's pictures come from, and what a look at them tells."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from make import make_dataset

from datapipe.audit.pictures import look, look_at, sharpness
from datapipe.dataset import Dataset
from datapipe.errors import EnvironmentProblem


@pytest.fixture
def data(tmp_path: Path) -> Dataset:
    return make_dataset(tmp_path)


def test_pictures_are_the_sources_files_while_they_hold_the_stored_bytes(data, tmp_path):
    found = list(look(data, [3, 0], tmp_path / "cache", threads=2))
    names = [str(data.images["filename"][i]) for i in (3, 0)]
    assert [Path(one.path).name for one in found] == names and not any(one.own for one in found)
    assert all(Path(one.path).is_absolute() for one in found) and not (tmp_path / "cache").exists()


def test_a_picture_that_changed_or_is_gone_is_taken_from_its_record_once(data, tmp_path):
    cache = tmp_path / "cache"
    shutil.rmtree(tmp_path / "source")
    first = look_at(data, 2, cache)
    assert first.own and Path(first.path).read_bytes() == data[2][1]
    written = Path(first.path).stat().st_mtime_ns
    assert look_at(data, 2, cache) == first and Path(first.path).stat().st_mtime_ns == written
    Path(first.path).write_bytes(b"spoilt")
    assert look_at(data, 2, cache) == first and Path(first.path).read_bytes() == data[2][1]


def test_a_cache_that_cannot_be_written_is_told(data, tmp_path):
    shutil.rmtree(tmp_path / "source")
    (tmp_path / "file").write_text("")
    with pytest.raises(EnvironmentProblem, match="--cache"):
        look_at(data, 0, tmp_path / "file")


def test_sharpness_is_the_deviation_of_the_laplacian():
    board = (np.indices((8, 8)).sum(axis=0) % 2).astype(np.float32)
    assert sharpness(board) == pytest.approx(4.0)
    ramp = np.tile(np.arange(10, dtype=np.float32), (10, 1))
    assert sharpness(ramp) == 0 and sharpness(ramp[:2]) == 0
