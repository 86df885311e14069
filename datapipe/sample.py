"""One sample of a stream: pixels, the objects on them, and where all of it came from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datapipe.objects import Objects


@dataclass(frozen=True, eq=False)
class Sample:
    """What a position of the stream gives.

    position: in the stream; epoch = position // positions per epoch
    image:    number of the primary picture in the dataset; image_id: its id
    pixels:   (H, W, 3) uint8 RGB
    objects:  on the canvas; ignore regions among them
    matrix:   (3, 3) float64 from the primary picture's px to the canvas'
    origin:   what `datapipe replay` prints: pictures, matrices, steps and their parameters; plain JSON values
    """

    position: int
    image: int
    image_id: str
    pixels: NDArray[np.uint8]
    objects: Objects
    matrix: NDArray[np.float64]
    origin: dict[str, Any]

    def to_json(self, classes: Sequence[str]) -> dict[str, Any]:
        """Everything but the pixels, as plain values; objects with their class names."""
        columns = zip(
            self.objects.class_id, self.objects.xyxy, self.objects.ignore, self.objects.object_id, strict=True
        )
        return {
            "position": self.position,
            "image_id": self.image_id,
            "hw": list(self.pixels.shape[:2]),
            **self.origin,
            "objects": [
                {
                    "class": classes[number] if number >= 0 else None,
                    "xyxy": [round(float(side), 2) for side in xyxy],
                    "ignore": bool(ignored),
                    "object_id": object_id,
                }
                for number, xyxy, ignored, object_id in columns
            ],
        }
