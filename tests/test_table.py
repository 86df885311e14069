"""The object table says what the records say."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from make import CLASSES, make_record
from pyarrow import parquet

from datapipe import records, table
from datapipe.columns import CORNERS


def write(folder: Path, name: str, *shards: list[records.ImageRecord]) -> tuple[Path, Path]:
    parts = []
    for number, shard in enumerate(shards):
        rows = table.ShardTable("train", number)
        for i, record in enumerate(shard):
            rows.add(record, 100 * i, 90)
        parts.append((folder / f"{name}{number}.images", folder / f"{name}{number}.objects"))
        for path, made in zip(parts[-1], rows.tables(), strict=True):
            path.write_bytes(table.to_bytes(made))
    out = folder / f"{name}.images.parquet", folder / f"{name}.objects.parquet"
    table.join(parts, *out)
    return out


def test_image_numbers_count_over_all_shards_and_empty_shards_do_no_harm(tmp_path):
    three = [make_record(n=n, image_id=str(n)) for n in (2, 0, 1)]
    images, objects = write(tmp_path, "a", three[:2], [], [make_record(n=0)], three[2:])
    rows, things = table.read(images), table.read(objects)
    assert rows["image_id"].tolist() == ["2", "0", "7", "1"]
    assert rows["shard"].tolist() == [0, 0, 2, 3] and rows["offset"].tolist() == [0, 100, 0, 0]
    assert rows["objects"].tolist() == [2, 0, 0, 1]
    assert things["image"].tolist() == [0, 0, 3] and things["image"].dtype == np.int32


def test_corners_are_those_that_reading_the_record_gives(tmp_path):
    record = make_record(wh=(333, 77), xyxy=np.array([[0.1, 1.7, 332.9, 76.3]], np.float32))
    _, objects = write(tmp_path, "a", [record])
    read, _ = records.decode(records.encode(record, b"", CLASSES))
    found = table.read(objects, ["xmin", "ymin", "xmax", "ymax"])
    assert [float(found[side][0]) for side in CORNERS] == read.xyxy[0].tolist()


def test_only_the_asked_columns_are_read(tmp_path):
    images, _ = write(tmp_path, "a", [make_record()])
    assert list(table.read(images, ["width", "image_id"])) == ["width", "image_id"]


def test_a_file_that_is_no_table_is_a_value_error(tmp_path):
    (tmp_path / "x.parquet").write_bytes(b"PAR1 not")
    with pytest.raises(pa.ArrowInvalid):
        table.read(tmp_path / "x.parquet")
    assert issubclass(pa.ArrowInvalid, ValueError)


def test_a_name_that_is_no_utf8_gets_the_form_it_has_in_the_record(tmp_path):
    record = make_record(path="caf\udce9.jpg", filename="caf\udce9.jpg", object_id=("\udce9",))
    read, _ = records.decode(records.encode(record, b"", CLASSES))
    images, objects = write(tmp_path, "a", [record])
    assert table.read(images)["path"].tolist() == [read.path]
    assert table.read(images)["filename"].tolist() == [read.filename]
    assert table.read(objects)["object_id"].tolist() == [read.object_id[0]]


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="counts the threads that Linux shows")
def test_reading_leaves_no_thread_that_could_outlive_the_interpreter(tmp_path):
    images, _ = write(tmp_path, "a", [make_record()])
    script = (
        "import os, sys; from pathlib import Path; from datapipe import table\n"
        "before = set(os.listdir('/proc/self/task')); table.read(Path(sys.argv[1]))\n"
        "sys.exit(len(set(os.listdir('/proc/self/task')) - before))"
    )
    environment = os.environ | {"ARROW_DEFAULT_MEMORY_POOL": "system"}
    command = [sys.executable, "-c", script, str(images)]
    assert subprocess.run(command, env=environment, check=False, timeout=60).returncode == 0


def test_a_column_in_parts_is_one_array_of_its_own_dtype():
    whole = pa.chunked_array([pa.array([True, False, True, True] * 5).slice(3, 11), pa.array([False])])
    assert table.numpy_of(whole).tolist() == whole.to_pylist()
    numbers = pa.chunked_array([pa.array([], pa.int16()), pa.array(range(9), pa.int16()).slice(2, 3)])
    assert table.numpy_of(numbers).dtype == np.int16 and table.numpy_of(numbers).tolist() == [2, 3, 4]
    assert table.numpy_of(pa.chunked_array([["a", "é"], []])).tolist() == ["a", "é"]
    assert table.numpy_of(pa.chunked_array([], pa.float32())).dtype == np.float32


@pytest.mark.parametrize(
    ("values", "message"), [([1, None], "1 of 2 values"), ([[1]], "want numbers, truth values or text")]
)
def test_a_column_that_no_table_has_is_a_value_error(values, message):
    with pytest.raises(ValueError, match=message):
        table.numpy_of(pa.chunked_array([values]))


def test_reading_a_table_imports_no_pandas(tmp_path):
    parquet.write_table(pa.table({"a": [1], "b": ["x"], "c": [True]}), tmp_path / "t.parquet")
    (tmp_path / "pandas.py").write_text("raise SystemExit('pandas was imported')")
    script = "import sys, pathlib, datapipe.table as t; t.read(pathlib.Path(sys.argv[1]))"
    subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "t.parquet")],
        check=True,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
    )
