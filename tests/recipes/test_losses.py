"""Losses against numbers worked out by hand and in NumPy; what is ignored has a gradient of exactly zero."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from datapipe.objects import Objects
from datapipe.targets import MobileNetSSD, RetinaNet, YoloV4, collate

pytestmark = pytest.mark.xdist_group("tensorflow")
HW, C = (64, 96), 3
KINDS = ["retinanet", "ssd", "ssd focal", "yolov4"]
SPECS: dict[str, Any] = {"retinanet": RetinaNet(), "ssd": MobileNetSSD(), "yolov4": YoloV4()}

REAL = Objects.of([[8, 8, 40, 40], [50, 20, 90, 60]], [1, 2])
IGNORED = Objects.of(
    [[8, 8, 40, 40], [30, 4, 94, 60]], -1, ignore=np.ones(2, bool), crowd=np.array([0, 1], bool)
)
MIXED = Objects.of(
    [[8, 8, 40, 40], [50, 20, 90, 60], [2, 40, 30, 62]],
    [1, 2, -1],
    ignore=np.array([False, False, True]),
    weight=np.array([0.3, 0.7, 1], np.float32),
)
NOTHING = Objects.of(np.zeros((0, 4)), [])


def targets(kind: str, *pictures: Objects, smoothing: float = 0.0) -> tuple[dict, dict]:
    """Rows of the pictures and the dense targets of them."""
    from datapipe.heads import dense

    name = kind.split()[0]
    spec = SPECS[name]
    rows = collate(spec.spec(), [spec.encode(objects, HW) for objects in pictures])
    form = {"form": "sigmoid"} if kind == "ssd focal" else {}
    return rows, getattr(dense, name)(spec, HW, C, rows, smoothing, **form)


def random_outputs(kind: str, batch: int, dtype: str = "float32") -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    if kind == "yolov4":
        shapes = {f"p{k}": (batch, HW[0] // 2**k, HW[1] // 2**k, 3, 5 + C) for k in (3, 4, 5)}
    else:
        n = SPECS[kind.split()[0]].anchor_count(HW)
        shapes = {"class": (batch, n, C + (kind != "retinanet")), "box": (batch, n, 4)}
    return {name: rng.normal(0, 1.5, shape).astype(dtype) for name, shape in shapes.items()}


def loss_of(kind: str, outputs: dict, rows: dict, wanted: dict, **options: Any) -> dict[str, Any]:
    from recipes import losses

    if kind == "yolov4":
        return losses.yolov4(SPECS[kind], HW, outputs, wanted, rows["raw_xyxy"], **options)
    if kind == "ssd focal":
        options["kind"] = "focal"
    return getattr(losses, kind.split()[0])(outputs, wanted, **options)


def gradients(kind: str, outputs: dict, rows: dict, wanted: dict, **options: Any) -> tuple[dict, dict]:
    """(terms, gradient of the total) as NumPy."""
    import tensorflow as tf

    given = {name: tf.constant(array) for name, array in outputs.items()}
    with tf.GradientTape() as tape:
        tape.watch(given)
        terms = loss_of(kind, given, rows, wanted, **options)
    slopes = tape.gradient(terms["total"], given)
    return {k: float(v) for k, v in terms.items()}, {k: np.asarray(v) for k, v in slopes.items()}


def states(kind: str, wanted: dict) -> dict[str, np.ndarray]:
    """Of each output: the state of its anchors."""
    if kind == "yolov4":
        return {name: np.asarray(level["state"]) for name, level in wanted.items()}
    return dict.fromkeys(("class", "box"), np.asarray(wanted["state"]))


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_ignored_has_no_gradient_at_all(kind: str):
    rows, wanted = targets(kind, MIXED, IGNORED, NOTHING)
    outputs = random_outputs(kind, 3)
    terms, slopes = gradients(kind, outputs, rows, wanted)
    seen = 0
    for name, state in states(kind, wanted).items():
        assert not slopes[name][state == -1].any()
        assert not (slopes[name][state == 0][..., :4].any() and name != "class"), "no box to learn here"
        seen += (state == -1).sum()
        outputs[name][state == -1] = np.inf
    assert seen > 4
    again, same = gradients(kind, outputs, rows, wanted)
    assert again == terms, "nor does it matter what is said there, infinite or not"
    assert all(np.array_equal(slopes[name], same[name]) for name in slopes)


@pytest.mark.parametrize("kind", KINDS)
def test_what_learns_has_a_gradient(kind: str):
    rows, wanted = targets(kind, REAL)
    _, slopes = gradients(
        kind, random_outputs(kind, 1), rows, wanted, **{"ssd": {"negatives": 1e6}}.get(kind, {})
    )
    first = 1 if kind == "ssd focal" else 0
    for name, state in states(kind, wanted).items():
        if kind == "yolov4" or name == "box":
            assert (slopes[name][state == 1] != 0).all()
        else:
            assert (slopes[name][state >= 0][..., first:] != 0).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("pictures", [(NOTHING,), (NOTHING, NOTHING), (IGNORED,), (IGNORED, NOTHING)])
def test_nothing_to_find_is_a_number_and_teaches_background_alone(kind: str, pictures):
    rows, wanted = targets(kind, *pictures)
    terms, slopes = gradients(kind, random_outputs(kind, len(pictures)), rows, wanted)
    assert all(math.isfinite(value) for value in terms.values())
    assert all(np.isfinite(slope).all() for slope in slopes.values())
    assert terms["box"] == 0
    assert terms["total"] > 0


@pytest.mark.parametrize("kind", KINDS)
def test_the_total_is_the_sum_of_the_terms(kind: str):
    rows, wanted = targets(kind, REAL, NOTHING)
    terms, _ = gradients(kind, random_outputs(kind, 2), rows, wanted)
    total = terms.pop("total")
    assert set(terms) == ({"box", "object", "class"} if kind == "yolov4" else {"box", "class"})
    assert total == pytest.approx(sum(terms.values()))


@pytest.mark.parametrize("kind", KINDS)
def test_half_precision_and_large_outputs_stay_numbers(kind: str):
    rows, wanted = targets(kind, REAL, MIXED, smoothing=0.1)
    outputs = {name: array * 2000 for name, array in random_outputs(kind, 2, "float16").items()}
    terms, slopes = gradients(kind, outputs, rows, wanted)
    assert all(math.isfinite(value) for value in terms.values())
    assert all(not np.isnan(slope).any() for slope in slopes.values())
    single = {name: array.astype(np.float32) for name, array in random_outputs(kind, 2, "float16").items()}
    half = loss_of(kind, random_outputs(kind, 2, "float16"), rows, wanted)["total"]
    assert half.dtype == "float32"
    assert float(half) == float(loss_of(kind, single, rows, wanted)["total"])


@pytest.mark.parametrize("kind", KINDS)
def test_an_objects_weight_scales_what_its_anchors_learn(kind: str):
    """A box term is all objects; twice the weight is twice the term."""
    terms = []
    for weight in (0.25, 0.5, 0.0):
        objects = Objects.of(REAL.xyxy, REAL.class_id, weight=np.full(2, weight, np.float32))
        terms.append(gradients(kind, random_outputs(kind, 1), *targets(kind, objects))[0])
    assert terms[1]["box"] == pytest.approx(2 * terms[0]["box"])
    assert terms[2]["box"] == 0
    background = terms[2]["total"]
    assert terms[1]["total"] - background == pytest.approx(2 * (terms[0]["total"] - background), rel=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_padding_changes_nothing(kind: str):
    """Alone, or in a batch beside a picture of many objects: rows and raw boxes are padded there."""
    crowd = Objects.of(np.tile([[8.0, 8, 40, 40]], (30, 1)) + np.arange(30)[:, None], 0)
    outputs = random_outputs(kind, 2)
    first = {name: array[:1] for name, array in outputs.items()}
    _, alone = gradients(kind, first, *targets(kind, MIXED))
    _, beside = gradients(kind, outputs, *targets(kind, MIXED, crowd))
    for name, slope in alone.items():  # normalisers differ by one factor
        mine, theirs = slope, beside[name][:1]
        factor = np.abs(theirs).sum() / np.abs(mine).sum()
        assert np.allclose(mine * factor, theirs, atol=1e-7)
        assert np.array_equal(mine == 0, theirs == 0)


@pytest.mark.parametrize("kind", KINDS)
def test_a_graph_and_xla_say_the_same(kind: str):
    import tensorflow as tf

    rows, wanted = targets(kind, REAL, MIXED)
    outputs = random_outputs(kind, 2)
    plain = float(loss_of(kind, outputs, rows, wanted)["total"])
    for jit in (False, True):
        graph = tf.function(lambda *args: loss_of(kind, *args)["total"], jit_compile=jit)
        assert float(graph(outputs, rows, wanted)) == pytest.approx(plain, rel=1e-5)


def test_focal_by_hand():
    from recipes.losses import focal

    made = focal([[0.0, 0.0]], [[1.0, 0.0]], [[True, False]], 0.25, 2.0)
    assert np.asarray(made)[0] == pytest.approx([0.25 * 0.25 * math.log(2), 0.75 * 0.25 * math.log(2)])
    sure = focal([[3.0, -3.0]], [[1.0, 0.0]], [[True, False]], 0.25, 2.0)
    p = 1 / (1 + math.exp(-3))
    assert np.asarray(sure)[0] == pytest.approx(
        [-0.25 * (1 - p) ** 2 * math.log(p), -0.75 * (1 - p) ** 2 * math.log(p)]
    )


def test_alpha_goes_by_the_class_and_not_by_a_label_above_half():
    from recipes.losses import focal

    soft = float(focal([0.0], [0.4], [True], 0.25, 2.0)[0])
    assert soft == pytest.approx(0.25 * 0.25 * math.log(2)), "a logit of 0 costs ln 2 for every label"
    rows, wanted = targets("retinanet", REAL, smoothing=0.0)
    _, harsh = targets("retinanet", REAL, smoothing=0.9)  # labels of 0.55 and 0.45
    zeros = {name: np.zeros_like(array) for name, array in random_outputs("retinanet", 1).items()}
    hard, smoothed = (float(loss_of("retinanet", zeros, rows, one)["class"]) for one in (wanted, harsh))
    assert smoothed == pytest.approx(hard)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_focal_has_a_finite_gradient_for_every_gamma(gamma: float):
    import tensorflow as tf

    from recipes.losses import focal

    logits = tf.constant([[-200.0, -20, 0, 20, 200]])
    for label in (0.0, 1.0):
        with tf.GradientTape() as tape:
            tape.watch(logits)
            value = focal(logits, tf.fill((1, 5), label), tf.fill((1, 5), label == 1), 0.25, gamma)
        assert np.isfinite(tape.gradient(value, logits)).all()
    cross = focal(logits, tf.ones((1, 5)), tf.ones((1, 5), tf.bool), 1.0, 0.0)
    assert np.allclose(cross, tf.nn.sigmoid_cross_entropy_with_logits(tf.ones((1, 5)), logits))


def test_retinanet_is_keras_retinanets_sums_over_the_number_of_positives():
    rows, wanted = targets("retinanet", REAL, MIXED)
    outputs = random_outputs("retinanet", 2)
    state, weight = np.asarray(wanted["state"]), np.asarray(wanted["weight"])
    p, label = 1 / (1 + np.exp(-outputs["class"].astype(np.float64))), np.asarray(wanted["class"])
    alpha, miss = np.where(label > 0.5, 0.25, 0.75), np.where(label > 0.5, 1 - p, p)
    entropy = -(label * np.log(p) + (1 - label) * np.log(1 - p))
    of_class = (alpha * miss**2 * entropy * weight[..., None])[state >= 0].sum() / (state == 1).sum()
    off = np.abs(outputs["box"] - np.asarray(wanted["box"]))
    smooth = np.where(off < 1 / 9, 4.5 * off**2, off - 0.5 / 9) * weight[..., None]
    terms = loss_of("retinanet", outputs, rows, wanted)
    assert float(terms["class"]) == pytest.approx(of_class, rel=1e-5)
    assert float(terms["box"]) == pytest.approx(smooth[state == 1].sum() / (state == 1).sum(), rel=1e-5)
    heavier = loss_of("retinanet", outputs, rows, wanted, box_weight=50.0)
    assert float(heavier["box"]) == pytest.approx(50 * float(terms["box"]))


def test_smooth_l1_by_hand():
    from recipes.losses import smooth_l1

    assert np.asarray(smooth_l1([0.1, -1.0, 0.0], 3.0)) == pytest.approx([0.045, 1 - 1 / 18, 0])
    assert np.asarray(smooth_l1([0.5, -2.0])) == pytest.approx([0.125, 1.5])


@pytest.mark.parametrize(
    ("pictures", "least"), [((REAL, MIXED, NOTHING), 3), ((NOTHING, IGNORED), 0), ((REAL,), 0)]
)
def test_ssd_takes_the_hardest_three_negatives_of_each_picture_for_a_positive(pictures, least: int):
    rows, wanted = targets("ssd", *pictures)
    outputs = random_outputs("ssd", len(pictures))
    logits = outputs["class"].astype(np.float64)
    entropy = np.log(np.exp(logits).sum(axis=-1))[..., None] - logits
    total, positives = 0.0, 0
    for i, objects in enumerate(pictures):
        state, weight = np.asarray(wanted["state"])[i], np.asarray(wanted["weight"])[i]
        taught = np.flatnonzero(state == 1)
        class_id = np.asarray(wanted["class"])[i, taught].argmax(axis=1)
        assert set(class_id - 1) == set(objects.class_id[~objects.ignore].tolist())
        total += (entropy[i, taught, class_id] * weight[taught]).sum()
        count = max(3 * len(taught), least)
        total += np.sort(entropy[i, state == 0, 0])[::-1][:count].sum()
        positives += len(taught)
    terms = loss_of("ssd", outputs, rows, wanted, least_negatives=least)
    assert float(terms["class"]) == pytest.approx(total / max(1, positives), rel=1e-5, abs=1e-9)


def test_ssds_negatives_are_no_more_than_there_are():
    everywhere = Objects.of([[0, 0, 96, 64]], 0, ignore=np.ones(1, bool), crowd=np.ones(1, bool))
    rows, wanted = targets("ssd", everywhere)
    assert np.asarray(wanted["state"]).max() <= 0
    wanted["state"] = np.full_like(np.asarray(wanted["state"]), -1)
    assert float(loss_of("ssd", random_outputs("ssd", 1), rows, wanted)["total"]) == 0


def test_ssds_focal_loss_leaves_the_background_column_alone():
    rows, wanted = targets("ssd focal", REAL)
    _, slopes = gradients("ssd focal", random_outputs("ssd focal", 1), rows, wanted)
    assert not slopes["class"][..., 0].any()
    assert (slopes["class"][..., 1:] != 0).all()


def beside(found_iou: float, class_logit: float) -> tuple[np.ndarray, dict]:
    """One 32 px object, one anchor a cell at stride 32: (the next cell's gradient, the terms).

    The cell at (1, 0) predicts a box that overlaps the object in cell (0, 0) by `found_iou`.
    """
    import tensorflow as tf

    from datapipe.heads import dense
    from recipes import losses

    spec, hw = YoloV4(anchors_wh=((32, 32),), strides=(32,), scale_x_y=(2.0,)), (32, 64)
    rows = collate(spec.spec(), [spec.encode(Objects.of([[0, 0, 32, 32]], 0), hw)])
    wanted = dense.yolov4(spec, hw, 1, rows)
    assert np.asarray(wanted["p5"]["state"]).ravel().tolist() == [1, 0]
    shift = 32 * (1 - found_iou) / (1 + found_iou)  # two squares of side 32 so far apart have this IoU
    inside = (16 + shift - 32) / 32
    sigmoid = (inside + 0.5) / 2
    logits = np.zeros((1, 1, 2, 1, 6), np.float32)
    logits[0, 0, 1, 0, 0] = math.log(sigmoid / (1 - sigmoid))
    logits[0, 0, 1, 0, 5] = class_logit
    given = tf.constant(logits)
    with tf.GradientTape() as tape:
        tape.watch(given)
        terms = losses.yolov4(spec, hw, {"p5": given}, wanted, rows["raw_xyxy"], ignore_class_prob=0.25)
    return tape.gradient(terms["total"], given)[0, 0, 1, 0].numpy(), terms


def test_yolov4_lets_off_a_prediction_above_an_iou_of_07_that_is_sure_of_a_class():
    for found, class_logit, let_off in (
        (0.72, 2.0, True),
        (0.68, 2.0, False),
        (0.72, -2.0, False),
        (0.72, -1.0, True),  # sigmoid(-1) is 0.27
    ):
        slope, terms = beside(found, class_logit)
        assert (slope[4] == 0) == let_off, (found, class_logit)
        assert not slope[[0, 1, 2, 3, 5]].any()
        assert float(terms["object"]) == pytest.approx(math.log(2) * (1 if let_off else 2), rel=1e-6)


def test_yolov4_asks_for_no_class_by_default_and_forgives_at_an_ignored_object_too():
    from datapipe.targets.decode import yolov4_logits
    from recipes.losses import yolov4

    rows, wanted = targets("yolov4", REAL)
    seen = {name: np.asarray(level["state"]) for name, level in wanted.items()}
    nowhere = {**rows, "raw_xyxy": np.zeros((1, 1, 4), np.float32)}
    whole = {**rows, "raw_xyxy": np.array([[[8, 8, 40, 40]]], np.float32)}
    outputs = {name: array * 0 - 5 for name, array in random_outputs("yolov4", 1).items()}
    place = tuple(np.argwhere(seen["p4"] == 0)[0])
    number = int(np.ravel_multi_index(place[1:], seen["p4"].shape[1:])) + seen["p3"].size
    cell = np.array([[place[2] * 16 + 8, place[1] * 16 + 8, 20, 20]])
    outputs["p4"][*place, :4] = yolov4_logits(SPECS["yolov4"], HW, np.array([number]), cell)[0]
    x, y = cell[0, :2]
    whole["raw_xyxy"][0, 0] = [x - 10, y - 10, x + 10, y + 10]
    outputs["p4"][*place, 4] = 3
    seen_by = [
        float(yolov4(SPECS["yolov4"], HW, outputs, wanted, one["raw_xyxy"])["object"])
        for one in (nowhere, whole)
    ]
    assert seen_by[0] - seen_by[1] == pytest.approx(3 + math.log1p(math.exp(-3)), rel=1e-3)


def test_yolov4_is_ciou_and_cross_entropy_summed_over_anchors_and_divided_by_pictures():
    from datapipe.heads.overlap import ciou
    from datapipe.targets.decode import yolov4_boxes

    rows, wanted = targets("yolov4", REAL, MIXED, smoothing=0.1)
    outputs = random_outputs("yolov4", 2)
    first, box, of_class, of_object = 0, 0.0, 0.0, 0.0
    for name, level in wanted.items():
        flat = outputs[name].reshape(2, -1, 5 + C).astype(np.float64)
        n = flat.shape[1]
        cells, state, weight = (np.asarray(level[k]).reshape(2, n, -1) for k in ("cells", "state", "weight"))
        entropy = np.logaddexp(0, flat) - flat * cells[..., :]
        for i in range(2):
            taught, w = state[i, :, 0] == 1, weight[i]
            said = yolov4_boxes(SPECS["yolov4"], HW, first + np.flatnonzero(taught), flat[i, taught, :4])
            box += ((1 - np.asarray(ciou(said, cells[i, taught, :4]))) * w[taught, 0]).sum()
            of_class += (entropy[i, taught, 5:] * w[taught]).sum()
            of_object += (entropy[i, :, 4] * w[:, 0]).sum()
        first += n
    terms = loss_of("yolov4", outputs, rows, wanted, ignore_iou=1.0)
    assert float(terms["box"]) == pytest.approx(0.07 * box / 2, rel=1e-4)
    assert float(terms["class"]) == pytest.approx(of_class / 2, rel=1e-5)
    assert float(terms["object"]) == pytest.approx(of_object / 2, rel=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_following_the_gradient_finds_the_targets(kind: str):
    """The whole chain downhill: free outputs learn two objects and are decoded to them."""
    import keras
    import tensorflow as tf

    from datapipe.heads import decode

    rows, wanted = targets(kind, REAL)
    start = {name: array * 0 - 2 * (name != "box") for name, array in random_outputs(kind, 1).items()}
    free = {name: tf.Variable(array) for name, array in start.items()}
    adam = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.3, 200))
    adam.build(list(free.values()))

    @tf.function
    def descend():
        for _ in tf.range(200):
            with tf.GradientTape() as tape:
                total = loss_of(kind, free, rows, wanted)["total"]
            adam.apply(tape.gradient(total, list(free.values())))

    descend()
    name = kind.split()[0]
    options = {"scores": "sigmoid"} if kind == "ssd focal" else {}
    learnt = {field: tf.convert_to_tensor(variable) for field, variable in free.items()}
    found = getattr(decode, name)(SPECS[name], HW, learnt, **options)
    best = np.argsort(found.class_id[0, :2].numpy())
    assert found.class_id[0, :2].numpy()[best].tolist() == [1, 2]
    assert np.abs(found.boxes[0, :2].numpy()[best] - REAL.xyxy).max() < 0.5
    assert float(found.score[0, 1]) > 0.8 > float(found.score[0, 2])
