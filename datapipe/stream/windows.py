"""Planning windows of positions whole: who mixes with whom, every matrix, every picture's decode factor.

A window is planned from the object table alone. Only a plan of the whole window knows how finely each of its
pictures must be decoded; therefore one sample of it costs the plan of all and the pixels of one.
"""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from datapipe.augment import mixing
from datapipe.augment.canvas import Input
from datapipe.augment.plan import Picture, Plan, Tile, finished
from datapipe.augment.render import factor_for
from datapipe.images.pixels import Factor
from datapipe.recipe import Recipe
from datapipe.stream.catalogue import Catalogue
from datapipe.stream.chance import Chance, generator
from datapipe.stream.dealing import Hand, deal
from datapipe.stream.order import Order, distinct
from datapipe.stream.steps import Steps

T = TypeVar("T")


class once(Generic[T]):
    """A property computed when it is first asked for, without the lock that Python 3.11's own one has.

    That lock is the class', and a fork copies it as it is: held for ever by a thread that is not there.
    """

    def __init__(self, compute: Callable[[Any], T]) -> None:
        self._compute, self.__doc__ = compute, compute.__doc__

    def __get__(self, of: Any, owner: type) -> T:
        made: T = self._compute(of)
        of.__dict__[self._compute.__name__] = made
        return made


@dataclass(frozen=True, eq=False)
class Planned:
    """One sample's plan.

    position: in the stream
    primary:  number of its own picture
    partners: for each mix step the numbers it was dealt
    plan:     finished
    matrix:   (3, 3) from the primary's px to the canvas'
    """

    position: int
    primary: int
    partners: Sequence[Hand]
    plan: Plan
    matrix: NDArray[np.float64]

    @property
    def shown(self) -> list[int]:
        """Numbers of all pictures it was dealt, its own first; some may lie off the canvas."""
        return distinct([self.primary, *(number for hand in self.partners for number in hand or ())])

    @once
    def numbers(self) -> list[int]:
        """Numbers of the pictures on the canvas."""
        return distinct([tile.picture.number for layer in self.plan.layers for tile in layer.tiles])

    @property
    def factors(self) -> dict[int, Factor]:
        """The reduction at which this sample wants each of them decoded."""
        return least(self.plan.tiles)


@dataclass(frozen=True, eq=False)
class Window:
    """The samples of a window.

    number:  in the stream
    input:   how pictures are placed in it
    samples: of its positions, in order
    """

    number: int
    input: Input
    samples: tuple[Planned, ...]

    @once
    def factors(self) -> dict[int, Factor]:
        """Each picture's decode factor: the least reduction any sample of the window wants."""
        return least(tile for sample in self.samples for tile in sample.plan.tiles)

    @once
    def users(self) -> Counter[int]:
        """How many samples show each picture."""
        return Counter(number for sample in self.samples for number in sample.numbers)


def least(tiles: Iterable[Tile]) -> dict[int, Factor]:
    """For each picture the least factor among its tiles."""
    factors: dict[int, Factor] = {}
    for tile in tiles:
        number = tile.picture.number
        known = factors.get(number, 8)
        factors[number] = known if known == 1 else min(known, factor_for(tile))
    return factors


class Planner:
    """Plans windows; keeps the last few."""

    def __init__(
        self,
        catalogue: Catalogue,
        order: Order,
        steps: Steps,
        recipe: Recipe,
        seed: int,
    ) -> None:
        """Fix what planning depends on.

        Args:
            catalogue: of the dataset.
            order: position to picture.
            steps: position to window.
            recipe: input, mix, geometry and stream.
            seed: of the stream.
        """
        self._catalogue, self._order, self._recipe, self._seed = catalogue, order, recipe, seed
        self._steps, self._group = steps, recipe.stream.group
        self._chance = Chance(seed)
        self.begin()

    def begin(self) -> None:
        """Keep no window yet; also in a forked child, which copies a lock as it is."""
        self._kept: OrderedDict[int, Window] = OrderedDict()
        self._lock = threading.Lock()

    def window(self, number: int, keep: int = 4) -> Window:
        """A window, planned now or kept from before."""
        with self._lock:  # planning is Python: two threads at it would only wait for each other
            found = self._kept.get(number)
            if found is None:
                found = self._kept[number] = self.plan(number)
                while len(self._kept) > keep:
                    self._kept.popitem(last=False)
            return found

    def samples(self, start: int, stop: int) -> Iterator[tuple[Planned, ...]]:
        """The samples of positions start to stop - 1, window by window, none of them kept."""
        begun, _ = self._steps.place(start)
        stop = stop if self._steps.end is None else min(stop, self._steps.end)
        for number in range(begun, -(-stop // self._steps.window)):
            first = number * self._steps.window
            yield self.plan(number).samples[max(0, start - first) : stop - first]

    def plan(self, number: int) -> Window:
        """Plan a window."""
        positions = self._steps.positions(number)
        primaries = self._order.pictures(positions.start, positions.stop)
        here = self._recipe.input.fixed(number, self._seed)
        hw = self._hw(here, number, primaries)
        dealt: list[Sequence[Hand]] = [()] * len(primaries)
        if self._recipe.mix:
            everything = distinct(primaries)
            for group, first in enumerate(range(0, len(primaries), self._group)):
                rows = slice(first, first + self._group)
                own = set(primaries[rows])
                dealt[rows] = deal(
                    primaries[rows],
                    [picture for picture in everything if picture not in own],
                    [self._wanted(position) for position in positions[rows]],
                    generator(self._seed, "dealing", number, group),
                )
        drawn = list(zip(positions, primaries, dealt, strict=True))
        tiles = self._placed(primaries, here, hw)
        plans = [self._laid(*one, tiles, here, hw) for one in drawn]
        samples = [
            Planned(*one, done, plan.matrix)
            for one, plan, done in zip(drawn, plans, finished(plans), strict=True)
        ]
        return Window(number, here, tuple(samples))

    def shapes(self, turn: int, batch_size: int) -> list[tuple[int, ...]]:
        """The shapes of the batches of this host's window, without planning it; none beyond the end."""
        host, hosts = self._steps.shard
        number = turn * hosts + host
        positions = self._steps.positions(number)
        if not positions:
            return []
        here = self._recipe.input.fixed(number, self._seed)
        hw = self._hw(here, number, self._order.pictures(positions.start, positions.stop))
        return [
            (min(batch_size, len(positions) - first), *hw, 3)
            for first in range(0, len(positions), batch_size)
        ]

    def instead(self, window: Window, sample: Planned, replaced: Mapping[int, int]) -> Planned:
        """A sample planned anew with other pictures in place of some."""
        primary = replaced.get(sample.primary, sample.primary)
        partners = [
            hand and tuple(replaced.get(number, number) for number in hand) for hand in sample.partners
        ]
        shown = [replaced.get(number, number) for number in sample.shown]
        tiles = self._placed(shown, window.input, sample.plan.hw)
        plan = self._laid(sample.position, primary, partners, tiles, window.input, sample.plan.hw)
        return Planned(sample.position, primary, partners, plan.finished(), plan.matrix)

    def _hw(self, here: Input, number: int, primaries: Sequence[int]) -> tuple[int, int]:
        return here.hw_for(number, self._seed, [self._catalogue.size(picture) for picture in primaries])

    def _placed(self, numbers: Sequence[int], here: Input, hw: tuple[int, int]) -> dict[int, Tile]:
        """Each picture alone on the canvas."""
        return {number: here.place(self._catalogue.picture(number), hw) for number in distinct(numbers)}

    def _wanted(self, position: int) -> list[int | None]:
        """How many partners each mix step wants; None where it does not fire."""
        epoch = self._order.epoch(position)
        return [
            step.partners if mixing.fires(step, epoch, self._share(step, position, i)) else None
            for i, step in enumerate(self._recipe.mix)
        ]

    def _share(self, step: mixing.MixStep, position: int, i: int) -> float:
        """The number that decides whether a step fires; it is not looked up where any would do."""
        return 0.0 if step.p >= 1 else self._chance.at("mix", position, i).random()

    def _laid(
        self,
        position: int,
        primary: int,
        partners: Sequence[Hand],
        tiles: Mapping[int, Tile],
        here: Input,
        hw: tuple[int, int],
    ) -> Plan:
        """A position's plan before it is finished."""

        def place(picture: Picture) -> Tile:
            tile = tiles.get(picture.number)
            return tile if tile and tile.picture is picture else here.place(picture, hw)

        plan = Plan.of(hw, tiles[primary])
        for i, (step, hand) in enumerate(zip(self._recipe.mix, partners, strict=True)):
            if hand is not None:
                rng = self._chance.at("mix", position, i)
                rng.random()  # the number that `_share` looks at
                plan = step(plan, [tiles[number].picture for number in hand], place, rng)
        for i, move in enumerate(self._recipe.geometry):
            plan = move(plan, self._chance.at("geometry", position, i))
        return plan
