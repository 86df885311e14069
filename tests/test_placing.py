"""From the plan to a record: what is told of a picture that cannot be one."""

from __future__ import annotations

from make import make_coco, make_image, make_picture

from datapipe import placing
from datapipe.ingest import ingest


def test_a_file_larger_than_any_picture_is_left_out_unread(tmp_path, monkeypatch):
    monkeypatch.setattr(placing, "LARGEST_FILE", 10_000)
    large = make_image("large.jpg", (2, 3, 10, 10), data=make_picture((40, 30)) + bytes(10_000))
    source = make_coco(tmp_path / "source", [make_image("a.jpg", (2, 3, 10, 10)), large])
    result = ingest([source], tmp_path / "out")
    assert result.account.left_out == {"DP111": 1, "DP207": 1}
    assert any("bytes, more than 10000" in finding.value for finding in result.first)
