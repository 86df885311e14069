"""YOLOv4 anchors against the rules people use: `python tests/benchmarks/anchor_quality.py [--seeds 20]`.

Mean best IoU on the fit set of datapipe and of our own small versions of darknet's `calc_anchors`, YOLOv5's
autoanchor, k-medians and scikit-learn's KMeans, for k = 3, 5, 6, 9 and every seed. Ends with 1 if any rule
beats datapipe on the same seed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.cluster.vq import kmeans
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

from datapipe.anchors import Columns
from datapipe.anchors.cloud import merge
from datapipe.anchors.seen import see
from datapipe.anchors.yolov4 import fit
from datapipe.dataset import Dataset
from datapipe.ingest import ingest
from datapipe.targets.yolov4 import shape_iou

ROOT = Path(__file__).resolve().parents[2]
INPUT = (608, 608)


def calc_anchors(wh: np.ndarray, k: int, seed: int) -> np.ndarray:
    """darknet: k objects at random, IoU, the mean; an empty cluster stays (src/detector.c, src/matrix.c)."""
    return _lloyd(wh, k, seed, np.mean)


def k_medians(wh: np.ndarray, k: int, seed: int) -> np.ndarray:
    """lars76/kmeans-anchor-boxes: k objects at random, IoU, the median."""
    return _lloyd(wh, k, seed, np.median)


def _lloyd(wh: np.ndarray, k: int, seed: int, middle: Callable[..., np.ndarray]) -> np.ndarray:
    centres = wh[np.random.default_rng(seed).choice(len(wh), k, replace=False)].copy()
    before = np.full(len(wh), -1)
    for _ in range(1000):
        owner = shape_iou(wh, centres).argmax(axis=1)
        if (owner == before).all():
            break
        before = owner
        for j in range(k):
            if (owner == j).any():
                centres[j] = middle(wh[owner == j], axis=0)
    return centres


def autoanchor(wh: np.ndarray, k: int, seed: int, generations: int = 1000) -> np.ndarray:
    """YOLOv5's kmean_anchors: whitened k-means, then 1000 random mutations (utils/autoanchor.py)."""
    rng = np.random.default_rng(seed)
    wh = wh[(wh >= 2).any(axis=1)]
    spread = wh.std(axis=0)
    centres = kmeans(wh / spread, k, iter=30, rng=rng)[0] * spread
    if len(centres) < k:
        centres = np.sort(rng.random((k, 2)) * INPUT[0], axis=0)

    def fitness(anchors: np.ndarray) -> float:
        ratio = wh[:, None] / anchors
        best = np.minimum(ratio, 1 / ratio).min(axis=2).max(axis=1)
        return float((best * (best > 0.25)).mean())

    reached = fitness(centres)
    for _ in range(generations):
        change = np.ones(centres.shape)
        while (change == 1).all():
            mask = rng.random(centres.shape) < 0.9
            change = (mask * rng.random() * rng.standard_normal(centres.shape) * 0.1 + 1).clip(0.3, 3.0)
        child = (centres * change).clip(min=2.0)
        got = fitness(child)
        if got > reached:
            centres, reached = child, got
    return centres


def euclidean(wh: np.ndarray, k: int, seed: int) -> np.ndarray:
    """scikit-learn's KMeans on (w, h), ten starts."""
    with threadpool_limits(1):
        return KMeans(k, n_init=10, random_state=seed).fit(wh).cluster_centers_


RULES = {
    "darknet": calc_anchors,
    "yolov5": autoanchor,
    "k-medians": k_medians,
    "sklearn": euclidean,
}


def synthetic() -> dict[str, np.ndarray]:
    """Seeded shapes in px at 608: log-normal, two kinds of object, a heavy tail of large ones."""
    rng = np.random.default_rng(20)
    log_normal = np.exp(rng.normal([3.9, 4.1], [0.9, 0.8], (2000, 2)))
    few, many = rng.normal([180, 320], [30, 45], (700, 2)), rng.normal([18, 12], [4, 3], (1300, 2))
    tail = 6 * (1 + rng.pareto(1.3, (2000, 1))) * np.exp(rng.normal(0, 0.35, (2000, 2)))
    named = {"log-normal": log_normal, "bimodal": np.concatenate([few, many]), "heavy tail": tail}
    return {name: wh.clip(2, INPUT[0]).astype(np.float32).astype(np.float64) for name, wh in named.items()}


def real(source: Path, out: Path) -> np.ndarray:
    """All objects of a dataset, letterboxed."""
    ingest([source], out)
    return see(Columns.of(Dataset(out)), INPUT, "letterbox").wh.astype(np.float32).astype(np.float64)


def main() -> int:
    """Print the table; 1 if datapipe was ever beaten."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    beside = Path(__file__).resolve().parents[3] / "shared" / "data" / "bccd"
    parser.add_argument("--bccd", type=Path, default=beside)
    parser.add_argument("--k", type=int, nargs="+", default=[3, 5, 6, 9])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        sets = {"sample_data": real(ROOT / "sample_data/coco", Path(folder) / "sample")}
        if options.bccd.exists():
            sets = {"BCCD": real(options.bccd, Path(folder) / "bccd")} | sets
    sets |= synthetic()
    names = "".join(f"{name:>11}" for name in ("datapipe", *RULES))
    print(
        f"mean best IoU over {options.seeds} seeds; lead: the narrowest over the best rule of the same seed"
    )
    print(f"{'data':<12}{'objects':>8}{'k':>3}{names}{'seeds won':>11}{'lead':>9}{'s a fit':>9}")
    beaten = 0
    for name, wh in sets.items():
        cloud, _ = merge(wh)
        for k in options.k:
            rows, spent = [], 0.0
            for seed in range(options.seeds):
                start = time.perf_counter()
                ours = fit(cloud, k, seed)
                spent += time.perf_counter() - start
                found = [ours, *(rule(wh, k, seed) for rule in RULES.values())]
                rows.append([shape_iou(wh, anchors).max(axis=1).mean() for anchors in found])
            table = np.array(rows)
            lead = table[:, 0] - table[:, 1:].max(axis=1)
            won = int((lead >= -1e-12).sum())
            beaten += options.seeds - won
            means = "".join(f"{value:>11.4f}" for value in table.mean(axis=0))
            took = spent / options.seeds
            print(
                f"{name:<12}{len(wh):>8}{k:>3}{means}{won:>8}/{options.seeds}{lead.min():>9.5f}{took:>9.2f}",
                flush=True,
            )
    return int(beaten > 0)


if __name__ == "__main__":
    sys.exit(main())
