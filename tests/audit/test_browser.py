"""The whole loop in a real browser: pictures and boxes are on screen, a tag set there changes a stream."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from audit.browser import Browser, chromium
from audit.needs import absent
from audit.running import serving
from datapipe.dataset import Dataset
from datapipe.images.drawing import colour
from datapipe.ingest import IngestOptions, ingest

LOOKER = '[data-cy="looker"]'
"""One picture of the grid."""
ROOT = Path(__file__).resolve().parents[2]
SCREENSHOT = "DATAPIPE_SCREENSHOT"
"""Name of a file to write the screenshot to, for the README."""


def missing() -> str:
    """Why this cannot run here, "" if it can."""
    return absent() or ("" if chromium() else "no browser: apt-get install chromium, or $DATAPIPE_CHROMIUM")


def near(pixels: np.ndarray, rgb: tuple[int, int, int]) -> int:
    """Pixels of nearly one colour."""
    return int((np.abs(pixels.astype(int) - rgb).max(axis=-1) < 24).sum())


def painted(browser: Browser, shot: Path, classes: int, seconds: float = 60) -> np.ndarray:
    """The grid, once pictures and boxes of all classes are on screen, or what is there in the end."""
    end = time.monotonic() + seconds
    while True:
        grid = np.asarray(Image.open(browser.shot(shot)).convert("RGB"))[150:, 320:]
        drawn = [near(grid, colour(number, classes)) for number in range(classes)]
        colours = len(np.unique(grid.reshape(-1, 3), axis=0))
        if (min(drawn) > 150 and colours > 5000) or time.monotonic() > end:
            return grid
        time.sleep(0.5)


def tag_first(browser: Browser, tag: str) -> None:
    """Select the first picture and tag it, with the mouse and the keyboard."""
    left, top, *_ = browser.still(LOOKER)
    browser.move(left + 40, top + 40)
    browser.click_at(left + 12, top + 12)
    browser.box('[data-cy="action-manage-selected"]')
    browser.click('[data-cy="action-tag-sample-labels"]')
    browser.wait("document.activeElement?.tagName === 'INPUT'")
    browser.type(tag)
    browser.press("Enter", 13, "\r")
    browser.click("button, a, div", "Apply")
    browser.answered("/tag")


EPOCH = """
import hashlib, json, sys
import datapipe
from datapipe import Recipe
told = []
for folder in sys.argv[1:]:
    dataset = datapipe.open(folder)
    stream = datapipe.train_stream(dataset, Recipe(), batch_size=1)
    batches = stream.take(len(dataset.split("train"))).as_numpy_iterator()
    told.append([hashlib.sha256(images.tobytes()).hexdigest() for images, _ in batches])
print(json.dumps(told))
"""


@pytest.mark.xdist_group("fiftyone")
def test_a_tag_set_in_the_page_comes_back_and_changes_what_train_stream_yields(tmp_path):
    if why := missing():
        pytest.skip(why)
    data, cache, shot = tmp_path / "coco", tmp_path / "cache", tmp_path / "audit.png"
    ingest([ROOT / "sample_data" / "coco"], data, IngestOptions())
    before = Dataset(data)
    command = [sys.executable, "-m", "datapipe", "audit", "open", str(data), "--json", "--no-browser"]
    with (
        subprocess.Popen(
            [*command, "--cache", str(cache)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as app,
        Browser(tmp_path / "profile") as browser,
    ):
        try:
            assert app.stdout
            text = ""
            while not text.rstrip().endswith("}"):
                line = app.stdout.readline()
                assert line, "audit open ended"
                text += line
            browser.open(json.loads(text)["url"])
            browser.box(LOOKER)
            grid = painted(browser, shot, len(before.classes))
            count = browser.ask("document.querySelector('[data-cy=\"entry-counts\"]').innerText")
            pictures = browser.ask(f"document.querySelectorAll('{LOOKER}').length")
            tag_first(browser, "leave_out")
        finally:
            app.send_signal(signal.SIGINT)
    assert app.returncode == 0 and not serving(str(next(cache.glob("audit/*/database"))))
    assert pictures >= 12 and "64" in count
    for number, name in enumerate(before.classes):
        drawn = near(grid, colour(number, len(before.classes)))
        assert drawn > 150, f"hardly any box of {name} is drawn: {drawn} px of its colour"
    assert len(np.unique(grid.reshape(-1, 3), axis=0)) > 5000, "pictures, not grey placeholders"
    assert browser.hosts <= {"", "127.0.0.1", "fonts.googleapis.com"}, "the font is asked for in vain"

    pull = [sys.executable, "-m", "datapipe", "audit", "pull", str(data), "--cache", str(cache), "--json"]
    (edit,) = json.loads(subprocess.run(pull, capture_output=True, text=True).stdout)["new"]
    assert edit.keys() == {"image", "edit"} and edit["edit"] == "leave_out"
    after = Dataset(data)
    assert len(after) == len(before) - 1 and after.identity != before.identity
    as_before = shutil.copytree(data, tmp_path / "as_before", ignore=shutil.ignore_patterns("edits.jsonl"))
    run = [sys.executable, "-c", EPOCH, str(as_before), str(data)]
    whole, rest = json.loads(subprocess.run(run, capture_output=True, text=True, check=True).stdout)
    gone = str(before.images["split"][list(before.images["image_id"]).index(edit["image"])]) == "train"
    assert len(set(whole) - set(rest)) == len(whole) - len(rest) == gone and set(rest) <= set(whole)
    if wanted := os.environ.get(SCREENSHOT):
        Image.open(shot).convert("RGB").save(wanted, quality=76, optimize=True, progressive=True)
