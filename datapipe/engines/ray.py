"""Mapping a pure function over specs with a Ray cluster. The only file that imports ray.

Lost tasks are retried by Ray; that is harmless, because a spec gives the same bytes wherever it runs. The
cluster is the one that RAY_ADDRESS names, else one of this machine. All hosts must see the same files.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from types import TracebackType
from typing import Any

from datapipe.errors import EnvironmentProblem

_IN_FLIGHT = 64
"""Specs handed out at a time: they hold a shard's annotations each."""


class RayEngine:
    """Tasks on a Ray cluster."""

    def __init__(self, function: str) -> None:
        """Connect, or start a cluster of this machine.

        Raises:
            EnvironmentProblem: ray is not installed.
        """
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        try:
            import ray
        except ImportError:
            raise EnvironmentProblem("--engine ray needs Ray: pip install 'datapipe[ray]'") from None
        module, _, name = function.partition(":")
        self._ray, self._owned = ray, not ray.is_initialized()
        if self._owned:
            ray.init(log_to_driver=False, include_dashboard=False)
        self._task = ray.remote(num_cpus=1, max_retries=3)(getattr(import_module(module), name))

    def __enter__(self) -> RayEngine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        if self._owned:
            self._ray.shutdown()

    def in_order(self, specs: Iterable[Any], ahead: int) -> Iterator[Any]:
        """Yield the reports in the order of the specs, `ahead` of them being made; lost ones are made again.

        Whoever finishes first, order is that of submission: then a dead node changes the waiting time and
        nothing else.
        """
        task = self._task.options(scheduling_strategy="SPREAD")
        waiting: deque[Any] = deque()
        todo = iter(specs)
        while True:
            while len(waiting) <= ahead and (spec := next(todo, None)) is not None:
                waiting.append(task.remote(spec))
            if not waiting:
                return
            try:
                report = self._ray.get(waiting.popleft())
            except self._ray.exceptions.RayTaskError as error:
                raise error.cause from None
            yield report

    def map(self, specs: Iterable[Any], advance: Callable[[int], None]) -> Iterator[Any]:
        """Yield the reports as they come; progress advances a shard at a time."""
        waiting: dict[Any, int] = {}
        todo = iter(specs)
        while True:
            while len(waiting) < _IN_FLIGHT and (spec := next(todo, None)) is not None:
                waiting[self._task.remote(spec)] = len(spec.annotations)
            if not waiting:
                return
            done, _ = self._ray.wait(list(waiting), num_returns=1)
            try:
                report = self._ray.get(done[0])
            except self._ray.exceptions.RayTaskError as error:
                raise error.cause from None
            advance(waiting.pop(done[0]))
            yield report
