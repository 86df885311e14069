"""Geometry steps: each moves all of a plan by one 3x3 matrix on the canvas, and writes down what it drew.

A step is `step(plan, rng) -> plan`. Steps are about the canvas' centre and their shares are shares of the
canvas, so that a step means the same at every input size. What leaves the canvas is not cut here: a later
step may bring it back, and what an object loses is survival's to judge.
"""

from datapipe.augment.geometry.crops import Expand as Expand
from datapipe.augment.geometry.crops import Jitter as Jitter
from datapipe.augment.geometry.crops import RandomCrop as RandomCrop
from datapipe.augment.geometry.moves import Affine as Affine
from datapipe.augment.geometry.moves import Flip as Flip
from datapipe.augment.geometry.moves import GeometryStep as GeometryStep
from datapipe.augment.geometry.moves import Perspective as Perspective
