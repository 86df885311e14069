"""The public calls that make a trainer's input; TensorFlow and torch are imported by a call, not before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from datapipe.dataset import Dataset
from datapipe.errors import EnvironmentProblem, UsageError
from datapipe.pipeline.feed import State, feed_of
from datapipe.pipeline.quiet import import_tensorflow
from datapipe.recipe import Recipe
from datapipe.stream.terms import OnDamaged, Workers


def train_stream(
    dataset: Dataset,
    recipe: Recipe,
    split: str = "train",
    *,
    batch_size: int,
    seed: int = 0,
    start_step: int | State = 0,
    shard: tuple[int, int] = (0, 1),
    engine: str = "local",
    threads: int | None = None,
    memory_mb: float = 512,
    on_damaged: OnDamaged = "stop",
    workers: Workers = "auto",
) -> Any:
    """The training stream as a tf.data.Dataset, endless, its order fixed by the seed.

    It comes prefetched and needs no shuffle, repeat or batch; `.map(...)` what your model wants on it.

    Example: `stream = datapipe.train_stream(dataset, Recipe.load("yolov4"), batch_size=16)`, then
    `model.fit(stream, steps_per_epoch=stream.steps_per_epoch, epochs=100)`.

    Args:
        dataset: from `datapipe.open`.
        recipe: what happens to pictures.
        split: "train", ...
        batch_size: of this host; divides the recipe's `stream.window`.
        seed: another one gives other bytes.
        start_step: where to begin or to go on: a number, or what `.state(step)` gave to a checkpoint. Such a
            state is refused if dataset, recipe, split, seed or hosts are not the same.
        shard: (host, hosts): this host's share of the one stream.
        engine: "local", or "ray": windows are made by a Ray cluster and used in order, the same bytes.
        threads: for decoding and rendering; by default the CPUs this process may use.
        memory_mb: of decoded pictures held at a time.
        on_damaged: "stop" or "skip" at a damaged record; see `Stream`.
        workers: "auto", "threads" or "processes"; see `Stream`.

    Returns:
        A `pipeline.tensors.StreamDataset` of (images (B, H, W, 3) uint8 RGB, targets: dict; see `Feed`), with
        `.steps_per_epoch`, `.state(step)` for checkpoints, and `.stream` (its `ledger()` counts). Its threads
        end when it and everything made from it is gone, or with the program.

    Raises:
        UsageError: an argument out of range, or a state of another stream.
        RecordError: while iterating, at a damaged record: step, picture, what is wrong. Inside `model.fit`
            or behind a further `.map`, TensorFlow puts an error of its own around the line.
    """
    feed = feed_of(
        dataset,
        recipe,
        split,
        batch_size,
        seed=seed,
        shard=shard,
        threads=threads,
        engine=engine,
        memory_mb=memory_mb,
        on_damaged=on_damaged,
        workers=workers,
    )
    first = feed.start(start_step)
    import_tensorflow()
    from datapipe.pipeline.tensors import StreamDataset

    return StreamDataset(feed, first)


def eval_stream(
    dataset: Dataset,
    recipe: Recipe,
    split: str = "val",
    *,
    batch_size: int,
    shard: tuple[int, int] = (0, 1),
    threads: int | None = None,
    memory_mb: float = 512,
    on_damaged: OnDamaged = "stop",
    workers: Workers = "auto",
) -> Any:
    """A split once through as a tf.data.Dataset: in order, without chance, the last batch as short as it is.

    Args:
        dataset: from `datapipe.open`.
        recipe: its `input` and `targets` are used; mix, random geometry and pixel steps do not run.
        split: "val", ...
        batch_size: divides the recipe's `stream.window`.
        shard: (host, hosts): this host's windows.
        threads: for decoding and rendering; by default the CPUs this process may use.
        memory_mb: of decoded pictures held at a time.
        on_damaged: "stop" or "skip" at a damaged record; see `Stream`.
        workers: "auto", "threads" or "processes"; see `Stream`.

    Returns:
        As `train_stream`, of known cardinality; targets have image_id (B,) string and matrix (B, 3, 3)
        float64 besides: a predicted box goes back to the stored picture's px by the matrix' inverse.

    Raises:
        UsageError: an argument out of range.
        RecordError: as `train_stream`.
    """
    feed = feed_of(
        dataset,
        recipe,
        split,
        batch_size,
        shard=shard,
        training=False,
        threads=threads,
        memory_mb=memory_mb,
        on_damaged=on_damaged,
        workers=workers,
    )
    import_tensorflow()
    from datapipe.pipeline.tensors import StreamDataset

    return StreamDataset(feed, 0)


def torch_dataset(
    dataset: Dataset,
    recipe: Recipe,
    split: str = "train",
    *,
    batch_size: int,
    seed: int = 0,
    start_step: int | State = 0,
    shard: tuple[int, int] = (0, 1),
    training: bool = True,
    threads: int | None = None,
    memory_mb: float = 512,
    on_damaged: OnDamaged = "stop",
    workers: Workers = "auto",
) -> Any:
    """The same stream for PyTorch: `DataLoader(torch_dataset(...), batch_size=None)`.

    The stream's own threads do the work; `num_workers=1` moves them to a process of their own, and more
    workers take steps in turn, in the same order, but each decodes for itself what a window shares.

    Args:
        dataset: from `datapipe.open`.
        recipe: what happens to pictures.
        split: "train", "val", ...
        batch_size: divides the recipe's `stream.window`.
        seed: another one gives other bytes.
        start_step: a number, or what `.state(step)` gave to a checkpoint.
        shard: (host, hosts): this host's share of the one stream.
        training: False for once through, in order, without chance.
        threads: over all workers; by default the CPUs this process may use.
        memory_mb: of decoded pictures held at a time, over all workers.
        on_damaged: "stop" or "skip" at a damaged record; see `Stream`.
        workers: "auto", "threads" or "processes"; see `Stream`.

    Returns:
        A torch IterableDataset of (images (B, H, W, 3) uint8, targets: dict of tensors; image_id is a list of
        text), with `.steps_per_epoch` and `.state(step)`.

    Raises:
        EnvironmentProblem: PyTorch is not installed.
        UsageError: an argument out of range, or a state of another stream.
    """
    try:
        from datapipe.pipeline.pytorch import StreamOfTensors
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise EnvironmentProblem("torch_dataset needs PyTorch: pip install torch") from None
    options = {
        "seed": seed,
        "shard": shard,
        "training": training,
        "threads": threads,
        "memory_mb": memory_mb,
        "on_damaged": on_damaged,
        "workers": workers,
    }
    return StreamOfTensors(dataset, recipe, split, batch_size, start_step, options)


def keras_boxes(
    targets: Mapping[str, Any], classes: Literal["classes", "labels"] = "classes"
) -> dict[str, Any]:
    """`Raw` targets as the dictionary that KerasCV and KerasHub take, format "xyxy".

    Example: `stream.map(lambda images, targets: (images, keras_boxes(targets)))`. A row (0, 0, 8, 8) of class
    2, an ignore region and a padded row become boxes [[0, 0, 8, 8], [-1] * 4, [-1] * 4], classes [2, -1, -1].

    KerasCV knows no ignore regions: they are padded over, so its losses see background there.

    Args:
        targets: of a stream with `Raw` targets: TensorFlow tensors, also inside `map`.
        classes: the key of the class numbers: "classes" for KerasCV, "labels" for KerasHub.

    Returns:
        boxes (B, M, 4) float32 px; classes (B, M) float32; -1 where there is no object.

    Raises:
        UsageError: the targets are not Raw.
    """
    absent = {"xyxy", "class_id", "ignore"} - targets.keys()
    if absent:
        raise UsageError(
            f"keras_boxes: no {min(absent)!r} in these targets: want a recipe with `targets: Raw`"
        )
    tf = import_tensorflow()
    real = ~targets["ignore"] & (targets["class_id"] >= 0)
    return {
        "boxes": tf.where(real[..., None], targets["xyxy"], -1.0),
        classes: tf.cast(tf.where(real, targets["class_id"], -1), tf.float32),
    }
