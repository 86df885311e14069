"""How a box is written relative to its anchor."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from datapipe.targets.grids import Floats

Kind = Literal["corners", "centre_size"]
Axes = Literal["xy", "yx"]
YX = [1, 0, 3, 2]


class BoxCode(NamedTuple):
    """One project's four numbers.

    kind:      "corners": each corner's shift over the anchor's side (keras-retinanet);
               "centre_size": the centre's shift over the side, ln of the ratio of sides (Faster R-CNN, SSD)
    variances: the four numbers are divided by these, in the order x, y, x, y (or x, y, w, h)
    axes:      "xy", or "yx": y before x, height before width (TF Object Detection, Model Garden)
    """

    kind: Kind = "centre_size"
    variances: tuple[float, float, float, float] = (1.0, 1.0, 1.0, 1.0)
    axes: Axes = "xy"


def check_variances(variances: tuple[float, ...]) -> None:
    """Refuse what cannot be divided by.

    Raises:
        ValueError: not four numbers above 0.
    """
    if len(variances) != 4 or min(variances) <= 0:
        raise ValueError(f"variances: {variances}, want four numbers above 0")


def encode(code: BoxCode, anchors: Floats, xyxy: Floats) -> NDArray[np.float32]:
    """Boxes relative to their anchors.

    Args:
        code: how.
        anchors: (R, 4) xyxy px.
        xyxy: (R, 4) px, sides above 0.

    Returns:
        (R, 4) float32. Example: (100, 120, 220, 300) on the anchor (96, 96, 224, 288): corners over 0.2
        are 4 / 128 / 0.2 = 0.15625, then 0.625, -0.15625, 0.3125; centre and size are 0, 18 / 192 =
        0.09375, ln(120 / 128) = -0.0645385 and ln(180 / 192), the same.
    """
    sides = anchors[:, 2:] - anchors[:, :2]
    if code.kind == "corners":
        numbers = (xyxy - anchors) / np.concatenate([sides, sides], axis=1)
    else:
        wh = xyxy[:, 2:] - xyxy[:, :2]
        shift = ((xyxy[:, :2] + xyxy[:, 2:]) - (anchors[:, :2] + anchors[:, 2:])) * 0.5 / sides
        numbers = np.concatenate([shift, np.log(wh / sides)], axis=1)
    numbers /= np.array(code.variances)
    ordered: NDArray[np.float32] = numbers.astype(np.float32)
    return ordered[:, YX] if code.axes == "yx" else ordered
