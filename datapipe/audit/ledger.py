"""findings.jsonl laid on the pictures and objects it tells of."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datapipe.errors import InputError
from datapipe.findings import codes
from datapipe.html.ledger import Line
from datapipe.publish import FINDINGS


@dataclass(frozen=True)
class Told:
    """Findings about pictures of the dataset.

    lines: (code, file name of the picture, object's id or "" for the picture itself)
    """

    lines: tuple[tuple[str, str, str], ...] = ()

    def place(
        self, filename: NDArray[np.object_], image: NDArray[np.int64], object_id: NDArray[np.object_]
    ) -> tuple[dict[str, NDArray[np.bool_]], dict[str, NDArray[np.bool_]]]:
        """Whom each code is about.

        A finding names a picture by its file; where several sources have one of that name, all are meant.
        One about an object that is left out is about the picture: the object is not there any more.

        Args:
            filename: (I,) of the pictures.
            image: (N,) ascending, picture of each object.
            object_id: (N,).

        Returns:
            code -> (N,) bool, code -> (I,) bool.
        """
        named: dict[str, list[int]] = defaultdict(list)
        for row, name in enumerate(filename):
            named[str(name)].append(row)
        start = np.searchsorted(image, np.arange(len(filename) + 1))
        objects: dict[str, NDArray[np.bool_]] = {}
        images: dict[str, NDArray[np.bool_]] = {}
        for code, name, wanted in self.lines:
            for row in named.get(name, ()):
                mine = slice(start[row], start[row + 1])
                same = object_id[mine] == wanted if wanted else np.zeros(0, np.bool_)
                if same.any():
                    objects.setdefault(code, np.zeros(len(image), np.bool_))[mine] |= same
                else:
                    images.setdefault(code, np.zeros(len(filename), np.bool_))[row] = True
        return dict(sorted(objects.items())), dict(sorted(images.items()))


def read_told(folder: Path) -> Told:
    """Read a dataset's findings about pictures.

    Raises:
        InputError: a line is no finding; names it.
    """
    path, found = folder / FINDINGS, []
    try:
        with path.open(encoding="utf-8") as lines:
            for number, text in enumerate(lines, 1):
                if not text.strip():
                    continue
                try:
                    row = json.loads(text)
                    code, image = str(row["code"]), str(row["image"])
                    line = Line(*(str(row[name]) for name in ("action", "file", "place", "value", "image")))
                except (ValueError, KeyError, TypeError):
                    raise InputError(f"{path}:{number}: not a finding; run `datapipe verify`") from None
                about = codes().get(code)
                of_object = about is not None and about.kind == "object"
                if image:
                    found.append((code, image, line.object_id if of_object else ""))
    except FileNotFoundError:
        return Told()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from None
    return Told(tuple(found))
