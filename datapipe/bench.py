"""How fast a recipe's stream is on this machine, where its time goes, and what could at best be hoped for."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

import numpy as np

from datapipe.augment.patches import patches_of_stack
from datapipe.augment.pixels import writes_elsewhere
from datapipe.augment.regions import stacks_of
from datapipe.augment.render import factor_for, render
from datapipe.augment.survival import survive_stack
from datapipe.dataset import Dataset
from datapipe.errors import UsageError
from datapipe.images import opencv
from datapipe.images.pixels import Decoding, decode_reduced
from datapipe.progress import Progress, silent
from datapipe.recipe import Recipe
from datapipe.stream import Stream
from datapipe.targets.wire import collate

LONGEST = 3600.0
"""Seconds of a round."""
ROUNDS = 3
"""Stream and floor take turns; the median of their rounds counts."""


@dataclass(frozen=True)
class Bench:
    """A recipe's speed.

    images_per_second, cpu_ms_per_image: of the stream, targets encoded and batched
    floor_images_per_second, floor_cpu_ms_per_image: one decode and one warp an image on the same threads
    stages:  what one image costs by stage, ms on one thread; "threads" is what their hand-overs add
    pictures_per_image: decoded for each image; a mosaic shares them with its window
    busy:    share of the threads' time that was worked
    limit:   what holds it back, in a sentence
    """

    images_per_second: float
    cpu_ms_per_image: float
    floor_images_per_second: float
    floor_cpu_ms_per_image: float
    stages: dict[str, float]
    pictures_per_image: float
    busy: float
    limit: str
    threads: int
    batch_size: int
    hw: tuple[int, int]
    images: int
    recipe: str

    @property
    def of_floor(self) -> float:
        """The stream's rate as a share of the floor's."""
        return self.images_per_second / self.floor_images_per_second

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {**asdict(self), "hw": list(self.hw), "of_floor": self.of_floor}


def bench(
    dataset: Dataset,
    recipe: Recipe,
    split: str = "train",
    *,
    batch_size: int = 16,
    seconds: float = 4.0,
    threads: int | None = None,
    seed: int = 0,
    progress: Progress = silent,
) -> Bench:
    """Measure a recipe's stream and the floor under it in turns, after a round that nobody counts.

    Args:
        dataset: the dataset; its files should be in the page cache, which the first round sees to.
        recipe: the recipe.
        split: of the dataset.
        batch_size: divides the recipe's window.
        seconds: of each of the rounds.
        threads: by default the CPUs this process may use.
        seed: of the stream.
        progress: told of every round.

    Raises:
        UsageError: seconds not above 0 or above an hour, or what `Stream` refuses.
    """
    if not 0 < seconds <= LONGEST:
        raise UsageError(f"seconds {seconds:g}: want above 0, at most {LONGEST:g}")
    threads = len(os.sched_getaffinity(0)) if threads is None else threads
    with (
        Stream(dataset, recipe, split, seed, threads=threads) as stream,
        ThreadPoolExecutor(threads) as pool,
        progress("measuring", 2 * ROUNDS + 3, "rounds") as advance,
    ):
        hw = stream.plan(0).hw
        training = _training(stream, batch_size)
        floor = _floor(dataset, split, hw, pool, recipe.input.decode)
        _timed(training, seconds / 2, stream)
        advance(1)
        _timed(floor, seconds / 2, stream)
        advance(1)
        rounds = []
        for _ in range(ROUNDS):
            _timed(training, seconds / 8, stream)  # what was made ahead meanwhile came for nothing
            own = _timed(training, seconds, stream)
            time.sleep(seconds / 8)  # and is made again, beside nobody
            rounds.append((own, _timed(floor, seconds, stream)))
            advance(2)
        before = stream.ledger()["stream"]
        stages = _stages(stream, batch_size)
        advance(1)
        images, decoded = before["samples"], before.get("pictures_decoded", 0)
    rate, cpu = (median(own[i] for own, _ in rounds) for i in (0, 1))
    floor_rate, floor_cpu = (median(under[i] for _, under in rounds) for i in (0, 1))
    stages["threads"] = max(0.0, cpu - sum(stages.values()))
    busy = min(1.0, rate * cpu / 1000 / threads)
    return Bench(
        images_per_second=rate,
        cpu_ms_per_image=cpu,
        floor_images_per_second=floor_rate,
        floor_cpu_ms_per_image=floor_cpu,
        stages=stages,
        pictures_per_image=decoded / images,
        busy=busy,
        limit=_limit(stages, busy, threads),
        threads=threads,
        batch_size=batch_size,
        hw=hw,
        images=images,
        recipe=recipe.hash,
    )


def _timed(work: Iterator[int], seconds: float, stream: Stream) -> tuple[float, float]:
    """Images per second and CPU ms per image, of all threads and of the stream's processes."""
    images, wall, cpu = 0, time.perf_counter(), stream.cpu_seconds()
    while (elapsed := time.perf_counter() - wall) < seconds:
        images += next(work)
    elapsed = time.perf_counter() - wall
    return images / elapsed, 1000 * (stream.cpu_seconds() - cpu) / images


def _training(stream: Stream, batch_size: int) -> Iterator[int]:
    """Batches as a trainer gets them; yields their sizes."""
    encoder = stream.recipe.targets
    for batch in stream.batches(batch_size):
        hw = (batch.images.shape[1], batch.images.shape[2])
        collate(encoder.spec(), [encoder.encode(objects, hw) for objects in batch.objects])
        yield len(batch)


def _floor(
    dataset: Dataset,
    split: str,
    hw: tuple[int, int],
    pool: ThreadPoolExecutor,
    decoding: Decoding,
) -> Iterator[int]:
    """One decode, as the recipe has it, and one warp an image, from bytes that lie in memory."""
    encoded = [dataset[int(i)][1] for i in dataset.split(split)[:256]]

    def one(data: bytes) -> None:
        opencv.turned(decode_reduced(data, 1, decoding=decoding).pixels, hw)

    while True:
        for start in range(0, len(encoded), 16):
            part = encoded[start : start + 16]
            list(pool.map(one, part))
            yield len(part)


def _stages(stream: Stream, batch_size: int, windows: int = 2) -> dict[str, float]:
    """Mean ms of each stage for one image, one after the other on this thread, over windows not seen yet."""
    recipe, dataset, encoder = stream.recipe, stream.dataset, stream.recipe.targets
    spent: dict[str, float] = {}
    images = 0

    @contextmanager
    def stage(name: str) -> Iterator[None]:
        start = time.thread_time()
        yield
        spent[name] = spent.get(name, 0.0) + time.thread_time() - start

    first = 10_000  # far from what the rounds have planned and decoded
    for number in range(first, first + windows):
        positions = range(number * recipe.stream.window, (number + 1) * recipe.stream.window)
        with stage("plan"):
            plans = [stream.plan(k) for k in positions]
        factors: dict[int, Any] = {}
        for tile in (tile for plan in plans for tile in plan.tiles):
            shown = tile.picture.number
            factors[shown] = min(factors.get(shown, 8), factor_for(tile))
        with stage("read"):
            tabled = stream.catalogue.objects
            records = {i: dataset.objects_of(i, recipe.objects.ignore, tabled) for i in factors}
        with stage("decode"):
            decoded = {
                i: decode_reduced(records[i][1], factor, decoding=recipe.input.decode)
                for i, factor in factors.items()
            }
        with stage("objects"):
            sources = {i: objects for i, (objects, _) in records.items()}
            stacks = list(stacks_of(plans))
            survivors = [one for own in stacks for one in survive_stack(own, sources, recipe.objects)]
        with stage("warp"):
            patches = [one for own in stacks for one in patches_of_stack(own)]
        rows = []
        for position, plan, survived, parts in zip(positions, plans, survivors, patches, strict=True):
            with stage("warp"):
                pixels, objects = render(plan, decoded, patches=parts), survived.objects
            for i, step in enumerate(recipe.pixels):
                with stage(type(step).__name__):
                    rng = np.random.default_rng([position, i])
                    pixels, objects = _pixel_step(step, pixels, objects, recipe, rng)
            with stage("encode"):
                rows.append(encoder.encode(objects, plan.hw))
        with stage("batch"):
            for start in range(0, len(rows), batch_size):
                collate(encoder.spec(), rows[start : start + batch_size])
        images += len(plans)
    return {name: 1000 * seconds / images for name, seconds in spent.items()}


def _pixel_step(
    step: Any, pixels: Any, objects: Any, recipe: Recipe, rng: np.random.Generator
) -> tuple[Any, Any]:
    if hasattr(step, "apply"):
        pixels, objects, _ = step.apply(pixels, objects, recipe.objects, rng)
        return pixels, objects
    if writes_elsewhere(step):
        step.into(pixels, rng, out := np.empty_like(pixels))
        return out, objects
    return step(pixels, rng), objects


def _limit(stages: dict[str, float], busy: float, threads: int) -> str:
    """What holds the stream back, and what would help."""
    total = sum(stages.values())
    name = max(stages, key=lambda stage: stages[stage])
    share = f"{name} takes {100 * stages[name] / total:.0f} % of the {total:.1f} ms an image costs"
    if busy < 0.8:
        return (
            f"the threads are busy {100 * busy:.0f} % of the time: they wait for the disk, for one another "
            f"or for a CPU that others use; {share}"
        )
    return (
        f"the {threads} threads are busy {100 * busy:.0f} % of the time; {share}. {_HELP.get(name, _PIXELS)}"
    )


_PIXELS = "It is a step of the recipe's `pixels`: leave it out or lower its p to see what it is worth"
_HELP = {
    "decode": "Smaller pictures on disk, a smaller input, which decodes at reduced scale, or `decode: fast` "
    "in the recipe's `input` would help",
    "warp": "A smaller input, or fewer tiles, would help",
    "plan": "A window or a mix with fewer pictures would help",
    "read": "The records are read anew for each window: faster storage would help",
    "objects": "The pictures hold many objects or long outlines",
    "encode": "The targets hold many objects or anchors",
    "batch": "Batches of fewer padded rows would help",
    "threads": "Hand-overs between threads weigh most: the pictures are small for this many threads",
}
