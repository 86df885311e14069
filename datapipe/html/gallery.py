"""Example pictures for a page: chosen by size of object and by finding, small, with boxes drawn over them."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from datapipe.dataset import Dataset
from datapipe.errors import RecordError
from datapipe.findings import codes
from datapipe.html.ledger import Group, Line
from datapipe.html.svg import safe
from datapipe.images.thumbnail import thumbnail
from datapipe.records import ImageRecord

SIDE = 320
"""Longer side of an example picture in px."""

CLASSES_SHOWN, PER_CLASS, PER_FINDING = 60, 3, 3
"""Most classes with pictures (the most frequent and the rarest); most pictures of each; of each finding."""

EMBEDDED = 3_200_000
"""Most bytes of pictures in the page, as text; later pictures are left away."""

BOXES = 150
"""Most boxes drawn in a picture: those meant first, then the largest."""

ROLES = ("small", "typical", "large")
"""An example's object is at the 10th, 50th or 90th percentile of its class by area."""


class Gallery:
    """Draws examples until the page has its share of bytes.

    left_away: pictures that found no room any more
    """

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._bytes = 0
        self._used: set[int] = set()
        self.left_away = 0

    def of_class(self, class_id: int, images: set[int] | None, wanted: int) -> Iterator[str]:
        """Figures of pictures with a small, a typical and a large object of a class.

        Args:
            class_id: the class.
            images: only these pictures, None for all.
            wanted: how many, at most 3; 1 is the typical one.
        """
        objects = self._dataset.objects
        rows = np.flatnonzero(objects["class_id"] == class_id)
        if images is not None:
            rows = rows[np.isin(objects["image"][rows], np.fromiter(images, np.int64))]
        plain = rows[~(objects["crowd"][rows] | objects["difficult"][rows])]
        rows = plain if len(plain) else rows
        rows = rows[np.argsort(objects["area"][rows], kind="stable")]
        shares = {1: (0.5,), 2: (0.1, 0.9)}.get(wanted, (0.1, 0.5, 0.9))
        shown: set[int] = set()
        for share in shares:
            row = self._near(rows, share, shown)
            if row is not None:
                image, role = int(objects["image"][row]), ROLES[round(2 * share)]
                shown.add(image)
                yield self._figure(image, class_id, frozenset([str(objects["object_id"][row])]), "", role)

    def of_finding(self, group: Group, rows: dict[str, int]) -> Iterator[str]:
        """Figures of pictures that a finding is about, as far as the dataset holds them."""
        shown = 0
        for name, line in group.pictured.items():
            if name in rows and shown < PER_FINDING:
                shown += 1
                ids = frozenset([line.object_id])
                yield self._figure(rows[name], None, ids, group.code, _told(line))

    def _near(self, rows: NDArray[np.intp], share: float, shown: set[int]) -> int | None:
        """The row nearest to a place in the ranking whose picture is not on the page yet, if that can be."""
        images = self._dataset.objects["image"]
        start = min(len(rows) - 1, int(share * len(rows)))
        around = sorted(range(max(0, start - 40), min(len(rows), start + 41)), key=lambda i: abs(i - start))
        for taken in (self._used, shown):
            for i in around:
                if int(images[rows[i]]) not in taken:
                    return int(rows[i])
        return None

    def _figure(self, image: int, class_id: int | None, ids: frozenset[str], code: str, role: str) -> str:
        if self._bytes >= EMBEDDED:
            self.left_away += 1
            return ""
        record, data = self._dataset[image]
        try:
            jpeg = thumbnail(data, record.wh, SIDE)
        except ValueError as error:
            raise RecordError(f"image {record.image_id!r} ({record.filename}): {error}") from None
        self._used.add(image)
        drawing = _drawing(record, jpeg, self._dataset.classes, class_id, ids, code)
        self._bytes += len(drawing)
        split = safe(self._dataset.images["split"][image], 20)
        place = f"{safe(record.filename, 60)} <i>{split}, {record.wh[0]} x {record.wh[1]}</i>"
        return f"<figure>{drawing}<figcaption><b>{safe(role, 70)}</b> {place}</figcaption></figure>"


def hue(number: int, classes: int) -> int:
    """A class's colour as a hue in degrees; neighbours in a list of many classes differ."""
    return round(360 * number / classes + 210) % 360 if classes <= 8 else round(137.508 * number + 210) % 360


def _told(line: Line) -> str:
    return ": ".join(text for text in (line.action, line.value) if text)


def _drawing(
    record: ImageRecord,
    jpeg: bytes,
    classes: tuple[str, ...],
    class_id: int | None,
    ids: frozenset[str],
    code: str,
) -> str:
    """The picture as SVG in px of the thumbnail.

    Boxes of the class (of all classes, for a finding about a picture) have its colour, those of `ids` a name
    and a thicker line, others are faint; ignored ones are dashed; left-out places are hatched, those of
    `code` strongly.
    """
    scale = min(1.0, SIDE / max(record.wh))
    w, h = (max(1, round(side * scale)) for side in record.wh)
    parts = [
        f'<image href="data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}" width="{w}" height="{h}"/>'
    ]
    meant = np.array([text in ids for text in record.object_id], np.bool_)
    about = codes().get(code)
    every = class_id is None and (about is None or about.kind != "object")
    same = meant | every | (record.class_id == (-1 if class_id is None else class_id))
    rank = np.lexsort((-record.area, ~same, ~meant))[:BOXES]
    for i in rank[::-1]:
        name = classes[record.class_id[i]]
        flags = [flag for flag in ("crowd", "difficult", "truncated") if getattr(record, flag)[i]]
        kinds = ["box", "other" if not same[i] else "", "meant" if meant[i] else ""]
        kinds.append("ignored" if record.crowd[i] or record.difficult[i] else "")
        tone = f'style="--h:{hue(int(record.class_id[i]), len(classes))}"'
        x, y, wide, high = _place(record.xyxy[i], scale)
        tip = safe(", ".join([name, *flags]))
        parts.append(
            f'<rect class="{" ".join(filter(None, kinds))}" {tone} x="{x}" y="{y}" width="{wide}" '
            f'height="{high}"><title>{tip}</title></rect>'
        )
        if meant[i]:
            text = name if len(name) <= 22 else name[:21] + "…"
            across = min(x, max(0.0, w - 6.6 * len(text)))
            up = y - 4 if y > 15 else min(h - 4.0, y + high + 12)
            parts.append(f'<text class="tag" {tone} x="{across:.1f}" y="{up:.1f}">{safe(text)}</text>')
    for xyxy, reason in zip(record.left_out_xyxy, record.left_out_code, strict=True):
        x, y, wide, high = _place(xyxy, scale)
        kind = "region meant" if reason == code else "region"
        parts.append(
            f'<rect class="{kind}" x="{x}" y="{y}" width="{wide}" height="{high}">'
            f"<title>left out: {safe(reason)}</title></rect>"
        )
    return f'<svg class="picture" viewBox="0 0 {w} {h}">{"".join(parts)}</svg>'


def _place(xyxy: NDArray[np.float32], scale: float) -> tuple[float, float, float, float]:
    """x, y, width, height in px of the thumbnail, at least half a pixel wide and high."""
    x1, y1, x2, y2 = (scale * float(value) for value in xyxy)
    if not all(map(math.isfinite, (x1, y1, x2, y2))):
        return 0.0, 0.0, 0.0, 0.0
    return round(x1, 1), round(y1, 1), round(max(0.5, x2 - x1), 1), round(max(0.5, y2 - y1), 1)
