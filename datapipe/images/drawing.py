"""Samples as people want to see them: boxes, names, hatched ignore regions, tile borders, sheets of many."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from datapipe.errors import EnvironmentProblem
from datapipe.images.pixels import Pixels
from datapipe.objects import Objects

GAP = 6
"""Between the pictures of a sheet, px."""
_CAPTION = 16
_DARK = (28, 28, 28)
_LIGHT = (235, 235, 235)
_WITHOUT_CLASS = (255, 255, 255)


def annotated(
    pixels: Pixels,
    objects: Objects,
    classes: Sequence[str],
    outlines: Sequence[NDArray[np.floating]] = (),
) -> Pixels:
    """A copy of a picture with its objects drawn in.

    Args:
        pixels: (H, W, 3) uint8 RGB.
        objects: px of the picture; ignored ones are hatched and unnamed ones have no label.
        classes: names.
        outlines: (P, 2) px each: borders of tiles, dashed.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    drawn = pixels.copy()
    for xyxy in objects.xyxy[objects.ignore]:
        _hatch(drawn, xyxy)
    for outline in outlines:
        _dashed(drawn, outline)
    names = []
    for xyxy, number, ignored in zip(objects.xyxy, objects.class_id, objects.ignore, strict=True):
        rgb = colour(int(number), len(classes)) if number >= 0 else _WITHOUT_CLASS
        x1, y1, x2, y2 = (round(float(side)) for side in xyxy)
        if not ignored:
            cv2.rectangle(drawn, (x1 - 1, y1 - 1), (x2, y2), _DARK, 1)
        cv2.rectangle(drawn, (x1, y1), (x2 - 1, y2 - 1), rgb, 1)
        if number >= 0:
            names.append(((x1, y1), classes[number], rgb))
    _write(drawn, names)
    return drawn


def anchored(
    pixels: Pixels,
    anchors: NDArray[np.floating],
    class_id: NDArray[np.integer],
    centres: NDArray[np.floating],
    classes: Sequence[str],
) -> Pixels:
    """A copy of a picture with anchors drawn in, half transparent, in the colour of the class they learn.

    Args:
        pixels: (H, W, 3) uint8 RGB.
        anchors: (R, 4) px, also beyond the picture.
        class_id: (R,) of the object each is matched to.
        centres: (R, 2) px of those objects: a line leads there from the anchor's centre.
        classes: names.
    """
    over = pixels.copy()
    for xyxy, number, centre in zip(anchors, class_id, centres, strict=True):
        rgb = colour(int(number), len(classes))
        x1, y1, x2, y2 = (round(float(side)) for side in xyxy)
        middle = ((x1 + x2) // 2, (y1 + y2) // 2)
        cv2.rectangle(over, (x1, y1), (x2 - 1, y2 - 1), rgb, 1)
        cv2.line(over, middle, (round(float(centre[0])), round(float(centre[1]))), rgb, 1, cv2.LINE_AA)
        cv2.circle(over, middle, 2, rgb, -1, cv2.LINE_AA)
    mixed: Any = cv2.addWeighted(pixels, 0.4, over, 0.6, 0)
    drawn: Pixels = mixed
    return drawn


def sheet(pictures: Sequence[Pixels], columns: int, captions: Sequence[str] = ()) -> Pixels:
    """Pictures side by side, row by row, each in a cell of the largest one's size.

    Args:
        pictures: (H, W, 3) uint8 RGB each.
        columns: cells in a row.
        captions: a line above each picture; none for no room above them.
    """
    height = max(picture.shape[0] for picture in pictures)
    width = max(picture.shape[1] for picture in pictures)
    top = _CAPTION if captions else 0
    rows = -(-len(pictures) // columns)
    cell_h, cell_w = height + GAP + top, width + GAP
    made = np.full((rows * cell_h + GAP, columns * cell_w + GAP, 3), _DARK, np.uint8)
    for i, picture in enumerate(pictures):
        y, x = GAP + top + i // columns * cell_h, GAP + i % columns * cell_w
        made[y : y + picture.shape[0], x : x + picture.shape[1]] = picture
    labels = [
        ((GAP + i % columns * cell_w, GAP + i // columns * cell_h), caption, _LIGHT)
        for i, caption in enumerate(captions)
    ]
    _write(made, labels, above=False, most=width)
    return made


def write(path: str | Path, pixels: Pixels) -> None:
    """Write a picture; the name's ending says as what (.png, .jpg).

    Raises:
        EnvironmentProblem: it cannot be written there.
    """
    try:
        Image.fromarray(pixels).save(path)
    except (OSError, ValueError) as error:
        raise EnvironmentProblem(f"{path}: cannot be written: {error}") from None


def colour(number: int, classes: int) -> tuple[int, int, int]:
    """A class's RGB colour: bright hues, evenly apart."""
    r, g, b = colorsys.hsv_to_rgb(number / max(1, classes), 0.75, 1.0)
    return int(255 * r), int(255 * g), int(255 * b)


Label = tuple[tuple[int, int], str, tuple[int, int, int]]
"""Left top corner of what is named, its name, its colour."""


def _write(drawn: Pixels, labels: Sequence[Label], *, above: bool = True, most: int = 160) -> None:
    """Names on dark plates, inside the picture: Pillow's font has more letters than OpenCV's."""
    if not labels:
        return
    picture = Image.fromarray(drawn)
    pen, font = ImageDraw.Draw(picture), _font()
    for (x, y), name, rgb in labels:
        text = name
        while len(text) > 1 and font.getlength(text) > most:
            text = text.removesuffix("…")[:-1] + "…"
        wide = round(font.getlength(text)) + 4
        left = min(max(x, 0), max(0, drawn.shape[1] - wide))
        top = y - 14 if above and y >= 14 else max(y, 0)
        if above:
            pen.rectangle((left, top, left + wide, top + 13), fill=_DARK)
        pen.text((left + 2, top), text, fill=rgb, font=font)
    drawn[:] = np.asarray(picture)


@cache
def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """DejaVu Sans, which comes with matplotlib; Pillow's own font ends with ASCII."""
    found = find_spec("matplotlib")
    if found is not None and found.origin:
        path = Path(found.origin).with_name("mpl-data") / "fonts" / "ttf" / "DejaVuSans.ttf"
        if path.exists():
            return ImageFont.truetype(path, 10)
    return ImageFont.load_default(11)


def _dashed(drawn: Pixels, outline: NDArray[np.floating], dash: float = 7.0) -> None:
    for start, end in zip(outline, np.roll(outline, -1, axis=0), strict=True):
        steps = max(1, int(np.hypot(*(end - start)) / dash))
        points = start + (end - start) * np.linspace(0, 1, steps + 1)[:, None]
        for i in range(steps):
            a, b = (tuple(int(v) for v in np.rint(points[j])) for j in (i, i + 1))
            cv2.line(drawn, a, b, _LIGHT if i % 2 else _DARK, 1)


def _hatch(drawn: Pixels, xyxy: NDArray[np.float32], step: int = 8) -> None:
    """Diagonal light lines over a region that is neither object nor background."""
    height, width = drawn.shape[:2]
    x1, y1 = max(0, int(xyxy[0])), max(0, int(xyxy[1]))
    x2, y2 = min(width, round(float(xyxy[2]))), min(height, round(float(xyxy[3])))
    ys, xs = np.mgrid[y1:y2, x1:x2]
    line = (xs + ys) % step < 2
    region = drawn[y1:y2, x1:x2]
    region[line] = (region[line].astype(np.uint16) + 255) // 2
