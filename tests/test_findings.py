"""Codes, findings and the conservation law."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

import datapipe
from datapipe.errors import UsageError, did_you_mean, printable
from datapipe.findings import Finding, account, codes, explain, tally


def test_every_code_says_what_it_means_why_it_hurts_and_what_mends_it():
    for number, code in codes().items():
        assert re.fullmatch(r"DP[1-5]\d\d", number) and re.fullmatch(r"[a-z0-9-]+", code.slug)
        assert code.kind in ("object", "image", "dataset") and code.severity in ("error", "warning", "info")
        assert all(text.endswith(".") for text in (code.meaning, code.hurts, code.mend)), number
    assert len({code.slug for code in codes().values()}) == len(codes())


def test_every_code_that_the_source_names_exists():
    package = Path(datapipe.__file__).parent
    named = {code for file in package.rglob("*.py") for code in re.findall(r'"(DP\d{3})"', file.read_text())}
    assert named <= set(codes()), sorted(named - set(codes()))


def test_a_code_is_found_by_number_or_slug_in_any_case():
    assert explain("dp104") is explain("Box-Outside-Image") is codes()["DP104"]
    assert str(explain("DP104")) == "DP104 box-outside-image"


def test_an_unknown_code_names_the_nearest():
    with pytest.raises(UsageError, match=r"'box-outside-imag': did you mean DP104 box-outside-image\?"):
        explain("box-outside-imag")
    with pytest.raises(UsageError, match=r"no code 'dp1044': did you mean DP104 .*explain all"):
        explain("dp1044")


def test_a_finding_is_one_line_of_json_without_control_characters():
    found = Finding("DP104", "ignored", "a\nb.json", "annotations[0]", "xyxy\x1b[31m", "é.jpg")
    line = found.to_json()
    assert "\n" not in line and "\x1b" not in line and "é.jpg" in line
    row = json.loads(line)
    assert row["slug"] == "box-outside-image" and row["kind"] == "object" and row["severity"] == "error"
    assert row["file"] == "a\\nb.json"


@pytest.mark.parametrize(
    "action, lost", [("ignored", True), ("left out", True), ("kept", False), ("repaired", False)]
)
def test_quarantined_means_ignored_or_left_out(action, lost):
    assert Finding("DP104", action, "", "", "").quarantined is lost


def test_the_account_balances_images_and_objects_by_code():
    found = [
        Finding("DP201", "left out", "", "", ""),
        Finding("DP111", "left out", "", "", ""),
        Finding("DP104", "ignored", "", "", ""),
        Finding("DP121", "repaired", "", "", ""),
        Finding("DP131", "kept", "", "", ""),
        Finding("DP301", "left out", "", "", ""),
    ]
    balance = account(3, 2, 10, 8, tally(found))
    balance.check()
    assert (balance.images.left_out, balance.objects.left_out, balance.quarantined) == (1, 2, 3)
    assert balance.left_out == {"DP104": 1, "DP111": 1, "DP201": 1, "DP301": 1}
    assert (balance.repaired, balance.kept) == ({"DP121": 1}, {"DP131": 1})


def test_a_code_that_is_both_ignored_and_left_out_is_counted_once_each():
    counted = Counter({("DP104", "ignored"): 2, ("DP104", "left out"): 3})
    assert account(0, 0, 5, 0, counted).left_out == {"DP104": 5}


def test_what_vanishes_without_a_reason_is_a_bug_and_named():
    balance = account(3, 2, 0, 0, Counter())
    with pytest.raises(AssertionError, match="images vanished: .*read=3, kept=2"):
        balance.check()
    objects = replace(balance, images=account(0, 0, 0, 0, Counter()).images)
    objects.check()


def test_names_from_outside_are_printed_without_control_characters_and_cut():
    assert printable("a\x1b[31m\nb\u202e") == "a\\x1b[31m\\nb\\u202e"
    assert len(printable("x" * 1000)) == 120
    assert printable("\udcff.jpg") == "\\udcff.jpg"


def test_the_nearest_word_is_named_whatever_its_case():
    assert did_you_mean("Cocoo", ["coco", "voc"]) == "did you mean 'coco'? (there are: coco, voc)"
    assert did_you_mean("zzz", ["coco", "voc"]) == "(there are: coco, voc)"
