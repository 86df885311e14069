"""Many sets of k anchors improved at once on the true objective: the mean best IoU of all objects.

`R` sets are worked on together as arrays (R, k, 2), so that a restart costs no Python.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from datapipe.anchors.cloud import Cloud, Floats

Owners = NDArray[np.int64]


def assign(cloud: Cloud, centres: Floats) -> tuple[Floats, Owners]:
    """Best IoU of every point in every set, and which centre gives it.

    Args:
        cloud: N points.
        centres: (R, k, 2) px.

    Returns:
        (R, N) IoU and (R, N) number of the centre; of equals the first.
    """
    w, h = np.ascontiguousarray(cloud.wh.T)
    area = w * h
    best = np.full((len(centres), len(cloud)), -1.0)
    owner = np.zeros(best.shape, np.int64)
    shared, high = np.empty_like(best), np.empty_like(best)
    for j in range(centres.shape[1]):
        a, b = centres[:, j, :1], centres[:, j, 1:]
        np.minimum(w, a, out=shared)
        np.minimum(h, b, out=high)
        shared *= high
        np.add(area, a * b, out=high)
        high -= shared
        shared /= high
        np.copyto(owner, j, where=shared > best)
        np.maximum(best, shared, out=best)
    return best, owner


def score(cloud: Cloud, best: Floats) -> Floats:
    """(R,) mean best IoU of each set."""
    means: Floats = best @ cloud.weight / cloud.weight.sum()
    return means


def mean_update(cloud: Cloud, centres: Floats, owner: Owners) -> Floats:
    """Move each centre to the mean of its points (darknet); one without points stays."""
    sets, k, _ = centres.shape
    key = _keys(owner, k)
    total = _sums(key, np.broadcast_to(cloud.weight, owner.shape), sets, k)
    moved = [
        _sums(key, np.broadcast_to(cloud.weight * cloud.wh[:, axis], owner.shape), sets, k) for axis in (0, 1)
    ]
    means = np.stack(moved, axis=-1) / np.maximum(total, 1e-12)[..., None]
    return np.where(total[..., None] > 0, means, centres)


def median_update(cloud: Cloud, centres: Floats, owner: Owners) -> Floats:
    """Move each centre to the weighted median of its points, per side; one without points stays."""
    sets, k, _ = centres.shape
    moved = centres.copy()
    for axis in (0, 1):
        order = np.argsort(cloud.wh[:, axis], kind="stable")
        key = _keys(owner[:, order], k).ravel()
        grouped = np.argsort(key.astype(np.uint16) if sets * k < 2**16 else key, kind="stable")
        weight = np.tile(cloud.weight[order], sets)[grouped]
        value = np.tile(cloud.wh[order, axis], sets)[grouped]
        running = np.cumsum(weight)
        counts = np.bincount(key, minlength=sets * k)
        ends = np.cumsum(counts)
        some = counts > 0
        low = np.where(ends > counts, running[ends - counts - 1], 0.0)
        middle = (low + running[ends - 1]) / 2
        place = np.minimum(np.searchsorted(running, middle), len(running) - 1)
        flat = moved[..., axis].ravel()
        flat[some] = value[place[some]]
        moved[..., axis] = flat.reshape(sets, k)
    return moved


def climb(cloud: Cloud, centres: Floats, steps: int, first: float = 0.1) -> tuple[Floats, Floats]:
    """Follow the sign of the gradient of the mean best IoU over log sides, with a step for each coordinate.

    With I = shared area, U = union, A = w h of the object, B = a b of the anchor,
    d IoU / d ln a is I A / U² where a < w, and -I B / U² where a > w. The objective has a kink at every
    object's side, so only the sign is used: steps grow by 1.2 while it stays, halve when it flips (Rprop).

    Args:
        cloud: the points.
        centres: (R, k, 2) px to start from.
        steps: how many moves.
        first: the first step, in ln px.

    Returns:
        The best sets met on the way (R, k, 2), never worse than the start, and their (R,) mean best IoU.
    """
    sets, k, _ = centres.shape
    w, h = np.ascontiguousarray(cloud.wh.T)
    area = w * h
    here, top, most = np.log(centres), centres.copy(), np.full(sets, -1.0)
    step, last = np.full(centres.shape, first), np.zeros(centres.shape)
    row = np.arange(sets)[:, None]
    for turn in range(steps + 1):
        sides = np.exp(here) if turn else centres
        best, owner = assign(cloud, sides)
        mean = score(cloud, best)
        better = mean > most
        most[better], top[better] = mean[better], sides[better]
        if turn == steps:
            break
        a, b = sides[row, owner, 0], sides[row, owner, 1]
        anchor = a * b
        union = (area + anchor) / (1 + best)
        pull = cloud.weight * best / union
        grow, shrink = pull * area, -pull * anchor
        key = _keys(owner, k)
        slope = np.stack(
            [
                _sums(key, np.where(a < w, grow, shrink), sets, k),
                _sums(key, np.where(b < h, grow, shrink), sets, k),
            ],
            axis=-1,
        )
        sign = np.sign(slope)
        agree = sign * last
        step *= np.where(agree > 0, 1.2, np.where(agree < 0, 0.5, 1.0))
        np.minimum(step, 0.5, out=step)
        here = np.log(sides) + sign * step
        last = sign
    return top, most


def swaps(cloud: Cloud, centres: Floats, tries: int, rng: np.random.Generator) -> Floats:
    """Variants with one centre taken away and set down on a badly covered object.

    Args:
        cloud: the points.
        centres: (k, 2) px.
        tries: how many variants.
        rng: the chance; centres whose loss costs little go more often, objects that miss more draw more.

    Returns:
        (tries, k, 2).
    """
    k = len(centres)
    best, owner = (part[0] for part in assign(cloud, centres[None]))
    loss = np.zeros(k)
    for j in range(k if k > 1 else 0):
        mine = owner == j
        others = np.delete(centres, j, axis=0)
        part = Cloud(cloud.wh[mine], cloud.weight[mine])
        second = assign(part, others[None])[0][0]
        loss[j] = (part.weight * (best[mine] - second)).sum()
    cheap = np.argsort(loss, kind="stable")
    out = cheap[(k * rng.random(tries) ** 2).astype(np.int64)]
    missing = cloud.weight * (1 - best) + 1e-12
    into = rng.choice(len(cloud), size=tries, p=missing / missing.sum())
    variants = np.tile(centres, (tries, 1, 1))
    variants[np.arange(tries), out] = cloud.wh[into]
    return variants


def settle(cloud: Cloud, centres: Floats, sweeps: int = 3, near: int = 4) -> Floats:
    """Coordinate search to the end: every side tries the nearest objects' sides and small steps, exactly.

    Args:
        cloud: the points.
        centres: (k, 2) px.
        sweeps: most rounds over all sides; ends at the first without a gain.
        near: object sides tried on either hand.

    Returns:
        (k, 2), never worse.
    """
    found = centres.copy()
    factors = 1 + np.array([1e-2, 3e-3, 1e-3, 1e-4]) * np.array([[1], [-1]])
    for _ in range(sweeps):
        gained = False
        for j in range(len(found)):
            others = np.delete(found, j, axis=0)
            floor = assign(cloud, others[None])[0][0] if len(others) else np.zeros(len(cloud))
            mine = np.flatnonzero(assign(cloud, found[None, j : j + 1])[0][0] * 1.05 >= floor)
            part = Cloud(cloud.wh[mine], cloud.weight[mine])
            if not len(part):
                continue
            for axis in (0, 1):
                sides = np.unique(part.wh[:, axis])
                at = int(np.searchsorted(sides, found[j, axis]))
                values = np.concatenate(
                    [[found[j, axis]], sides[max(at - near, 0) : at + near], found[j, axis] * factors.ravel()]
                )
                tried = np.repeat(found[None, j : j + 1], len(values), axis=0)
                tried[:, 0, axis] = values
                gain = np.maximum(assign(part, tried)[0], floor[mine]) @ part.weight
                if gain.max() > gain[0] * (1 + 1e-12):
                    found[j, axis], gained = values[int(gain.argmax())], True
        if not gained:
            break
    before, after = score(cloud, assign(cloud, np.stack([centres, found]))[0])
    return found if after >= before else centres


def _keys(owner: Owners, k: int) -> Owners:
    keys: Owners = owner + k * np.arange(len(owner))[:, None]
    return keys


def _sums(key: Owners, values: NDArray[np.float64], sets: int, k: int) -> Floats:
    sums: Floats = np.bincount(key.ravel(), values.ravel(), minlength=sets * k).astype(np.float64)
    return sums.reshape(sets, k)
