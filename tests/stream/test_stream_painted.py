"""From a source's outlines to a batch: painted PNG files are ingested, streamed, and their paint measured."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from make import CLASSES, make_coco, make_image
from scenes import PLAIN, stream_of

from datapipe.dataset import Dataset
from datapipe.ingest import IngestOptions, ingest

TURNED = """
input: {hw: [128, 128]}
mix: [{Mosaic: {p: 0.7}}, {CutMix: {p: 0.3}}]
geometry: [{Flip: {horizontal: 0.5}}, {Affine: {rotate_deg: 10, scale: [0.6, 1.4], fill: 0}}]
stream: {window: 32}
"""


def blob(rng: np.random.Generator, wh: tuple[int, int]) -> np.ndarray:
    """(P, 2) px: a convex outline inside the picture."""
    centre = rng.uniform(0.25, 0.75, 2) * wh
    far = min(*centre, *(wh - centre)) * rng.uniform(0.4, 0.95)
    turn = np.sort(rng.uniform(0, 2 * np.pi, 12))
    ring = centre + far * np.stack([np.cos(turn), 0.7 * np.sin(turn)], axis=1)
    return np.asarray(cv2.convexHull(ring.astype(np.float32))[:, 0], float)


@pytest.fixture(scope="module")
def painted(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """48 pictures; an object of class c is a white outline in channel c, and the source knows the outline."""
    folder, rng = tmp_path_factory.mktemp("painted"), np.random.default_rng(4)
    images, annotations = [], []
    (folder / "source").mkdir()
    for number in range(1, 49):
        wh = tuple(rng.integers(90, 260, 2).tolist())
        channels = [np.zeros(wh[::-1], np.uint8) for _ in CLASSES]
        for class_id, channel in enumerate(channels[: 1 + number % 3], 1):
            ring = blob(rng, wh)
            # 1/256 px of precision; OpenCV's 0 is the middle of the first pixel, the source's is its edge
            cv2.fillPoly(channel, [np.rint((ring - 0.5) * 256).astype(np.int32)], 255, shift=8)
            corner = ring.min(axis=0)
            row = {"bbox": [*corner.tolist(), *(ring.max(axis=0) - corner).tolist()], "iscrowd": 0, "area": 1}
            row |= {"category_id": class_id, "image_id": number}
            annotations.append(row | {"id": len(annotations) + 1, "segmentation": [ring.ravel().tolist()]})
        cv2.imwrite(str(folder / f"source/{number:02d}.png"), np.dstack(channels[::-1]))
        images.append({"id": number, "file_name": f"{number:02d}.png", "width": wh[0], "height": wh[1]})
    categories = [{"id": i, "name": name} for i, name in enumerate(CLASSES, 1)]
    document = {"images": images, "annotations": annotations, "categories": categories}
    (folder / "source/annotations.json").write_text(json.dumps(document))
    ingest([folder / "source"], folder / "out", IngestOptions(split="train=1.0", shard_count=2))
    return Dataset(folder / "out")


def test_batches_show_paint_at_every_side_of_a_box_and_nowhere_else(painted: Dataset):
    """2 px of room: fillPoly paints the pixels an outline touches, and a slant's tip is thinner than one."""
    with stream_of(painted, TURNED) as stream:
        batches = [stream.batch(step, 16) for step in range(18)]
        gone = stream.ledger()["objects"]["gone"]
    learnt = lost = 0
    y, x = np.mgrid[0:128, 0:128] + 0.5
    for batch in batches:
        for pixels, objects in zip(batch.images, batch.objects, strict=True):
            assert (objects.xyxy >= 0).all() and (objects.xyxy <= 128).all()
            for class_id in range(3):
                paint = pixels[..., class_id] > 127
                boxed = np.zeros_like(paint)
                for i in np.flatnonzero(objects.class_id == class_id):
                    x1, y1, x2, y2 = objects.xyxy[i].tolist()
                    boxed |= (x > x1 - 2) & (x < x2 + 2) & (y > y1 - 2) & (y < y2 + 2)
                    if objects.ignore[i]:
                        continue
                    learnt += 1
                    inside = paint & (x > x1) & (x < x2) & (y > y1) & (y < y2)
                    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
                    sides = (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
                    assert np.abs(objects.xyxy[i] - sides).max() < 2
                lost += int((paint & ~boxed).sum() > 0)
    assert learnt > 600
    assert lost <= gone  # what is less than 0.05 visible has no box


def test_crowds_and_left_out_places_reach_the_batch_as_ignore_regions(tmp_path: Path):
    """One object of 20 x 15 px, a crowd beside it, and one whose class nobody knows."""
    source = make_coco(tmp_path / "source", [make_image("1.jpg", (2, 3, 20, 15, 1), wh=(80, 80))])
    path = source / "annotations.json"
    document = json.loads(path.read_text())
    for number, (box, more) in enumerate(
        (((30, 5, 20, 20), {"iscrowd": 1}), ((40, 50, 30, 20), {"category_id": 77})), 2
    ):
        document["annotations"].append(
            document["annotations"][0] | {"id": number, "bbox": box, "area": box[2] * box[3]} | more
        )
    path.write_text(json.dumps(document))
    ingest([source], tmp_path / "out", IngestOptions(split="train=1.0"))
    with stream_of(Dataset(tmp_path / "out"), PLAIN.replace("48", "160")) as stream:
        objects = stream[0].objects
        counts = stream.ledger()["objects"]
    order = np.argsort(objects.xyxy[:, 0])
    assert objects.xyxy[order].tolist() == [[4, 6, 44, 36], [60, 10, 100, 50], [80, 100, 140, 140]]
    assert objects.ignore[order].tolist() == [False, True, True]
    assert objects.class_id[order].tolist() == [1, 1, -1]
    assert objects.crowd[order].tolist()[:2] == [False, True]
    assert (counts["seen"], counts["kept"], counts["ignore_seen"], counts["ignore_kept"]) == (1, 1, 2, 2)
