"""The step of recipes; the library itself is imported when the first step is made, which takes a second."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from datapipe.augment.judging import judged_again
from datapipe.augment.ranges import check
from datapipe.augment.rules import ObjectRules
from datapipe.errors import InputError, printable
from datapipe.images.pixels import Pixels
from datapipe.objects import Objects

if TYPE_CHECKING:
    from datapipe.augment.albu.composing import Composition

_SAME_PX = 1e-3  # albumentations keeps boxes as shares of the canvas in float32
_mine = threading.local()


@dataclass(frozen=True)
class Albumentations:
    """Transforms of albumentations 2.0.8, in order, each with its own `p` (0.5 unless given).

        Albumentations: {transforms: [{CLAHE: {p: 0.1}}, {OneOf: {p: 0.2, transforms: [Blur, MedianBlur]}}]}

    They draw from one generator after the other, so two transforms of p 0.1 fire together one time in a
    hundred; `Compose(seed=...)` and `set_random_seed` start all of them alike, and they always fire together.

    Transforms that move pixels are second best here: they sample the canvas once more, boxes are what
    albumentations makes of boxes, and what they push over the border is judged by what the plan had left of
    it. Objects they move are counted as `not_pixel_true`. The canvas must keep its size and stay uint8.

    transforms: each a name, or a mapping of one name to its parameters
    p:          chance of acting at all
    """

    transforms: tuple[Any, ...]
    p: float = 1.0

    def __post_init__(self) -> None:
        """Build it once.

        Raises:
            ValueError: naming the transform and what is wrong with it, with the nearest name.
        """
        check("p", self.p, 0, 1)
        if not isinstance(self.transforms, tuple | list) or not self.transforms:
            raise ValueError(f"transforms {self.transforms}: want a list of transforms")
        object.__setattr__(self, "transforms", tuple(self.transforms))
        self._composition()

    def _composition(self) -> Composition:
        """This thread's own: albumentations keeps the state of a call on its objects."""
        from datapipe.augment.albu import composing

        made: dict[str, Composition] = _mine.__dict__.setdefault("made", {})
        key = repr(self.transforms)
        if key not in made:
            made[key] = composing.composition(key, self.transforms)
        return made[key]

    def apply(
        self, pixels: Pixels, objects: Objects, rules: ObjectRules, rng: np.random.Generator
    ) -> tuple[Pixels, Objects, dict[str, int]]:
        """Transform a canvas and what lies on it.

        Args:
            pixels: (H, W, 3) uint8; may be changed in place.
            objects: on the canvas; ignore regions travel like all others.
            rules: what keeps an object.
            rng: all chance.

        Returns:
            (H, W, 3) uint8, the objects left, and what changed: the counts of `judged_again` and
            `not_pixel_true`, objects that were moved.

        Raises:
            InputError: a transform refuses the canvas, or changed its size or type.
        """
        if rng.random() >= self.p:
            return pixels, objects, {}
        composition = self._composition()
        try:
            made, boxes, shown = composition(pixels, objects.xyxy, rng)
        except MemoryError:
            raise
        except Exception as error:  # whatever the library raises: what it refuses is the recipe's
            height, width = pixels.shape[:2]
            told = printable(self.transforms, 200)
            said = printable(" ".join(str(error).split()) or type(error).__name__, 300)
            raise InputError(f"Albumentations: {told} on a canvas of {width}x{height}: {said}") from error
        if made.shape != pixels.shape or made.dtype != np.uint8:
            raise InputError(
                f"Albumentations: transforms made {made.dtype} {made.shape} of uint8 {pixels.shape}: "
                "want the canvas as it was; `input` sets its size, the trainer its type"
            )
        if boxes is None:
            return made, objects, {}
        moved = (np.abs(boxes - objects.xyxy) > _SAME_PX).any(axis=1) | (shown < 1)
        if not moved.any():
            return made, objects, {}
        height, width = pixels.shape[:2]
        limits = np.array([width, height, width, height], np.float32)
        xyxy = np.where(moved[:, None], np.clip(boxes, 0, limits), objects.xyxy)
        sides, before = xyxy[:, 2:] - xyxy[:, :2], objects.xyxy[:, 2:] - objects.xyxy[:, :2]
        area = objects.area * (sides.prod(axis=1) / before.prod(axis=1))
        left, counts = judged_again(objects, xyxy, shown, rules, area)
        return made, left, counts | {"not_pixel_true": int(moved.sum())}
