"""Colours that several things share, and the choice among a thing's own."""

from __future__ import annotations

import numpy as np

from .pen import Colour, rgb

WHITE, BLACK, WOOD = rgb("fbfaf5"), rgb("22252b"), rgb("8a5a35")


def pick(rng: np.random.Generator, palettes: tuple[tuple[str, ...], ...]) -> list[Colour]:
    """One palette, each colour a little lighter or darker than written."""
    codes = palettes[rng.integers(len(palettes))]
    return [np.clip(rgb(code) * rng.uniform(0.9, 1.06), 0, 1) for code in codes]
