"""YOLOv4's anchors: the k shapes with the highest mean best IoU over all objects."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from datapipe.anchors import euclid
from datapipe.anchors.cloud import Cloud, Floats, thin
from datapipe.anchors.clustering import assign, climb, mean_update, median_update, score, settle, swaps
from datapipe.targets.yolov4 import COCO_ANCHORS


@dataclass(frozen=True)
class Effort:
    """How hard to search.

    coarse: most points while starts are compared; middle: while centres are swapped again; fine: at the end
    starts: random starting sets beside the fixed ones
    rounds: of swaps on the coarse points, ended early after three without a gain
    again:  ... on the middle points
    tries:  variants a round
    steps:  moves of the last climb
    """

    coarse: int = 800
    middle: int = 3000
    fine: int = 16_384
    starts: int = 12
    rounds: int = 10
    again: int = 6
    tries: int = 16
    steps: int = 40


FULL = Effort()
FOLD = Effort(coarse=600, middle=1500, fine=3000, starts=2, rounds=4, again=1, tries=8, steps=15)
"""For held-out folds: a quarter of the work for about 0.001 mean IoU, which errs towards the defaults."""


def fit(cloud: Cloud, k: int, seed: int = 0, effort: Effort = FULL) -> Floats:
    """Find k anchors.

    IoU k-means (1 - IoU on w, h) by mean and by median from many starts, climbed on the true objective;
    then centres are taken away and set down elsewhere as long as that helps; then polished on finer points.

    Args:
        cloud: the objects' shapes in px at the network's input.
        k: number of anchors, 1 or more.
        seed: of all chance; same cloud, k and seed: same anchors.
        effort: how hard to search.

    Returns:
        (k, 2) px by area; the distinct shapes themselves if there are no more than k.
    """
    if len(cloud) <= k:
        return by_area(cloud.wh)
    rng = np.random.default_rng(seed)
    few, _ = thin(cloud, max(effort.coarse, 4 * k))
    if len(few) <= k:
        few = cloud
    sets = starting_sets(few, k, seed, effort.starts, rng)
    half = len(sets) // 2
    for _ in range(6):
        _, owner = assign(few, sets)
        sets = np.concatenate(
            [mean_update(few, sets[:half], owner[:half]), median_update(few, sets[half:], owner[half:])]
        )
    sets, means = climb(few, sets, 20, first=0.06)
    order = np.argsort(-means, kind="stable")
    top = exchange(few, sets[order[0]], effort.rounds, effort.tries, rng)
    middle, _ = thin(cloud, effort.middle)
    sets, means = climb(middle, np.concatenate([top[None], sets[order[:3]]]), 15, first=0.03)
    top = exchange(middle, sets[int(means.argmax())], effort.again, effort.tries // 2, rng)
    pool = top[None]
    if k == len(COCO_ANCHORS):
        pool = np.concatenate([pool, np.array([COCO_ANCHORS])])
    fine, _ = thin(cloud, effort.fine)
    sets, means = climb(fine, pool, effort.steps, first=0.02)
    return by_area(settle(fine, sets[int(means.argmax())]))


def exchange(cloud: Cloud, anchors_wh: Floats, rounds: int, tries: int, rng: np.random.Generator) -> Floats:
    """Take centres away and set them down elsewhere while that helps; ends after three rounds without a gain.

    Returns:
        (k, 2), never worse than what came in.
    """
    top, best, missed = anchors_wh, mean_best_iou(cloud, anchors_wh), 0
    for _ in range(rounds):
        variants, reached = climb(cloud, swaps(cloud, top, tries, rng), 12)
        winner = int(reached.argmax())
        missed = 0 if reached[winner] > best + 1e-5 else missed + 1
        if reached[winner] > best:
            top, best = variants[winner], float(reached[winner])
        if missed == 3:
            break
    return top


def starting_sets(cloud: Cloud, k: int, seed: int, count: int, rng: np.random.Generator) -> Floats:
    """Starting points of several kinds, so that no kind of data defeats them all.

    scikit-learn's KMeans (k-means++) on (w, h) and on (log w, log h), quantiles of area, objects drawn at
    random, and objects drawn one after the other by how badly the earlier ones cover them.

    Returns:
        (4 + count, k, 2) px.
    """
    fixed = []
    for points, back in ((cloud.wh, np.asarray), (np.log(cloud.wh), np.exp)):
        fixed.append(back(euclid.centres(points, k, seed, cloud.weight)))
    area = np.argsort(cloud.wh.prod(axis=1), kind="stable")
    running = np.cumsum(cloud.weight[area]) / cloud.weight.sum()
    middles = np.searchsorted(running, (np.arange(k) + 0.5) / k)
    fixed.append(cloud.wh[area[np.minimum(middles, len(area) - 1)]])
    share = cloud.weight / cloud.weight.sum()
    drawn = [cloud.wh[rng.choice(len(cloud), k, replace=False, p=share)] for _ in range(1 + count // 2)]
    spread = np.empty((count - count // 2, k, 2))
    best = np.zeros((len(spread), len(cloud)))
    for j in range(k):
        missing = np.cumsum(cloud.weight * (1 - best) + 1e-12, axis=1)
        at = (missing < rng.random((len(spread), 1)) * missing[:, -1:]).sum(axis=1)
        spread[:, j] = cloud.wh[np.minimum(at, len(cloud) - 1)]
        best = np.maximum(best, assign(cloud, spread[:, j : j + 1])[0])
    return np.concatenate([np.stack(fixed + drawn), spread])


def mean_best_iou(cloud: Cloud, anchors_wh: Floats) -> float:
    """The objective: mean over objects of the IoU with their best anchor."""
    return float(score(cloud, assign(cloud, anchors_wh[None])[0])[0])


def by_area(anchors_wh: Floats) -> Floats:
    """Sorted by area, then width."""
    return anchors_wh[np.lexsort([anchors_wh[:, 0], anchors_wh.prod(axis=1)])]
