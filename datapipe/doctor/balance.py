"""Classes that drown in others, and classes with too little to learn from."""

from __future__ import annotations

import numpy as np

from datapipe.doctor.diagnosis import Finding, Outcome, Passed, graded
from datapipe.doctor.view import trained
from datapipe.errors import printable
from datapipe.stats.classes import effective_number
from datapipe.stats.columns import Columns

UNEVEN_NOTE, UNEVEN = 10.0, 100.0
"""Objects of the most frequent class to those of the rarest."""
FEW = 20
"""Objects below which a class is rare."""
NAMED = 4
"""Classes that are named."""


def classes_even(columns: Columns) -> Outcome | None:
    """Judge how uneven the classes of a split are (DP505); None with fewer than two that have objects."""
    counts = trained(columns)
    present = np.flatnonzero(counts)
    if len(present) < 2:
        return None
    most, least = present[counts[present].argmax()], present[counts[present].argmin()]
    ratio = float(counts[most] / counts[least])
    weighed = effective_number(int(counts[most])) / effective_number(int(counts[least]))
    names = [name_of(columns.classes[i]) for i in (most, least)]
    figures = {
        "most": columns.classes[most],
        "least": columns.classes[least],
        "objects": {"most": int(counts[most]), "least": int(counts[least])},
        "ratio": round(ratio, 4),
        "effective_ratio": round(weighed, 4),
    }
    evidence = (
        f"{names[0]} has {counts[most]:,} objects, {names[1]} {counts[least]:,}: {ratio:,.1f} times, "
        f"{weighed:,.1f} times by effective number"
    )
    severity = graded(ratio, note=UNEVEN_NOTE, warning=UNEVEN)
    if severity is None:
        return Passed("DP505", evidence, figures)
    rare = sum(counts[i] * UNEVEN_NOTE <= counts[most] for i in present)
    evidence += f"; {rare} of {len(present)} classes have a tenth of that or less."
    mend = (
        "show the rare classes' pictures more often (repeat-factor sampling), collect more of them, and "
        "judge by AP per class"
    )
    return Finding("DP505", severity, "uneven classes", evidence, figures, mend, rare / len(present) / 10)


def classes_filled(columns: Columns, whole: Columns) -> Outcome | None:
    """Judge which classes have next to nothing to learn from (DP506); None without classes.

    Args:
        columns: the split that is trained on.
        whole: the dataset: a class without any object in it is an output without use, a class that only
            this split lacks is DP510's.
    """
    counts, everywhere = trained(columns), trained(whole)
    if not len(counts):
        return None
    rare = [int(i) for i in np.argsort(counts, kind="stable") if 0 < counts[i] < FEW]
    absent = [int(i) for i in np.flatnonzero(everywhere == 0)]
    figures = {
        "rare": {columns.classes[i]: int(counts[i]) for i in rare},
        "absent": [columns.classes[i] for i in absent],
    }
    if not rare and not absent:
        least = int(counts[counts > 0].min()) if counts.any() else 0
        return Passed("DP506", f"the rarest class has {least:,} objects", figures)
    told = []
    if rare:
        named = ", ".join(f"{name_of(columns.classes[i])} {counts[i]}" for i in rare[:NAMED])
        told.append(f"fewer than {FEW} objects: {named}{_more(len(rare))}")
    if absent:
        named = ", ".join(name_of(columns.classes[i]) for i in absent[:NAMED])
        told.append(f"none at all: {named}{_more(len(absent))}")
    wanted = ",".join(name for name, n in zip(columns.classes, everywhere, strict=True) if n >= FEW)
    drop = f", or drop them: datapipe ingest --classes {printable(wanted, 60)}" if wanted else ""
    evidence = f"{'; '.join(told)}. There are {len(counts)} classes."
    return Finding(
        "DP506",
        "warning",
        "classes with next to nothing to learn from",
        evidence,
        figures,
        f"collect more of them{drop}",
        (len(rare) + len(absent)) / len(counts) / 4,
    )


def name_of(name: str) -> str:
    """A class's name, safe to show."""
    return printable(name, 40)


def _more(n: int) -> str:
    return f" and {n - NAMED} more" if n > NAMED else ""
