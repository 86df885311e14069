"""Functions that workers of test_local.py call; a module of its own, because workers import it by name."""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import Any


def square(spec: int, advance: Any) -> int:
    print("a library that prints")
    sys.stdout.flush()
    for _ in range(spec % 3):
        advance(1)
    return spec * spec


def refuse(spec: int, advance: Any) -> int:
    if spec == 3:
        raise KeyError(f"spec {spec}")
    return spec


def own_error(spec: int, advance: Any) -> int:
    from datapipe.images.probe import ImageProblem

    raise ImageProblem("DP206", "cut")


def unpicklable(spec: int, advance: Any) -> Any:
    return lambda: spec


def size_of(spec: bytes, advance: Any) -> int:
    return len(spec)


def die(spec: int, advance: Any) -> int:
    if spec == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.05)
    return spec


def leave(spec: int, advance: Any) -> int:
    os._exit(7)


def sleep(spec: float, advance: Any) -> int:
    time.sleep(spec)
    return os.getpid()


class Unreadable:
    """Can be sent and not be read."""

    def __reduce__(self) -> Any:
        return (int, ("not a number",))
