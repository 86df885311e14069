"""How well the anchors cover some objects, as a line of text and a bar chart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

_BINS = np.linspace(0, 1, 41)
_LEVELS = ("#4cc9f0", "#4895ef", "#7b6cf6", "#b5179e", "#f72585", "#ff9e00", "#ffd60a")
"""Colours from the finest level to the coarsest: no class's."""


def counted(
    iou: Sequence[float | None], level: Sequence[str | None], ignore: Sequence[bool | None]
) -> tuple[NDArray[np.float64], list[str]]:
    """Of the objects that are trained on and have an anchor: best IoU and level."""
    rows = [i for i, one in enumerate(iou) if one is not None and not ignore[i]]
    return np.array([iou[i] for i in rows], np.float64), [level[i] or "" for i in rows]


def summary(iou: NDArray[np.float64], threshold: float) -> str:
    """One line of markdown. Example: **2** objects, mean best IoU **0.600**, **50.0 %** reach 0.5."""
    if not len(iou):
        return "no objects with anchors in this view"
    share = 100 * float((iou >= threshold).mean())
    return (
        f"**{len(iou):,}** objects, mean best IoU **{iou.mean():.3f}**, **{share:.1f} %** reach {threshold:g}"
    )


def bars(iou: NDArray[np.float64], level: Sequence[str]) -> list[dict[str, Any]]:
    """A stacked bar chart, one trace a level, 40 bins of 0.025."""
    names, middles = list(dict.fromkeys(level)), (_BINS[:-1] + _BINS[1:]) / 2
    names.sort(key=lambda name: [int(word) for word in name.split() if word.isdigit()])
    held = np.array(level)
    return [
        {
            "type": "bar",
            "name": name,
            "x": middles.tolist(),
            "y": np.histogram(iou[held == name], _BINS)[0].tolist(),
            "marker": {"color": _LEVELS[i % len(_LEVELS)]},
        }
        for i, name in enumerate(names)
    ]
