"""What the doctor answers: findings with evidence and a mend, and what was looked at and is well."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Any, Literal

from datapipe.findings import codes

Severity = Literal["serious", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("serious", "warning", "note")

FOLDER = "{folder}"
"""Stands in a mend for the dataset's folder, which a check does not know."""


@dataclass(frozen=True, eq=False)
class Finding:
    """One thing that costs accuracy.

    code:     like DP501; `datapipe explain` tells its thresholds
    title:    a short phrase
    evidence: the numbers, in a sentence or two
    figures:  the same for --json
    mend:     the command to run or the recipe line to change
    harm:     0 to 1, about the share of what is learnt or judged that suffers; orders equal severities
    detector: whose input and anchors it is about; "" for the data as such
    """

    code: str
    severity: Severity
    title: str
    evidence: str
    figures: Mapping[str, Any]
    mend: str
    harm: float = 0.0
    detector: str = ""

    @property
    def serious(self) -> bool:
        """Whether training on this is in vain, wholly or for much of the data."""
        return self.severity == "serious"

    @property
    def why(self) -> str:
        """Why it hurts, as `datapipe explain` says it."""
        return codes()[self.code].hurts

    def to_json(self) -> dict[str, Any]:
        """The fields, the code's slug, and why it hurts."""
        return {
            "code": self.code,
            "slug": codes()[self.code].slug,
            "severity": self.severity,
            "detector": self.detector or None,
            "title": self.title,
            "evidence": self.evidence,
            "figures": dict(self.figures),
            "why": self.why,
            "mend": self.mend,
        }


@dataclass(frozen=True, eq=False)
class Passed:
    """A check that found nothing to mend: what it measured, in a sentence."""

    code: str
    evidence: str
    figures: Mapping[str, Any] = field(default_factory=dict)
    detector: str = ""

    def to_json(self) -> dict[str, Any]:
        """The fields and the code's slug."""
        return {
            "code": self.code,
            "slug": codes()[self.code].slug,
            "detector": self.detector or None,
            "evidence": self.evidence,
            "figures": dict(self.figures),
        }


Outcome = Finding | Passed


@dataclass(frozen=True, eq=False)
class Diagnosis:
    """Everything that was found and everything that was looked at.

    folder:     of the dataset
    split:      whose objects were looked at, "" for all; the checks of splits look at every split
    images, objects: of that split
    looked:     how pictures were taken to come to the network, a line for each detector
    findings:   the most severe first, then the most harmful
    passed:     checks that found nothing
    not_examined: what was not looked at, and why
    """

    folder: str
    split: str
    images: int
    objects: int
    looked: tuple[str, ...]
    findings: tuple[Finding, ...]
    passed: tuple[Passed, ...]
    not_examined: tuple[str, ...] = ()

    @property
    def serious(self) -> int:
        """Number of serious findings; above 0 the command exits with 1."""
        return sum(finding.serious for finding in self.findings)

    def to_json(self) -> dict[str, Any]:
        """What `datapipe doctor --json` prints."""
        return {
            "split": self.split or None,
            "images": self.images,
            "objects": self.objects,
            "looked": list(self.looked),
            "serious": self.serious,
            "findings": [finding.to_json() for finding in self.findings],
            "passed": [passed.to_json() for passed in self.passed],
            "not_examined": list(self.not_examined),
        }


def graded(value: float, *, note: float = inf, warning: float = inf, serious: float = inf) -> Severity | None:
    """The most severe grade whose threshold a value reaches, None if it reaches none.

    To 1e-9, the rounding of differences: 25 of 50 less 20 of 50 reaches 0.1.
    """
    thresholds = dict(zip(SEVERITIES, (serious, warning, note), strict=True))
    return next((grade for grade, threshold in thresholds.items() if value >= threshold - 1e-9), None)


def worst(*grades: Severity | None) -> Severity | None:
    """The most severe of several grades, None if there is none."""
    return min((grade for grade in grades if grade), key=SEVERITIES.index, default=None)


def ordered(findings: list[Finding]) -> tuple[Finding, ...]:
    """The most severe first, then the most harmful, then by code."""
    rank = {severity: i for i, severity in enumerate(SEVERITIES)}
    return tuple(sorted(findings, key=lambda one: (rank[one.severity], -one.harm, one.code, one.detector)))
