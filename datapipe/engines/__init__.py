"""Engines map a pure function over specs: processes of this machine, or a Ray cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import Any, Protocol

from datapipe.errors import UsageError, did_you_mean

ENGINES = ("local", "ray")


class Engine(Protocol):
    """Calls one function on many specs, somewhere."""

    def map(self, specs: Iterable[Any], advance: Callable[[int], None]) -> Iterator[Any]:
        """Yield the reports as they come, in no particular order."""
        ...


def start(name: str, function: str, workers: int) -> AbstractContextManager[Engine]:
    """Start an engine.

    Args:
        name: one of `ENGINES`.
        function: "module:name" of a function (spec, advance) -> report.
        workers: processes of the local engine.

    Raises:
        UsageError: no such engine. EnvironmentProblem: its package is not installed.
    """
    if name == "local":
        from datapipe.engines.local import LocalEngine

        return LocalEngine(function, workers)
    if name == "ray":
        from datapipe.engines.ray import RayEngine

        return RayEngine(function)
    raise UsageError(f"--engine {name}: {did_you_mean(name, ENGINES)}")
