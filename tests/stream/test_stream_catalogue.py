"""What planning knows of pictures is what their records say."""

from __future__ import annotations

import json

import pytest
from make import make_coco, make_image

from datapipe.dataset import Dataset
from datapipe.errors import InputError
from datapipe.ingest import IngestOptions, ingest
from datapipe.objects import Objects
from datapipe.stream.catalogue import Catalogue

IGNORE = ("crowd", "difficult")


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Pictures with boxes, with an outline, with a left-out place, with a crowd, with nothing, and edited."""
    folder = tmp_path_factory.mktemp("catalogue")
    boxes = ((3, 4, 12, 9, 0), (20, 10, 8, 11, 1))
    source = make_coco(folder / "source", [make_image(f"{i}.jpg", *boxes[: i % 3]) for i in range(12)])
    file = next(source.rglob("*.json"))
    found = json.loads(file.read_text())
    of_picture = {image["file_name"]: image["id"] for image in found["images"]}
    for one in found["annotations"]:
        if one["image_id"] == of_picture["1.jpg"]:
            one["segmentation"] = [[3, 4, 15, 4, 15, 13, 3, 13]]
        if one["image_id"] == of_picture["4.jpg"]:
            one["iscrowd"] = 1
        if one["image_id"] == of_picture["5.jpg"] and one["category_id"] == 1:
            one["bbox"] = [35, 4, 20, 9]
    file.write_text(json.dumps(found))
    ingest([source], folder / "out", IngestOptions(split="train=1.0", shard_count=2))
    dataset = Dataset(folder / "out")
    image_id = dataset.images["image_id"][number(dataset, "7.jpg")]
    [object_id, *_] = dataset.stored_object_ids(image_id)
    edit = {
        "image": image_id,
        "object": object_id,
        "edit": "ignore",
        "who": "a",
        "when": "2026-01-01",
        "why": "",
    }
    (folder / "out" / "edits.jsonl").write_text(json.dumps(edit) + "\n")
    return Dataset(folder / "out")


def number(dataset: Dataset, filename: str) -> int:
    return list(dataset.images["filename"]).index(filename)


def test_the_table_stands_in_for_records_that_say_no_more_than_it(mixed: Dataset):
    catalogue, asked = Catalogue(mixed, IGNORE), []

    def tabled(i: int) -> Objects:
        asked.append(mixed.images["filename"][i])
        return catalogue.objects(i)

    for i in range(len(mixed)):
        (read, picture), (spared, same) = mixed.objects_of(i, IGNORE), mixed.objects_of(i, IGNORE, tabled)
        assert spared.equals(read) and bytes(picture) == bytes(same)
    assert set(mixed.images["filename"]) - set(asked) == {"1.jpg", "5.jpg", "7.jpg"}


def test_an_image_counted_from_the_end_is_the_same_image(mixed: Dataset):
    catalogue = Catalogue(mixed, IGNORE)
    for i in range(len(mixed)):
        one, other = (mixed.objects_of(n, IGNORE, catalogue.objects)[0] for n in (i, i - len(mixed)))
        assert one.equals(other)


def test_nothing_can_write_to_the_objects_of_all_epochs(mixed: Dataset):
    catalogue = Catalogue(mixed, IGNORE)
    with pytest.raises(ValueError, match="read-only"):
        catalogue.objects(number(mixed, "2.jpg")).xyxy[0, 0] = 3


def test_a_table_with_a_box_of_no_area_is_refused_in_one_line(mixed: Dataset):
    spoilt = Dataset(mixed.folder)
    spoilt.objects["xmax"][0] = spoilt.objects["xmin"][0]
    with pytest.raises(InputError, match=r"object table makes no sense: .* has no area: .*`datapipe verify`"):
        Catalogue(spoilt, IGNORE)
