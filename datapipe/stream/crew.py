"""The threads that decode and render."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Generic, Protocol, TypeVar, cast

T = TypeVar("T")
Given = TypeVar("Given", covariant=True)


class Coming(Protocol[Given]):
    """The result of a call, now or later; a `Future` is one."""

    def result(self) -> Given:
        """What the call gave; waits for it, raises what it raised."""

    def exception(self) -> BaseException | None:
        """What it raised; waits for its end."""

    def done(self) -> bool:
        """Whether it has ended."""


class Crew:
    """Threads that start with the first call and end with `close`."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self.begin()

    def begin(self) -> None:
        """Without a thread; also in a forked child, which copies locks and pools as they are."""
        self._lock = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None

    def submit(self, function: Callable[..., T], *args: Any) -> Future[T]:
        """Run a call on some thread."""
        with self._lock:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="datapipe")
            return self._pool.submit(function, *args)

    def close(self) -> None:
        """End the threads; waits for calls that run, drops those that wait."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=True, cancel_futures=True)


class Alone:
    """A crew of one: whoever asks, one call at a time.

    To hand a call to another thread and wait for it costs more than it brings.
    """

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Nobody's turn; also in a forked child."""
        self._turn = threading.Lock()

    def submit(self, function: Callable[..., T], *args: Any) -> Ended[T]:
        """Run a call at once."""
        with self._turn:
            try:
                return Ended(function(*args))
            except Exception as error:  # for whoever asks for the result
                return Ended(None, error)

    def close(self) -> None:
        """There is nothing to end."""


class Ended(Generic[T]):
    """A call that has ended: a `Future` without its locks."""

    __slots__ = ("_error", "_given")

    def __init__(self, given: T | None, error: Exception | None = None) -> None:
        self._given, self._error = given, error

    def result(self) -> T:
        """What it gave; raises what it raised."""
        if self._error is not None:
            try:
                raise self._error
            finally:
                del self  # or the error, its traceback, this frame and self would hold one another
        return cast(T, self._given)

    def exception(self) -> Exception | None:
        """What it raised."""
        return self._error

    def done(self) -> bool:
        """True."""
        return True


def settle(futures: Iterable[Coming[Any]]) -> None:
    """Wait until all have ended, those among them that `close` cancelled.

    `concurrent.futures.wait` would wait for these for ever: no worker is left to tell it of them.
    """
    for future in futures:
        with suppress(CancelledError):
            future.exception()


def in_order(calls: Iterator[Callable[[], T]], ahead: int) -> Generator[T]:
    """Results of calls in their order, `ahead` of them being made while one is used.

    Leaving early waits for those that run; no thread is left.
    """
    pool = ThreadPoolExecutor(ahead, thread_name_prefix="datapipe-ahead")
    waiting: list[Future[T]] = []
    try:
        for call in calls:
            waiting.append(pool.submit(call))
            if len(waiting) > ahead:
                yield waiting.pop(0).result()
        while waiting:
            yield waiting.pop(0).result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
