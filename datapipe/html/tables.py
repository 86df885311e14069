"""Tables and bars of the report, as HTML."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from datapipe.html.svg import safe
from datapipe.stats import Part, Statistics
from datapipe.stats.classes import ClassPart
from datapipe.stats.remarks import TINY_SHARE, at, percent
from datapipe.stats.sizes import Bins

OPEN_ROWS = 40
"""Rows of the class table before the rest is folded away."""


def splits(made: Statistics) -> str:
    """One row a split, and one for all."""
    rows = list(made.splits.items())
    if len(rows) != 1:
        rows.append(("all", made.whole))
    heads = ("split", "images", "empty", "objects", "per image", "ignored", "truncated", "left out", "< 8 px")
    body = []
    for name, part in rows:
        tiny = part.share(part.sizes.under_8_px)
        body.append(
            [
                _cell(safe(name)),
                _cell(f"{part.images:,}"),
                _cell(f"{part.per_image.empty:,}"),
                _cell(f"{part.objects:,}"),
                _cell(f"{part.per_image.mean:.1f}"),
                _cell(percent(part.share(part.ignored))),
                _cell(percent(part.share(part.truncated))),
                _cell(f"{part.left_out:,}"),
                _cell(percent(tiny), "warn" if tiny >= TINY_SHARE else ""),
                _cell(bins_bar(part.sizes.input), "wide"),
            ]
        )
    return _table([*heads, f"sizes at {at(made.input_hw)}"], body)


def classes(made: Statistics) -> str:
    """One row a class, the most frequent first; with many classes the rest is folded away."""
    whole = made.whole
    ranked = sorted(whole.classes, key=lambda one: -one.objects)
    most = max([1, *(one.objects for one in ranked)])
    by_split = {name: {one.name: one.objects for one in part.classes} for name, part in made.splits.items()}
    several = by_split if len(by_split) > 1 else {}
    heads = ["class", "objects", "", *map(safe, several), "images", "effective", "median px", "aspect"]
    heads += ["< 8 px", "overlap"]
    body = [_class(one, most, [counts[one.name] for counts in several.values()]) for one in ranked]
    shown = _table(heads, body[:OPEN_ROWS])
    if len(body) > OPEN_ROWS:
        rest = _table(heads, body[OPEN_ROWS:])
        shown += f"<details><summary>{len(body) - OPEN_ROWS:,} more classes</summary>{rest}</details>"
    return shown


def _class(one: ClassPart, most: int, of_splits: Sequence[int]) -> list[str]:
    root, ratio = one.sizes.sqrt_area_input, one.sizes.aspect_input
    tiny = one.sizes.under_8_px / one.objects if one.objects else 0.0
    near = one.overlapping / one.objects if one.objects else 0.0
    return [
        _cell(safe(one.name), title=one.name),
        _cell(f"{one.objects:,}", "warn" if not one.objects else ""),
        _cell(_class_bar(one, most), "wide"),
        *(_cell(f"{n:,}", "warn" if one.objects and not n else "") for n in of_splits),
        _cell(f"{one.images:,}"),
        _cell(f"{one.effective_number:,.0f}"),
        _cell(f"{root.p50:,.0f}" if root else ""),
        _cell(f"{ratio.p50:.2f}" if ratio else ""),
        _cell(percent(tiny) if tiny else "", "warn" if tiny >= TINY_SHARE else ""),
        _cell(percent(near) if near else ""),
    ]


def _class_bar(one: ClassPart, most: int) -> str:
    kept = one.objects - one.ignored
    tip = f"{one.objects:,} objects: {one.crowd:,} crowd, {one.difficult:,} difficult, "
    tip += f"{one.truncated:,} truncated"
    return (
        f'<span class="hbar" title="{tip}"><s class="kept" style="width:{100 * kept / most:.2f}%"></s>'
        f'<s class="ign" style="width:{100 * one.ignored / most:.2f}%"></s></span>'
    )


def bins_bar(bins: Bins, words: bool = False) -> str:
    """A bar of small, medium and large objects; with words if it is high enough."""
    total = max(1, bins.small + bins.medium + bins.large)
    parts = []
    for name, n in vars(bins).items():
        share = n / total
        text = percent(share) if words and share >= 0.06 else ""
        tip = f"{name}: {n:,} ({percent(share)})"
        parts.append(f'<s class="{name}" style="width:{100 * share:.2f}%" title="{tip}">{text}</s>')
    return f'<span class="hbar">{"".join(parts)}</span>'


def bins_stack(part: Part, where: str) -> str:
    """The bins at both sizes, one above the other."""
    small, medium, large = (
        f'<span><em class="{name}"></em>{text}</span>'
        for name, text in (
            ("small", "small, area below 32²"),
            ("medium", "medium, 32² to 96²"),
            ("large", "large, above 96²"),
        )
    )
    return (
        f'<div class="stack"><span>original</span>{bins_bar(part.sizes.original, True)}'
        f"<span>at {where}</span>{bins_bar(part.sizes.input, True)}</div>"
        f'<div class="key">{small}{medium}{large}</div>'
    )


def tiles(part: Part) -> str:
    """The first figures, large."""
    root = part.sizes.sqrt_area_input
    shown = (
        (f"{part.images:,}", "images"),
        (f"{part.objects:,}", "objects"),
        (f"{len(part.classes):,}", "classes"),
        (f"{part.per_image.mean:.1f}", "objects per image"),
        (f"{part.per_image.empty:,}", "empty images"),
        (f"{root.p50:,.0f} px" if root else "–", "median object at the input"),
        (percent(part.share(part.sizes.under_8_px)), "under 8 px at the input"),
        (percent(part.share(part.ignored)), "crowd or difficult"),
    )
    return "".join(f'<div class="tile"><b>{value}</b><span>{name}</span></div>' for value, name in shown)


def facts(rows: Iterable[tuple[str, str]]) -> str:
    """Names and values side by side; both must be escaped."""
    return _table([], [[_cell(name), _cell(value)] for name, value in rows])


def _cell(content: str, kind: str = "", title: str = "") -> str:
    about = f' class="{kind}"' if kind else ""
    about += f' title="{safe(title, 200)}"' if title else ""
    return f"<td{about}>{content}</td>"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th>{text}</th>" for text in heads).replace("<th>sizes", '<th class="wide">sizes')
    top = f"<thead><tr>{head}</tr></thead>" if heads else ""
    body = "".join(f"<tr>{''.join(cells)}</tr>" for cells in rows)
    return f'<div class="scroll"><table>{top}<tbody>{body}</tbody></table></div>'
