"""Augmentation that is too harsh, on constructed values."""

from __future__ import annotations

import numpy as np
import pytest

from datapipe.doctor import Finding, Passed
from datapipe.doctor.augmentation import augmentation, boxes_tight, objects_kept, samples_filled, sizes_alike
from doctor.ailing import augmented


def severity(made: object) -> str:
    return made.severity if isinstance(made, Finding) else "well"


def test_a_gentle_augmentation_passes_every_check():
    made = list(augmentation(augmented()))
    assert [one.code for one in made] == ["DP521", "DP522", "DP523", "DP524"]
    assert all(isinstance(one, Passed) for one in made)


def hulls(limit_deg: float, side: tuple[float, float] = (1.0, 1.0)) -> np.ndarray:
    """Inflation of corner hulls under 1000 evenly spread rotations."""
    turn = np.deg2rad(np.linspace(-limit_deg, limit_deg, 1000))
    c, s = np.abs(np.cos(turn)), np.abs(np.sin(turn))
    w, h = side
    return (w * c + h * s) * (w * s + h * c) / (w * h)


@pytest.mark.parametrize(
    ("degrees", "expected"), [(0, "well"), (10, "well"), (15, "warning"), (30, "serious")]
)
def test_rotation_is_judged_by_the_hulls_it_makes(degrees: float, expected: str):
    inflation = hulls(degrees)
    alike = {"augmented_px": inflation, "slack": np.ones(1000), "kept": 1000, "seen": 1010}
    made = boxes_tight(augmented(inflation=inflation, **alike))
    assert severity(made) == expected
    median = 1 + np.sin(np.deg2rad(degrees))  # of 1 + sin 2t over |t| <= degrees
    assert made.figures["median"] == pytest.approx(median, abs=2e-3)


@pytest.mark.parametrize(
    ("degrees", "side", "expected"),
    [(10, (1, 1), "well"), (10, (3, 1), "well"), (20, (1, 1), "well"), (25, (1, 1), "warning")]
    + [(40, (1, 1), "warning"), (180, (3, 1), "warning")],
)
def test_boxes_that_could_be_much_larger_are_in_doubt(
    degrees: float, side: tuple[float, float], expected: str
):
    turn = np.deg2rad(np.linspace(-degrees, degrees, 1000))
    c, s = np.cos(turn), np.sin(turn)
    ellipse = np.hypot(side[0] * c, side[1] * s) * np.hypot(side[0] * s, side[1] * c) / np.prod(side)
    px = np.full(1000, 80.0)
    shapes = {"inflation": np.ones(1000), "slack": hulls(degrees, side) / ellipse}
    made = boxes_tight(augmented(**shapes, augmented_px=px, kept=1000, seen=1010))
    assert severity(made) == expected


def test_a_mosaic_that_shows_a_quarter_of_four_pictures_cuts_nothing_too_much():
    made = objects_kept(augmented(seen=400, gone=290, ignored=10, cut=40))
    assert severity(made) == "well" and made.figures["yield"] == 1.0 and made.figures["gone_share"] == 0.725


@pytest.mark.parametrize(
    ("kept", "ignored", "expected"),
    [(51, 0, "well"), (50, 0, "warning"), (26, 0, "warning"), (25, 0, "serious")]
    + [(76, 24, "well"), (75, 25, "warning"), (51, 49, "warning"), (60, 60, "serious"), (0, 0, "serious")],
)
def test_positives_and_fragments_decide_what_is_cut_too_much(kept: int, ignored: int, expected: str):
    px = np.full(kept, 80.0)
    changed = augmented(
        augmented_px=px,
        inflation=px,
        slack=px,
        kept=kept,
        ignored=ignored,
        cut=0,
        seen=200,
        gone=200 - kept - ignored,
    )
    assert severity(objects_kept(changed)) == expected


@pytest.mark.parametrize(
    ("empty", "before", "expected"),
    [
        (4, 0, "well"),
        (5, 0, "warning"),
        (19, 0, "warning"),
        (20, 0, "serious"),
        (24, 20, "well"),
        (25, 20, "warning"),
    ],
)
def test_empty_samples_count_beyond_empty_pictures(empty: int, before: int, expected: str):
    assert severity(samples_filled(augmented(empty_samples=empty, empty_pictures=before))) == expected


@pytest.mark.parametrize(
    ("px", "expected"),
    [
        (80, "well"),
        (41, "well"),
        (40, "warning"),
        (159, "well"),
        (160, "warning"),
        (20, "serious"),
        (320, "serious"),
    ],
)
def test_sizes_may_shift_by_less_than_an_octave(px: float, expected: str):
    made = sizes_alike(augmented(augmented_px=np.full(100, float(px))))
    assert severity(made) == expected
    assert made.figures["octaves"] == pytest.approx(np.log2(px / 80), abs=1e-4)


def test_tiny_objects_may_not_become_many_more():
    def of(n: int) -> str:
        return severity(sizes_alike(augmented(augmented_px=np.r_[np.full(n, 7.0), np.full(100 - n, 80.0)])))

    assert [of(14), of(15)] == ["well", "warning"]


def test_counts_that_do_not_add_up_are_refused():
    with pytest.raises(ValueError, match="seen 111 is not kept 100"):
        augmented(seen=111)
    with pytest.raises(ValueError, match="kept 100: 99 sizes, 100 inflations, 100 slacks"):
        augmented(augmented_px=np.full(99, 80.0))


def test_nothing_seen_is_nothing_judged():
    none = np.zeros(0)
    made = augmented(
        original_px=none, augmented_px=none, inflation=none, slack=none, pictures=0, samples=0,
        seen=0,
        kept=0, cut=0, ignored=0, gone=0,
    )  # fmt: skip
    assert list(augmentation(made)) == []
