"""A detector's own resize, by numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datapipe.errors import UsageError
from datapipe.resizing import MODES, place, resize

pictures = st.lists(st.tuples(st.integers(1, 5000), st.integers(1, 5000)), min_size=1, max_size=5)


def test_letterbox_keeps_the_aspect_and_centres_the_picture():
    scale_x, scale_y, dx, dy, hw = resize((1280, 720), (608, 608), "letterbox")
    assert (scale_x[0], scale_y[0], dx[0], dy[0]) == pytest.approx((0.475, 0.475, 0, 133))
    assert hw.tolist() == [[608, 608]]


def test_stretch_fills_the_canvas():
    scale_x, scale_y, dx, dy, _ = resize((1280, 720), (608, 608), "stretch")
    assert (scale_x[0], scale_y[0], dx[0], dy[0]) == pytest.approx((0.475, 608 / 720, 0, 0))


def test_short_side_becomes_800_unless_the_long_one_passes_1333():
    found = resize([(640, 480), (1280, 720), (480, 640)], (800, 1333), "short_side")
    assert found.scale_x == pytest.approx([800 / 480, 1333 / 1280, 800 / 480])
    assert found.canvas_hw.tolist() == [[800, 1088], [768, 1344], [1088, 800]]
    exact = resize([(640, 480), (1280, 720)], (800, 1333), "short_side", multiple=1)
    assert exact.canvas_hw.tolist() == [[800, 1067], [750, 1333]]


def test_boxes_land_where_the_picture_does():
    placement = resize([(1280, 720), (100, 200)], (608, 608), "letterbox")
    found = place([(640, 360, 1280, 720), (0, 0, 100, 200)], placement, np.array([0, 1]))
    assert found == pytest.approx(np.array([(304, 304, 608, 475), (152, 0, 456, 608)]))


@given(pictures, st.sampled_from(MODES))
def test_the_whole_picture_lies_on_the_canvas(wh, mode):
    placement = resize(wh, (416, 640), mode)
    corners = place([(0, 0, w, h) for w, h in wh], placement, np.arange(len(wh)))
    limit = placement.canvas_hw[:, ::-1]
    assert (corners[:, :2] >= -1e-9).all()
    assert (corners[:, 2:] <= limit + 0.5 + 1e-9).all()  # short_side's canvas counts whole pixels
    if mode != "short_side":
        touched = np.isclose(corners[:, 2:] - corners[:, :2], limit)
        assert touched.any(axis=1).all()


def test_an_unknown_mode_names_the_nearest():
    with pytest.raises(UsageError, match="did you mean 'letterbox'"):
        resize((10, 10), (32, 32), "letterbx")
