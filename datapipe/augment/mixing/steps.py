"""What every mix step is, and when it fires."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from datapipe.augment.plan import Picture, Plan, Tile
from datapipe.augment.ranges import check, check_whole

Place = Callable[[Picture], Tile]
"""Puts a whole picture on the canvas by the recipe's resize rule."""


class MixStep(Protocol):
    """Anything that brings other pictures into a plan."""

    @property
    def p(self) -> float:
        """Chance that it fires."""

    @property
    def until_epoch(self) -> int | None:
        """It fires only in epochs before this one."""

    @property
    def partners(self) -> int:
        """How many pictures beside the primary it wants."""

    def __call__(
        self, plan: Plan, partners: Sequence[Picture], place: Place, rng: np.random.Generator
    ) -> Plan:
        """The plan with the partners in it."""


def fires(step: MixStep, epoch: int, share: float) -> bool:
    """Whether a step acts on a sample.

    Args:
        step: of a recipe's `mix`.
        epoch: from 0.
        share: in [0, 1), the first number of the step's own chance for this sample.
    """
    return share < step.p and (step.until_epoch is None or epoch < step.until_epoch)


def check_firing(p: float, until_epoch: int | None) -> None:
    """The two fields that every mix step has.

    Raises:
        ValueError: "field value: want ...".
    """
    check("p", p, 0, 1)
    if until_epoch is not None:
        check_whole("until_epoch", until_epoch, 0)
