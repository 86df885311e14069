"""What a recipe says of albumentations, built and called. The one place that imports it."""

from __future__ import annotations

import copy
import inspect
import os
import random
import threading
import warnings
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datapipe.errors import did_you_mean, printable
from datapipe.images.pixels import Pixels

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # else the import asks the network for its version

import albumentations as A  # noqa: E402
from albumentations.core.bbox_utils import BboxProcessor  # noqa: E402

_NAMES = {
    name: kind
    for name, kind in vars(A).items()
    if isinstance(kind, type)
    and issubclass(kind, A.BasicTransform | A.BaseCompose)
    and not issubclass(kind, A.Transform3D)
    and name not in {"BasicTransform", "DualTransform", "ImageOnlyTransform", "Lambda"}
    and name not in {"BaseCompose", "Compose", "ReplayCompose", "HubMixin"}
}
_UNSAID = {"CropNonEmptyMaskIfExists": ["mask"]}
"""What a transform wants without saying so in `targets_as_params`."""
_ROW, _SHOWN = 4, 5
_ROUNDING = 1e-6
_prototypes: dict[str, Composition] = {}
_building = threading.Lock()


class _Boxes(BboxProcessor):  # type: ignore[misc]
    """Boxes with two more columns: their row, and the share that is visible.

    After each transform albumentations cuts boxes to the canvas and drops small ones by its own thresholds.
    Here the cut is written down as a share, what is outside goes, and the recipe's rules decide at the end.
    """

    def filter(self, data: NDArray[np.float32], shape: Mapping[str, int]) -> NDArray[np.float32]:
        """Cut to the canvas, which reaches from 0 to 1."""
        if not len(data):
            return np.zeros((0, _SHOWN + 1), np.float32)
        cut = data.copy()
        cut[:, :4] = np.clip(data[:, :4], 0, 1)
        before, after = _areas(data), _areas(cut)
        share = after / np.maximum(before, np.finfo(np.float32).tiny)
        cut[:, _SHOWN] *= np.where(share > 1 - _ROUNDING, 1, share)
        return cut[after > 0]


def _areas(boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    sides: NDArray[np.float32] = np.maximum(boxes[:, 2:4] - boxes[:, :2], 0)
    return sides[:, 0] * sides[:, 1]


class Composition:
    """Transforms ready to run, for one thread at a time."""

    def __init__(self, transforms: Sequence[Any]) -> None:
        built = [_built(entry) for entry in transforms]
        self.spatial = not all(map(_keeps_place, built))
        self.compose = A.Compose(built, bbox_params=A.BboxParams("pascal_voc"))
        boxes = _Boxes(self.compose.processors["bboxes"].params)
        self.compose.processors["bboxes"] = boxes
        self.compose.check_each_transform = (boxes,)

    def __call__(
        self, pixels: Pixels, xyxy: NDArray[np.float32], rng: np.random.Generator
    ) -> tuple[NDArray[Any], NDArray[np.float32] | None, NDArray[np.float64]]:
        """Run on a canvas.

        Args:
            pixels: (H, W, 3) uint8.
            xyxy: (N, 4) px, inside the canvas.
            rng: all chance, for NumPy's and Python's generators.

        Returns:
            The picture; (N, 4) px where the boxes are now, None where no transform can move them; and (N,)
            the share of each that stayed on the canvas, 0 of those that are gone.
        """
        self.compose.set_random_state(rng, random.Random(int(rng.integers(2**63))))
        if not self.spatial:
            return self.compose(image=pixels)["image"], None, np.ones(len(xyxy))
        rows = np.arange(len(xyxy), dtype=np.float32)
        shown = np.ones_like(rows)
        result = self.compose(image=pixels, bboxes=np.column_stack([xyxy, rows, shown]).astype(np.float32))
        left = np.asarray(result["bboxes"], np.float32).reshape(-1, _SHOWN + 1)
        number = np.rint(left[:, _ROW]).astype(np.intp)
        moved, share = np.zeros_like(xyxy), np.zeros(len(xyxy))
        moved[number], share[number] = left[:, :4], left[:, _SHOWN]
        return result["image"], moved, share


def composition(key: str, transforms: Sequence[Any]) -> Composition:
    """A composition of its own for every call.

    It is built and checked once and then copied: some transforms warn when they are built.

    Args:
        key: the same for the same transforms.
        transforms: names, or mappings of one name to its parameters.

    Raises:
        ValueError: "transforms NAME: what is wrong".
    """
    with _building:
        if key not in _prototypes:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)
                _prototypes[key] = Composition(transforms)
        return copy.deepcopy(_prototypes[key])


def _built(entry: Any) -> Any:
    """A transform from its name, or from {name: parameters}."""
    given: Any
    if isinstance(entry, str):
        name, given = entry, {}
    elif isinstance(entry, Mapping) and len(entry) == 1:
        ((name, given),) = entry.items()
        given = given or {}
    else:
        raise ValueError(f"transforms {printable(entry)}: want a name, or one name and its parameters")
    if not isinstance(given, Mapping):
        raise ValueError(f"transforms {name}: found {printable(given)}, want parameters by name")
    kind = _NAMES.get(str(name))
    if kind is None:
        near = get_close_matches(str(name).lower(), [n.lower() for n in _NAMES], 3)
        meant = " or ".join(n for n in _NAMES if n.lower() in near)
        hint = f"did you mean {meant}?" if near else "its documentation lists them"
        raise ValueError(f"transforms {printable(name)}: albumentations {A.__version__} has none; {hint}")
    allowed = [p for p in inspect.signature(kind).parameters if p != "strict"]
    for parameter in given:
        if parameter not in allowed:
            hint = did_you_mean(parameter, allowed)
            raise ValueError(f"transforms {name}: no parameter {printable(parameter)!r}: {hint}")
    if issubclass(kind, A.BaseCompose):
        inner = {k: [_built(one) for one in v] if k == "transforms" else v for k, v in given.items()}
        return _made(name, kind, inner)
    strict = {"strict": True} if "InitSchema" in vars(kind) else {}  # else it may go on with defaults
    made = _made(name, kind, {**given, **strict})
    wanted = _UNSAID.get(name, made.targets_as_params)
    if wanted:
        raise ValueError(
            f"transforms {name}: wants {', '.join(wanted)} with every picture, which no recipe can give"
        )
    return made


def _made(name: str, kind: Any, given: dict[str, Any]) -> Any:
    try:
        return kind(**given)
    except (ValueError, TypeError, AttributeError, ArithmeticError) as error:
        reasons: list[Any] = getattr(
            error.__cause__, "errors", lambda: []
        )()  # pydantic's, one for each parameter
        said = "; ".join(
            f"{'.'.join(map(str, one['loc']))} {printable(one['input'], 40)}: {one['msg']}" for one in reasons
        )
        raise ValueError(f"transforms {name}: {said or ' '.join(str(error).split())}") from error


def _keeps_place(transform: Any) -> bool:
    """Whether nothing in it moves pixels."""
    if isinstance(transform, A.BaseCompose):
        return all(map(_keeps_place, transform.transforms))
    return isinstance(transform, A.ImageOnlyTransform | A.NoOp)
