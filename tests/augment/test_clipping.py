"""Convex outlines cut by lines and by each other."""

from __future__ import annotations

import numpy as np
import pytest
from arrays import rectangle
from hypothesis import given
from hypothesis import strategies as st
from painted import _within

from datapipe.augment.clipping import Pieces, area, cut_by, lines, minus, overlap, split
from datapipe.augment.plane import corners

seeds = st.integers(0, 2**32 - 1)
SQUARE = rectangle((0, 0, 4, 4))


def convex(rng: np.random.Generator, corners: int = 6) -> np.ndarray:
    """A random convex outline, clockwise on the screen: points of an ellipse in order."""
    turn = np.sort(rng.uniform(0, 2 * np.pi, corners))
    centre, reach = rng.uniform(0, 20, 2), rng.uniform(2, 12, 2)
    return centre + reach * np.stack([np.cos(turn), np.sin(turn)], axis=1)


def test_a_line_cuts_a_ring_in_two():
    square = corners(SQUARE)
    inside, outside = split(square, (1, 0, 3))
    assert (inside, outside) == ([(0, 0), (3, 0), (3, 4), (0, 4)], [(3, 0), (4, 0), (4, 4), (3, 4)])
    assert split(square, (1, 0, 0)) == split(square, (1, 0, -1)) == ([], square)
    assert split(square, (1, 0, 4)) == split(square, (1, 0, 9)) == (square, [])
    assert split([], (1, 0, 4)) == ([], [])


def test_a_line_through_two_corners_cuts_along_them():
    inside, outside = split(corners(SQUARE), (1, -1, 0))
    assert (sorted(inside), sorted(outside)) == ([(0, 0), (0, 4), (4, 4)], [(0, 0), (4, 0), (4, 4)])


def test_a_hole_leaves_four_pieces_round_it():
    pieces = minus(rectangle((0, 0, 10, 10)), rectangle((4, 4, 6, 6)))
    assert [area(corners(piece)) for piece in pieces] == [40, 24, 24, 8]


def test_what_only_touches_covers_nothing():
    left, right = rectangle((0, 0, 5, 10)), rectangle((5, 0, 10, 10))
    assert not overlap(Pieces.of([left, left]), Pieces.of([right, rectangle((5, 10, 9, 12))])).any()
    assert overlap(Pieces.of([left]), Pieces.of([rectangle((4.9, 9.9, 6, 12))])).all()


def test_a_cover_over_everything_leaves_nothing():
    assert minus(SQUARE, rectangle((-1, -1, 5, 5))) == []
    assert minus(SQUARE, SQUARE) == []


@given(seeds)
def test_pieces_are_what_the_cover_leaves_each_point_once(seed):
    rng = np.random.default_rng(seed)
    outline, cover = convex(rng), convex(rng)
    pieces = minus(outline, cover)
    x, y = rng.uniform(-12, 32, (2, 500))
    left = _within(outline, x, y) & ~_within(cover, x, y)
    times = np.sum([_within(piece, x, y) for piece in pieces], axis=0, initial=0)
    assert (times == left).mean() > 0.995  # points on an edge belong to both sides
    whole, shared = area(corners(outline)), area(corners(cut_by(outline, cover)))
    assert sum(area(corners(piece)) for piece in pieces) == pytest.approx(whole - shared, abs=1e-4)
    covered = overlap(Pieces.of([outline]), Pieces.of([cover]))
    assert covered == (shared > 1e-6) or shared < 1e-3


@given(seeds)
def test_padding_changes_no_number(seed):
    rng = np.random.default_rng(seed)
    outline = convex(rng, 5)
    alone, beside = Pieces.of([outline]), Pieces.of([outline, convex(rng, 9)])
    assert beside.x.shape == (9, 2)
    assert np.array_equal(alone.x, beside.x[:5, :1])
    assert np.array_equal(alone.offset[:4], beside.offset[:4, :1])  # then edges without length
    assert np.array_equal(alone.offset[4:], beside.offset[8:, :1])  # the edge that closes the ring is last
    assert np.array_equal(alone.area_px2(), beside.area_px2()[:1])


@given(seeds)
def test_lines_hold_their_outline_inside(seed):
    outline = convex(np.random.default_rng(seed))
    for nx, ny, offset in lines(outline):
        assert nx * nx + ny * ny == pytest.approx(1)
        assert (outline @ [nx, ny] <= offset + 1e-9).all()
