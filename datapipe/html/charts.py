"""The plots of the report: a part's counts in, SVG out. Nothing here depends on the number of objects."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from datapipe.html.svg import Plot, heat, octave_ticks, round_ticks, safe, short
from datapipe.stats import Part
from datapipe.stats.classes import ClassPart
from datapipe.stats.pictures import ASPECT_REACH, GRID, OCTAVE
from datapipe.stats.remarks import percent

BARS = 48
"""Most bars of a histogram of counts."""
HEAD = 1.12
"""Room over the highest bar for what guides say."""
BUBBLES = 250
"""Most picture sizes drawn."""
SIDE_GUIDES = ((3.0, "8 px"), (5.0, "32 px"), (math.log2(96), "96 px"))


def size_histogram(part: Part, where: str) -> str:
    """Objects by sqrt(area), at the original size (line) and at the input size (bars)."""
    before, after = part.maps.size_original, part.maps.size_input
    low, high = _filled(before + after)
    most = int(max(before.max(initial=0), after.max(initial=0), 1))
    label = f"objects by square root of area, original and at {where}"
    plot = Plot((low / OCTAVE, high / OCTAVE), (0, HEAD * most), label=label)
    plot.axes(
        octave_ticks(low / OCTAVE, high / OCTAVE), round_ticks(most), "square root of area, px", "objects"
    )
    for i in range(low, high):
        if after[i]:
            first, last = (2 ** (x / OCTAVE) for x in (i, i + 1))
            tip = f"{first:.0f} to {last:.0f} px at {where}: {after[i]:,} objects"
            plot.rect((i / OCTAVE, (i + 0.9) / OCTAVE), (0, int(after[i])), "bar", tip)
    for value, text in SIDE_GUIDES:
        plot.guide(value, text)
    steps = [(x / OCTAVE, int(before[i])) for i in range(low, high) for x in (i, i + 1)]
    plot.line([(low / OCTAVE, 0), *steps, (high / OCTAVE, 0)], "step")
    return plot.svg()


def class_ranges(classes: Sequence[ClassPart], where: str) -> str:
    """For each class the percentiles of sqrt(area) at the input size: 5 to 95 thin, 25 to 75 thick."""
    rows = [(one, root) for one in classes if (root := one.sizes.sqrt_area_input)]
    low = min((math.log2(max(root.p5, 0.5)) for _, root in rows), default=0) - 0.3
    high = max((math.log2(max(root.p95, 1)) for _, root in rows), default=1) + 0.3
    height, left = 78 + 20 * len(rows), 24 + 7 * max([1, *(min(18, len(one.name)) for one, _ in rows)])
    label = f"sizes of classes at {where}"
    plot = Plot((low, high), (-0.6, max(1, len(rows))), wh=(560, height), left=left, label=label, down=True)
    plot.axes(octave_ticks(low, high), [], "square root of area, px (percentiles 5, 25, 50, 75, 95)")
    for value, text in SIDE_GUIDES:
        plot.guide(value, text)
    for i, (one, root) in enumerate(rows):
        at = [math.log2(max(value, 0.5)) for value in (root.p5, root.p25, root.p50, root.p75, root.p95)]
        tip = f"{one.name}: {root.p5:.1f}, {root.p25:.1f}, {root.p50:.1f}, {root.p75:.1f}, {root.p95:.1f} px"
        plot.text(plot.left - 8, plot.y(i + 0.62) + 3, _cut(one.name, 18), "label", "end")
        plot.rect((at[0], at[4]), (i + 0.55, i + 0.69), "range", tip)
        plot.rect((at[1], at[3]), (i + 0.35, i + 0.89), "bar", tip)
        middle = plot.x(at[2])
        plot.add(f'<rect class="dot" x="{middle - 1.5}" y="{plot.y(i + 0.3)}" width="3" height="13"/>')
    return plot.svg()


def shapes(part: Part, where: str) -> str:
    """Widths and heights at the input size, on logarithmic axes."""
    counts = part.maps.shape_input
    low, high = _filled(counts.sum(axis=0) + counts.sum(axis=1))
    a, b = low / OCTAVE, high / OCTAVE
    label = f"widths and heights of boxes at {where}"
    plot = Plot((a, b), (a, b), wh=(420, 420), label=label)
    plot.axes(octave_ticks(a, b), octave_ticks(a, b), f"width at {where}, px", "height, px")
    heat(plot, counts[low:high, low:high], a, a, 1 / OCTAVE)
    plot.line([(a, a), (b, b)], "guide")
    for side, text in ((5.0, "32²"), (math.log2(96), "96²")):
        ends = [(max(a, 2 * side - b), min(b, 2 * side - a)), (min(b, 2 * side - a), max(a, 2 * side - b))]
        if ends[0][0] < ends[1][0]:
            plot.line(ends, "guide")
            plot.text(plot.x(ends[0][0]) + 4, plot.y(ends[0][1]) + 12, text, "note", "start")
    return plot.svg()


def aspects(part: Part) -> str:
    """Objects by width / height at the input size."""
    counts = part.maps.aspect_input
    low, high = _filled(counts)
    most = max(1, int(counts.max(initial=0)))
    a, b = (low - ASPECT_REACH) / OCTAVE, (high - ASPECT_REACH) / OCTAVE
    plot = Plot((a, b), (0, HEAD * most), label="objects by width divided by height")
    plot.axes(octave_ticks(a, b), round_ticks(most), "width / height at the input size", "objects")
    for i in range(low, high):
        if counts[i]:
            x = (i - ASPECT_REACH) / OCTAVE
            tip = f"{2**x:.2f} to {2 ** (x + 1 / OCTAVE):.2f}: {counts[i]:,} objects"
            plot.rect((x, x + 0.9 / OCTAVE), (0, int(counts[i])), "bar", tip)
    plot.guide(0, "square")
    return plot.svg()


def centres(part: Part) -> str:
    """Where in their pictures objects are."""
    plot = Plot((0, GRID), (0, GRID), wh=(420, 420), label="centres of boxes in their pictures", down=True)
    plot.axes([(0, "left"), (GRID / 2, "centre"), (GRID, "right")], [(0, "top"), (GRID, "bottom")])
    heat(plot, part.maps.centres, 0, 0, 1)
    plot.frame()
    return plot.svg()


def per_image(part: Part) -> str:
    """Pictures by number of objects."""
    values, counts = part.per_image.histogram.T
    step = max(1, -(-(part.per_image.most + 1) // BARS))
    binned = np.bincount(values // step, counts).astype(np.int64) if len(values) else np.zeros(1, np.int64)
    most = max(1, int(binned.max()))
    plot = Plot((0, len(binned)), (0, most), label="pictures by number of objects")
    ticks = [
        ((value + 0.5 if step == 1 else value / step), text)
        for value, text in round_ticks(step * len(binned), 8)
    ]
    plot.axes(
        [tick for tick in ticks if tick[0] <= len(binned)],
        round_ticks(most),
        "objects in a picture",
        "pictures",
    )
    for i, n in enumerate(binned):
        if n:
            what = f"{i * step}" if step == 1 else f"{i * step} to {(i + 1) * step - 1}"
            plot.rect((i + 0.06, i + 0.94), (0, int(n)), "bar", f"{what} objects: {n:,} pictures")
    return plot.svg()


def image_sizes(part: Part) -> str:
    """Widths and heights of pictures; the more pictures, the larger the disc."""
    distinct = part.image_sizes.distinct[:BUBBLES]
    reach = 1.1 * float(distinct[:, :2].max(initial=1))
    ticks = round_ticks(reach)
    plot = Plot((0, reach), (0, reach), wh=(420, 420), label="widths and heights of pictures")
    plot.axes(ticks, ticks, "picture width, px", "picture height, px")
    plot.line([(0, 0), (reach, reach)], "guide")
    for w, h, n in distinct.tolist():
        radius = 2.5 + 20 * math.sqrt(n / part.images)
        tip = f"<title>{w:,} x {h:,}: {n:,} pictures</title>"
        plot.add(f'<circle class="disc" cx="{plot.x(w)}" cy="{plot.y(h)}" r="{radius:.1f}">{tip}</circle>')
    return plot.svg()


def together(part: Part, chosen: Sequence[int]) -> str:
    """Share of the pictures with the row's class that show the column's class too."""
    images = np.array([one.images for one in part.classes], np.int64)
    matrix = _among(part, images, chosen)
    n, side = len(chosen), max(14, min(34, 420 // max(1, len(chosen))))
    longest = max((min(16, len(part.classes[i].name)) for i in chosen), default=1)
    left, bottom = 24 + 7 * longest, 24 + 6 * longest
    wh = (left + n * side + 14, 14 + n * side + bottom)
    label = "which classes share pictures"
    plot = Plot((0, n), (0, n), wh=wh, left=left, bottom=bottom, label=label, down=True)
    for i, a in enumerate(chosen):
        name = part.classes[a].name
        plot.text(left - 6, plot.y(i + 0.5) + 3.5, _cut(name, 16), "label", "end")
        place = f"translate({plot.x(i + 0.5) + 3} {plot.bottom + 8}) rotate(-60)"
        plot.add(f'<text class="label" text-anchor="end" transform="{place}">{safe(_cut(name, 16))}</text>')
        for j, b in enumerate(chosen):
            both = int(matrix[i, j])
            share = both / max(1, int(images[a]))
            tip = f"{percent(share)} of {short(int(images[a]))} pictures with {_cut(name, 30)} show "
            tip += f"{_cut(part.classes[b].name, 30)} ({both:,})"
            if i == j:
                plot.rect(
                    (j + 0.04, j + 0.96),
                    (i + 0.04, i + 0.96),
                    "self",
                    f"{both:,} pictures with {_cut(name, 30)}",
                )
            else:
                plot.rect((j + 0.04, j + 0.96), (i + 0.04, i + 0.96), "heat", tip, 0.04 + 0.96 * share)
            if side >= 26 and i != j:
                kind = "over" if share > 0.5 else "tick"
                plot.text(plot.x(j + 0.5), plot.y(i + 0.5) + 3.5, f"{100 * share:.0f}", kind)
    return plot.svg()


def _among(part: Part, images: NDArray[np.int64], chosen: Sequence[int]) -> NDArray[np.int64]:
    """Co-occurrence of the chosen classes only: the whole matrix may be large."""
    place = np.full(len(images), -1, np.int64)
    place[list(chosen)] = np.arange(len(chosen))
    made = np.diag(images[list(chosen)])
    a, b, n = part.together.pairs.T
    a, b = place[a], place[b]
    keep = (a >= 0) & (b >= 0)
    made[a[keep], b[keep]] = made[b[keep], a[keep]] = n[keep]
    return made


def _filled(counts: NDArray[np.int64]) -> tuple[int, int]:
    """The bins that hold something, with one more on each side where there is one."""
    filled = np.flatnonzero(counts)
    if not len(filled):
        return 0, len(counts)
    return max(0, int(filled[0]) - 1), min(len(counts), int(filled[-1]) + 2)


def _cut(name: str, limit: int) -> str:
    return name if len(name) <= limit else name[: limit - 1] + "…"
