"""Samples from their plans: pictures borrowed, objects judged, pixels painted straight into the batch."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datapipe.augment.patches import Patches, patches_of_stack
from datapipe.augment.pixels import writes_elsewhere
from datapipe.augment.regions import AT_ONCE, Stack
from datapipe.augment.render import render
from datapipe.augment.survival import Survivors, survive_stack
from datapipe.errors import RecordError
from datapipe.images.pixels import Decoded, Factor
from datapipe.objects import Objects
from datapipe.recipe import Recipe
from datapipe.stream.catalogue import Catalogue
from datapipe.stream.chance import Chance
from datapipe.stream.crew import Coming, settle
from datapipe.stream.ledger import Ledger
from datapipe.stream.memory import Memory
from datapipe.stream.pictures import Loaded, Pictures, Submit, Wanted
from datapipe.stream.terms import OnDamaged as OnDamaged
from datapipe.stream.windows import Planned, Planner, Window

Images = NDArray[np.uint8]
"""(B, H, W, 3): memory that a batch is painted into."""


@dataclass(frozen=True, eq=False)
class Made:
    """A sample whose pixels stand in the batch.

    planned: its plan; other pictures than the window's plan has where a damaged one was replaced
    factors: at which reduction its pictures were decoded
    objects: on the canvas
    counts:  what became of those its pictures have
    """

    planned: Planned
    factors: Mapping[int, int]
    objects: Objects
    counts: Mapping[str, int]


class Maker:
    """Makes samples of a window."""

    def __init__(
        self,
        recipe: Recipe,
        seed: int,
        catalogue: Catalogue,
        planner: Planner,
        pictures: Pictures,
        ledger: Ledger,
        memory: Memory,
        on_damaged: OnDamaged,
    ) -> None:
        """Fix what making depends on; see `Stream`."""
        self._memory = memory
        self._recipe, self._chance, self._catalogue, self._planner = recipe, Chance(seed), catalogue, planner
        self._pictures, self._ledger, self._on_damaged = pictures, ledger, on_damaged
        self._moving: Any = next(filter(writes_elsewhere, recipe.pixels), None)
        self._damaged: set[int] = set()

    def make(
        self, window: Window, rows: range, images: Sequence[Images], submit: Submit
    ) -> Iterator[list[Made]]:
        """Make samples of a window, batch by batch.

        Their objects are judged for up to `AT_ONCE` samples together, whatever batches these belong to.

        Args:
            window: planned.
            rows: which of its samples.
            images: of each batch.
            submit: runs a call on some thread.

        Raises:
            RecordError: a record is damaged; names position and picture.
        """
        with closing(
            self._samples(window, rows, [canvas for own in images for canvas in own], submit)
        ) as made:
            for own in images:
                batch = list(islice(made, len(own)))
                self._count(batch)
                yield batch

    def _samples(
        self, window: Window, rows: range, canvases: Sequence[NDArray[np.uint8]], submit: Submit
    ) -> Generator[Made]:
        """Samples in order, each as soon as it is painted."""
        begun = 0
        for samples in self._portions(window, window.samples[rows.start : rows.stop]):
            yield from self._portion(window, samples, canvases[begun : begun + len(samples)], submit)
            begun += len(samples)

    def _count(self, made: Sequence[Made]) -> None:
        """Enter samples into the ledger."""
        self._ledger.add("stream", {"samples": len(made)})
        objects: Counter[str] = Counter()
        for one in made:
            objects.update(one.counts)
        self._ledger.add("objects", objects)
        self._ledger.add("steps", Counter(name for one in made for name, _ in one.planned.plan.steps))

    def _portions(self, window: Window, samples: Sequence[Planned]) -> Iterator[list[Planned]]:
        """As many samples at a time as are judged together and have their pictures in half the budget.

        At least one.
        """
        portion: list[Planned] = []
        shown: set[int] = set()
        taken, factors = 0, window.factors
        for sample in samples:
            new = set(sample.numbers) - shown
            more = sum(self._pictures.size(Wanted(window.number, n, factors[n])) for n in new)
            if len(portion) == AT_ONCE or (portion and taken + more > self._pictures.budget // 2):
                yield portion
                portion, shown, taken = [], set(), 0
                new = set(sample.numbers)
                more = sum(self._pictures.size(Wanted(window.number, n, factors[n])) for n in new)
            portion.append(sample)
            shown |= new
            taken += more
        yield portion

    def _portion(
        self,
        window: Window,
        samples: list[Planned],
        canvases: Sequence[NDArray[np.uint8]],
        submit: Submit,
    ) -> Iterator[Made]:
        while True:
            whole = [self._without_damage(window, sample) for sample in samples]
            wanted = [
                self._wanted(window, sample, window.factors if sample is planned else sample.factors)
                for sample, planned in zip(whole, samples, strict=True)
            ]
            uses = Counter(one for sample in wanted for one in sample.values())
            with self._pictures.lent(uses, window.users, submit) as lent:
                settle(lent.values())
                broken = {one.number: error for one, future in lent.items() if (error := future.exception())}
                if not broken:
                    loaded = {one: future.result() for one, future in lent.items()}
                    damaged = sum(number in self._damaged for sample in samples for number in sample.shown)
                    if damaged:
                        self._ledger.add("stream", {"damaged_pictures_replaced": damaged})
                    yield from self._paint(whole, wanted, loaded, canvases, submit)
                    return
            self._refuse_or_note(whole, broken)

    def _wanted(self, window: Window, sample: Planned, factors: Mapping[int, Factor]) -> dict[int, Wanted]:
        """The pictures a sample needs; with "skip" also those it hides, to know whether they are whole."""
        numbers = sample.numbers if self._on_damaged == "stop" else sample.shown
        return {number: Wanted(window.number, number, factors.get(number, 8)) for number in numbers}

    def _refuse_or_note(self, samples: list[Planned], broken: Mapping[int, BaseException]) -> None:
        """Stop at the first damaged picture in the order of the stream, or remember all of them."""
        for sample in samples:
            for number in (number for number in sample.shown if number in broken):
                error = broken[number]
                if self._on_damaged == "stop" or not isinstance(error, (RecordError, ValueError)):
                    text = f"position {sample.position} (image {self._catalogue.name(number)!r}): {error}"
                    raise RecordError(text) from error
        self._damaged |= broken.keys()

    def _without_damage(self, window: Window, sample: Planned) -> Planned:
        """The sample, or one with whole pictures where it shows damaged ones.

        The primaries of the window's next positions stand in for them, each once.

        Raises:
            RecordError: no picture of the window is whole.
        """
        damaged = [number for number in sample.shown if number in self._damaged]
        if not damaged:
            return sample
        row = sample.position - window.samples[0].position
        following = [other.primary for other in (*window.samples[row + 1 :], *window.samples[: row + 1])]
        whole = [number for number in dict.fromkeys(following) if number not in self._damaged]
        if not whole:
            raise RecordError(
                f"positions {window.samples[0].position} to {window.samples[-1].position}: "
                "the records of all their pictures are damaged"
            )
        replaced = {number: whole[i % len(whole)] for i, number in enumerate(damaged)}
        return self._planner.instead(window, sample, replaced)

    def _paint(
        self,
        samples: list[Planned],
        wanted: list[dict[int, Wanted]],
        loaded: Mapping[Wanted, Loaded],
        canvases: Sequence[NDArray[np.uint8]],
        submit: Submit,
    ) -> Iterator[Made]:
        sources = {one.number: found.objects for one, found in loaded.items()}
        stack = Stack([sample.plan for sample in samples])
        survivors = survive_stack(stack, sources, self._recipe.objects)
        tasks: deque[Coming[Made]] = deque()
        try:
            for sample, pictures, survived, canvas, own in zip(
                samples, wanted, survivors, canvases, patches_of_stack(stack), strict=True
            ):
                shown = {number: loaded[one].decoded for number, one in pictures.items()}
                tasks.append(submit(self._made, sample, shown, survived, canvas, own))
                while tasks and tasks[0].done():
                    yield tasks.popleft().result()
            while tasks:
                yield tasks.popleft().result()
        finally:
            settle(tasks)  # all, before their pictures are given back

    def _made(
        self,
        sample: Planned,
        pictures: Mapping[int, Decoded],
        survived: Survivors,
        out: NDArray[np.uint8],
        patches: Patches,
    ) -> Made:
        """Paint one sample and run the recipe's pixel steps on it."""
        step: Any = render
        objects = survived.objects
        moving = self._moving
        pixels = out if moving is None else self._memory.array(out.shape)
        try:
            render(sample.plan, pictures, pixels, patches)
            for i, step in enumerate(self._recipe.pixels):
                rng = self._chance.at("pixels", sample.position, i)
                if hasattr(step, "apply"):
                    pixels, objects, counts = step.apply(pixels, objects, self._recipe.objects, rng)
                    self._ledger.add("pixels", counts)
                elif step is moving:
                    step.into(pixels, rng, out)
                    pixels = out
                else:
                    pixels = step(pixels, rng)
                if pixels.shape != out.shape or pixels.dtype != out.dtype:
                    raise ValueError(f"gave back {pixels.dtype} {pixels.shape}, want {out.dtype} {out.shape}")
            if pixels is not out:
                out[...] = pixels
        except Exception as error:
            name = getattr(step, "__name__", type(step).__name__)
            place = f"position {sample.position} (image {self._catalogue.name(sample.primary)!r})"
            error.add_note(f"datapipe: {place}, step {name}")
            raise
        factors = {number: decoded.factor for number, decoded in pictures.items()}
        return Made(sample, factors, objects, survived.counts)
