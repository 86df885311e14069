"""Polygons, boxes and ellipses in convex pieces, against clipping and counting points."""

from __future__ import annotations

import numpy as np
import pytest
from arrays import rectangle
from hypothesis import given
from hypothesis import strategies as st
from painted import Thing, _within, star
from test_clipping import convex

from datapipe.augment.clipping import Pieces, area, cut_by
from datapipe.augment.plane import corners
from datapipe.augment.rings import Drawn, Rings, drawn_on
from datapipe.augment.sectors import of_polygons
from datapipe.augment.shares import of_boxes, of_ellipses

seeds = st.integers(0, 2**32 - 1)
SAME = np.eye(3).reshape(9, 1)


def flat(*polygons: list[np.ndarray]) -> Rings:
    """Polygons as they are."""
    of = [i for i, rings in enumerate(polygons) for _ in rings]
    rings = [ring for own in polygons for ring in own]
    lengths = np.array([len(ring) for ring in rings])
    drawn = Drawn(np.array(of), lengths, np.concatenate(rings).astype(np.float64))
    return drawn_on(drawn, np.repeat(SAME, len(polygons), axis=1))


def test_the_corner_of_a_triangle():
    ring = np.array([(0, 0), (10, 0), (0, 10)])
    area_px2, xyxy = of_polygons(flat([ring]), Pieces.of([rectangle((4, 4, 20, 20))]))
    assert area_px2 == pytest.approx(2)
    assert xyxy[:, 0] == pytest.approx([4, 4, 6, 6])


def test_a_prong_out_of_sight_leaves_no_spur_in_the_box():
    """Sutherland and Hodgman's ring of the U would run along the cut to where the other prong was."""
    ring = np.array([(0, 0), (4, 0), (4, 10), (10, 10), (10, 0), (14, 0), (14, 14), (0, 14)])
    _, xyxy = of_polygons(flat([ring]), Pieces.of([rectangle((-5, -5, 8, 6))]))
    assert xyxy[:, 0] == pytest.approx([0, 0, 4, 6])


def test_a_piece_inside_a_polygon_is_shared_whole():
    ring = np.array([(0, 0), (30, 0), (30, 30), (0, 30)])
    for turned in (ring, ring[::-1]):
        area_px2, xyxy = of_polygons(flat([turned]), Pieces.of([rectangle((4, 5, 8, 11))]))
        assert area_px2 == pytest.approx(24)
        assert xyxy[:, 0] == pytest.approx([4, 5, 8, 11])


def test_a_piece_in_the_dent_of_a_polygon_shares_nothing():
    ring = np.array([(0, 0), (4, 0), (4, 10), (10, 10), (10, 0), (14, 0), (14, 14), (0, 14)])
    area_px2, xyxy = of_polygons(flat([ring]), Pieces.of([rectangle((5, 1, 9, 8))]))
    assert area_px2 == pytest.approx(0, abs=1e-9)
    assert xyxy[0] > xyxy[2]


def test_edges_that_lie_on_each_other_are_seen():
    """A box as large as its picture, cut below: three of its edges are the piece's own."""
    for shift in (0, 1e-13, -1e-13, 3e-10):
        x1, y1, x2, y2 = np.array((10, 10, 60, 50)) + shift
        ring = np.array([(x1, y1), (x2, y1), (x2, y2), (x1, y2)])
        area_px2, xyxy = of_polygons(flat([ring]), Pieces.of([rectangle((10, 10, 60, 30))]))
        assert area_px2 == pytest.approx(1000)
        assert xyxy[:, 0] == pytest.approx([10, 10, 60, 30])


def test_several_rings_add_up():
    one, two = rectangle((0, 0, 4, 4)), rectangle((10, 0, 14, 4))[::-1]
    area_px2, xyxy = of_polygons(flat([one, two]), Pieces.of([rectangle((2, 1, 12, 20))]))
    assert area_px2 == pytest.approx(12)
    assert xyxy[:, 0] == pytest.approx([2, 1, 12, 4])


@given(seeds)
def test_polygons_share_the_area_that_clipping_finds(seed):
    rng = np.random.default_rng(seed)
    rings = [star(rng, (*rng.uniform(-5, 5, 2), *rng.uniform(10, 30, 2))).rings for _ in range(4)]
    outlines = [convex(rng, int(rng.integers(3, 8))) for _ in rings]
    solid = [i for i, outline in enumerate(outlines) if area(corners(outline)) > 0.1]
    if not solid:
        return
    rings, outlines = [list(rings[i]) for i in solid], [outlines[i] for i in solid]
    area_px2, xyxy = of_polygons(flat(*rings), Pieces.of(outlines))
    for i, ((ring,), outline) in enumerate(zip(rings, outlines, strict=True)):
        found = np.array(cut_by(ring, outline))
        assert area_px2[i] == pytest.approx(abs(area(corners(found))), abs=1e-5)
        if area_px2[i] > 1e-3:
            hull = (*found.min(axis=0), *found.max(axis=0))  # with spurs at most larger
            assert (xyxy[:2, i] >= np.array(hull[:2]) - 1e-4).all()
            assert (xyxy[2:, i] <= np.array(hull[2:]) + 1e-4).all()


def test_half_a_circle():
    piece = Pieces.of([rectangle((0, -50, 50, 50))])
    area_px2, xyxy = of_ellipses(np.zeros((2, 1)), np.eye(2)[:, :, None] * 10, piece)
    assert area_px2 == pytest.approx(50 * np.pi)
    assert xyxy[:, 0] == pytest.approx([0, -10, 10, 10])


def test_a_piece_inside_an_ellipse_and_one_beside_it():
    pieces = Pieces.of([rectangle((-1, -2, 3, 1)), rectangle((9, 9, 20, 20))])
    area_px2, xyxy = of_ellipses(np.zeros((2, 2)), np.eye(2)[:, :, None] * [[[10, 10]]], pieces)
    assert area_px2 == pytest.approx([12, 0])
    assert xyxy[:, 0] == pytest.approx([-1, -2, 3, 1])
    assert xyxy[0, 1] > xyxy[2, 1]


@given(seeds)
def test_ellipses_share_what_points_show(seed):
    rng = np.random.default_rng(seed)
    outline = convex(rng)
    centre, axes = rng.uniform(0, 20, 2), rng.uniform(-8, 8, (2, 2))
    if abs(np.linalg.det(axes)) < 4 or area(corners(outline)) < 4:
        return
    area_px2, xyxy = of_ellipses(centre[:, None], axes[:, :, None], Pieces.of([outline]))
    x, y = rng.uniform(-12, 32, (2, 20000))
    u, v = np.linalg.solve(axes, np.stack([x, y]) - centre[:, None])
    shown = (u * u + v * v < 1) & _within(outline, x, y)
    chance = shown.mean()
    error = 44 * 44 * np.sqrt(chance * (1 - chance) / len(x))
    assert abs(area_px2[0] - 44 * 44 * chance) < 6 * error + 0.5
    if shown.any():
        assert (xyxy[:2, 0] <= [x[shown].min(), y[shown].min()]).all()
        assert (xyxy[2:, 0] >= [x[shown].max(), y[shown].max()]).all()
    ring = centre + np.stack([np.cos(_ROUND), np.sin(_ROUND)], axis=1) @ axes.T
    as_ring, hull = of_polygons(flat([ring]), Pieces.of([outline]))
    assert area_px2[0] == pytest.approx(as_ring[0], abs=0.02)
    if area_px2[0] > 1:
        assert xyxy[:, 0] == pytest.approx(hull[:, 0], abs=0.05)


_ROUND = np.linspace(0, 2 * np.pi, 720, endpoint=False)


@given(seeds)
def test_boxes_share_rectangles(seed):
    rng = np.random.default_rng(seed)
    box, piece = (np.sort(rng.integers(0, 12, (2, 2)), axis=0).ravel() + [0, 0, 1, 1] for _ in "ab")
    area_px2, xyxy = of_boxes(box[:, None].astype(float), Pieces.of([rectangle(piece)]))
    x, y = np.mgrid[0:20, 0:20] + 0.5
    both = Thing(tuple(box)).holds(x, y) & Thing(tuple(piece)).holds(x, y)
    assert area_px2 == both.sum()
    if both.any():
        hull = x[both].min() - 0.5, y[both].min() - 0.5, x[both].max() + 0.5, y[both].max() + 0.5
        assert tuple(xyxy[:, 0]) == hull
