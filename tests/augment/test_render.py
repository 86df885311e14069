"""Pixels of a plan, against a slow reference, against whole-pixel truths, and against the usual chain."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
import simplejpeg
from arrays import moved, rectangle
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from datapipe.augment.patches import patches_of
from datapipe.augment.plan import Layer, Picture, Plan, Tile, whole
from datapipe.augment.render import factor_for, render
from datapipe.images.pixels import Decoded, decode_reduced, shrunk

FILL = (7, 60, 200)


def picture(number, wh):
    return Picture(number, wh, np.zeros((0, 4), np.float32), np.zeros(0, np.bool_))


def smooth(wh, seed=0, sigma=3.0):
    """Noise without steep edges: what is sampled 1/64 px off differs by a level or two."""
    noise = np.random.default_rng(seed).integers(0, 256, (wh[1], wh[0], 3), np.uint8)
    return cv2.normalize(cv2.GaussianBlur(noise, (0, 0), sigma), None, 0, 255, cv2.NORM_MINMAX)


def shift(x, y):
    return np.array([[1.0, 0, x], [0, 1, y], [0, 0, 1]])


def turned(degrees, scale=1.0, about=(0.0, 0.0)):
    cos, sin = scale * math.cos(math.radians(degrees)), scale * math.sin(math.radians(degrees))
    return (
        shift(*about) @ np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1.0]]) @ shift(-about[0], -about[1])
    )


def one(pixels, matrix, hw, factor=1, wh=None, fill=FILL):
    """A canvas with one whole picture."""
    wh = wh or (pixels.shape[1] * factor, pixels.shape[0] * factor)
    plan = Plan(hw, (Layer((whole(picture(0, wh), np.asarray(matrix, float)),)),), fill)
    return render(plan.finished(), {0: Decoded(pixels, factor)})


def mosaic(hw, centre, matrix, wh=(40, 30)):
    """Four pictures that meet at a point, moved by a matrix."""
    (x, y), (w, h) = centre, wh
    places = [(x - w, y - h), (x, y - h), (x - w, y), (x, y)]
    tiles = tuple(whole(picture(n, wh), shift(*place)) for n, place in enumerate(places))
    return Plan(hw, (Layer(tiles),), FILL).moved(np.asarray(matrix)).finished()


def showing(hw, *outlines):
    """A plan whose tiles have these outlines."""
    tiles = tuple(Tile.of(picture(n, (1, 1)), np.eye(3), outline) for n, outline in enumerate(outlines))
    return Plan(hw, (Layer(tiles),), FILL)


def reference(plan, pictures):
    """Pixel by pixel: the last tile whose outline holds the centre, sampled bilinearly in float64."""
    height, width = plan.hw
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    canvas = np.empty((height, width, 3))
    canvas[:] = plan.fill
    owner = np.full((height, width), -1)
    for number, tile in enumerate(plan.layers[0].tiles):
        inside = np.ones((height, width), bool)
        ends = np.roll(tile.visible, -1, axis=0)
        for (x1, y1), (x2, y2) in zip(tile.visible, ends, strict=True):
            inside &= (x2 - x1) * (y + 1e-6 - y1) - (y2 - y1) * (x + 1e-6 - x1) > 0
        inverse = np.linalg.inv(tile.matrix)
        u, v, w = (inverse @ np.stack([x.ravel(), y.ravel(), np.ones(x.size)])).reshape(3, height, width)
        made = bilinear(pictures[tile.picture.number], u / w, v / w)
        canvas[inside], owner[inside] = made[inside], number
    return canvas, owner


def bilinear(decoded, u, v):
    pixels = decoded.pixels.astype(float)
    height, width = pixels.shape[:2]
    u, v = u / decoded.factor - 0.5, v / decoded.factor - 0.5
    i, j = np.floor(v).astype(int), np.floor(u).astype(int)
    a, b = (v - i)[..., None], (u - j)[..., None]
    rows, columns = (
        [np.clip(i + k, 0, height - 1) for k in (0, 1)],
        [np.clip(j + k, 0, width - 1) for k in (0, 1)],
    )
    upper = pixels[rows[0], columns[0]] * (1 - b) + pixels[rows[0], columns[1]] * b
    lower = pixels[rows[1], columns[0]] * (1 - b) + pixels[rows[1], columns[1]] * b
    return upper * (1 - a) + lower * a


angles = st.one_of(st.sampled_from([0.0, 90.0, 180.0, 10.0, -10.0]), st.floats(-180, 180))
quarters = st.integers(-80, 80).map(lambda n: n / 4)  # borders on pixel centres and edges are the hard ones


@settings(max_examples=80, deadline=None)
@given(angles, st.floats(0.5, 2.5), quarters, quarters, quarters, quarters)
def test_every_pixel_is_its_owners_and_sampled_at_its_centre(angle, scale, x, y, dx, dy):
    hw = (45, 61)
    plan = mosaic(hw, (30 + x / 2, 22 + y / 2), shift(dx, dy) @ turned(angle, scale, (30, 22)))
    pictures = {n: Decoded(smooth((40, 30), n)) for n in range(4)}
    made = render(plan, pictures)
    if all(factor_for(tile) == 1 for tile in plan.tiles):
        expected, owner = reference(plan, pictures)
        assert np.abs(made - expected).max() <= 6
        assert np.abs(made - expected).mean() <= 0.6
        assert (made[owner < 0] == FILL).all()


@settings(max_examples=80, deadline=None)
@given(angles, st.floats(0.6, 2.5), quarters, quarters)
def test_neighbouring_tiles_leave_no_seam_and_nothing_is_painted_outside(angle, scale, x, y):
    plan = mosaic((64, 80), (40 + x, 32 + y), turned(angle, scale, (40 + x, 32 + y)), wh=(50, 50))
    white = {n: Decoded(np.full((50, 50, 3), 255, np.uint8)) for n in range(4)}
    made = render(plan, white)
    around = moved(rectangle((x - 10, y - 18, x + 90, y + 82)), turned(angle, scale, (40 + x, 32 + y)))
    _, owner = reference(showing(plan.hw, around), white)
    assert ((made == 255).all(axis=2) == (owner == 0)).all()
    assert (made[owner < 0] == FILL).all()


@settings(max_examples=30, deadline=None)
@given(angles, st.floats(0.4, 3), quarters, quarters, st.permutations(range(4)), st.booleans())
def test_neither_what_was_there_nor_what_lies_beside_a_picture_ever_shows(angle, scale, x, y, order, cutmix):
    """Tiles are painted too large, put back, and covered by others: all of that must be gone in the end."""
    plan = mosaic((140, 190), (95 + x, 70 + y), turned(angle, scale, (95, 70)), wh=(80, 60))
    tiles = [plan.tiles[n] for n in order if n < len(plan.tiles)]
    if cutmix:
        tiles.append(whole(picture(3, (80, 60)), turned(-angle, scale / 2, (50, 40)) @ shift(40, 30)))
    plan = Plan(plan.hw, (Layer(tuple(tiles)),), FILL).finished()

    def memory(value):
        return lambda shape: np.full(shape, value, np.uint8)

    shades = [np.full((60, 80, 3), 60 + 40 * n, np.uint8) for n in range(4)]
    ones, others = ({n: Decoded(s, 1, memory(value)) for n, s in enumerate(shades)} for value in (0, 255))
    made = render(plan, ones, np.zeros((*plan.hw, 3), np.uint8))
    assert np.array_equal(made, render(plan, others, np.full((*plan.hw, 3), 255, np.uint8)))
    _, owner = reference(plan, ones)
    numbers = np.array([tile.picture.number for tile in plan.tiles])
    expected = np.append(60 + 40 * numbers, 0)[owner]  # no owner is -1
    assert (made[owner >= 0] == expected[owner >= 0][:, None]).all() and (made[owner < 0] == FILL).all()


polygons = st.lists(
    st.tuples(st.floats(0, 40), st.floats(0, 30)) | st.tuples(st.integers(0, 40), st.integers(0, 30)),
    min_size=3,
    max_size=9,
)


@settings(max_examples=150, deadline=None)
@given(polygons)
def test_an_outline_and_its_corners_share_out_the_pixels_by_their_centres(points):
    hull = cv2.convexHull(np.array(points, np.float32), clockwise=False)[:, 0].astype(float)
    assume(len(hull) > 2 and cv2.contourArea(hull.astype(np.float32)) > 1)
    assume(np.abs(hull - np.roll(hull, 1, axis=0)).sum(axis=1).min() > 1e-3)
    owned = np.zeros((32, 42), bool)
    (patch,) = patches_of([showing((32, 42), hull)])[0].tiles[0]
    for band in patch.bands:
        owned[band] = True
    for beside in patch.beside:
        owned[beside.rows, beside.columns] &= beside.mask == 0
    y, x = np.mgrid[:32, :42] + 0.5
    depth = np.full((32, 42), np.inf)  # of a centre inside, in px
    for (a, b), (c, d) in zip(hull, np.roll(hull, -1, axis=0), strict=True):
        depth = np.minimum(depth, ((c - a) * (y - b) - (d - b) * (x - a)) / math.hypot(c - a, d - b))
    assert owned[depth > 2e-6].all() and not owned[depth < -2e-6].any()


def test_what_covers_a_corner_or_the_canvas_is_told():
    left = [(0.0, 0.0), (6.0, 0.0), (4.0, 10.0), (0.0, 10.0)]
    right = [(6.0, 0.0), (12.0, 0.0), (12.0, 10.0), (4.0, 10.0)]
    less = [(6.0, 0.0), (12.0, 0.0), (12.0, 10.0), (4.1, 10.0)]

    def beside(*outlines):
        return [len(patch.beside) for patch in patches_of([showing((10, 12), *outlines)])[0].tiles[0]]

    def bare(hw, *outlines):
        return patches_of([showing(hw, *outlines)])[0].bare[0]

    assert beside(left) == [1] and beside(left, right) == [0, 1] and beside(left, less) == [1, 1]
    assert not bare((10, 12), left, right) and not bare((10, 12), right, left)
    assert bare((10, 13), left, right)
    assert bare((10, 12), right, right)  # larger than the canvas together, but one on the other
    many = [showing((10, 12), left, right)] * 130  # more than are told together
    assert [str(one) for one in patches_of(many)] == [str(patches_of(many[:1])[0])] * 130
    alone, together = (showing((10, 12), *outlines) for outlines in ((left,), (left, right)))
    assert str(patches_of([together, alone, together])[1]) == str(patches_of([alone])[0])


@given(st.integers(-40, 40), st.integers(-40, 40), st.sampled_from([0, 1, 2, 3]), st.booleans())
def test_whole_pixel_moves_flips_and_quarter_turns_are_bit_exact(x, y, turns, mirrored):
    source = np.random.default_rng(1).integers(0, 256, (20, 33, 3), np.uint8)
    matrix, expected = np.eye(3), source
    if mirrored:
        matrix, expected = np.array([[-1.0, 0, 33], [0, 1, 0], [0, 0, 1]]), expected[:, ::-1]
    for _ in range(turns):  # clockwise on the screen
        matrix = shift(expected.shape[0], 0) @ turned(90) @ matrix
        expected = np.rot90(expected, -1)
    canvas = np.zeros((200, 200, 3), np.uint8)
    canvas[:] = FILL
    height, width = expected.shape[:2]
    canvas[80 + y : 80 + y + height, 80 + x : 80 + x + width] = expected
    made = one(source, shift(40 + x, 40 + y) @ matrix, (120, 120))
    assert np.array_equal(made, canvas[40:160, 40:160])


@pytest.mark.parametrize("degrees", [0, 90, 180, 270, 10, -10, 37])
@pytest.mark.parametrize("flip", [False, True])
def test_a_one_pixel_object_stays_where_its_box_goes(degrees, flip):
    hw, scale = (120, 120), 2.0
    for x, y in [(0, 0), (30, 20), (40, 30), (17, 5)]:
        source = np.zeros((31, 41, 3), np.uint8)
        source[y, x] = 255
        matrix = turned(degrees, scale, (60, 60)) @ shift(40, 45)
        if flip:
            matrix = matrix @ np.array([[-1, 0, 41], [0, 1, 0], [0, 0, 1.0]])
        light = one(source, matrix, hw, fill=(0, 0, 0))[..., 0].astype(float)
        corners = moved(rectangle((x, y, x + 1, y + 1)), matrix)
        peak = np.unravel_index(light.argmax(), light.shape)[::-1] + np.array([0.5, 0.5])
        assert (corners.min(axis=0) <= peak).all() and (peak <= corners.max(axis=0)).all()
        if 0 < x < 40 and 0 < y < 30:  # at the picture's edge half of the spread is cut off
            columns, rows = np.arange(120) + 0.5, np.arange(120) + 0.5
            centroid = [(light.sum(axis=0) * columns).sum(), (light.sum(axis=1) * rows).sum()] / light.sum()
            assert np.abs(centroid - corners.mean(axis=0)).max() < 0.05


@pytest.mark.parametrize("factor", [2, 4, 8])
@pytest.mark.parametrize("width", [160, 163])
def test_a_painted_edge_comes_to_lie_where_the_exact_factor_says(factor, width):
    source = np.zeros((96, width, 3), np.uint8)
    source[:, :75] = 255
    decoded = decode_reduced(simplejpeg.encode_jpeg(source, quality=98, colorsubsampling="444"), factor)
    made = one(decoded.pixels, turned(0, 1 / factor), (20, 100), factor, (width, 96), fill=(0, 0, 0))
    found = made[5, :, 0].sum() / 255 * factor
    assert found == pytest.approx(75, abs=0.5)


def test_the_decoding_factor_never_makes_anything_larger_again():
    def of(matrix):
        return factor_for(whole(picture(0, (4000, 3000)), np.asarray(matrix, float)))

    assert of(turned(0, 0.152)) == 4 and of(turned(33, 0.152)) == 4
    assert [of(turned(7, s)) for s in (2, 1, 0.51, 0.5, 0.26, 0.25, 0.125, 0.01)] == [1, 1, 1, 2, 2, 4, 8, 8]
    assert {of(turned(angle, 0.5)) for angle in np.arange(-180, 180, 0.37)} == {2}  # whatever is rounded
    assert {of(turned(angle, 0.5001)) for angle in np.arange(-180, 180, 0.37)} == {1}
    assert of(np.diag([0.1, 0.5, 1])) == 2  # the direction that shrinks least decides
    assert of(np.diag([-0.25, 0.25, 1])) == 4
    tilted = np.diag([0.4, 0.4, 1.0])
    tilted[2, 0] = -1e-4  # x = 4000 comes 1 / 0.6 nearer, and more than that along x
    assert of(tilted) == 1


def test_a_source_decoded_finer_than_needed_is_averaged_before_it_is_sampled():
    stripes = np.zeros((120, 160, 3), np.uint8)
    stripes[:, ::2] = 255
    made = one(stripes, turned(8, 0.3, (80, 60)), (120, 160), fill=(128, 128, 128))
    assert np.abs(made.astype(int) - 128).max() <= 3
    averaged = Decoded(shrunk(smooth((161, 121)), 2), 2)
    plan = Plan((50, 60), (Layer((whole(picture(0, (161, 121)), turned(8, 0.3)),)),), FILL).finished()
    assert (
        np.abs(render(plan, {0: averaged}) - render(plan, {0: Decoded(smooth((161, 121)))}).astype(int)).max()
        <= 1
    )


@pytest.mark.parametrize("tilt", [(1e-3, 0), (-2e-3, 1e-3)])
def test_perspective_is_sampled_at_pixel_centres_too(tilt):
    matrix = np.array([[1.2, 0.1, 3], [0.05, 1.1, 2], [*tilt, 1]])
    plan = Plan((60, 70), (Layer((whole(picture(0, (50, 40)), matrix),)),), FILL).finished()
    pictures = {0: Decoded(smooth((50, 40)))}
    expected, owner = reference(plan, pictures)
    made = render(plan, pictures)
    assert np.abs(made - expected).max() <= 6 and np.abs(made - expected).mean() < 0.6
    assert (made[owner < 0] == FILL).all()


@pytest.mark.parametrize("hw", [(80, 100), (24, 30), (90, 33)])
def test_a_stretch_by_resize_samples_what_the_warp_would(hw):
    source = smooth((50, 40))
    matrix = np.diag([hw[1] / 50, hw[0] / 40, 1])
    plan = Plan(hw, (Layer((whole(picture(0, (50, 40)), matrix),)),)).finished()
    expected, _ = reference(plan, {0: Decoded(source)})
    assert np.abs(render(plan, {0: Decoded(source)}) - expected).max() <= 1.5


def test_edge_fill_continues_the_picture_over_the_whole_canvas():
    source, matrix = smooth((40, 30)), turned(10, 0.8, (30, 30)) @ shift(8, 11)
    made = one(source, matrix, (60, 60), fill="edge")
    x, y = np.meshgrid(np.arange(60) + 0.5, np.arange(60) + 0.5)
    u, v, _ = (np.linalg.inv(matrix) @ np.stack([x.ravel(), y.ravel(), np.ones(x.size)])).reshape(3, 60, 60)
    expected = bilinear(Decoded(source), np.clip(u, 0, 40), np.clip(v, 0, 30))
    assert np.abs(made - expected).max() <= 6


def test_layers_are_blended_by_their_opacities_and_fill_is_part_of_each():
    solid = {n: Decoded(np.full((10, 10, 3), 100 * (n + 1), np.uint8)) for n in range(2)}
    layers = (
        Layer((whole(picture(0, (10, 10)), np.eye(3)),), opacity=0.7),
        Layer((whole(picture(1, (10, 10)), shift(10, 0)),), opacity=0.3),
    )
    made = render(Plan((10, 20), layers, (40, 40, 40)).finished(), solid)
    assert (made[:, :10] == round(0.7 * 100 + 0.3 * 40)).all()
    assert (made[:, 10:] == round(0.7 * 40 + 0.3 * 200)).all()


def test_later_tiles_cover_earlier_ones():
    tiles = (
        whole(picture(0, (30, 30)), np.eye(3)),
        Tile.of(picture(1, (30, 30)), np.eye(3), rectangle((5, 6, 15, 16))),
    )
    solid = {n: Decoded(np.full((30, 30, 3), 100 * (n + 1), np.uint8)) for n in range(2)}
    made = render(Plan((30, 30), (Layer(tiles),)).finished(), solid)[..., 0]
    assert (made[6:16, 5:15] == 200).all() and (made == 200).sum() == 100


def test_a_place_in_a_batch_gets_the_same_pixels_as_fresh_memory():
    plan = mosaic((45, 61), (30, 20), turned(9, 1.3, (30, 22)))
    pictures = {n: Decoded(smooth((40, 30), n)) for n in range(4)}
    batch = np.zeros((3, 45, 61, 3), np.uint8)
    made = render(plan, pictures, batch[1])
    assert np.shares_memory(made, batch) and np.array_equal(made, render(plan, pictures))
    assert not batch[0].any() and not batch[2].any()


@pytest.mark.parametrize(
    ("degrees", "zoom", "most"), [(0, 1.3, 1.0), (10, 1.0, 1.25), (-10, 1.6, 1.25), (45, 1.5, 1.5)]
)
def test_each_tile_is_warped_once_and_only_where_it_shows(degrees, zoom, most, monkeypatch):
    """The px that OpenCV is asked for, in canvases: what the usual mosaic asks for is four or more."""
    plan = mosaic((608, 608), (300, 280), turned(degrees, zoom, (304, 304)), wh=(608, 608))
    asked = []

    def counted(source, matrix, size, *more):
        asked.append((source.ctypes.data, size[0] * size[1]))
        return warp(source, matrix, size, *more)

    warp = cv2.warpAffine
    for name in ("resize", "remap", "warpPerspective"):
        monkeypatch.setattr(cv2, name, lambda *_, **__: pytest.fail("another way than the one warp"))
    monkeypatch.setattr(cv2, "warpAffine", counted)
    render(plan, {n: Decoded(np.zeros((608, 608, 3), np.uint8)) for n in range(4)})
    assert len({source for source, _ in asked}) == len(plan.tiles) == 4
    assert 0.999 <= sum(px for _, px in asked) / 608**2 <= most


@pytest.mark.parametrize(
    "out", [np.zeros((45, 60, 3), np.uint8), np.zeros((61, 45, 3), np.uint8).transpose(1, 0, 2)]
)
def test_a_place_that_does_not_fit_is_refused(out):
    plan = mosaic((45, 61), (30, 20), np.eye(3))
    with pytest.raises(ValueError, match="out: uint8"):
        render(plan, {n: Decoded(smooth((40, 30))) for n in range(4)}, out)


def test_an_empty_plan_is_its_fill():
    assert (render(Plan((4, 5), (Layer(()),), FILL), {}) == FILL).all()
    assert (render(Plan((4, 5), (), FILL), {}) == FILL).all()


def test_many_threads_render_what_one_does():
    pictures = {n: Decoded(smooth((40, 30), n)) for n in range(4)}
    plans = [mosaic((45, 61 + n), (30, 20), turned(n, 1 + n / 20, (30, 22))) for n in range(24)]
    alone = [render(plan, pictures) for plan in plans]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda plan: render(plan, pictures), plans * 4))
    assert all(np.array_equal(a, b) for a, b in zip(alone * 4, together, strict=True))


def test_a_picture_wider_than_opencv_addresses_is_cut_first():
    source = np.zeros((10, 40_000, 3), np.uint8)
    source[:, 39_990:] = 255
    made = one(source, shift(-39_979.7, 0), (10, 20), fill=(9, 9, 9))
    assert (made[:, :10] == 0).all() and (made[:, 11:20] == 255).all()


def test_one_sampling_is_sharper_than_the_usual_chain_of_them():
    """Mosaic placement, scale, rotation and flip: once at the end, or one warp after the other."""
    side, wh = 256, (320, 240)
    fine = [smooth((wh[0] * 4, wh[1] * 4), n, 3.2) for n in range(4)]  # the truth, at four times the size
    sources = {n: Decoded(shrunk(f, 4)) for n, f in enumerate(fine)}
    centre, fits = (120.0, 140.0), (0.9, 1.1, 1.25, 0.8)
    places = [(-1, -1), (0, -1), (-1, 0), (0, 0)]
    inner = [
        shift(centre[0] + i * wh[0] * s, centre[1] + j * wh[1] * s) @ turned(0, s)
        for (i, j), s in zip(places, fits, strict=True)
    ]
    flip = np.array([[-1.0, 0, side], [0, 1, 0], [0, 0, 1]])
    steps = [turned(0, 1.15, (128, 128)), turned(8, 1, (128, 128)), flip]
    plan = Plan((side, side), (Layer(tuple(whole(picture(n, wh), m) for n, m in enumerate(inner))),))
    for step in steps:
        plan = plan.moved(step)
    ours = render(plan.finished(), sources)

    chain = np.full(
        (2 * side, 2 * side, 3), 114, np.uint8
    )  # a larger canvas, so that nothing is lost on the way
    half = side // 2
    for n, matrix in enumerate(inner):
        size = round(wh[0] * fits[n]), round(wh[1] * fits[n])
        x, y = np.rint(matrix[:2, 2]).astype(int) + half
        x1, y1, x2, y2 = max(x, 0), max(y, 0), min(x + size[0], 2 * side), min(y + size[1], 2 * side)
        chain[y1:y2, x1:x2] = cv2.resize(sources[n].pixels, size)[y1 - y : y2 - y, x1 - x : x2 - x]
    for step in steps:
        index = shift(half - 0.5, half - 0.5) @ step @ shift(0.5 - half, 0.5 - half)
        chain = cv2.warpAffine(chain, index[:2], (2 * side, 2 * side), flags=cv2.INTER_LINEAR)
    chain = chain[half : half + side, half : half + side]

    large = Plan(
        (side * 4, side * 4), plan.moved(np.diag([4.0, 4, 1])).layers
    )  # the reference: 4 x 4 samples per px
    four = np.diag([0.25, 0.25, 1])
    tiles = tuple(
        Tile.of(picture(n, (wh[0] * 4, wh[1] * 4)), t.matrix @ four, t.visible)
        for n, t in enumerate(large.tiles)
    )
    truth = shrunk(
        render(Plan(large.hw, (Layer(tiles),)).finished(), {n: Decoded(f) for n, f in enumerate(fine)}), 4
    )

    def psnr(made):
        inside = (slice(20, -20), slice(20, -20))
        return 10 * math.log10(255**2 / np.mean((made[inside].astype(float) - truth[inside]) ** 2))

    assert psnr(ours) > psnr(chain) + 1.5, (psnr(ours), psnr(chain))
