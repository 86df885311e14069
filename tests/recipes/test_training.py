"""The loop: stopped anywhere it goes on exactly, and what it measures is on the pictures' own pixels."""

from __future__ import annotations

import hashlib
import signal
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from make import make_dataset

from datapipe.augment.canvas import Input, MultiScale
from datapipe.dataset import Dataset
from datapipe.errors import DatapipeError, InputError, Interrupted, UsageError
from datapipe.heads import Detected, decode, dense
from datapipe.recipe import Recipe, StreamOptions
from datapipe.stream import Stream
from datapipe.targets import RetinaNet

pytestmark = pytest.mark.xdist_group("tensorflow")

SPEC = RetinaNet(sizes=(12.0,), strides=(8,), scales=(1.0,), ratios=(1.0,), low_quality=True)
RECIPE = Recipe.parse(
    "input: {hw: [48, 64]}\ngeometry: [{Flip: {}}]\nstream: {window: 12, group: 4}\n"
    "targets: {RetinaNet: {sizes: [12], strides: [8], scales: [1], ratios: [1], low_quality: true}}"
)
RECIPE_STEPS = 6


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Twelve pictures, nine to learn from: three steps of three an epoch."""
    return make_dataset(tmp_path_factory.mktemp("data"), n=12)


def options(out: Path, *more: str) -> Namespace:
    from recipes.options import parser

    said = ["data", "--epochs", "2", "--batch-size", "3", "--quiet", "--out", str(out), *more]
    return parser(None, recipe="retinanet", out="unused").parse_args([*said, "--lr", "0.01"])


def mini(classes: int = 3, channels: int = 4) -> Any:
    """A detector of two layers with all that a checkpoint must keep: batch statistics and a seed, too."""
    import keras
    from keras import layers

    from recipes import losses
    from recipes.networks.blocks import Flat
    from recipes.networks.cspdarknet import DropBlock
    from recipes.steps import Detector

    image = keras.Input((None, None, 3))
    x = layers.Conv2D(channels, 3, 8, "same", use_bias=False)(layers.Rescaling(1 / 255)(image))
    x = DropBlock(0.1, size=3)(layers.Activation("relu")(layers.BatchNormalization()(x)))
    x = layers.Identity(name="stage1")(x)
    outputs = {"class": Flat(classes)(layers.Conv2D(classes, 1)(x)), "box": Flat(4)(layers.Conv2D(4, 1)(x))}
    return Detector(
        SPEC,
        keras.Model(image, outputs),
        lambda hw, outputs, rows: losses.retinanet(outputs, dense.retinanet(SPEC, hw, classes, rows)),
        lambda hw, outputs: decode.retinanet(SPEC, hw, outputs),
    )


@pytest.fixture(autouse=True)
def one_start_for_every_run() -> None:
    """Some random weights leave a layer this small without a gradient."""
    import keras

    keras.utils.set_random_seed(0)


def values(variables: Any) -> list[np.ndarray]:
    return [np.asarray(variable).copy() for variable in variables]


def trained(dataset: Dataset, said: Namespace, recipe: Recipe = RECIPE) -> Any:
    from recipes.options import Data
    from recipes.training import prepare, train

    prepare(said)
    return train(said, Data(dataset, recipe), mini(len(dataset.classes)))


class Witness:
    """Stands in for `train_stream`, keeps a digest of every batch that is drawn, and stops at one."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, stop_at: int = 0) -> None:
        from recipes import training

        self.batches: list[str] = []
        self.stop_at, self.make = stop_at, training.train_stream
        monkeypatch.setattr(training, "train_stream", self)

    def __call__(self, *args: Any, **named: Any) -> Witness:
        self.made = self.make(*args, **named)
        self.steps_per_epoch, self.state = self.made.steps_per_epoch, self.made.state
        self.stream = self.made.stream
        return self

    def __iter__(self) -> Iterator[Any]:
        for images, targets in self.made:
            parts = [np.asarray(images), *(np.asarray(targets[name]) for name in sorted(targets))]
            self.batches.append(hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest())
            if len(self.batches) == self.stop_at:
                signal.raise_signal(signal.SIGINT)
            yield images, targets


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_a_training_that_was_stopped_goes_on_to_the_same_bit(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, optimizer: str
):
    from recipes import checkpoints

    how = ["--optimizer", optimizer, "--ema", "0.9"]
    with monkeypatch.context() as patch:
        whole = Witness(patch)
        log = ["--json-log", str(tmp_path / "whole.jsonl")]
        measured = trained(dataset, options(tmp_path / "whole", *how, *log))
    with monkeypatch.context() as patch:
        first = Witness(patch, stop_at=4)
        log = ["--json-log", str(tmp_path / "parts.jsonl")]
        with pytest.raises(Interrupted, match="stopped after step 4 of 6, saved: --resume goes on"):
            trained(dataset, options(tmp_path / "parts", *how, *log))
    with monkeypatch.context() as patch:
        second = Witness(patch)
        resumed = trained(dataset, options(tmp_path / "parts", *how, *log, "--resume"))

    assert len(whole.batches) == RECIPE_STEPS == len(set(whole.batches))
    assert first.batches + second.batches == whole.batches
    assert checkpoints.state(tmp_path / "parts/checkpoint.npz")["stream"]["step"] == RECIPE_STEPS
    with np.load(tmp_path / "whole/checkpoint.npz") as a, np.load(tmp_path / "parts/checkpoint.npz") as b:
        names = [name for name in a.files if name != checkpoints.STATE]
        assert len(names) > 20
        for name in names:
            np.testing.assert_array_equal(a[name], b[name], err_msg=name)
    assert resumed.to_json() == measured.to_json()
    rows = [(tmp_path / f"{name}.jsonl").read_text().splitlines() for name in ("whole", "parts")]
    assert [len(lines) for lines in rows] == [2, 2], "a row an epoch, none twice"
    assert rows[0][0].split('"images_per_second"')[0] == rows[1][0].split('"images_per_second"')[0]


def test_resuming_with_another_stream_or_network_is_refused(dataset: Dataset, tmp_path: Path):
    out = tmp_path / "run"
    with pytest.raises(UsageError, match="checkpoint.npz: no such checkpoint"):
        trained(dataset, options(out, "--resume"))
    trained(dataset, options(out))
    with pytest.raises(UsageError, match="the seed changed since the checkpoint: seed 0 there, 1 here"):
        trained(dataset, options(out, "--resume", "--seed", "1"))
    with pytest.raises(UsageError, match="the recipe changed since the checkpoint"):
        trained(dataset, options(out, "--resume"), replace(RECIPE, geometry=()))
    with pytest.raises(UsageError, match="--batch-size 4: .* counts steps of 3 pictures"):
        trained(dataset, options(out, "--resume", "--batch-size", "4"))
    with pytest.raises(UsageError, match=r"variables there, .* here.*--ema"):
        trained(dataset, options(out, "--resume", "--ema", "0.9"))
    (out / "checkpoint.npz").write_bytes(b"PK\x03\x04 torn")
    with pytest.raises(InputError, match="no checkpoint of a trainer"):
        trained(dataset, options(out, "--resume"))


def test_resuming_a_finished_training_evaluates_it_again(dataset: Dataset, tmp_path: Path):
    first = trained(dataset, options(tmp_path))
    again = trained(dataset, options(tmp_path, "--resume"))
    assert again.to_json() == first.to_json()


def test_resuming_with_another_plan_says_that_it_is_not_the_same(
    dataset: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    trained(dataset, options(tmp_path))
    longer = options(tmp_path, "--resume", "--epochs", "3", "--evaluate-every", "9")
    longer.quiet = False
    capsys.readouterr()
    trained(dataset, longer)
    said = [line for line in capsys.readouterr().err.splitlines() if "at the checkpoint" in line]
    assert said == ["--epochs 3, 2 at the checkpoint: the training goes on, but not as it would have"]


def test_weights_for_other_classes_keep_their_own_head(tmp_path: Path):
    from recipes import checkpoints

    there, here = mini(3).network, mini(5).network
    before = values(here.variables)
    checkpoints.save(tmp_path / "c.npz", there.variables, {})
    taken, of = checkpoints.load_weights(here, tmp_path / "c.npz")
    same = [np.array_equal(a, np.asarray(b)) for a, b in zip(before, here.variables, strict=True)]
    other = [a.shape != tuple(b.shape) for a, b in zip(there.variables, here.variables, strict=True)]
    assert (taken, of) == (len(before) - 2, len(before))
    assert sum(other) == 2, "kernel and bias of the classes"
    assert all(kept for kept, differs in zip(same, other, strict=True) if differs)
    np.testing.assert_array_equal(here.variables[0], there.variables[0])


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras, of NumPy 2
def test_keras_own_weight_files_are_taken_too(tmp_path: Path):
    from recipes import checkpoints

    there, here = mini().network, mini().network
    there.save_weights(tmp_path / "a.weights.h5")
    checkpoints.load_weights(here, tmp_path / "a.weights.h5")
    for a, b in zip(values(there.weights), values(here.weights), strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(UsageError, match=r"--weights .*b\.weights\.h5: no such file"):
        checkpoints.load_weights(here, tmp_path / "b.weights.h5")
    with pytest.raises(UsageError, match="none of its weights fits"):
        checkpoints.save(tmp_path / "c.npz", [np.zeros(7)], {})
        checkpoints.load_weights(here, tmp_path / "c.npz")


@pytest.mark.parametrize("name", ["retinanet", "mobilenet_ssd", "yolov4"])
def test_frozen_stages_are_the_backbone_and_nothing_else(name: str):
    import keras

    from recipes import checkpoints
    from recipes.networks.cspdarknet import yolov4
    from recipes.networks.mobilenet_ssd import mobilenet_ssd
    from recipes.networks.resnet_fpn import retinanet

    build = {
        "retinanet": lambda: retinanet(3, depth=18, width=0.1, head_convs=1),
        "mobilenet_ssd": lambda: mobilenet_ssd(3, width=0.1),
        "yolov4": lambda: yolov4(3, width=0.1, depth=0.1),
    }
    network = build[name]()
    whole = len(network.trainable_variables)
    checkpoints.freeze(network, 2)
    to_stage_2 = keras.Model(network.input, network.get_layer("stage2").output)
    assert not to_stage_2.trainable_variables
    assert len(network.trainable_variables) == whole - sum(
        variable.path.endswith(("kernel", "gamma", "beta", "bias")) for variable in to_stage_2.weights
    )
    with pytest.raises(UsageError, match=r"--freeze 9: the backbone of .* has \d stages"):
        checkpoints.freeze(network, 9)


def test_frozen_weights_and_statistics_do_not_move(dataset: Dataset):
    import keras

    from recipes import checkpoints
    from recipes.steps import Steps

    detector = mini()
    checkpoints.freeze(detector.network, 1)
    steps = Steps(detector, keras.optimizers.SGD(0.1), 4)
    frozen = values(detector.network.layers[2].weights)
    before = values(detector.network.weights)
    for images, targets in _batches(dataset, RECIPE, 2):
        steps.train(images, targets)
    moved = [not np.array_equal(a, b) for a, b in zip(before, detector.network.weights, strict=True)]
    assert sum(moved) == 4, "kernel and bias of classes and boxes"
    for a, b in zip(frozen, detector.network.layers[2].weights, strict=True):
        np.testing.assert_array_equal(a, b)


def test_no_sum_of_gradients_has_an_order_that_memory_could_decide(dataset: Dataset):
    import keras

    from recipes.steps import Steps

    steps = Steps(mini(), keras.optimizers.SGD(0.1), 4)
    images, targets = next(iter(_batches(dataset, RECIPE, 1)))
    steps.train(images, targets)
    (graph,) = steps._trained.values()
    sums = [node.attr["N"].i for node in graph.graph.as_graph_def().node if node.op == "AddN"]
    assert sums and max(sums) == 2


def test_a_step_is_traced_once_for_a_shape_and_not_for_a_length(dataset: Dataset):
    import keras

    from recipes.steps import Steps

    detector, traced = mini(), []

    def loss(hw: tuple[int, int], outputs: Any, rows: Any) -> Any:
        traced.append(hw)
        return detector.loss(hw, outputs, rows)

    scales = MultiScale(every_windows=1, min=32, max=96, step=32)
    many = replace(
        RECIPE,
        input=Input(hw=(64, 64), multi_scale=scales),
        stream=StreamOptions(window=3, group=3),
    )
    steps = Steps(replace(detector, loss=loss), keras.optimizers.SGD(0.01), 12)
    lengths = set()
    for images, targets in _batches(dataset, many, 12):
        steps.train(images, targets)
        lengths.add((*images.shape[1:3], targets["anchor"].shape[1]))
    shapes = {one[:2] for one in lengths}
    assert len(lengths) > len(shapes) > 1
    assert sorted(traced) == sorted(shapes)


def test_mixed_precision_computes_in_half_and_keeps_weights_whole(dataset: Dataset, tmp_path: Path):
    import keras

    from recipes.options import Data
    from recipes.training import prepare, train

    said = options(
        tmp_path, "--precision", "mixed_float16", "--epochs", "1", "--json-log", str(tmp_path / "l")
    )
    try:
        prepare(said)
        detector = mini()
        train(said, Data(dataset, RECIPE), detector)
    finally:
        keras.mixed_precision.set_global_policy("float32")
    assert detector.network.layers[2].compute_dtype == "float16"
    assert {str(weight.dtype) for weight in detector.network.trainable_weights} == {"float32"}
    assert np.isfinite(float((tmp_path / "l").read_text().split('"total": ')[1].split("}")[0]))


def test_the_rate_rises_straight_and_falls_as_a_cosine(tmp_path: Path):
    from recipes.training import optimizer

    made = optimizer(options(tmp_path, "--warmup-steps", "10"), total=110)
    rate = [float(made._learning_rate(step)) for step in (0, 5, 10, 60, 110)]
    assert rate == pytest.approx([0.0001, 0.00505, 0.01, 0.00505, 0.0001], rel=1e-4)


def test_a_loss_that_is_no_number_stops_the_training_and_says_where(dataset: Dataset, tmp_path: Path):
    from recipes.options import Data
    from recipes.training import prepare, train

    said = options(tmp_path)
    prepare(said)
    detector = mini()
    broken = replace(
        detector,
        loss=lambda hw, outputs, rows: {"total": detector.loss(hw, outputs, rows)["total"] * np.nan},
    )
    with pytest.raises(DatapipeError, match="step 3: the loss is no longer a number; a smaller --lr"):
        train(said, Data(dataset, RECIPE), broken)
    assert not (tmp_path / "checkpoint.npz").exists()


class Oracle:
    """Detects what is there: the boxes as they lie on the canvas."""

    def __init__(self, dataset: Dataset, recipe: Recipe) -> None:
        self._batches = Stream(dataset, recipe, "train", training=False).batches(4)

    def detect(self, images: Any) -> Detected:
        batch = next(self._batches)
        counts = [len(objects) for objects in batch.objects]
        boxes, class_id = np.zeros((len(counts), 9, 4), np.float32), np.full((len(counts), 9), -1, np.int32)
        for i, objects in enumerate(batch.objects):
            boxes[i, : counts[i]], class_id[i, : counts[i]] = objects.xyxy, objects.class_id
        return Detected(boxes, np.ones(class_id.shape, np.float32), class_id, np.array(counts))


@pytest.mark.parametrize("resize", ["letterbox", "stretch", "short_side"])
def test_true_boxes_on_the_canvas_have_an_ap_of_one_on_the_pictures(dataset: Dataset, resize: Any):
    from datapipe.evaluation import evaluate
    from recipes.options import Data
    from recipes.training import predictions

    recipe = replace(RECIPE, input=Input(hw=(48, 104), resize=resize, multiple=8))
    found = predictions(Oracle(dataset, recipe), Data(dataset, recipe), "train", 4)
    measured = evaluate(dataset, "train", found)
    assert measured.ap == pytest.approx(1.0)
    assert measured.detections == measured.objects > 3


def test_averages_lag_behind_and_stand_in_only_for_the_evaluation(dataset: Dataset):
    import keras

    from recipes.steps import Steps

    steps = Steps(mini(), keras.optimizers.SGD(0.5), 3, ema=0.999)
    first = values(steps.averages)
    for images, targets in _batches(dataset, RECIPE, 1):
        steps.train(images, targets)
    weights = values(steps.detector.network.trainable_variables)
    for start, weight, average in zip(first, weights, steps.averages, strict=True):
        np.testing.assert_allclose(average, 0.1 * start + 0.9 * weight, rtol=1e-4, atol=1e-6)
    steps.swap()
    assert not np.array_equal(weights[0], steps.detector.network.trainable_variables[0])
    steps.swap()
    np.testing.assert_array_equal(weights[0], steps.detector.network.trainable_variables[0])


def test_an_attacked_picture_shows_the_detector_less():
    import keras
    import tensorflow as tf

    from recipes.adversarial import hidden

    image = keras.Input((None, None, 3))
    model = keras.Model(image, keras.layers.Conv2D(1, 3, kernel_initializer="ones")(image / 255.0))

    def seen(outputs: Any) -> Any:
        return tf.reduce_mean(tf.nn.softplus(outputs))  # of background everywhere

    pictures = tf.random.stateless_uniform((2, 8, 8, 3), (1, 2)) * 255
    changed = hidden(pictures, model, seen, tf.constant(0.05))
    assert float(seen(model(changed))) < float(seen(model(pictures)))
    assert float(tf.reduce_min(changed)) >= 0 and float(tf.reduce_max(changed)) <= 255
    np.testing.assert_array_equal(hidden(pictures, model, seen, tf.constant(0.0)), pictures)
    one = hidden(pictures[:1], model, seen, tf.constant(0.05))
    np.testing.assert_allclose(one, changed[:1], atol=1e-3, err_msg="a batch attacks each picture by itself")


def test_every_second_step_is_attacked_and_resuming_tosses_the_same_coins(dataset: Dataset):
    import keras
    import tensorflow as tf

    from recipes.steps import Steps

    def attacked(seed: int) -> list[float]:
        detector = replace(mini(), attack=lambda hw, images, rows, share: images * 0)
        marked = replace(
            detector,
            network=keras.Sequential([keras.layers.Rescaling(1.0)]),
            loss=lambda hw, outputs, rows: {"total": tf.reduce_max(outputs)},
        )
        steps = Steps(marked, keras.optimizers.SGD(0.0), 40, seed)
        ((images, targets),) = _batches(dataset, RECIPE, 1)
        graph, tossed = tf.function(lambda: steps._step((48, 64), images, targets)["total"]), []
        for step in range(40):
            steps.optimizer.iterations.assign(step)
            tossed.append(float(graph()))
        return tossed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keras.optimizers.SGD, "apply", lambda self, gradients, weights: None)
        coins = attacked(1)
        assert coins == attacked(1) != attacked(2)
    assert 10 < coins.count(0.0) < 30


def test_a_recipe_of_another_detector_is_refused(tmp_path: Path, dataset: Dataset):
    from recipes.options import opened

    said = options(tmp_path, "--recipe", "yolov4")
    said.data = dataset.folder
    with pytest.raises(UsageError, match="yolov4: its targets are YoloV4's, this trains a RetinaNet"):
        opened(said, RetinaNet)
    said = options(tmp_path, "--hw", "128", "256")
    said.data = dataset.folder
    assert opened(said, RetinaNet)[0].recipe.input.hw == (128, 256)


def test_what_datapipe_says_no_to_is_one_line_and_an_exit_code(capsys: pytest.CaptureFixture[str]):
    from recipes.options import command

    def main() -> None:
        raise UsageError("--lr: no")

    with pytest.raises(SystemExit) as left:
        command(main)
    assert left.value.code == UsageError.exit_code
    assert capsys.readouterr().err == "error: --lr: no\n"


def _batches(dataset: Dataset, recipe: Recipe, count: int) -> Any:
    from datapipe.pipeline import train_stream

    return train_stream(dataset, recipe, batch_size=3).take(count)
