"""The decisions as buttons in the app; each leaves the tags that `marks.py` reads."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, ClassVar

import fiftyone.operators as foo
from fiftyone.operators import types

from datapipe.audit.loading import everything
from datapipe.audit.marks import CLASS, ON_IMAGE, ON_OBJECT, WHY, plain_tag
from datapipe.audit.schema import TRUTH


class Decision(foo.Operator):  # type: ignore[misc]
    """An operator on what is selected.

    about:  "image" or "object", or either: objects if some are selected
    place:  where its button is: over the grid, or over an opened picture, where objects are selected
    button: text and icon
    name_:  in the app's list, where those over an opened picture would stand twice and are left away
    word:   the tag it leaves
    """

    about: ClassVar[str] = "object"
    place: ClassVar[Any] = types.Places.SAMPLES_GRID_SECONDARY_ACTIONS
    button: ClassVar[tuple[str, str]] = ("", "")
    name_: ClassVar[str] = ""
    word: ClassVar[str] = ""
    listed: ClassVar[bool] = True

    @property
    def config(self) -> Any:
        """What the app lists."""
        return foo.OperatorConfig(
            name=self.name_,
            label=f"datapipe: {self.button[0]}",
            icon=self.button[1],
            dynamic=True,
            unlisted=not self.listed,
            allow_immediate_execution=True,
        )

    def resolve_input(self, ctx: Any) -> Any:
        """The form: what is selected, what to choose, why."""
        inputs = types.Object()
        count = len(self.objects(ctx)) if self.on_objects(ctx) else len(self.images(ctx))
        kind = "object" if self.on_objects(ctx) else "picture"
        if count:
            inputs.md(f"{count} {kind}{'s' if count > 1 else ''} selected", name="count")
            self.choose(ctx, inputs)
            inputs.str("why", label="Why", description="goes into the line; may stay empty")
        else:
            what = "a picture" if kind == "picture" else f"an object of {TRUTH}: click on its box"
            warning = types.Warning(label=f"Select {what}")
            prompt = inputs.view("warning", warning)
            prompt.invalid = True
        return types.Property(inputs, view=types.View(label=self.button[0].capitalize()))

    def choose(self, ctx: Any, inputs: Any) -> None:
        """Add what this decision asks for."""

    def resolve_placement(self, ctx: Any) -> Any:
        """Its button."""
        label, icon = self.button
        return types.Placement(
            self.place,
            types.Button(label=label.capitalize(), icon=icon, prompt=True),
        )

    def execute(self, ctx: Any) -> Any:
        """Decide, and let the app show it."""
        view = everything(ctx.dataset)
        why = str(ctx.params.get("why") or "").strip()
        reason = [WHY + why] if why else []
        if self.on_objects(ctx):
            ids = self.objects(ctx)
            self.decide(ctx, view, ids, reason)
        else:
            ids = self.images(ctx)
            self.decide_images(view, ids, reason)
        ctx.ops.clear_selected_labels()
        ctx.ops.clear_selected_samples()
        ctx.ops.reload_samples()
        ctx.ops.notify(f"{self.button[0]}: {len(ids)}", variant="success")
        return {"decided": len(ids)}

    def on_objects(self, ctx: Any) -> bool:
        """Whether objects are meant."""
        return self.about == "object" or (self.about == "either" and bool(self.objects(ctx)))

    def objects(self, ctx: Any) -> list[str]:
        """Ids of the selected objects of the truth."""
        chosen = ctx.selected_labels or ()
        return [one["label_id"] for one in chosen if one.get("field", TRUTH) == TRUTH]

    def images(self, ctx: Any) -> list[str]:
        """Ids of the selected pictures, or of the one that is opened."""
        return list(ctx.selected or ([ctx.current_sample] if ctx.current_sample else ()))

    def decide(self, ctx: Any, view: Any, ids: list[str], reason: list[str]) -> None:
        """Mark objects."""
        view.select_labels(ids=ids, fields=TRUTH).tag_labels([self.tag(ctx), *reason])

    def decide_images(self, view: Any, ids: list[str], reason: list[str]) -> None:
        """Mark pictures."""
        view.select(ids).tag_samples([self.word, *reason])

    def tag(self, ctx: Any) -> str:
        """The tag this decision leaves on an object."""
        return self.word


class LeaveOut(Decision):
    """The picture is of no use."""

    about, button, name_ = "image", ("leave picture out", "block"), "leave_out"
    word = "leave_out"


class LeaveOutHere(LeaveOut):
    """The same over an opened picture."""

    place, name_, listed = types.Places.SAMPLES_VIEWER_ACTIONS, "leave_out_here", False


class Fine(Decision):
    """Looked at and right."""

    about, button, name_ = "either", ("fine, do not ask again", "check_circle"), "fine"
    word = "fine"


class FineHere(Fine):
    """The same over an opened picture."""

    place, name_, listed = types.Places.SAMPLES_VIEWER_ACTIONS, "fine_here", False


class IgnoreObject(Decision):
    """Neither an object to learn nor background."""

    place = types.Places.SAMPLES_VIEWER_ACTIONS
    button, name_, word = ("ignore object", "do_not_disturb_on"), "ignore_object", "ignore"


class WrongClass(Decision):
    """The object is of another class."""

    place = types.Places.SAMPLES_VIEWER_ACTIONS
    button, name_ = ("wrong class", "swap_horiz"), "wrong_class"

    def choose(self, ctx: Any, inputs: Any) -> None:
        """The class it is of."""
        choices = types.DropdownView()
        for name in ctx.dataset.default_classes:
            choices.add_choice(name, label=name)
        inputs.enum("class", choices.values(), label="Class", required=True, view=choices)

    def decide(self, ctx: Any, view: Any, ids: list[str], reason: list[str]) -> None:
        """Give it the name at once, keep the old one beside it, and take back an earlier correction's tag."""
        name = str(ctx.params["class"])
        before = _labels(view, ids)
        _untag(
            view, {one: [tag for tag in tags if tag.startswith(CLASS)] for one, (*_, tags) in before.items()}
        )
        view.select_labels(ids=ids, fields=TRUTH).tag_labels([CLASS + name, *reason])
        places = [(one, sample, was or label) for one, (sample, label, was, _) in before.items()]
        _set(view, "was", [(sample, one, was) for one, sample, was in places])
        _set(view, "label", [(sample, one, name) for one, sample, _ in places])


class BoxWrong(Decision):
    """The box does not fit the object."""

    place = types.Places.SAMPLES_VIEWER_ACTIONS
    button, name_ = ("box wrong", "highlight_alt"), "box_wrong"

    def choose(self, ctx: Any, inputs: Any) -> None:
        """What shall count instead."""
        choices = types.RadioGroup()
        choices.add_choice("ignore", label="ignore the object")
        choices.add_choice("box", label="take the box as I have moved it in the app")
        inputs.enum("then", choices.values(), label="Then", default="ignore", view=choices)

    def tag(self, ctx: Any) -> str:
        """As an edit calls it."""
        return "box" if ctx.params.get("then") == "box" else "ignore"


class TakeBack(Decision):
    """No decision any more; a line that was pulled stays until a person deletes it."""

    about, button, name_ = "either", ("take decision back", "undo"), "take_back"

    def decide(self, ctx: Any, view: Any, ids: list[str], reason: list[str]) -> None:
        """Remove the tags and give a corrected name back."""
        before = _labels(view, ids)
        _untag(view, {one: [tag for tag in tags if _ours(tag)] for one, (*_, tags) in before.items()})
        _set(view, "label", [(sample, one, was) for one, (sample, _, was, _) in before.items() if was])

    def decide_images(self, view: Any, ids: list[str], reason: list[str]) -> None:
        """Remove the tags."""
        chosen = view.select(ids)
        chosen.untag_samples([tag for tag in chosen.distinct("tags") if _ours(tag)])


class TakeBackHere(TakeBack):
    """The same over an opened picture."""

    place, name_, listed = types.Places.SAMPLES_VIEWER_ACTIONS, "take_back_here", False


OPERATORS = (
    LeaveOut,
    Fine,
    TakeBack,
    IgnoreObject,
    WrongClass,
    BoxWrong,
    LeaveOutHere,
    FineHere,
    TakeBackHere,
)


def _ours(tag: str) -> bool:
    return plain_tag(tag) in (*ON_IMAGE, *ON_OBJECT) or tag.startswith((CLASS, WHY))


def _labels(view: Any, ids: list[str]) -> dict[str, tuple[str, str, str | None, list[str]]]:
    """Of objects by id: sample, name, the name before a correction, tags."""
    path = f"{TRUTH}.detections"
    columns = view.select_labels(ids=ids, fields=TRUTH).values(
        ["id", *(f"{path}.{name}" for name in ("id", "label", "was", "tags"))]
    )
    return {
        one: (sample, label, was, tags or [])
        for sample, *objects in zip(*columns, strict=True)
        for one, label, was, tags in zip(*objects, strict=True)
    }


def _untag(view: Any, tags: dict[str, list[str]]) -> None:
    holders: dict[str, list[str]] = defaultdict(list)
    for one, held in tags.items():
        for tag in held:
            holders[tag].append(one)
    for tag, ids in holders.items():
        view.select_labels(ids=ids, fields=TRUTH).untag_labels(tag)


def _set(view: Any, name: str, places: list[tuple[str, str, str]]) -> None:
    values = [{"sample_id": sample, "label_id": one, "value": value} for sample, one, value in places]
    if values:
        view.set_label_values(f"{TRUTH}.detections.{name}", values)
