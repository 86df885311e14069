"""Which image goes into which shard, and in which order: decided before anything is written.

Per split the images are shuffled once by the seed and dealt to shards as evenly in bytes as whole records
allow: largest first, each to the shard with the fewest bytes so far (longest-processing-time rule). Within a
shard they stand in shuffled order.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from datapipe import splits
from datapipe.dataset import ordered, shard_name
from datapipe.errors import InputError
from datapipe.findings import codes, tally
from datapipe.formats.annotations import Annotations
from datapipe.images.check import Depth
from datapipe.shards import ShardSpec

LARGEST, SMALLEST, PARALLEL = 256 << 20, 16 << 20, 16
"""Without options: at most 256 MiB a shard, and at least 16 shards a split as long as each keeps 16 MiB, so
that workers and training hosts have something to share."""

RECORD, OBJECT = 700, 50
"""Bytes that a record and each of its objects take beside the picture, about: polygons are not counted."""


@dataclass(frozen=True, eq=False)
class ShardPlan:
    """All shards of an ingest.

    names: shards in order, split by split
    about: (split, number in it) of each shard
    order: (N,) image rows, shard after shard; bounds: (S + 1,) where each shard starts in it
    """

    annotations: Annotations
    names: tuple[str, ...]
    about: tuple[tuple[str, int], ...]
    order: NDArray[np.int64]
    bounds: NDArray[np.int64]

    @cached_property
    def _number(self) -> dict[str, int]:
        return {name: number for number, name in enumerate(self.names)}

    def images(self, name: str) -> NDArray[np.int64]:
        """A shard's image rows, in the order of its records."""
        shard = self._number[name]
        return self.order[self.bounds[shard] : self.bounds[shard + 1]]

    def spec(self, name: str, work: str, depth: Depth) -> ShardSpec:
        """What a worker needs to write a shard."""
        split, number = self.about[self._number[name]]
        return ShardSpec(name, split, number, work, self.annotations.take(self.images(name)), depth)


def plan_shards(
    annotations: Annotations, split: str, seed: int, shard_size: int | None, shard_count: int | None
) -> ShardPlan:
    """Deal images to splits and shards.

    Args:
        annotations: what was read.
        split: "" for the source's splits, else fractions ("train=0.8,val=0.2").
        seed: of the shuffle.
        shard_size: bytes a shard should not exceed, None for the default rule.
        shard_count: shards of every split, None to follow the size.

    Raises:
        InputError: there is no image to write.
    """
    if not len(annotations):
        raise InputError(_nothing(annotations))
    if split:
        dealt = splits.assign(annotations.image_id, splits.parse(split))
        annotations = replace(annotations, split=dealt)
    of = np.array(annotations.split, dtype=object)
    nbytes = annotations.nbytes + RECORD + OBJECT * np.diff(annotations.row_start)
    names: list[str] = []
    about: list[tuple[str, int]] = []
    rows: list[NDArray[np.int64]] = []
    for number, name in enumerate(ordered(annotations.split)):
        images = np.flatnonzero(of == name)
        shuffled = images[np.random.default_rng([seed, number]).permutation(len(images))]
        sizes = nbytes[shuffled]
        count = min(len(images), shard_count or _count(int(sizes.sum()), shard_size))
        for shard, members in enumerate(deal(sizes, count)):
            names.append(shard_name(name, shard, count))
            about.append((name, shard))
            rows.append(shuffled[members])
    bounds = np.cumsum([0, *(len(members) for members in rows)])
    return ShardPlan(annotations, tuple(names), tuple(about), np.concatenate(rows), bounds)


def _count(nbytes: int, shard_size: int | None) -> int:
    if shard_size is not None:
        return max(1, -(-nbytes // shard_size))
    return max(1, -(-nbytes // LARGEST), min(PARALLEL, nbytes // SMALLEST))


def deal(sizes: Sequence[int] | NDArray[np.int64], shards: int) -> list[NDArray[np.int64]]:
    """Deal items to shards evenly.

    Args:
        sizes: (N,) bytes, in shuffled order.
        shards: how many.

    Returns:
        For each shard the positions of its items, ascending. Example: sizes 5 4 3 3 over two shards:
        [0, 3] and [1, 2], 8 and 7 bytes.
    """
    weights = np.asarray(sizes)
    heap = [(0, 0, shard) for shard in range(shards)]
    members: list[list[int]] = [[] for _ in range(shards)]
    for item in np.argsort(-weights, kind="stable"):
        nbytes, records, shard = heapq.heappop(heap)
        members[shard].append(int(item))
        heapq.heappush(heap, (nbytes + int(weights[item]), records + 1, shard))
    return [np.array(sorted(items), np.int64) for items in members]


def _nothing(annotations: Annotations) -> str:
    lost = [f"{n} {codes()[code]}" for (code, _), n in tally(annotations.findings).most_common(4)]
    where = ", ".join(dict.fromkeys(source.root for source in annotations.sources))
    first = next((f": the first {f.image or f.value}" for f in annotations.findings if f.code == "DP201"), "")
    missing = (
        f"{first}; give the folder above, or say where the pictures are (COCO: --images DIR)" if first else ""
    )
    told = ", ".join(lost) or "nothing is listed"
    return f"{where}: none of {annotations.images_read} images is usable: {told}{missing}"
