"""What a planted defect is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any


@dataclass(frozen=True)
class Defect:
    """One way to spoil a clean source.

    name:   a few words
    format: whose source it goes into
    code:   what must be told of it; "" for an oddity that is legal and must not be told
    plant:  spoils the source and notes in it what must come of that; raises `mini.NoRoom` for want of a place
    """

    name: str
    format: str
    code: str
    plant: Callable[[Any, Random], None]

    def __str__(self) -> str:
        return f"{self.format}: {self.name}" + (f" {self.code}" if self.code else "")

    def __repr__(self) -> str:
        return str(self)
