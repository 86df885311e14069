"""Mix steps: several pictures in one sample.

A step is `step(plan, partners, place, rng) -> plan`: the partners are dealt by the stream, `place` puts a
picture on the canvas by the recipe's resize rule. Mosaic lays the first layer out anew and so comes first;
CutMix pastes onto the first layer and MixUp blends a layer over, in any order and any number. What becomes of
the objects is survival's to say.
"""

from datapipe.augment.mixing.mosaic import Mosaic as Mosaic
from datapipe.augment.mixing.mosaic import check_order as check_order
from datapipe.augment.mixing.pasting import CutMix as CutMix
from datapipe.augment.mixing.pasting import MixUp as MixUp
from datapipe.augment.mixing.steps import MixStep as MixStep
from datapipe.augment.mixing.steps import Place as Place
from datapipe.augment.mixing.steps import fires as fires
