"""A Keras detector that takes boxes and makes its own targets: keras-hub's RetinaNet, or one like it.

  python -m recipes.examples.keras_detector build/coco

The recipe's targets become `Raw`. Such detectors know no ignore regions: what is crowd or difficult is not
among the boxes, and their losses see background there.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

import keras

from datapipe.dataset import Dataset
from datapipe.pipeline import keras_boxes, train_stream
from datapipe.recipe import Recipe
from datapipe.targets import Raw


def fit(model: keras.Model, dataset: Dataset, recipe: Recipe, *, epochs: int, batch_size: int = 8) -> Any:
    """Train a compiled model; Keras's History.

    Args:
        model: takes images (B, H, W, 3) and {"boxes": (B, M, 4) xyxy px, "labels": (B, M)}, padded with -1.
        dataset: from `datapipe.open`.
        recipe: what happens to pictures; its targets are replaced.
        epochs: times through the split.
        batch_size: divides the recipe's window.
    """
    stream = train_stream(dataset, replace(recipe, targets=Raw()), batch_size=batch_size)
    batches = stream.map(lambda images, targets: (images, keras_boxes(targets, "labels")))
    # the stream is in random order already
    return model.fit(batches, epochs=epochs, steps_per_epoch=stream.steps_per_epoch, shuffle=False)


def keras_hub_retinanet(classes: int, hw: tuple[int, int]) -> keras.Model:
    """keras-hub's RetinaNet on a ResNet-18 without trained weights, compiled with keras-hub's own losses."""
    import keras_hub

    resnet = keras_hub.models.ResNetBackbone(
        input_conv_filters=[64],
        input_conv_kernel_sizes=[7],
        stackwise_num_filters=[64, 128, 256, 512],
        stackwise_num_blocks=[2, 2, 2, 2],
        stackwise_num_strides=[1, 2, 2, 2],
        block_type="basic_block",
        image_shape=(*hw, 3),
    )
    pyramid = keras_hub.models.RetinaNetBackbone(
        image_encoder=resnet, min_level=3, max_level=7, use_p5=False, image_shape=(*hw, 3)
    )
    model = keras_hub.models.RetinaNetObjectDetector(
        backbone=pyramid, num_classes=classes, bounding_box_format="xyxy"
    )
    model.compile(optimizer=keras.optimizers.SGD(0.01, momentum=0.9, global_clipnorm=10.0))
    return model


if __name__ == "__main__":
    data, chosen = Dataset(sys.argv[1]), Recipe.load("retinanet")
    fit(keras_hub_retinanet(len(data.classes), chosen.input.hw), data, chosen, epochs=10)
