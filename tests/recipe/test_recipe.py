"""Whole recipes: sections, hash, round trip over the real steps, and sections that contradict each other."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields, is_dataclass, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datapipe.augment.albu import Albumentations
from datapipe.augment.canvas import Input, MultiScale
from datapipe.augment.geometry import Affine, Expand, Flip, Jitter, Perspective, RandomCrop
from datapipe.augment.mixing import CutMix, MixUp, Mosaic
from datapipe.augment.pixels import HSV, Blur, ColorJitter, Erase, Gray, Noise
from datapipe.augment.survival import ObjectRules
from datapipe.errors import InputError, UsageError
from datapipe.recipe import Recipe, StreamOptions
from datapipe.recipe.classes import TABLES
from datapipe.targets.raw import Raw
from datapipe.targets.retinanet import RetinaNet
from datapipe.targets.yolov4 import YoloV4

DESIGN = """
input:    {hw: [608, 608], resize: letterbox, multi_scale: {every_windows: 3, min: 480, max: 736, step: 32}}
mix:      [{Mosaic: {p: 0.75, center: [0.3, 0.7], until_epoch: 270}}, {CutMix: {p: 0.1}}]
geometry: [{Flip: {horizontal: 0.5}}, {Affine: {rotate_deg: 10, translate: 0.1, scale: [0.8, 1.25], fill: 114}}]
pixels:   [{ColorJitter: {brightness: 0.4, saturation: 0.7, hue: 0.015}}, {Albumentations: {transforms: [{CLAHE: {p: 0.1}}]}}]
objects:  {ignore: [crowd, difficult], keep_visible: 0.3, ignore_visible: 0.05, min_side_px: 2, max_objects: 100}
stream:   {window: 64, group: 16}
targets:  {YoloV4: {anchors_wh: [[12, 16], [19, 36]], strides: [8, 16], iou_threshold: 0.213, label_smoothing: 0.1}}
"""  # noqa: E501


def refused(text: str) -> str:
    with pytest.raises(InputError) as caught:
        Recipe.parse(text, "my.yaml")
    return str(caught.value)


def test_a_page_reads_as_the_same_recipe_written_in_python():
    assert Recipe.parse(DESIGN) == Recipe(
        input=Input((608, 608), "letterbox", MultiScale(3, 480, 736, 32)),
        mix=(Mosaic(p=0.75, center=(0.3, 0.7), until_epoch=270), CutMix(p=0.1)),
        geometry=(Flip(0.5), Affine(10.0, 0.1, (0.8, 1.25), fill=114)),
        pixels=(ColorJitter(0.4, 0.0, 0.7, 0.015), Albumentations(({"CLAHE": {"p": 0.1}},))),
        objects=ObjectRules(("crowd", "difficult"), 0.3, 0.05, 2.0, 100),
        stream=StreamOptions(64, 16),
        targets=YoloV4(((12.0, 16.0), (19.0, 36.0)), (8, 16), 0.213, label_smoothing=0.1),
    )


def test_nothing_at_all_is_a_recipe_that_letterboxes_and_hands_on_boxes():
    assert Recipe.parse("") == Recipe() == Recipe.parse("targets: Raw")
    assert Recipe().input.resize == "letterbox" and Recipe().targets == Raw()
    assert Recipe().dump(brief=True) == ""


def test_a_recipe_is_frozen_and_takes_lists_for_tuples():
    recipe = Recipe(geometry=[Flip()])  # type: ignore[arg-type]
    assert recipe.geometry == (Flip(),) and hash(recipe) == hash(Recipe(geometry=(Flip(),)))
    with pytest.raises(FrozenInstanceError):
        recipe.mix = ()  # type: ignore[misc]


@pytest.mark.parametrize(
    "text, said",
    [
        ("geometri: []", "my.yaml:1: geometri: no such key: did you mean 'geometry'?"),
        (
            "geometry:\n- Flip: {}\n- Affine:\n    rotate: 5",
            "my.yaml:4: geometry[1].Affine.rotate: no such key: did you mean 'rotate_deg'?",
        ),
        (
            "geometry:\n- Affine:\n    p: 0.5\n    rotate_deg: 400",
            "my.yaml:4: geometry[0].Affine.rotate_deg: 400.0: want a number from 0 to 360",
        ),
        ("mix: [Flip]", "mix[0].Flip: no such class: (there are: Mosaic, CutMix, MixUp)"),
        ("mix: [{Mosaic: {tile: [CutMix]}}]", "mix[0].Mosaic.tile[0].CutMix: no such class"),
        ("input: {hw: 608}", "input.hw: found '608': want [whole number, whole number]"),
        ("input: {resize: stretch}", "input: Input needs 'hw': [whole number, whole number]"),
        (
            "input: {hw: [608, 608], resize: leterbox}",
            "input.resize: no 'leterbox': did you mean 'letterbox'?",
        ),
        (
            "input:\n  hw: [608, 608]\n  multi_scale:\n    min: 300",
            "my.yaml:4: input.multi_scale.min: 300: want a multiple of step, 32 px",
        ),
        ("objects: {ignore: crowd}", "objects.ignore: found 'crowd': want a list, each a text"),
        (
            "pixels:\n- Albumentations:\n    transforms: [{CLAHEE: {p: 0.1}}]",
            "my.yaml:3: pixels[0].Albumentations.transforms",
        ),
        ("stream: {group: 24}", "my.yaml:1: stream.group: 24: want a divisor of window 64"),
        ("stream: {repeat_threshold: 0}", "stream.repeat_threshold: 0.0: want above 0, at most 1"),
        ("targets: [Raw]", "targets: found a list of 1: want a class and its fields, like {Raw: {...}}"),
        ("targets: {YoloV4: {anchors_wh: [[12]]}}", "targets.YoloV4.anchors_wh[0]: 1 values: want"),
    ],
)
def test_a_mistake_is_named_with_line_and_path(text: str, said: str):
    assert said in refused(text)


@pytest.mark.parametrize(
    "text, said",
    [
        (
            "mix: []\ninput: {hw: [600, 608]}\ntargets: YoloV4",
            "my.yaml:2: input: hw [600, 608]: want multiples of 32, the largest stride of YoloV4",
        ),
        (
            "input: {hw: [608, 608], multi_scale: {min: 320, max: 480, step: 16}}\ntargets: YoloV4",
            "input: multi_scale [320, 480, 16]: want multiples of 32",
        ),
        (
            "input: {hw: [320, 480], resize: short_side}\ntargets: MobileNetSSD",
            "input: resize short_side: MobileNetSSD has one size",
        ),
        (
            "input: {hw: [320, 320]}\ntargets: {MobileNetSSD: {maps: [38, 19, 10, 5, 3, 1], "
            "strides: [8, 16, 32, 64, 100, 300]}}",
            "input: hw [320, 320]: MobileNetSSD: these maps are for 300 px, not 320 x 320",
        ),
        ("mix: [CutMix, Mosaic]", "mix: Mosaic after CutMix: want Mosaic first"),
        (
            "mix: [steps_for_recipes.CopyPaste]",
            "my.yaml:1: mix[0] CopyPaste: is no such step, want p, until_epoch, partners, __call__",
        ),
        ("geometry: [steps_for_recipes.CopyPaste]", "geometry[0] CopyPaste: is no such step, want __call__"),
        (
            "pixels: [steps_for_recipes.CopyPaste]",
            "pixels[0] CopyPaste: is no such step, want __call__ or apply",
        ),
    ],
)
def test_sections_that_contradict_each_other_are_refused(text: str, said: str):
    assert said in refused(text)


def test_short_side_needs_no_multiples_for_it_pads_to_them():
    assert Recipe.parse("input: {hw: [800, 1333], resize: short_side}\ntargets: YoloV4")


def test_evaluation_is_the_same_recipe_without_chance():
    recipe = Recipe.parse(DESIGN)
    plain = replace(recipe, stream=StreamOptions(32, 8, repeat_threshold=0.01)).evaluation()
    assert (plain.mix, plain.geometry, plain.pixels) == ((), (), ())
    assert plain.input == Input((608, 608), "letterbox") and plain.stream == StreamOptions(32, 8)
    assert (plain.objects, plain.targets) == (recipe.objects, recipe.targets)
    assert plain.evaluation() == plain


def test_the_hash_follows_meaning_and_not_spelling():
    spelt = "# a remark\nstream: {group: 16, window: 64}\n" + DESIGN.replace("stream:", "# ").replace(
        "10,", "10.0,"
    )
    recipe = Recipe.parse(DESIGN)
    assert Recipe.parse(spelt).hash == recipe.hash and len(recipe.hash) == 64
    assert replace(recipe, geometry=(Flip(0.5), Affine(10.5, 0.1, (0.8, 1.25)))).hash != recipe.hash
    assert Recipe(geometry=(Affine(rotate_deg=5),)).hash == Recipe(geometry=(Affine(rotate_deg=5.0),)).hash


def test_the_full_dump_says_everything_and_the_brief_one_what_differs():
    recipe = Recipe.parse(DESIGN)
    full, brief = recipe.dump(), recipe.dump(brief=True)
    assert Recipe.parse(full) == Recipe.parse(brief) == recipe
    for field in fields(Affine):
        assert f"{field.name}:" in full
    assert "shear_deg" not in brief and "objects" not in brief and "stream" not in brief
    assert "  - Mosaic: {p: 0.75, until_epoch: 270}\n" in brief


def test_a_recipe_that_no_text_can_hold_says_so():
    class Odd:
        """No dataclass."""

        def __call__(self) -> None:
            """Nothing."""

    with pytest.raises(UsageError, match="recipe: geometry: "):
        Recipe(geometry=(Odd(),)).dump()  # type: ignore[arg-type]


def test_every_class_of_every_table_is_a_frozen_dataclass():
    for table in TABLES.values():
        for name, kind in table.items():
            assert is_dataclass(kind) and kind.__dataclass_params__.frozen, name  # type: ignore[attr-defined]


def shares() -> st.SearchStrategy[float]:
    return st.floats(0, 1)


def pairs(low: float, high: float) -> st.SearchStrategy[tuple[float, float]]:
    return st.tuples(st.floats(low, high), st.floats(low, high)).map(lambda pair: (min(pair), max(pair)))


def spans(limit: float) -> st.SearchStrategy[float | tuple[float, float]]:
    return st.floats(0, limit) | pairs(-limit, limit)


def fills() -> st.SearchStrategy[int | tuple[int, int, int] | str]:
    grey = st.integers(0, 255)
    return grey | st.tuples(grey, grey, grey) | st.just("edge")


def epochs() -> st.SearchStrategy[int | None]:
    return st.none() | st.integers(0, 500)


GEOMETRY = st.one_of(
    st.builds(Flip, shares(), shares()),
    st.builds(Affine, spans(360), spans(1), pairs(0.01, 100), pairs(0.1, 10), spans(80), fills(), shares()),
    st.builds(Perspective, spans(0.35), shares()),
    st.builds(
        RandomCrop,
        st.lists(shares(), max_size=4).map(tuple),
        pairs(0.01, 1),
        st.tuples(st.floats(0.1, 1), st.floats(1, 10)),
        st.integers(1, 100),
    ),
    st.builds(Expand, pairs(1, 100), fills(), shares()),
    st.builds(Jitter, st.floats(0, 0.45), shares()),
)
MOSAIC = st.builds(
    Mosaic,
    shares(),
    pairs(0, 1),
    st.sampled_from([2, 3]),
    st.lists(GEOMETRY, max_size=2).map(tuple),
    pairs(0.01, 100),
    epochs(),
)
OTHERS = st.builds(CutMix, shares(), st.floats(0.01, 1000), pairs(0.01, 1), epochs()) | st.builds(
    MixUp, shares(), st.floats(0.01, 1000), st.booleans(), epochs()
)
ALBUMENTATIONS = (
    Albumentations(("HorizontalFlip", {"CLAHE": {"p": 0.1, "clip_limit": (1.0, 4.0)}})),
    Albumentations(({"OneOf": {"p": 0.2, "transforms": ("Blur", {"MedianBlur": {"blur_limit": 5}})}},), 0.5),
)
PIXELS = st.one_of(
    st.sampled_from(ALBUMENTATIONS),
    st.builds(ColorJitter, spans(1), spans(1), spans(1), spans(0.5), shares()),
    st.builds(HSV, st.floats(0, 0.5), st.floats(1, 10), st.floats(1, 10), shares()),
    st.builds(Gray, shares()),
    st.builds(Blur, pairs(0.1, 50), shares()),
    st.builds(Noise, pairs(0, 128), shares()),
    st.builds(
        Erase, st.integers(1, 16), pairs(0.0001, 1), pairs(0.1, 10), st.integers(0, 255) | st.just("noise")
    ),
)
SIDES = st.integers(1, 40).map(lambda n: 32 * n)
INPUTS = st.builds(
    Input,
    st.tuples(SIDES, SIDES).map(lambda hw: (min(hw), max(hw))),
    st.sampled_from(["letterbox", "stretch", "short_side"]),
    st.none() | st.builds(MultiScale, st.integers(1, 9), st.just(320), SIDES.filter(lambda n: n >= 320)),
)
TARGETS = st.one_of(
    st.builds(Raw, st.none() | st.integers(1, 300)),
    st.builds(
        YoloV4,
        st.lists(st.tuples(st.floats(0.1, 999), st.floats(0.1, 999)), min_size=1, max_size=9).map(tuple),
        iou_threshold=shares(),
    ),
    st.builds(RetinaNet, scales=st.lists(st.floats(0.1, 9), min_size=1, max_size=4).map(tuple)),
    st.builds(RetinaNet.torchvision),
)
RULES = st.builds(
    ObjectRules,
    st.lists(st.sampled_from(["crowd", "difficult", "truncated"]), unique=True).map(tuple),
    st.floats(0.2, 1),
    st.floats(0, 0.2),
    st.floats(0, 50),
    st.integers(1, 999),
    st.sampled_from(["ellipse", "hull"]),
)
STREAMS = st.builds(
    lambda group, times, threshold: StreamOptions(group * times, group, threshold),
    st.integers(1, 64),
    st.integers(1, 8),
    st.none() | st.floats(0.0001, 1),
)
RECIPES = st.builds(
    Recipe,
    INPUTS,
    st.tuples(st.lists(MOSAIC, max_size=2), st.lists(OTHERS, max_size=2)).map(lambda two: (*two[0], *two[1])),
    st.lists(GEOMETRY, max_size=4).map(tuple),
    st.lists(PIXELS, max_size=3).map(tuple),
    RULES,
    STREAMS,
    TARGETS,
)


@given(RECIPES)
def test_dump_then_parse_is_the_identity(recipe: Recipe):
    for brief in (False, True):
        again = Recipe.parse(recipe.dump(brief=brief))
        assert again == recipe and again.hash == recipe.hash


def test_a_file_is_read_as_utf_8_with_or_without_a_mark(tmp_path: Path):
    file = tmp_path / "käse.yaml"
    for data in ("# Käse\nstream: {window: 32}\n".encode("utf-8-sig"), b"stream: {window: 32}\r\n"):
        file.write_bytes(data)
        assert Recipe.load(file).stream.window == 32 == Recipe.load(str(file)).stream.window


@pytest.mark.parametrize(
    "data, said",
    [
        (b"# a\n# K\xe4se", ":2: not UTF-8 text"),
        (b"#" * (1 << 21), "above 1 MB: this is no recipe"),
        (b"stream: {window: 0}", ":1: stream.window: 0: want a whole number from 1 to 65536"),
    ],
)
def test_a_file_that_is_no_recipe_is_named(tmp_path: Path, data: bytes, said: str):
    file = tmp_path / "my.yaml"
    file.write_bytes(data)
    with pytest.raises(InputError) as caught:
        Recipe.load(file)
    assert str(caught.value).startswith(str(file)) and said in str(caught.value)


def test_a_folder_is_no_recipe(tmp_path: Path):
    with pytest.raises(InputError, match="cannot be read"):
        Recipe.load(tmp_path)
