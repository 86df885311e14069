"""The loop of all trainers: stream, step, evaluation, checkpoint; stopped anywhere, it goes on exactly."""

from __future__ import annotations

import argparse
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from datapipe import report
from datapipe.errors import DatapipeError, Interrupted, UsageError
from datapipe.evaluation import Detections, Evaluation, evaluate, to_original
from datapipe.pipeline import eval_stream, train_stream
from datapipe.report.evaluation import evaluation as show
from recipes import checkpoints, progress
from recipes.options import Data, checked
from recipes.steps import Detector, Steps

CHECK_EVERY = 20
"""Steps between looks at the loss: each look waits for the accelerator."""
NOT_TRAINING = {"data", "out", "resume", "json_log", "quiet", "weights"} | {
    *("evaluate_split", "evaluate_every", "score_threshold", "nms_threshold", "top_k")
}
"""Options that may change when a training goes on without changing what it learns."""


def prepare(options: argparse.Namespace) -> None:
    """Fix chance and precision; call it before the network is built.

    A resumed training ends with the same weights to the bit: kernels add in one order always. A GPU's are
    made to, unless `--any-order` says that speed is worth more.
    """
    checked(options)
    # it would make one sum of many parts out of the sums of two that `steps` takes care to have
    tf.config.optimizer.set_experimental_options({"arithmetic_optimization": False})
    keras.utils.set_random_seed(options.seed % 2**32)
    gpu = bool(tf.config.list_physical_devices("GPU"))
    if gpu and not options.any_order:
        tf.config.experimental.enable_op_determinism()
    precision = options.precision
    if precision == "auto":
        precision = "mixed_float16" if gpu else "float32"
    keras.mixed_precision.set_global_policy(precision)


def train(options: argparse.Namespace, data: Data, detector: Detector) -> Evaluation | None:
    """Train, evaluate and save; or go on with all of it.

    Args:
        options: of `recipes.options.parser`.
        data: what to learn from.
        detector: what learns.

    Returns:
        The last evaluation, None where `--evaluate-split` is empty.

    Raises:
        UsageError: options that do not go together, or a checkpoint of something else.
        Interrupted: Ctrl-C; the checkpoint is written.
    """
    out, quiet = options.out, options.quiet
    size, file = options.batch_size, out / "checkpoint.npz"
    state = _state(file, options) if options.resume else None
    stream = train_stream(
        data.dataset,
        data.recipe,
        options.split,
        batch_size=size,
        seed=options.seed,
        start_step=state["stream"] if state else 0,
    )
    per_epoch = stream.steps_per_epoch
    total = options.epochs * per_epoch

    if options.weights and not state:
        taken, of = checkpoints.load_weights(detector.network, options.weights)
        report.note(f"{options.weights}: took over {taken} of {of} arrays of weights", quiet)
    checkpoints.freeze(detector.network, options.freeze)
    steps = Steps(detector, optimizer(options, total), total, options.seed, options.ema)
    first = int(state["stream"]["step"]) if state else 0
    if state:
        checkpoints.restore(file, steps.variables)
    out.mkdir(parents=True, exist_ok=True)
    (out / "recipe.yaml").write_text(data.recipe.dump(), encoding="utf-8")
    curve = progress.Curve(options.json_log, first, stream.stream.cpu_seconds)

    def save(step: int) -> None:
        state = {"stream": stream.state(step), "options": _plain(options)}
        checkpoints.save(file, steps.variables, state)

    batches, measured = iter(stream), None
    with _stoppable() as stopped:
        for number in range(first // per_epoch, options.epochs):
            begin, end = max(first, number * per_epoch), (number + 1) * per_epoch
            clock, label = time.perf_counter(), f"epoch {number + 1}/{options.epochs}"
            with progress.epoch(label, per_epoch, begin - number * per_epoch, quiet) as tell:
                terms = _epoch(steps, batches, range(begin, end), stopped, tell)
            at, seconds = begin + len(terms), time.perf_counter() - clock
            if at < end:
                save(at)
                raise Interrupted(f"stopped after step {at} of {total}, saved: --resume goes on")
            row = {
                "epoch": number + 1,
                "step": end,
                "loss": {name: float(np.mean([one[name] for one in terms])) for name in terms[0]},
                "images_per_second": len(terms) * size / seconds,
                "seconds": seconds,
            }
            wanted = number + 1 == options.epochs or (number + 1) % options.evaluate_every == 0
            if options.evaluate_split and wanted:
                measured = _measured(steps, data, options.evaluate_split, size)
                row["evaluation"] = measured.to_json()
            save(end)
            curve.add(row)
            progress.told(row, options.epochs, quiet)
    if options.evaluate_split and measured is None:  # resumed where nothing was left to do
        measured = _measured(steps, data, options.evaluate_split, size)
    if measured is not None and not quiet:
        show(report.stdout(), measured, f"{options.data}, split {options.evaluate_split}")
    return measured


def optimizer(options: argparse.Namespace, total: int) -> keras.optimizers.Optimizer:
    """The optimizer: half a cosine down to a hundredth, after a straight way up.

    Args:
        options: optimizer, lr, warmup_steps, momentum, weight_decay, clip.
        total: steps of the whole training.
    """
    lr = options.lr or {"sgd": 0.01, "adamw": 0.001}[options.optimizer]
    warmup = min(1000, total // 20) if options.warmup_steps is None else options.warmup_steps
    rate = keras.optimizers.schedules.CosineDecay(
        lr / 100, max(1, total - warmup), alpha=0.01, warmup_target=lr, warmup_steps=warmup
    )
    shared = {"weight_decay": options.weight_decay, "global_clipnorm": options.clip}
    if options.optimizer == "sgd":
        made = keras.optimizers.SGD(rate, momentum=options.momentum, nesterov=True, **shared)
    else:
        made = keras.optimizers.AdamW(rate, **shared)
    made.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    if keras.mixed_precision.global_policy().name == "mixed_float16":
        made = keras.optimizers.LossScaleOptimizer(made)
    return made


def predictions(steps: Steps, data: Data, split: str, batch_size: int) -> dict[str, Detections]:
    """What the detector says of every picture of a split, on the pictures' own px."""
    images = data.dataset.images
    wh = dict(zip(images["image_id"], zip(images["width"], images["height"], strict=True), strict=True))
    found = {}
    for pictures, targets in eval_stream(data.dataset, data.recipe, split, batch_size=batch_size):
        boxes, score, class_id, valid = (np.asarray(part) for part in steps.detect(pictures))
        ids, matrices = targets["image_id"].numpy(), targets["matrix"].numpy()
        for i, (image_id, n) in enumerate(zip(ids, valid, strict=True)):
            name = image_id.decode()
            corners = to_original(boxes[i, :n], matrices[i], wh[name])
            found[name] = Detections(corners, score[i, :n], class_id[i, :n])
    return found


def _measured(steps: Steps, data: Data, split: str, batch_size: int) -> Evaluation:
    steps.swap()
    found = predictions(steps, data, split, batch_size)
    steps.swap()
    return evaluate(data.dataset, split, found)


def _state(file: Path, options: argparse.Namespace) -> dict[str, Any]:
    """A checkpoint's state; the stream refuses that of another dataset, recipe, split or seed itself."""
    state = checkpoints.state(file)
    then, now = state["options"], _plain(options)
    if then["batch_size"] != now["batch_size"]:
        raise UsageError(
            f"--batch-size {now['batch_size']}: {file} counts steps of {then['batch_size']} pictures"
        )
    for name in sorted(now.keys() & then.keys() - NOT_TRAINING):
        if then[name] != now[name]:
            said = f"--{name.replace('_', '-')} {now[name]}, {then[name]} at the checkpoint"
            report.note(f"{said}: the training goes on, but not as it would have", options.quiet)
    return state


def _epoch(
    steps: Steps,
    batches: Iterator[Any],
    numbers: range,
    stopped: Callable[[], bool],
    tell: progress.Told,
) -> list[dict[str, float]]:
    """Take steps; the loss's terms of each, fewer than asked for where somebody stopped it."""
    terms: list[dict[str, float]] = []
    fresh = []
    for step in numbers:
        fresh.append(steps.train(*next(batches)))
        stop = stopped()
        if stop or len(fresh) == CHECK_EVERY or step == numbers[-1]:
            terms += [{name: float(value) for name, value in one.items()} for one in fresh]
            fresh = []
            if not all(np.isfinite(one["total"]) for one in terms[-CHECK_EVERY:]):
                raise DatapipeError(
                    f"step {step + 1}: the loss is no longer a number; a smaller --lr, a smaller --clip or "
                    "more --warmup-steps often helps; the last checkpoint is from before"
                )
        tell(terms[-1] if terms else {})
        if stop:
            break
    return terms


@contextmanager
def _stoppable() -> Iterator[Callable[[], bool]]:
    """Let Ctrl-C and SIGTERM end the training after a step; a second one at once."""
    asked: list[int] = []

    def ask(number: int, frame: object) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(number)

    before = {}
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            before[number] = signal.signal(number, ask)
    except ValueError:  # not the main thread: whoever runs it there stops it
        before = {}
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _plain(options: argparse.Namespace) -> dict[str, Any]:
    return {name: str(value) if isinstance(value, Path) else value for name, value in vars(options).items()}
