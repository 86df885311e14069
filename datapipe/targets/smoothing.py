"""Label smoothing: the arithmetic, in one place. It is applied where dense targets are made, nowhere else."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Form = Literal["softmax", "sigmoid"]


def on_off(epsilon: float, form: Form, classes: int) -> tuple[float, float]:
    """What a label of 1 and a label of 0 become: y (1 - e) + e / C, or y (1 - e) + e / 2.

    Args:
        epsilon: 0 (off) up to, not including, 1.
        form: "softmax": classes compete (Keras CategoricalCrossentropy); "sigmoid": each stands alone
            (Keras BinaryCrossentropy, darknet's label_smooth_eps, YOLOv5).
        classes: C, the width of the softmax with its background class; unused by the sigmoid.

    Returns:
        (on, off). Example: 80 classes, 0.1: softmax 0.90125 and 0.00125, sigmoid 0.95 and 0.05.
    """
    off = epsilon / (classes if form == "softmax" else 2)
    return 1 - epsilon + off, off


def smooth(
    one_hot: NDArray[np.float32], state: NDArray[np.int8], epsilon: float, form: Form
) -> NDArray[np.float32]:
    """Smooth the rows of positives; background, ignored and padding stay as they are.

    Args:
        one_hot: (..., C) zeros and ones.
        state: (...,) 1 positive, 0 background or padding, -1 ignored.
        epsilon: see `on_off`.
        form: see `on_off`.

    Returns:
        (..., C) float32. Objectness and boxes are never smoothed.
    """
    on, off = on_off(epsilon, form, one_hot.shape[-1])
    smoothed = one_hot * np.float32(on - off) + np.float32(off)
    return np.where((state == 1)[..., None], smoothed, one_hot)


def check_epsilon(label_smoothing: float) -> None:
    """Refuse what cannot be smoothed by.

    Raises:
        ValueError: not in [0, 1).
    """
    if not 0 <= label_smoothing < 1:
        raise ValueError(f"label_smoothing: {label_smoothing}, want 0 or more and below 1")
