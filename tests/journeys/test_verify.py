"""`verify` finds any damage to anything that `ingest` wrote, and says where it is."""

import json
import random
import shutil
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from datapipe import tfrecord
from datapipe.dataset import Dataset
from datapipe.errors import InputError
from datapipe.findings import Finding
from datapipe.ingest import IngestOptions, ingest
from datapipe.records import decode
from datapipe.verify import verify
from journeys.sources import contents, run, spoil, yolo

FIRST = "train-00000-of-00002.tfrecord"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    source = yolo(folder / "source", images=16)
    spoil(source)
    ingest([source], folder / "out", IngestOptions(shard_count=2))
    return folder / "out"


@pytest.fixture
def out(whole: Path, tmp_path: Path) -> Path:
    """A copy to damage."""
    return Path(shutil.copytree(whole, tmp_path / "out"))


def found(folder: Path) -> list[Finding]:
    """What verify says; a manifest that cannot be trusted is one finding too."""
    try:
        return list(verify(folder).findings)
    except InputError as error:
        assert "dataset.json: damaged" in str(error)
        return [Finding("DP401", "kept", "dataset.json", "", str(error))]


def spans(shard: Path) -> list[tuple[int, int]]:
    """Offset and framed length of each record."""
    with open(shard, "rb") as file:
        return [(offset, len(payload) + tfrecord.OVERHEAD) for offset, payload in tfrecord.scan(file, "")]


def regions(path: Path) -> Iterator[tuple[str, range]]:
    """Each kind of place in a file, by name."""
    size = path.stat().st_size
    if path.suffix != ".tfrecord":
        yield "start", range(min(8, size))
        yield "anywhere", range(size)
        yield "end", range(max(0, size - 12), size)
        return
    data = path.read_bytes()
    for offset, length in spans(path):
        payload = data[offset + 12 : offset + length - 4]
        picture = decode(payload)[1]
        image = offset + 12 + payload.index(picture)
        yield "record length", range(offset, offset + 8)
        yield "length crc", range(offset + 8, offset + 12)
        yield "picture", range(image, image + len(picture))
        yield "labels before the picture", range(offset + 12, image)
        yield "labels after the picture", range(image + len(picture), offset + length - 4)
        yield "footer", range(offset + length - 4, offset + length)


def flips(folder: Path, seed: int, each: int) -> Iterator[tuple[Path, str, int, int]]:
    """Seeded places of every kind in every file, with the bits to turn over."""
    chance = random.Random(seed)
    for path in sorted(folder.iterdir()):
        for region, places in regions(path):
            for at in chance.sample(places, min(each, len(places))):
                yield path, region, at, chance.choice([1, 2, 4, 8, 16, 32, 64, 128, 255])


def hold_flips_are_found(out: Path, seed: int, each: int, least: int) -> None:
    assert found(out) == []
    n = 0
    for path, region, at, bits in flips(out, seed, each):
        data = path.read_bytes()
        damaged = bytearray(data)
        damaged[at] ^= bits
        path.write_bytes(damaged)
        told = found(out)
        path.write_bytes(data)
        about = f"{path.name}, {region}, byte {at} ^ {bits}: {told}"
        assert told, about
        assert {finding.file for finding in told} == {path.name}, about
        if path.suffix == ".tfrecord":
            record, offset = next((i, o) for i, (o, n) in enumerate(spans(path)) if o <= at < o + n)
            assert [finding.place for finding in told] == [f"record {record} at byte {offset}"], about
        n += 1
    assert n >= least
    assert found(out) == []


def test_any_flipped_byte_is_found_and_its_record_named(out):
    hold_flips_are_found(out, seed=1, each=2, least=200)


@pytest.mark.slow
def test_any_flipped_byte_is_found_and_its_record_named_many_times(out):
    hold_flips_are_found(out, seed=2, each=40, least=2000)


def test_damage_that_keeps_every_checksum_of_a_record_is_found(out):
    """A frame made anew around a changed payload: only the hashes of picture and shard can tell."""
    data = bytearray((out / FIRST).read_bytes())
    offset, length = spans(out / FIRST)[1]
    payload = bytearray(data[offset + 12 : offset + length - 4])
    picture = payload.index(decode(bytes(payload))[1])
    payload[picture + 300] ^= 1
    head, foot = tfrecord.frame(bytes(payload))
    data[offset : offset + length] = head + payload + foot
    (out / FIRST).write_bytes(data)
    told = found(out)
    assert (told[0].code, told[0].file) == ("DP403", FIRST)
    assert told[0].place == f"record 1 at byte {offset}" and "SHA-256" in told[0].value
    assert told[0].image.endswith(".jpg")


def test_every_file_may_be_missing_or_cut_and_is_named(out):
    for path in sorted(out.iterdir()):
        data = path.read_bytes()
        for cut in (None, 0, 1, len(data) // 2, len(data) - 1):
            if cut is None:
                path.unlink()
            else:
                path.write_bytes(data[:cut])
            if path.name == "dataset.json":
                with pytest.raises(InputError, match=r"no dataset\.json|damaged"):
                    verify(out)
            else:
                told = found(out)
                assert told and {finding.file for finding in told} == {path.name}, (path.name, cut, told)
                assert cut is not None or told[0].code == "DP401"
        path.write_bytes(data)
    assert found(out) == []


def test_a_file_cut_between_two_records_and_one_with_more_at_its_end_are_found(out):
    shard = out / FIRST
    data, (offset, length) = shard.read_bytes(), spans(shard)[-1]
    for damaged in (data[:offset], data + data[offset : offset + length], data + b"\0"):
        shard.write_bytes(damaged)
        told = found(out)
        assert told and {finding.file for finding in told} == {FIRST}


def test_swapped_shards_and_swapped_indices_are_found(out):
    for ending in (".tfrecord", ".index"):
        one, other = (out / f"train-0000{i}-of-00002{ending}" for i in range(2))
        first, second = one.read_bytes(), other.read_bytes()
        one.write_bytes(second)
        other.write_bytes(first)
        assert {finding.file for finding in found(out)} >= {one.name, other.name}
        one.write_bytes(first)
        other.write_bytes(second)
    assert found(out) == []


def test_a_stray_file_is_found(out):
    (out / "notes.txt").write_text("mine")
    (out / "train-00002-of-00002.tfrecord").write_bytes(b"")
    assert [(f.code, f.file) for f in found(out)] == [
        ("DP408", "notes.txt"),
        ("DP408", "train-00002-of-00002.tfrecord"),
    ]


def test_two_damages_are_two_findings(out):
    for name in (FIRST, "val-00001-of-00002.tfrecord"):
        data = bytearray((out / name).read_bytes())
        data[40] ^= 1
        (out / name).write_bytes(data)
    assert sorted(finding.file for finding in found(out)) == [FIRST, "val-00001-of-00002.tfrecord"]


def test_the_command_line_names_shard_and_record_and_exits_with_1(out):
    clean = run("verify", out)
    assert clean.returncode == 0 and "whole" in clean.stdout
    offset, length = spans(out / FIRST)[2]
    data = bytearray((out / FIRST).read_bytes())
    data[offset + length // 2] ^= 16
    (out / FIRST).write_bytes(data)
    before = contents(out)
    damaged = run("verify", out, "-q")
    assert (damaged.returncode, damaged.stderr) == (1, "")
    assert f"{FIRST}  record 2 at byte {offset}" in damaged.stdout and "damaged" in damaged.stdout
    told = json.loads(run("verify", out, "--json").stdout)
    assert told["whole"] is False and told["findings"][0]["place"] == f"record 2 at byte {offset}"
    (out / "dataset.json").write_text("{}")
    broken = run("verify", out, "--json")
    assert (broken.returncode, broken.stdout) == (3, "") and "dataset.json: damaged" in broken.stderr
    assert contents(out).keys() == before.keys()


def some(out: Path) -> tuple[str, str]:
    """An image with objects, and one of them."""
    record, _ = next(pair for pair in Dataset(out) if len(pair[0]))
    return record.image_id, record.object_id[0]


def test_overlays_that_make_sense_are_clean(out):
    image, thing = some(out)
    lines = [
        {"image": image, "object": thing, "edit": "class", "class": "dog", "who": "me", "why": "it barks"},
        {"image": image, "object": thing, "edit": "box", "xyxy": [1, 2, 10, 12.5]},
        {"image": image, "object": thing, "edit": "ignore"},
        {"image": image, "edit": "leave_out"},
    ]
    (out / "edits.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n\n")
    (out / "splits.json").write_text(json.dumps({image: "test"}))
    assert found(out) == []


@pytest.mark.parametrize(
    ("file", "text", "word"),
    [
        ("splits.json", '{"nobody": "val"}', "nobody"),
        ("splits.json", '{"IMAGE": 3}', "split"),
        ("splits.json", '["val"]', "mapping"),
        ("splits.json", '{"IMAGE": ', "not JSON"),
        ("splits.json", "[" * 100_000, "not JSON"),
        ("edits.jsonl", '{"image": "nobody", "edit": "leave_out"}', "nobody"),
        ("edits.jsonl", '{"image": "IMAGE", "object": "none", "edit": "ignore"}', "no object 'none'"),
        ("edits.jsonl", '{"image": "IMAGE", "object": "THING", "edit": "class", "class": "dgo"}', "'dog'"),
        ("edits.jsonl", '{"image": "IMAGE", "object": "THING", "edit": "clas"}', "'class'"),
        ("edits.jsonl", '{"image": "IMAGE", "edit": "ignore"}', "needs 'object'"),
        ("edits.jsonl", '{"image": "IMAGE", "object": "THING", "edit": "ignore", "wyh": ""}', "'why'"),
        ("edits.jsonl", '{"image": "IMAGE", "object": "THING", "edit": "box", "xyxy": [5, 1, 2, 3]}', "xyxy"),
        ("edits.jsonl", '{"image": "IMAGE", "object": "THING", "edit": "box", "xyxy": [0, 0, 1]}', "xyxy"),
        ("edits.jsonl", '{"image": "IMAGE", "object": "THING", "edit": "box", "xyxy": [0,0,1,NaN]}', "xyxy"),
        (
            "edits.jsonl",
            '{"image": "IMAGE", "object": "THING", "edit": "box", "xyxy": [0,0,1,1e999]}',
            "xyxy",
        ),
        ("edits.jsonl", '\n{"image": "IMAGE"}', ":2: no edit None"),
        ("edits.jsonl", "leave out the third one", "not JSON"),
        ("edits.jsonl", "\xff", "not JSON"),
        ("edits.jsonl", "7", "names its image"),
    ],
)
def test_senseless_overlays_are_found(file: str, text: str, word: str, out):
    image, thing = some(out)
    encoded = text.replace("IMAGE", image).replace("THING", thing).encode("latin-1")
    (out / file).write_bytes(encoded)
    told = found(out)
    assert [finding.code for finding in told] == ["DP407"]
    assert word in told[0].value, told


def test_a_picture_of_another_kind_than_the_record_says_is_found(out):
    """Everything that says how long things are still fits: the record's own word is compared too."""
    data = bytearray((out / FIRST).read_bytes())
    offset, length = spans(out / FIRST)[0]
    payload = bytes(data[offset + 12 : offset + length - 4])
    changed = payload.replace(b"jpeg", b"webp")
    assert changed != payload
    head, foot = tfrecord.frame(changed)
    assert struct.unpack("<Q", head[:8])[0] == len(payload)
    data[offset : offset + length] = head + changed + foot
    (out / FIRST).write_bytes(data)
    assert {(finding.code, finding.file) for finding in found(out)} >= {("DP403", FIRST)}


@pytest.mark.parametrize("check", ["header", "structure"])
def test_what_ingest_was_not_asked_to_look_for_is_no_damage_afterwards(check: str, tmp_path):
    source = yolo(tmp_path / "source", images=4)
    picture = source / "images/train/0000.jpg"
    data = picture.read_bytes()
    picture.write_bytes(data[: len(data) // 2] + b"\0" * 99 + b"\xff\xd9")
    ingest([source], tmp_path / "out", IngestOptions(check=check))
    assert verify(tmp_path / "out").findings == ()
