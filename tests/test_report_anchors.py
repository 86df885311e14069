"""What people see of fitted anchors."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from anchor_shapes import columns, log_normal

from datapipe import anchors
from datapipe.errors import EnvironmentProblem, UsageError
from datapipe.report import anchors as report_anchors


@pytest.fixture(scope="module")
def report():
    return anchors.fit(columns(log_normal(120)), "yolov4")


def test_tables_verdict_and_lines_are_printed(report, capsys):
    report_anchors.anchors(replace(report, too_small=3, split="train"))
    said = capsys.readouterr().out
    for words in ("yolov4 at 608 x 608", "3 under 2 px", "held-out pictures, 5 folds", "mean IoU", "small"):
        assert words in said
    assert "anchors_wh: [[" in said
    assert said.rstrip().splitlines()[-1].startswith(report.verdict)


@pytest.mark.parametrize("columns", [80, 120])
def test_a_pair_of_figures_is_never_torn_apart(report, capsys, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    report_anchors.anchors(report)
    said = capsys.readouterr().out
    new, old = (f"{one.mean_iou:.3f}" for one in (report.overall.fitted, report.overall.defaults))
    if columns == 120:
        assert f"{new} | {old}" in said and "fitted | defaults" in said
    else:
        lines = said.splitlines()
        first = next(i for i, line in enumerate(lines) if line.startswith("all "))
        assert new in lines[first] and old in lines[first + 1] and "fitted above defaults" in said
    assert not [line for line in said.splitlines() if line.strip().startswith("%")]


def test_objects_of_a_recipe_are_not_called_crowds(report, capsys):
    report_anchors.anchors(replace(report, ignored=7, planned=True))
    said = " ".join(capsys.readouterr().out.split())
    assert "in planned samples of" in said and "7 ignored by the recipe's rules" in said
    assert "crowd" not in said


def test_names_from_outside_cannot_speak_to_the_terminal(report, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")  # a narrow table would cut the name short
    rude = replace(report.by_class[0], group="\x1b[31m[bold]red")
    report_anchors.anchors(replace(report, by_class=(rude, *report.by_class[1:])))
    said = capsys.readouterr().out
    assert "\x1b[31m" not in said
    assert "[bold]red" in said


@pytest.mark.parametrize(
    ("name", "starts"), [("a.svg", b"<?xml"), ("a.png", b"\x89PNG"), ("a.html", b"<!doctype")]
)
@pytest.mark.parametrize("count", [120, 6000])
def test_a_plot_is_drawn_in_each_format(report, tmp_path, name, starts, count):
    pytest.importorskip("matplotlib")
    report_anchors.plot(report, log_normal(count), tmp_path / name)
    assert (tmp_path / name).read_bytes().startswith(starts)


def test_a_plot_of_a_grid_is_drawn(tmp_path):
    pytest.importorskip("matplotlib")
    data = columns(np.array([[30.0, 40.0]] * 6))
    for detector in ("retinanet", "mobilenet_ssd"):
        made = anchors.fit(data, detector)
        report_anchors.plot(made, anchors.shapes_seen(data, made), tmp_path / "grid.svg")
        assert b"to scale" in (tmp_path / "grid.svg").read_bytes()


def test_another_ending_is_refused_and_a_folder_that_is_not_there(report, tmp_path):
    with pytest.raises(UsageError, match=r"a plot ends in .svg, .png, .html, not '.gif'"):
        report_anchors.plot(report, log_normal(10), tmp_path / "a.gif")
    with pytest.raises(EnvironmentProblem, match="cannot be written"):
        report_anchors.plot(report, log_normal(10), tmp_path / "none" / "a.png")
