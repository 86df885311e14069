"""A plan's pixels: every tile sampled once, straight into the part of the canvas that it shows on.

Matrices come in edge coordinates; pixel (row i, column j) is sampled at its centre (j + 0.5, i + 0.5). A
pixel belongs to a tile when its centre lies inside `tile.visible`: tiles that share a border leave neither
gap nor blend. Any number of threads may render at once: OpenCV lets go of the GIL, and the stream sets
`cv2.setNumThreads(0)`, because one thread per sample is faster than many threads inside one.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping

import cv2
import numpy as np

from datapipe.augment import raster
from datapipe.augment.plan import GREY, Fill, Layer, Plan, Tile
from datapipe.augment.sampling import Warp, copied
from datapipe.augment.sampling import factor_for as factor_for
from datapipe.images.pixels import Decoded, Pixels

_CALL_PX = 4000
"""What one more OpenCV call costs in pixels of a warp, at 2.7 ns each, with the GIL given back and taken."""
_mine = threading.local()


def render(plan: Plan, pictures: Mapping[int, Decoded], out: Pixels | None = None) -> Pixels:
    """Paint a plan.

    Args:
        plan: finished: `plan.finished()`.
        pictures: by `Picture.number`, all that the plan shows; each at `factor_for` its tile or finer. A
            finer one is averaged down first, so that the bilinear sampling never shrinks by 2 or more.
        out: (H, W, 3) uint8, contiguous; for example a place in a batch. Fresh memory without it.

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
    if not plan.layers:
        _flood(canvas, plan.fill)
    shares = 0.0
    for number, layer in enumerate(plan.layers):
        shares += layer.opacity
        if number == 0:
            _paint(canvas, layer, pictures, plan.fill)
        else:
            above: Pixels = np.empty_like(canvas)
            _paint(above, layer, pictures, plan.fill)
            share = layer.opacity / shares
            cv2.addWeighted(above, share, canvas, 1 - share, 0, canvas)
    return canvas


def _paint(canvas: Pixels, layer: Layer, pictures: Mapping[int, Decoded], fill: Fill) -> None:
    tiles = layer.tiles
    everything = (0, 0, canvas.shape[1], canvas.shape[0])
    if tiles and fill == "edge":
        picture = pictures[tiles[0].picture.number]
        if not copied(canvas, tiles[0], picture, everything):
            Warp(tiles[0], picture).over(canvas)
        tiles = tiles[1:]
    elif len(tiles) != 1 or raster.box(tiles[0].visible) != everything:
        _flood(canvas, fill)
    for tile in tiles:
        picture, box = pictures[tile.picture.number], raster.box(tile.visible)
        if box is None:
            _sample_outline(canvas, tile, picture)
        else:
            _sample(canvas, tile, picture, box)


def _flood(canvas: Pixels, fill: Fill) -> None:
    canvas[0] = GREY if fill == "edge" else fill
    canvas[1:] = canvas[0]  # whole rows: ten times faster than pixel by pixel


def _sample(canvas: Pixels, tile: Tile, picture: Decoded, box: tuple[int, int, int, int]) -> None:
    """Sample a tile into a rectangle of the canvas, in the cheapest way that is exact."""
    x1, y1, x2, y2 = box
    if x1 < x2 and y1 < y2:
        place = canvas[y1:y2, x1:x2]
        if not copied(place, tile, picture, box):
            Warp(tile, picture).into(place, x1, y1)


def _sample_outline(canvas: Pixels, tile: Tile, picture: Decoded) -> None:
    """Sample a tile into its slanted outline.

    Bands of rows, each as wide as the outline is there, go to scratch memory and from there through a mask to
    the canvas: only small triangles are sampled in vain, and the copy costs a fortieth of the warp.
    """
    (x1, y1, x2, y2), left, right = raster.rows(tile.visible)
    height, width = y2 - y1, x2 - x1
    if not height or not width:
        return
    cuts = _bands(width * height - int((right - left).sum()), height)
    begins = np.minimum.reduceat(left, cuts[:-1]).tolist()
    ends = np.maximum.reduceat(right, cuts[:-1]).tolist()
    scratch, warp = _scratch(height, width), Warp(tile, picture)
    for begin, end, upper, lower in zip(begins, ends, cuts[:-1], cuts[1:], strict=True):
        if begin < end:
            warp.into(scratch[upper:lower, begin:end], x1 + begin, y1 + upper)
    cv2.copyTo(scratch, raster.mask(left, right, width), canvas[y1:y2, x1:x2])


def _bands(beside: int, height: int) -> list[int]:
    """Rows to cut at, so that what is sampled beside the outline costs about what the calls cost.

    Args:
        beside: px beside the outline in one band; n bands leave about an n-th of it.
        height: rows.

    Returns:
        From 0 to height, rising.
    """
    count = min(max(1, round(math.sqrt(beside / _CALL_PX))), height)
    return [height * k // count for k in range(count + 1)]


def _scratch(height: int, width: int) -> Pixels:
    """This thread's memory for one tile."""
    memory: Pixels | None = getattr(_mine, "memory", None)
    if memory is None or len(memory) < height * width * 3:
        memory = _mine.memory = np.empty(height * width * 3, np.uint8)
    return memory[: height * width * 3].reshape(height, width, 3)
