"""Every code of codes.toml can be reached: by a defect planted in a source, or by damage to a dataset."""

from __future__ import annotations

import errno
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from defects import DEFECTS
from doctor.ailing import AILING
from make import make_coco, make_dataset, make_image
from mini import FORMATS, draw

import datapipe
from datapipe import manifest, placing
from datapipe.errors import UsageError
from datapipe.findings import codes, explain
from datapipe.ingest import IngestOptions, ingest
from datapipe.reading import Selection
from datapipe.records import digest
from datapipe.verify import verify

CODES = sorted(codes())


def told(out: Path) -> set[str]:
    """Codes in findings.jsonl."""
    return {json.loads(line)["code"] for line in (out / "findings.jsonl").read_text("utf-8").splitlines()}


def planted(code: str) -> Callable[[Path], set[str]] | None:
    """Ingest a source with the first defect that promises this code."""
    defect = next((defect for defect in DEFECTS if defect.code == code), None)
    if defect is None:
        return None

    def reach(folder: Path) -> set[str]:
        source = FORMATS[defect.format](draw(Random(2), 6))
        defect.plant(source, Random(str(defect)))
        ingest([source.write(folder / "source")], folder / "out")
        return told(folder / "out")

    return reach


def object_of_a_missing_picture(folder: Path) -> set[str]:
    images = [make_image(f"{stem}.jpg", (1, 1, 9, 9)) for stem in "ab"]
    source = make_coco(folder / "source", images)
    (source / "b.jpg").unlink()
    ingest([source], folder / "out")
    return told(folder / "out")


def picture_on_a_bad_disk(folder: Path) -> set[str]:
    """Permissions would not do: root may read everything."""
    source = make_coco(folder / "source", [make_image(f"{stem}.jpg", (1, 1, 9, 9)) for stem in "ab"])

    def failing(path: str, *arguments: Any, **more: Any) -> Any:
        if path.endswith("b.jpg"):
            raise OSError(errno.EIO, "Input/output error")
        return open(path, *arguments, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(placing, "open", failing, raising=False)
        ingest([source], folder / "out", IngestOptions(workers=1))
    return told(folder / "out")


def class_not_asked_for(folder: Path) -> set[str]:
    source = make_coco(folder / "source", [make_image("a.jpg", (1, 1, 9, 9, 0), (3, 3, 9, 9, 1))])
    ingest([source], folder / "out", IngestOptions(Selection(classes=("car",))))
    return told(folder / "out")


def one_picture_under_two_ids(folder: Path) -> set[str]:
    source = make_coco(
        folder / "source", [make_image("a.jpg", (1, 1, 9, 9)), make_image("b.jpg", (1, 1, 9, 9))]
    )
    listed = next(source.rglob("*.json"))
    listed.write_text(listed.read_text().replace('"b.jpg"', '"a.jpg"'))
    ingest([source], folder / "out")
    return told(folder / "out")


def no_box_left(folder: Path) -> set[str]:
    images = [make_image("a.jpg", (1, 1, 9, 9)), make_image("b.jpg", (1, 1, 0, 9), (900, 1, 9, 9))]
    ingest([make_coco(folder / "source", images)], folder / "out")
    return told(folder / "out")


def damaged(change: Callable[[Path], None]) -> Callable[[Path], set[str]]:
    """Damage a good dataset and verify it."""

    def reach(folder: Path) -> set[str]:
        made = make_dataset(folder)
        assert verify(made.folder).findings == ()
        change(made.folder)
        return {finding.code for finding in verify(made.folder).findings}

    return reach


def listed_anew(out: Path, name: str, data: bytes) -> None:
    """Replace a file and let the manifest vouch for it: what only a bug of datapipe could do."""
    (out / name).write_bytes(data)
    made = manifest.load(out)
    about = {"bytes": len(data), "sha256": digest(data)}
    (out / manifest.NAME).write_bytes(manifest.dump(replace(made, files=made.files | {name: about})))


def flip(out: Path, name: str) -> None:
    data = bytearray((out / name).read_bytes())
    data[len(data) // 2] ^= 1
    (out / name).write_bytes(bytes(data))


def move_a_box(out: Path) -> None:
    table = pq.read_table(out / "objects.parquet")
    name = next(field.name for field in table.schema if pa.types.is_floating(field.type))
    moved = pc.add(table[name], pa.scalar(1, table.schema.field(name).type))
    target = pa.BufferOutputStream()
    pq.write_table(table.set_column(table.schema.get_field_index(name), name, moved), target)
    listed_anew(out, "objects.parquet", target.getvalue().to_pybytes())


def forget_an_image(out: Path) -> None:
    made = manifest.load(out)
    account = made.account | {"images": made.account["images"] | {"read": 99}}
    (out / manifest.NAME).write_bytes(manifest.dump(replace(made, account=account)))


SHARD = "train-00000-of-00002"
OTHERWISE: dict[str, Callable[[Path], set[str]]] = {
    "DP111": object_of_a_missing_picture,
    "DP112": class_not_asked_for,
    "DP203": picture_on_a_bad_disk,
    "DP214": no_box_left,
    "DP308": one_picture_under_two_ids,
    "DP401": damaged(lambda out: (out / "label_map.pbtxt").unlink()),
    "DP402": damaged(lambda out: flip(out, "images.parquet")),
    "DP403": damaged(lambda out: flip(out, f"{SHARD}.tfrecord")),
    "DP404": damaged(lambda out: listed_anew(out, f"{SHARD}.index", b"")),
    "DP405": damaged(move_a_box),
    "DP406": damaged(forget_an_image),
    "DP407": damaged(lambda out: (out / "splits.json").write_text('{"nobody": "val"}') and None),
    "DP408": damaged(lambda out: (out / "train-00009-of-00008.tfrecord").write_bytes(b"") and None),
    **AILING,
}
"""Codes that no single planted defect promises."""


@pytest.mark.parametrize("code", CODES)
def test_every_code_can_be_reached(tmp_path: Path, code: str) -> None:
    reach = planted(code) or OTHERWISE.get(code)
    assert reach is not None, f"{codes()[code]} has no case: plant it in tests/defects or add it to OTHERWISE"
    found = reach(tmp_path)
    assert code in found, f"{codes()[code]} was not told, but {sorted(found)}"


@pytest.mark.parametrize("code", CODES)
def test_every_code_is_explained_by_number_and_by_slug(code: str) -> None:
    one = explain(code)
    assert explain(one.slug) is one is explain(code.lower())
    assert (
        one.slug
        and one.kind in ("object", "image", "dataset")
        and one.severity in ("error", "warning", "info")
    )
    assert all(text.strip() for text in (one.meaning, one.hurts, one.mend))
    assert one.kind == {"1": "object", "2": "image", "3": "dataset", "4": "dataset", "5": "dataset"}[code[2]]


def test_slugs_are_different() -> None:
    assert len({one.slug for one in codes().values()}) == len(codes())


@pytest.mark.parametrize("code", CODES)
def test_a_slip_in_a_slug_is_met_with_the_right_one(code: str) -> None:
    slug = codes()[code].slug
    with pytest.raises(UsageError, match=rf"no code '{slug[:-1]}': did you mean {code} {slug}\?"):
        explain(slug[:-1])


def test_the_package_names_every_code_and_no_other() -> None:
    package = Path(datapipe.__file__).parent
    named = {
        code for file in package.rglob("*.py") for code in re.findall(r"DP\d{3}", file.read_text("utf-8"))
    }
    assert named - set(codes()) == set(), "named in datapipe/ but not in codes.toml"
    assert set(codes()) - named == set(), "in codes.toml but nowhere in datapipe/"
