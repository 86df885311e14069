"""The only bridge from NumPy to TensorFlow: samples go in as positions and come out as batches of tensors."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from datapipe.dataset import Dataset
from datapipe.errors import RecordError, UsageError
from datapipe.images.pixels import decode, letterbox


class Boxes(NamedTuple):
    """Padded objects of a batch: B pictures, M places each.

    xyxy:     (B, M, 4) float32 px of the canvas; padding is zeros
    class_id: (B, M) int32; padding is -1
    ignore:   (B, M) bool; crowd, difficult and left-out places: neither positives nor background
    image:    (B,) int32 number of the picture in the dataset
    matrix:   (B, 3, 3) float32 from the stored picture's edge coordinates to the canvas'
    """

    xyxy: Any
    class_id: Any
    ignore: Any
    image: Any
    matrix: Any


def plain_sample(
    dataset: Dataset, image: int, hw: tuple[int, int], places: int
) -> tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.int32], NDArray[np.bool_], NDArray[np.float32]]:
    """One picture, letterboxed, with its boxes padded to a fixed number of places.

    Ignore regions take places after the objects; what exceeds the places is dropped from the end.

    Args:
        dataset: the dataset.
        image: number of the picture.
        hw: height and width of the canvas in px.
        places: M.

    Returns:
        Canvas (h, w, 3), xyxy (M, 4), class_id (M,), ignore (M,), matrix (3, 3). Example: the box (64, 48,
        128, 96) of a 640 x 480 picture in a (320, 320) canvas is (32, 64, 64, 88).

    Raises:
        RecordError: the picture does not decode; the message names it.
    """
    record, data = dataset[image]
    try:
        canvas, matrix = letterbox(decode(data), hw)
    except ValueError as error:
        raise RecordError(f"image {record.image_id!r} ({record.filename}): {error}") from None
    objects = record.objects()
    corners = np.concatenate([objects.xyxy, record.left_out_xyxy])[:places]
    n = len(corners)
    scale, move = np.diag(matrix)[[0, 1, 0, 1]], matrix[[0, 1, 0, 1], 2]
    xyxy = np.zeros((places, 4), np.float32)
    class_id = np.full(places, -1, np.int32)
    ignore = np.zeros(places, np.bool_)
    xyxy[:n] = corners * scale + move
    ignore[:n] = np.concatenate([objects.ignore, np.ones(len(record.left_out_code), np.bool_)])[:places]
    class_id[: min(len(objects), places)] = objects.class_id[:places]
    return canvas, xyxy, class_id, ignore, matrix.astype(np.float32)


def plain_batches(
    dataset: Dataset,
    split: str = "train",
    *,
    hw: tuple[int, int] = (416, 416),
    batch_size: int = 16,
    places: int = 100,
) -> Any:
    """A first look through tf.data: letterboxed pictures in order, without chance, once through the split.

    Args:
        dataset: from `datapipe.open`.
        split: "train", "val", ...
        hw: height and width of every picture in px.
        batch_size: pictures in a batch; the last one may be smaller.
        places: objects a picture can hold; see `plain_sample`.

    Returns:
        A tf.data.Dataset of (images (B, h, w, 3) uint8 RGB, `Boxes`), finite, deterministic, of known
        cardinality.

    Raises:
        UsageError: no such split, or a size that is not positive.
    """
    import tensorflow as tf

    if min(*hw, batch_size, places) < 1:
        raise UsageError(f"hw {hw}, batch_size {batch_size}, places {places}: all must be at least 1")
    numbers = dataset.split(split)

    def render(image: NDArray[np.int64]) -> Any:
        return plain_sample(dataset, int(image), hw, places)

    def sample(image: Any) -> Any:
        kinds = (tf.uint8, tf.float32, tf.int32, tf.bool, tf.float32)
        canvas, xyxy, class_id, ignore, matrix = tf.numpy_function(render, [image], kinds, stateful=False)
        canvas.set_shape((*hw, 3))
        xyxy.set_shape((places, 4))
        class_id.set_shape((places,))
        ignore.set_shape((places,))
        matrix.set_shape((3, 3))
        return canvas, Boxes(xyxy, class_id, ignore, tf.cast(image, tf.int32), matrix)

    options = tf.data.Options()
    options.autotune.enabled = True
    options.deterministic = True
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    batches = tf.data.Dataset.from_tensor_slices(numbers).map(sample, num_parallel_calls=tf.data.AUTOTUNE)
    return batches.batch(batch_size).prefetch(2).with_options(options)
