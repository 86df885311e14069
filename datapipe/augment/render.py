"""A plan's pixels: every tile sampled once, straight into the part of the canvas that it shows on.

Matrices come in edge coordinates; pixel (row i, column j) is sampled at its centre (j + 0.5, i + 0.5). A
pixel belongs to a tile when its centre lies inside `tile.visible`: tiles that share a border leave neither
gap nor blend. Any number of threads may render at once: OpenCV lets go of the GIL, and the stream sets
`cv2.setNumThreads(0)`, because one thread per sample is faster than many threads inside one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from datapipe.augment.patches import Patch, Patches, patches_of
from datapipe.augment.plan import GREY, Fill, Plan, Tile
from datapipe.augment.sampling import Warp, copied
from datapipe.augment.sampling import factor_for as factor_for
from datapipe.images.pixels import Decoded, Pixels


def render(
    plan: Plan,
    pictures: Mapping[int, Decoded],
    out: Pixels | None = None,
    patches: Patches | None = None,
) -> Pixels:
    """Paint a plan.

    Args:
        plan: finished: `plan.finished()`.
        pictures: by `Picture.number`, all that the plan shows; each at `factor_for` its tile or finer. A
            finer one is averaged down first, so that the bilinear sampling never shrinks by 2 or more.
        out: (H, W, 3) uint8, contiguous; for example a place in a batch. Fresh memory without it.
        patches: the plan's, where they were made together with those of other plans: `patches_of`.

    Returns:
        (H, W, 3) uint8 RGB, `out` if given. What no tile covers is `plan.fill`; "edge" continues the picture
        of each layer's first tile over the whole canvas.

    Raises:
        ValueError: `out` does not fit the plan.
    """
    height, width = plan.hw
    canvas: Pixels = np.empty((height, width, 3), np.uint8) if out is None else out
    if canvas.shape != (height, width, 3) or canvas.dtype != np.uint8 or not canvas.flags.c_contiguous:
        raise ValueError(f"out: {canvas.dtype} {canvas.shape}, want contiguous uint8 {(height, width, 3)}")
    if patches is None:
        (patches,) = patches_of([plan])
    if not plan.layers:
        _flood(canvas, plan.fill)
    shares = 0.0
    for layer, tiles, bare in zip(plan.layers, patches.tiles, patches.bare, strict=True):
        fill = plan.fill if bare or plan.fill == "edge" else None
        if not shares:
            _paint(canvas, layer.tiles, tiles, pictures, fill)
            shares = layer.opacity
        else:
            shares += layer.opacity
            above: Pixels = np.empty_like(canvas)
            _paint(above, layer.tiles, tiles, pictures, fill)
            share = layer.opacity / shares
            cv2.addWeighted(above, share, canvas, 1 - share, 0, canvas)
    return canvas


def _paint(
    canvas: Pixels,
    tiles: Sequence[Tile],
    patches: Sequence[Patch],
    pictures: Mapping[int, Decoded],
    fill: Fill | None,
) -> None:
    if fill == "edge" and tiles:
        first, tiles, patches = tiles[0], tiles[1:], patches[1:]
        picture = pictures[first.picture.number]
        if not copied(first, picture, canvas, 0, 0):
            Warp(first, picture).over(canvas)
    elif fill:
        _flood(canvas, fill)
    for tile, patch in zip(tiles, patches, strict=True):
        _sample(canvas, tile, patch, pictures[tile.picture.number])


def _flood(canvas: Pixels, fill: Fill) -> None:
    canvas[0] = GREY if fill == "edge" else fill
    canvas[1:] = canvas[0]  # whole rows: ten times faster than pixel by pixel


def _sample(canvas: Pixels, tile: Tile, patch: Patch, picture: Decoded) -> None:
    """Sample a tile into its bands, in the cheapest way that is exact, and put back what is not its own."""
    kept = [(canvas[beside.rows, beside.columns], beside.mask) for beside in patch.beside]
    before = [part.copy() for part, _ in kept]
    places = [(canvas[rows, columns], columns.start, rows.start) for rows, columns in patch.bands]
    if places and not (len(places) == 1 and copied(tile, picture, *places[0])):
        warp = Warp(tile, picture)
        for place in places:
            warp.into(*place)
    for (part, mask), pixels in zip(kept, before, strict=True):
        cv2.copyTo(pixels, mask, part)
