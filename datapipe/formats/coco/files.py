"""Which json files of a folder are COCO, which split each is, and where their pictures lie.

Nothing in a COCO file says where its pictures are, and COCO's own folder holds keypoints and
captions beside the instances. What is decided here is decided by looking, and told in the source's
notes.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from datapipe.errors import InputError, printable
from datapipe.formats.coco.columns import ROOT_KEYS
from datapipe.formats.coco.json_stream import root_lists
from datapipe.formats.evidence import CONTENT, FILE, HINT, TELLING
from datapipe.formats.paths import Found, Lookup, walk

_DEPTH, _MOST_FOLDERS, _MOST_PEEKS, _SAMPLE = 4, 2000, 1000, 200
_ROBOFLOW = "_annotations.coco.json"

_TOKEN = re.compile(
    r"(?<![a-z])(trainval|valminusminival|minival|training|train|validation|valid|val|testing|test)(?![a-z])"
)
_SPLITS = {"training": "train", "valid": "val", "validation": "val", "testing": "test"}
_NOT_IN_A_NAME = re.compile(r"[^\w-]+")
"""What a file may be called but a split, which shards are named after, should not."""
_ORDER = ("train", "trainval", "val", "test")


@dataclass(frozen=True)
class CocoFile:
    """An annotation file: absolute path, the same relative to its source, split."""

    path: str
    relative: str
    split: str


@dataclass(frozen=True)
class Finds:
    """What a folder holds: COCO files, sentences on what was passed over, and a score as in `Evidence`."""

    base: str
    files: tuple[CocoFile, ...]
    notes: tuple[str, ...]
    score: int


def base_of(root: str) -> str:
    """The folder a source is: itself, or a json file's folder (of `annotations/x.json` the one above)."""
    root = os.path.abspath(root)
    if not os.path.isfile(root):
        return root
    folder = os.path.dirname(root)
    return os.path.dirname(folder) if os.path.basename(folder).lower() == "annotations" else folder


def find_files(root: str) -> Finds:
    """Find the COCO files of a source.

    `instances_*.json` come first, then Roboflow's `_annotations.coco.json`, then every json whose
    root has lists of images, annotations and categories. A json that has one of them and is broken
    counts: it must not be passed over in silence.
    """
    base = base_of(root)
    if os.path.isfile(os.path.abspath(root)):
        return Finds(base, _with_splits([os.path.abspath(root)], base), (), FILE)
    every: list[str] = []
    for number, (folder, _, names) in enumerate(walk(base, _DEPTH)):
        if number >= _MOST_FOLDERS:
            break
        every += [os.path.join(folder, name) for name in names if name.lower().endswith(".json")]
    for named in (_is_instances, _is_roboflow):
        chosen = [path for path in every if named(os.path.basename(path))]
        if chosen:
            others = [path for path in every if path not in chosen]
            return Finds(
                base,
                _with_splits(chosen, base),
                _passed_over(others, base, chosen[0]),
                TELLING,
            )
    return _by_content(every, base)


def _is_instances(name: str) -> bool:
    return name.lower().startswith("instances_")


def _is_roboflow(name: str) -> bool:
    return name.lower() == _ROBOFLOW


def _by_content(every: Sequence[str], base: str) -> Finds:
    whole, broken, partial = [], [], []
    for path in every[:_MOST_PEEKS]:
        try:
            seen = root_lists(path, os.path.relpath(path, base), ROOT_KEYS)
        except InputError:
            broken.append(path)
            continue
        if len(seen) == len(ROOT_KEYS):
            whole.append(path)
        elif seen & {"images", "annotations"}:
            partial.append(path)
    # Without a whole file the others are handed on: reading them says exactly what is wrong with
    # them.
    chosen = whole + broken if whole else broken or partial
    score = CONTENT if whole else HINT
    passed = [path for path in partial if path not in chosen]
    return Finds(base, _with_splits(chosen, base), _passed_over(passed, base, ""), score)


def _passed_over(paths: Sequence[str], base: str, instead: str) -> tuple[str, ...]:
    if not paths:
        return ()
    names = ", ".join(printable(os.path.relpath(path, base)) for path in paths[:5])
    more = f" and {len(paths) - 5} more" if len(paths) > 5 else ""
    why = (
        "files like " + printable(os.path.basename(instead))
        if instead
        else "files with images and categories"
    )
    return (f"passed over: {names}{more} ({why} are there)",)


def _with_splits(paths: Sequence[str], base: str) -> tuple[CocoFile, ...]:
    files = []
    for path in paths:
        relative = os.path.relpath(path, base).replace(os.sep, "/")
        stem = _NOT_IN_A_NAME.sub("_", os.path.splitext(os.path.basename(path))[0])[:60]
        split = split_of(relative, os.path.basename(base))
        files.append(CocoFile(path, relative, split or (stem if len(paths) > 1 else "train")))
    rank = {split: i for i, split in enumerate(_ORDER)}
    return tuple(sorted(files, key=lambda file: (rank.get(file.split, len(rank)), file.relative)))


def split_of(relative: str, base_name: str = "") -> str | None:
    """The split a path speaks of: its file's name first, then its folders from the inside out.

    >>> split_of("annotations/instances_train2017.json"), split_of("valid/_annotations.coco.json")
    ('train', 'val')
    """
    *folders, name = relative.split("/")
    for part in (name.rsplit(".", 1)[0], *reversed(folders)):
        tokens = {_SPLITS.get(token, token) for token in _TOKEN.findall(part.lower())}
        if {"train", "val"} <= tokens:
            return "trainval"
        if tokens:
            first = str(_TOKEN.findall(part.lower())[0])
            return _SPLITS.get(first, first)
    # The source's own name counts only if it is nothing else: many a temporary folder is called
    # test_...
    whole = _TOKEN.fullmatch(base_name.lower())
    if whole is None or folders:
        return None
    return _SPLITS.get(str(whole[0]), str(whole[0]))


@dataclass(frozen=True)
class _Candidate:
    folder: str
    hits: int
    same_split: bool
    distance: int

    @property
    def rank(self) -> tuple[int, bool, int, str]:
        return (-self.hits, not self.same_split, self.distance, self.folder)


def picture_folder(
    file: CocoFile, base: str, names: Sequence[str], lookup: Lookup, images: str | None
) -> tuple[str, str]:
    """Decide which folder the pictures of a file lie in.

    Args:
        file: the annotation file.
        base: the source's folder.
        names: the pictures' names in the file.
        lookup: finds files in the source.
        images: the folder the user named, if any: then that is it.

    Returns:
        The folder, and a sentence on the choice.
    """
    sample = [names[i * len(names) // min(len(names), _SAMPLE)] for i in range(min(len(names), _SAMPLE))]
    if images is not None:
        folder = os.path.abspath(images)
        if not os.path.isdir(folder):
            raise InputError(
                f"{printable(images)}: the folder named for the pictures is not there; check --images"
            )
        hits = sum(isinstance(lookup.find(name, folder), Found) for name in sample)
        return (
            folder,
            f"pictures: {printable(images)} as asked ({hits} of {len(sample)} sampled names found)",
        )
    own = os.path.dirname(file.path)
    here = _Candidate(own, 0, True, 0)
    folders = [here, *_candidates(base, own, file.split)]
    exact = [
        replace(c, hits=sum(os.path.lexists(os.path.join(c.folder, name)) for name in sample))
        for c in folders
    ]
    best = min(exact, key=lambda candidate: candidate.rank)
    if not best.hits:  # perhaps \ for / or another case: the full, slower rules
        few = sample[:20]
        folded = [
            replace(c, hits=sum(isinstance(lookup.find(n, c.folder), Found) for n in few)) for c in folders
        ]
        best = min(folded, key=lambda candidate: candidate.rank)
    if not best.hits:
        return (
            own,
            f"pictures: none of {len(sample)} sampled names was found; name their folder with --images",
        )
    hits = sum(isinstance(lookup.find(name, best.folder), Found) for name in sample)
    shown = printable(os.path.relpath(best.folder, base).replace(os.sep, "/"))
    return best.folder, f"pictures: {shown} ({hits} of {len(sample)} sampled names found)"


def _candidates(base: str, own: str, split: str) -> list[_Candidate]:
    """Every folder of the source, as far as it is sensible to look."""
    found = []
    for number, (folder, _, _) in enumerate(walk(base, _DEPTH)):
        if number >= _MOST_FOLDERS:
            break
        steps = os.path.relpath(folder, own)
        inside = os.path.relpath(folder, base).replace(os.sep, "/")
        same = split_of(inside + "/x") == split
        found.append(_Candidate(folder, 0, same, 0 if steps == "." else len(steps.split(os.sep))))
    return found
