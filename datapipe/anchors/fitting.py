"""Fit a detector's anchors to a dataset and judge them on pictures they were not fitted to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from datapipe.anchors import on_grid, yolov4
from datapipe.anchors.answer import AnchorReport, Compared, DetectorName, Verdict
from datapipe.anchors.cloud import Cloud, Floats, merge, thin
from datapipe.anchors.judging import FOLDS, WORTH, Gain, Quality, folds, gain, taken
from datapipe.anchors.seen import SIZES, Columns, Seen, default_split, see
from datapipe.dataset import Dataset
from datapipe.errors import UsageError, did_you_mean
from datapipe.progress import Progress, silent
from datapipe.resizing import Mode
from datapipe.targets.best import Detector
from datapipe.targets.retinanet import RetinaNet
from datapipe.targets.ssd import MobileNetSSD
from datapipe.targets.yolov4 import YoloV4

DEFAULTS: dict[DetectorName, tuple[Detector, int, int, Mode]] = {
    "yolov4": (YoloV4(), 9, 608, "letterbox"),
    "retinanet": (RetinaNet(), 9, 800, "short_side"),
    "mobilenet_ssd": (MobileNetSSD(), 6, 320, "stretch"),
}
"""The published anchors, k, the input's size and the resize of each detector."""
FITTED: dict[type, tuple[str, ...]] = {
    YoloV4: ("anchors_wh",),
    RetinaNet: ("sizes", "scales", "ratios"),
    MobileNetSSD: ("min_scale", "max_scale", "scales", "ratios", "ratios_by_map"),
}
"""What a fit decides; everything else in `targets` is the recipe's own."""
LONG_TO_SHORT = 1333 / 800
"""RetinaNet's longest side to its short side."""
FOLD_POINTS = 20_000
"""Most shapes that the folds' fits share; finer ones change nothing that a fold can measure."""

SHAPE_PX = 1 / 256
"""Shapes closer than this are one shape: what float32 corners leave of equal sides."""

Fit = Callable[[NDArray[np.bool_], bool], Detector]
"""(objects to fit to, whether this is the answer itself) -> the detector with fitted anchors."""


def fit(
    data: Dataset | Columns,
    detector: DetectorName = "yolov4",
    k: int | None = None,
    *,
    input_size: int | tuple[int, int] | None = None,
    resize: Mode | None = None,
    split: str | None = None,
    seed: int = 0,
    targets: object = None,
    progress: Progress = silent,
) -> AnchorReport:
    """Fit anchors and say whether to use them.

    Args:
        data: an ingested dataset, or the columns of its objects.
        detector: whose anchors, and whose matcher judges them.
        k: anchors (yolov4) or shapes in a cell (retinanet: scales x ratios; mobilenet_ssd: 1 + ratios).
        input_size: px, a side or (H, W); for short_side the short side, or (short, long).
        resize: None for the detector's own.
        split: of a Dataset; None for `train` if there is one, else everything; "" for everything.
        seed: of all chance: same data and seed, same answer.
        targets: of a recipe. If they are the detector's, their thresholds, strides and whatever else is not
            fitted take the defaults' place.
        progress: told of every fit.

    Raises:
        InputError: no object to fit.
        UsageError: an unknown detector, resize or split, or a k or size that cannot be.
    """
    if detector not in DEFAULTS:
        raise UsageError(f"detector: no {detector!r}: {did_you_mean(detector, DEFAULTS)}")
    published, usual_k, usual_size, usual_mode = DEFAULTS[detector]
    defaults = _published_anchors(targets, published)
    if isinstance(defaults, YoloV4):
        usual_k = len(defaults.anchors_wh)
    k, mode = usual_k if k is None else k, usual_mode if resize is None else resize
    target = _target(usual_size if input_size is None else input_size, mode)
    if k < (2 if detector == "mobilenet_ssd" else 1):
        raise UsageError(f"k: {k}, want {2 if detector == 'mobilenet_ssd' else 1} or more for {detector}")
    if detector == "mobilenet_ssd" and mode == "short_side":
        raise UsageError(
            "resize: mobilenet_ssd has one input size, short_side has many; letterbox or stretch"
        )
    if seed < 0:
        raise UsageError(f"seed: {seed}, want 0 or more")
    if isinstance(data, Dataset):
        split = default_split(data) if split is None else split
        data = Columns.of(data, split)
    columns = data
    seen = see(columns, target, mode)
    notes: list[str] = []
    fitting = (
        _yolov4(defaults, seen, k, seed, notes)
        if isinstance(defaults, YoloV4)
        else _on_grid(defaults, seen, k, seed)
    )
    stock = taken(defaults, seen.hw, seen.xyxy)
    fold = folds(seen.images, seed)[seen.image]
    rounds = min(FOLDS, seen.images) if seen.images > 1 else 0
    with progress("fitting anchors", rounds + 1, "fits") as advance:
        spec = fitting(np.ones(len(seen), np.bool_), True)
        advance(1)
        inside = taken(spec, seen.hw, seen.xyxy)
        held = inside if not rounds else np.empty(len(seen))
        for i in range(rounds):
            out = fold == i
            held[out] = taken(fitting(~out, False), seen.hw[out], seen.xyxy[out])
            advance(1)
    won = gain(held, stock, defaults, seen.image, seed) if rounds else None
    if isinstance(spec, YoloV4):
        notes.extend(_dealt(spec))
    verdict, reason = _verdict(won, spec == defaults, _lost(defaults, held, stock))
    if k != usual_k:
        notes.append(f"the defaults have {usual_k} shapes, the fitted anchors {k}: part of any gain is that")

    def compare(group: str, rows: NDArray[np.bool_]) -> Compared:
        return Compared(group, Quality.of(held[rows], spec), Quality.of(stock[rows], defaults))

    classes = [i for i in range(len(columns.classes)) if (seen.class_id == i).any()]
    return AnchorReport(
        detector=detector,
        k=len(spec.anchors_wh) if isinstance(spec, YoloV4) else k,
        input_hw=target,
        resize=mode,
        seed=seed,
        spec=spec,
        defaults=defaults,
        overall=compare("all", np.ones(len(seen), np.bool_)),
        by_size=tuple(compare(name, seen.size == i) for i, (name, _) in enumerate(SIZES)),
        by_class=tuple(compare(columns.classes[i], seen.class_id == i) for i in classes),
        in_sample=Quality.of(inside, spec),
        folds=rounds,
        gain=won,
        verdict=verdict,
        reason=reason,
        images=seen.images,
        ignored=seen.ignored,
        too_small=seen.too_small,
        split=split or "",
        planned=columns.canvas_hw is not None,
        notes=tuple(notes),
    )


def shapes_seen(data: Dataset | Columns, report: AnchorReport) -> Floats:
    """(M, 2) w, h in px of the objects that a report was fitted to, for drawing them beside its anchors."""
    columns = data if isinstance(data, Columns) else Columns.of(data, report.split)
    return see(columns, report.input_hw, report.resize).wh


def _published_anchors(targets: object, published: Detector) -> Detector:
    """A recipe's targets with the published anchors; their own where they have another number of maps."""
    if not isinstance(targets, type(published)):
        return published
    if len(targets.strides) != len(published.strides):
        return targets
    return replace(targets, **{name: getattr(published, name) for name in FITTED[type(published)]})


def _target(size: int | tuple[int, int], mode: Mode) -> tuple[int, int]:
    if isinstance(size, int):
        size = (size, round(size * LONG_TO_SHORT) if mode == "short_side" else size)
    if min(size) < 32:
        raise UsageError(f"input size: {size[0]} x {size[1]} px, want 32 or more")
    return size


def _yolov4(defaults: YoloV4, seen: Seen, k: int, seed: int, notes: list[str]) -> Fit:
    """Fits over the shapes' histogram: a fold is other weights on the same points."""
    cloud, of_object = merge(np.maximum(np.rint(seen.wh / SHAPE_PX), 1) * SHAPE_PX)
    few, of_shape = thin(cloud, FOLD_POINTS)
    point = of_shape[of_object]
    if len(cloud) <= k:
        notes.append(f"only {len(cloud)} different shapes: they are the anchors, {k} were asked for")

    def fitting(rows: NDArray[np.bool_], final: bool) -> Detector:
        if final:
            found = yolov4.fit(cloud, k, seed)
            return replace(defaults, anchors_wh=_plain(cloud, found))
        weight = np.bincount(point[rows], minlength=len(few)).astype(np.float64)
        some = weight > 0
        found = yolov4.fit(Cloud(few.wh[some], weight[some]), k, seed, yolov4.FOLD)
        return replace(defaults, anchors_wh=_pairs(found))

    return fitting


def _on_grid(defaults: RetinaNet | MobileNetSSD, seen: Seen, k: int, seed: int) -> Fit:
    def fitting(rows: NDArray[np.bool_], final: bool) -> Detector:
        effort = on_grid.FULL if final else on_grid.FOLD
        return on_grid.fit(defaults, k, seen.hw[rows], seen.xyxy[rows], seed, effort)

    return fitting


def _plain(cloud: Cloud, anchors_wh: Floats) -> tuple[tuple[float, float], ...]:
    """Whole px where that costs less than 0.0005 mean IoU, else one decimal, else two."""
    some, _ = thin(cloud, FOLD_POINTS)
    whole = yolov4.mean_best_iou(some, anchors_wh)
    for decimals in (0, 1, 2):
        rounded = np.maximum(np.round(anchors_wh, decimals), 10.0**-decimals)
        distinct = len(np.unique(rounded, axis=0)) == len(rounded)
        if distinct and yolov4.mean_best_iou(some, rounded) > whole - 5e-4:
            return _pairs(yolov4.by_area(rounded))
    return _pairs(anchors_wh)


def _dealt(spec: YoloV4) -> list[str]:
    """A remark where darknet's README would deal the anchors to the strides otherwise."""
    size = np.sqrt(np.prod(spec.anchors_wh, axis=1))
    counts = [int(n) for n in np.bincount(np.searchsorted([30, 60], size, side="right"), minlength=3)]
    even = [len(mask) for mask in spec.masks()]
    if len(even) != 3 or counts == even:
        return []
    return [
        f"dealt {even} over strides 8, 16, 32, as the network has it; "
        f"darknet's README (under 30 px, under 60 px, larger) would deal {counts}"
    ]


def _pairs(anchors_wh: Floats) -> tuple[tuple[float, float], ...]:
    return tuple((float(w), float(h)) for w, h in anchors_wh)


def _lost(spec: Detector, held: Floats, stock: Floats) -> float:
    """Share of objects that the fitted anchors lose at the matcher's threshold, net."""
    return float(spec.matches(stock).mean() - spec.matches(held).mean())


def _verdict(won: Gain | None, same: bool, lost: float) -> tuple[Verdict, str]:
    keep: Verdict = "keep the defaults"
    if won is None:
        return keep, "all objects are on one picture: nothing could be held out to judge by"
    low, high = won.interval
    told = f"{won.of} {won.value:+.3f} on held-out pictures (95 %: {low:+.3f} to {high:+.3f})"
    if same:
        return keep, f"nothing found does better than the defaults; {told}"
    if won.worth and lost >= WORTH / 2:
        return keep, f"{told}, but {100 * lost:.1f} % fewer objects reach the matcher's threshold"
    if won.worth:
        return "change", told
    if high < 0:
        return keep, f"{told}: the defaults do better"
    if low <= 0:
        return keep, f"{told}: not told apart from chance"
    return keep, f"{told}: less than the {WORTH} that is worth a change"
