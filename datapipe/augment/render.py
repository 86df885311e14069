"""A plan's pixels: every tile sampled once, straight into the part of the canvas that it shows on.

Matrices come in edge coordinates; pixel (row i, column j) is sampled at its centre (j + 0.5, i + 0.5). A
pixel belongs to a tile when its centre lies inside `tile.visible`: tiles that share a border leave neither
gap nor blend. Any number of threads may render at once: OpenCV lets go of the GIL, and the stream sets
`cv2.setNumThreads(0)`, because one thread per sample is faster than many threads inside one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import cv2
import numpy as np

from datapipe.augment import raster
from datapipe.augment.plan import GREY, Fill, Layer, Plan, Tile
from datapipe.augment.sampling import Warp, copied
from datapipe.augment.sampling import factor_for as factor_for
from datapipe.images.pixels import Decoded, Pixels

_CALL_PX = 4000
"""What one more OpenCV call costs in pixels of a warp, at 2.7 ns each, with the GIL given back and taken."""


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
    height, width = canvas.shape[:2]
    if tiles and fill == "edge":
        picture = pictures[tiles[0].picture.number]
        if not copied(canvas, tiles[0], picture, (0, 0, width, height)):
            Warp(tiles[0], picture).over(canvas)
        tiles = tiles[1:]
    outlines = [tile.visible.tolist() for tile in tiles]
    if (fill != "edge" or not layer.tiles) and not raster.fill(outlines, width, height):
        _flood(canvas, fill)
    for number, tile in enumerate(tiles, 1):
        picture, outline = pictures[tile.picture.number], outlines[number - 1]
        box = raster.box(outline)
        if box is None:
            _sample_outline(canvas, tile, picture, outline, outlines[number:])
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


def _sample_outline(
    canvas: Pixels, tile: Tile, picture: Decoded, outline: raster.Points, later: list[raster.Points]
) -> None:
    """Sample a tile into its slanted outline.

    Bands of rows, each as wide as the outline is there, are sampled straight into the canvas. The small
    triangles beside the outline are put back afterwards, unless a later tile covers them anyway.
    """
    (x1, y1, x2, y2), corners = raster.corners(outline)
    if x1 >= x2 or y1 >= y2:
        return
    place, warp = canvas[y1:y2, x1:x2], Warp(tile, picture)
    kept = [
        (place[corner.rows, corner.columns], corner.mask())
        for corner in corners
        if not any(raster.holds(over, corner.points) for over in later)
    ]
    before = [part.copy() for part, _ in kept]
    for upper, lower, begin, end in _bands(y2 - y1, x2 - x1, corners):
        if begin < end:
            warp.into(place[upper:lower, begin:end], x1 + begin, y1 + upper)
    for (part, mask), pixels in zip(kept, before, strict=True):
        cv2.copyTo(pixels, mask, part)


def _bands(height: int, width: int, corners: list[raster.Corner]) -> Iterator[tuple[int, int, int, int]]:
    """Cut a rectangle so that what is sampled beside an outline costs about what the calls cost.

    Args:
        height: rows.
        width: columns.
        corners: what lies beside the outline: some half of these rectangles. n bands sample an n-th of that.

    Yields:
        Upper row, row below the last, left column, column beyond the last.
    """
    beside = sum(math.prod(part.stop - part.start for part in corner[:2]) for corner in corners) / 2
    count = min(max(1, round(math.sqrt(beside / _CALL_PX))), height)
    for k in range(count):
        upper, lower, begin, end = height * k // count, height * (k + 1) // count, 0, width
        for corner in corners:
            first, last = corner.rows.start, corner.rows.stop
            row = lower - 1 if corner.is_top else upper
            if first <= row < last:  # what is widest of the band lies in this corner
                if corner.is_left:
                    begin = corner.end(row)
                else:
                    end = corner.end(row)
        yield upper, lower, begin, end
