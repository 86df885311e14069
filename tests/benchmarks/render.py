"""Milliseconds of a sample's pixels, beside the floor of one decode and one warp, in one alternating run.

`python tests/benchmarks/render.py [ROUNDS]`

The pictures are 640 x 480 px of coloured noise at many scales, JPEG quality 95, about as large as photographs
(100 KB), and more than a cache holds: in a stream, too, a picture has left it before it is rendered.
One thread.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import simplejpeg

from datapipe.augment.patches import patches_of
from datapipe.augment.pixels import HSV, Blur, ColorJitter, Gray, Noise
from datapipe.augment.plan import Layer, Picture, Plan, whole
from datapipe.augment.plane import affine
from datapipe.augment.render import render
from datapipe.images.pixels import Decoded, Pixels, decode_reduced

SIDE, WH, PICTURES, COUNT = 640, (640, 480), 64, 48
HW = (SIDE, SIDE)


def photograph(seed: int) -> Pixels:
    rng, (width, height) = np.random.default_rng(seed), WH
    sums = np.full((height, width, 3), 128, np.float32)
    for octave in range(7):
        grain = rng.normal(size=(height // 2**octave + 2, width // 2**octave + 2, 3)).astype(np.float32)
        sums += cv2.resize(grain, WH, interpolation=cv2.INTER_CUBIC) * 1.6 * 2 ** (0.9 * octave)
    return np.clip(sums, 0, 255).astype(np.uint8)


def about_centre(degrees: float, scale: float) -> np.ndarray:
    cos, sin = scale * np.cos(np.radians(degrees)), scale * np.sin(np.radians(degrees))
    middle = SIDE / 2
    return np.array(
        [[cos, -sin, middle - middle * (cos - sin)], [sin, cos, middle - middle * (sin + cos)], [0, 0, 1]]
    )


def pictures() -> list[Picture]:
    return [Picture(n, WH, np.zeros((0, 4), np.float32), np.zeros(0, np.bool_)) for n in range(PICTURES)]


def mosaic(of: list[Picture], rng: np.random.Generator) -> Plan:
    """Four whole pictures that meet in a random point."""
    x, y = rng.uniform(0.3, 0.7, 2) * SIDE
    places = [(x - WH[0], y - WH[1]), (x, y - WH[1]), (x - WH[0], y), (x, y)]
    tiles = [whole(p, affine(1, 0, left, 0, 1, top)) for p, (left, top) in zip(of, places, strict=True)]
    return Plan(HW, (Layer(tuple(tiles)),))


def single(picture: Picture) -> Plan:
    return Plan.of(HW, whole(picture, affine(SIDE / WH[0], 0, 0, 0, SIDE / WH[0], (SIDE - WH[1]) / 2)))


def cases(count: int = COUNT) -> dict[str, list[Plan]]:
    """Plans of each kind, the same for every round."""
    rng, all_of = np.random.default_rng(0), pictures()
    made: dict[str, list[Plan]] = {}

    def four() -> list[Picture]:
        return [all_of[n] for n in rng.permutation(PICTURES)[:4]]

    for name, spread in (("mosaic 2x2, upright", 0.0), ("mosaic 2x2, rotated +-10", 10.0)):
        made[name] = [
            mosaic(four(), rng)
            .moved(about_centre(rng.uniform(-spread, spread), rng.uniform(0.5, 1.5)))
            .finished()
            for _ in range(count)
        ]
    made["mosaic 2x2, rotated, canvas covered"] = [
        mosaic(four(), rng).moved(about_centre(rng.uniform(-10, 10), rng.uniform(1.3, 1.5))).finished()
        for _ in range(count)
    ]
    turned = [about_centre(rng.uniform(-10, 10), rng.uniform(0.8, 1.25)) for _ in range(count)]
    made["single, rotated +-10"] = [
        single(all_of[n % PICTURES]).moved(m).finished() for n, m in enumerate(turned)
    ]
    made["the same, fill: edge"] = [replace(plan, fill="edge") for plan in made["single, rotated +-10"]]
    made["letterbox"] = [single(all_of[n % PICTURES]).finished() for n in range(count)]
    return made


def covered(plan: Plan) -> float:
    """Share of the canvas that tiles show on."""
    areas = (cv2.contourArea(tile.visible.astype(np.float32)) for tile in plan.tiles)
    return sum(areas) / (plan.hw[0] * plan.hw[1])


def alternating(jobs: dict[str, Callable[[int], object]], count: int, rounds: int) -> dict[str, float]:
    """Mean milliseconds of CPU of each job over n = 0 ... count - 1, the best of all rounds for each n.

    The jobs take turns call by call: a machine's speed drifts by half within seconds, and what is to be
    compared must drift together.
    """
    took = {name: np.full((rounds, count), np.inf) for name in jobs}
    for turn in range(rounds):
        for n in range(count):
            for name, work in jobs.items():
                start = time.thread_time()
                work(n)
                took[name][turn, n] = (time.thread_time() - start) * 1e3
    return {name: float(times.min(axis=0).mean()) for name, times in took.items()}


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    cv2.setNumThreads(0)
    drawn = [photograph(n) for n in range(PICTURES)]
    stored = [simplejpeg.encode_jpeg(p, quality=95, colorsubsampling="420") for p in drawn]
    decoded = {n: Decoded(p) for n, p in enumerate(drawn)}
    large = [cv2.resize(p, (760, 760)) for p in drawn]
    out = np.empty((*HW, 3), np.uint8)
    back = np.linalg.inv(about_centre(5, 1))[:2] + [[0, 0, 60], [0, 0, 60]]
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    jobs: dict[str, Callable[[int], object]] = {
        "decode": lambda n: decode_reduced(stored[n % PICTURES], 1),
        "decode at 1/2": lambda n: decode_reduced(stored[n % PICTURES], 2),
        "one warp 640 x 640": lambda n: cv2.warpAffine(large[n % PICTURES], back, HW, out, flags),
        "one resize 640 x 640": lambda n: cv2.resize(drawn[n % PICTURES], HW, out),
    }
    plans = cases()
    for name, made in plans.items():
        parts = patches_of(made)  # together, as for a window of the stream
        jobs[name] = lambda n, made=made, parts=parts: render(made[n], decoded, out, parts[n])  # type: ignore[misc]
    for step in (ColorJitter(), HSV(), Gray(1), Blur((1, 1), 1), Noise(p=1)):
        jobs[type(step).__name__] = lambda n, step=step: step(out, np.random.default_rng(n))  # type: ignore[misc]
    best = alternating(jobs, COUNT, rounds)
    warp, size = best["one warp 640 x 640"], np.mean([len(s) for s in stored]) / 1e3
    print(f"OpenCV {cv2.__version__}, pictures of {size:.0f} KB, CPU, the best of {rounds} rounds")
    for name, ms in best.items():
        share = f"{np.mean([covered(p) for p in plans[name]]):9.0%} covered" if name in plans else ""
        print(f"{name:38}{ms:8.3f} ms {ms / warp:8.2f} of a warp{share}")


if __name__ == "__main__":
    main()
