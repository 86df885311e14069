"""OUT is new, empty, or this job's own; SRC is never changed; the bytes depend on the job alone."""

import json
import os
import signal
import time
from pathlib import Path

import pytest

from datapipe import words
from datapipe.errors import CheckFailed, UsageError
from datapipe.ingest import IngestOptions, ingest
from datapipe.publish import Limits
from datapipe.reading import Selection
from datapipe.verify import verify
from journeys.sources import contents, job, run, spoil, stamps, started, there, yolo


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return yolo(tmp_path_factory.mktemp("source"), images=40)


@pytest.fixture(autouse=True)
def source_stays_as_it_is(source):
    before = contents(source), stamps(source)
    yield
    assert (contents(source), stamps(source)) == before


def hold_refused(arguments: list[object], exit_code: int, *words: str) -> None:
    refused = run(*arguments, "-q")
    assert refused.returncode == exit_code, refused
    assert refused.stdout == "" and refused.stderr.count("\n") == 1, refused.stderr
    for word in words:
        assert word in refused.stderr


def made(source: Path, out: Path, **options: object) -> dict[str, str]:
    """The bytes of an ingest in this process."""
    ingest([source], out, IngestOptions(**{"shard_count": 3, **options}))
    return contents(out)


@pytest.mark.parametrize("place", ["new", "some/parents/new", "empty", "empty/", "with space", "ünï"])
def test_out_may_be_new_or_empty_and_parents_are_made(place: str, source, tmp_path, monkeypatch):
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    ingest([source], place, IngestOptions())
    assert verify(tmp_path / place).findings == ()
    assert not (tmp_path / place / ".unfinished").exists()


@pytest.mark.parametrize(
    "stranger", ["notes.txt", "train-00000-of-00001.tfrecord", ".hidden", "sub/file", "images.parquet"]
)
def test_a_folder_with_a_strangers_file_is_refused_and_untouched(stranger: str, source, tmp_path):
    path = tmp_path / "out" / stranger
    path.parent.mkdir(parents=True)
    path.write_text("mine")
    before = stamps(tmp_path)
    with pytest.raises(UsageError, match="not empty .* choose a new or empty folder"):
        ingest([source], tmp_path / "out")
    assert stamps(tmp_path) == before and path.read_text() == "mine"


def test_out_is_not_the_source_nor_inside_it_nor_a_file(source, tmp_path):
    (tmp_path / "link").symlink_to(source)
    (tmp_path / "file").write_text("")
    hold_refused(job(source, source), 2, "lies in the source")
    for out in (source / "deep/er", tmp_path / "link/out", f"{source}/../{source.name}"):
        with pytest.raises(UsageError, match="lies in the source"):
            ingest([source], out)
    with pytest.raises(UsageError, match="is a file; choose a folder"):
        ingest([source], tmp_path / "file")


def test_the_source_may_not_lie_in_a_finished_dataset(source, tmp_path):
    out = tmp_path / "out"
    ingest([source], out)
    inside = yolo(out / "source", images=4)
    with pytest.raises(UsageError, match="lies in the output folder"):
        ingest([inside], out)


def test_the_same_job_again_changes_nothing_and_says_so(source, tmp_path):
    out = tmp_path / "out"
    assert run(*job(source, out)).returncode == 0
    before = stamps(out)
    again = run(*job(source, out, 2))
    assert again.returncode == 0 and "already complete" in again.stdout
    assert ingest([source], out, IngestOptions(shard_count=12)).to_json()["already_complete"] is True
    assert stamps(out) == before


@pytest.mark.parametrize(
    "other",
    [
        {"seed": 1},
        {"shard_count": 2},
        {"split": "train=0.5,val=0.5"},
        {"check": "header"},
        {"selection": Selection(classes=("dog",))},
    ],
)
def test_a_finished_dataset_of_another_job_is_refused_and_untouched(other, source, tmp_path):
    made(source, tmp_path / "out")
    before = stamps(tmp_path)
    with pytest.raises(UsageError, match=r"holds another dataset \(other sources or options\)"):
        made(source, tmp_path / "out", **other)
    assert stamps(tmp_path) == before


def test_a_changed_source_is_another_job(tmp_path):
    source = yolo(tmp_path / "source", images=8)
    made(source, tmp_path / "out")
    (source / "labels/train/0000.txt").write_text("1 0.5 0.5 0.1 0.1\n")
    with pytest.raises(UsageError, match="holds another dataset"):
        made(source, tmp_path / "out")


def test_unfinished_work_of_another_job_is_refused_and_can_still_be_finished(source, tmp_path):
    out = tmp_path / "out"
    with started(job(source, out), "unfinished") as process:
        while not there(out, ".unfinished/*.tfrecord"):
            assert process.poll() is None
        process.kill()
        process.communicate()
    before = stamps(out)
    hold_refused([*job(source, out), "--seed", "5"], 2, "holds the unfinished work of another ingest")
    assert stamps(out) == before
    hold_refused(["verify", out], 3, "an unfinished dataset", "run the same ingest again")
    assert run(*job(source, out)).returncode == 0


def test_shards_that_no_job_claims_any_more_are_made_anew(tmp_path):
    """A run killed while it cleared its work away leaves them: they may hold what the source said before."""
    source, out = yolo(tmp_path / "source", images=8), tmp_path / "out"
    with started(job(source, out), "cleared") as process:
        while not there(out, ".unfinished/*.json") - {out / ".unfinished/job.json"}:
            assert process.poll() is None
        process.kill()
        process.communicate()
    (out / ".unfinished/job.json").unlink()
    for label in (source / "labels/train").iterdir():
        label.write_text("1 0.5 0.5 0.1 0.1\n")
    made(source, out)
    made(source, tmp_path / "undisturbed")
    assert contents(out) == contents(tmp_path / "undisturbed") and verify(out).findings == ()


def test_names_that_are_not_utf8_may_stand_anywhere(tmp_path):
    odd = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9 \n")
    source, out = yolo(Path(odd, "source"), images=4), Path(odd, "out")
    assert run(*job(source, out)).returncode == 0
    assert run("verify", out).returncode == 0
    root = json.loads((out / "dataset.json").read_text())["sources"][0]["root"]
    assert root.endswith("caf\\udce9 \n/source")


def test_two_ingests_at_once_into_one_folder(source, tmp_path):
    out = tmp_path / "out"
    with started(job(source, out), "twice") as first:
        while not there(out, ".unfinished/*.json"):
            assert first.poll() is None
        first.send_signal(signal.SIGSTOP)
        hold_refused(job(source, out), 2, "another ingest is writing here")
        first.send_signal(signal.SIGCONT)
        assert first.wait(30) == 0
    assert verify(out).findings == ()


@pytest.mark.parametrize("limit", ["--strict", "--max-quarantine 0", "--max-quarantine 1"])
def test_a_limit_publishes_nothing_and_a_later_run_without_it_succeeds(limit: str, tmp_path):
    source, out = yolo(tmp_path / "source", images=16), tmp_path / "out"
    lost = spoil(source)
    before = contents(source)
    for _ in range(1 + (limit == "--strict")):
        asked = ["ingest", source, "--out", out, "-w", "1", *limit.split()]
        hold_refused(asked, 1, limit.split()[0], f"{lost} items quarantined", "nothing was published")
        assert list(contents(out)) == ["findings.jsonl"]
    places = [json.loads(line)["code"] for line in (out / "findings.jsonl").read_text().splitlines()]
    assert {"DP104", "DP106"} <= set(places)
    later = run("ingest", source, "--out", out, "-w", "1")
    assert later.returncode == 0 and f"{lost} quarantined" in later.stdout
    assert verify(out).findings == () and contents(source) == before


def test_the_limit_counts_images_and_objects_and_may_be_a_share(tmp_path):
    source = yolo(tmp_path / "source", images=16)
    lost = spoil(source)
    for limit in (str(lost), "50%", "12.6%"):  # of 16 images and 33 objects
        out = tmp_path / limit
        ingest([source], out, IngestOptions(limits=Limits(max_quarantine=words.limit(limit))))
        assert (out / "dataset.json").exists()
    with pytest.raises(CheckFailed, match=f"--max-quarantine 12.00%: {lost} items"):
        ingest([source], tmp_path / "no", IngestOptions(limits=Limits(max_quarantine=words.limit("12%"))))


def test_strict_on_a_clean_source_succeeds_and_on_a_finished_dataset_is_held_too(source, tmp_path):
    assert run(*job(source, tmp_path / "clean"), "--strict").returncode == 0
    spoiled = yolo(tmp_path / "source", images=8)
    spoil(spoiled)
    assert run(*job(spoiled, tmp_path / "out")).returncode == 0
    before = stamps(tmp_path / "out")
    hold_refused([*job(spoiled, tmp_path / "out"), "--strict"], 1, "quarantined", "stays as it is")
    assert stamps(tmp_path / "out") == before


def test_workers_and_place_do_not_change_a_byte(source, tmp_path):
    bytes_of = []
    for workers in (1, 2, 3):
        assert run(*job(source, tmp_path / f"out{workers}", workers)).returncode == 0
        bytes_of.append(contents(tmp_path / f"out{workers}"))
    assert bytes_of[0] == bytes_of[1] == bytes_of[2] == made(source, tmp_path / "here", shard_count=12)


def test_the_seed_changes_the_order_and_nothing_else(source, tmp_path):
    one, other = made(source, tmp_path / "0", seed=0), made(source, tmp_path / "1", seed=1)
    assert one.keys() == other.keys() and one["label_map.pbtxt"] == other["label_map.pbtxt"]
    assert one["train-00000-of-00003.tfrecord"] != other["train-00000-of-00003.tfrecord"]
    totals = [sum(path.stat().st_size for path in (tmp_path / s).glob("*.tfrecord")) for s in "01"]
    assert totals[0] == totals[1]


def test_shards_are_as_many_as_asked_and_even_in_bytes(source, tmp_path):
    for count in (1, 2, 5):
        out = tmp_path / str(count)
        ingest([source], out, IngestOptions(shard_count=count))
        for split in ("train", "val"):
            sizes = [path.stat().st_size for path in out.glob(f"{split}-*-of-0000{count}.tfrecord")]
            largest = max(json.loads((out / "dataset.json").read_text())["shards"], key=lambda s: s["bytes"])
            assert len(sizes) == count
            assert max(sizes) - min(sizes) <= 1.2 * largest["bytes"] / largest["records"]


def test_no_more_shards_than_images(tmp_path):
    source = yolo(tmp_path / "source", images=5)
    ingest([source], tmp_path / "out", IngestOptions(shard_count=50))
    assert sorted(path.name for path in (tmp_path / "out").glob("*.tfrecord")) == [
        *(f"train-0000{i}-of-00004.tfrecord" for i in range(4)),
        "val-00000-of-00001.tfrecord",
    ]


@pytest.mark.parametrize("size", ["20KiB", "40kB", "1MB"])
def test_shards_are_about_the_size_asked_for(size: str, source, tmp_path):
    out = tmp_path / "out"
    assert run("ingest", source, "-o", out, "-w", "1", "--shard-size", size).returncode == 0
    most = {"20KiB": 20480, "40kB": 40_000, "1MB": 10**6}[size]
    sizes = {path.name: path.stat().st_size for path in out.glob("*.tfrecord")}
    assert all(nbytes <= 1.1 * most for nbytes in sizes.values()), sizes
    total = sum(n for name, n in sizes.items() if name.startswith("train"))
    assert sum(name.startswith("train") for name in sizes) <= 2 + 1.5 * total / most, "needlessly many"


def test_a_folder_without_permission_is_refused(source, tmp_path):
    if not os.geteuid():
        pytest.skip("root may write everywhere")
    (tmp_path / "closed").mkdir(mode=0o500)
    hold_refused(job(source, tmp_path / "closed/out"), 4, "Permission denied")


def test_nothing_is_written_outside_out(source, tmp_path, monkeypatch):
    for folder in ("cwd", "home", "temporary"):
        (tmp_path / folder).mkdir()
    begun = time.time()
    surroundings = {"HOME": str(tmp_path / "home"), "TMPDIR": str(tmp_path / "temporary")}
    assert run(*job(source, tmp_path / "out", 2), cwd=tmp_path / "cwd", env=surroundings).returncode == 0
    assert time.time() > begun
    assert {path.name for path in tmp_path.iterdir()} == {"cwd", "home", "temporary", "out"}
    assert not any(list((tmp_path / folder).iterdir()) for folder in ("cwd", "home", "temporary"))
