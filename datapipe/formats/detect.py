"""Which format a source is in: each reader states its case, the best one wins, a tie is not guessed at."""

from __future__ import annotations

from typing import Literal

from datapipe import formats
from datapipe.errors import InputError, printable
from datapipe.formats.evidence import Evidence


def detect(root: str) -> list[Evidence]:
    """Every format's evidence for a folder or file, the best first."""
    evidence: list[Evidence] = [formats.reader(name).sniff(root) for name in formats.READERS]
    return sorted(evidence, key=lambda one: -one.score)


def choose(root: str, wanted: Literal["auto", "coco", "voc", "yolo"] = "auto") -> Evidence:
    """Decide how to read a source.

    Args:
        root: a folder or file.
        wanted: a format, which is then taken at its word, or "auto".

    Raises:
        InputError: no format fits, or two fit equally well; the message says why and what to do.
    """
    if wanted != "auto":
        evidence: Evidence = formats.reader(wanted).sniff(root)
        return evidence
    best, *others = detect(root)
    if best.score == 0:
        reasons = "; ".join(f"{one.format}: {', '.join(one.missing)}" for one in (best, *others))
        raise InputError(
            f"{printable(root)}: neither COCO, VOC nor YOLO ({printable(reasons, 400)}); give the folder "
            "that holds the annotations, or say which with --format"
        )
    rivals = [one for one in (best, *others) if one.score == best.score]
    if len(rivals) > 1:
        cases = "; ".join(f"{one.format}: {', '.join(one.found)}" for one in rivals)
        choices = " or ".join(f"--format {one.format}" for one in rivals)
        raise InputError(
            f"{printable(root)}: fits several formats ({printable(cases, 400)}); say which with {choices}"
        )
    return best
