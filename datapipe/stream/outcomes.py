"""What becomes of objects on the stream, from the table alone: for anchors and for the doctor."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from datapipe.augment.plan import Plan
from datapipe.augment.rules import ObjectRules
from datapipe.augment.survival import Survivors, survive_many
from datapipe.stream.catalogue import Catalogue
from datapipe.stream.windows import Planned


class Outcome(NamedTuple):
    """A position's objects as planned; no picture was read for it.

    position:  in the stream
    plan:      finished
    survivors: what remains of its objects
    """

    position: int
    plan: Plan
    survivors: Survivors

    @property
    def hw(self) -> tuple[int, int]:
        """Its canvas in px."""
        return self.plan.hw


def outcomes(
    planned: Iterable[Sequence[Planned]], catalogue: Catalogue, rules: ObjectRules
) -> Iterator[Outcome]:
    """Judge the objects of planned samples.

    Args:
        planned: samples, some at a time.
        catalogue: the objects.
        rules: of the recipe.
    """
    for samples in planned:
        shown = {number for sample in samples for number in sample.shown}
        sources = {number: catalogue.objects(number) for number in shown}
        survivors = survive_many([sample.plan for sample in samples], sources, rules)
        for sample, survived in zip(samples, survivors, strict=True):
            yield Outcome(sample.position, sample.plan, survived)
