"""A dataset's objects as a detector sees them: on the canvas of its input, after its own resize."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datapipe.dataset import Dataset
from datapipe.errors import InputError
from datapipe.resizing import Mode, place, resize

LEAST_SIDE_PX = 2.0
"""Objects thinner than this at the input's size are no guide to anchors."""
SIZES = (("small", 0.0), ("medium", 32.0**2), ("large", 96.0**2))
"""COCO's bins, by area in px² of the original picture."""


@dataclass(frozen=True, eq=False)
class Columns:
    """M objects on I pictures.

    xyxy:       (M, 4) px of the picture; area: (M,) px² of the mask, else of the box
    image:      (M,) row of picture_wh; picture_wh: (I, 2) px
    class_id:   (M,) index into classes
    ignore:     (M,) crowd or difficult
    canvas_hw:  None; or (M, 2) px: the boxes lie on the network's canvas already, and this is each one's
    """

    xyxy: NDArray[np.float32]
    area: NDArray[np.float32]
    image: NDArray[np.int64]
    picture_wh: NDArray[np.int64]
    class_id: NDArray[np.int64]
    ignore: NDArray[np.bool_]
    classes: tuple[str, ...]
    canvas_hw: NDArray[np.int64] | None = None

    @classmethod
    def of(cls, dataset: Dataset, split: str | None = None) -> Columns:
        """The objects of a split; None for `default_split`, "" for everything."""
        split = default_split(dataset) if split is None else split
        images, objects = dataset.images, dataset.objects
        image = objects["image"].astype(np.int64)
        inside = np.full(len(dataset), not split)
        if split:
            inside[dataset.split(split)] = True
        rows = inside[image]
        corners = [objects[side][rows] for side in ("xmin", "ymin", "xmax", "ymax")]
        return cls(
            xyxy=np.stack(corners, axis=1).astype(np.float32),
            area=objects["area"][rows].astype(np.float32),
            image=image[rows],
            picture_wh=np.stack([images["width"], images["height"]], axis=1).astype(np.int64),
            class_id=objects["class_id"][rows].astype(np.int64),
            ignore=(objects["crowd"] | objects["difficult"])[rows],
            classes=tuple(dataset.classes),
        )


def default_split(dataset: Dataset) -> str:
    """`train` if there is one, else "": everything."""
    return "train" if "train" in dataset.splits else ""


@dataclass(frozen=True, eq=False)
class Seen:
    """The M objects that anchors are fitted to and judged on.

    xyxy:      (M, 4) float64 px of the canvas; hw: (M, 2) the canvas, equal rows unless short_side
    image:     (M,) from 0 without gaps: pictures that hold such an object
    class_id:  (M,); size: (M,) row of SIZES
    ignored:   objects left out as crowd or difficult; too_small: thinner than LEAST_SIDE_PX
    """

    xyxy: NDArray[np.float64]
    hw: NDArray[np.int64]
    image: NDArray[np.int64]
    class_id: NDArray[np.int64]
    size: NDArray[np.int64]
    ignored: int
    too_small: int

    def __len__(self) -> int:
        return len(self.image)

    @property
    def wh(self) -> NDArray[np.float64]:
        """(M, 2) sides in px of the canvas."""
        return self.xyxy[:, 2:] - self.xyxy[:, :2]

    @property
    def images(self) -> int:
        """Pictures that hold at least one of these objects."""
        return int(self.image.max()) + 1


def see(columns: Columns, target: tuple[int, int], mode: Mode) -> Seen:
    """Put the objects on the canvas and leave out what is no guide.

    Args:
        columns: the objects.
        target: (H, W) of the canvas in px; for short_side (short, long).
        mode: the detector's resize.

    Raises:
        InputError: nothing is left to fit, or a box or a picture is no box or picture.
    """
    if len(columns.xyxy) and not np.isfinite(columns.xyxy).all():
        raise InputError("anchors: a box has a coordinate that is no number; run `datapipe verify`")
    wanted = np.flatnonzero(~columns.ignore)
    image = columns.image[wanted]
    if columns.canvas_hw is None:
        placement = resize(columns.picture_wh, target, mode)
        xyxy, hw = place(columns.xyxy[wanted], placement, image), placement.canvas_hw[image]
    else:
        xyxy, hw = columns.xyxy[wanted].astype(np.float64), columns.canvas_hw[wanted]
    thick = (xyxy[:, 2:] - xyxy[:, :2] >= LEAST_SIDE_PX).all(axis=1)
    ignored, too_small = int(columns.ignore.sum()), int((~thick).sum())
    if not thick.any():
        raise InputError(
            f"anchors: no object to fit: {len(columns.xyxy)} objects, {ignored} of them ignored "
            f"(crowd, difficult), {too_small} under {LEAST_SIDE_PX:.0f} px at the input size; "
            "choose another split or a larger --input-size"
        )
    kept, image = wanted[thick], image[thick]
    edges = [area for _, area in SIZES[1:]]
    return Seen(
        xyxy=xyxy[thick],
        hw=hw[thick],
        image=np.unique(image, return_inverse=True)[1].reshape(-1).astype(np.int64),
        class_id=columns.class_id[kept],
        size=np.searchsorted(edges, columns.area[kept], side="right").astype(np.int64),
        ignored=ignored,
        too_small=too_small,
    )
