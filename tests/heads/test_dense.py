"""Dense targets say what the rows say, anchor by anchor; smoothing touches the positives' classes alone."""

from __future__ import annotations

import numpy as np
import pytest
from perfect import CLASSES, batch_of, scattered, spec_of

from datapipe.objects import Objects
from datapipe.targets import RetinaNet, YoloV4, smooth

pytestmark = pytest.mark.xdist_group("tensorflow")
HW = (128, 192)


def pictures(seed: int = 0, hw: tuple[int, int] = HW) -> list[Objects]:
    rng = np.random.default_rng(seed)
    return [scattered(rng, hw, n) for n in (6, 0, 3, 9)]


def one_by_one(spec, hw, rows, width: int, shift: int = 0) -> dict[str, np.ndarray]:
    """The same, a row at a time."""
    b, n = len(rows["anchor"]), spec.anchor_count(hw)
    made = {
        "class": np.zeros((b, n, width), np.float32),
        "box": np.zeros((b, n, 4), np.float32),
        "state": np.zeros((b, n), np.int8),
        "weight": np.ones((b, n), np.float32),
    }
    for i, anchors in enumerate(rows["anchor"]):
        for r, anchor in enumerate(anchors):
            if anchor < 0:
                continue
            made["state"][i, anchor] = rows["state"][i, r]
            made["weight"][i, anchor] = rows["weight"][i, r]
            if rows["state"][i, r] == 1:
                made["class"][i, anchor, rows["class_id"][i, r] + shift] = 1
                made["box"][i, anchor] = rows["box"][i, r]
    return made


@pytest.mark.parametrize("epsilon", [0.0, 0.1])
@pytest.mark.parametrize("name", ["retinanet", "tf_object_detection"])
def test_retinanet_is_the_rows_and_smoothing_is_that_of_numpy(name: str, epsilon: float):
    from datapipe.heads import dense

    spec = spec_of(name)
    rows = batch_of(spec, HW, pictures())
    want = one_by_one(spec, HW, rows, CLASSES)
    want["class"] = smooth(want["class"], want["state"], epsilon, "sigmoid")
    made = dense.retinanet(spec, HW, CLASSES, rows, epsilon)
    assert (want["state"] == 1).any() and (want["state"] == -1).any()
    assert made.keys() == want.keys()
    for field, array in want.items():
        assert made[field].dtype == array.dtype
        assert np.allclose(made[field], array, rtol=0, atol=1e-7), field


@pytest.mark.parametrize("epsilon", [0.0, 0.1])
@pytest.mark.parametrize("form", ["softmax", "sigmoid"])
def test_ssd_has_background_in_column_0_and_ignored_anchors_in_none(form: str, epsilon: float):
    from datapipe.heads import dense

    spec = spec_of("ssd")
    rows = batch_of(spec, HW, pictures())
    want = one_by_one(spec, HW, rows, CLASSES + 1, shift=1)
    if form == "softmax":
        want["class"] = smooth(want["class"], want["state"], epsilon, form)
    else:
        want["class"][..., 1:] = smooth(want["class"][..., 1:], want["state"], epsilon, form)
    want["class"][want["state"] == 0, 0] = 1
    made = dense.ssd(spec, HW, CLASSES, rows, epsilon, form)
    for field, array in want.items():
        assert np.allclose(made[field], array, rtol=0, atol=1e-7), field
    assert not np.asarray(made["class"])[want["state"] == -1].any()


@pytest.mark.parametrize("name", ["yolov4", "yolov4 tiny"])
def test_yolov4_has_the_rows_in_the_cells_of_its_maps(name: str):
    from datapipe.heads import dense

    spec, hw = spec_of(name), (128, 192)
    rows = batch_of(spec, hw, pictures())
    want = one_by_one(spec, hw, rows, CLASSES)
    made = dense.yolov4(spec, hw, CLASSES, rows, smoothing=0.1)
    assert list(made) == (["p3", "p4", "p5"] if name == "yolov4" else ["p4", "p5"])
    first = 0
    for (level, parts), stride, mask in zip(made.items(), spec.strides, spec.masks(), strict=True):
        shape = (4, hw[0] // stride, hw[1] // stride, len(mask))
        assert parts["cells"].shape == (*shape, 5 + CLASSES), level
        part = slice(first, first + int(np.prod(shape[1:])))
        first = part.stop
        state, cells = want["state"][:, part], np.asarray(parts["cells"]).reshape(4, -1, 5 + CLASSES)
        assert np.array_equal(np.asarray(parts["state"]).reshape(4, -1), state)
        assert np.array_equal(np.asarray(parts["weight"]).reshape(4, -1), want["weight"][:, part])
        assert np.array_equal(cells[..., :4], want["box"][:, part])
        assert np.array_equal(cells[..., 4], state == 1), "objectness is not smoothed"
        assert np.allclose(cells[..., 5:], smooth(want["class"][:, part], state, 0.1, "sigmoid"), atol=1e-7)
    assert first == spec.anchor_count(hw)


def test_golden_cells_of_yolov4_at_608():
    from datapipe.heads import dense

    truth = np.array([[0.37, 0.16, 0.57, 0.46]]) * 608
    made = dense.yolov4(YoloV4(), (608, 608), 2, batch_of(YoloV4(), (608, 608), [Objects.of(truth, 1)]))
    found = {name: np.argwhere(np.asarray(level["state"])[0] == 1).tolist() for name, level in made.items()}
    assert found == {"p3": [], "p4": [[11, 17, 2]], "p5": [[5, 8, 0], [5, 8, 1]]}
    assert np.asarray(made["p4"]["cells"])[0, 11, 17, 2] == pytest.approx(
        [285.76, 188.48, 121.6, 182.4, 1, 0, 1], abs=1e-3
    )


def test_the_specs_own_smoothing_is_taken_unless_another_is_given():
    from datapipe.heads import dense

    spec = RetinaNet(label_smoothing=0.1)
    rows = batch_of(spec, HW, [Objects.of([[32, 32, 64, 64]], 1)])
    assert np.unique(dense.retinanet(spec, HW, 2, rows)["class"]) == pytest.approx([0, 0.05, 0.95])
    assert np.unique(dense.retinanet(spec, HW, 2, rows, 0.0)["class"]).tolist() == [0, 1]


def test_a_batch_without_objects_is_background():
    from datapipe.heads import dense

    for name in ("retinanet", "ssd", "yolov4"):
        spec = spec_of(name)
        rows = batch_of(spec, HW, [Objects.of(np.zeros((0, 4)), [])] * 2)
        made = getattr(dense, name)(spec, HW, CLASSES, rows)
        for level in made.values() if name == "yolov4" else [made]:
            assert not np.asarray(level["state"]).any()
            assert (np.asarray(level["weight"]) == 1).all()


def test_a_step_is_traced_once_for_a_canvas_and_not_for_a_number_of_rows():
    import tensorflow as tf

    from datapipe.heads import dense

    spec, traces = RetinaNet(), []

    @tf.function(input_signature=[dense.signature(spec)])
    def step(rows):
        traces.append(1)
        return dense.retinanet(spec, HW, CLASSES, rows)["state"]

    lengths = set()
    for seed in range(4):
        rows = batch_of(spec, HW, pictures(seed)[: seed + 1])
        lengths.add(rows["anchor"].shape)
        assert step(rows).shape == (seed + 1, spec.anchor_count(HW))
    assert (len(lengths), len(traces)) == (4, 1)


@pytest.mark.parametrize("name", ["retinanet", "ssd", "yolov4"])
def test_in_a_pipeline_shapes_are_known_beforehand(name: str):
    import tensorflow as tf

    from datapipe.heads import dense

    spec = spec_of(name)
    rows = batch_of(spec, HW, pictures())
    stream = tf.data.Dataset.from_tensors(rows)
    made = stream.map(lambda rows: getattr(dense, name)(spec, HW, CLASSES, rows))
    said = tf.nest.map_structure(lambda one: tuple(one.shape), made.element_spec)
    batch = next(iter(made))
    assert said == tf.nest.map_structure(lambda one: tuple(one.shape), batch)
    alone = getattr(dense, name)(spec, HW, CLASSES, rows)
    tf.nest.map_structure(lambda a, b: np.testing.assert_array_equal(a, b), batch, alone)


def test_a_canvas_of_unknown_size_is_refused():
    import tensorflow as tf

    from datapipe.heads import dense

    rows = batch_of(RetinaNet(), HW, pictures())
    images = tf.TensorShape((4, None, 192, 3))
    with pytest.raises(ValueError, match=r"hw: \(None, 192\) when traced, want two numbers"):
        dense.retinanet(RetinaNet(), images[1:3], CLASSES, rows)


def test_rows_of_another_canvas_or_class_list_are_refused():
    import tensorflow as tf

    from datapipe.heads import dense

    rows = batch_of(RetinaNet(), HW, pictures())
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"rows beyond 207 anchors or 3 classes"):
        dense.retinanet(RetinaNet(), (32, 32), CLASSES, rows)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"or 2 classes: made for another canvas"):
        tf.function(lambda rows: dense.retinanet(RetinaNet(), HW, 2, rows))(rows)
