"""Draws the sample data: 64 pictures by the sea, annotated as COCO, Pascal VOC and YOLO.

    python sample_data/draw.py

rewrites coco/, voc/ and yolo/ next to this file, the same bytes on every run, in about a minute.
Every box is the hull of an object's pixels as painted, less what nearer objects cover.
"""

from __future__ import annotations

import io
import math
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
from annotated import CLASSES, SPLITS, Picture, Thing
from compose import Composition, Wish
from painting.backdrop import HORIZONS, backdrop
from painting.pen import Floats
from painting.scene import Scene, grain
from painting.weather import WEATHERS
from PIL import Image
from write import write_coco, write_voc, write_yolo

SEED = 20261120
COUNT = 64
WHS = (
    (640, 480), (640, 427), (512, 384), (480, 640), (600, 400), (640, 360), (500, 375), (427, 640),
    (480, 480), (560, 420), (400, 600), (640, 480), (576, 432), (448, 336), (640, 512), (420, 560),
)  # fmt: skip
SMALL_WHS = {9: (160, 120), 24: (160, 120), 38: (120, 160), 50: (200, 150), 61: (240, 180)}

# Pictures with something special about them, by number; every fourth picture is for validation.
PNG, GREY, TURNED = 9, 22, 35
EMPTY, WITHOUT_LABEL_FILE = (6, 20, 31, 47, 55), 47
WITH_FLOCK = (3, 12, 29, 44, 58)
WITH_HAZY_OBJECT = (5, 14, 28, 41, 52)

STYLES = ("boat", "balloon", "flying bird", "kite", "swimming bird")
ODDS_BY_THE_SEA, ODDS_INLAND = (0.35, 0.20, 0.14, 0.22, 0.09), (0.0, 0.34, 0.33, 0.33, 0.0)

QUALITY, GRAIN = 78, 0.004
ORIENTATION_TAG, TURN_RIGHT_TO_SHOW = 0x0112, 6


def draw_picture(number: int, kind: str, hour: str) -> Picture:
    """Draw, annotate and encode one picture; its chance depends on its number alone."""
    rng = np.random.default_rng((SEED, number))
    wh = SMALL_WHS.get(number, WHS[number % len(WHS)])
    composition = Composition(backdrop(rng, kind, WEATHERS[hour], wh), rng)
    if number in WITH_FLOCK:
        composition.put_flock()
    for wish in _wishes(rng, number, composition.scene):
        composition.put(wish)
    image = _as_stored(number, grain(rng, composition.scene.canvas, GRAIN))
    suffix = ".png" if number == PNG else ".jpg"
    split = SPLITS[number % 4 == 0]
    channels = len(image.getbands())
    return Picture(number, split, suffix, wh, channels, _encode(image, number), composition.things)


def _wishes(rng: np.random.Generator, number: int, scene: Scene) -> list[Wish]:
    """What to put into a picture, from far to near: mostly small, now and then one huge."""
    if number in EMPTY:
        return []
    short = min(scene.wh)
    sea_px = scene.shore - scene.horizon
    few, many = (2, 4) if short < 200 else (6, 12)
    wishes = []
    for i in range(int(rng.integers(few, many, endpoint=True))):
        style = str(rng.choice(STYLES, p=ODDS_BY_THE_SEA if sea_px > 0 else ODDS_INLAND))
        size = math.exp(rng.uniform(math.log(12), math.log(max(0.38 * short, 36))))
        if i == 0 and rng.random() < 0.5:
            size = rng.uniform(0.5, 1.05) * short
        elif rng.random() < 0.07:
            size = rng.uniform(8.5, 12)
        if style == "swimming bird":
            size = min(size, 0.45 * sea_px)
        wishes.append(Wish(style, size))
    if number in WITH_HAZY_OBJECT:
        style = str(rng.choice(["balloon", "kite"]))
        wishes.append(Wish(style, rng.uniform(12, 18), hazy=True))
    return sorted(wishes, key=lambda wish: wish.size_px)


def _as_stored(number: int, canvas: Floats) -> Image.Image:
    image = Image.fromarray(np.round(canvas * 255).astype(np.uint8))
    if number == GREY:
        return image.convert("L")
    if number == TURNED:
        return image.transpose(Image.Transpose.ROTATE_90)
    return image


def _encode(image: Image.Image, number: int) -> bytes:
    buffer = io.BytesIO()
    if number == PNG:
        image.save(buffer, "PNG", optimize=True)
    else:
        exif = Image.Exif()
        if number == TURNED:
            exif[ORIENTATION_TAG] = TURN_RIGHT_TO_SHOW
        image.save(buffer, "JPEG", quality=QUALITY, optimize=True, exif=exif)
    return buffer.getvalue()


def _with_one_part(pictures: list[Picture]) -> list[Picture]:
    """The pictures with the named part of a single object: the largest that is not cut off."""

    def rank(thing: Thing) -> int:
        return int(thing.mask.sum()) if thing.part and not thing.truncated else 0

    best = max((thing for picture in pictures for thing in picture.things), key=rank)
    return [
        replace(p, things=tuple(t if t is best else replace(t, part=None) for t in p.things))
        for p in pictures
    ]


def main() -> None:
    """Draw and write everything, then print how many objects there are of each class."""
    rng = np.random.default_rng(SEED)
    kinds = rng.permutation(np.resize([*HORIZONS, "beach", "bay"], COUNT))
    hours = rng.permutation(np.resize([*WEATHERS], COUNT))
    numbers = range(1, COUNT + 1)
    pictures = _with_one_part(
        [draw_picture(n, str(k), str(h)) for n, k, h in zip(numbers, kinds, hours, strict=True)]
    )
    home = Path(__file__).resolve().parent
    for folder in ("coco", "voc", "yolo"):
        shutil.rmtree(home / folder, ignore_errors=True)
    write_coco(home / "coco", pictures)
    write_voc(home / "voc", pictures)
    write_yolo(home / "yolo", pictures, WITHOUT_LABEL_FILE)
    for split in SPLITS:
        chosen = [picture for picture in pictures if picture.split == split]
        tally = Counter(CLASSES[thing.class_id] for picture in chosen for thing in picture.things)
        print(split, len(chosen), "pictures,", dict(sorted(tally.items())))


if __name__ == "__main__":
    main()
