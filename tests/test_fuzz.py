"""Whatever bytes a file holds: an answer or a `DatapipeError`, soon, and without eating the memory."""

from __future__ import annotations

import io
import os
import re
import signal
import struct
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest
from defects.pictures import lying_png
from make import make_picture
from mini import FORMATS, draw, put
from PIL import Image

from datapipe.dataset import Dataset
from datapipe.errors import DatapipeError
from datapipe.findings import codes
from datapipe.images.check import check
from datapipe.images.probe import ImageProblem, probe
from datapipe.images.store import store
from datapipe.ingest import IngestOptions, ingest

SHORT, LONG = 40, 1000
SECONDS, MEGABYTES = 20, 200

_JSON = rb'{"id": [[[[ }} NaN 1e999 -0 "\ud800" "bbox": null \"'.split() + [b"9" * 5000]
_XML = b"<object> </object> <!DOCTYPE &x; <bndbox> ]]> <![CDATA[ <?xml".split() + [b"<a" * 3000]
_ROWS = b"nan inf 1e999 # \0 - _ .1".split() + [b" 0 0 0", b"9" * 5000, b"0 .1 .1 .2 .2 .3 .3\n"]
_YAML = b"*a !!python/object/apply:os.system names: .. |".split() + [b"&a [", b"<<: ", b"? ", b"- "]
_PATHS = b"../ // http:// ~ \0 images/ %00 .xml".split() + [b"p0 1", b"\n\n"]

FILES: dict[str, tuple[str, str, list[bytes]]] = {
    "COCO json": ("coco", "annotations/instances_train.json", _JSON),
    "VOC xml": ("voc", "Annotations/p0.xml", _XML),
    "VOC list": ("voc", "ImageSets/Main/train.txt", _PATHS),
    "YOLO label": ("yolo", "labels/train/p0.txt", _ROWS),
    "data.yaml": ("yolo", "data.yaml", _YAML),
    "YOLO list": ("yolo list", "train.txt", _PATHS),
}
"""What is spoilt: format, file in its source, pieces that its parser may stumble over."""

PICTURES: dict[str, Callable[[], bytes]] = {
    "JPEG": lambda: make_picture((40, 30)),
    "JPEG with EXIF": lambda: make_picture((40, 30), orientation=6),
    "progressive JPEG": lambda: make_picture((40, 30), progressive=True),
    "PNG": lambda: make_picture((40, 30), "PNG"),
    "palette PNG": lambda: make_picture((40, 30), "PNG", "P"),
    "BMP": lambda: make_picture((40, 30), "BMP"),
    "GIF": lambda: make_picture((40, 30), "GIF"),
    "WebP": lambda: make_picture((40, 30), "WEBP"),
    "TIFF": lambda: make_picture((40, 30), "TIFF"),
    "compressed TIFF": lambda: make_picture((40, 30), "TIFF", compression="tiff_lzw"),
}
_BYTES = [b"\xff\xd8", b"\xff\xd9", b"\xff\xda", b"\xff\xc0", b"\xff" * 4, bytes(4), b"\x7f\xff", b"IEND"]


class Hang(Exception):
    """It took too long."""


@contextmanager
def limited(what: str) -> Iterator[None]:
    """Fail on an example that takes too long or too much memory (as far as this system tells the peak)."""

    def ring(*_: Any) -> None:
        raise Hang(f"{what}: more than {SECONDS} s")

    before = _peak(reset=True)
    old = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)
    more = (_peak() - before) / 1e3
    assert more < MEGABYTES, f"{what}: {more:.0f} MB more"


def _peak(reset: bool = False) -> int:
    """This process's greatest resident size in kB since the last reset; 0 where Linux's /proc is not."""
    try:
        if reset:
            Path("/proc/self/clear_refs").write_text("5")
        found = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())
    except OSError:
        return 0
    return int(found[1]) if found else 0


def mutated(data: bytes, rng: Random, pieces: list[bytes]) -> bytes:
    """A few random accidents: flipped, lost, doubled, foreign bytes."""
    if rng.random() < 0.05:
        return rng.randbytes(rng.randrange(400))
    spoilt = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4, 9))):
        at, end = sorted(rng.randrange(len(spoilt) + 1) for _ in range(2))
        end = min(end, at + rng.choice((1, 2, 8, 64, 1 << 30)))
        match rng.randrange(6):
            case 0 if spoilt[at:end]:
                spoilt[at] ^= 1 << rng.randrange(8)
            case 1:
                del spoilt[at:end]
            case 2:
                spoilt[at:at] = spoilt[at:end] * rng.choice((1, 2, 50))
            case 3:
                spoilt[at:at] = rng.choice(pieces)
            case 4:
                spoilt[at:end] = rng.choice(pieces)
            case _:
                spoilt[at:end] = rng.randbytes(end - at)
        del spoilt[1 << 20 :]
    return bytes(spoilt)


def fuzz_file(what: str, rounds: int) -> None:
    """Spoil one file of a source again and again; every ingest ends well or with a `DatapipeError`."""
    kind, name, pieces = FILES[what]
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        source = FORMATS[kind](draw(Random(3), 4)).write(Path(folder, "source"))
        good = (source / name).read_bytes()
        finished = 0
        for n in range(rounds):
            data = mutated(good, Random(f"{what} {n}"), pieces)
            put(source / name, data)
            out = Path(folder, f"out{n}")
            with limited(f"{what}, round {n}: {data[:200]!r}"):
                try:
                    ingest([source], out, IngestOptions(workers=1))
                except DatapipeError as error:
                    line = str(error)
                    assert line.isprintable(), f"round {n}: not one printable line: {line!r}"
                    assert not (out / "dataset.json").exists()
                else:
                    finished += 1
                    assert len(list(Dataset(out))) == len(Dataset(out)), "a record cannot be read back"
        assert finished or rounds < LONG, (
            f"not one of {rounds} rounds of {what} was read: the accidents are too coarse"
        )


def fuzz_picture(what: str, rounds: int) -> None:
    """Spoil a picture again and again: it is stored and decodes to its size, or is an `ImageProblem`."""
    good = PICTURES[what]()
    for n in range(rounds):
        rng = Random(f"{what} {n}")
        data = mutated(good, rng, _BYTES)
        if rng.random() < 0.5:  # the header is where the lies are
            data = mutated(good[:64], rng, _BYTES) + good[64:]
        declared = rng.choice(((0, 0), (40, 30), (30, 40)))
        with limited(f"{what}, round {n}"):
            try:
                stored = store(data, declared, rng.choice(("decode", "decode", "structure", "header")))
            except ImageProblem as problem:
                assert codes()[problem.code].kind == "image" and problem.value
                continue
            header = probe(stored.data)
            assert (header.format, header.wh, header.orientation) == (stored.format, stored.wh, 1)
            if "DP223" in dict(stored.repairs):
                assert check(stored.data, header, "decode") is stored.data


@pytest.mark.parametrize("what", FILES)
def test_a_spoilt_file_is_read_or_refused(what: str) -> None:
    fuzz_file(what, SHORT)


@pytest.mark.parametrize("what", PICTURES)
def test_a_spoilt_picture_is_stored_or_left_out(what: str) -> None:
    fuzz_picture(what, 4 * SHORT)


def _with_size(data: bytes, at: int, size: bytes) -> bytes:
    return data[:at] + size + data[at + len(size) :]


def _lying_gif() -> bytes:
    data = make_picture((40, 30), "GIF")
    data = _with_size(data, 6, struct.pack("<HH", SIDE, SIDE))
    return _with_size(data, data.index(b",", 13 + 3 * 256) + 5, struct.pack("<HH", SIDE, SIDE))


def _lying_jpeg(marker: bytes, **options: Any) -> bytes:
    data = make_picture((40, 30), **options)
    return _with_size(data, data.index(marker) + 5, struct.pack(">HH", SIDE, SIDE))


def _lying_webp() -> bytes:
    data = make_picture((40, 30), "WEBP")
    return _with_size(data, data.index(b"\x9d\x01\x2a") + 3, struct.pack("<HH", SIDE, SIDE))


SIDE = 13_000  # 169 million pixels: fewer than what is refused for its size alone
LIES: dict[str, Callable[[], bytes]] = {
    "JPEG": lambda: _lying_jpeg(b"\xff\xc0"),
    "progressive JPEG": lambda: _lying_jpeg(b"\xff\xc2", progressive=True),
    "PNG": lambda: lying_png(SIDE, SIDE),
    "BMP": lambda: _with_size(make_picture((40, 30), "BMP"), 18, struct.pack("<ii", SIDE, SIDE)),
    "GIF": _lying_gif,
    "WebP": _lying_webp,
}


@pytest.mark.parametrize("depth", ["decode", "structure", "header"])
@pytest.mark.parametrize("what", LIES)
def test_a_header_that_promises_169_megapixels_gets_no_memory_for_them(what: str, depth: Any) -> None:
    data = LIES[what]()
    with limited(what), pytest.raises(ImageProblem, match="DP206: .* cannot hold the 13000 x 13000"):
        store(data, (0, 0), depth)


def test_a_large_picture_of_one_colour_is_no_lie() -> None:
    out = io.BytesIO()
    Image.new("L", (5000, 4000), 7).save(out, "PNG")
    assert probe(out.getvalue()).wh == (5000, 4000)
    out = io.BytesIO()
    Image.new("L", (5000, 4000), 7).save(out, "JPEG", optimize=True)
    assert probe(out.getvalue()).wh == (5000, 4000)
    out = io.BytesIO()
    Image.new("1", (8000, 8000)).save(out, "PNG", optimize=True)
    assert probe(out.getvalue()).wh == (8000, 8000)


@pytest.mark.slow
@pytest.mark.parametrize("what", FILES)
def test_a_file_spoilt_in_thousands_of_ways_is_read_or_refused(what: str) -> None:
    fuzz_file(what, LONG)


@pytest.mark.slow
@pytest.mark.parametrize("what", PICTURES)
def test_a_picture_spoilt_in_thousands_of_ways_is_stored_or_left_out(what: str) -> None:
    fuzz_picture(what, 4 * LONG)
