"""Objects too small for the input, and a resize that bends them."""

from __future__ import annotations

import re

import numpy as np
import pytest

from datapipe.doctor import Finding, Passed
from datapipe.doctor.sizes import aspect_kept, large_enough
from datapipe.doctor.view import Lens, look
from datapipe.errors import InputError, UsageError
from datapipe.targets import MobileNetSSD, YoloV4
from doctor.ailing import columns, squares

HALF = Lens.of("yolov4", YoloV4(), 320)
"""640 x 480 becomes 320 x 240 on 320 x 320."""


def severity(made: object) -> str:
    return made.severity if isinstance(made, Finding) else "well"


def test_shares_under_8_px_decide():
    def of(n: int) -> str:
        made = large_enough(look(columns(squares(*[15] * n, *[16] * (100 - n))), HALF))
        assert made.figures["under_8_px"] == n and made.figures["under_2_px"] == 0
        return severity(made)

    assert [of(n) for n in (0, 9, 10, 49, 50)] == ["well", "well", "warning", "warning", "serious"]


def test_shares_under_2_px_decide():
    def of(n: int) -> str:
        return severity(large_enough(look(columns(squares(*[3] * n, *[40] * (200 - n))), HALF)))

    assert [of(n) for n in (1, 2, 19, 20, 39, 40)] == ["well", *["warning"] * 4, "serious"]


def test_the_shorter_side_counts_and_ignored_objects_do_not():
    flat = [[(0, (10, 10, 400, 20))]] * 5
    made = large_enough(look(columns([*flat, *squares(*[3] * 9)], crowd=range(5, 14)), HALF))
    assert made.figures["objects"] == 5 == made.figures["under_8_px"]
    assert large_enough(look(columns(squares(3), crowd=[0]), HALF)) is None


def test_the_input_it_asks_for_is_large_enough():
    made = look(columns(squares(*[12] * 30, *[40] * 70)), HALF)
    mend = large_enough(made).mend
    height, width = map(int, re.search(r"hw: \[(\d+), (\d+)\]", mend).groups())
    assert (height, width) == (448, 448)  # 12 px become 6 at 320: 320 * 8 / 6 = 427, on to 448
    again = look(columns(squares(*[12] * 30, *[40] * 70)), Lens.of("yolov4", YoloV4(), (height, width)))
    assert isinstance(large_enough(again), Passed)


def test_an_input_more_than_twice_as_large_is_no_advice():
    assert "tiles" in large_enough(look(columns(squares(*[5] * 30)), HALF)).mend


@pytest.mark.parametrize(
    ("wh", "expected"),
    [((640, 480), "well"), ((600, 400), "well"), ((1280, 720), "warning"), ((400, 1300), "serious")],
)
def test_stretching_is_judged_by_how_far_it_bends(wh: tuple[int, int], expected: str):
    lens = Lens.of("mobilenet_ssd", MobileNetSSD())
    made = aspect_kept(look(columns(squares(60, 60), wh=wh), lens))
    assert severity(made) == expected
    assert made.figures["median"] == pytest.approx(max(wh) / min(wh), abs=1e-3)
    gentle = Lens.of("mobilenet_ssd", MobileNetSSD(), 320, "letterbox")
    assert severity(aspect_kept(look(columns(squares(60, 60), wh=wh), gentle))) == "well"


def test_one_object_in_five_bent_is_enough():
    def of(bent: int) -> str:
        made = columns(squares(*[60] * 100))
        made.image_wh[:bent] = (1280, 720)
        return severity(aspect_kept(look(made, Lens.of("mobilenet_ssd", MobileNetSSD()))))

    assert [of(19), of(20)] == ["well", "warning"]


def test_a_size_that_cannot_be_is_refused():
    with pytest.raises(UsageError, match="input size: 16 x 16 px, want 32 or more"):
        Lens.of("yolov4", YoloV4(), 16)
    with pytest.raises(UsageError, match="short_side has many"):
        Lens.of("mobilenet_ssd", MobileNetSSD(), None, "short_side")
    with pytest.raises(UsageError, match="these maps are for 300 px"):
        Lens.of("mobilenet_ssd", MobileNetSSD.torchvision_ssd300(), 320)


def test_a_coordinate_that_is_no_number_is_refused():
    made = columns(squares(60))
    made.xyxy[0, 0] = np.nan
    with pytest.raises(InputError, match="no number"):
        look(made, HALF)
