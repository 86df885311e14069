"""What stands out, in words. Facts with their numbers; judging them for a detector is `datapipe doctor`'s."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from datapipe.errors import printable
from datapipe.stats.classes import ClassPart
from datapipe.stats.summary import Part, Statistics

TINY_SHARE = 0.1
"""Share of a class under 8 px at the input size from which it is worth a remark."""
FEW = 20
"""Objects below which a class is called rare."""
IMBALANCE = 10.0
"""Ratio of the most frequent class to the rarest from which it is worth a remark."""
OVERLAP_SHARE, EMPTY_SHARE, IGNORED_SHARE, TRUNCATED_SHARE = 0.01, 0.1, 0.05, 0.2
"""Shares from which overlapping objects, empty pictures, ignored and cut-off objects are worth a remark."""
BENT = 1.2
"""Change of aspect by a stretch from which it is worth a remark."""
NAMED = 4
"""Classes a remark names."""


@dataclass(frozen=True)
class Remark:
    """One sentence; `warns` if it can cost accuracy. Names of classes stand in backticks."""

    text: str
    warns: bool = True


def remarks(statistics: Statistics) -> tuple[Remark, ...]:
    """Everything that stands out, the most costly first."""
    whole = statistics.whole
    if not whole.objects:
        return (Remark("no object at all: nothing can be learnt from this"),)
    found = [
        *_small(statistics),
        *_classes(whole),
        *_missing(statistics),
        *_aspects(statistics),
        *_crowded(whole),
        *_pictures(whole),
    ]
    return tuple(found) or (Remark("nothing stands out", warns=False),)


def _small(statistics: Statistics) -> Iterator[Remark]:
    part, where = statistics.whole, at(statistics.input_hw)
    if part.sizes.under_2_px:
        n = part.sizes.under_2_px
        yield Remark(f"{_objects(n)} under 2 px at {where}: too small to learn at this size")
    tiny = [one for one in part.classes if one.objects and one.sizes.under_8_px >= TINY_SHARE * one.objects]
    tiny.sort(key=lambda one: -one.sizes.under_8_px)
    for one in tiny[:NAMED]:
        share = percent(one.sizes.under_8_px / one.objects)
        yield Remark(
            f"{share} of {name(one)} is under 8 px at {where}: less than one cell of the finest grid"
        )
    if len(tiny) > NAMED:
        yield Remark(f"{len(tiny) - NAMED} more classes have at least {percent(TINY_SHARE)} under 8 px")
    before, after = part.share(part.sizes.original.small), part.share(part.sizes.input.small)
    if after - before >= TINY_SHARE:
        yield Remark(f"small objects grow from {percent(before)} to {percent(after)} by resizing to {where}")


def _classes(part: Part) -> Iterator[Remark]:
    uneven = part.imbalance
    if uneven.absent:
        yield Remark(f"{_classes_named(uneven.absent)} without objects")
    rare = sorted((one for one in part.classes if 0 < one.objects < FEW), key=lambda one: one.objects)
    if rare:
        listed = ", ".join(f"{name(one)} {one.objects}" for one in rare[:NAMED])
        yield Remark(f"fewer than {FEW} objects: {listed}{_more(len(rare))}")
    if uneven.ratio is not None and uneven.ratio >= IMBALANCE:
        text = f"`{printable(uneven.most, 40)}` has {uneven.ratio:,.0f} times the objects of "
        yield Remark(
            f"{text}`{printable(uneven.least, 40)}`; {uneven.effective_ratio:,.1f} times by effective number"
        )


def _missing(statistics: Statistics) -> Iterator[Remark]:
    absent = set(statistics.whole.imbalance.absent)
    for split, part in statistics.splits.items():
        gone = tuple(one for one in part.imbalance.absent if one not in absent)
        if gone:
            yield Remark(f"split `{printable(split, 40)}`: {_classes_named(gone)} without objects")


def _aspects(statistics: Statistics) -> Iterator[Remark]:
    whole = statistics.whole.sizes
    if statistics.resize != "stretch" or not (whole.aspect_original and whole.aspect_input):
        return
    bend = whole.aspect_input.p50 / whole.aspect_original.p50
    if max(bend, 1 / bend) >= BENT:
        how = "wider" if bend > 1 else "taller"
        yield Remark(f"stretching makes objects {max(bend, 1 / bend):.2f} times {how} than they are (median)")


def _crowded(part: Part) -> Iterator[Remark]:
    if part.overlap.share >= OVERLAP_SHARE:
        worst = max(part.classes, key=lambda one: one.overlapping)
        yield Remark(
            f"{percent(part.overlap.share)} of objects ({part.overlap.objects:,}) overlap another of their "
            f"class by IoU > 0.5, most of them {name(worst)}: NMS at 0.5 cannot keep both"
        )
    if part.share(part.ignored) >= IGNORED_SHARE:
        yield Remark(
            f"{percent(part.share(part.ignored))} of objects are crowd or difficult: not trained on", False
        )
    if part.share(part.truncated) >= TRUNCATED_SHARE:
        shown = percent(part.share(part.truncated))
        yield Remark(f"{shown} of objects are truncated: their boxes end before the objects do", False)


def _pictures(part: Part) -> Iterator[Remark]:
    empty = part.per_image.empty
    if empty >= EMPTY_SHARE * part.images:
        yield Remark(
            f"{percent(empty / part.images)} of pictures ({empty:,}) are empty: background only", False
        )
    if part.left_out:
        where = f"{part.left_out:,} left-out places in {part.images_left_out:,} pictures"
        yield Remark(f"{where}: neither objects nor background; see findings.jsonl", False)


def at(hw: tuple[int, int]) -> str:
    """An input size in words: "608", or "608 x 320" (width x height)."""
    return f"{hw[0]}" if hw[0] == hw[1] else f"{hw[1]} x {hw[0]}"


def percent(share: float) -> str:
    """A share in words. Example: 0.314 is "31 %", 0.004 is "0.4 %"."""
    if 0 < share < 0.001:
        return "< 0.1 %"
    digits = 1 if 0 < share < 0.0995 or 0.9905 < share < 1 else 0
    return f"{100 * share:.{digits}f} %"


def name(part: ClassPart) -> str:
    """A class's name in backticks, safe to show."""
    return f"`{printable(part.name, 40)}`"


def _objects(n: int) -> str:
    return f"{n:,} object is" if n == 1 else f"{n:,} objects are"


def _more(n: int) -> str:
    return f" and {n - NAMED} more" if n > NAMED else ""


def _classes_named(names: tuple[str, ...]) -> str:
    listed = ", ".join(f"`{printable(one, 40)}`" for one in names[:NAMED])
    return f"{'class' if len(names) == 1 else 'classes'} {listed}{_more(len(names))}"
