"""The parts of an answer: grades, order, and thresholds that `datapipe explain` tells."""

from __future__ import annotations

import pytest

from datapipe.doctor import Finding
from datapipe.doctor import augmentation as a
from datapipe.doctor import balance as b
from datapipe.doctor import ceiling as c
from datapipe.doctor import focal as f
from datapipe.doctor import matching as m
from datapipe.doctor import overlaps as o
from datapipe.doctor import parting as p
from datapipe.doctor import sizes as s
from datapipe.doctor.diagnosis import graded, ordered, worst
from datapipe.findings import codes
from datapipe.stats import overlap
from doctor.ailing import AILING


def finding(code: str = "DP505", severity: str = "note", harm: float = 0.0) -> Finding:
    return Finding(code, severity, "a title", "a number", {"n": 1}, "a command", harm)


def test_a_value_gets_the_gravest_grade_it_reaches():
    grades = [graded(v, note=1, warning=2, serious=3) for v in (0.9, 1, 2, 2.9, 3, 1e9)]
    assert grades == [None, "note", "warning", "warning", "serious", "serious"]
    assert graded(1e9, note=1) == "note" and graded(1e9) is None
    assert worst(None, "note", "serious", "warning") == "serious" and worst(None, None) is None


def test_findings_come_by_severity_then_by_harm():
    mixed = [
        finding("DP505", "note", 0.9),
        finding("DP506", "serious", 0.1),
        finding("DP507", "warning", 0.2),
        finding("DP508", "warning", 0.3),
    ]
    assert [one.code for one in ordered(mixed)] == ["DP506", "DP508", "DP507", "DP505"]


def test_a_finding_tells_everything_in_json_and_why_it_hurts_as_explain_does():
    told = finding(severity="serious")
    assert told.serious and not finding().serious
    assert told.why == codes()["DP505"].hurts
    assert told.to_json() == {
        "code": "DP505",
        "slug": "classes-uneven",
        "severity": "serious",
        "detector": None,
        "title": "a title",
        "evidence": "a number",
        "figures": {"n": 1},
        "why": told.why,
        "mend": "a command",
    }


def pc(share: float) -> str:
    return f"{100 * share:g} %"


THRESHOLDS: dict[str, list[str]] = {
    "DP501": [
        f"warning from {pc(m.LOST)} of the objects, serious from {pc(m.LOST_SERIOUS)}",
        f"from {pc(m.LOST_BIN)} of a size bin",
        f"at least {pc(m.BIN_SHARE)} of them",
        f"warning from {pc(m.FORCED)}, serious from {pc(m.FORCED_SERIOUS)}",
        f"mean best IoU is below {m.MEAN_IOU:g}",
    ],
    "DP502": [
        f"under {s.FINEST_PX} px (the finest stride): warning from {pc(s.FINEST)}",
        f"serious from {pc(s.FINEST_SERIOUS)}; or under {s.GONE_PX} px",
        f"warning from {pc(s.GONE)}, serious from {pc(s.GONE_SERIOUS)}",
    ],
    "DP503": [
        f"factor of {s.BENT:g} or more",
        f"warning from {pc(s.BENT_SHARE)} of the objects",
        f"{pc(s.BENT_SHARE)} are bent {s.BENT_SERIOUS:g} times or more",
    ],
    "DP504": [
        f"(prior pi {f.PI:g}, gamma {f.GAMMA:g}, alpha {f.ALPHA:g})",
        f"warning from {pc(f.BACKGROUND)}, serious from {pc(f.BACKGROUND_SERIOUS)}",
    ],
    "DP505": [f"note from {b.UNEVEN_NOTE:g} times, warning from {b.UNEVEN:g} times"],
    "DP506": [f"fewer than {b.FEW} objects"],
    "DP507": [
        f"IoU > {o.SAME_IOU:g}",
        f"warning from {pc(o.TWICE)} of the objects, serious from {pc(o.TWICE_SERIOUS)}",
    ],
    "DP508": [
        f"IoU > {overlap.THRESHOLD:g}",
        f"note from {pc(o.CLOSE_NOTE)} of the objects, warning from {pc(o.CLOSE)}, "
        f"serious from {pc(o.CLOSE_SERIOUS)}",
    ],
    "DP509": [f"fewer than {p.FEW_IMAGES} images", f"fewer than {p.FEW_OBJECTS} objects"],
    "DP510": [f"serious if it has at least {b.FEW} objects", f"warning if it has at least {b.FEW} objects"],
    "DP511": [f"at least {pc(p.LEAKED_SERIOUS)} of the pictures"],
    "DP512": [
        f"at most {c.PICTURES:,} pictures",
        f"note from {pc(c.OUT_OF_REACH)}, warning from {pc(c.MUCH)}",
    ],
    "DP521": [
        f"median {a.INFLATED:g} times or more is a warning, {a.INFLATED_SERIOUS:g} times or more",
        f"would need {a.SLACK:g} times its new box (median)",
    ],
    "DP522": [
        f"{a.YIELD:g} or less is a warning, {a.YIELD_SERIOUS:g} or less serious",
        f"warning from {pc(a.IGNORED)}, serious from {pc(a.IGNORED_SERIOUS)}",
    ],
    "DP523": [f"from {100 * a.EMPTIED:g} percentage points, serious from {100 * a.EMPTIED_SERIOUS:g}"],
    "DP524": [
        f"at a factor of {2**a.SHIFT:g} or more up or down, serious at {2**a.SHIFT_SERIOUS:g}",
        f"by at least {100 * a.SHRUNK:g} percentage points",
    ],
}
"""What the meaning of each code must say, made from the constants that decide."""


def test_every_code_of_the_doctor_has_thresholds_and_a_case():
    mine = {code for code in codes() if code.startswith("DP5")}
    assert mine == set(THRESHOLDS) == set(AILING)


@pytest.mark.parametrize(("code", "text"), [(code, one) for code in THRESHOLDS for one in THRESHOLDS[code]])
def test_explain_tells_the_thresholds_that_decide(code: str, text: str):
    assert text in codes()[code].meaning
