"""What a stream does to pictures, from the file to the targets: frozen, comparable, with a hash."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from datapipe.augment.canvas import Input
from datapipe.augment.geometry import GeometryStep
from datapipe.augment.mixing import MixStep, check_order
from datapipe.augment.survival import ObjectRules
from datapipe.errors import InputError, UsageError, did_you_mean, printable
from datapipe.recipe import dumping, editing
from datapipe.recipe.building import Builder, hints_of
from datapipe.recipe.classes import TABLES, PixelStep
from datapipe.recipe.document import Place, parse
from datapipe.recipe.options import StreamOptions
from datapipe.recipe.shipped import shipped
from datapipe.targets.raw import Raw
from datapipe.targets.ssd import MobileNetSSD
from datapipe.targets.wire import Encoder
from datapipe.targets.yolov4 import YoloV4

BUILDER = Builder(TABLES)
INTERFACES = {
    "mix": (("p", "until_epoch", "partners", "__call__"),),
    "geometry": (("__call__",),),
    "pixels": (("__call__",), ("apply",)),
}
"""What a step of each section has, a plugin's too; of pixel steps there are two kinds."""
LARGEST_FILE = 1 << 20
"""Bytes; a recipe is a page of text."""


@dataclass(frozen=True)
class Recipe:
    """The sections of a recipe; `Recipe()` letterboxes to 640 and hands on the boxes.

    input:    the network's canvas and how a picture gets there
    mix:      steps that put several pictures on it
    geometry: steps that move them
    pixels:   steps on the rendered canvas
    objects:  which objects stay, become ignore regions, or go
    stream:   how samples are dealt
    targets:  what the trainer is handed

    A section of one class has its fields as keys; in the others a capitalised key is a class name, letter for
    letter, and a dotted one is imported. Defaults are those of the dataclasses.
    """

    input: Input = Input(hw=(640, 640))
    mix: tuple[MixStep, ...] = ()
    geometry: tuple[GeometryStep, ...] = ()
    pixels: tuple[PixelStep, ...] = ()
    objects: ObjectRules = ObjectRules()
    stream: StreamOptions = StreamOptions()
    targets: Encoder = Raw()

    def __post_init__(self) -> None:
        """Take lists for tuples, and check what one section says against another.

        Raises:
            ValueError: naming the section that is off.
        """
        for name in ("mix", "geometry", "pixels"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        for name, ways in INTERFACES.items():
            for i, step in enumerate(getattr(self, name)):
                if not any(all(hasattr(step, one) for one in way) for way in ways):
                    wanted = " or ".join(", ".join(way) for way in ways)
                    raise ValueError(f"{name}[{i}] {type(step).__name__}: is no such step, want {wanted}")
        check_order(self.mix)
        _fit_together(self)

    @classmethod
    def load(cls, source: str | Path) -> Recipe:
        """Read a recipe.

        Args:
            source: a file, or the name of a shipped recipe ("yolov4").

        Raises:
            UsageError: there is neither; the message lists the shipped ones.
            InputError: the file is no recipe; the message says line, key, what was found, what is wanted.
        """
        path = located(source)
        try:
            with open(path, "rb") as file:
                data = file.read(LARGEST_FILE + 1)
        except OSError as error:
            raise InputError(f"{printable(path)}: cannot be read: {error.strerror}") from None
        if len(data) > LARGEST_FILE:
            raise InputError(f"{printable(path)}: above {LARGEST_FILE >> 20} MB: this is no recipe")
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = data[: error.start].count(b"\n") + 1
            raise InputError(f"{printable(path)}:{line}: not UTF-8 text; save it as UTF-8") from None
        return cls.parse(text, str(path))

    @classmethod
    def parse(cls, text: str, source: str = "recipe") -> Recipe:
        """Read a recipe from text.

        Args:
            text: YAML.
            source: what messages call it.

        Raises:
            InputError: as `load`.
        """
        recipe: Recipe = BUILDER.fields_of(parse(text, source), cls, Place(source))
        return recipe

    def dump(self, *, brief: bool = False) -> str:
        """The recipe as YAML; `parse` of it equals this recipe.

        Args:
            brief: without what has its default. Otherwise everything stands there, so that the text means
                the same to a later version with other defaults: store this beside a checkpoint.

        Raises:
            UsageError: a value that no recipe can hold, like a class that has no name to import it by.
        """
        names = [field.name for field in fields(self)]
        told = [n for n in names if not brief or getattr(self, n) != getattr(_PLAIN, n)]
        return "".join(dumping.section(name, self._held(name, brief)) for name in told)

    def edited(self, text: str, name: str, comment: str = "", source: str = "recipe") -> str:
        """A recipe's text with one section as this recipe has it, and every other line as it was.

        In the section stands what differs from the defaults, and what stood there before.

        Args:
            text: of a recipe.
            name: of the section.
            comment: a line to stand in it.
            source: the file, for messages.

        Raises:
            InputError: as `editing.with_section`, which also says what may go wrong.
        """
        known = editing.spelt(text, name)
        held = _merged(self._held(name, brief=False), self._held(name, brief=True), known)
        return editing.with_section(text, name, held, comment, source)

    def _held(self, name: str, brief: bool) -> Any:
        try:
            return dumping.plain(getattr(self, name), hints_of(Recipe)[name], BUILDER, full=not brief)
        except ValueError as error:
            raise UsageError(f"recipe: {name}: {error}") from None

    @cached_property
    def hash(self) -> str:
        """SHA-256 over the full dump, in hex: equal recipes have one hash. Twelve digits tell two apart."""
        return hashlib.sha256(self.dump().encode()).hexdigest()

    def evaluation(self) -> Recipe:
        """The same recipe without chance: one size, no steps, every picture once."""
        return replace(
            self,
            input=replace(self.input, multi_scale=None),
            mix=(),
            geometry=(),
            pixels=(),
            stream=replace(self.stream, repeat_threshold=None),
        )


def located(source: str | Path) -> Path:
    """The file of a recipe given as a file or as a shipped recipe's name; a bare name is a shipped one first.

    Raises:
        UsageError: there is neither.
    """
    names = shipped()
    if str(source) in names:
        return names[str(source)]
    path = Path(source)
    if path.exists():
        return path
    word = path.stem if path.suffix in (".yaml", ".yml") else str(source)
    raise UsageError(
        f"{printable(source)}: no such file, and no shipped recipe has that name: "
        f"{did_you_mean(printable(word), names)}"
    )


def _merged(full: Any, brief: Any, known: set[str]) -> Any:
    """The brief form with those of the full one's keys that are known."""
    if not (isinstance(full, dict) and isinstance(brief, dict)):
        return brief
    return {
        name: _merged(value, brief.get(name, value), known)
        for name, value in full.items()
        if name in brief or name in known
    }


def _fit_together(recipe: Recipe) -> None:
    targets, canvas = recipe.targets, recipe.input
    if isinstance(targets, YoloV4):
        stride = max(targets.strides)
        scales = canvas.multi_scale
        sides: dict[str, tuple[int, ...]] = {} if canvas.resize == "short_side" else {"hw": canvas.hw}
        if scales:
            sides["multi_scale"] = (scales.min, scales.max, scales.step)
        for name, values in sides.items():
            if any(side % stride for side in values):
                raise ValueError(
                    f"input {name} {list(values)}: want multiples of {stride}, the largest stride of YoloV4"
                )
    if isinstance(targets, MobileNetSSD):
        if canvas.resize == "short_side":
            raise ValueError("input resize short_side: MobileNetSSD has one size; letterbox or stretch")
        try:
            targets.grids(canvas.hw)
        except ValueError as error:
            raise ValueError(f"input hw {list(canvas.hw)}: MobileNetSSD: {error}") from None


_PLAIN = Recipe()
