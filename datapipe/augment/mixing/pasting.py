"""One more picture on the canvas: a rectangle of it on top, or all of it blended over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, sqrt

import numpy as np

from datapipe import boxes
from datapipe.augment.guides import seen_boxes
from datapipe.augment.mixing.steps import Place, check_firing
from datapipe.augment.plan import Layer, Picture, Plan
from datapipe.augment.plane import Edges, bounds
from datapipe.augment.ranges import check, check_pair

PARTIAL = (0.2, 0.8)
"""A CutMix rectangle that covers a share of a box between these leaves neither an object nor none."""


@dataclass(frozen=True)
class CutMix:
    """A rectangle of another picture on top (CutMix, arXiv:1905.04899, told for detection).

    The rectangle follows the paper: lambda ~ Beta(beta, beta), sides sqrt(1 - lambda) of the canvas, here
    kept within `side`, about a centre drawn evenly on the partner's own outline, cut to that outline
    and to the canvas, in whole px: bars are never pasted. Up to three are drawn until none of the boxes
    there is covered by more than 0.2 and less than 0.8 of it, as such a box is neither an object nor none.
    The partner shows through it where the resize rule places it.

    It acts on the first layer: before or after a MixUp, the partner of that is blended over the paste.

    p:           chance that it fires
    beta:        of the Beta distribution; 1 is even
    side:        lowest and highest share of the canvas' sides; darknet's classifier takes 0.3 to 0.8
    until_epoch: off from this epoch on
    """

    p: float = 1.0
    beta: float = 1.0
    side: tuple[float, float] = (0.3, 0.8)
    until_epoch: int | None = None

    def __post_init__(self) -> None:
        """Raises ValueError naming the field that is off."""
        check_firing(self.p, self.until_epoch)
        check("beta", self.beta, 0.01, 1000)
        check_pair("side", self.side, 0.01, 1)

    @property
    def partners(self) -> int:
        """One."""
        return 1

    def __call__(
        self, plan: Plan, partners: Sequence[Picture], place: Place, rng: np.random.Generator
    ) -> Plan:
        """Example: lambda 0.75 on 600 x 600 gives sides of 300; about (500, 300): (350, 150, 600, 450)."""
        first = plan.layers[0]
        tile = place(partners[0])
        there = seen_boxes(first.tiles, plan.hw)
        whole = boxes.area(there)
        xyxy = (0.0, 0.0, 0.0, 0.0)
        for _ in range(3):
            xyxy = self._rectangle(bounds(tile.corners), plan.hw, rng)
            corners = np.array(xyxy)
            shared = np.minimum(there[:, 2:], corners[2:]) - np.maximum(there[:, :2], corners[:2])
            cover = np.maximum(shared, 0).prod(axis=1) / whole
            if not ((cover > PARTIAL[0]) & (cover < PARTIAL[1])).any():
                break
        pasted = tile.cut(xyxy)
        tiles = (*first.tiles, pasted) if pasted.corners else first.tiles
        layers = (Layer(tiles, first.opacity, first.weight), *plan.layers[1:])
        return Plan(plan.hw, layers, plan.fill, plan.steps).noted("CutMix", xyxy_px=list(xyxy))

    def _rectangle(self, outline: Edges, hw: tuple[int, int], rng: np.random.Generator) -> Edges:
        """One rectangle in whole px inside the outline and the canvas; of no area if there is no room."""
        left, top = ceil(max(outline[0], 0.0)), ceil(max(outline[1], 0.0))
        right, bottom = floor(min(outline[2], hw[1])), floor(min(outline[3], hw[0]))
        share = min(max(sqrt(1 - rng.beta(self.beta, self.beta)), self.side[0]), self.side[1])
        u, v = rng.random(2).tolist()
        x, y = left + (right - left) * u, top + (bottom - top) * v
        half_w, half_h = share * hw[1] / 2, share * hw[0] / 2
        x1, x2 = max(round(x - half_w), left), min(round(x + half_w), right)
        y1, y2 = max(round(y - half_h), top), min(round(y + half_h), bottom)
        return float(x1), float(y1), float(max(x1, x2)), float(max(y1, y2))


@dataclass(frozen=True)
class MixUp:
    """Another picture blended over (mixup, arXiv:1710.09412; for detection arXiv:1902.04103).

    r ~ Beta(beta, beta): what is there keeps r of its opacity, the partner has 1 - r. Blending is not cover:
    all objects of both stay.

    p:           chance that it fires
    beta:        32 as YOLOv5 (r about 0.5 +- 0.06), Model Garden 8, PaddleDetection 1.5
    weights:     objects weigh what their picture's opacity is (PaddleDetection); else 1 (YOLOv5, darknet)
    until_epoch: off from this epoch on
    """

    p: float = 1.0
    beta: float = 32.0
    weights: bool = False
    until_epoch: int | None = None

    def __post_init__(self) -> None:
        """Raises ValueError naming the field that is off."""
        check_firing(self.p, self.until_epoch)
        check("beta", self.beta, 0.01, 1000)
        if not isinstance(self.weights, bool):
            raise ValueError(f"weights {self.weights}: want true or false")

    @property
    def partners(self) -> int:
        """One."""
        return 1

    def __call__(
        self, plan: Plan, partners: Sequence[Picture], place: Place, rng: np.random.Generator
    ) -> Plan:
        """Example: r 0.4 on a single picture: opacities 0.4 and 0.6, with `weights` weights 0.4 and 0.6."""
        r = float(rng.beta(self.beta, self.beta))
        weigh = r if self.weights else 1.0
        kept = tuple(Layer(layer.tiles, layer.opacity * r, layer.weight * weigh) for layer in plan.layers)
        blended = Layer((place(partners[0]),), 1 - r, 1 - r if self.weights else 1.0)
        return Plan(plan.hw, (*kept, blended), plan.fill, plan.steps).noted("MixUp", r=r)
