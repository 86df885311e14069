"""scikit-learn's KMeans (k-means++): Euclidean clusters, as starting points only."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from datapipe.targets.grids import Floats


def centres(points: Floats, k: int, seed: int, weight: Floats | None = None) -> Floats:
    """Cluster points.

    On one thread: for some thousand points more threads only wait for one another (0.2 s a run on two busy
    cores instead of 0.002 s), and the order of their sums would be chance.

    Args:
        points: (N, D).
        k: clusters.
        seed: of the starting points.
        weight: (N,), None for 1 each.

    Returns:
        (k, D) centres; with fewer distinct points than k some repeat.
    """
    if weight is None:
        points, counts = np.unique(points, axis=0, return_counts=True)
        weight = counts.astype(np.float64)
    if len(points) <= k:
        return points[np.arange(k) % len(points)]
    from sklearn.cluster import KMeans  # 1.4 s, which whoever only looks at anchors need not wait for

    with _pools().limit(limits=1):
        found = KMeans(k, n_init=2, random_state=seed % 2**32).fit(points, sample_weight=weight)
    middle: Floats = found.cluster_centers_
    return middle


@cache
def _pools() -> Any:
    from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

    return ThreadpoolController()  # looking for the pools takes longer than a run
