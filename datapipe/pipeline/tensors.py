"""The stream as a tf.data.Dataset. Imports TensorFlow; `streams` imports this when it is needed."""

from __future__ import annotations

import re
import threading
import weakref
from traceback import format_exception
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python.data.ops.iterator_ops import OwnedIterator

from datapipe.errors import DatapipeError
from datapipe.pipeline.door import Door
from datapipe.pipeline.feed import AHEAD, Feed


class StreamDataset(tf.data.Dataset):  # type: ignore[misc]  # TensorFlow has no types
    """A tf.data.Dataset that knows its stream.

    Transformations of it are plain datasets: keep this one for `steps_per_epoch` and `state`.

    stream:          the `Stream` it is made from; `stream.ledger()` counts what happened
    steps_per_epoch: steps of this host until every position of an epoch is over; for evaluation all there are
    """

    def __init__(self, feed: Feed, first: int) -> None:
        """Build the pipeline; nothing is read yet.

        Args:
            feed: makes the batches.
            first: the step to begin with.
        """
        self._feed, self._calls = feed, _Calls(feed)
        self._batches = _batches(self._calls, feed, first)
        self.stream, self.steps_per_epoch = feed.stream, feed.steps_per_epoch
        super().__init__(self._batches._variant_tensor)
        weakref.finalize(self, self._calls.finish).atexit = False  # threads end by themselves then

    def state(self, step: int) -> dict[str, Any]:
        """What a checkpoint keeps to go on with a step, counted from 0: give it to `start_step`.

        Keep it with the model, as JSON: after `step` optimizer steps, `stream.state(step)`.
        """
        return self._feed.state(step)

    @property
    def element_spec(self) -> Any:
        """Dtypes and shapes, see `Feed.shapes`."""
        return self._batches.element_spec

    def _inputs(self) -> list[Any]:
        return [self._batches]

    def __iter__(self) -> Any:
        return _Iterator(self) if tf.executing_eagerly() else super().__iter__()


class _Iterator(OwnedIterator):  # type: ignore[misc]
    """An iterator that raises what went wrong itself instead of TensorFlow's error about it."""

    def __next__(self) -> Any:
        calls = self._dataset._calls
        try:
            with calls.door.asking() as fine:
                if fine:
                    return super().__next__()
        except tf.errors.OpError as error:
            if not calls.door.shut:
                failure = calls.failure(error.message)
                if failure is None:
                    raise
                raise failure from None
        raise StopIteration  # the program ends, and this is a daemon thread

    def get_next(self) -> Any:
        try:
            return self.__next__()
        except StopIteration:
            raise tf.errors.OutOfRangeError(None, None, "End of sequence") from None


class _Calls:
    """What TensorFlow's threads call: makes a batch, or says why there is none.

    It raises nothing: TensorFlow would print a page about it, and wrap it in another one.
    """

    def __init__(self, feed: Feed) -> None:
        self._feed: Feed | None = feed
        self.door = Door()
        self.shapes = feed.shapes()
        self._nothing = [np.zeros([0] * len(shape), kind) for kind, shape in self.shapes.values()]
        self._failures: dict[int, Exception] = {}
        self._lock, self._inside, self._over = threading.RLock(), 0, False

    def __call__(self, step: np.int64) -> list[Any]:
        with self.door:
            with self._lock:
                feed = None if self._over or self.door.shut else self._feed
                self._inside += 1
            try:
                return self._made(feed, int(step))
            finally:
                with self._lock:
                    self._inside -= 1
                self._release()

    def _made(self, feed: Feed | None, step: int) -> list[Any]:
        if feed is None:
            return ["nobody waits for this any more", *self._nothing]
        try:
            images, targets = feed(step)
        except DatapipeError as error:
            self._failures[step] = error.with_traceback(None)
            return [str(error), *self._nothing]
        except Exception as error:  # a bug, ours or a plugin's: with all that is known
            self._failures[step] = error
            return [f"step {step}: {''.join(format_exception(error))}", *self._nothing]
        return ["", images, *(targets[name] for name in list(self.shapes)[1:])]

    def finish(self) -> None:
        """End the stream's threads, now or when the last call leaves.

        An iterator lets go of its dataset before it waits for its calls, so some may still be inside.
        """
        with self._lock:
            self._over = True
        self._release()

    def _release(self) -> None:
        """Let go of the feed when all is over: TensorFlow itself never lets go of what it has called."""
        with self._lock:
            if not self._over or self._inside:
                return
            feed, self._feed = self._feed, None
            self._failures.clear()
        if feed:
            feed.close()

    def failure(self, message: str) -> Exception | None:
        """The error that a message of TensorFlow's quotes; it does so with escapes, so go by the step."""
        found = re.search(r"assertion failed: \[step (\d+): ", message)
        return self._failures.pop(int(found[1]), None) if found else None


def _batches(calls: _Calls, feed: Feed, first: int) -> Any:
    """The pipeline: step numbers, each made into a batch by a call into Python, some ahead, in order."""
    kinds = [tf.string if kind.kind == "U" else tf.as_dtype(kind) for kind, _ in calls.shapes.values()]

    def batch(step: Any) -> Any:
        with tf.control_dependencies([calls.door.ticket()]):
            said, *made = tf.numpy_function(calls, [step], [tf.string, *kinds], stateful=False)
        fine = tf.raw_ops.Assert(condition=tf.equal(said, ""), data=[said], summarize=1)
        with tf.control_dependencies([fine]):
            made = [tf.identity(array) for array in made]
        for array, (_, shape) in zip(made, calls.shapes.values(), strict=True):
            array.set_shape(shape)
        return made[0], dict(zip(list(calls.shapes)[1:], made[1:], strict=True))

    options = tf.data.Options()
    options.deterministic = True
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    steps = tf.data.Dataset.counter(first) if feed.steps is None else tf.data.Dataset.range(first, feed.steps)
    calls_at_a_time = 1 if feed.in_a_row else AHEAD
    made = steps.map(batch, num_parallel_calls=calls_at_a_time, deterministic=True, name="datapipe")
    return made.prefetch(AHEAD).with_options(options)
