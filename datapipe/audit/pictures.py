"""A picture for the app: a file it can show, and what a first look at its pixels tells."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datapipe.dataset import Dataset
from datapipe.errors import EnvironmentProblem, RecordError
from datapipe.images.pixels import FACTORS, decode_reduced
from datapipe.similar import fingerprint

LEAST_SIDE = 256
"""Longer side in px that a picture has at least when it is looked at: brightness, sharpness, hash."""
_GREY = np.array([0.299, 0.587, 0.114], np.float32)


@dataclass(frozen=True)
class Looked:
    """One picture.

    path:       absolute; the source's file where it still holds the stored bytes, else a copy in the cache
    own:        whether it is such a copy
    brightness: mean grey value, 0 to 255
    sharpness:  standard deviation of the Laplacian of the grey picture, reduced by 2, 4 or 8 to a longer
                side of at least 256 px: near 0 is blurred or empty
    hash:       `similar.fingerprint`
    """

    path: str
    own: bool
    brightness: float
    sharpness: float
    hash: int


def look(dataset: Dataset, images: Sequence[int], cache: Path, threads: int = 0) -> Iterator[Looked]:
    """Look at pictures, in order, some ahead of their use.

    Args:
        dataset: opened.
        images: their numbers.
        cache: folder for pictures whose source is gone or changed; each is written once, under its hash.
        threads: 0 for the CPUs this process may use.

    Raises:
        RecordError: a stored picture is damaged.
        EnvironmentProblem: the cache cannot be written.
    """
    with ThreadPoolExecutor(threads or len(os.sched_getaffinity(0))) as pool:
        yield from pool.map(lambda image: look_at(dataset, image, cache), images)


def look_at(dataset: Dataset, image: int, cache: Path) -> Looked:
    """Look at one picture; see `look`."""
    columns = dataset.images
    sha256, format = str(columns["sha256"][image]), str(columns["format"][image])
    root = str(dataset.manifest.sources[int(columns["source"][image])]["root"])
    path = os.path.join(root, str(columns["path"][image]))
    kept = cache / f"{sha256}.{'jpg' if format == 'jpeg' else format}"
    data = _file(path, sha256)
    own = data is None
    if data is None:
        path, data = os.path.abspath(kept), _file(str(kept), sha256)
        if data is None:
            _, data = dataset[image]
            _write(kept, data)
    wh = (int(columns["width"][image]), int(columns["height"][image]))
    try:
        grey = _grey(data, wh)
    except ValueError as error:
        raise RecordError(f"image {columns['image_id'][image]!r}: {error}; run `datapipe verify`") from None
    return Looked(path, own, round(float(grey.mean()), 1), round(sharpness(grey), 2), fingerprint(grey))


def sharpness(grey: NDArray[np.float32]) -> float:
    """Standard deviation of the 4-neighbour Laplacian; 0 for a picture of less than 3 px a side.

    Example: a checkerboard of 0 and 1 px by px has Laplacians of 4 and -4, hence 4.
    """
    if min(grey.shape) < 3:
        return 0.0
    middle = grey[1:-1, 1:-1]
    around = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:]
    return float((around - 4 * middle).std())


def _grey(data: bytes, wh: tuple[int, int]) -> NDArray[np.float32]:
    factor = max(factor for factor in FACTORS if factor == 1 or max(wh) / factor >= LEAST_SIDE)
    grey: NDArray[np.float32] = decode_reduced(data, factor).pixels.astype(np.float32) @ _GREY
    return grey


def _file(path: str, sha256: str) -> bytes | None:
    """The file's bytes, if they are the stored ones."""
    try:
        data = Path(path).read_bytes()
    except (OSError, ValueError):
        return None
    return data if hashlib.sha256(data).hexdigest() == sha256 else None


def _write(path: Path, data: bytes) -> None:
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_bytes(data)
        os.replace(beside, path)
    except OSError as error:
        raise EnvironmentProblem(
            f"{path.parent}: cannot be written: {error.strerror}; move it with --cache"
        ) from None
