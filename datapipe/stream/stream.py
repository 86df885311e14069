"""The stream: sample k is a pure function of (dataset identity, recipe, seed, k)."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from itertools import count
from types import TracebackType
from typing import Any
from weakref import WeakSet, finalize

from datapipe.augment.plan import Plan
from datapipe.dataset import Dataset
from datapipe.errors import InputError, UsageError
from datapipe.images import opencv
from datapipe.recipe import Recipe
from datapipe.sample import Sample
from datapipe.stream import far
from datapipe.stream import state as states
from datapipe.stream.batch import Batch
from datapipe.stream.catalogue import Catalogue
from datapipe.stream.crew import Alone, Crew, in_order
from datapipe.stream.forking import begun_anew
from datapipe.stream.ledger import Ledger
from datapipe.stream.making import Images, Made, Maker
from datapipe.stream.memory import Memory
from datapipe.stream.near import nearby
from datapipe.stream.order import Order
from datapipe.stream.origin import sample
from datapipe.stream.outcomes import Outcome, outcomes
from datapipe.stream.pictures import Pictures
from datapipe.stream.steps import Steps
from datapipe.stream.terms import OnDamaged, Terms, Workers
from datapipe.stream.windows import Planner, Window


class Stream:
    """Samples of a split, endless and in an order that the seed fixes; NumPy only.

    Position k belongs to epoch k // len(stream); without repeat factors each picture is the primary of one
    position of every epoch. Which bytes a position has depends on the dataset's identity, the recipe, the
    seed and k, and on nothing else: not on threads, batch size, memory, host, or what was asked before.

    A window of positions (recipe: `stream.window`) is planned whole, and each of its pictures decoded once
    while its batches are made in turn; a single `stream[k]` costs one window's plan and one sample's pixels.

    Safe to use from many threads. Threads and worker processes start when they are needed and end with
    `close`. OpenCV's own threads are switched off for the whole process (`cv2.setNumThreads(0)`).
    """

    def __init__(
        self,
        dataset: Dataset,
        recipe: Recipe,
        split: str = "train",
        seed: int = 0,
        *,
        shard: tuple[int, int] = (0, 1),
        training: bool = True,
        threads: int | None = None,
        memory_mb: float = 512,
        on_damaged: OnDamaged = "stop",
        engine: str = "local",
        workers: Workers = "auto",
    ) -> None:
        """Plan nothing yet; reads the dataset's tables.

        Args:
            dataset: from `datapipe.open`.
            recipe: what happens to pictures.
            split: "train", "val", ...
            seed: 0 to 2^64 - 1.
            shard: (host, hosts): `batch` and `batches` give the windows w with w % hosts == host. Positions
                and windows are counted over all hosts.
            training: False for evaluation: finite, in the dataset's order, `recipe.evaluation()`.
            threads: for decoding and rendering; by default the CPUs this process may use.
            memory_mb: of decoded pictures held at a time.
            on_damaged: "stop" with a RecordError at a damaged record, or "skip": in its place the primary of
                the next position of the window is shown whose record is whole, and the ledger counts it.
            workers: "auto" has batches that were asked for in a row for a second made ahead by processes, as
                many as `threads` and 64 of `memory_mb` for each allow; they and this one hold a window's
                samples each. "processes" starts them at once, "threads" never. The bytes are the same.
            engine: "ray" has `batches` fetch whole windows from a Ray cluster; all else stays here.

        Raises:
            UsageError: no such split, an empty one, or an argument out of range.
        """
        terms = Terms(split, seed, shard, training, on_damaged, threads, memory_mb, engine, workers)
        self.dataset, self.recipe, self.terms = dataset, recipe, terms
        self.split, self.seed, self.training = split, seed, training
        self.host, self.hosts = shard
        numbers = dataset.split(split)
        if not len(numbers):
            raise UsageError(f"{dataset.folder}: split {split!r} holds no image")
        used = recipe if training else recipe.evaluation()
        ignore, decoding = used.objects.ignore, used.input.decode
        self._used, self.catalogue = used, (catalogue := Catalogue(dataset, ignore))
        factors = catalogue.repeat_factors(numbers, used.stream.repeat_threshold)
        self._order = Order(numbers, seed, shuffled=training, factors=factors)
        end = None if training else len(numbers)
        self._steps = Steps(used.stream.window, self._order.per_epoch, shard, end)
        self._planner = Planner(catalogue, self._order, self._steps, used, seed)
        self._ledger = Ledger()
        self._memory = Memory((budget := int(memory_mb * 2**20)) // 4)
        self._pictures = Pictures(dataset, catalogue, ignore, budget, self._ledger, self._memory, decoding)
        parts = self._planner, self._pictures, self._ledger
        self._maker = Maker(used, seed, catalogue, *parts, self._memory, on_damaged)
        self._crew = Crew(terms.cpus) if terms.cpus > 1 else Alone()
        there = partial(_arrived, str(dataset.folder.absolute()), dataset.identity, recipe)
        self._near = nearby(there, terms, self._planner.shapes, self._ledger.absorb, self._pictures.clear)
        if self._near:
            finalize(self, self._near.close)
        self._running: WeakSet[Generator[Batch]] = WeakSet()
        begun_anew(*parts, self._crew)
        opencv.one_thread()

    def __repr__(self) -> str:
        kind = "training" if self.training else "evaluation"
        where = f"{self.dataset.folder}, {self.split}, {kind}, seed {self.seed}"
        return f"Stream({where}: {len(self)} positions an epoch)"

    def __reduce__(self) -> tuple[Any, ...]:
        """A stream travels as what it is a function of, and opens the dataset where it arrives."""
        return _arrived, (str(self.dataset.folder), self.dataset.identity, self.recipe, self.terms)

    def __len__(self) -> int:
        """Positions per epoch."""
        return self._order.per_epoch

    def __enter__(self) -> Stream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.close()

    def __getitem__(self, k: int) -> Sample:
        """One sample.

        Raises:
            IndexError: there is no such position.
            RecordError: a record it needs is damaged.
        """
        number, row = self._steps.place(k)
        return self._samples(number, range(row, row + 1))[0]

    def __iter__(self) -> Iterator[Sample]:
        """Samples from position 0; without end for training."""
        for number in self._steps.windows():
            yield from self.window(number)

    def window(self, number: int) -> list[Sample]:
        """All samples of a window, in order; their pixels share one array.

        Raises:
            IndexError: there is no such window.
        """
        self._steps.place(number * self._steps.window)
        return self._samples(number, range(len(self._steps.positions(number))))

    def plan(self, k: int) -> Plan:
        """The finished plan of a position; costs no pixel."""
        number, row = self._steps.place(k)
        return self._planner.window(number).samples[row].plan

    def batch(self, step: int, batch_size: int) -> Batch:
        """The samples of this host's step, counted from 0 over all epochs.

        Raises:
            UsageError: batch_size does not divide the recipe's window.
            IndexError: a finite stream has ended before.
            RecordError: a record is damaged; names position and picture.
        """
        per_window = self._steps.in_window(batch_size)
        ahead = self._near.batch(step, batch_size, per_window) if self._near else None
        return self.made(step, batch_size) if ahead is None else ahead

    def made(self, step: int, batch_size: int) -> Batch:
        """`batch`, made by this process alone."""
        number, rows = self._steps.rows(step, batch_size)
        (batch,) = self.painted(step, batch_size, [self._canvases(self._planner.window(number), rows)])
        return batch

    def painted(self, step: int, batch_size: int, images: Sequence[Images]) -> Iterator[Batch]:
        """Batches of one window from a step on, made by this process alone, each painted into its images."""
        number, rows = self._steps.rows(step, batch_size)
        rows = range(rows.start, rows.start + sum(map(len, images)))
        with closing(self._make(self._planner.window(number), rows, images)) as made:
            for i, (own, pixels) in enumerate(zip(made, images, strict=True)):
                yield Batch.of(step + i, pixels, own, self.catalogue)

    def batches(self, batch_size: int, start_step: int = 0, *, ahead: int = 2) -> Iterator[Batch]:
        """Batch after batch, some made ahead of their use; without end for training.

        Args:
            batch_size: divides the recipe's window.
            start_step: where to begin or to go on.
            ahead: how many to have in the making; for Ray, how many windows.
        """
        per_window = self._steps.in_window(batch_size)
        end = None if self.training else self.steps_per_epoch(batch_size)
        steps = count(start_step) if end is None else range(start_step, end)
        if self.terms.engine == "ray":
            return far.batches(self, per_window, batch_size, steps, ahead, self._ledger.absorb)
        running = in_order((partial(self.batch, step, batch_size) for step in steps), ahead)
        self._running.add(running)
        return running

    def steps_per_epoch(self, batch_size: int) -> int:
        """Steps of this host until every position of an epoch is over; all steps of a finite stream."""
        return self._steps.of_epoch(batch_size)

    def boxes(self, start: int, stop: int) -> Iterator[Outcome]:
        """What remains of the objects of positions start to stop - 1, without reading a picture.

        Planned from the object table, which knows no outlines and no left-out places: under rotation a box
        follows the ellipse rule even where a polygon would tell more.
        """
        return outcomes(self._planner.samples(start, stop), self.catalogue, self._used.objects)

    def ledger(self) -> dict[str, dict[str, int]]:
        """What this stream has done so far in this process; see `Ledger.read`."""
        return self._ledger.read()

    def take_ledger(self) -> dict[str, dict[str, int]]:
        """What it has done since this was last asked."""
        return self._ledger.take()

    def cpu_seconds(self) -> float:
        """CPU time that this process and those that now make batches for it have used, for measuring."""
        return time.process_time() + (self._near.cpu_seconds() if self._near else 0.0)

    def state(self, step: int) -> dict[str, Any]:
        """What a checkpoint must keep to go on at a step; JSON values.

        The step counts batches: go on with the same batch size.
        """
        here = self.dataset.identity, self.recipe.hash, self.split, self.seed, self.hosts
        return states.state(*here, step)

    def check(self, state: Mapping[str, Any]) -> tuple[str, ...]:
        """Make sure a checkpoint's state is this stream's.

        Returns:
            Remarks on versions of datapipe, NumPy or OpenCV that changed.

        Raises:
            UsageError: another dataset, recipe, split, seed or number of hosts; says which.
        """
        return states.refuse_another(state, self.state(0))

    def close(self) -> None:
        """End threads and loops over `batches`, free idle memory; the next sample starts threads anew."""
        for running in list(self._running):
            running.close()
        if self._near:
            self._near.close()
        self._crew.close()
        self._pictures.clear()

    def _samples(self, number: int, rows: range) -> list[Sample]:
        window = self._planner.window(number)
        images = self._canvases(window, rows)
        (made,) = self._make(window, rows, [images])
        return [
            sample(one, pixels, number, self._order.epoch(one.planned.position), self.catalogue)
            for one, pixels in zip(made, images, strict=True)
        ]

    def _canvases(self, window: Window, rows: range) -> Images:
        return self._memory.array((len(rows), *window.samples[rows.start].plan.hw, 3))

    def _make(self, window: Window, rows: range, images: Sequence[Images]) -> Generator[list[Made]]:
        yield from self._maker.make(window, rows, images, self._crew.submit)
        self._pictures.forget(window.number - 2 * self.hosts)


_open: dict[tuple[str, str, str, Terms], Stream] = {}
"""The stream that arrived last in this process: the next to arrive is likely the same."""


def _arrived(folder: str, identity: str, recipe: Recipe, terms: Terms) -> Stream:
    """A stream that was sent here; equal ones that arrive one after another are one.

    Raises:
        InputError: the folder holds another dataset here than where it came from.
    """
    key = (folder, identity, recipe.hash, terms)
    if key not in _open:
        dataset = Dataset(folder)
        if dataset.identity != identity:
            raise InputError(f"{folder}: another dataset here than where the stream comes from")
        _open.clear()
        _open[key] = Stream(dataset, recipe, **vars(terms))
    return _open[key]
