"""Pixel steps: what happens to the rendered canvas, in place and in uint8.

A step is frozen, `step(pixels, rng) -> pixels`, and draws all its chance from `rng`. A step that covers or
moves objects is `step.apply(pixels, objects, rules, rng) -> (pixels, objects, counts)` instead: the objects
are judged again by the recipe's rules. A step may also have `step.into(pixels, rng, out)`, which leaves the
same in other memory of that shape: straight from a canvas in the processor's cache into the batch.
"""

from typing import Any

from datapipe.augment.pixels.colour import HSV as HSV
from datapipe.augment.pixels.colour import ColorJitter as ColorJitter
from datapipe.augment.pixels.colour import Gray as Gray
from datapipe.augment.pixels.erase import Erase as Erase
from datapipe.augment.pixels.texture import Blur as Blur
from datapipe.augment.pixels.texture import Noise as Noise


def writes_elsewhere(step: Any) -> bool:
    """Whether a step has an `into` of its own: one that is older than its `__call__` does something else."""
    kinds = type(step).__mro__
    into, call = (next((k for k in kinds if name in vars(k)), None) for name in ("into", "__call__"))
    return into is not None and into is call
