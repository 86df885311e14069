"""A dataset as one detector sees it: its objects on the canvas of the input, and its anchors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datapipe import anchors
from datapipe.anchors.fitting import DEFAULTS, LONG_TO_SHORT
from datapipe.anchors.seen import LEAST_SIDE_PX, Seen, see
from datapipe.doctor.diagnosis import FOLDER
from datapipe.errors import UsageError
from datapipe.resizing import Mode, place, resize
from datapipe.stats.columns import Columns
from datapipe.targets.best import Detector
from datapipe.targets.grids import Floats, Ints
from datapipe.targets.ssd import MobileNetSSD


@dataclass(frozen=True, eq=False)
class Lens:
    """A detector and how pictures come to it.

    name: yolov4, retinanet, mobilenet_ssd, or what the recipe's targets are called
    spec: its anchors and matcher; None where the recipe's targets have none
    hw:   (H, W) of the canvas in px; for short_side (short, long)
    """

    name: str
    spec: Detector | None
    hw: tuple[int, int]
    mode: Mode

    @classmethod
    def of(
        cls,
        name: str,
        spec: Detector | None,
        size: int | tuple[int, int] | None = None,
        mode: Mode | None = None,
    ) -> Lens:
        """A detector at an input size; what is not given is the detector's usual.

        Raises:
            UsageError: the size or the resize cannot be.
        """
        usual = next((usual for known, usual in DEFAULTS.items() if known == name), DEFAULTS["yolov4"])
        mode = mode or usual[3]
        size = usual[2] if size is None else size
        if isinstance(size, int):
            size = (size, round(size * LONG_TO_SHORT) if mode == "short_side" else size)
        if min(size) < 32:
            raise UsageError(f"input size: {size[0]} x {size[1]} px, want 32 or more")
        if name == "mobilenet_ssd" and mode == "short_side":
            raise UsageError(
                "resize: mobilenet_ssd has one input size, short_side has many; letterbox or stretch"
            )
        if isinstance(spec, MobileNetSSD):
            try:
                spec.grids(size)
            except ValueError as error:
                raise UsageError(f"input size: {error}") from None
        return cls(name, spec, size, mode)

    def __str__(self) -> str:
        return f"{self.name} at {self.size}, {self.mode.replace('_', ' ')}"

    @property
    def size(self) -> str:
        """The input's size in words: 608 x 608."""
        return f"{self.hw[0]} x {self.hw[1]}"

    def refit(self) -> str:
        """The command that fits this detector's anchors at this size."""
        if self.name not in DEFAULTS:
            return f"datapipe anchors {FOLDER}"
        usual = Lens.of(self.name, self.spec)
        words = ["datapipe anchors", FOLDER, f"--detector {self.name}"]
        if self.hw != usual.hw or self.mode != usual.mode:
            words += [f"--input-size {self.hw[0]}x{self.hw[1]}", f"--resize {self.mode}"]
        return " ".join(words)


@dataclass(frozen=True, eq=False)
class View:
    """What a lens shows of a split.

    columns:   the split
    side_px:   (N,) shorter side at the input of every object that is trained on
    bend:      (I,) scale of width / scale of height of each picture; 1 where the aspect is kept
    canvas_hw: (I, 2) px
    seen:      the objects that anchors can be judged on; None if there is none
    """

    lens: Lens
    columns: Columns
    side_px: Floats
    bend: Floats
    canvas_hw: Ints
    seen: Seen | None


def look(columns: Columns, lens: Lens) -> View:
    """Put a split's objects on the canvas.

    Args:
        columns: the split.
        lens: the detector.

    Raises:
        InputError: a box has a coordinate that is no number.
    """
    placed = resize(columns.image_wh, lens.hw, lens.mode)
    rows = np.flatnonzero(~columns.ignored)
    xyxy = place(columns.xyxy[rows], placed, columns.image[rows])
    side = (xyxy[:, 2:] - xyxy[:, :2]).min(axis=1) if len(rows) else np.zeros(0)
    known = anchors.Columns(
        xyxy=columns.xyxy.astype(np.float32),
        area=columns.area.astype(np.float32),
        image=columns.image,
        picture_wh=columns.image_wh,
        class_id=columns.class_id,
        ignore=columns.ignored,
        classes=columns.classes,
    )
    usable = bool((~(side < LEAST_SIDE_PX)).any())  # a side that is no number is `see`'s to refuse
    seen = see(known, lens.hw, lens.mode) if usable else None
    return View(lens, columns, side, placed.scale_x / placed.scale_y, placed.canvas_hw, seen)


def trained(columns: Columns) -> NDArray[np.int64]:
    """(C,) objects of each class that are trained on: no crowd, not difficult."""
    return np.bincount(columns.class_id[~columns.ignored], minlength=len(columns.classes))
