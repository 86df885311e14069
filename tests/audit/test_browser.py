"""The whole loop in a real browser: pictures and boxes are on screen, a tag set there changes a stream."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from audit.needs import absent
from datapipe.dataset import Dataset
from datapipe.images.drawing import colour
from datapipe.ingest import IngestOptions, ingest
from datapipe.recipe import Recipe
from datapipe.stream import Stream

ROOT = Path(__file__).resolve().parents[2]
SCREENSHOT = "DATAPIPE_SCREENSHOT"
"""Name of a file to write the screenshot to, for the README."""


def playwright() -> str:
    """The folder of playwright-core: $DATAPIPE_PLAYWRIGHT, or where `npm i -g playwright-core` puts it."""
    if given := os.environ.get("DATAPIPE_PLAYWRIGHT"):
        return given
    npm = shutil.which("npm")
    found = subprocess.run([npm, "root", "-g"], capture_output=True, text=True).stdout.strip() if npm else ""
    return f"{found}/playwright-core" if found else ""


def chromium() -> str:
    return os.environ.get("DATAPIPE_CHROMIUM") or shutil.which("chromium") or ""


def missing() -> str:
    if why := absent():
        return why
    if not (chromium() and shutil.which("node")):
        return "no chromium or no node: apt-get install chromium nodejs"
    if not Path(playwright(), "package.json").exists():
        return "no playwright-core: npm install -g playwright-core, or say where with DATAPIPE_PLAYWRIGHT"
    return ""


def near(pixels: np.ndarray, rgb: tuple[int, int, int]) -> int:
    """Pixels of nearly one colour."""
    return int((np.abs(pixels.astype(int) - rgb).max(axis=-1) < 24).sum())


@pytest.mark.slow
@pytest.mark.xdist_group("fiftyone")
@pytest.mark.skipif(os.environ.get("DATAPIPE_BROWSER") == "0", reason="switched off with DATAPIPE_BROWSER=0")
def test_a_tag_set_in_the_page_comes_back_and_changes_what_the_stream_yields(tmp_path):
    if why := missing():
        pytest.skip(why)
    data = tmp_path / "data"
    ingest([ROOT / "sample_data" / "coco"], data, IngestOptions())
    before = Dataset(data)
    cache, shot = tmp_path / "cache", tmp_path / "audit.png"
    command = [sys.executable, "-m", "datapipe", "audit", "open", str(data), "--json", "--no-browser"]
    with subprocess.Popen(
        [*command, "--cache", str(cache)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as app:
        try:
            assert app.stdout
            text = ""
            while not text.rstrip().endswith("}"):
                text += app.stdout.readline()
            url = json.loads(text)["url"]
            script = Path(__file__).with_name("browser.js")
            words = ["node", str(script), playwright(), chromium(), url, str(shot), "leave_out"]
            done = subprocess.run(words, capture_output=True, text=True, timeout=300)
            assert done.returncode == 0, done.stderr
            seen = json.loads(done.stdout)
        finally:
            app.send_signal(signal.SIGTERM)
    assert app.returncode == 0
    assert seen["pictures"] >= 12 and "64" in seen["counts"]
    assert set(seen["hosts"]) <= {"127.0.0.1", "fonts.googleapis.com"}, "the font is asked for in vain"
    pixels = np.asarray(Image.open(shot).convert("RGB"))
    grid = pixels[150:, 320:]
    for number, name in enumerate(before.classes):
        drawn = near(grid, colour(number, len(before.classes)))
        assert drawn > 150, f"hardly any box of {name} is drawn: {drawn} px of its colour"
    assert len(np.unique(grid.reshape(-1, 3), axis=0)) > 5000, "pictures, not grey placeholders"

    pull = [sys.executable, "-m", "datapipe", "audit", "pull", str(data), "--cache", str(cache), "--json"]
    (edit,) = json.loads(subprocess.run(pull, capture_output=True, text=True).stdout)["new"]
    assert edit.keys() == {"image", "edit"} and edit["edit"] == "leave_out"
    after = Dataset(data)
    assert len(after) == len(before) - 1 and after.identity != before.identity
    with Stream(before, Recipe()) as one, Stream(after, Recipe()) as other:
        split = str(before.images["split"][list(before.images["image_id"]).index(edit["image"])])
        assert len(one) - len(other) == (split == "train")
        shown = {sample.image_id for sample in (other[k] for k in range(len(other)))}
        assert edit["image"] not in shown
    if wanted := os.environ.get(SCREENSHOT):
        Image.open(shot).convert("RGB").save(wanted, quality=82, optimize=True, progressive=True)
