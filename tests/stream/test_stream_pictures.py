"""Pictures are decoded once, lent within a budget, and gone after their last use; memory is used again."""

from __future__ import annotations

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from scenes import MIXED, PLAIN, some, stream_of

from datapipe.augment.render import factor_for
from datapipe.dataset import Dataset
from datapipe.stream.crew import Crew, in_order
from datapipe.stream.ledger import Ledger
from datapipe.stream.memory import Memory, room_for
from datapipe.stream.pictures import Loaded, Pictures, Wanted


def ours() -> set[threading.Thread]:
    """The stream's threads; a thread of TensorFlow's may have been seen here by a test before."""
    return {one for one in threading.enumerate() if one.name.startswith("datapipe")}


def decoded(stream) -> int:
    return stream.ledger()["stream"].get("pictures_decoded", 0)


def test_one_sample_decodes_its_own_pictures_only(pictures: Dataset):
    with stream_of(pictures) as stream:
        before = 0
        for k in (3, 70, 200, 201):
            shown = {tile.picture.number for tile in stream.plan(k).tiles}
            assert stream[k].position == k
            assert decoded(stream) - before <= len(shown)
            before = decoded(stream)
        stream.plan(300)
        assert decoded(stream) == before


def test_each_picture_of_a_window_is_decoded_once(pictures: Dataset):
    with stream_of(pictures) as stream:
        shown = {tile.picture.number for k in range(64) for tile in stream.plan(k).tiles}
        for step in range(4):
            stream.batch(step, 16)
        assert decoded(stream) == len(shown)
        assert not stream._pictures._held, "the last user is done"


def test_batches_made_side_by_side_share_their_pictures(pictures: Dataset):
    with stream_of(pictures, threads=4) as stream, ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda step: stream.batch(step, 16), range(4)))
        assert decoded(stream) == len(stream._planner.window(0).factors)


def test_the_factor_is_the_least_reduction_any_user_wants(pictures: Dataset):
    stream = stream_of(pictures, MIXED.replace("[0.5, 1.5]", "[0.1, 0.9]").replace("p: 0.7", "p: 0.2"))
    window = stream._planner.window(2)
    wanted: dict[int, list[int]] = {}
    for sample in window.samples:
        for tile in sample.plan.tiles:
            wanted.setdefault(tile.picture.number, []).append(factor_for(tile))
    assert window.factors == {number: min(found) for number, found in wanted.items()}
    assert len(set(window.factors.values())) > 1
    assert any(len(set(found)) > 1 for found in wanted.values())


class Counted(Pictures):
    """Pictures of 100 bytes that take a while; notes how many bytes are lent at a time."""

    def size(self, wanted: Wanted) -> int:
        return 100

    def _load(self, wanted: Wanted) -> Loaded:
        time.sleep(0.002)
        loads[wanted.number] += 1
        return Loaded(None, None)  # type: ignore[arg-type]


loads: Counter[int] = Counter()


def test_lending_stays_within_the_budget_and_ends_with_everything_given_back():
    loads.clear()
    held = Counted(None, None, (), 400, Ledger(), Memory(0), "accurate")  # type: ignore[arg-type]
    crew, most, lock = Crew(4), 0, threading.Lock()

    def borrow(first: int) -> None:
        nonlocal most
        uses = {Wanted(0, number, 1): 1 for number in range(first, first + 3)}
        with held.lent(uses, dict.fromkeys(range(20), 3), crew.submit) as lent:
            for future in lent.values():
                future.result()
            with lock:
                most = max(most, held._lent)
            assert held._bytes <= 400

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(borrow, [i % 16 for i in range(64)]))
    crew.close()
    assert 300 <= most <= 400
    assert held._lent == 0 and held._bytes == 100 * len(held._held) <= 400


def test_more_than_the_budget_is_lent_only_to_one_alone():
    held = Counted(None, None, (), 50, Ledger(), Memory(0), "accurate")  # type: ignore[arg-type]
    crew = Crew(2)
    with held.lent({Wanted(0, 1, 1): 1, Wanted(0, 2, 1): 1}, {}, crew.submit) as lent:
        assert held._lent == 200 and len(lent) == 2
    assert held._lent == held._bytes == 0
    crew.close()


def test_a_large_batch_is_made_in_portions_when_memory_is_short(pictures: Dataset):
    with stream_of(pictures, PLAIN, memory_mb=0.02) as stream:
        lent: list[int] = []
        original = stream._pictures.lent

        def lending(uses, users, submit):
            lent.append(sum(stream._pictures.size(wanted) for wanted in uses))
            return original(uses, users, submit)

        stream._pictures.lent = lending  # type: ignore[method-assign]
        stream.batch(0, 16)
    assert len(lent) > 2 and max(lent) <= 0.02 * 2**20


def test_64_threads_and_several_askers_hold_no_more_than_the_budget(pictures: Dataset):
    """A picture here has up to 70 x 50 px, 10 KB: three or so fit."""
    budget, most = int(0.03 * 2**20), [0]
    with stream_of(pictures, PLAIN, memory_mb=0.03, threads=64) as stream, ThreadPoolExecutor(4) as pool:
        load, held = stream._pictures._load, stream._pictures

        def loading(wanted: Wanted) -> Loaded:
            with held._room:
                most[0] = max(most[0], held._bytes)
            return load(wanted)

        held._load = loading  # type: ignore[method-assign]
        made = list(pool.map(lambda step: stream.batch(step, 16), range(12)))
    assert [batch.step for batch in made] == list(range(12))
    assert 0 < most[0] <= budget


def test_one_sample_reads_its_own_records_and_a_window_each_once(
    pictures: Dataset, monkeypatch: pytest.MonkeyPatch
):
    read: Counter[int] = Counter()
    original = Dataset.objects_of

    def noted(self: Dataset, i: int, *how: Any):
        read[i] += 1
        return original(self, i, *how)

    monkeypatch.setattr(Dataset, "objects_of", noted)
    with stream_of(pictures) as stream:
        stream[70]
        assert read == Counter({tile.picture.number for tile in stream.plan(70).tiles})
        read.clear()
        for step in range(8, 12):
            stream.batch(step, 16)
        assert read == Counter(
            {tile.picture.number for k in range(128, 192) for tile in stream.plan(k).tiles}
        )


def test_close_leaves_no_thread_and_the_stream_can_go_on(pictures: Dataset):
    before = ours()
    stream = stream_of(pictures)
    first = some(stream, 16, 32)
    assert ours() != before
    stream.close()
    assert ours() == before
    assert some(stream, 16, 32) == first
    stream.close()


def test_leaving_a_loop_early_leaves_no_thread(pictures: Dataset):
    before = ours()
    with stream_of(pictures) as stream:
        for batch in stream.batches(16):
            assert batch.step == 0
            break
        del batch
    assert ours() == before


def test_close_ends_a_loop_that_somebody_still_holds(pictures: Dataset):
    before = ours()
    stream = stream_of(pictures)
    batches = stream.batches(16)
    assert next(batches).step == 0
    stream.close()
    assert ours() == before
    assert next(batches, None) is None


def test_results_come_in_order_whatever_finishes_first():
    def slow(i: int):
        return lambda: (time.sleep(0.01 * (5 - i)), i)[1]

    assert list(in_order((slow(i) for i in range(5)), 3)) == [0, 1, 2, 3, 4]


def test_an_error_of_a_call_arrives_in_its_turn():
    def fail() -> int:
        raise ValueError("here")

    results = in_order(iter([lambda: 1, fail, lambda: 3]), 2)
    assert next(results) == 1
    with pytest.raises(ValueError, match="here"):
        next(results)


def test_memory_comes_back_when_the_last_view_goes():
    memory = Memory(1 << 20)
    array = memory.array((3, 5, 3))
    assert array.shape == (3, 5, 3) and array.dtype == np.uint8 and array.ctypes.data % 64 == 0
    place = array.ctypes.data
    view = array[1:, :2]
    del array
    assert memory.idle() == 0 and memory.array((3, 5, 3)).ctypes.data != place
    del view
    assert memory.idle() == 2 * room_for(45) and memory.array((2, 4, 3)).ctypes.data == place
    memory.clear()
    assert memory.idle() == 0


def test_two_arrays_never_share_memory():
    memory = Memory(1 << 24)
    for _ in range(3):
        arrays = [memory.array((64, 64, 3)) for _ in range(8)]
        for i, array in enumerate(arrays):
            array[...] = i
        assert all((array == i).all() for i, array in enumerate(arrays))


def test_idle_memory_is_bounded():
    memory = Memory(3 * room_for(10))
    arrays = [memory.array((10,)) for _ in range(9)]
    del arrays
    assert memory.idle() == 3 * room_for(10)


def test_memory_is_rounded_to_few_sizes():
    assert room_for(928_332) == 983_040
    asked = range(1, 1 << 22, 997)
    given = [room_for(size) for size in asked]
    assert all(0 <= got - size <= max(1 << 16, size / 8) for size, got in zip(asked, given, strict=True))
    assert len(set(given)) < 60


def test_a_batch_that_is_kept_is_not_painted_over(pictures: Dataset):
    with stream_of(pictures) as stream:
        kept = stream.batch(0, 16)
        copy = kept.images.copy()
        for step in range(1, 6):
            stream.batch(step, 16)
        assert np.array_equal(kept.images, copy)
