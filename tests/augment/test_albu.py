"""albumentations inside a recipe: names, boxes, threads, seeds, and no network."""

from __future__ import annotations

import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256

import numpy as np
import pytest

from datapipe.augment.albu import Albumentations
from datapipe.augment.rules import ObjectRules
from datapipe.errors import InputError
from datapipe.objects import Objects

RULES = ObjectRules()
BOXES = [[10, 10, 60, 50], [70, 20, 100, 80], [40, 60, 90, 96], [0, 0, 128, 96]]
OBJECTS = Objects.of(BOXES, [0, 1, 2, -1], ignore=np.array([False, False, False, True]))
MANY = (
    {"CLAHE": {"p": 0.5}},
    {"OneOf": {"p": 0.7, "transforms": ["Blur", {"MedianBlur": {"blur_limit": (3, 5)}}, "GaussNoise"]}},
    {"Affine": {"rotate": (-30, 30), "translate_percent": (-0.2, 0.2), "p": 0.8}},
    {"CoarseDropout": {"p": 0.5}},
    {"RandomBrightnessContrast": {"p": 0.5}},
)


def canvas(seed=0):
    return np.random.default_rng(seed).integers(0, 256, (96, 128, 3), np.uint8)


def run(step, seed=0, objects=OBJECTS):
    return step.apply(canvas(), objects, RULES, np.random.default_rng(seed))


def one(name, **parameters):
    return Albumentations(({name: {"p": 1.0} | parameters},))


def digest(step, seed):
    pixels, objects, counts = run(step, seed)
    return sha256(pixels.tobytes() + objects.xyxy.tobytes() + repr(counts).encode()).hexdigest()


def test_a_pixel_transform_leaves_the_objects_alone():
    pixels, objects, counts = run(one("CLAHE"))
    assert objects is OBJECTS and counts == {} and not np.array_equal(pixels, canvas())


def test_a_flip_moves_boxes_and_ignore_regions_by_edges_and_is_counted():
    pixels, objects, counts = run(one("HorizontalFlip"))
    assert np.array_equal(pixels, canvas()[:, ::-1])
    expected = [[128 - x2, y1, 128 - x1, y2] for x1, y1, x2, y2 in BOXES]
    assert objects.xyxy == pytest.approx(np.array(expected, np.float32), abs=1e-3)
    assert objects.class_id.tolist() == [0, 1, 2, -1] and objects.ignore.tolist() == [False] * 3 + [True]
    assert objects.area == pytest.approx(OBJECTS.area, rel=1e-4)
    assert counts["not_pixel_true"] == 3  # the whole canvas stays where it is
    assert counts["clipped"] == counts["gone"] == 0


def test_what_is_pushed_over_the_border_is_judged_by_the_share_that_stays():
    """40 px to the left: of (10 .. 60) 20 of 50 px stay, a share of 0.4; of the ignored whole 88 of 128."""
    _, objects, counts = run(one("Affine", translate_px={"x": (-40, -40), "y": (0, 0)}))
    assert objects.class_id.tolist() == [0, 1, 2, -1]
    assert objects.xyxy[0] == pytest.approx([0, 10, 20, 50], abs=0.01)
    assert objects.area[0] == pytest.approx(20 * 40, rel=1e-3)
    _, objects, counts = run(one("Affine", translate_px={"x": (-48, -48), "y": (0, 0)}))
    assert objects.ignore.tolist() == [True, False, False, True]  # 12 of 50
    _, objects, counts = run(one("Affine", translate_px={"x": (-58, -58), "y": (0, 0)}))
    assert objects.class_id.tolist() == [1, 2, -1] and counts["gone"] == 1  # 2 of 50


def test_what_one_transform_takes_away_the_next_does_not_bring_back():
    there_and_back = Albumentations(
        tuple({"Affine": {"translate_px": {"x": (x, x), "y": (0, 0)}, "p": 1.0}} for x in (-40, 40))
    )
    _, objects, _ = run(there_and_back)
    assert objects.xyxy[0] == pytest.approx([40, 10, 60, 50], abs=0.01)
    assert objects.area[0] == pytest.approx(20 * 40, rel=1e-3)


def test_a_transform_that_did_not_fire_leaves_every_bit():
    pixels, objects, counts = run(Albumentations(({"Rotate": {"p": 0.0}},)))
    assert objects is OBJECTS and counts == {} and np.array_equal(pixels, canvas())
    pixels, objects, counts = run(Albumentations(MANY, p=0.0))
    assert objects is OBJECTS and counts == {} and np.array_equal(pixels, canvas())


@pytest.mark.parametrize(
    "transforms",
    [
        MANY,
        ("HorizontalFlip", {"AtLeastOneBBoxRandomCrop": {"height": 96, "width": 128}}),
        ("GridDistortion",),
    ],
)
def test_a_picture_without_objects_passes_through(transforms):
    for seed in range(5):
        _, objects, counts = run(Albumentations(transforms), seed, Objects.of([], []))
        assert len(objects) == 0 and counts == {}


def test_eight_threads_make_what_one_does():
    step = Albumentations(MANY)
    alone = [digest(step, seed) for seed in range(60)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda seed: digest(step, seed), range(60))) == alone
    assert len(set(alone)) > 50
    assert [digest(Albumentations(MANY), seed) for seed in range(60)] == alone


def test_transforms_fire_independently_of_each_other():
    """Seeded the library's own way, transforms of equal p fire together or not at all."""
    step = Albumentations(({"InvertImg": {"p": 0.5}}, {"VerticalFlip": {"p": 0.5}}))
    seen = set()
    for seed in range(40):
        pixels, _, _ = run(step, seed)
        inverted = any(np.array_equal(pixels, 255 - c) for c in (canvas(), canvas()[::-1]))
        flipped = any(np.array_equal(pixels, c[::-1]) for c in (canvas(), 255 - canvas()))
        seen.add((inverted, flipped))
    assert len(seen) == 4


@pytest.mark.parametrize(
    ("transforms", "message"),
    [
        (("CLAH",), "transforms CLAH: albumentations .* has none; did you mean CLAHE"),
        (({"clahe": {}},), "did you mean CLAHE"),
        (
            ({"CLAHE": {"clip_limt": 3}},),
            "transforms CLAHE: no parameter 'clip_limt': did you mean 'clip_limit'",
        ),
        (
            ({"CLAHE": {"clip_limit": "high"}},),
            "transforms CLAHE: clip_limit.* high: Input should be a valid",
        ),
        (({"CLAHE": {"p": 1.5}},), "transforms CLAHE: p 1.5: Input should be less than or equal to 1"),
        (({"CLAHE": 3},), "transforms CLAHE: found 3, want parameters by name"),
        (({"CLAHE": {}, "Blur": {}},), "want a name, or one name and its parameters"),
        (({"OneOf": {"transforms": ["Blurr"]}},), "transforms Blurr: .* did you mean Blur"),
        (("RandomCrop",), "transforms RandomCrop: height .*Field required"),
        (("OneOf",), "transforms OneOf: .*transforms"),
        (({"FDA": {"p": 1}},), "transforms FDA: wants fda_metadata with every picture, which no recipe can"),
        (({"OneOf": {"transforms": ["MaskDropout"]}},), "transforms MaskDropout: wants mask"),
        (("CoarseDropout3D",), "transforms CoarseDropout3D: .* has none; did you mean .*CoarseDropout"),
        ((), r"transforms \(\): want a list"),
    ],
)
def test_a_wrong_name_or_parameter_is_refused_with_the_nearest(transforms, message):
    with pytest.raises(ValueError, match=message):
        Albumentations(transforms)


@pytest.mark.parametrize("transform", ["Normalize", "ToFloat", {"Resize": {"height": 3, "width": 4}}])
def test_a_transform_that_changes_the_canvas_itself_is_refused(transform):
    with pytest.raises(InputError, match="want the canvas as it was"):
        for seed in range(20):  # p is 0.5
            run(Albumentations((transform,)), seed)


@pytest.mark.parametrize(
    "transform",
    [
        {"Crop": {"x_max": 9000, "y_max": 9000, "p": 1}},
        {"RandomCrop": {"height": 9000, "width": 9000, "p": 1}},
    ],
)
def test_a_transform_that_refuses_the_canvas_is_one_line_of_ours(transform):
    with pytest.raises(InputError, match=r"^Albumentations: .*9000.* on a canvas of \d+x\d+: .+") as caught:
        run(Albumentations((transform,)), 0)
    assert "\n" not in str(caught.value) and caught.value.__cause__ is not None


SIZED = {
    "AtLeastOneBBoxRandomCrop": {"height": 96, "width": 128},
    "CenterCrop": {"height": 96, "width": 128},
    "Crop": {"x_max": 128, "y_max": 96},
    "CropAndPad": {"px": (-9, 9)},
    "CropNonEmptyMaskIfExists": {"height": 96, "width": 128},
    "TextImage": {"font_path": "none.ttf"},
    "GridElasticDeform": {"num_grid_xy": (4, 3), "magnitude": 9},
    "LongestMaxSize": {"max_size": 128},
    "PadIfNeeded": {"min_height": 96, "min_width": 128},
    "RandomCrop": {"height": 96, "width": 128},
    "RandomResizedCrop": {"size": (96, 128)},
    "RandomSizedBBoxSafeCrop": {"height": 96, "width": 128},
    "RandomSizedCrop": {"min_max_height": (40, 96), "size": (96, 128)},
    "Resize": {"height": 96, "width": 128},
    "SmallestMaxSize": {"max_size": 96},
}
"""What some transforms cannot do without; nearly all others run on their defaults."""
OTHER_CANVAS = {"RandomCropFromBorders", "Transpose", "RandomScale", "FromFloat", "ToFloat", "Normalize"}


@pytest.mark.filterwarnings("ignore:Neither valid mask", "ignore:The image is already")
def test_every_transform_of_the_library_runs_by_its_name_or_is_refused_in_plain_words():
    import albumentations

    names = sorted(
        name
        for name, kind in vars(albumentations).items()
        if isinstance(kind, type)
        and issubclass(kind, albumentations.ImageOnlyTransform | albumentations.DualTransform)
        and not issubclass(kind, albumentations.Transform3D)
        and name not in {"ImageOnlyTransform", "DualTransform", "Lambda"}
    )
    refused, other_canvas = set(), set()
    for name in names:
        try:
            step = one(name, **SIZED.get(name, {}))
        except ValueError as error:
            assert str(error).startswith(f"transforms {name}: ")
            refused.add(name)
            continue
        try:
            pixels, objects, counts = run(step, 1)
        except InputError:
            other_canvas.add(name)
            continue
        assert pixels.shape == (96, 128, 3) and pixels.dtype == np.uint8
        assert (objects.xyxy >= 0).all() and (objects.xyxy <= (128, 96, 128, 96)).all()
        if issubclass(getattr(albumentations, name), albumentations.ImageOnlyTransform):
            assert objects is OBJECTS and counts == {}, name
    assert len(names) > 100
    assert other_canvas == OTHER_CANVAS
    assert refused == {  # they want another picture, a mask or a font with every call
        "CropNonEmptyMaskIfExists", "FDA", "HistogramMatching", "MaskDropout", "Mosaic", "OverlayElements",
        "PixelDistributionAdaptation", "RandomCropNearBBox", "TextImage",
    }  # fmt: skip


def test_a_transform_that_warns_when_it_is_built_is_no_trouble_in_any_thread():
    step = one("ShiftScaleRotate")
    with ThreadPoolExecutor(2) as pool:
        assert len(list(pool.map(lambda seed: digest(step, seed), range(4)))) == 4


def test_a_step_is_its_configuration():
    step = Albumentations(MANY, p=0.5)
    assert eval(repr(step), {"Albumentations": Albumentations}) == step
    assert pickle.loads(pickle.dumps(step)) == step
    assert digest(pickle.loads(pickle.dumps(step)), 3) == digest(step, 3)


def test_the_step_is_there_without_the_library_and_the_library_without_the_network():
    code = """
import socket, sys
def refuse(*_, **__): raise SystemExit("the network was asked")
socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
from datapipe.augment.albu import Albumentations
assert "albumentations" not in sys.modules
Albumentations(("CLAHE",))
print("albumentations" in sys.modules)
"""
    clean = {"PATH": "/usr/bin:/bin"}
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=clean)
    assert (ran.stdout.strip(), ran.stderr) == ("True", "")
