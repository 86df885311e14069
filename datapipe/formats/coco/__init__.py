"""Reads COCO's instances files.

- `json_stream`: blocks of text become batches of entries, the whole text is never held.
- `columns`: batches become columns, fast; `records`: one record, exactly.
- `files`: which files are COCO, their splits, where their pictures lie.
- `classes`: categories become classes. `join`: columns become `Annotations` and findings.
- `detail`: one record's polygons and further keys, later, by its span.
"""

from __future__ import annotations

import os
from dataclasses import replace

from datapipe.errors import InputError, printable
from datapipe.formats.annotations import Annotations, ReadOptions, Source, concat
from datapipe.formats.coco.classes import classes_of
from datapipe.formats.coco.columns import read_columns
from datapipe.formats.coco.detail import read_detail as read_detail
from datapipe.formats.coco.detail import read_image_detail as read_image_detail
from datapipe.formats.coco.detail import rle_area as rle_area
from datapipe.formats.coco.files import CocoFile, find_files, picture_folder
from datapipe.formats.coco.join import join, locate, used_ids
from datapipe.formats.evidence import Evidence
from datapipe.formats.paths import Lookup

_PLACE = "annotations[{n}] id {id}"
_NONE = "no json file with images, annotations and categories"


def read(root: str, options: ReadOptions) -> Annotations:
    """Read every COCO file of a source.

    Args:
        root: a folder, or one json file.
        options: where the pictures are, if not in the source; who is told about progress.

    Raises:
        InputError: there is no COCO file, or one is unusable as a whole (the policy's sections
            "Files").
    """
    finds = find_files(root)
    if not finds.files:
        raise InputError(
            f"{printable(root)}: {_NONE}; give the folder that holds them, or the json file itself"
        )
    lookup = Lookup(finds.base, *([options.images] if options.images is not None else []))
    parts = [read_file(file, finds.base, lookup, options) for file in finds.files]
    first = parts[0].sources[0]
    parts[0] = replace(parts[0], sources=(replace(first, notes=(*finds.notes, *first.notes)),))
    return concat(parts)


def read_file(file: CocoFile, base: str, lookup: Lookup, options: ReadOptions) -> Annotations:
    """Read one COCO file and look its pictures up.

    Args:
        file: the annotation file and its split.
        base: the source's folder.
        lookup: finds files in the source and in the folder the user named.
        options: see `read`.

    Raises:
        InputError: the file is unusable as a whole.
    """
    megabytes = os.stat(file.path).st_size // 1_000_000 if os.path.isfile(file.path) else None
    with options.progress(f"reading {file.relative}", megabytes, "MB") as advance:
        columns = read_columns(file.path, file.relative, advance=advance)
    images = columns.images
    if not len(images):
        raise InputError(
            f"{printable(file.relative)}: 'images' is empty, there are no images; export the file again"
        )
    classes = classes_of(columns.categories, used_ids(columns.objects.category), file.relative)
    named = [name for name in images.name if name]
    folder, note = picture_folder(file, base, named, lookup, options.images)
    located = locate(images, file, folder, lookup)
    source = Source(
        format="coco",
        root=base,
        unit="px",
        place_format=_PLACE,
        files=(file.relative,),
        notes=(note, *classes.notes),
        categories=tuple(zip(classes.names, map(str, classes.ids), strict=True)),
    )
    return join(images, columns.objects, located, classes, source, file)


def sniff(root: str) -> Evidence:
    """Say whether a source is COCO, by names or, where these do not tell, by the files' structure."""
    if os.path.isfile(root) and not root.lower().endswith(".json"):
        return Evidence("coco", 0, missing=("it is a file, but no json",))
    finds = find_files(root)
    if not finds.files:
        return Evidence("coco", 0, missing=(_NONE,))
    found = tuple(f"{printable(file.relative)} ({file.split})" for file in finds.files)
    return Evidence("coco", finds.score, found=found)
