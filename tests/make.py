"""Tiny builders: pictures, records, sources and datasets, each a few lines and nothing hidden."""

from __future__ import annotations

import io
import json
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from datapipe.dataset import Dataset
from datapipe.ingest import IngestOptions, ingest
from datapipe.records import ImageRecord, digest

CLASSES = ("dog", "car", "été")


def make_pixels(wh: tuple[int, int] = (40, 30), channels: int = 3, seed: int = 0) -> np.ndarray:
    """(H, W, channels) uint8: waves, a bright left top corner, so that every turn shows, even in a JPEG."""
    w, h = wh
    y, x = np.mgrid[0:h, 0:w]
    waves = [
        100 + 60 * np.sin((x * (c + 1) + seed) / 9) + 50 * np.cos(y * (c + 2) / 11) for c in range(channels)
    ]
    pixels = np.stack(waves, axis=-1)
    pixels[: max(1, h // 4), : max(1, w // 4)] = 250
    return pixels.clip(0, 255).astype(np.uint8)


def make_picture(
    wh: tuple[int, int] = (40, 30), kind: str = "JPEG", mode: str = "RGB", seed: int = 0, **options: Any
) -> bytes:
    """A picture's bytes; `orientation=6` writes the EXIF tag, everything else goes to Pillow's writer."""
    picture = Image.fromarray(make_pixels(wh, seed=seed)).convert(mode)
    orientation = options.pop("orientation", None)
    if orientation is not None:
        exif = Image.Exif()
        exif[0x0112] = orientation
        options["exif"] = exif
    out = io.BytesIO()
    picture.save(out, kind, **({"quality": 92} if kind == "JPEG" else {}) | options)
    return out.getvalue()


def make_record(data: bytes = b"jpeg", n: int = 1, **changes: Any) -> ImageRecord:
    """A record of n boxes (i, i, i + 10, i + 10) in a 64 x 64 picture."""
    corners = np.arange(n, dtype=np.float32)[:, None] + np.array([0, 0, 10, 10], np.float32)
    columns: dict[str, Any] = {
        "image_id": "7",
        "filename": "a.jpg",
        "path": "images/a.jpg",
        "source": 0,
        "format": "jpeg",
        "wh": (64, 64),
        "sha256": digest(data),
        "xyxy": corners,
        "class_id": np.zeros(n, np.int32),
        "crowd": np.zeros(n, np.bool_),
        "difficult": np.zeros(n, np.bool_),
        "truncated": np.zeros(n, np.bool_),
        "area": np.full(n, 100, np.float32),
        "object_id": tuple(str(i) for i in range(n)),
        "pose": ("",) * n,
        "extra": ("",) * n,
        "polygons": ((),) * n,
        "left_out_xyxy": np.zeros((0, 4), np.float32),
        "left_out_code": (),
    }
    return ImageRecord(**columns | changes)


def make_image(
    file: str, *boxes: Sequence[float], wh: tuple[int, int] = (40, 30), data: bytes | None = None, **more: Any
) -> dict[str, Any]:
    """One picture of `make_coco`; a box is (left, top, width, height) or with a class number at the end."""
    return {"file": file, "boxes": boxes, "wh": wh, "data": data, "more": more}


def make_coco(folder: Path, images: Sequence[dict[str, Any]], classes: Sequence[str] = CLASSES) -> Path:
    """A COCO source: annotations.json with the pictures beside it; ids count from 1 in the order given."""
    folder.mkdir(parents=True, exist_ok=True)
    listed: list[dict[str, Any]] = []
    objects: list[dict[str, Any]] = []
    for number, image in enumerate(images, 1):
        w, h = image["wh"]
        (folder / image["file"]).write_bytes(image["data"] or make_picture((w, h), seed=number))
        listed.append({"id": number, "file_name": image["file"], "width": w, "height": h})
        for box in image["boxes"]:
            row = {"id": len(objects) + 1, "image_id": number, "bbox": list(box[:4]), "iscrowd": 0}
            objects.append(
                row | {"category_id": int((*box, 0)[4]) + 1, "area": box[2] * box[3]} | image["more"]
            )
    categories = [{"id": i, "name": name} for i, name in enumerate(classes, 1)]
    document = {"images": listed, "annotations": objects, "categories": categories}
    (folder / "annotations.json").write_text(json.dumps(document), encoding="utf-8")
    return folder


def make_dataset(folder: Path, n: int = 6, split: str = "train=0.5,val=0.5", shard_count: int = 2) -> Dataset:
    """A dataset of n pictures, ids "1" to "n"; picture i holds i % 4 boxes of classes 0, 1, 2."""
    images = [
        make_image(f"{i}.jpg", *((1 + 2 * k, 2 + k, 12, 9, k) for k in range(i % 4))) for i in range(1, n + 1)
    ]
    source = make_coco(folder / "source", images)
    ingest([source], folder / "out", IngestOptions(split=split, shard_count=shard_count))
    return Dataset(folder / "out")


def make_variants() -> dict[str, bytes]:
    """Pictures of 40 x 30 in every colour mode and format that the policy keeps, by name."""
    grey16 = Image.fromarray(make_pixels()[..., 0].astype(np.uint16) * 257)
    rgb = Image.fromarray(make_pixels())
    seen_through = Image.fromarray(make_pixels(channels=4))

    def saved(picture: Image.Image, kind: str, **options: Any) -> bytes:
        out = io.BytesIO()
        picture.save(out, kind, **options)
        return out.getvalue()

    made = {f"jpeg {mode}": make_picture(mode=mode) for mode in ("RGB", "L", "CMYK")}
    made |= {
        "jpeg progressive": make_picture(progressive=True),
        "jpeg kept RGB": make_picture(keep_rgb=True),
        "jpeg 4:2:0": make_picture(subsampling=2),
        "jpeg 4:4:4": make_picture(subsampling=0),
        "jpeg restart markers": make_picture(restart_marker_blocks=1),
        "jpeg garbage": make_picture() + b"garbage \xff\xd8",
        "jpeg torn end": make_picture()[:-2],
        "png grey 16 bit": saved(grey16, "PNG"),
        "png palette transparent": saved(rgb.convert("P"), "PNG", transparency=3),
        "gif": make_picture(kind="GIF"),
        "gif transparent": saved(rgb.convert("P"), "GIF", transparency=3),
        "webp": make_picture(kind="WEBP"),
        "webp lossless": make_picture(kind="WEBP", lossless=True),
        "webp lossless with profile": make_picture(kind="WEBP", lossless=True, icc_profile=b"x" * 601),
        "webp alpha": saved(seen_through, "WEBP"),
        "webp lossless alpha": saved(seen_through, "WEBP", lossless=True, exact=True),
        "tiff grey 16 bit": saved(grey16, "TIFF"),
        "tiff big endian 16 bit": big_endian_tiff(),
    }
    made |= {
        f"png {mode}": make_picture(kind="PNG", mode=mode) for mode in ("RGB", "RGBA", "L", "LA", "P", "1")
    }
    made |= {f"bmp {mode}": make_picture(kind="BMP", mode=mode) for mode in ("RGB", "RGBA", "L", "P", "1")}
    made |= {
        f"tiff {mode}": make_picture(kind="TIFF", mode=mode)
        for mode in ("RGB", "RGBA", "L", "LA", "P", "1", "CMYK")
    }
    for compression in ("tiff_lzw", "tiff_adobe_deflate", "jpeg", "packbits"):
        made[f"tiff {compression}"] = make_picture(kind="TIFF", compression=compression)
    return made


def big_endian_tiff() -> bytes:
    """A grey 16-bit TIFF of 40 x 30 as Motorola machines wrote it: one strip, no compression."""
    pixels = (make_pixels()[..., 0].astype(">u2") * 257).tobytes()
    entries = [(256, 40), (257, 30), (258, 16), (259, 1), (262, 1), (273, 8), (277, 1), (278, 30)]
    directory = struct.pack(">H", len(entries) + 1)
    directory += b"".join(struct.pack(">HHIHH", tag, 3, 1, value, 0) for tag, value in entries)
    directory += struct.pack(">HHII", 279, 4, 1, len(pixels)) + bytes(4)
    return b"MM\0*" + struct.pack(">I", 8 + len(pixels)) + pixels + directory


def make_damage(data: bytes, flips: Sequence[tuple[float, int]], cut: float = 1.0) -> bytes:
    """Bytes XORed at relative places and the end cut off; a PNG's checksums are made to fit again."""
    damaged = bytearray(data)
    for place, mask in flips:
        damaged[min(int(place * len(damaged)), len(damaged) - 1)] ^= mask
    position = 8
    while data.startswith(b"\x89PNG") and position + 12 <= len(damaged):
        length = int.from_bytes(damaged[position : position + 4], "big")
        end = position + 8 + length
        if end + 4 > len(damaged):
            break
        damaged[end : end + 4] = zlib.crc32(damaged[position + 4 : end]).to_bytes(4, "big")
        position = end + 4
    return bytes(damaged[: int(cut * len(damaged))])
