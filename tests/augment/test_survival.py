"""What a plan leaves of every object, against painted truth."""

from __future__ import annotations

import math
import time
from dataclasses import replace

import numpy as np
import pytest
from arrays import affine, rectangle
from hypothesis import given
from hypothesis import strategies as st
from painted import Scene, Thing, painted, polygon, random_plan, random_scene, scene, shown, whole_area

from datapipe import boxes
from datapipe.augment.canvas import Input
from datapipe.augment.clipping import area
from datapipe.augment.geometry import Affine, Flip, Perspective, RandomCrop
from datapipe.augment.mixing import CutMix, MixUp, Mosaic
from datapipe.augment.plan import Layer, Picture, Plan, Tile, whole
from datapipe.augment.plane import corners
from datapipe.augment.regions import AT_ONCE
from datapipe.augment.rules import GONE, IGNORE, POSITIVE, crowded_out, decide
from datapipe.augment.survival import COUNTS, ObjectRules, Survivors, survive, survive_many
from datapipe.objects import Objects

seeds = st.integers(0, 2**32 - 1)
RULES = ObjectRules()
ALL = ObjectRules(keep_visible=1e-6, ignore_visible=0, min_side_px=0, max_objects=10**6)
SAME = affine(1, 0, 0, 0, 1, 0)


def turned(degrees: float, about: tuple[float, float] = (0, 0)) -> np.ndarray:
    (x, y), c, s = about, math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return affine(c, -s, x - c * x + s * y, s, c, y - s * x - c * y)


def shows(
    things: Scene, *tiles: Tile, hw: tuple[int, int] = (48, 64), rules: ObjectRules = RULES
) -> Survivors:
    return survive(Plan(hw, (Layer(tiles),)).finished(), things.sources, rules)


def only(things: Scene, matrix: np.ndarray = SAME, **more) -> Survivors:
    """What the first picture shows alone."""
    return shows(things, whole(things.picture(0), matrix), **more)


def under(cover: tuple[float, ...], *things: Thing, rules: ObjectRules = RULES) -> Survivors:
    """What is left of things under a rectangle of an empty picture."""
    both = scene(things, [])
    pasted = Tile.of(both.picture(1), SAME, rectangle(cover))
    return shows(both, whole(both.picture(0), SAME), pasted, rules=rules)


def check(plan: Plan, things: Scene, per_px: int = 3) -> None:
    """Everything that survives is what the paint shows: no point outside of its box, no side without one."""
    left = survive(plan, things.sources, ALL)
    found = {(t, r): i for i, (t, r) in enumerate(zip(left.tile.tolist(), left.row.tolist(), strict=True))}
    h, w = plan.hw
    assert (left.objects.xyxy >= 0).all()
    assert (left.objects.xyxy <= (w, h, w, h)).all()
    for key, seen in painted(plan, things, per_px).items():
        if key not in found:
            assert seen.xyxy is None
            continue
        i = found[key]
        x1, y1, x2, y2 = box = left.objects.xyxy[i].astype(np.float64)
        whole_px2 = left.objects.area[i] / left.visible_fraction[i]
        off_px2 = abs(left.visible_fraction[i] - seen.fraction) * whole_px2
        assert off_px2 < 1.3 * (x2 - x1 + y2 - y1) / per_px + 0.3
        if seen.xyxy is None:
            continue
        low, high = seen.points.min(axis=0), seen.points.max(axis=0)
        assert (box[:2] <= low + 0.01).all() and (high - 0.01 <= box[2:]).all()
        # Where the coarse grid finds nothing within a point's distance of a side, a fine one must.
        for side, far in enumerate(np.abs(box - seen.xyxy) > 0.5 / per_px):
            if far:
                strip = box.copy()
                strip[(side + 2) % 4] = box[side] + (0.5 if side < 2 else -0.5)
                (x1, y1), (x2, y2) = np.minimum(strip[:2], strip[2:]), np.maximum(strip[:2], strip[2:])
                n = (700, 20) if side % 2 else (20, 700)
                x, y = np.meshgrid(_middles(x1, x2, n[0]), _middles(y1, y2, n[1]))
                assert shown(plan, things, x, y, key)[key].any(), (
                    f"nothing within 0.5 px of side {side} of {box}"
                )


def _middles(low: float, high: float, n: int) -> np.ndarray:
    return low + (high - low) * (np.arange(n) + 0.5) / n


MOTIONS = {
    "upright": ("box",),
    "upright polygons": ("rings",),
    "moderate": ("ellipse",),
    "any": ("ellipse", "rings"),
    "perspective": ("ellipse", "rings"),
}


@pytest.mark.parametrize("motion", MOTIONS)
def test_boxes_are_the_hull_of_what_the_paint_shows(motion):
    for seed in range(70):
        rng = np.random.default_rng(seed)
        things = random_scene(rng, MOTIONS[motion])
        check(random_plan(rng, things, motion.split()[0]), things)


def test_more_plans_than_are_told_together_are_judged_as_each_alone():
    rng = np.random.default_rng(7)
    things = random_scene(rng, ("box", "rings", "box"))
    plans = [random_plan(rng, things, "moderate", tiles=1 + i % 4) for i in range(AT_ONCE + 3)]
    left = survive_many(plans, things.sources, RULES)
    assert len(left) == len(plans)
    for i in (0, AT_ONCE - 1, AT_ONCE, AT_ONCE + 2):
        alone = survive(plans[i], things.sources, RULES)
        assert alone.objects.equals(left[i].objects) and alone.counts == left[i].counts


@given(seeds, st.sampled_from(["upright", "moderate", "any", "perspective"]))
def test_one_plan_alone_has_the_bits_it_has_among_many(seed, motion):
    rng = np.random.default_rng(seed)
    things = random_scene(rng, ("box", "rings", "box"), pictures=5)
    for number in (3, 4):
        things.things[number][0].more = {"ignore": True, "crowd": number == 3}
    others = ["upright", "moderate", "any", "perspective"]
    plans = [random_plan(rng, things, motion, tiles=5)]
    plans += [random_plan(rng, things, others[i % 4], tiles=6) for i in range(int(rng.integers(20)))]
    rules = ObjectRules(max_objects=4, rotated="hull" if seed % 2 else "ellipse")
    rng.shuffle(plans)
    for plan, among in zip(plans, survive_many(plans, things.sources, rules), strict=True):
        alone = survive(plan, things.sources, rules)
        assert alone.objects.equals(among.objects)
        assert alone.counts == among.counts
        for name in ("picture", "row", "tile", "visible_fraction"):
            assert np.array_equal(getattr(alone, name), getattr(among, name))


@given(seeds, st.sampled_from(["upright", "moderate", "any"]))
def test_counts_add_up_and_say_what_is_there(seed, motion):
    rng = np.random.default_rng(seed)
    things = random_scene(rng, ("box", "rings"))
    things.things[1][1].more = {"ignore": True}
    rules = ObjectRules(max_objects=int(rng.integers(1, 6)), min_side_px=float(rng.uniform(0, 8)))
    plan = random_plan(rng, things, motion)
    left = survive(plan, things.sources, rules)
    c = left.counts
    demoted = c["to_ignore_cut"] + c["to_ignore_small"] + c["to_ignore_crowded"]
    assert tuple(c) == COUNTS
    assert c["seen"] == c["kept"] + demoted + c["gone"]
    pictures = [tile.picture for tile in plan.tiles] + list(plan.unseen)
    assert c["seen"] + c["ignore_seen"] == sum(len(picture.xyxy) for picture in pictures)
    assert c["ignore_seen"] == sum(picture.number == 1 for picture in pictures)
    positive = ~left.objects.ignore
    assert positive.sum() == c["kept"] <= rules.max_objects
    assert left.objects.ignore.sum() == c["ignore_kept"] + demoted
    assert (left.visible_fraction[positive] < 1).sum() == c["clipped"]
    sides = left.objects.xyxy[:, 2:] - left.objects.xyxy[:, :2]
    assert (sides[positive] >= rules.min_side_px).all()
    assert (left.visible_fraction[positive] >= rules.keep_visible).all()


@pytest.mark.parametrize("motion", ["upright", "moderate"])
def test_no_positive_below_the_threshold_and_none_lost_above_it(motion):
    kind = ("box",) if motion == "upright" else ("ellipse",)
    for seed in range(1000, 1200):
        rng = np.random.default_rng(seed)
        things = random_scene(rng, kind)
        plan = random_plan(rng, things, motion)
        left = survive(plan, things.sources, RULES)
        rows = zip(left.tile.tolist(), left.row.tolist(), left.objects.ignore.tolist(), strict=True)
        state = {(tile, row): IGNORE if ignore else POSITIVE for tile, row, ignore in rows}
        for key, seen in painted(plan, things, 4).items():
            x1, y1, x2, y2 = seen.xyxy or (0, 0, 0, 0)
            found = state.get(key, GONE)
            near = 0.6 / min(things.things[plan.tiles[key[0]].picture.number][key[1]].xyxy[2:]) + 0.03
            if seen.fraction < RULES.keep_visible - near:
                assert found != POSITIVE
            if seen.fraction > RULES.keep_visible + near and min(x2 - x1, y2 - y1) > 2.3:
                assert found == POSITIVE
            if seen.fraction > RULES.ignore_visible + near:
                assert found != GONE


def test_ellipses_turned_by_up_to_10_degrees_fit_the_paint():
    lowest = 1.0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        corner, sides = rng.uniform(0, 20, 2), rng.uniform(6, 40, 2)
        thing = Thing((*corner, *(corner + sides)), "ellipse")
        things = scene([thing], wh=(64, 64))
        plan = Plan.of((64, 64), whole(things.picture(0), SAME))
        plan = plan.moved(turned(rng.uniform(-10, 10), (32, 32))).finished()
        left, (seen,) = survive(plan, things.sources, RULES), painted(plan, things, 6).values()
        truth = np.array([seen.xyxy], np.float32)
        lowest = min(lowest, float(boxes.iou(left.objects.xyxy, truth)[0, 0]))
    assert lowest >= 0.95


def test_a_box_turned_by_10_degrees_by_the_numbers():
    things = scene([Thing((100, 100, 200, 150))], wh=(400, 300))
    for rotated, sides in {"ellipse": (98.86, 52.21), "hull": (107.163, 66.605)}.items():
        left = only(things, turned(10, (150, 125)), hw=(300, 400), rules=ObjectRules(rotated=rotated))
        x1, y1, x2, y2 = left.objects.xyxy[0]
        assert (x2 - x1, y2 - y1) == pytest.approx(sides, abs=0.006)
        assert ((x1 + x2) / 2, (y1 + y2) / 2) == pytest.approx((150, 125), abs=1e-4)
        assert left.objects.area[0] == pytest.approx(5000)


def test_upright_boxes_stay_exact_under_flips_and_quarter_turns():
    things = scene([Thing((3, 5, 13, 9))], wh=(64, 48))
    flip, quarter = affine(-1, 0, 64, 0, 1, 0), turned(90)
    assert only(things, flip).objects.xyxy.tolist() == [[51, 5, 61, 9]]
    assert only(things, affine(1, 0, 48, 0, 1, 0) @ quarter).objects.xyxy.tolist() == [[39, 3, 43, 13]]
    assert only(things, affine(0.5, 0, 0, 0, 2, 0)).objects.xyxy.tolist() == [[1.5, 10, 6.5, 18]]


def test_polygons_turn_with_their_own_hull():
    diamond = polygon([(20, 10), (30, 20), (20, 30), (10, 20)])
    left = only(scene([diamond]), turned(45, (20, 20)))
    half = math.sqrt(50)
    assert left.objects.xyxy[0] == pytest.approx([20 - half, 20 - half, 20 + half, 20 + half])
    assert left.visible_fraction.tolist() == [1]


def test_the_canvas_cuts_and_the_share_is_of_the_whole_object():
    things = scene([Thing((0, 10, 40, 20))])
    left = only(things, affine(1, 0, -30, 0, 1, 0))
    assert left.objects.xyxy.tolist() == [[0, 10, 10, 20]]
    assert left.visible_fraction.tolist() == [0.25]
    assert left.objects.ignore.tolist() == [True]
    assert left.objects.area.tolist() == [100]
    assert left.counts["to_ignore_cut"] == 1


def test_two_cuts_are_judged_once():
    """By half and by half again: a quarter of the object, not half of what the first left."""
    things = scene([Thing((10, 10, 30, 30))])
    tile = whole(things.picture(0), SAME)
    tile = tile.cut((20, 0, 64, 48))
    plan = Plan((48, 64), (Layer((tile,)),)).moved(affine(1, 0, 0, 0, 1, -20)).finished()
    assert survive(plan, things.sources, RULES).visible_fraction.tolist() == [0.25]


OBJECT = Thing((10, 10, 30, 20))


def test_a_paste_from_side_to_side_cuts_the_box():
    left = under((0, 0, 18, 48), OBJECT)
    assert left.objects.xyxy.tolist() == [[18, 10, 30, 20]]
    assert left.visible_fraction == pytest.approx([0.6])


def test_a_paste_on_the_middle_leaves_the_box():
    left = under((15, 12, 20, 18), OBJECT)
    assert left.objects.xyxy.tolist() == [[10, 10, 30, 20]]
    assert left.visible_fraction == pytest.approx([1 - 30 / 200])


def test_a_paste_across_the_middle_leaves_both_ends_in_one_box():
    left = under((15, 0, 20, 48), OBJECT)
    assert left.objects.xyxy.tolist() == [[10, 10, 30, 20]]
    assert left.visible_fraction == pytest.approx([0.75])


def test_a_paste_on_a_corner_leaves_the_box():
    left = under((0, 0, 20, 15), OBJECT)
    assert left.objects.xyxy.tolist() == [[10, 10, 30, 20]]
    assert left.visible_fraction == pytest.approx([0.75])


def test_a_paste_on_all_of_it_leaves_nothing():
    left = under((10, 10, 30, 20), OBJECT)
    assert len(left.objects) == 0
    assert left.counts["gone"] == 1


def test_a_paste_beside_it_is_no_cut():
    left = under((30, 0, 64, 48), OBJECT)
    assert left.visible_fraction.tolist() == [1]
    assert left.counts["clipped"] == 0


def test_a_paste_whose_pieces_run_through_it_is_no_cut():
    """What a paste leaves falls into pieces above, beside and below it; the object lies in three of them."""
    for thing in (OBJECT, polygon([(10.1, 10.7), (30.3, 10.7), (30.3, 20.1), (10.1, 20.1)])):
        left = under((32, 12, 40, 18), thing)
        assert left.visible_fraction.tolist() == [1]
        assert left.objects.xyxy == pytest.approx(np.array([thing.xyxy]))
        assert left.counts["clipped"] == 0


def test_a_polygon_inside_is_not_cut_though_its_hull_is():
    diamond = polygon([(32.3, 0.4), (63.1, 24.2), (32.3, 47.3), (1.7, 24.2)])
    both = scene([diamond])
    outline = np.array([(32.3, 0), (64, 24.2), (32.3, 48), (1, 24.2)])
    left = shows(both, Tile.of(both.picture(0), SAME, outline))
    assert left.visible_fraction.tolist() == [1]
    assert left.counts["clipped"] == 0


@given(seeds)
def test_what_fills_its_picture_is_seen_as_its_tile_is(seed):
    """All its edges lie on the tile's, but for rounding: nothing of them may get lost."""
    rng = np.random.default_rng(seed)
    wh = tuple(rng.integers(10, 60, 2).tolist())
    things = scene([polygon(rectangle((0, 0, *wh)))], wh=wh)
    tile = whole(things.picture(0), turned(rng.uniform(0, 360), (20, 16)))
    plan = Plan.of((32, 40), tile).finished()
    left = survive(plan, things.sources, ALL)
    for i in range(len(left.row)):
        outline = plan.tiles[0].visible
        hull = np.concatenate([outline.min(axis=0), outline.max(axis=0)])
        assert left.objects.xyxy[i] == pytest.approx(hull, abs=1e-4)
        assert left.objects.area[i] == pytest.approx(area(corners(outline)), rel=1e-6)


def test_two_pastes_take_both_ends():
    both = scene([OBJECT], [])
    empty = both.picture(1)
    covers = [Tile.of(empty, SAME, rectangle(xyxy)) for xyxy in ((0, 0, 14, 48), (26, 0, 64, 48))]
    left = shows(both, whole(both.picture(0), SAME), *covers)
    assert left.objects.xyxy.tolist() == [[14, 10, 26, 20]]
    assert left.visible_fraction == pytest.approx([0.6])


def test_layers_are_blended_and_cover_nothing():
    both = scene([OBJECT], [Thing((5, 5, 35, 25), more={"weight": 0.5})])
    tiles = [whole(both.picture(i), SAME) for i in (0, 1)]
    plan = Plan((48, 64), (Layer((tiles[0],), 0.7, 0.7), Layer((tiles[1],), 0.3, 0.3))).finished()
    left = survive(plan, both.sources, RULES)
    assert left.visible_fraction.tolist() == [1, 1]
    assert left.objects.weight == pytest.approx([0.7, 0.15])


def test_tiles_that_share_an_edge_take_nothing_from_each_other():
    things = scene([Thing((0, 0, 10, 10)), Thing((54, 38, 64, 48))])
    cells = [affine(1, 0, dx, 0, 1, dy) for dx in (0, 64) for dy in (0, 48)]
    for degrees in (0, 7, 45, 90, 133):
        plan = Plan((400, 400), (Layer(tuple(whole(things.picture(0), cell) for cell in cells)),))
        plan = plan.moved(turned(degrees, (64, 48))).moved(affine(1, 0, 136, 0, 1, 152)).finished()
        assert survive(plan, things.sources, RULES).visible_fraction.tolist() == [1] * 8


def test_a_picture_shown_twice_gives_its_objects_twice():
    things = scene([OBJECT, Thing((40, 30, 50, 40), more={"object_id": "b"})])
    tile = whole(things.picture(0), affine(0.5, 0, 0, 0, 0.5, 0))
    left = shows(things, tile, tile.moved(affine(1, 0, 32, 0, 1, 0)))
    assert left.objects.xyxy.tolist() == [[5, 5, 15, 10], [20, 15, 25, 20], [37, 5, 47, 10], [52, 15, 57, 20]]
    assert (left.tile.tolist(), left.row.tolist()) == ([0, 0, 1, 1], [0, 1, 0, 1])
    assert left.picture.tolist() == [0, 0, 0, 0]
    assert left.objects.object_id == ("", "b", "", "b")


def test_ignored_objects_stay_while_they_count():
    single = Thing((10, 0, 30, 10), more={"ignore": True})
    crowd = Thing((10, 20, 60, 40), more={"ignore": True, "crowd": True})
    for x, kept in ((11, [True, True]), (28, [True, True]), (29.5, [False, True]), (59.5, [False, False])):
        left = under((0, 0, x, 48), single, crowd)
        assert [row in left.row.tolist() for row in (0, 1)] == kept
        assert left.objects.ignore.all()
        assert (left.counts["ignore_seen"], left.counts["ignore_kept"]) == (2, sum(kept))
        assert left.counts["seen"] == 0


def test_a_left_out_place_travels_with_its_class():
    place = Thing((10, 10, 30, 20), more={"ignore": True, "class_id": -1})
    left = only(scene([place]))
    assert (left.objects.class_id.tolist(), left.objects.ignore.tolist()) == ([-1], [True])


def test_what_becomes_too_small_is_ignored():
    things = scene([Thing((10, 10, 40, 13))])
    left = only(things, affine(0.5, 0, 0, 0, 0.5, 0))
    assert left.objects.ignore.tolist() == [True]
    assert left.counts["to_ignore_small"] == 1


def test_the_smallest_beyond_max_objects_are_ignored_of_equal_ones_the_later():
    row = [Thing((5 * i, 0, 5 * i + 4, height)) for i, height in enumerate((3, 4, 5, 3, 4, 5))]
    left = only(scene(row), rules=ObjectRules(max_objects=3))
    assert left.objects.ignore.tolist() == [True, False, False, True, True, False]
    assert left.counts["to_ignore_crowded"] == 3


def test_the_limit_is_per_plan():
    state = np.full(6, POSITIVE, np.int8)
    found = crowded_out(state, np.array([3.0, 1, 2, 1, 2, 3]), np.array([0, 0, 0, 1, 1, 2]), 1)
    assert sorted(found.tolist()) == [1, 2, 3]


def test_the_rules_decide_by_share_and_size():
    rows = [  # share, sides, ignore, crowd, what becomes of it
        (0.3, (20, 20), False, False, POSITIVE),
        (0.29, (20, 20), False, False, IGNORE),
        (1, (20, 1), False, False, IGNORE),
        (0.04, (20, 20), False, False, GONE),
        (1, (20, 20), True, False, IGNORE),
        (0.04, (20, 20), True, False, GONE),
        (0.04, (20, 1), True, True, IGNORE),
        (0.04, (20, 0.9), True, True, GONE),
        (0.04, (20, 20), False, True, GONE),  # a crowd that the rules do not ignore is an object like others
        (0, (0, 0), True, False, GONE),
    ]
    share, sides, ignore, crowd, state = (np.array(column) for column in zip(*rows, strict=True))
    assert decide(share, sides, ignore, RULES, crowd).tolist() == state.tolist()
    assert decide(share, sides, ignore, RULES)[6] == GONE


def test_outlines_are_cut_when_asked_for():
    ring = [(10, 10), (30, 10), (30, 20), (10, 20)]
    things = scene([polygon(ring), Thing((40, 30, 50, 40)), polygon([(0, 0), (5, 0), (0, 5)])], [])
    cover = Tile.of(things.picture(1), SAME, rectangle((0, 6, 18, 48)))
    plan = Plan((48, 64), (Layer((whole(things.picture(0), SAME), cover)),)).finished()
    assert survive(plan, things.sources, RULES).objects.polygons == ((), (), ())
    (cut,), none, (untouched,) = survive(plan, things.sources, RULES, outlines=True).objects.polygons
    assert area(corners(cut)) == pytest.approx(120)
    assert (cut.min(axis=0).tolist(), cut.max(axis=0).tolist()) == ([18, 10], [30, 20])
    assert none == ()
    assert untouched.tolist() == [[0, 0], [5, 0], [0, 5]]
    assert untouched.dtype == np.float32


def test_outlines_have_the_area_that_is_visible():
    for seed in range(30):
        rng = np.random.default_rng(seed)
        things = random_scene(rng, ("rings",))
        plan = random_plan(rng, things, "any")
        left = survive(plan, things.sources, ALL, outlines=True)
        for i, rings in enumerate(left.objects.polygons):
            matrix = plan.tiles[left.tile[i]].matrix
            whole_px2 = whole_area(things.things[left.picture[i]][left.row[i]], matrix)
            own = sum(abs(area(corners(ring))) for ring in rings)
            assert own == pytest.approx(left.visible_fraction[i] * whole_px2, rel=1e-4, abs=1e-2)


def test_rings_without_area_leave_the_box():
    thing = replace_rings(Thing((10, 10, 30, 20)), [(10, 10), (20, 15), (30, 20)], [(10, 10), (30, 20)])
    left = only(scene([thing]), affine(1, 0, -20, 0, 1, 0))
    assert left.objects.xyxy.tolist() == [[0, 10, 10, 20]]
    assert left.visible_fraction.tolist() == [0.5]


def replace_rings(thing: Thing, *rings) -> Thing:
    return replace(thing, rings=tuple(np.array(ring, np.float32) for ring in rings))


def test_a_mask_area_of_the_source_shrinks_with_what_is_visible():
    things = scene([OBJECT])
    sources = {0: replace(things.sources[0], area=np.array([80], np.float32))}
    plan = Plan.of((48, 64), whole(things.picture(0), affine(0.5, 0, -7.5, 0, 0.5, 0))).finished()
    left = survive(plan, sources, RULES)
    assert left.visible_fraction.tolist() == [0.75]
    assert left.objects.area.tolist() == [80 * 0.25 * 0.75]


def test_a_plan_without_tiles_or_objects_is_empty():
    things = scene([], [OBJECT])
    for plan in (
        Plan((48, 64), (Layer(()),)),
        Plan.of((48, 64), whole(things.picture(0), SAME)),
    ):
        left = survive(plan, things.sources, RULES)
        assert len(left.objects) == len(left.row) == 0
        assert set(left.counts.values()) == {0}
    assert survive_many([], things.sources, RULES) == []


def test_objects_of_a_tile_off_the_canvas_are_counted_as_gone():
    things = scene([OBJECT, Thing((40, 30, 50, 40), more={"ignore": True})], [OBJECT])
    off = affine(1, 0, 500, 0, 1, 0)
    for tiles, seen in (((0,), 1), ((0, 0, 1), 3)):
        left = shows(things, *(whole(things.picture(i), off) for i in tiles))
        counts = {name: n for name, n in left.counts.items() if n}
        assert counts == {"seen": seen, "gone": seen, "ignore_seen": tiles.count(0)}
    beside = shows(things, whole(things.picture(1), SAME), whole(things.picture(0), off))
    assert (beside.counts["seen"], beside.counts["kept"], beside.counts["gone"]) == (2, 1, 1)


def test_beyond_the_horizon_is_refused():
    things = scene([OBJECT])
    matrix = SAME.copy()
    matrix[2, 0] = -0.05  # the horizon is the line x = 20
    with pytest.raises(ValueError, match="horizon"):
        shows(things, Tile.of(things.picture(0), matrix, rectangle((0, 0, 64, 48))))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("ignore", ("crowds",)),
        ("keep_visible", 0),
        ("keep_visible", 1.1),
        ("ignore_visible", 0.4),
        ("min_side_px", -1),
        ("max_objects", 0),
        ("rotated", "box"),
    ],
)
def test_rules_name_the_field_that_is_off(field, value):
    with pytest.raises(ValueError, match=f"^{field} .*: want "):
        ObjectRules(**{field: value})


def test_real_steps_leave_what_the_paint_shows():
    """Mosaic, CutMix and MixUp with turns, crops and flips, each on things of known shape."""
    canvas = Input(hw=(32, 40))
    for seed in range(90):
        rng = np.random.default_rng(seed)
        things = random_scene(rng, ("ellipse",) if seed % 2 else ("box",), pictures=6)

        def place(picture: Picture) -> Tile:
            return canvas.place(picture, (32, 40))

        pictures = [things.picture(i) for i in range(6)]
        plan = Plan.of((32, 40), place(pictures[0]))
        steps = [Mosaic(), CutMix(), MixUp()]
        for step in steps if seed % 3 else steps[1:]:
            plan = step(plan, pictures[1 : 1 + step.partners], place, rng)
        turn = 10 if seed % 2 else 0
        for move in (RandomCrop(), Flip(horizontal=0.5), Affine(rotate_deg=turn)):
            plan = move(plan, rng)
        check(plan.finished(), things)


def test_perspective_leaves_what_the_paint_shows():
    for seed in range(40):
        rng = np.random.default_rng(seed)
        things = random_scene(rng, ("ellipse", "rings"), pictures=1)
        tile = Input(hw=(32, 40)).place(things.picture(0), (32, 40))
        check(Perspective()(Plan.of((32, 40), tile), rng).finished(), things)


@pytest.mark.slow
def test_100_000_boxes_take_less_than_3_seconds():
    rng = np.random.default_rng(0)
    corner = rng.uniform(0, 500, (64, 5, 2))
    sources = {
        i: Objects.of(np.concatenate([one, one + rng.uniform(10, 130, (5, 2))], axis=1), 0)
        for i, one in enumerate(corner)
    }
    pictures = [Picture(i, (640, 640), own.xyxy, own.ignore) for i, own in sources.items()]
    plans = []
    for _ in range(5000):
        cells = [(x, y) for x in (-320, 320) for y in (-320, 320)]
        tiles = (whole(pictures[rng.integers(64)], affine(1, 0, x, 0, 1, y)) for x, y in cells)
        plans.append(Plan((640, 640), (Layer(tuple(tiles)),)).moved(turned(rng.uniform(-10, 10))).finished())
    start = time.perf_counter()
    left = survive_many(plans, sources, RULES)
    assert time.perf_counter() - start < 3
    assert sum(one.counts["seen"] for one in left) > 90_000
