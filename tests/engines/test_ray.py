"""Ray as the engine: the same bytes as with local workers. Skipped where Ray is not installed."""

from __future__ import annotations

from pathlib import Path

import pytest

from datapipe.errors import EnvironmentProblem
from datapipe.ingest import IngestOptions, ingest

SAMPLE = Path(__file__).resolve().parents[2] / "sample_data" / "yolo"


def hashes(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "dataset.json"}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_ray_writes_the_same_bytes_as_local_workers(tmp_path: Path):
    pytest.importorskip("ray")
    ingest([SAMPLE], tmp_path / "local", IngestOptions(shard_count=3, workers=2))
    ingest([SAMPLE], tmp_path / "ray", IngestOptions(shard_count=3, engine="ray"))
    assert hashes(tmp_path / "ray") == hashes(tmp_path / "local")


def test_without_ray_the_error_is_its_install_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(EnvironmentProblem, match=r"pip install 'datapipe\[ray\]'"):
        ingest([SAMPLE], tmp_path / "out", IngestOptions(engine="ray"))
