"""One training step and one detection as TensorFlow graphs: traced once for every shape of input."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from datapipe.heads.dense import signature
from datapipe.targets import Detector as Spec

HW = tuple[int, int]
Tensors = dict[str, Any]


@dataclass(frozen=True)
class Detector:
    """What a trainer brings to the loop: all that differs between detectors.

    spec:    the recipe's targets
    network: images (B, H, W, 3) float32, RGB from 0 to 255 -> outputs
    loss:    (hw, outputs, targets as the stream has them) -> scalars by name, among them "total"
    detect:  (hw, outputs) -> detections, px of the canvas (`datapipe.heads.decode`)
    attack:  None, or (hw, images, targets, share of the training that is over) -> images, made harder
    """

    spec: Spec
    network: keras.Model
    loss: Callable[[HW, Tensors, Tensors], Tensors]
    detect: Callable[[HW, Tensors], Any]
    attack: Callable[[HW, tf.Tensor, Tensors, tf.Tensor], tf.Tensor] | None = None


class Steps:
    """The graphs of a detector.

    A shape is a trace: its own for each (H, W), one for all lengths of the targets' rows.
    """

    def __init__(
        self,
        detector: Detector,
        optimizer: keras.optimizers.Optimizer,
        total: int,
        seed: int = 0,
        ema: float = 0.0,
    ) -> None:
        """Trace nothing yet.

        Args:
            detector: what is trained.
            optimizer: built here for the network's trainable weights.
            total: steps of the whole training.
            seed: of the attacks' coins.
            ema: share of the old average in each step's average of the weights; 0 for no averages.
        """
        self.detector, self.optimizer = detector, optimizer
        self._total, self._seed, self._ema = total, seed, ema
        self._weights = detector.network.trainable_variables
        optimizer.build(self._weights)
        self.averages = [tf.Variable(weight) for weight in self._weights] if ema else []
        self._trained: dict[HW, Any] = {}
        self._detected: dict[HW, Any] = {}

    @property
    def variables(self) -> list[Any]:
        """All that a training changes, in an order that only depends on how the detector is built."""
        return [*self.detector.network.variables, *self.optimizer.variables, *self.averages]

    def train(self, images: tf.Tensor, targets: Tensors) -> Tensors:
        """Take one step; the loss's terms as they were before it."""
        b, h, w, _ = images.shape
        if (h, w) not in self._trained:
            graph = tf.function(lambda images, targets: self._step((h, w), images, targets))
            pixels, rows = tf.TensorSpec((b, h, w, 3), tf.uint8), signature(self.detector.spec, b)
            self._trained[h, w] = graph.get_concrete_function(pixels, rows)
        return self._trained[h, w](images, targets)

    def detect(self, images: tf.Tensor) -> Any:
        """Detections in a batch of any size."""
        _, h, w, _ = images.shape
        if (h, w) not in self._detected:
            graph = tf.function(lambda images: self._detect((h, w), images))
            self._detected[h, w] = graph.get_concrete_function(tf.TensorSpec((None, h, w, 3), tf.uint8))
        return self._detected[h, w](images)

    def swap(self) -> None:
        """Put the averages in the weights' place, and back when called again."""
        for weight, average in zip(self._weights, self.averages, strict=bool(self._ema)):
            kept = tf.identity(weight)
            weight.assign(average)
            average.assign(kept)

    def _step(self, hw: HW, images: tf.Tensor, targets: Tensors) -> Tensors:
        pixels = tf.cast(images, tf.float32)
        step = tf.cast(self.optimizer.iterations, tf.int32)
        attack = self.detector.attack
        if attack is not None:
            coin = tf.random.stateless_uniform((), (self._seed % 2**31, step))
            share = tf.cast(step, tf.float32) / self._total
            pixels = tf.cond(coin < 0.5, lambda: attack(hw, pixels, targets, share), lambda: pixels)
        terms = self.detector.loss(hw, self.detector.network(pixels, training=True), targets)
        scaled = self.optimizer.scale_loss(terms["total"])
        self.optimizer.apply(_gradients(scaled, self._weights), self._weights)
        # slower at first: the average of 1 / (1 - ema) steps would otherwise hold the random weights for long
        old = tf.minimum(self._ema, (1 + tf.cast(step, tf.float32)) / (10 + tf.cast(step, tf.float32)))
        for weight, average in zip(self._weights, self.averages, strict=bool(self._ema)):
            average.assign_sub((1 - old) * (average - tf.convert_to_tensor(weight)))
        return terms

    def _detect(self, hw: HW, images: tf.Tensor) -> Any:
        outputs = self.detector.network(tf.cast(images, tf.float32), training=False)
        return self.detector.detect(hw, outputs)


def _gradients(loss: tf.Tensor, weights: Sequence[Any]) -> list[tf.Tensor]:
    """The gradients, those of what is used more than twice added in one order always.

    A GradientTape adds them by one AddN, which begins with whichever part's memory is free to be used again:
    on a crowded machine now one, now another, and the last bits of a sum depend on it (TensorFlow,
    core/kernels/aggregate_ops.cc). Two at a time it does not matter which one is first.
    """
    pairs = tf.AggregationMethod.EXPERIMENTAL_TREE
    found: list[tf.Tensor] = tf.gradients(
        loss, [weight.value for weight in weights], aggregation_method=pairs
    )
    return found
