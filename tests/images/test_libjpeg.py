"""libjpeg is told of one kind of processor, and gives the same pixels either way."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from datapipe.images.libjpeg import suited

ZEN = "processor\t: 0\nvendor_id\t: AuthenticAMD\ncpu family\t: 23\nmodel\t\t: 1\nmodel name\t: AMD EPYC\n\n"
DECODE = """
import hashlib, pathlib, sys
from datapipe.images.pixels import decode_reduced
data = pathlib.Path(sys.argv[1]).read_bytes()
made = [decode_reduced(data, k, decoding=how).pixels for k in (1, 2, 4, 8) for how in ("accurate", "fast")]
print(hashlib.sha256(b"".join(pixels.tobytes() for pixels in made)).hexdigest())
"""


@pytest.mark.parametrize(
    ("told", "given", "wanted"),
    [
        (ZEN, {}, {"JSIMD_FORCESSE2": "1"}),
        (ZEN + ZEN.replace(": 1\n", ": 49\n"), {}, {"JSIMD_FORCESSE2": "1"}),
        (ZEN.replace("\t: 1\n", "\t: 49\n"), {}, {}),
        (ZEN.replace(": 23", ": 25"), {}, {}),
        (ZEN.replace("AuthenticAMD", "GenuineIntel"), {}, {}),
        (ZEN, {"JSIMD_FORCEAVX2": "1"}, {}),
        ("processor\t: 0\nBogoMIPS\t: 50.00\n", {}, {}),
        ("", {}, {}),
    ],
)
def test_only_the_first_zen_is_told_anything(tmp_path: Path, told: str, given: dict, wanted: dict):
    (tmp_path / "cpuinfo").write_text(told)
    assert suited(tmp_path / "cpuinfo", given) == wanted
    assert suited(tmp_path / "nothing", given) == {}


def test_either_code_gives_the_same_pixels():
    (picture, *_) = sorted(Path(__file__).parents[2].glob("sample_data/**/*.jpg"))
    found = {
        subprocess.run(
            [sys.executable, "-c", DECODE, str(picture)],
            env=os.environ | more,
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for more in ({}, {"JSIMD_FORCESSE2": "1"})
    }
    assert len(found) == 1 and len(found.pop().strip()) == len(hashlib.sha256().hexdigest())
