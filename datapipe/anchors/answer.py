"""What fitting anchors answers: the numbers, how good they are, and whether to use them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from datapipe.anchors.judging import Gain, Quality
from datapipe.resizing import Mode
from datapipe.targets.best import Detector
from datapipe.targets.retinanet import RetinaNet
from datapipe.targets.ssd import MobileNetSSD
from datapipe.targets.yolov4 import YoloV4

DetectorName = Literal["yolov4", "retinanet", "mobilenet_ssd"]
Verdict = Literal["change", "keep the defaults"]


@dataclass(frozen=True)
class Compared:
    """Fitted against defaults for one group of objects ("all", a size, a class)."""

    group: str
    fitted: Quality
    defaults: Quality


@dataclass(frozen=True)
class AnchorReport:
    """Anchors for a dataset, judged on pictures they were not fitted to.

    input_hw:  px; for short_side (short, long)
    spec:      the detector with the fitted anchors; `defaults`: as published
    overall, by_size, by_class: measured on held-out folds (on the fitted objects themselves if `folds` is 0)
    in_sample: the printed anchors on the objects they were fitted to
    gain:      None where nothing could be held out
    images, ignored, too_small: pictures with fitted objects; objects not fitted
    split:     of the dataset; "" for all of it
    planned:   whether the objects are those of a recipe's planned samples
    notes:     what the reader must know beside the numbers
    """

    detector: DetectorName
    k: int
    input_hw: tuple[int, int]
    resize: Mode
    seed: int
    spec: Detector
    defaults: Detector
    overall: Compared
    by_size: tuple[Compared, ...]
    by_class: tuple[Compared, ...]
    in_sample: Quality
    folds: int
    gain: Gain | None
    verdict: Verdict
    reason: str
    images: int
    ignored: int
    too_small: int
    split: str = ""
    planned: bool = False
    notes: tuple[str, ...] = ()

    @property
    def anchors(self) -> list[list[float]]:
        """[w, h] px at the input size, by area: YOLOv4's k, or every shape on every level."""
        return shapes(self.spec, self.input_hw)

    def lines(self) -> tuple[tuple[str, str], ...]:
        """(where it goes, the line to paste)."""
        spec = self.spec
        if isinstance(spec, YoloV4):
            pairs = [[_short(side) for side in pair] for pair in spec.anchors_wh]
            listed = ", ".join(f"[{w}, {h}]" for w, h in pairs)
            flat = ",  ".join(f"{w}, {h}" for w, h in pairs)
            masks = "; ".join(
                f"mask = {','.join(map(str, mask))} (stride {stride})"
                for mask, stride in zip(spec.masks(), spec.strides, strict=True)
            )
            return (
                ("recipe", f"anchors_wh: [{listed}]"),
                ("darknet cfg", f"anchors = {flat}"),
                ("darknet cfg, per [yolo] layer", masks),
            )
        if isinstance(spec, RetinaNet):
            return (
                ("recipe", f"sizes: {_row(spec.sizes)}"),
                ("recipe", f"scales: {_row(spec.scales)}"),
                ("recipe, h/w", f"ratios: {_row(spec.ratios)}"),
                ("keras-retinanet config, [anchor_parameters]", f"sizes = {_words(spec.sizes)}"),
                ("", f"strides = {_words(spec.strides)}"),
                ("", f"ratios = {_words(spec.ratios)}"),
                ("", f"scales = {_words(spec.scales)}"),
            )
        ratios = " ".join(f"aspect_ratios: {_short(ratio)}" for ratio in spec.ratios)
        return (
            ("recipe", f"min_scale: {_short(spec.min_scale)}"),
            ("recipe", f"max_scale: {_short(spec.max_scale)}"),
            ("recipe, w/h", f"ratios: {_row(spec.ratios)}"),
            (
                "TF Object Detection, ssd_anchor_generator",
                f"min_scale: {_short(spec.min_scale)} max_scale: {_short(spec.max_scale)} {ratios}",
            ),
        )

    def to_json(self) -> dict[str, Any]:
        """What `datapipe anchors --json` prints (DESIGN.md section 8 names the keys scripts rely on)."""
        fitted, defaults = asdict(self.overall.fitted), asdict(self.overall.defaults)
        answer: dict[str, Any] = {
            "detector": self.detector,
            "k": self.k,
            "input_hw": list(self.input_hw),
            "resize": self.resize,
            "seed": self.seed,
            "split": self.split,
            "anchors": self.anchors,
            **_parameters(self.spec, self.input_hw),
            **fitted,
            "baseline": {
                "anchors": shapes(self.defaults, self.input_hw),
                **_parameters(self.defaults, self.input_hw),
                **defaults,
            },
            "verdict": self.verdict,
            "reason": self.reason,
            "gain": asdict(self.gain) if self.gain else None,
            "folds": self.folds,
            "in_sample": asdict(self.in_sample),
            "by_size": {row.group: _pair(row) for row in self.by_size},
            "by_class": {row.group: _pair(row) for row in self.by_class},
            "images": self.images,
            "left_out": {"ignored": self.ignored, "too_small": self.too_small},
            "lines": [line for _, line in self.lines()],
            "notes": list(self.notes),
        }
        return answer


def shapes(spec: Detector, hw: tuple[int, int]) -> list[list[float]]:
    """Every anchor shape of a detector as [w, h] px, by area then width."""
    if isinstance(spec, YoloV4):
        rows = [list(pair) for pair in spec.anchors_wh]
    elif isinstance(spec, RetinaNet):
        rows = [row for level in range(len(spec.strides)) for row in spec.shapes(level).tolist()]
    else:
        rows = [row for level in range(spec.levels) for row in spec.shapes(level, hw).tolist()]
    rounded = [[round(float(w), 2), round(float(h), 2)] for w, h in rows]
    return sorted(rounded, key=lambda wh: (wh[0] * wh[1], wh[0]))


def one_cell(spec: Detector, hw: tuple[int, int]) -> tuple[list[list[float]], str]:
    """The shapes of one cell, [w, h] px, and what they are; a grid repeats them larger level by level."""
    if isinstance(spec, YoloV4):
        return shapes(spec, hw), "anchors"
    if isinstance(spec, RetinaNet):
        return spec.shapes(0).tolist(), "the first level's cell"
    return spec.shapes(1, hw).tolist(), "the second map's cell"


def _parameters(spec: Detector, hw: tuple[int, int]) -> dict[str, Any]:
    """Sizes in px of each level, scales, ratios (h/w for RetinaNet, w/h for SSD)."""
    if isinstance(spec, RetinaNet):
        return {"sizes": list(spec.sizes), "scales": list(spec.scales), "ratios": list(spec.ratios)}
    if isinstance(spec, MobileNetSSD):
        ramp = [round(scale, 4) for scale in spec.ramp()]
        sizes = [round(scale * min(hw), 2) for scale in ramp[:-1]]
        ratios = list(spec.ratios)
        return {
            "sizes": sizes,
            "scales": ramp,
            "ratios": ratios,
            "min_scale": spec.min_scale,
            "max_scale": spec.max_scale,
        }
    return {}


def _pair(row: Compared) -> dict[str, Any]:
    return {"fitted": asdict(row.fitted), "defaults": asdict(row.defaults)}


def _short(value: float) -> str:
    return f"{round(value, 4):g}" if value < 1000 else f"{value:.0f}"


def _row(values: tuple[float, ...] | tuple[int, ...]) -> str:
    return f"[{', '.join(_short(value) for value in values)}]"


def _words(values: tuple[float, ...] | tuple[int, ...]) -> str:
    return " ".join(_short(value) for value in values)
