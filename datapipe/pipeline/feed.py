"""What every trainer is fed, whatever it is written in: a step of the stream as NumPy arrays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Any
from warnings import warn

import numpy as np
from numpy.typing import NDArray

from datapipe.dataset import Dataset
from datapipe.errors import DatapipeError, UsageError
from datapipe.pipeline.loops import Loops
from datapipe.recipe import Recipe
from datapipe.stream import Stream
from datapipe.stream.crew import in_order
from datapipe.targets.raw import Raw
from datapipe.targets.wire import Arrays, collate

State = Mapping[str, Any]
"""What a checkpoint keeps of a stream: JSON values, from `Feed.state`."""

AHEAD = 2
"""Batches in the making beside the one in use: one being painted while another one's last pictures decode."""


@dataclass(frozen=True, eq=False)
class Feed:
    """Steps of a stream as (images, targets).

    A step is a pure function of the stream and its number, so any thread may make any of them.

    stream:     where samples come from
    batch_size: divides the recipe's window

    images:  (B, H, W, 3) uint8 RGB
    targets: by name, what the recipe's encoder says (`targets.wire`), each (B, ...); with Raw targets also
             image_id (B,) text; in evaluation always image_id and matrix (B, 3, 3) float64, from the stored
             picture's px to the canvas', whose inverse takes predictions back
    """

    stream: Stream
    batch_size: int
    _loops: Loops | None = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Refuse a batch size that the recipe's window is no multiple of.

        Raises:
            UsageError: names both.
        """
        self.stream.steps_per_epoch(self.batch_size)
        object.__setattr__(self, "_loops", Loops(self.stream, self.batch_size) if self.in_a_row else None)

    def __call__(self, step: int) -> tuple[NDArray[np.uint8], Arrays]:
        """One batch.

        Raises:
            DatapipeError: what the stream or the encoder says no to, with the step's number before it.
            IndexError: a finite stream has ended before.
        """
        try:
            batch = self._loops.batch(step) if self._loops else self.stream.batch(step, self.batch_size)
            encoder, hw = self.stream.recipe.targets, (batch.images.shape[1], batch.images.shape[2])
            rows = []
            for image_id, objects in zip(batch.image_id, batch.objects, strict=True):
                try:
                    rows.append(encoder.encode(objects, hw))
                except DatapipeError as error:
                    raise type(error)(f"image {image_id!r}: {error}") from None
        except DatapipeError as error:
            raise type(error)(f"step {step}: {error}") from None
        targets = collate(encoder.spec(), rows)
        if self.named:
            targets["image_id"] = np.array(batch.image_id)
        if not self.stream.training:
            targets["matrix"] = batch.matrix
        return batch.images, targets

    @property
    def in_a_row(self) -> bool:
        """Whether steps are to be asked for one after another: an engine elsewhere makes whole windows."""
        return self.stream.terms.engine != "local"

    @property
    def named(self) -> bool:
        """Whether batches carry image ids."""
        return not self.stream.training or isinstance(self.stream.recipe.targets, Raw)

    @property
    def steps(self) -> int | None:
        """How many there are; None without end."""
        return None if self.stream.training else self.steps_per_epoch

    @property
    def steps_per_epoch(self) -> int:
        """Steps of this host until every position of an epoch is over."""
        return self.stream.steps_per_epoch(self.batch_size)

    def shapes(self) -> dict[str, tuple[np.dtype[Any], tuple[int | None, ...]]]:
        """Dtype and shape of every array of a step, "images" first; None where steps differ.

        Example: batch_size 16, input hw (640, 640), Raw: images (uint8, (16, 640, 640, 3)), xyxy (float32,
        (16, None, 4)), ...; with multi_scale images are (uint8, (16, None, None, 3)).
        """
        canvas, size = self.stream.recipe.input, self.batch_size
        every = size if self.stream.training or len(self.stream) % size == 0 else None
        free = canvas.resize == "short_side" or (self.stream.training and canvas.multi_scale is not None)
        hw = (None, None) if free else canvas.hw
        known: dict[str, tuple[np.dtype[Any], tuple[int | None, ...]]] = {
            "images": (np.dtype(np.uint8), (every, *hw, 3))
        }
        for name, one in self.stream.recipe.targets.spec().items():
            known[name] = (one.dtype, (every, *one.shape))
        if self.named:
            known["image_id"] = (np.dtype(np.str_), (every,))
        if not self.stream.training:
            known["matrix"] = (np.dtype(np.float64), (every, 3, 3))
        return known

    def batches(self, start_step: int = 0, stride: int = 1) -> Iterator[tuple[NDArray[np.uint8], Arrays]]:
        """Steps start_step, start_step + stride, ..., some made ahead of their use; leaves no thread."""
        numbers = count(start_step, stride) if self.steps is None else range(start_step, self.steps, stride)
        try:
            if self.in_a_row:
                yield from map(self, numbers)
            else:
                yield from in_order((partial(self, step) for step in numbers), AHEAD)
        finally:
            self.close()

    def close(self) -> None:
        """End threads, processes and loops; the next step starts them anew."""
        if self._loops:
            self._loops.close()
        self.stream.close()

    def state(self, step: int) -> dict[str, Any]:
        """What a checkpoint keeps to go on with a step; JSON values."""
        return self.stream.state(step) | {"batch_size": self.batch_size}

    def start(self, start_step: int | State) -> int:
        """The step to begin with, given as such or as a checkpoint's state.

        Another batch size than the checkpoint's is fine if it gets there in whole steps: step 30 of 16 is
        step 60 of 8, and no step of 64.

        Raises:
            UsageError: below 0, a state of another stream (says what differs), or between two steps.
        """
        if isinstance(start_step, Mapping):
            for remark in self.stream.check(start_step):
                warn(remark, stacklevel=4)
            for key in ("step", "batch_size"):
                if key not in start_step:
                    raise UsageError(f"stream state: no {key!r} in it: want what .state(step) gave")
            step, size = int(start_step["step"]), int(start_step["batch_size"])
            if step * size % self.batch_size:
                raise UsageError(
                    f"stream state: step {step} of batch_size {size} lies between two steps of batch_size "
                    f"{self.batch_size}: go on with {size}"
                )
            return step * size // self.batch_size
        if start_step < 0:
            raise UsageError(f"start_step {start_step}: want 0 or more, or what .state(step) gave")
        return int(start_step)


def feed_of(dataset: Dataset, recipe: Recipe, split: str, batch_size: int, **options: Any) -> Feed:
    """A feed over a new stream.

    Args:
        dataset: from `datapipe.open`.
        recipe: what happens to pictures.
        split: "train", "val", ...
        batch_size: divides the recipe's window.
        **options: of `Stream`.

    Raises:
        UsageError: as `Stream` and `Feed` say.
    """
    return Feed(Stream(dataset, recipe, split, **options), batch_size)


def as_numpy(
    dataset: Dataset,
    recipe: Recipe,
    split: str = "train",
    *,
    batch_size: int,
    start_step: int | State = 0,
    **options: Any,
) -> Iterator[tuple[NDArray[np.uint8], Arrays]]:
    """The stream for anything that takes NumPy: the same bytes as `train_stream`, without TensorFlow.

    Args:
        dataset: from `datapipe.open`.
        recipe: what happens to pictures.
        split: "train", "val", ...
        batch_size: divides the recipe's `stream.window`.
        start_step: where to begin or to go on: a number, or a checkpoint's state.
        **options: of `Stream`: seed, shard, training (False: once through, in order, without chance),
            threads, memory_mb, on_damaged, engine, workers.

    Returns:
        An iterator of (images, targets) as `Feed` tells; endless in training. Threads end with it.

    Raises:
        UsageError: an argument out of range, or a state of another stream.
        RecordError: at the damaged record; names step, picture and what is wrong.
    """
    feed = feed_of(dataset, recipe, split, batch_size, **options)
    return feed.batches(feed.start(start_step))
