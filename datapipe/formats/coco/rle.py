"""COCO's run-length masks, read with care.

`{"size": [h, w], "counts": [...] or "text"}`: lengths of runs of 0 and 1 in turn, beginning with 0,
down the columns. As text the runs are packed, five bits a character from "0" on, and from the
fourth run on each stands as its difference to the run two before it. pycocotools unpacks that in C
without looking whether it fits: a malicious text makes it write past its buffers. Here a mask is
unpacked in Python and must fill its picture exactly; the area then is a sum, so no text from
outside ever reaches the C code.
"""

from __future__ import annotations

from typing import Any

_LARGEST_SIDE = 1 << 20
_LARGEST_RUN = 1 << 40
_MORE, _SIGN = 0x20, 0x10


def runs(rle: Any) -> list[int] | str:
    """Lengths of the runs of 0, 1, 0, ... of a mask.

    Args:
        rle: the segmentation as JSON gave it.

    Returns:
        The runs; they fill h * w exactly. Or, as text, why the mask is unusable.
    """
    if not isinstance(rle, dict):
        return "not an object"
    size, counts = rle.get("size"), rle.get("counts")
    if not (isinstance(size, list) and len(size) == 2 and all(map(_is_side, size))):
        return "size is not two positive whole numbers"
    if isinstance(counts, str):
        lengths = _unpack(counts)
        if isinstance(lengths, str):
            return lengths
    elif isinstance(counts, list) and all(type(count) is int for count in counts):
        lengths = counts
    else:
        return "counts are neither whole numbers nor text"
    if any(length < 0 for length in lengths):
        return "a run is negative"
    if sum(lengths) != size[0] * size[1]:
        return f"runs of {sum(lengths)} pixels for {size[0] * size[1]}"
    return lengths


def area(rle: Any) -> int | None:
    """Number of pixels in a mask, None if unusable. Example: size [2, 2], counts [1, 3] has 3."""
    lengths = runs(rle)
    return None if isinstance(lengths, str) else sum(lengths[1::2])


def _is_side(side: Any) -> bool:
    return type(side) is int and 0 < side <= _LARGEST_SIDE


def _unpack(text: str) -> list[int] | str:
    """Runs of packed counts. Example: "13" is [1, 3]."""
    lengths: list[int] = []
    value = shift = 0
    for character in text:
        bits = ord(character) - 48
        if not 0 <= bits < 64:
            return "counts hold a character that none packs to"
        value |= (bits & 0x1F) << shift
        shift += 5
        if shift > 60:
            return "a run is longer than any picture"
        if bits & _MORE:
            continue
        if bits & _SIGN:
            value -= 1 << shift
        if len(lengths) > 2:
            value += lengths[-2]
        if not 0 <= value <= _LARGEST_RUN:
            return "a run is negative or longer than any picture"
        lengths.append(value)
        value = shift = 0
    return "counts end within a run" if shift else lengths
