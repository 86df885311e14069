"""The dataset in FiftyOne: its fields, their groups in the sidebar, colours and saved views."""

from __future__ import annotations

import importlib
from collections.abc import Collection, Sequence
from typing import Any

from datapipe.audit.facts import WEIGHTS
from datapipe.findings import codes
from datapipe.images.drawing import colour

TRUTH, REGIONS, PREDICTIONS = "ground_truth", "ignore_regions", "predictions"
FIRST_VIEW, FIRST_SLUG = "most suspicious first", "most-suspicious-first"
"""A saved view's name, and the app's word for it in an address."""
OBJECT_FIELDS: dict[str, tuple[str, str]] = {
    "issues": ("list", "what is suspicious about it"),
    "findings": ("list", "what ingest found: `datapipe explain CODE`"),
    "anchor_iou": ("float", "IoU with the best anchor"),
    "level": ("str", "where that anchor is"),
    "area_px": ("float", "px² in the original picture, of the mask where the source has one"),
    "area_input_px": ("float", "px² at the detector's input size"),
    "side_input_px": ("float", "shorter side in px at the detector's input size"),
    "aspect": ("float", "width / height"),
    "ignore": ("bool", "neither positive nor background: crowd or difficult"),
    "crowd": ("bool", "a region that holds many"),
    "difficult": ("bool", "as the source says"),
    "truncated": ("bool", "cut off, as the source says"),
    "was": ("str", "its class before it was corrected in the app"),
    "object_id": ("str", "the source's own id"),
    "image_id": ("str", "of the picture it comes from"),
    "number": ("int", "of the object within its picture, from 0"),
}
"""In the order in which the app lists them when the mouse is on an object."""
IMAGE_FIELDS: dict[str, tuple[str, str]] = {
    "image_id": ("str", "in the dataset"),
    "filename": ("str", "as the source knows it"),
    "split": ("str", "overlays applied"),
    "suspicion": ("float", "sum over issues of weight * (1 - 2^-count)"),
    "issues": ("list", "what is suspicious about the picture or an object on it"),
    "findings": ("list", "codes of what ingest found on it"),
    "objects": ("int", "annotated objects, ignored ones included"),
    "brightness": ("float", "mean grey value, 0 to 255"),
    "sharpness": ("float", "deviation of the Laplacian: near 0 is blurred or empty"),
    "hash": ("str", "perceptual, 64 bits"),
    "position": ("int", "in the stream, of an augmented sample; none for an original"),
    "near_duplicate": ("int", "pictures that look alike share a number; none for a picture like no other"),
}
SIDEBAR = {
    "labels": (TRUTH, REGIONS, PREDICTIONS),
    "why it is here": ("suspicion", "issues", "findings", "near_duplicate"),
    "compared": ("mistakenness", "possible_missing", "possible_spurious", "evaluation_fp", "evaluation_fn"),
    "metadata": ("image_id", "filename", "split", "objects", "brightness", "sharpness"),
    "augmented": ("origin", "partners"),
}
"""Group -> fields. The app would add an empty group `metadata` if there were none of that name."""
_TAG_COLOURS = {"ignore": "#ff2020", "box": "#ff9020", "fine": "#20c040"}
FLAGS = ("crowd", "ignore", "truncated")
"""Of an object: each that occurs has a view."""
_GREY = "#98a2ad"
"""Of what has no class: a class's colour there would mislead."""
COVERAGE = "anchor_coverage"
"""The panel's name in the app, and that of the workspace which has it beside the pictures."""


def hexadecimal(number: int, classes: int) -> str:
    """A class's colour as `datapipe preview` draws it. Example: class 0 of 4 is #ff3f3f."""
    return "#{:02x}{:02x}{:02x}".format(*colour(number, classes))


def _pale(shade: str) -> str:
    """Half way to white: a detector's boxes beside the truth's. Example: #ff3f3f becomes #ff9f9f."""
    return "#" + "".join(f"{(int(shade[i : i + 2], 16) + 256) // 2:02x}" for i in (1, 3, 5))


def slice_names(copies: int) -> list[str]:
    """Of a group: the original and its augmented samples."""
    return ["original", *(f"augmented {i}" for i in range(1, copies + 1))]


def create(fo: Any, name: str, classes: Sequence[str], copies: int = 0) -> Any:
    """A new, persistent FiftyOne dataset with every field declared.

    Args:
        fo: FiftyOne's module.
        name: of the dataset.
        classes: for the colours.
        copies: augmented samples beside each original; 0 for a dataset without groups.
    """
    dataset = fo.Dataset(name, persistent=True)
    if copies:
        dataset.add_group_field("group", default="original")
        for one in slice_names(copies):
            dataset.add_group_slice(one, "image")
    for label in (TRUTH, REGIONS):
        dataset.add_sample_field(label, fo.EmbeddedDocumentField, embedded_doc_type=fo.Detections)
    for field, (kind, about) in OBJECT_FIELDS.items():
        _field(fo, dataset, f"{TRUTH}.detections.{field}", kind, about)
    for field, (kind, about) in IMAGE_FIELDS.items():
        _field(fo, dataset, field, kind, about)
    if copies:
        _field(fo, dataset, "origin", "str", "of an augmented sample: position, pictures, steps, matrices")
        _field(fo, dataset, "partners", "list", "ids of all pictures on it")
    dataset.default_classes = list(classes)
    for field in ("image_id", "suspicion"):
        dataset.create_index(field)
    arrange(fo, dataset, classes)
    samples, panel = fo.Panel(type="Samples", pinned=True), fo.Panel(type=COVERAGE)
    halves = [fo.Space(children=[one], active_child=one.component_id) for one in (samples, panel)]
    dataset.save_workspace(COVERAGE.replace("_", " "), fo.Space(children=halves, orientation="horizontal"))
    return dataset


def _field(fo: Any, dataset: Any, path: str, kind: str, about: str) -> None:
    kinds = {"str": fo.StringField, "int": fo.IntField, "float": fo.FloatField, "bool": fo.BooleanField}
    if kind == "list":
        dataset.add_sample_field(path, fo.ListField, subfield=fo.StringField, description=about)
    else:
        dataset.add_sample_field(path, kinds[kind], description=about)


def arrange(fo: Any, dataset: Any, classes: Sequence[str]) -> None:
    """Set colours and the sidebar; again when fields were added."""
    values = [{"value": name, "color": hexadecimal(i, len(classes))} for i, name in enumerate(classes)]
    pale = [one | {"color": _pale(one["color"])} for one in values]
    labels = (TRUTH, REGIONS, PREDICTIONS)
    dataset.app_config.color_scheme = fo.ColorScheme(
        color_by="value",
        color_pool=[one["color"] for one in values] or ["#ffffff"],
        fields=[
            {"path": TRUTH, "colorByAttribute": "label", "fieldColor": _GREY, "valueColors": values},
            {"path": PREDICTIONS, "colorByAttribute": "label", "fieldColor": _GREY, "valueColors": pale},
            {"path": REGIONS, "fieldColor": "#ffffff"},
            *(
                {"path": path, "fieldColor": _GREY}
                for path in dataset.get_field_schema()
                if path not in labels
            ),
        ],
        label_tags={
            "fieldColor": "#ff00ff",
            "valueColors": [{"value": tag, "color": shade} for tag, shade in _TAG_COLOURS.items()],
        },
    )
    group_of = fo.SidebarGroupDocument
    known = set(dataset.get_field_schema())
    groups = [
        group_of(name=name, paths=[path for path in paths if path in known], expanded=True)
        for name, paths in SIDEBAR.items()
        if known & set(paths)
    ]
    shown = {path for paths in SIDEBAR.values() for path in paths}
    rest = [path for path in dataset.get_field_schema() if path not in shown and path != "tags"]
    dataset.app_config.sidebar_groups = [
        group_of(name="tags", paths=[], expanded=True),
        *groups,
        group_of(name="other", paths=rest, expanded=False),
    ]
    dataset.save()


def save_views(dataset: Any, splits: Sequence[str], found: Collection[str]) -> None:
    """The saved views: the lists of what occurs, the splits, what is decided.

    Args:
        dataset: FiftyOne's.
        splits: names.
        found: kinds of issues, codes of findings and flags that occur.
    """
    F = importlib.import_module("fiftyone").ViewField
    first = dataset.match(~F("tags").contains("fine") & ~F("tags").contains("leave_out"))
    _save(dataset, FIRST_VIEW, first.sort_by("suspicion", reverse=True), "#ee0000")
    for issue in (name for name in WEIGHTS if name in found):
        has = dataset.match(F("issues").contains(issue)).sort_by("suspicion", reverse=True)
        _save(dataset, issue, has, "#ee8800")
    near = dataset.exists("near_duplicate").sort_by("near_duplicate")
    _save(dataset, "near duplicates", near, "#ee8800")
    detections = F(f"{TRUTH}.detections")
    for flag in (flag for flag in FLAGS if flag in found):
        has = dataset.match(detections.filter(F(flag) == True).length() > 0)  # noqa: E712  (a ViewField)
        _save(dataset, f"with {flag}", has, "#999999")
    for code in sorted(set(found) - {*WEIGHTS, *FLAGS}):
        about = codes().get(code)
        _save(dataset, str(about or code), dataset.match(F("findings").contains(code)), "#cc00cc")
    for split in splits:
        _save(dataset, f"split {split}", dataset.match(F("split") == split), "#3388ee")
    decided = (F("tags").length() > 0) | (detections.filter(F("tags").length() > 0).length() > 0)
    _save(dataset, "decided", dataset.match(decided), "#20c040")


def _save(dataset: Any, name: str, view: Any, shade: str) -> None:
    dataset.save_view(name, view, color=shade, overwrite=True)
