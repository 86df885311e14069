"""Drawings show what is there: colours of boxes, hatching, names in any alphabet, cells of one size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from datapipe.errors import EnvironmentProblem
from datapipe.images.drawing import GAP, annotated, colour, sheet, write
from datapipe.objects import Objects

BLACK = np.zeros((60, 80, 3), np.uint8)


def test_a_box_is_drawn_inside_its_edges_in_its_class_colour():
    drawn = annotated(BLACK, Objects.of([[10, 30, 40, 50]], 1), ("a", "b"))
    rgb = np.array(colour(1, 2))
    rows, columns = np.nonzero((drawn == rgb).all(axis=-1)[25:])
    assert (rows.min() + 25, rows.max() + 26, columns.min(), columns.max() + 1) == (30, 50, 10, 40)
    assert not BLACK.any(), "the picture itself is left alone"


def test_an_ignored_place_is_hatched_and_needs_no_class():
    objects = Objects.of([[10, 10, 50, 50]], -1, ignore=np.array([True]))
    inside = annotated(BLACK, objects, ("a",))[12:48, 12:48]
    assert 0.1 < (inside > 100).mean() < 0.5


def test_names_beyond_ascii_have_letters_of_their_own():
    def plate(name: str) -> bytes:
        return annotated(BLACK, Objects.of([[5, 30, 40, 50]], 0), (name,))[:30].tobytes()

    assert len({plate(name) for name in ("é", "ж", "ß", "o")}) == 4


def test_an_outline_is_dashed_light_and_dark():
    grey = np.full((60, 80, 3), 128, np.uint8)
    drawn = annotated(grey, Objects.of(np.zeros((0, 4)), 0), (), [np.array([[5.0, 5], [70, 5], [70, 50]])])
    assert (drawn > 200).all(axis=-1).any() and (drawn < 40).all(axis=-1).any()


def test_a_sheet_keeps_every_picture_and_writes_captions_above():
    pictures = [np.full((h, w, 3), v, np.uint8) for h, w, v in ((20, 30, 200), (10, 40, 150), (5, 5, 250))]
    made = sheet(pictures, columns=2)
    assert made.shape == (2 * (20 + GAP) + GAP, 2 * (40 + GAP) + GAP, 3)
    assert [int((made == v).all(axis=-1).sum()) for v in (200, 150, 250)] == [600, 400, 25]
    assert sheet(pictures, columns=2, captions=["one", "two", "three"]).shape[0] > made.shape[0]


def test_what_cannot_be_written_is_one_line(tmp_path: Path):
    write(tmp_path / "a.png", BLACK)
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.size == (80, 60)
    with pytest.raises(EnvironmentProblem, match="cannot be written"):
        write(tmp_path / "nowhere" / "a.png", BLACK)
    with pytest.raises(EnvironmentProblem, match="unknown file extension"):
        write(tmp_path / "a.what", BLACK)
