"""Pixel steps: what happens to the rendered canvas, in place and in uint8.

A step is frozen, `step(pixels, rng) -> pixels`, and draws all its chance from `rng`. A step that covers or
moves objects is `step.apply(pixels, objects, rules, rng) -> (pixels, objects, counts)` instead: the objects
are judged again by the recipe's rules. A step that is faster when it need not work in place may also have
`step.into(pixels, rng, out)`, which leaves the same in other memory of the same shape.
"""

from datapipe.augment.pixels.colour import HSV as HSV
from datapipe.augment.pixels.colour import ColorJitter as ColorJitter
from datapipe.augment.pixels.colour import Gray as Gray
from datapipe.augment.pixels.erase import Erase as Erase
from datapipe.augment.pixels.texture import Blur as Blur
from datapipe.augment.pixels.texture import Noise as Noise
