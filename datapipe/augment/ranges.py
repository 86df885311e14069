"""What a step draws its numbers from, checked when a recipe is read: shares, spans, colours."""

from __future__ import annotations

from math import isfinite
from typing import Literal

from datapipe.augment.plan import Fill

Span = float | tuple[float, float]
"""A number means plus or minus; two are lowest and highest."""
FillField = int | tuple[int, int, int] | Literal["edge"]
"""A grey, an RGB colour, or "edge"."""


def check(name: str, value: object, lowest: float, highest: float) -> None:
    """A field must be a number in [lowest, highest].

    Raises:
        ValueError: "field value: want ...".
    """
    if not _number(value) or not lowest <= value <= highest:  # type: ignore[operator]
        raise ValueError(f"{name} {value}: want a number from {lowest:g} to {highest:g}")


def check_pair(name: str, value: object, lowest: float, highest: float) -> None:
    """A field must be two rising numbers in [lowest, highest].

    Raises:
        ValueError: "field value: want ...".
    """
    rising = isinstance(value, tuple) and len(value) == 2 and all(map(_number, value))
    if not rising or not lowest <= value[0] <= value[1] <= highest:  # type: ignore[index]
        raise ValueError(
            f"{name} {value}: want lowest and highest, two numbers from {lowest:g} to {highest:g}"
        )


def check_span(name: str, value: object, limit: float) -> None:
    """A field must be a `Span` of which nothing is further than `limit` from 0.

    Raises:
        ValueError: "field value: want ...".
    """
    if isinstance(value, tuple):
        check_pair(name, value, -limit, limit)
    elif not _number(value) or not 0 <= value <= limit:  # type: ignore[operator]
        raise ValueError(f"{name} {value}: want a number from 0 to {limit:g}, or lowest and highest")


def check_whole(name: str, value: object, lowest: int) -> None:
    """A field must be a whole number, `lowest` or above.

    Raises:
        ValueError: "field value: want ...".
    """
    if not isinstance(value, int) or isinstance(value, bool) or value < lowest:
        raise ValueError(f"{name} {value}: want a whole number from {lowest}")


def draw(span: Span, share: float) -> float:
    """The number that lies at a share in [0, 1) of a span. Example: 10 at 0.25 is -5."""
    low, high = span if isinstance(span, tuple) else (-span, span)
    return low + (high - low) * share


def colour(name: str, value: FillField) -> Fill:
    """A fill as the plan wants it. Example: 114 is (114, 114, 114).

    Raises:
        ValueError: neither a grey nor a colour nor "edge".
    """
    if value == "edge":
        return "edge"
    rgb = value if isinstance(value, tuple) else (value, value, value)
    if len(rgb) == 3 and all(
        isinstance(one, int) and not isinstance(one, bool) and 0 <= one <= 255 for one in rgb
    ):
        return rgb
    raise ValueError(f'{name} {value}: want 0 to 255, three of them, or "edge"')


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
