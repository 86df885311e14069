"""RetinaNet's and SSD's anchors: few numbers that shape a whole grid, fitted to what its matcher takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from datapipe.anchors.euclid import centres
from datapipe.targets.grids import Floats, best_iou_at
from datapipe.targets.retinanet import RetinaNet
from datapipe.targets.ssd import MobileNetSSD

OnGrid = RetinaNet | MobileNetSSD
Objective = Callable[[Floats], float]

STEPS = (0.3, 0.15, 0.07, 0.03, 0.015)
"""Of the search, in the logarithm of a scale or a ratio."""
SMOOTH = 0.04
"""Width in IoU of the soft threshold; recall itself is flat nearly everywhere and cannot be climbed."""


@dataclass(frozen=True)
class Effort:
    """How hard to search.

    sample: most objects that candidates are tried on; the recall of 4000 is known to 0.8 points (one sigma)
    starts: how many starting points
    sweeps: over all numbers at each step, at most
    """

    sample: int = 4000
    starts: int = 3
    sweeps: int = 2


FULL = Effort()
FOLD = Effort(sample=1500, starts=2, sweeps=1)


@dataclass(frozen=True, eq=False)
class Ground:
    """Objects and how far the nearest centre of each level is: all that candidates' IoU depends on.

    wh:     (M, 2) px
    offset: per level (M, 2) px
    """

    wh: Floats
    offset: tuple[Floats, ...]

    @classmethod
    def of(cls, spec: OnGrid, hw: NDArray[np.int64], xyxy: Floats) -> Ground:
        """Measure once: the centres stay where they are whatever scales and ratios are tried.

        Args:
            spec: whose grid.
            hw: (M, 2) canvas of each object; for SSD all the same.
            xyxy: (M, 4) px of the canvas.
        """
        centre = (xyxy[:, :2] + xyxy[:, 2:]) / 2
        grids = spec.grids(hw[0] if isinstance(spec, MobileNetSSD) else hw)
        columns = np.asfortranarray  # each side contiguous: twice as fast
        offset = tuple(columns(grid.offset(centre)) for grid in grids)
        return cls(columns(xyxy[:, 2:] - xyxy[:, :2]), offset)

    def best_iou(self, shapes: list[Floats]) -> Floats:
        """(M,) best IoU with (A, 2) shapes on each level."""
        best = np.zeros(len(self.wh))
        for offset, level in zip(self.offset, shapes, strict=True):
            np.maximum(best, best_iou_at(offset, self.wh, level).max(axis=0), out=best)
        return best


@dataclass(frozen=True)
class Search:
    """What may be moved, and how.

    spec:   the detector, from which everything but the moved numbers is taken
    k:      shapes in a cell
    hw:     input, for SSD
    """

    spec: OnGrid
    k: int
    hw: tuple[int, int]

    def build(self, vector: Floats) -> OnGrid:
        """The detector with these logarithms; rounded as it will be printed."""
        values = [float(f"{v:.3g}") for v in np.exp(vector)]
        if isinstance(self.spec, RetinaNet):
            scales, _ = split_k(self.k)
            return replace(
                self.spec, scales=tuple(sorted(values[:scales])), ratios=tuple(sorted(values[scales:]))
            )
        largest = min(max(values[:2]), 1.0)
        smallest = min(*values[:2], largest)
        ratios = tuple(sorted(values[2:], key=lambda ratio: (abs(np.log(ratio)), ratio)))
        return replace(self.spec, ratios=ratios, min_scale=smallest, max_scale=largest)

    def shapes(self, spec: OnGrid) -> list[Floats]:
        """(A, 2) px of each level."""
        if isinstance(spec, RetinaNet):
            return [spec.shapes(level) for level in range(len(spec.strides))]
        return [spec.shapes(level, self.hw) for level in range(spec.levels)]

    def moves(self, size: int) -> Floats:
        """Directions to try: each number alone, the scales together, the ratios together."""
        first = split_k(self.k)[0] if isinstance(self.spec, RetinaNet) else 2
        together = np.zeros((2, size))
        together[0, :first], together[1, first:] = 1, 1
        return np.concatenate([together, np.eye(size)])

    def starts(self, wh: Floats, seed: int) -> list[Floats]:
        """The published numbers, as far as there are k of them, and clusters of the objects' own.

        Args:
            wh: (M, 2) px.
            seed: of the clusters.
        """
        ratio = np.log(wh[:, 1] / wh[:, 0])  # h / w
        size = np.sqrt(wh.prod(axis=1))
        if isinstance(self.spec, RetinaNet):
            scales, ratios = split_k(self.k)
            octave = np.log2(size / 4) % 1  # where in its octave: levels are an octave apart
            ring = np.stack([np.cos(2 * np.pi * octave), np.sin(2 * np.pi * octave)], axis=1)
            middle = centres(ring, scales, seed)
            phases = np.sort(np.arctan2(middle[:, 1], middle[:, 0]) / (2 * np.pi) % 1)
            even = np.log(2) * np.arange(scales) / scales
            own = centres(ratio[:, None], ratios, seed).ravel()
            stock = np.log(np.geomspace(0.5, 2, ratios)) if ratios > 1 else np.zeros(1)
            return [np.concatenate(pair) for pair in ((even, stock), (even, own), (np.log(2) * phases, own))]
        ratios = self.k - 1
        unit = wh / size[:, None]
        middle = centres(unit, ratios, seed)
        share = size / min(self.hw)
        low, high = np.clip(np.quantile(share, [0.05, 0.95]), 0.02, 1.0)
        stock = np.resize(np.log((1, 2, 0.5, 3, 1 / 3, 1.5, 2 / 3, 4, 0.25)), ratios)
        own = np.log(middle[:, 0] / middle[:, 1])
        ramps = np.log([(self.spec.min_scale, self.spec.max_scale), (low, max(high, low))])
        return [np.concatenate(pair) for pair in ((ramps[0], stock), (ramps[1], stock), (ramps[1], own))]


def split_k(k: int) -> tuple[int, int]:
    """(scales, ratios) of a RetinaNet cell of k shapes: 9 is 3 x 3, 6 is 2 x 3, 5 is 1 x 5, 4 is 4 x 1."""
    ratios = 3 if k % 3 == 0 else 5 if k % 5 == 0 else 1
    return k // ratios, ratios


def fit(
    spec: OnGrid, k: int, hw: NDArray[np.int64], xyxy: Floats, seed: int = 0, effort: Effort = FULL
) -> OnGrid:
    """Fit scales and ratios to recall at the detector's own threshold, mean best IoU breaking ties.

    First a soft threshold is climbed by coordinate search from each start, then recall itself from the best.

    Args:
        spec: the detector's defaults; sizes, strides, maps and thresholds stay.
        k: shapes in a cell.
        hw: (M, 2) canvas of each object.
        xyxy: (M, 4) px of the canvas.
        seed: of the subsample and of the clusters.
        effort: how hard to search.

    Returns:
        The fitted detector; the defaults if nothing found does better on the objects tried.
    """
    rng = np.random.default_rng(seed)
    some = min(effort.sample, len(xyxy))
    rows = np.sort(rng.choice(len(xyxy), some, replace=False))
    ground = Ground.of(spec, hw[rows], xyxy[rows])
    search = Search(spec, k, (int(hw[0, 0]), int(hw[0, 1])))
    threshold = spec.positive_iou if isinstance(spec, RetinaNet) else spec.iou_threshold

    def soft(iou: Floats) -> float:
        return float((1 / (1 + np.exp((threshold - iou) / SMOOTH))).mean())

    def exact(iou: Floats) -> float:
        return float((iou >= threshold).mean() + 1e-3 * iou.mean())

    def climb(start: Floats, aim: Objective, steps: tuple[float, ...]) -> Floats:
        return _climb(search, ground, start, aim, steps, effort.sweeps)

    starts = search.starts(ground.wh, seed)[: effort.starts]
    tried = [climb(start, soft, STEPS) for start in starts]
    best = max(tried, key=lambda vector: soft(ground.best_iou(search.shapes(search.build(vector)))))
    final = climb(best, exact, STEPS[2:])
    fitted = search.build(final)
    better = exact(ground.best_iou(search.shapes(fitted))) > exact(ground.best_iou(search.shapes(spec)))
    return fitted if better else spec


def _climb(
    search: Search, ground: Ground, start: Floats, aim: Objective, steps: tuple[float, ...], sweeps: int
) -> Floats:
    """Coordinate search: every direction both ways, at steps that shrink."""

    def reached(vector: Floats) -> float:
        return aim(ground.best_iou(search.shapes(search.build(vector))))

    here, value = start, reached(start)
    for step in steps:
        for _ in range(sweeps):
            before = value
            for move in search.moves(len(start)):
                for way in (step, -step):
                    there = here + way * move
                    if np.abs(there).max() > 4:
                        continue
                    got = reached(there)
                    if got > value:
                        here, value = there, got
                        break
            if value == before:
                break
    return here
