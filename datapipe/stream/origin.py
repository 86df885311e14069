"""Where a sample came from, as plain JSON values: what `datapipe replay` prints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datapipe.sample import Sample
from datapipe.stream.catalogue import Catalogue
from datapipe.stream.making import Made
from datapipe.stream.windows import Planned


def origin(
    planned: Planned, factors: Mapping[int, int], window: int, epoch: int, catalogue: Catalogue
) -> dict[str, Any]:
    """The whole origin of a sample.

    Args:
        planned: the sample.
        factors: at which reduction each of its pictures was decoded.
        window: its window's number.
        epoch: its epoch.
        catalogue: names of pictures.
    """
    plan = planned.plan
    return {
        "position": planned.position,
        "epoch": epoch,
        "window": window,
        "hw": list(plan.hw),
        "fill": plan.fill if isinstance(plan.fill, str) else list(plan.fill),
        "steps": [{"step": name, **drawn} for name, drawn in plan.steps],
        "layers": [
            {
                "opacity": layer.opacity,
                "weight": layer.weight,
                "tiles": [
                    {
                        "image": tile.picture.number,
                        "image_id": catalogue.image_id(tile.picture.number),
                        "filename": catalogue.name(tile.picture.number),
                        "wh": list(tile.picture.wh),
                        "decoded_at": f"1/{factors[tile.picture.number]}",
                        "matrix": tile.matrix.tolist(),
                        "visible": tile.visible.tolist(),
                    }
                    for tile in layer.tiles
                ],
            }
            for layer in plan.layers
        ],
    }


def sample(made: Made, pixels: NDArray[np.uint8], window: int, epoch: int, catalogue: Catalogue) -> Sample:
    """A sample with all that is known of it; see `origin`."""
    planned = made.planned
    return Sample(
        position=planned.position,
        image=planned.primary,
        image_id=catalogue.image_id(planned.primary),
        pixels=pixels,
        objects=made.objects,
        matrix=planned.matrix,
        origin=origin(planned, made.factors, window, epoch, catalogue),
    )
