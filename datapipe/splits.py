"""Dealing images to splits by fractions, stably: adding pictures moves none of the old ones."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

from datapipe.errors import UsageError


def parse(text: str) -> dict[str, float]:
    """Read "train=0.8,val=0.2".

    Raises:
        UsageError: a part is not name=fraction, a name repeats, or the fractions do not add up to 1.
    """
    fractions: dict[str, float] = {}
    for part in text.split(","):
        name, _, number = part.strip().partition("=")
        try:
            fraction = float(number)
        except ValueError:
            fraction = -1.0
        if not name.isidentifier() or not 0 < fraction <= 1 or name in fractions:
            raise UsageError(
                f"--split {text!r}: {part.strip()!r} is not name=fraction (like train=0.8,val=0.2)"
            )
        fractions[name] = fraction
    if abs(sum(fractions.values()) - 1) > 1e-6:
        raise UsageError(f"--split {text!r}: the fractions add up to {sum(fractions.values()):g}, not 1")
    return fractions


def assign(image_ids: Iterable[str], fractions: Mapping[str, float]) -> list[str]:
    """Give each image a split by a hash of its id alone.

    Args:
        image_ids: unique ids.
        fractions: name -> share, adding up to 1. Shares are met on average, not exactly: that is the price of
            an image never moving when others come or go.
    """
    names = list(fractions)
    bounds = [sum(list(fractions.values())[: i + 1]) for i in range(len(names))]

    def of(image_id: str) -> str:
        point = (
            int.from_bytes(hashlib.sha256(image_id.encode("utf-8", "surrogatepass")).digest()[:8], "big")
            / 2**64
        )
        return next((name for name, bound in zip(names, bounds, strict=True) if point < bound), names[-1])

    return [of(image_id) for image_id in image_ids]
