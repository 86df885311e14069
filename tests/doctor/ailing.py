"""Columns and datasets with one illness each, and healthy ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from make import make_coco, make_image, make_picture

from datapipe import boxes
from datapipe.dataset import Dataset
from datapipe.doctor import Augmented, examine
from datapipe.doctor.augmentation import augmentation
from datapipe.doctor.diagnosis import Finding
from datapipe.ingest import IngestOptions, ingest
from datapipe.stats.columns import Columns

Box = tuple[float, float, float, float]
CLASSES = ("bolt", "nut")
EIGHTY = tuple(str(i) for i in range(80))


def columns(
    per_image: Sequence[Sequence[tuple[int, Box]]],
    wh: tuple[int, int] = (640, 480),
    classes: tuple[str, ...] = CLASSES,
    crowd: Sequence[int] = (),
) -> Columns:
    """Pictures of one size, each a list of (class, box); `crowd` names rows."""
    rows = [(i, *one) for i, objects in enumerate(per_image) for one in objects]
    xyxy = np.array([box for *_, box in rows], np.float64).reshape(-1, 4)
    flags = np.zeros(len(rows), np.bool_)
    made = flags.copy()
    made[list(crowd)] = True
    return Columns(
        classes=classes,
        image_wh=np.tile(np.array(wh, np.int64), (len(per_image), 1)),
        left_out=np.zeros(len(per_image), np.int64),
        image=np.array([i for i, *_ in rows], np.int64),
        class_id=np.array([number for _, number, _ in rows], np.int64),
        xyxy=xyxy,
        area=boxes.area(xyxy),
        crowd=made,
        difficult=flags,
        truncated=flags,
    )


def squares(*sides: float, at: tuple[float, float] = (300, 220), number: int = 0) -> list[Any]:
    """Pictures with one square each, centred on a point."""
    x, y = at
    return [[(number, (x - s / 2, y - s / 2, x + s / 2, y + s / 2))] for s in sides]


def dataset(
    folder: Path,
    per_image: Sequence[Sequence[tuple[int, Box]]],
    wh: tuple[int, int] = (640, 480),
    classes: tuple[str, ...] = CLASSES,
    split: str = "",
    same: Sequence[int] = (),
) -> Dataset:
    """The same as `columns`, ingested; pictures named in `same` have equal bytes."""
    images = [
        make_image(
            f"{i}.jpg",
            *((x1, y1, x2 - x1, y2 - y1, number) for number, (x1, y1, x2, y2) in objects),
            wh=wh,
            data=make_picture(wh, seed=0) if i in same else make_picture(wh, seed=i + 1),
        )
        for i, objects in enumerate(per_image)
    ]
    ingest([make_coco(folder / "source", images, classes)], folder / "out", IngestOptions(split=split))
    return Dataset(folder / "out")


def in_splits(made: Dataset, **rows: Sequence[int]) -> Dataset:
    """Move images (by their number in the source) to splits."""
    import json

    place = {str(i + 1): name for name, numbers in rows.items() for i in numbers}
    (made.folder / "splits.json").write_text(json.dumps(place))
    return Dataset(made.folder)


def healthy(n: int = 30) -> list[list[tuple[int, Box]]]:
    """Pictures of four objects of 90 to 150 px, of two classes, well apart."""
    size = np.random.default_rng(0).uniform(90, 150, (n, 4, 2)).round()
    corner = ((20, 20), (350, 20), (20, 260), (350, 260))
    return [
        [(k % 2, (x, y, x + w, y + h)) for k, ((x, y), (w, h)) in enumerate(zip(corner, sizes, strict=True))]
        for sizes in size
    ]


def augmented(**changes: Any) -> Augmented:
    """A gentle augmentation of 100 objects on 50 pictures; 50 samples of two positives."""
    known: dict[str, Any] = {
        "original_px": np.full(100, 80.0),
        "augmented_px": np.full(100, 80.0),
        "inflation": np.full(100, 1.05),
        "slack": np.full(100, 1.1),
        "pictures": 50,
        "empty_pictures": 0,
        "samples": 50,
        "empty_samples": 0,
        "seen": 110,
        "kept": 100,
        "cut": 10,
        "ignored": 5,
        "gone": 5,
    }
    return Augmented(**known | changes)


def found(made: Dataset, **options: Any) -> dict[str, Finding]:
    """Findings by code, the worst of each."""
    findings = examine(made, **options).findings
    return {one.code: one for one in reversed(findings)}


def _told(per_image: Any, **options: Any) -> Callable[[Path], set[str]]:
    asked = {"detector": options.pop("detector", None), "split": options.pop("of", None)}
    rows = options.pop("rows", None)

    def reach(folder: Path) -> set[str]:
        made = dataset(folder, per_image, **options)
        return set(found(in_splits(made, **rows) if rows else made, **asked))

    return reach


def _planned(**changes: Any) -> Callable[[Path], set[str]]:
    return lambda folder: {one.code for one in augmentation(augmented(**changes)) if isinstance(one, Finding)}


_LONELY = {"train": range(20), "val": range(20, 30)}
AILING: dict[str, Callable[[Path], set[str]]] = {
    "DP501": _told(squares(*[10] * 12), detector="retinanet"),
    "DP502": _told(squares(*[5] * 12), detector="yolov4"),
    "DP503": _told(squares(*[60] * 12), wh=(1280, 400), detector="mobilenet_ssd"),
    "DP504": _told([*squares(60), *[[]] * 9], classes=EIGHTY, detector="retinanet"),
    "DP505": _told([[(0, (1, 1, 99, 99))]] * 10 + squares(60, number=1)),
    "DP506": _told(squares(60, 70)),
    "DP507": _told([[(0, (9, 9, 99, 99)), (0, (9, 9, 99, 99))]]),
    "DP508": _told([[(0, (9, 9, 99, 99)), (0, (9, 9, 99, 70))]]),
    "DP509": _told(squares(*[60] * 5)),
    "DP510": _told([*squares(*[60] * 20), *squares(*[60] * 10, number=1)], rows=_LONELY),
    "DP511": _told(healthy(), same=(3, 25), rows=_LONELY),
    "DP512": _told(squares(*[10] * 12), detector="retinanet"),
    "DP521": _planned(inflation=np.full(100, 1.3)),
    "DP522": _planned(ignored=50, gone=5, seen=155),
    "DP523": _planned(empty_samples=10),
    "DP524": _planned(augmented_px=np.full(100, 20.0)),
}
"""What reaches each code of the doctor, for tests/test_codes.py too."""
