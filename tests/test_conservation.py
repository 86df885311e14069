"""Nothing vanishes: whatever is wrong with a source, every image and object is kept or left out for a reason.

Defects of every kind (`defects/`) are planted in clean sources, one by one and in random company; the sources
say themselves what must be told and kept.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from random import Random

import numpy as np
import pyarrow
import pytest
from defects import DEFECTS, Defect
from hypothesis import given, settings
from hypothesis import strategies as st
from mini import FORMATS, Expected, NoRoom, Picture, Source, Told, draw

from datapipe.dataset import Dataset
from datapipe.errors import InputError, printable
from datapipe.findings import codes
from datapipe.ingest import IngestOptions, IngestResult, ingest
from datapipe.records import ImageRecord
from datapipe.verify import verify


@pytest.fixture(autouse=True, scope="module")
def without_flushing() -> Iterator[None]:
    """Thousands of tiny files need no threads, and need not survive a power cut."""
    threads = pyarrow.cpu_count()
    pyarrow.set_cpu_count(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield
    pyarrow.set_cpu_count(threads)


@pytest.mark.parametrize("kind", FORMATS)
def test_a_clean_source_is_kept_whole_and_nothing_is_told(tmp_path: Path, kind: str) -> None:
    source = FORMATS[kind](draw(Random(1), 8))
    result = check(source, tmp_path)
    assert result is not None
    assert result.account.quarantined == 0


@pytest.mark.parametrize("defect", DEFECTS, ids=str)
def test_a_defect_alone_is_told_with_its_code_and_place(tmp_path: Path, defect: Defect) -> None:
    source = FORMATS[defect.format](draw(Random(2), 6))
    defect.plant(source, Random(str(defect)))
    expected = source.expected()
    told = {code for code, *_ in expected.told}
    assert defect.code in told if defect.code else not told, f"{defect} expects {sorted(told)}"
    check(source, tmp_path, whole=False)


@st.composite
def spoilt(draw_from: st.DrawFn, most: int = 8) -> tuple[str, list[Defect], int, int]:
    """A format, defects to plant in it, the number of pictures, a seed for everything else."""
    kind = draw_from(st.sampled_from(list(FORMATS)))
    fitting = [defect for defect in DEFECTS if defect.format == kind]
    planted = draw_from(st.lists(st.sampled_from(fitting), min_size=1, max_size=most))
    return kind, planted, draw_from(st.integers(3, 8)), draw_from(st.integers(0, 1 << 32))


def holds(case: tuple[str, list[Defect], int, int]) -> None:
    """Plant, ingest, check."""
    kind, planted, pictures, seed = case
    rng = Random(seed)
    source = FORMATS[kind](draw(rng, pictures))
    for defect in planted:
        try:
            defect.plant(source, rng)
        except NoRoom:
            continue
    with tempfile.TemporaryDirectory() as folder:
        check(source, Path(folder))


@settings(max_examples=100, derandomize=True)
@given(spoilt())
def test_defects_in_company_are_all_told_and_the_law_holds(case: tuple[str, list[Defect], int, int]) -> None:
    holds(case)


@pytest.mark.slow
@settings(max_examples=2000)
@given(spoilt(most=16))
def test_many_defects_in_company_are_all_told_and_the_law_holds(
    case: tuple[str, list[Defect], int, int],
) -> None:
    holds(case)


def holds_anyhow(case: tuple[str, list[Defect], int, int]) -> None:
    """Plant without regard for what is spoilt already: nobody knows what must be told, but the law holds."""
    kind, planted, pictures, seed = case
    rng = Random(seed)
    source = FORMATS[kind](draw(rng, pictures))
    for defect in planted:
        with suppress(NoRoom, *UNPLANTABLE):
            defect.plant(source, rng)
        for picture in source.pictures:
            picture.touched = ""
            for thing in picture.things:
                thing.touched = False
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "out")
        try:
            root = source.write(Path(folder, "source"), forgiven=(OSError,))
        except UNPLANTABLE:
            return
        before = fingerprint(root)
        try:
            result = ingest([root], out, IngestOptions(workers=1))
        except InputError:
            assert not (out / "dataset.json").exists()
            return
        finally:
            assert fingerprint(root) == before, "the source was changed"
        told = read_findings(out)
        obeyed(result, told)
        emptied = {row for row in told if row[0] == "DP214"}
        assert not {image for *_, image in emptied} & {r.filename for r, _ in Dataset(out) if not len(r)}
        assert verify(out).findings == ()


UNPLANTABLE = (KeyError, IndexError, AttributeError, TypeError, ValueError, OSError)
"""What planting in an entry that another defect has taken apart may raise."""


@settings(max_examples=40, derandomize=True)
@given(spoilt(most=12))
def test_the_law_holds_for_defects_on_top_of_each_other(case: tuple[str, list[Defect], int, int]) -> None:
    holds_anyhow(case)


@pytest.mark.slow
@settings(max_examples=1000)
@given(spoilt(most=30))
def test_the_law_holds_for_heaps_of_defects(case: tuple[str, list[Defect], int, int]) -> None:
    holds_anyhow(case)


def check(source: Source, folder: Path, whole: bool = True) -> IngestResult | None:
    """Write a source, ingest it, and hold the result against what the source expects; `whole`: verify it."""
    root, out = source.write(folder / "source"), folder / "out"
    before, expected = fingerprint(root), source.expected()
    try:
        result = ingest([root], out, IngestOptions(check="decode", workers=1))
    except InputError as error:
        assert not expected.kept, f"refused although {len(expected.kept)} images are usable: {error}"
        assert not (out / "dataset.json").exists() and not list(out.glob("*.tfrecord"))
        return None
    finally:
        assert fingerprint(root) == before, "the source was changed"
    told = read_findings(out)
    wanted = Counter({tuple(map(spelt, key)): n for key, n in expected.told.items()})
    assert told == wanted, f"not told: {wanted - told}\ntold too much: {told - wanted}"
    balanced(result, expected, told)
    stored = {record.filename: record for record, _ in Dataset(out)}
    assert sorted(stored) == sorted(picture.shown for picture in expected.kept)
    for picture in expected.kept:
        same(picture, stored[picture.shown], source.format)
    assert not whole or verify(out).findings == ()
    return result


def spelt(text: str) -> str:
    """Text as findings.jsonl holds it."""
    return printable(text, 1000)


def fingerprint(folder: Path) -> dict[str, tuple[int, int, str]]:
    """Every entry below a folder: kind, time, content."""
    seen = {}
    for path in sorted(folder.rglob("*")):
        about = path.lstat()
        content = (
            hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() and not path.is_symlink() else ""
        )
        content = os.readlink(path) if path.is_symlink() else content
        seen[str(path)] = (about.st_mode, about.st_mtime_ns, content)
    return seen


def read_findings(out: Path) -> Counter[Told]:
    """findings.jsonl as (code, action, file, place, image); COCO's images go by their index alone."""
    told: Counter[Told] = Counter()
    for line in (out / "findings.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        place = row["place"].split(" id ")[0] if row["place"].startswith("images[") else row["place"]
        assert row["slug"] == codes()[row["code"]].slug
        told[row["code"], row["action"], row["file"], place, row["image"]] += 1
    return told


def balanced(result: IngestResult, expected: Expected, told: Counter[Told]) -> None:
    """What the source expects, and the law."""
    assert (result.account.images, result.account.objects) == (expected.images, expected.objects)
    obeyed(result, told)


def obeyed(result: IngestResult, told: Counter[Told]) -> None:
    """The law: read = kept + left out, and the codes add up."""
    account = result.account
    for balance in (account.images, account.objects):
        assert balance.read == balance.kept + balance.left_out
    assert sum(account.left_out.values()) == account.images.left_out + account.objects.left_out
    by_code: Counter[str] = Counter()
    for (code, action, *_), n in told.items():
        by_code[code] += n * (action in ("ignored", "left out"))
    assert account.left_out == +by_code
    shards = result.manifest.shards
    assert sum(shard.records for shard in shards) == account.images.kept
    assert sum(shard.objects for shard in shards) == account.objects.kept


def same(picture: Picture, record: ImageRecord, kind: str) -> None:
    """A record holds exactly the objects to be kept, and an ignore region for every place that is known."""
    kept = [thing for thing in picture.things if not thing.gone]
    assert kept or not picture.things, f"{picture.shown} lost all boxes and became background"
    assert record.wh == picture.wh
    assert len(record) == len(kept)
    boxes = np.array([thing.xyxy for thing in kept], np.float64).reshape(-1, 4)
    np.testing.assert_allclose(record.xyxy, boxes, atol=1e-3)
    regions = [(thing.told[-1][0], thing.region) for thing in picture.things if thing.region]
    assert record.left_out_code == tuple(code for code, _ in regions)
    visible = np.array([region for _, region in regions], np.float64).reshape(-1, 4)
    np.testing.assert_allclose(record.left_out_xyxy, visible, atol=1e-3)
    if not kind.startswith("yolo"):
        assert record.difficult.tolist() == [thing.difficult for thing in kept]
        assert record.truncated.tolist() == [thing.truncated for thing in kept]
