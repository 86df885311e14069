"""Plots as small inline SVG: colours come from the page's style sheet, so they follow light and dark."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

from datapipe.errors import printable

Tick = tuple[float, str]
"""Where (in the plot's units) and what it says."""


def safe(text: object, limit: int = 60) -> str:
    """A name from outside as HTML text or attribute: no markup, no control characters, no endless line."""
    return escape(printable(text, limit))


class Plot:
    """A plot under construction: a frame with axes, and what is drawn into it.

    Data coordinates run over x_range and y_range; y grows upwards unless `down`.
    """

    def __init__(
        self,
        x_range: tuple[float, float],
        y_range: tuple[float, float],
        *,
        wh: tuple[int, int] = (560, 260),
        left: int = 46,
        bottom: int = 40,
        label: str = "",
        down: bool = False,
    ) -> None:
        self._x, self._y, self._down = x_range, y_range, down
        self._wh, self._label = wh, label
        self.left, self.top, self.right, self.bottom = left, 14, wh[0] - 14, wh[1] - bottom
        self._parts: list[str] = []

    def x(self, value: float) -> float:
        """Horizontal place of a value in px."""
        low, high = self._x
        return round(self.left + (value - low) / ((high - low) or 1) * (self.right - self.left), 1)

    def y(self, value: float) -> float:
        """Vertical place of a value in px."""
        low, high = self._y
        share = (value - low) / ((high - low) or 1)
        return round(self.top + (share if self._down else 1 - share) * (self.bottom - self.top), 1)

    def add(self, svg: str) -> None:
        """Draw something; what it says must be escaped."""
        self._parts.append(svg)

    def rect(
        self, x: tuple[float, float], y: tuple[float, float], kind: str, tip: str = "", ink: float = 1
    ) -> None:
        """A filled rectangle in data coordinates with a tooltip; ink is its opacity."""
        left, right = sorted((self.x(x[0]), self.x(x[1])))
        top, bottom = sorted((self.y(y[0]), self.y(y[1])))
        title = f"<title>{safe(tip, 200)}</title>" if tip else ""
        faint = f' fill-opacity="{ink:.2f}"' if ink < 1 else ""
        size = f'x="{left}" y="{top}" width="{right - left:.1f}" height="{bottom - top:.1f}"'
        self.add(f'<rect class="{kind}" {size}{faint}>{title}</rect>')

    def line(self, points: Sequence[tuple[float, float]], kind: str) -> None:
        """A polyline in data coordinates."""
        path = " ".join(f"{self.x(x)},{self.y(y)}" for x, y in points)
        self.add(f'<polyline class="{kind}" points="{path}"/>')

    def frame(self) -> None:
        """An outline around everything."""
        size = f'width="{self.right - self.left}" height="{self.bottom - self.top}"'
        self.add(f'<rect class="frame" x="{self.left}" y="{self.top}" {size}/>')

    def text(self, x: float, y: float, text: str, kind: str = "tick", anchor: str = "middle") -> None:
        """Text at a place in px of the plot."""
        self.add(f'<text class="{kind}" x="{x}" y="{y}" text-anchor="{anchor}">{safe(text, 120)}</text>')

    def guide(self, x: float, text: str) -> None:
        """A dashed vertical line with a word at its top."""
        if min(self._x) <= x <= max(self._x):
            self.line([(x, self._y[0]), (x, self._y[1])], "guide")
            self.text(self.x(x) + 3, self.top + 9, text, "note", "start")

    def axes(
        self, x_ticks: Sequence[Tick], y_ticks: Sequence[Tick], x_name: str = "", y_name: str = ""
    ) -> None:
        """Ticks with grid lines, and what the axes measure."""
        for value, text in y_ticks:
            self.line([(self._x[0], value), (self._x[1], value)], "grid")
            self.text(self.left - 6, self.y(value) + 3.5, text, anchor="end")
        for value, text in x_ticks:
            self.add(
                f'<line class="axis" x1="{self.x(value)}" x2="{self.x(value)}" '
                f'y1="{self.bottom}" y2="{self.bottom + 4}"/>'
            )
            self.text(self.x(value), self.bottom + 16, text)
        self.add(
            f'<line class="axis" x1="{self.left}" x2="{self.right}" y1="{self.bottom}" y2="{self.bottom}"/>'
        )
        if x_name:
            self.text((self.left + self.right) / 2, self.bottom + 33, x_name, "name")
        if y_name:
            middle = (self.top + self.bottom) / 2
            self.add(
                f'<text class="name" text-anchor="middle" transform="translate(12 {middle}) rotate(-90)">'
                f"{safe(y_name)}</text>"
            )

    def svg(self) -> str:
        """The finished plot, with its description for those who cannot see it."""
        w, h = self._wh
        described = f'role="img" aria-label="{safe(self._label, 200)}"'
        room = f'viewBox="0 0 {w} {h}" style="max-width:{round(1.15 * w)}px"'
        return f'<svg class="plot" {room} {described}>{"".join(self._parts)}</svg>'


def heat(
    plot: Plot, counts: NDArray[np.int64], x0: float, y0: float, cell: float, what: str = "objects"
) -> None:
    """Fill a grid of cells, the fuller the stronger (by the square root, so that few still show).

    Args:
        plot: where to draw.
        counts: (rows, columns).
        x0: left edge of column 0 in data coordinates.
        y0: edge of row 0 in data coordinates.
        cell: side of a cell in data coordinates.
        what: is counted.
    """
    most = max(1, int(counts.max(initial=0)))
    for row, column in zip(*np.nonzero(counts), strict=True):
        n = int(counts[row, column])
        x, y = x0 + cell * int(column), y0 + cell * int(row)
        plot.rect((x, x + cell), (y, y + cell), "heat", f"{n:,} {what}", 0.1 + 0.9 * float(np.sqrt(n / most)))


def round_ticks(most: float, wanted: int = 4) -> list[Tick]:
    """Ticks at round numbers from 0 up to `most`. Example: 950 gives 0, 200, 400, 600, 800."""
    step = 10 ** np.floor(np.log10(max(most, 1) / wanted)) if most > wanted else 1.0
    step *= next(factor for factor in (1, 2, 5, 10, 20) if most / (step * factor) <= wanted + 1)
    return [(float(value), short(value)) for value in np.arange(0, most + step * 1e-6, step)]


def octave_ticks(low: float, high: float) -> list[Tick]:
    """Ticks at powers of two between two values of log2, every one or two octaves."""
    first, last = int(np.ceil(low)), int(np.floor(high))
    step = 2 if last - first > 9 else 1
    return [(float(i), power(i)) for i in range(first, last + 1, step)]


def power(i: int) -> str:
    """2 to the i in words. Example: 3 is "8", -2 is "1/4"."""
    return f"{2**i:,}" if i >= 0 else f"1/{2**-i}"


def short(n: float) -> str:
    """A count that fits beside a tick. Example: 12000 is "12k"."""
    for unit, size in (("M", 1e6), ("k", 1e3)):
        if n >= size:
            return f"{n / size:.1f}".removesuffix(".0") + unit
    return f"{n:g}"
