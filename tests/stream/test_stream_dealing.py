"""Partners are dealt: evenly, uniformly, and never twice while there is another one."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scenes import MOSAICS, stream_of

from datapipe.dataset import Dataset
from datapipe.stream.chance import generator
from datapipe.stream.dealing import deal

counts = st.one_of(st.none(), st.integers(0, 5))


@given(
    st.lists(st.integers(0, 9), min_size=1, max_size=16),
    st.sets(st.integers(10, 60)),
    st.integers(0, 3),
    st.data(),
)
def test_dealing_gives_what_is_wanted_without_needless_repeats(primaries, pool, steps, data):
    wanted = [[data.draw(counts) for _ in range(steps)] for _ in primaries]
    dealt = deal(primaries, sorted(pool), wanted, generator(1, "dealing", 0))
    assert [[None if hand is None else len(hand) for hand in hands] for hands in dealt] == wanted
    everything = set(primaries) | pool
    partners = [number for hands in dealt for hand in hands for number in hand or ()]
    assert set(partners) <= everything
    assert len(set(partners[: len(pool)])) == min(len(pool), len(partners))
    for primary, hands in zip(primaries, dealt, strict=True):
        shown = [primary, *(number for hand in hands for number in hand or ())]
        assert len(set(shown)) == min(len(shown), len(everything))


def test_a_single_picture_is_its_own_partner():
    assert deal([7], [], [[3, None]], generator(1, "dealing", 0)) == [[(7, 7, 7), None]]


def test_partners_are_uniform_over_the_window():
    """Chi-square over 48 cells, 3 slots a deal: beyond 85 once in a thousand; the seed is fixed."""
    times, pool = 2000, range(16, 64)
    for slot in (0, 7, 15):
        found: Counter[int] = Counter()
        for window in range(times):
            dealt = deal(range(16), pool, [[3]] * 16, generator(3, "dealing", window))
            found.update(dealt[slot][0])
        expected = 3 * times / 48
        assert sum((found[i] - expected) ** 2 / expected for i in pool) < 85


def test_every_picture_meets_every_other_about_as_often(pictures: Dataset):
    stream = stream_of(pictures, MOSAICS)
    n, epochs = len(stream), 30
    met = np.zeros((n, n), int)
    for samples in stream._planner.samples(0, n * epochs):
        for sample in samples:
            for partner in sample.shown[1:]:
                met[sample.primary, partner] += 1
    assert (np.diag(met) == 0).all()
    assert (met.sum(axis=1) == 3 * epochs).all()
    off = met[~np.eye(n, dtype=bool)]
    assert 0.8 < off.var() / off.mean() < 1.2  # a Poisson's variance is its mean


def test_a_batch_of_16_mosaics_shows_64_different_pictures(pictures: Dataset):
    stream = stream_of(pictures, MOSAICS + "stream: {window: 64, group: 16}\n")
    dealt = [sample.shown for sample in stream._planner.window(0).samples]
    assert all(len(set().union(*dealt[i : i + 16])) == 64 for i in range(0, 64, 16))
    shown = [
        {tile.picture.number for k in range(i, i + 16) for tile in stream.plan(k).tiles}
        for i in range(0, 64, 16)
    ]
    assert all(len(numbers) >= 60 for numbers in shown)


def test_a_later_group_is_dealt_other_partners(pictures: Dataset):
    stream = stream_of(pictures, MOSAICS)
    hands = [tuple(sample.shown[1:]) for sample in stream._planner.window(0).samples]
    assert len(set(hands)) == 64
