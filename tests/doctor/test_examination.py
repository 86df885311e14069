"""The whole examination, from an ingested dataset to the command's exit code."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console
from typer.testing import CliRunner

from datapipe.cli import app
from datapipe.dataset import Dataset
from datapipe.doctor import examine
from datapipe.doctor.diagnosis import FOLDER
from datapipe.errors import UsageError
from datapipe.ingest import ingest
from datapipe.report import doctor as report_doctor
from datapipe.targets import MobileNetSSD, RetinaNet, YoloV4
from doctor.ailing import augmented, dataset, found, healthy, in_splits, squares

ROOT = Path(__file__).resolve().parents[2]
DETECTORS = ("yolov4", "retinanet", "mobilenet_ssd")


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Thirty pictures of four well-sized objects, in two splits."""
    made = dataset(tmp_path_factory.mktemp("sound"), healthy())
    return in_splits(made, train=range(17), val=range(17, 30))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Objects of 4 px, too small for every detector."""
    return dataset(tmp_path_factory.mktemp("tiny"), squares(*[4] * 12))


def run(*arguments: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["doctor", *map(str, arguments), "--quiet"], env={"COLUMNS": "80"})
    assert done.exception is None or isinstance(done.exception, (SystemExit, UsageError)), done.exception
    return done.exit_code, done.stdout


@pytest.mark.parametrize("detector", [None, *DETECTORS])
def test_a_sound_dataset_has_no_finding_and_every_check_is_told(sound: Dataset, detector):
    made = examine(sound, detector=detector)
    assert made.findings == () and made.serious == 0
    told = {one.code for one in made.passed}
    assert told >= {f"DP5{i:02}" for i in range(1, 12)} - ({"DP504"} if detector == "yolov4" else set())
    assert {one.detector for one in made.passed} - {""} == ({detector} if detector else set(DETECTORS))
    assert made.not_examined == ("augmentation: no recipe was given",)


def test_the_sample_data_have_nothing_serious(tmp_path: Path):
    ingest([ROOT / "sample_data" / "coco"], tmp_path / "out")
    for detector in (None, *DETECTORS):
        assert examine(Dataset(tmp_path / "out"), detector=detector).serious == 0, detector


def test_a_detector_nobody_named_makes_nothing_serious_alone(tmp_path: Path):
    made = dataset(tmp_path, squares(*[12] * 12))  # too small for RetinaNet's anchors, not for YOLOv4
    assert found(made, detector="retinanet")["DP501"].serious
    alone = {one.detector: one for one in examine(made).findings if one.code == "DP501"}
    assert alone["retinanet"].severity == "warning" and "yolov4" not in alone


def test_what_is_serious_for_every_detector_is_serious(tiny: Dataset):
    made = examine(tiny)
    small = [one for one in made.findings if one.code == "DP502"]
    assert {one.detector for one in small} == set(DETECTORS) and all(one.serious for one in small)
    anchors = [one for one in made.findings if one.code == "DP501"]
    assert len(anchors) == 3 and all(one.serious for one in anchors)
    (focal,) = [one for one in made.findings if one.code == "DP504"]
    assert focal.detector == "retinanet" and focal.severity == "warning", "the SSD forces a positive"
    assert found(tiny, detector="retinanet")["DP504"].serious
    ranks = [("serious", "warning", "note").index(one.severity) for one in made.findings]
    assert ranks == sorted(ranks)


def recipe(targets: object, hw: tuple[int, int] = (320, 320), resize: str = "letterbox") -> SimpleNamespace:
    return SimpleNamespace(targets=targets, input=SimpleNamespace(hw=hw, resize=resize))


def test_a_recipe_gives_anchors_input_and_resize(sound: Dataset):
    for targets, name in (
        (RetinaNet(), "retinanet"),
        (MobileNetSSD(), "mobilenet_ssd"),
        (YoloV4(), "yolov4"),
    ):
        assert examine(sound, recipe=recipe(targets)).looked == (f"{name} at 320 x 320, letterbox",)
    wrong = YoloV4(anchors_wh=((600.0, 3.0), (3.0, 600.0), (2.0, 2.0)))
    told = found(sound, recipe=recipe(wrong, (608, 608)))["DP501"]
    assert told.serious and "--detector yolov4" in told.mend
    assert examine(sound, recipe=recipe(YoloV4()), input_size=416).looked == (
        "yolov4 at 416 x 416, letterbox",
    )


def test_a_recipe_without_anchors_says_that_none_were_judged(sound: Dataset):
    made = examine(sound, recipe=recipe(SimpleNamespace()))
    assert made.looked == ("SimpleNamespace at 320 x 320, letterbox",)
    assert "its targets have no anchors" in made.not_examined[0]
    assert "DP501" not in {one.code for one in made.passed} and "DP502" in {one.code for one in made.passed}
    named = examine(sound, recipe=recipe(SimpleNamespace()), detector="retinanet")
    assert named.looked == ("retinanet at 320 x 320, letterbox",)


def test_a_detector_that_is_not_the_recipes_is_refused(sound: Dataset):
    with pytest.raises(UsageError, match="retinanet was asked for, but the recipe's targets are yolov4's"):
        examine(sound, recipe=recipe(YoloV4()), detector="retinanet")
    with pytest.raises(UsageError, match="did you mean 'yolov4'"):
        examine(sound, detector="yolov5")
    with pytest.raises(UsageError, match="did you mean 'val'"):
        examine(sound, split="vall")


def test_short_side_for_all_leaves_the_ssd_its_own(sound: Dataset):
    looked = examine(sound, resize="short_side", input_size=640).looked
    assert looked == (
        "yolov4 at 640 x 1066, short side",
        "retinanet at 640 x 1066, short side",
        "mobilenet_ssd at 640 x 640, stretch",
    )


def test_the_augmentation_is_examined_where_its_plan_is_given(sound: Dataset):
    made = examine(sound, augmented=augmented(empty_samples=40))
    assert [one.code for one in made.findings] == ["DP523"] and made.serious == 1
    assert {"DP521", "DP522", "DP524"} <= {one.code for one in made.passed} and made.not_examined == ()


def test_a_split_without_objects_is_examined_as_far_as_it_goes(tmp_path: Path):
    made = in_splits(dataset(tmp_path, [[]] * 10 + healthy(20)), train=range(10), val=range(10, 30))
    told = examine(made)
    assert [one.code for one in told.findings if one.serious] == ["DP509"]
    assert "retinanet: no object of 2 px or more to judge its anchors by" in told.not_examined


def test_a_mend_names_the_folder_and_figures_are_json(tmp_path: Path):
    made = dataset(tmp_path / "a b", [[(0, (9, 9, 99, 99)), (0, (9, 9, 99, 99))], *squares(*[10] * 9)])
    told = examine(made, detector="retinanet")
    assert all(FOLDER not in one.mend for one in told.findings)
    assert any(f"datapipe anchors '{made.folder}'" in one.mend for one in told.findings)
    assert json.loads(json.dumps(told.to_json(), allow_nan=False)) == told.to_json()


def test_the_command_exits_with_1_only_if_something_is_serious(sound: Dataset, tiny: Dataset):
    code, text = run(sound.folder)
    assert code == 0 and "nothing to mend" in text and "examined and well" in text
    code, text = run(tiny.folder, "--detector", "yolov4")
    assert code == 1 and "DP502" in text and "mend" in text
    code, text = run(tiny.folder, "--detector", "yolov4", "--json")
    told = json.loads(text)
    assert code == 1 and told["serious"] > 0
    first = told["findings"][0]
    assert set(first) == {
        "code", "slug", "severity", "detector", "title", "evidence", "figures", "why", "mend",
    }  # fmt: skip
    assert first["severity"] == "serious" and told["findings"][-1]["severity"] != "serious"


def test_the_options_reach_the_examination(sound: Dataset):
    _, text = run(
        sound.folder, "--detector", "retinanet", "--input-size", "512x640", "--resize", "stretch",
        "--split", "val", "--json",
    )  # fmt: skip
    told = json.loads(text)
    assert told["looked"] == ["retinanet at 512 x 640, stretch"]
    assert told["split"] == "val" and told["images"] == 13


def test_the_real_command_line_answers_without_tensorflow_or_scikit_learn(tiny: Dataset):
    code = (
        "import atexit, sys\n"
        "atexit.register(lambda: print('@', *{name.partition('.')[0] for name in sys.modules}))\n"
        "from datapipe.cli import main\nmain()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "doctor", str(tiny.folder), "-q"], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (1, "")
    loaded = set(done.stdout.rpartition("@")[2].split())
    assert "numpy" in loaded
    assert not loaded & {"tensorflow", "keras", "sklearn", "albumentations", "ray", "fiftyone"}


def shown(made: Dataset, **options: object) -> str:
    console = Console(width=80, record=True, file=open("/dev/null", "w"), color_system=None)  # noqa: SIM115
    report_doctor.diagnosis(console, examine(made, **options))
    console.file.close()
    return console.export_text()


def test_the_report_reads_at_80_columns_without_colour(tiny: Dataset):
    text = shown(tiny, detector="retinanet")
    lines = text.splitlines()
    assert max(map(len, lines)) <= 80
    at = [i for i, line in enumerate(lines) if line[:1].isdigit() and "DP5" in line]
    assert [lines[i].split()[0] for i in at[:2]] == ["1", "2"] and lines[at[0]].split()[1] == "serious"
    assert all(word in text for word in ("found", "why", "mend", "examined and well", "not examined"))
    assert lines[-1].startswith(f"{sum('serious' in lines[i] for i in at)} serious")


def test_names_from_outside_cannot_speak_to_the_terminal(tmp_path: Path):
    text = shown(dataset(tmp_path, squares(60), classes=("[bold]\x1b[31mred", "nut")))
    assert "\x1b" not in text and "[bold]" in text
