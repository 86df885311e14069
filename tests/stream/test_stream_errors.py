"""What goes wrong says where; a damaged record stops, or is skipped in one fixed way, and is counted."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from make import make_picture
from scenes import MIXED, PLAIN, digest, make_pictures, some, stream_of

from datapipe.dataset import Dataset
from datapipe.errors import RecordError, UsageError
from datapipe.recipe import Recipe
from datapipe.stream import Stream


def damage(dataset: Dataset, *numbers: int) -> Dataset:
    """Flip a byte in the middle of some records."""
    images = dataset.images
    for number in numbers:
        [name] = {
            path.name
            for path in dataset.folder.glob("*.tfrecord")
            if path.name.split("-")[1] == f"{images['shard'][number]:05d}"
        }
        with open(dataset.folder / name, "r+b") as file:
            place = int(images["offset"][number] + images["length"][number] // 2)
            file.seek(place)
            byte = file.read(1)[0]
            file.seek(place)
            file.write(bytes([byte ^ 255]))
    return Dataset(dataset.folder)


@pytest.fixture(scope="module")
def damaged(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return damage(make_pictures(tmp_path_factory.mktemp("damaged"), 70), 11, 40, 41)


def test_a_damaged_record_stops_with_position_and_picture(damaged: Dataset):
    with stream_of(damaged, PLAIN) as stream:
        order = stream._order.pictures(0, 70)
        first = min(order.index(number) for number in (11, 40, 41))
        step = first // 16
        name = damaged.images["filename"][order[first]]
        with pytest.raises(RecordError) as caught:
            stream.batch(step, 16)
        assert str(caught.value).startswith(f"position {first} (image '{name}'): train-0000")
        assert "checksum" in str(caught.value)
        whole = next(k for k in range(70) if order[k] not in (11, 40, 41))
        assert stream[whole].position == whole


def test_the_error_is_the_same_for_any_number_of_threads(damaged: Dataset):
    messages = set()
    for threads in (1, 8):
        with stream_of(damaged, threads=threads) as stream, pytest.raises(RecordError) as caught:
            stream.batch(0, 64)
        messages.add(str(caught.value))
    assert len(messages) == 1


def test_skipping_shows_the_next_whole_primary_and_counts(damaged: Dataset):
    with stream_of(damaged, PLAIN, on_damaged="skip") as stream:
        order = stream._order.pictures(0, 64)
        batches = [stream.batch(step, 16) for step in range(4)]
        images = [int(i) for batch in batches for i in batch.image]
        ids = [image_id for batch in batches for image_id in batch.image_id]
        bad = [k for k in range(64) if order[k] in (11, 40, 41)]
        for k in range(64):
            want = next(n for n in order[k:] + order[:k] if n not in (11, 40, 41))
            assert images[k] == want and ids[k] == damaged.images["image_id"][want]
        assert stream.ledger()["stream"]["damaged_pictures_replaced"] == len(bad) > 0


def test_a_replaced_picture_is_counted_once_however_much_was_known_of_it(damaged: Dataset):
    counts = []
    for before in (), (3, 13, 40):
        with stream_of(damaged, PLAIN, on_damaged="skip") as stream:
            for k in before:
                assert stream[k].position == k
            stream.take_ledger()
            stream.batch(0, 64)
            counts.append(stream.take_ledger()["stream"]["damaged_pictures_replaced"])
    assert counts[0] == counts[1] > 0


def test_skipping_gives_the_same_bytes_in_any_order_and_portion(damaged: Dataset):
    found = set()
    for threads, batch_size in ((1, 64), (8, 16), (2, 8)):
        with stream_of(damaged, on_damaged="skip", threads=threads) as stream:
            found.add(some(stream, batch_size, 128))
    with stream_of(damaged, on_damaged="skip") as stream:
        backwards = [stream.batch(step, 16) for step in reversed(range(8))]
        found.add(digest(backwards[::-1]))
        assert len(found) == 1
    with stream_of(damaged, on_damaged="skip") as single:
        batch = backwards[-1]
        for i in (15, 3, 9):
            assert np.array_equal(single[i].pixels, batch.images[i])


def test_nothing_of_a_damaged_picture_is_shown(damaged: Dataset):
    with stream_of(damaged, on_damaged="skip") as stream:
        shown = {
            tile["image"] for s in stream.window(0) for layer in s.origin["layers"] for tile in layer["tiles"]
        }
        assert not shown & {11, 40, 41}


def test_a_window_without_a_whole_record_is_refused(tmp_path: Path):
    dataset = damage(make_pictures(tmp_path, 3), 0, 1, 2)
    with (
        stream_of(dataset, on_damaged="skip") as stream,
        pytest.raises(RecordError, match="positions 0 to 63: the records of all their pictures are damaged"),
    ):
        stream.batch(0, 16)


@dataclass(frozen=True)
class Broken:
    """A pixel step that fails on one sample."""

    at: int = 3

    def __call__(self, pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        calls.append(rng.integers(100))
        if len(calls) == self.at:
            raise ZeroDivisionError("a bug")
        return pixels


calls: list[int] = []


def test_a_whole_record_whose_picture_does_not_decode_is_damaged_too(
    pictures: Dataset, monkeypatch: pytest.MonkeyPatch
):
    with stream_of(pictures, PLAIN) as stream:
        first = stream._order.pictures(0, 8)[5]
    original = Dataset.objects_of

    def torn(self: Dataset, i: int, *how: Any):
        objects, data = original(self, i, *how)
        return objects, data[:20] if i == first else data

    monkeypatch.setattr(Dataset, "objects_of", torn)
    name = pictures.images["filename"][first]
    with stream_of(pictures, PLAIN) as stream, pytest.raises(RecordError) as caught:
        stream.batch(0, 16)
    assert str(caught.value).startswith(f"position 5 (image {name!r}): ") and "decode" in str(caught.value)
    with stream_of(pictures, PLAIN, on_damaged="skip") as stream:
        assert first not in stream.batch(0, 16).image
        assert stream.ledger()["stream"]["damaged_pictures_replaced"] == 1


def test_a_picture_of_another_size_than_its_record_says_is_damaged(
    pictures: Dataset, monkeypatch: pytest.MonkeyPatch
):
    """Its boxes would lie somewhere else."""
    original = Dataset.objects_of
    monkeypatch.setattr(Dataset, "objects_of", lambda *asked: (original(*asked)[0], make_picture((44, 31))))
    with (
        stream_of(pictures, PLAIN) as stream,
        pytest.raises(RecordError, match=r"position 0 .*decodes to 44x31 px, the record says \d+x\d+"),
    ):
        stream.batch(0, 16)


def test_an_error_in_a_step_says_which_step_and_picture(pictures: Dataset):
    calls.clear()
    recipe = replace(Recipe.parse(PLAIN), pixels=(Broken(),))
    with Stream(pictures, recipe, threads=1) as stream, pytest.raises(ZeroDivisionError) as caught:
        stream.batch(0, 16)
    name = pictures.images["filename"][stream._order.pictures(0, 3)[2]]
    assert caught.value.__notes__ == [f"datapipe: position 2 (image {name!r}), step Broken"]


@dataclass(frozen=True)
class Grey:
    """A pixel step that forgets two channels."""

    def __call__(self, pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return pixels[..., :1]


def test_a_step_gives_back_what_it_was_given(pictures: Dataset):
    recipe = replace(Recipe.parse(PLAIN), pixels=(Grey(),))
    with (
        Stream(pictures, recipe) as stream,
        pytest.raises(ValueError, match=r"gave back uint8 \(48, 48, 1\)"),
    ):
        stream.batch(0, 16)


def test_an_error_leaves_nothing_lent(pictures: Dataset):
    calls.clear()
    recipe = replace(Recipe.parse(PLAIN), pixels=(Broken(),))
    with Stream(pictures, recipe, threads=2) as stream:
        with pytest.raises(ZeroDivisionError):
            stream.batch(0, 16)
        assert stream._pictures._lent == 0
        assert len(stream.batch(0, 16)) == 16


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split": "trian"}, "no split 'trian': did you mean 'train'?"),
        ({"seed": -1}, "seed -1: want a whole number from 0"),
        ({"shard": (2, 2)}, r"shard \(2, 2\): want \(host, hosts\) with 0 <= host < hosts"),
        ({"threads": 0}, "threads 0"),
        ({"memory_mb": 0}, "memory_mb 0"),
        ({"on_damaged": "skpi"}, "no 'skpi': did you mean 'skip'?"),
    ],
)
def test_what_cannot_be_is_refused_at_once(pictures: Dataset, options, message: str):
    with pytest.raises(UsageError, match=message):
        Stream(pictures, Recipe.parse(MIXED), **options)


def test_an_empty_split_is_refused(pictures: Dataset, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(pictures.splits, "val", np.array([], np.int64))
    with pytest.raises(UsageError, match="split 'val' holds no image"):
        stream_of(pictures, split="val")


@pytest.mark.parametrize("batch_size", [0, 12, 128])
def test_a_batch_divides_the_window(pictures: Dataset, batch_size: int):
    with (
        stream_of(pictures) as stream,
        pytest.raises(UsageError, match=f"batch_size {batch_size}: want a divisor of .*window, 64"),
    ):
        stream.batch(0, batch_size)


def test_there_is_nothing_before_position_0(pictures: Dataset):
    with stream_of(pictures) as stream:
        for ask in (lambda: stream[-1], lambda: stream.plan(-1), lambda: stream.batch(-1, 16)):
            with pytest.raises(IndexError):
                ask()


def test_an_interrupted_batch_ends_the_threads(damaged: Dataset):
    with pytest.raises(RecordError), stream_of(damaged) as stream:
        for batch in stream.batches(16):
            assert len(batch) == 16
    assert not [one for one in threading.enumerate() if one.name.startswith("datapipe")]
