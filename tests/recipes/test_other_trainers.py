"""The stream feeds trainers that are not ours: Keras detectors, torchvision's, a plain PyTorch loop."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from shapes_to_find import make_shapes

from datapipe.dataset import Dataset
from datapipe.recipe import Recipe
from datapipe.stream import Stream

RECIPE = Recipe.parse("input: {hw: [64, 96]}\ngeometry: [{Flip: {}}]")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return make_shapes(tmp_path_factory.mktemp("shapes"), 24)


@pytest.mark.xdist_group("tensorflow")
def test_a_keras_detector_is_fitted_on_boxes(dataset: Dataset):
    import keras
    from keras import layers, ops

    from recipes.examples.keras_detector import fit

    class Counts(keras.Model):
        """Stands for a detector: learns how many boxes a picture has, from the dictionary it is handed."""

        def __init__(self) -> None:
            super().__init__()
            self.layers_of = keras.Sequential(
                [layers.Rescaling(1 / 255), layers.Conv2D(4, 8, 8), layers.GlobalAvgPool2D(), layers.Dense(1)]
            )

        def call(self, images: Any) -> Any:
            return self.layers_of(images)

        def compute_loss(self, x: Any, y: Any, y_pred: Any, *more: Any, **named: Any) -> Any:
            real = ops.cast(y["labels"] >= 0, "float32")
            wide = y["boxes"][..., 2] - y["boxes"][..., 0]
            return ops.mean((y_pred[:, 0] - ops.sum(real, axis=1)) ** 2) + 0 * ops.sum(wide)

    keras.utils.set_random_seed(0)
    model = Counts()
    model.compile(optimizer=keras.optimizers.Adam(0.01))
    history = fit(model, dataset, RECIPE, epochs=4)
    assert history.history["loss"][-1] < history.history["loss"][0]


@pytest.mark.slow
@pytest.mark.xdist_group("tensorflow")
@pytest.mark.filterwarnings("default")
def test_keras_hubs_retinanet_learns_from_the_stream(dataset: Dataset):
    pytest.importorskip("keras_hub", reason="keras-hub is not installed")
    from recipes.examples.keras_detector import fit, keras_hub_retinanet

    recipe = Recipe.parse("input: {hw: [128, 128]}")
    history = fit(keras_hub_retinanet(len(dataset.classes), (128, 128)), dataset, recipe, epochs=3)
    assert history.history["loss"][-1] < history.history["loss"][0]


def test_lists_of_dictionaries_hold_the_streams_boxes(dataset: Dataset):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    from recipes.examples.torchvision_detector import batches

    images, targets = next(batches(dataset, RECIPE, batch_size=8))
    want = Stream(dataset, RECIPE, "train").batch(0, 8)
    assert [tuple(image.shape) for image in images] == [(3, 64, 96)] * 8
    for i, (image, one) in enumerate(zip(images, targets, strict=True)):
        np.testing.assert_allclose(image.permute(1, 2, 0) * 255, want.images[i], atol=1e-3)
        np.testing.assert_array_equal(one["boxes"], want.objects[i].xyxy)
        np.testing.assert_array_equal(one["labels"], want.objects[i].class_id + 1)
        assert one["labels"].dtype == torch.int64


def test_a_detector_that_takes_lists_of_dictionaries_learns(dataset: Dataset):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    from recipes.examples.torchvision_detector import batches, train

    class Counts(torch.nn.Module):
        """Stands for torchvision's: lists in, a dictionary of losses out while training."""

        def __init__(self) -> None:
            super().__init__()
            self.head = torch.nn.Linear(3, 1)

        def forward(self, images: Any, targets: Any) -> dict[str, Any]:
            seen = torch.stack([self.head(image.mean((1, 2))) for image in images])[:, 0]
            boxes = torch.tensor([float(len(one["boxes"])) for one in targets])
            return {"count": ((seen - boxes) ** 2).mean()}

    torch.manual_seed(0)
    losses = train(Counts(), batches(dataset, RECIPE), steps=30)
    assert np.mean(losses[-5:]) < 0.7 * np.mean(losses[:5])


@pytest.mark.slow
def test_torchvisions_fcos_learns_from_the_stream(dataset: Dataset):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    try:
        from torchvision.models.detection import fcos_resnet50_fpn
    except (ImportError, RuntimeError) as error:  # a torchvision built for another torch raises on import
        pytest.skip(f"torchvision cannot be imported: {error}")
    from recipes.examples.torchvision_detector import batches, train

    torch.manual_seed(0)
    sizes = {"min_size": 128, "max_size": 128}
    model = fcos_resnet50_fpn(weights=None, weights_backbone=None, num_classes=4, **sizes)
    losses = train(model, batches(dataset, RECIPE), steps=20, lr=0.002)
    assert np.mean(losses[-5:]) < np.mean(losses[:5])


def test_a_plain_pytorch_loop_learns_and_goes_on_where_it_stopped(dataset: Dataset):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    from dataclasses import replace

    from torch.utils.data import DataLoader

    from datapipe.pipeline import torch_dataset
    from recipes.examples.pytorch_loop import SPEC, train

    torch.manual_seed(0)
    recipe = replace(Recipe.parse("input: {hw: [128, 128]}"), targets=SPEC)
    losses, state = train(dataset, recipe, steps=25)
    assert np.mean(losses[-5:]) < 0.8 * np.mean(losses[:5])
    rest = DataLoader(torch_dataset(dataset, recipe, batch_size=8, start_step=state), batch_size=None)
    whole = DataLoader(torch_dataset(dataset, recipe, batch_size=8), batch_size=None)
    there = next(itertools.islice(whole, 25, None))
    np.testing.assert_array_equal(next(iter(rest))[0], there[0])


def test_ignored_anchors_learn_nothing_in_the_plain_loop():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    from recipes.examples.pytorch_loop import OneLevel, dense, loss_of

    rows = {
        "anchor": torch.tensor([[3, 7, -1]]),
        "state": torch.tensor([[1, -1, 0]], dtype=torch.int8),
        "class_id": torch.tensor([[1, -1, -1]]),
        "box": torch.tensor([[[1.0] * 4, [0.0] * 4, [0.0] * 4]]),
    }
    label, box, state = dense(rows, 36, 2)
    assert label.nonzero().tolist() == [[0, 3, 1]]
    assert (state[0, 3], state[0, 7], int((state != 0).sum())) == (1, -1, 2)
    assert box[0, 3].tolist() == [1.0] * 4 and float(box.sum()) == 4

    torch.manual_seed(0)
    model = OneLevel(2)
    images, gradients = torch.zeros(1, 32, 32, 3, dtype=torch.uint8), []
    outputs = model(images)
    for part in outputs:
        part.register_hook(gradients.append)
    model.forward = lambda pictures: outputs  # type: ignore[method-assign]
    loss_of(model, images, rows).backward()
    by_box, by_class = sorted(gradients, key=lambda gradient: -gradient.shape[-1])
    assert float(by_class[0, 7].abs().sum()) == float(by_box[0, 7].abs().sum()) == 0
    assert float(by_class[0, 8].abs().sum()) > 0 and float(by_box[0, 3].abs().sum()) > 0
