"""Small steps with every kind of field, as a plugin's module would hold them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol


class Step(Protocol):
    """What a section of steps may hold."""


@dataclass(frozen=True)
class Scales:
    smallest: int = 320
    largest: int = 608


@dataclass(frozen=True)
class Turn:
    degrees: float | tuple[float, float] = 10.0
    fill: int | tuple[int, int, int] | Literal["edge"] = 114
    centre: tuple[float, float] | None = None
    p: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.p <= 1:
            raise ValueError(f"p {self.p}: want 0 to 1")


@dataclass(frozen=True)
class Mirror:
    way: Literal["left", "right"] = "left"
    always: bool = False
    name: str = ""
    scales: Scales = Scales()
    boxes: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True)
class Nest:
    inner: tuple[Step, ...]
    free: Mapping[str, Any] = field(default_factory=dict)
    whatever: tuple[Any, ...] = ()


@dataclass(frozen=True)
class CopyPaste:
    p: float = 0.5


def no_class() -> None:
    """Not a dataclass."""
