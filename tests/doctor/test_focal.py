"""What the focal loss sees: the formula against an output-by-output sum, the counts against dense anchors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datapipe import boxes
from datapipe.doctor import Finding, Passed
from datapipe.doctor.focal import (
    anchors_of,
    background_share,
    balanced_alpha,
    bias,
    calm_prior,
    foreground_seen,
    positives,
)
from datapipe.doctor.view import Lens, look
from datapipe.targets import MobileNetSSD, RetinaNet, YoloV4
from doctor.ailing import EIGHTY, columns, healthy, squares

RETINANET = Lens.of("retinanet", RetinaNet())


def focal(p: np.ndarray, target: np.ndarray, gamma: float, alpha: float) -> np.ndarray:
    """arXiv:1708.02002, equation 5, output by output."""
    right = np.where(target == 1, p, 1 - p)
    weight = np.where(target == 1, alpha, 1 - alpha)
    return -weight * (1 - right) ** gamma * np.log(right)


@given(
    n=st.integers(1, 50),
    outputs=st.integers(51, 5000),
    pi=st.floats(1e-4, 0.5),
    gamma=st.sampled_from([0.0, 1.5, 2.0]),
    alpha=st.floats(0.05, 0.95),
)
def test_the_share_is_that_of_the_loss_summed_over_outputs(n, outputs, pi, gamma, alpha):
    target = np.zeros(outputs)
    target[:n] = 1
    loss = focal(np.full(outputs, pi), target, gamma, alpha)
    expected = loss[target == 0].sum() / loss.sum()
    assert background_share(n, outputs, pi, gamma, alpha) == pytest.approx(expected, rel=1e-9)


def test_the_worked_example_holds():
    outputs = 200_700 * 80
    assert background_share(50, outputs, 0.01, 2, 0.25) == pytest.approx(0.177, abs=5e-4)
    assert background_share(50, outputs, 0.01, 1.5, 0.25) == pytest.approx(0.68, abs=5e-3)
    assert background_share(50, outputs, 0.5, 2, 0.25) > 0.99998
    assert bias(0.01) == pytest.approx(-4.595, abs=1e-3)


def test_balanced_alpha_weighs_both_sides_alike():
    alpha = balanced_alpha(50, 200_700)
    assert alpha == pytest.approx(0.99975, abs=1e-5)
    assert alpha * 50 == pytest.approx((1 - alpha) * (200_700 - 50))
    one = background_share(50, 200_700, 0.01, 2, alpha)
    many = background_share(5, 10**7, 0.01, 2, balanced_alpha(5, 10**7))
    assert one == pytest.approx(many), "the counts cancel"


@pytest.mark.parametrize("spec", [RetinaNet(), MobileNetSSD()])
def test_positives_of_each_level_are_those_of_the_dense_table(spec):
    lens = Lens.of("retinanet" if isinstance(spec, RetinaNet) else "mobilenet_ssd", spec)
    apart = [
        one
        for x, y, side in ((20, 30, 60), (300, 40, 90), (100, 250, 200), (500, 300, 24))
        for one in squares(side, at=(x + side / 2, y + side / 2))
    ]
    made = look(columns([[box for picture in apart for box in picture]]), lens)
    hw = tuple(int(side) for side in made.canvas_hw[0])
    sizes = [int(grid.count_xy.prod()) * len(grid.wh) for grid in spec.grids(hw)]
    iou = boxes.iou(spec.anchors(hw), made.seen.xyxy)
    taken = (iou >= 0.5).any(axis=1)
    if isinstance(spec, MobileNetSSD):
        taken[iou.argmax(axis=0)] = True
    expected = [part.sum() for part in np.split(taken, np.cumsum(sizes)[:-1])]
    assert positives(spec, made.seen).tolist() == expected and sum(expected) > 4
    assert anchors_of(spec, made) == sum(sizes) == len(iou)


def test_a_full_dataset_is_well_and_says_so_in_numbers():
    made = foreground_seen(look(columns(healthy()), RETINANET))
    assert isinstance(made, Passed)
    figures = made.figures
    published = figures["background_share"][2]
    assert (published["pi"], published["gamma"], published["alpha"]) == (0.01, 2.0, "0.25")
    n, outputs = figures["positives_per_image"], figures["outputs_per_image"]
    assert published["share"] == pytest.approx(background_share(n, outputs, 0.01, 2, 0.25), rel=1e-3)
    assert figures["outputs_per_image"] == 2 * figures["anchors_per_image"]
    assert figures["prior"] == pytest.approx(n / outputs, rel=1e-3)
    assert figures["bias"] == pytest.approx(bias(figures["prior"]), abs=1e-3)
    assert "P3" in made.evidence and "gamma 1.5" in made.evidence and "balanced alpha" in made.evidence


def test_few_objects_among_many_classes_drown():
    def of(empty: int) -> Finding | Passed:
        return foreground_seen(look(columns([*squares(60), *[[]] * empty], classes=EIGHTY), RETINANET))

    assert isinstance(of(0), Passed)
    assert of(5).severity == of(60).severity == "warning"
    drowned = of(400)
    assert drowned.severity == "serious"
    assert "if no prior is set" in drowned.evidence
    pi = calm_prior(drowned.figures["positives_per_image"], drowned.figures["outputs_per_image"])
    assert f"= {bias(pi):.2f} (" in drowned.mend


@given(n=st.floats(0.01, 20), outputs=st.floats(1e6, 1e8))
def test_at_the_calm_prior_background_has_half(n, outputs):
    pi = calm_prior(n, outputs)
    share = background_share(n, outputs, pi, 2, 0.25)
    assert share == pytest.approx(0.5, abs=1e-6) or (pi == pytest.approx(0.01) and share < 0.5)


def test_no_positive_at_all_is_serious():
    made = foreground_seen(look(columns(squares(8, 8)), RETINANET))
    assert made.severity == "serious" and "no anchor of" in made.evidence


def test_yolov4_has_no_focal_loss():
    assert foreground_seen(look(columns(healthy()), Lens.of("yolov4", YoloV4()))) is None
