"""Fitted anchors into a recipe's file: its `targets` change, every other line stays."""

from __future__ import annotations

from codecs import BOM_UTF8
from dataclasses import dataclass, replace
from pathlib import Path

from datapipe.anchors.answer import AnchorReport, DetectorName
from datapipe.anchors.fitting import DEFAULTS, FITTED, LONG_TO_SHORT
from datapipe.augment.canvas import Input
from datapipe.errors import DatapipeError, InputError, UsageError, printable
from datapipe.recipe.recipe import Recipe, located
from datapipe.resizing import Mode
from datapipe.shards import write_bytes
from datapipe.targets.best import Detector
from datapipe.targets.retinanet import RetinaNet
from datapipe.targets.ssd import MobileNetSSD
from datapipe.targets.wire import Encoder
from datapipe.targets.yolov4 import YoloV4

KINDS: dict[DetectorName, type[Detector]] = {
    "yolov4": YoloV4,
    "retinanet": RetinaNet,
    "mobilenet_ssd": MobileNetSSD,
}


@dataclass(frozen=True)
class Wish:
    """What to fit and where to write it.

    recipe: with the input the objects are seen at; None without one
    base:   the file whose text is written anew; file: what is written. None: nothing is written
    """

    detector: DetectorName
    input_hw: tuple[int, int] | None
    resize: Mode | None
    recipe: Recipe | None = None
    base: Path | None = None
    file: Path | None = None


def wish(
    detector: DetectorName | None = None,
    input_size: int | tuple[int, int] | None = None,
    resize: Mode | None = None,
    recipe: str | Path | None = None,
    write: str | Path | None = None,
) -> Wish:
    """Put together what is asked for, and refuse what cannot be written before anything is fitted.

    Args:
        detector: None for the recipe's, else yolov4.
        input_size: px, a side or (H, W); None for the recipe's.
        resize: None for the recipe's.
        recipe: file or shipped name.
        write: the file to write; an existing one is the recipe, where `recipe` names none. A new one is
            made from `recipe`, else from the detector's shipped recipe.

    Raises:
        UsageError: `write` is no .yaml file, or has another input than the one asked for.
        InputError: a file is no recipe.
    """
    file = Path(write) if write else None
    if file and file.suffix not in (".yaml", ".yml"):
        raise UsageError(f"--write {printable(file)}: a recipe's file ends in .yaml")
    there = file is not None and file.exists()
    source = recipe or (file if there else detector or "yolov4" if file else None)
    chosen = Recipe.load(source) if source else None
    mode = resize or (chosen.input.resize if chosen else None)
    hw = _hw(input_size, mode)
    if chosen and hw is None and (mode == "short_side") == (chosen.input.resize == "short_side"):
        hw = chosen.input.hw
    if chosen and detector is None:
        detector = next((name for name, kind in KINDS.items() if isinstance(chosen.targets, kind)), None)
    detector = detector or "yolov4"
    if chosen:
        hw = hw or _hw(DEFAULTS[detector][2], mode) or chosen.input.hw
        try:
            chosen = _at(chosen, hw, mode or chosen.input.resize)
        except ValueError as error:
            raise UsageError(f"--input-size, --resize: {error}") from None
        if detector == "mobilenet_ssd":  # its anchors are shares of the input: one size tells all
            chosen = replace(chosen, input=replace(chosen.input, multi_scale=None))
    if there:
        mine, asked = (_input(one.input) for one in (Recipe.load(str(file)), chosen) if one)
        if mine != asked:
            raise UsageError(
                f"--write {printable(file)}: its input is {mine}, the anchors would be for {asked}; "
                "leave --input-size and --resize out, or write a new file"
            )
    base = None if file is None else file if there else located(source or "")
    return Wish(detector, hw, mode, chosen, base, file)


def write(report: AnchorReport, asked: Wish) -> Path:
    """Write the fitted anchors.

    Args:
        report: of a fit to `asked`.
        asked: with a file.

    Returns:
        The file: a recipe that loads, with the report's anchors, and every other line as it was.

    Raises:
        InputError: the anchors do not go with what else the recipe says, or its text is too intricate.
        EnvironmentProblem: the file cannot be written.
    """
    base, file = asked.base, asked.file
    if base is None or file is None:
        raise UsageError("--write: name a file")
    data = base.read_bytes()
    text, source = data.decode("utf-8-sig"), str(base)
    old = Recipe.parse(text, source)
    try:
        new = _at(old, report.input_hw, report.resize)
        new = replace(new, targets=merged(old.targets, report.spec))
    except ValueError as error:
        raise InputError(f"{printable(base)}: the fitted anchors do not go with it: {error}") from None
    if new.input != old.input:
        text = new.edited(text, "input", source=source)
    text = new.edited(text, "targets", told(report), source)
    if not _means(text, new):
        lines = "; ".join(line for place, line in report.lines() if place.startswith("recipe"))
        raise InputError(f"{printable(base)}: too intricate to edit; put this under its targets: {lines}")
    mark = BOM_UTF8 if data.startswith(BOM_UTF8) else b""
    write_bytes(file.resolve(), mark + text.encode())
    return file


def merged(targets: Encoder, spec: Detector) -> Encoder:
    """The recipe's targets with the fitted anchors; those of another detector give way to it."""
    if not isinstance(targets, type(spec)):
        return spec
    fitted = {name: getattr(spec, name) for name in FITTED[type(spec)]}
    made: Encoder = replace(targets, **fitted)
    return made


def told(report: AnchorReport) -> str:
    """The line that stands with written anchors: what they were fitted to, and the verdict."""
    objects = report.overall.fitted.objects
    split = f"split {report.split}" if report.split else "all splits"
    height, width = report.input_hw
    return printable(
        f"fitted to {objects} objects on {report.images} images, {split}, {height} x {width} "
        f"{report.resize}; verdict: {report.verdict}",
    )


def _means(text: str, recipe: Recipe) -> bool:
    try:
        return Recipe.parse(text) == recipe
    except DatapipeError:
        return False


def _hw(size: int | tuple[int, int] | None, mode: Mode | None) -> tuple[int, int] | None:
    """A side as height and width; for short_side as the short side and the longest."""
    if not isinstance(size, int):
        return size
    return size, round(size * LONG_TO_SHORT) if mode == "short_side" else size


def _at(recipe: Recipe, hw: tuple[int, int], mode: Mode) -> Recipe:
    """A recipe at another input, where it has one size: multi_scale was chosen for the size it had."""
    old = recipe.input
    if (hw, mode) == (old.hw, old.resize):
        return recipe
    return replace(recipe, input=replace(old, hw=hw, resize=mode, multi_scale=None))


def _input(canvas: Input) -> str:
    return f"{canvas.hw[0]} x {canvas.hw[1]} {canvas.resize}"
