"""Overlaps and box codes in TensorFlow against golden numbers and the NumPy of `targets`."""

from __future__ import annotations

import numpy as np
import perfect
import pytest

from datapipe import boxes
from datapipe.targets import YoloV4
from datapipe.targets.codes import BoxCode, encode
from datapipe.targets.decode import decode, yolov4_boxes

pytestmark = pytest.mark.xdist_group("tensorflow")


def random_boxes(n: int, seed: int = 0, least: float = 1.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    corner = rng.random((n, 2)) * 400
    return np.concatenate([corner, corner + rng.uniform(least, 200, (n, 2))], axis=1)


def test_a_table_of_iou_is_that_of_numpy_and_padding_overlaps_nothing():
    from datapipe.heads.overlap import iou

    some = random_boxes(30)
    table = iou(some[:, None], some[None])
    assert np.allclose(table, boxes.iou(some, some), atol=1e-6)
    nothing = np.zeros((30, 4), np.float32)
    assert not np.asarray(iou(some, nothing)).any()
    assert not np.asarray(iou(nothing, nothing)).any()


def test_golden_numbers_of_darknets_box_diou():
    from datapipe.heads.overlap import diou, iou

    a, b = np.array([0.3, 0.3, 0.7, 0.7]), np.array([0.35, 0.3, 0.75, 0.7])
    assert float(iou(a, b)) == pytest.approx(0.77778, abs=1e-5)
    assert float(diou(a, b)) == pytest.approx(0.72729, abs=1e-5)
    assert float(diou(a, b, beta=1.0)) == pytest.approx(0.77088, abs=1e-5)
    many = random_boxes(20)
    for beta in (0.6, 1.0):
        want = [[perfect.diou(one, two, beta) for two in many] for one in many]
        assert np.allclose(diou(many[:, None], many[None], beta), want, atol=1e-5)


def test_ciou_by_hand():
    from datapipe.heads.overlap import ciou

    assert float(ciou([0.0, 0, 2, 2], [1.0, 0, 2, 2])) == pytest.approx(1 / 3 - 1 / 13)
    assert float(ciou([5.0, 5, 3, 2], [5.0, 5, 3, 2])) == pytest.approx(1)
    # 4 x 2 inside 4 x 4, same centre: IoU 1/2, v = 4/pi² (atan 1 - atan 2)², alpha = v / (1/2 + v)
    v = 4 / np.pi**2 * (np.arctan(1) - np.arctan(2)) ** 2
    assert float(ciou([0.0, 0, 4, 2], [0.0, 0, 4, 4])) == pytest.approx(0.5 - v * v / (0.5 + v))


def test_cious_alpha_is_a_constant_to_the_gradient():
    import tensorflow as tf

    from datapipe.heads.overlap import ciou

    box = tf.constant([0.0, 0, 3, 2])  # inside 4 x 4, same centre: IoU = w h / 16
    with tf.GradientTape() as tape:
        tape.watch(box)
        value = ciou(box, [0.0, 0, 4, 4])
    apart = np.arctan(1) - np.arctan(1.5)
    v, slope = 4 / np.pi**2 * apart**2, -8 / np.pi**2 * apart / (1 + 1.5**2) / 2
    alpha = v / (1 - 6 / 16 + v)
    assert float(tape.gradient(value, box)[2]) == pytest.approx(2 / 16 - alpha * slope, rel=1e-4)


def test_ciou_pulls_apart_boxes_together_and_has_a_finite_gradient_anywhere():
    import tensorflow as tf

    from datapipe.heads.overlap import ciou

    far = tf.constant([[0.0, 0, 10, 10], [600, 600, 5e-4, 1e7], [5, 5, 1e7, 5e-4], [0, 0, 1e-3, 1e-3]])
    to = tf.constant([[50.0, 0, 10, 10]] * 4)
    with tf.GradientTape() as tape:
        tape.watch(far)
        value = ciou(far, to)
    gradient = tape.gradient(value, far).numpy()
    assert np.isfinite(gradient).all()
    assert gradient[0, 0] > 0, "IoU itself has no gradient here"


@pytest.mark.parametrize("kind", ["corners", "centre_size"])
@pytest.mark.parametrize("axes", ["xy", "yx"])
def test_codes_are_undone_as_numpy_undoes_them(kind, axes):
    import tensorflow as tf

    from datapipe.heads.codes import from_code

    code = BoxCode(kind, (0.1, 0.15, 0.2, 0.25), axes)
    anchors, wanted = random_boxes(50, 1, least=16), random_boxes(50, 2)
    box = encode(code, anchors, wanted)
    back = np.asarray(from_code(code, tf.constant(anchors, tf.float32), box))
    assert np.abs(back - wanted).max() < 1e-3
    assert np.allclose(back, decode(code, anchors, box), atol=1e-3)


def test_a_side_grows_by_62_and_a_half_at_most():
    import tensorflow as tf

    from datapipe.heads.codes import from_code

    anchor = tf.constant([[0.0, 0, 10, 10]])
    back = np.asarray(from_code(BoxCode(), anchor, tf.constant([[0.0, 0, 100, 1]], tf.float16)))
    assert back[0, 2] - back[0, 0] == pytest.approx(625)
    assert back[0, 3] - back[0, 1] == pytest.approx(10 * np.e, rel=1e-5)


def test_cells_are_read_as_numpy_reads_them_with_darknets_golden_numbers():
    from datapipe.heads.codes import cells, from_cells

    spec, hw = YoloV4(), (96, 160)
    rng = np.random.default_rng(0)
    first = 0
    for level in range(3):
        where = cells(spec, hw, level)
        logits = rng.normal(size=(*where.wh.shape[:3], 4)).astype(np.float32)
        anchors = first + np.arange(logits[..., 0].size)
        first += len(anchors)
        want = yolov4_boxes(spec, hw, anchors, logits.reshape(-1, 4))
        assert np.allclose(np.asarray(from_cells(where, logits)).reshape(-1, 4), want, rtol=1e-6, atol=1e-4)
    coarse = cells(spec, (608, 608), 2)
    one = coarse._replace(corner_xy=coarse.corner_xy[5, 8, 0], wh=coarse.wh[5, 8, 0])
    golden = from_cells(one, np.array([2.3078, 1.9136, -0.1551, 0.5057]))
    assert np.asarray(golden) == pytest.approx([285.76, 188.48, 121.6, 182.4], abs=0.01)
    assert np.isfinite(from_cells(one, np.array([99.0, -99, 99, -99]))).all()
