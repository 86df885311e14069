"""One sample of a stream: pixels, the objects on them, and where all of it came from."""

from __future__ import annotations

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
