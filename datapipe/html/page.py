"""The report: sections in the order in which a person asks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from datapipe.dataset import Dataset
from datapipe.html import charts, tables
from datapipe.html.gallery import CLASSES_SHOWN, PER_CLASS, Gallery
from datapipe.html.ledger import Group, read_findings, rows_of
from datapipe.html.style import CSS, HATCH
from datapipe.html.svg import safe
from datapipe.progress import Progress, silent
from datapipe.shards import write_bytes
from datapipe.stats import Part, Statistics, remarks
from datapipe.stats.classes import ClassPart
from datapipe.stats.overlap import THRESHOLD
from datapipe.stats.remarks import at, percent
from datapipe.version import VERSION

RANGES, MATRIX = 40, 24
"""Most classes in the plot of sizes and in the matrix: the most frequent."""

SECTIONS = (
    ("splits", "Splits"),
    ("classes", "Classes"),
    ("sizes", "Object sizes"),
    ("places", "Places and pictures"),
    ("neighbours", "Neighbours"),
    ("findings", "Findings"),
    ("examples", "Examples"),
)

INTRO = {
    "splits": "How the pictures are dealt, and whether the parts look alike.",
    "classes": "Objects by class. The effective number (Cui et al. 2019) says what many objects are worth "
    "beside few; median size and aspect (width / height) are at the input size.",
    "sizes": "This is what the detector gets to see. Areas are the mask's where the source gives one, else "
    "the box's; bins are COCO's: small &lt; 32² ≤ medium ≤ 96² &lt; large.",
    "places": "Where objects are, how many a picture holds, and what the pictures are like.",
    "neighbours": "Which classes share pictures, and which objects stand in each other's way.",
    "findings": "What ingest found in the source and what it did about it; findings.jsonl lists every one.",
    "examples": "A small, a typical and a large object of each class. Objects of the class are in its "
    "colour, others faint, crowd and difficult ones dashed, left-out places hatched.",
}
"""What each section is about, as HTML."""


def write(statistics: Statistics, dataset: Dataset, path: str | Path, progress: Progress = silent) -> None:
    """Write statistics as one HTML file that needs nothing else: no network, no script.

    Args:
        statistics: what `summarize` made of the dataset.
        dataset: for example pictures and findings.
        path: file to write; appears only when it is whole.
        progress: who wants to know.

    Raises:
        RecordError: an example picture cannot be read. InputError: findings.jsonl cannot.
        EnvironmentProblem: the file cannot be written.
    """
    write_bytes(path, page(statistics, dataset, progress).encode())


def page(statistics: Statistics, dataset: Dataset, progress: Progress = silent) -> str:
    """The report as text, below about 5 MB however large the dataset is."""
    whole, name = statistics.whole, safe(dataset.folder.resolve().name)
    gallery, groups = Gallery(dataset), read_findings(dataset.folder)
    bodies = {
        "splits": f'<div class="card">{tables.splits(statistics)}</div>',
        "classes": _classes(statistics),
        "sizes": _sizes(statistics),
        "places": _places(whole),
        "neighbours": _neighbours(whole),
        "findings": _findings(groups, gallery, dataset, progress),
        "examples": _examples(statistics, gallery, dataset, progress),
    }
    intro = INTRO | {"sizes": f"Pictures resized to {_input(statistics)}. {INTRO['sizes']}"}
    sections = "".join(
        f'<section id="{key}"><h2>{title}</h2><p class="dim">{intro[key]}</p>{bodies[key]}</section>'
        for key, title in SECTIONS
    )
    links = "".join(f'<a href="#{key}">{title}</a>' for key, title in SECTIONS)
    split = f", split {safe(statistics.split)}" if statistics.split is not None else ""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{name}: statistics</title><style>{CSS}</style></head><body>{HATCH}"
        f'<header><div><h1>{name}</h1><div class="dim">Dataset statistics{split}, input '
        f"{_input(statistics)}</div>"
        f'<nav>{links}</nav></div></header><main><div class="tiles">{tables.tiles(whole)}</div>'
        f"{_remarks(statistics)}{sections}<footer>datapipe {safe(VERSION)}, dataset identity "
        f"<code>{dataset.identity[:16]}</code>. Every figure counts ignored objects too, but for the overlap."
        "</footer></main></body></html>\n"
    )


def _input(statistics: Statistics) -> str:
    height, width = statistics.input_hw
    return f"{width} x {height} by {safe(statistics.resize)}"


def _remarks(statistics: Statistics) -> str:
    items = []
    for remark in remarks(statistics):
        text = re.sub(r"`([^`]*)`", r"<code>\1</code>", safe(remark.text, 1000))
        items.append(f"<li{' class=warns' if remark.warns else ''}>{text}</li>")
    return f'<ul class="remarks">{"".join(items)}</ul>'


def _card(title: str, body: str, below: str = "") -> str:
    return f'<div class="card"><h3>{title}</h3>{body}{below}</div>'


def _pair(*cards: str) -> str:
    """Two columns on a wide screen; the highest card first, each where less stands already."""
    columns, heights = ["", ""], [0.0, 0.0]
    for card in sorted(cards, key=_height, reverse=True):
        place = heights.index(min(heights))
        columns[place] += card
        heights[place] += _height(card)
    return f'<div class="pair"><div>{columns[0]}</div><div>{columns[1]}</div></div>'


def _height(card: str) -> float:
    """About how high a card is, in px."""
    plots = re.findall(r'class="plot" viewBox="0 0 (\d+) (\d+)"', card)
    drawn = sum(min(500 / int(w), 1.15) * int(h) for w, h in plots)
    return 80 + drawn + 32 * card.count("<tr>")


def _classes(statistics: Statistics) -> str:
    uneven, said = statistics.whole.imbalance, ""
    if uneven.ratio is not None and uneven.effective_ratio is not None:
        said = (
            f"<p>The most frequent class, <code>{safe(uneven.most)}</code>, has {uneven.ratio:,.1f} times "
            f"the objects of the rarest, <code>{safe(uneven.least)}</code>; {uneven.effective_ratio:,.1f} "
            "times by effective number.</p>"
        )
    key = '<div class="key"><span><em class="b"></em>objects</span>'
    key += '<span><em class="i"></em>ignored</span></div>'
    return f'<div class="card">{said}{tables.classes(statistics)}{key}</div>'


def _sizes(statistics: Statistics) -> str:
    whole, where = statistics.whole, at(statistics.input_hw)
    if not whole.objects:
        return "<p>No objects.</p>"
    key = (
        f'<div class="key"><span><em class="b"></em>at {where}</span>'
        '<span><em class="line"></em>original</span></div>'
    )
    ranked = _ranked(whole)[:RANGES]
    more = f'<p class="dim">The {RANGES} most frequent classes.</p>' if len(_ranked(whole)) > RANGES else ""
    tiny = (
        f"<p>{whole.sizes.under_8_px:,} objects ({percent(whole.share(whole.sizes.under_8_px))}) are under "
        f"8 px on their shorter side, {whole.sizes.under_2_px:,} under 2 px.</p>"
    )
    return _card("Small, medium, large", tables.bins_stack(whole, where), tiny) + _pair(
        _card("Width and height", charts.shapes(whole, where)),
        _card("Size of objects", charts.size_histogram(whole, where), key),
        _card("Aspect", charts.aspects(whole)),
        _card("Size by class", charts.class_ranges(ranked, where), more),
    )


def _places(whole: Part) -> str:
    seen = whole.image_sizes
    rows = [(f"{w:,} x {h:,}", f"{n:,}") for w, h, n in seen.distinct[:6].tolist()]
    below = tables.facts(rows) + f'<p class="dim">Different sizes in all: {len(seen.distinct):,}.</p>'
    return _pair(
        _card("Centres of objects", charts.centres(whole)),
        _card("Picture sizes", charts.image_sizes(whole)),
        _card("Objects in a picture", charts.per_image(whole)),
        _card("Most frequent picture sizes", below),
    )


def _neighbours(whole: Part) -> str:
    shown = [whole.classes.index(one) for one in _ranked(whole)[:MATRIX]]
    near = whole.overlap
    rows = [
        (f"objects in a pair with IoU &gt; {THRESHOLD}", f"{near.objects:,} ({percent(near.share)})"),
        ("pairs", f"{near.pairs:,}"),
        ("pictures with such pairs", f"{near.images:,}"),
    ]
    worst = sorted((one for one in whole.classes if one.overlapping), key=lambda one: -one.overlapping)
    rows += [(f"of these <code>{safe(one.name)}</code>", f"{one.overlapping:,}") for one in worst[:5]]
    said = (
        '<p class="dim">Two objects of one class that overlap so much cannot both survive non-maximum '
        "suppression at that threshold. Crowd and difficult objects are left aside.</p>"
    )
    cards = [_card("Same-class overlap", tables.facts(rows), said)]
    if len(shown) > 1:
        below = '<p class="dim">Of 100 pictures with the class at the left, how many show the one below.</p>'
        cards.insert(0, _card("Classes that share pictures", charts.together(whole, shown), below))
    return _pair(*cards)


def _findings(groups: list[Group], gallery: Gallery, dataset: Dataset, progress: Progress) -> str:
    if not groups:
        return '<div class="card">None: nothing was left out, repaired or remarkable.</div>'
    rows = rows_of(dataset, {name for group in groups for name in group.pictured})
    made = []
    with progress("drawing findings", len(groups), "codes") as advance:
        for group in groups:
            made.append(_group(group, "".join(gallery.of_finding(group, rows))))
            advance(1)
    return f'<div class="card">{"".join(made)}</div>'


def _group(group: Group, figures: str) -> str:
    actions = ", ".join(f"{n:,} {safe(action)}" for action, n in group.actions.items())
    severity = safe(group.severity)
    lines = "".join(
        f"<li>{safe('  '.join(text for text in (line.file, line.place, line.value) if text), 200)}</li>"
        for line in group.first
    )
    more = f"<li>and {group.count - len(group.first):,} more</li>" if group.count > len(group.first) else ""
    said = " ".join(safe(group.text(part), 600) for part in ("meaning", "hurts"))
    return (
        f'<div class="group"><h3>{safe(group.code)} {safe(group.slug)} '
        f'<span class="badge {severity}">{severity}</span><span class="badge">{actions}</span></h3>'
        f'<p>{said}</p><p class="dim">{safe(group.text("mend"), 600)}</p>'
        f'<ul class="lines">{lines}{more}</ul><div class="figures">{figures}</div></div>'
    )


def _examples(statistics: Statistics, gallery: Gallery, dataset: Dataset, progress: Progress) -> str:
    ranked = _ranked(statistics.whole)
    if len(ranked) > CLASSES_SHOWN:
        ranked = ranked[: CLASSES_SHOWN // 2] + ranked[-CLASSES_SHOWN // 2 :]
    each = max(1, min(PER_CLASS, CLASSES_SHOWN // max(1, len(ranked))))
    only = set(dataset.split(statistics.split).tolist()) if statistics.split is not None else None
    made = list(_of_classes(ranked, each, only, statistics, gallery, progress))
    if gallery.left_away:
        told = f"{gallery.left_away} more pictures were left away to keep this file small."
        made.append(f'<p class="dim">{told}</p>')
    return "".join(made) or '<div class="card">No class has objects.</div>'


def _of_classes(
    ranked: list[ClassPart],
    each: int,
    only: set[int] | None,
    statistics: Statistics,
    gallery: Gallery,
    progress: Progress,
) -> Iterator[str]:
    number = {one.name: i for i, one in enumerate(statistics.whole.classes)}
    with progress("drawing examples", len(ranked), "classes") as advance:
        for one in ranked:
            figures = "".join(gallery.of_class(number[one.name], only, each))
            advance(1)
            if figures:
                count = f'<span class="badge">{one.objects:,} objects in {one.images:,} pictures</span>'
                yield _card(f"{safe(one.name)} {count}", f'<div class="figures">{figures}</div>')


def _ranked(part: Part) -> list[ClassPart]:
    """Classes that have objects, the most frequent first."""
    return sorted((one for one in part.classes if one.objects), key=lambda one: -one.objects)
