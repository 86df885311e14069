"""Fitted anchors in a recipe: the targets change, every other line stays, and what is written loads."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from anchor_shapes import columns
from make import make_coco, make_image

from datapipe import anchors
from datapipe.anchors import writing
from datapipe.anchors.augmented import EPOCHS, augmented
from datapipe.dataset import Dataset
from datapipe.errors import InputError, UsageError
from datapipe.ingest import IngestOptions, ingest
from datapipe.recipe import Recipe
from datapipe.targets import MobileNetSSD, RetinaNet, YoloV4

SMALL = np.random.default_rng(3).normal([14, 9], 1.0, (300, 2)).clip(4, 40)
MINE = """# my recipe
input: {hw: [416, 416]}  # as the camera has it

# what we found out about colours, 2026-11-20
geometry: [Flip]
targets:
  YoloV4:
    # the old ones
    anchors_wh: [[1, 2], [3, 4], [5, 6]]
    label_smoothing: 0.1   # ours
stream: {window: 32}  # small
"""


def fitted(asked: writing.Wish, wh: np.ndarray = SMALL, k: int | None = None) -> anchors.AnchorReport:
    return anchors.fit(
        columns(wh), asked.detector, k, input_size=asked.input_hw, resize=asked.resize, split=""
    )


def test_only_the_targets_of_a_file_change(tmp_path: Path):
    file = tmp_path / "mine.yaml"
    file.write_text(MINE)
    asked = writing.wish(write=file)
    assert (asked.detector, asked.input_hw, asked.resize) == ("yolov4", (416, 416), "letterbox")
    report = fitted(asked)
    assert writing.write(report, asked) == file
    text, recipe = file.read_text(), Recipe.load(file)
    before, after = MINE[: MINE.index("targets:")], MINE[MINE.index("stream:") :]
    assert text.startswith(before) and text.endswith(after)
    assert f"  # fitted to 300 objects on {report.images} images" in text and "verdict: change" in text
    assert "the old ones" not in text
    assert recipe.targets == YoloV4(report.spec.anchors_wh, label_smoothing=0.1)


def test_a_field_that_stood_there_with_its_default_stays_to_be_seen(tmp_path: Path):
    file = tmp_path / "mine.yaml"
    file.write_text(MINE.replace("    label_smoothing: 0.1   # ours\n", "    iou_threshold: 0.213\n"))
    asked = writing.wish(write=file)
    writing.write(fitted(asked), asked)
    assert "    iou_threshold: 0.213\n" in file.read_text() and "strides" not in file.read_text()


@pytest.mark.parametrize("detector, kind", [("retinanet", RetinaNet), ("mobilenet_ssd", MobileNetSSD)])
def test_a_new_file_is_made_from_the_detectors_shipped_recipe(tmp_path: Path, detector: str, kind: type):
    file = tmp_path / "new.yaml"
    asked = writing.wish(detector, write=file)
    report = fitted(asked)
    writing.write(report, asked)
    shipped, recipe = Recipe.load(detector), Recipe.load(file)
    assert isinstance(recipe.targets, kind) and recipe.targets == report.spec
    assert (recipe.input, recipe.geometry, recipe.mix) == (shipped.input, shipped.geometry, shipped.mix)
    assert file.read_text().splitlines()[0] == asked.base.read_text().splitlines()[0]


def test_without_anything_said_a_new_file_is_yolov4s(tmp_path: Path):
    asked = writing.wish(write=tmp_path / "new.yaml")
    assert asked.detector == "yolov4" and asked.input_hw == Recipe.load("yolov4").input.hw


def test_another_input_goes_into_a_new_file_and_drops_its_scales(tmp_path: Path):
    file = tmp_path / "new.yaml"
    asked = writing.wish("yolov4", 416, "stretch", write=file)
    writing.write(fitted(asked), asked)
    recipe = Recipe.load(file)
    assert (recipe.input.hw, recipe.input.resize, recipe.input.multi_scale) == ((416, 416), "stretch", None)


def test_short_side_brings_retinanets_own_size(tmp_path: Path):
    asked = writing.wish("retinanet", resize="short_side", write=tmp_path / "new.yaml")
    assert asked.input_hw == (800, 1333)
    assert writing.wish("retinanet", 400, "short_side").input_hw == (400, 666)


def test_another_input_than_the_files_is_refused_before_anything_is_fitted(tmp_path: Path):
    file = tmp_path / "mine.yaml"
    file.write_text(MINE)
    with pytest.raises(UsageError) as caught:
        writing.wish(input_size=608, write=file)
    assert str(caught.value) == (
        f"--write {file}: its input is 416 x 416 letterbox, the anchors would be for 608 x 608 letterbox; "
        "leave --input-size and --resize out, or write a new file"
    )
    with pytest.raises(UsageError, match="its input is 416 x 416 letterbox"):
        writing.wish(recipe="retinanet", write=file)


def test_a_name_without_yaml_is_refused(tmp_path: Path):
    with pytest.raises(UsageError, match="--write yolov4: a recipe's file ends in .yaml"):
        writing.wish(write="yolov4")


def test_an_input_that_the_recipe_cannot_have_is_refused(tmp_path: Path):
    with pytest.raises(UsageError, match="--input-size, --resize: input hw .600, 600.: want multiples of 32"):
        writing.wish("yolov4", 600, write=tmp_path / "new.yaml")


def test_a_recipe_names_its_detector_and_one_of_another_gives_way(tmp_path: Path):
    file = tmp_path / "mine.yaml"
    file.write_text("input: {hw: [320, 320], resize: stretch}\ntargets: MobileNetSSD\n")
    assert writing.wish(write=file).detector == "mobilenet_ssd" == writing.wish(recipe=file).detector
    asked = writing.wish("yolov4", write=file)
    writing.write(fitted(asked, k=3), asked)
    assert isinstance(Recipe.load(file).targets, YoloV4)


def test_settings_that_fitted_anchors_contradict_are_refused_and_nothing_is_written(tmp_path: Path):
    file = tmp_path / "mine.yaml"
    text = "targets: {RetinaNet: {sizes: [32, 64], strides: [8, 16]}}\n"
    file.write_text(text)
    asked = writing.wish(write=file)
    with pytest.raises(
        InputError, match="the fitted anchors do not go with it: sizes: 5 of them for 2 strides"
    ):
        writing.write(fitted(asked), asked)
    assert file.read_text() == text


def test_text_too_intricate_to_edit_is_left_alone_with_the_lines_to_paste(tmp_path: Path):
    file = tmp_path / "mine.yaml"
    text = "input: {hw: [416, 416]}\ntargets: {YoloV4: {anchors_wh: [&a [8, 8], *a]}}\nmix: []\n"
    file.write_text(text)
    asked = writing.wish(write=file)
    writing.write(fitted(asked, k=2), asked)
    assert len(Recipe.load(file).targets.anchors_wh) == 2  # an alias inside the section goes with it
    text = "stream: {window: &n 16, group: 8}\ntargets: {Raw: {pad_to: &m 8}}\nobjects: {max_objects: *m}\n"
    file.write_text(text)
    asked = writing.wish("yolov4", write=file)
    with pytest.raises(
        InputError, match=r"too intricate to edit; put this under its targets: anchors_wh: \["
    ):
        writing.write(fitted(asked, k=2), asked)
    assert file.read_text() == text


def test_a_link_stays_a_link_and_a_mark_stays_a_mark(tmp_path: Path):
    (tmp_path / "real.yaml").write_bytes(b"\xef\xbb\xbf" + MINE.replace("\n", "\r\n").encode())
    link = tmp_path / "link.yaml"
    link.symlink_to("real.yaml")
    asked = writing.wish(write=link)
    writing.write(fitted(asked), asked)
    data = (tmp_path / "real.yaml").read_bytes()
    assert link.is_symlink() and data.startswith(b"\xef\xbb\xbf# my recipe\r\n")
    assert data.count(b"\n") == data.count(b"\r\n")


def dataset(tmp_path: Path, n: int = 24) -> Dataset:
    """One object on each picture; some pictures are held back for val."""
    images = [
        make_image(f"{i}.jpg", (2 + i % 5, 3, 12 + i % 7, 10 + i % 3, i % 2), wh=(64, 48)) for i in range(n)
    ]
    source = make_coco(tmp_path / "source", images)
    ingest([source], tmp_path / "out", IngestOptions(split="train=0.7,val=0.3"))
    return Dataset(tmp_path / "out")


def page(scale: float) -> Recipe:
    return Recipe.parse(
        "input: {hw: [96, 128]}\nstream: {window: 4, group: 4}\n"
        f"geometry: [{{Affine: {{rotate_deg: 0, translate: 0, scale: [{scale}, {scale}]}}}}]\n"
    )


def test_augmented_objects_lie_on_the_canvas_and_remember_their_picture(tmp_path: Path):
    data = dataset(tmp_path)
    once, same = anchors.Columns.of(data), augmented(data, page(1), seed=3)
    assert len(same.xyxy) == EPOCHS * len(once.xyxy) and (same.canvas_hw == (96, 128)).all()
    epoch = slice(0, len(once.xyxy))
    order, back = np.argsort(same.image[epoch]), np.argsort(once.image)
    np.testing.assert_array_equal(same.image[epoch][order], once.image[back])
    np.testing.assert_allclose(same.xyxy[epoch][order], once.xyxy[back] * 2, atol=1e-4)
    np.testing.assert_array_equal(same.area[epoch][order], once.area[back])
    np.testing.assert_array_equal(same.class_id[epoch][order], once.class_id[back])


def test_planning_stops_when_there_are_enough_objects(tmp_path: Path, monkeypatch):
    monkeypatch.setattr("datapipe.anchors.augmented.OBJECTS", 30)
    assert 30 <= len(augmented(dataset(tmp_path), page(1)).xyxy) < 30 + 4


def test_anchors_of_a_recipe_that_halves_are_half_as_large(tmp_path: Path):
    data = dataset(tmp_path)
    one, half = (
        anchors.fit(augmented(data, page(scale)), k=2, input_size=(96, 128), split="") for scale in (1, 0.5)
    )
    np.testing.assert_allclose(np.array(half.anchors), np.array(one.anchors) / 2, rtol=0.06)
    assert half.by_size[0].fitted.objects == len(augmented(data, page(1)).xyxy)  # small, as the originals


def test_a_dataset_without_a_split_to_stream_says_which_there_are(tmp_path: Path):
    with pytest.raises(UsageError, match="--recipe needs one split to plan from: --split train or val"):
        augmented(dataset(tmp_path), page(1), split="")


def test_multi_scale_is_seen_as_it_comes_but_not_by_ssd():
    assert Recipe.load("yolov4").input.multi_scale is not None
    seen = writing.wish(recipe="yolov4").recipe
    assert seen is not None and seen.input.multi_scale is not None
    single = writing.wish("mobilenet_ssd", recipe="yolov4").recipe
    assert single is not None and single.input.multi_scale is None


def ask(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "datapipe", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_the_command_fits_to_a_recipes_objects_and_writes_a_recipe_that_loads(tmp_path: Path):
    folder, file = dataset(tmp_path).folder, tmp_path / "mine.yaml"
    done = ask("anchors", folder, "--k", 3, "--recipe", "yolov4", "--write", file, "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    recipe = Recipe.load(file)
    assert [list(pair) for pair in recipe.targets.anchors_wh] == told["anchors"]
    assert told["recipe"] == Recipe.load("yolov4").hash and told["split"] == "train"
    assert told["input_hw"] == [608, 608] and recipe.mix == Recipe.load("yolov4").mix
    assert f"wrote {file}" in done.stderr
    assert ("though the verdict is: keep the defaults" in done.stderr) == (told["verdict"] != "change")
    again = ask("anchors", folder, "--write", file, "--input-size", 416)
    assert again.returncode == 2 and "its input is 608 x 608 letterbox" in again.stderr
    assert Recipe.load(file) == recipe
