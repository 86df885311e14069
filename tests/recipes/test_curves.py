"""Curves of trainings as a picture: the file's own numbers, and one clear line where there are none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from datapipe.errors import InputError, UsageError
from recipes.curves import drawn, main, rows
from recipes.progress import Curve


def training(log: Path, epochs: int, first_step: int = 0) -> None:
    """Rows as the loop makes them: measured every second epoch."""
    curve = Curve(log, first_step)
    for epoch in range(first_step, epochs):
        row = {"epoch": epoch + 1, "step": epoch + 1, "loss": {"total": 8.0 / (epoch + 1)}}
        curve.add(row | ({"evaluation": {"ap50": 0.1 * epoch}} if epoch % 2 else {}))


def test_ap_is_drawn_where_it_was_measured_and_loss_as_a_share(tmp_path: Path):
    training(tmp_path / "yolov4.jsonl", 4)
    figure = drawn({"yolov4": rows(tmp_path / "yolov4.jsonl")}, "epoch")
    ap50, loss = (axes.get_lines()[0] for axes in figure.axes)
    assert [list(ap50.get_xdata()), list(ap50.get_ydata())] == [[2, 4], pytest.approx([0.1, 0.3])]
    assert [list(loss.get_xdata()), list(loss.get_ydata())] == [
        [1, 2, 3, 4],
        pytest.approx([1, 1 / 2, 1 / 3, 1 / 4]),
    ]
    assert ap50.get_label() == "yolov4 0.30"


def test_minutes_go_on_where_a_training_was_resumed(tmp_path: Path):
    log = tmp_path / "a.jsonl"
    training(log, 2)
    there = [row | {"minutes": 40.0 + i, "cpu_minutes": 70.0 + i} for i, row in enumerate(rows(log))]
    log.write_text("".join(f"{json.dumps(row)}\n" for row in there))
    training(log, 4, first_step=2)
    minutes = [row["minutes"] for row in rows(log)]
    assert minutes[:2] == [40, 41] and 41 < minutes[2] <= minutes[3] < 41.5
    assert 71 < rows(log)[-1]["cpu_minutes"] < 71.5


def test_the_command_writes_a_picture_or_says_why_not(tmp_path: Path):
    training(tmp_path / "a.jsonl", 3)
    training(tmp_path / "b.jsonl", 1)  # nothing measured yet
    main(
        [
            str(tmp_path / "a.jsonl"),
            str(tmp_path / "b.jsonl"),
            "--out",
            str(tmp_path / "c.png"),
            "--over",
            "epoch",
        ]
    )
    assert (tmp_path / "c.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(UsageError, match=r"--out .*c\.docx: Format 'docx' is not supported"):
        main([str(tmp_path / "a.jsonl"), "--out", str(tmp_path / "c.docx")])
    (tmp_path / "empty.jsonl").touch()
    with pytest.raises(InputError, match="no epoch is over yet"):
        rows(tmp_path / "empty.jsonl")
    for text in ("no json", "[1]", '{"epoch": 1}'):
        (tmp_path / "d.jsonl").write_text(text)
        with pytest.raises(InputError, match="no curve of a trainer's --json-log"):
            rows(tmp_path / "d.jsonl")
