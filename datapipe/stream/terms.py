"""On what terms a stream runs: everything about it but the dataset and the recipe."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import Literal, get_args

from datapipe.engines import ENGINES
from datapipe.errors import UsageError, did_you_mean

OnDamaged = Literal["stop", "skip"]
Workers = Literal["auto", "threads", "processes"]
PROCESS_MB = 64
"""The least share of `memory_mb` for a process of its own: a window's pictures of 640 px, decoded."""


@dataclass(frozen=True)
class Terms:
    """The arguments of `Stream`, checked; only the first four say which bytes come.

    Raises:
        UsageError: one of them is out of range; says what it may be.
    """

    split: str
    seed: int
    shard: tuple[int, int]
    training: bool
    on_damaged: OnDamaged
    threads: int | None
    memory_mb: float
    engine: str
    workers: Workers = "auto"

    def __post_init__(self) -> None:
        """Check every argument."""
        host, hosts = self.shard
        if not 0 <= self.seed < 2**64:
            raise UsageError(f"seed {self.seed}: want a whole number from 0 to 2^64 - 1")
        if not 0 <= host < hosts:
            raise UsageError(f"shard {self.shard}: want (host, hosts) with 0 <= host < hosts")
        if self.on_damaged not in get_args(OnDamaged):
            allowed = did_you_mean(self.on_damaged, get_args(OnDamaged))
            raise UsageError(f"on_damaged: no {self.on_damaged!r}: {allowed}")
        if self.workers not in get_args(Workers):
            raise UsageError(f"workers: no {self.workers!r}: {did_you_mean(self.workers, get_args(Workers))}")
        if self.cpus < 1 or self.memory_mb <= 0:
            raise UsageError(f"threads {self.threads}, memory_mb {self.memory_mb:g}: both must be above 0")
        if self.engine not in ENGINES:
            raise UsageError(f"engine: no {self.engine!r}: {did_you_mean(self.engine, ENGINES)}")

    @property
    def cpus(self) -> int:
        """How many calls run at a time; by default one for each CPU this process may use."""
        return len(os.sched_getaffinity(0)) if self.threads is None else self.threads

    @property
    def processes(self) -> int:
        """How many processes make batches asked for in a row; 0 for none but this one."""
        if self.workers == "threads" or self.engine != "local":
            return 0
        most = min(self.cpus, int(self.memory_mb // PROCESS_MB))
        return most if most > 1 else 0

    @property
    def of_process(self) -> Terms:
        """The terms on which one of these processes runs the stream."""
        n = self.processes
        return replace(self, threads=max(1, self.cpus // n), memory_mb=self.memory_mb / n, workers="threads")
