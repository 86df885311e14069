"""The recipe's `stream` section: how samples are dealt to positions."""

from __future__ import annotations

from dataclasses import dataclass

MOST_POSITIONS = 65_536
"""Of a window: it is planned whole, at some 0.3 ms a position, before its first sample."""


@dataclass(frozen=True)
class StreamOptions:
    """How the stream plans and deals.

    window:  positions planned together; a picture is decoded once in it, mixing partners come from it
    group:   positions among which partners are dealt so that a picture shows twice only when slots run out;
             divides window
    repeat_threshold: None, or class-aware repeat factors: a class that is on a smaller share f of the
             pictures than this threshold t has its pictures repeated max(1, sqrt(t / f)) times an epoch, a
             picture as often as its rarest class asks (LVIS, Gupta et al. 2019, arXiv:1908.03195, 4.1;
             there t = 0.001). Example: t = 0.01, f = 0.0025: twice
    """

    window: int = 64
    group: int = 16
    repeat_threshold: float | None = None

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            ValueError: naming the field that is off.
        """
        if not 1 <= self.window <= MOST_POSITIONS:
            raise ValueError(f"window {self.window}: want a whole number from 1 to {MOST_POSITIONS}")
        if self.group < 1 or self.window % self.group:
            raise ValueError(f"group {self.group}: want a divisor of window {self.window}")
        if self.repeat_threshold is not None and not 0 < self.repeat_threshold <= 1:
            raise ValueError(
                f"repeat_threshold {self.repeat_threshold}: want above 0, at most 1, a share of the pictures"
            )
