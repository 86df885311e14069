"""Pictures, batch by batch, into the app's dataset."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from datapipe.audit import loading, schema
from datapipe.audit.augmented import Again
from datapipe.audit.facts import Facts, Floats
from datapipe.audit.home import Home
from datapipe.audit.mapping import Plain, plain
from datapipe.audit.pictures import look
from datapipe.dataset import Dataset
from datapipe.progress import Advance


@dataclass(frozen=True, eq=False)
class Filling:
    """What is needed to make samples of pictures.

    fo:      FiftyOne's module; held: its dataset
    dataset: opened with `edited=False`; facts, score: of it
    home:    where copies of pictures go
    again:   makes the augmented samples beside each picture; None for none
    """

    fo: Any
    held: Any
    dataset: Dataset
    facts: Facts
    score: Floats
    home: Home
    again: Again | None

    def __call__(self, images: Sequence[int], advance: Advance) -> None:
        """Add pictures by their numbers; tells of each."""
        samples = []
        for one in self._originals(images):
            samples += self._grouped(one) if self.again else [loading.sample(self.fo, one)]
            advance(1)
        if samples:
            self.held.add_samples(samples, expand_schema=False, validate=False)

    def _originals(self, images: Sequence[int]) -> Iterator[Plain]:
        looked = look(self.dataset, images, self.home.pictures)
        for image, one in zip(images, looked, strict=True):
            yield plain(self.dataset, self.facts, image, one, self.score[image])

    def _grouped(self, one: Plain) -> list[Any]:
        group = self.fo.Group()
        pictures = [one, *(self.again.copies(one) if self.again else ())]
        names = schema.slice_names(len(pictures) - 1)
        return [
            loading.sample(self.fo, each, group=group.element(name))
            for name, each in zip(names, pictures, strict=True)
        ]
