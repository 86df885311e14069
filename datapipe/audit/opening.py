"""`datapipe audit open`: the dataset in the FiftyOne app, the most suspicious pictures first."""

from __future__ import annotations

import os
import re
import time
import webbrowser
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from datapipe.anchors.answer import DetectorName
from datapipe.audit import loading, predicted, schema, syncing
from datapipe.audit.app import free_port, serving
from datapipe.audit.augmented import Again
from datapipe.audit.connection import connected, require, running
from datapipe.audit.facts import Facts, gather
from datapipe.audit.filling import Filling
from datapipe.audit.home import Home, home_of, key_of, read_json, write_json
from datapipe.audit.ledger import read_told
from datapipe.dataset import Dataset
from datapipe.doctor.examination import lenses_of
from datapipe.doctor.view import Lens
from datapipe.edits import Edit
from datapipe.edits import read as read_overlays
from datapipe.errors import EnvironmentProblem, UsageError
from datapipe.progress import Progress, silent
from datapipe.recipe import Recipe

FIRST, BATCH = 500, 250
"""Pictures in the app before it is shown; pictures that follow at a time."""


@dataclass(frozen=True)
class Wish:
    """What to show, and where.

    detector, input_size: whose anchors and input count; the recipe's, else YOLOv4 at its usual
    recipe:      None; or show what it makes of the pictures, too: `pictures` of them, `copies` samples each
    predictions: a file of COCO results to show beside the truth, "" for none
    limit:       most pictures, the most suspicious first
    uri:         of a MongoDB server of the user's, "" for our own
    cache:       folder for what can be made again, "" for the usual
    port:        of the app; 0 for 5151 or, if that is taken, any
    """

    detector: DetectorName | None = None
    input_size: tuple[int, int] | None = None
    recipe: Recipe | None = None
    pictures: int = 500
    copies: int = 2
    seed: int = 0
    predictions: str = ""
    limit: int = 5000
    uri: str = ""
    cache: str = ""
    port: int = 0


@dataclass
class Audit:
    """An audit that is open.

    name:    of FiftyOne's dataset
    url:     where the app shows it
    images:  of the dataset; shown: how many of them the app will show; loaded: shows now
    waiting: decisions in the app that are not pulled yet
    remarks: what a person should know
    seconds: from the start until the first pictures could be looked at
    dataset: FiftyOne's; home: the user's own, which FiftyOne does not get to see
    """

    name: str
    url: str
    images: int
    shown: int
    loaded: int
    waiting: int
    seconds: float
    remarks: tuple[str, ...] = ()
    dataset: Any = field(default=None, repr=False)
    home: str = field(default="", repr=False)
    _rest: Callable[[], None] = field(default=lambda: None, repr=False)

    def finish(self) -> None:
        """Bring in the pictures that are still missing, look for near duplicates, compare predictions."""
        self._rest()

    def browse(self) -> None:
        """Open the user's browser, with the user's own home."""
        ours = os.environ.get("HOME")
        if self.home:
            os.environ["HOME"] = self.home
        try:
            webbrowser.open(self.url)
        finally:
            if ours is not None:
                os.environ["HOME"] = ours

    def wait(self) -> None:
        """Serve the app until Ctrl-C or SIGTERM."""
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            return

    def to_json(self) -> dict[str, Any]:
        """What `--json` prints."""
        names = ("name", "url", "images", "shown", "loaded", "waiting")
        return {name: getattr(self, name) for name in names} | {"seconds": round(self.seconds, 1)}


@contextmanager
def opened(
    folder: str | Path, wish: Wish, progress: Progress = silent, *, app: bool = True
) -> Iterator[Audit]:
    """Open an audit: the database, the first pictures, the app.

    Args:
        folder: a dataset that `ingest` wrote.
        wish: what to show.
        progress: told of every picture.
        app: whether to start the app; the database is enough for a script.

    Raises:
        EnvironmentProblem: FiftyOne or its database is missing or cannot be used, or an audit of this data is
            open already.
        InputError: the dataset, the recipe's or the predictions' file cannot be used.
        UsageError: a wish that cannot be.
    """
    start = time.monotonic()
    require(str(folder))
    dataset = Dataset(folder, edited=False)
    (lens,) = lenses_of(
        wish.detector or (None if wish.recipe else "yolov4"), wish.input_size, None, wish.recipe
    )
    lines = read_overlays(dataset.folder, dataset.classes).edits
    facts = gather(dataset, lens, read_told(dataset.folder))
    score = facts.suspicion(lines)
    shown = _shown(dataset, wish, score)
    predictions = predicted.read(dataset, wish.predictions) if wish.predictions else None
    home, own = home_of(dataset.manifest, wish.cache), os.environ.get("HOME", "")
    port = free_port(wish.port) if app else 0
    _alone(home, wish.uri)
    with ExitStack() as stack:
        fo = stack.enter_context(connected(home, wish.uri))
        stack.enter_context(_announced(home, fo, port, wish.uri))
        server = stack.enter_context(serving(port, home.root / "app.log")) if app else None
        edited = Dataset(folder)
        name = name_of(dataset, edited, lens, wish)
        held = _held(fo, name, dataset, wish.copies if wish.recipe else 0)
        have = set(held.values("image_id"))
        wanted = [image for image in shown if str(facts.image_id[image]) not in have]
        again = None
        if wish.recipe:
            again = stack.enter_context(
                closing(Again(edited, wish.recipe, wish.seed, wish.copies, lens, home))
            )
        fill = Filling(fo, held, dataset, facts, score, home, again)
        with progress("first pictures", min(FIRST, len(wanted)), "images") as advance:
            fill(wanted[:FIRST], advance)
        schema.save_views(held, list(dataset.splits), facts.occurring())
        waiting, remarks = _meet(held, dataset, lines, facts, score)

        def rest() -> None:
            more = wanted[FIRST:]
            with progress("more pictures", len(more), "images") as advance:
                for at in range(0, len(more), BATCH):
                    fill(more[at : at + BATCH], advance)
            if not wish.recipe:
                loading.near_duplicates(held)
            if more:
                _meet(held, dataset, lines, facts, score)
            if predictions is not None:
                predicted.compare(fo, held, dataset, predictions, wish.predictions, progress)

        if server:
            server.ready()
        yield Audit(
            name=name,
            url=f"http://127.0.0.1:{port}/datasets/{name}?view={schema.FIRST_SLUG}" if server else "",
            images=len(dataset),
            shown=len(shown),
            loaded=len(have) + min(FIRST, len(wanted)),
            waiting=waiting,
            seconds=time.monotonic() - start,
            remarks=remarks,
            dataset=held,
            home=own,
            _rest=rest,
        )


def _shown(dataset: Dataset, wish: Wish, score: Any) -> list[int]:
    """Numbers of the pictures to show, the most suspicious first."""
    order = np.argsort(-score, kind="stable")
    if wish.recipe is None:
        return [int(image) for image in order[: wish.limit]]
    if wish.predictions:
        raise UsageError("--predictions: are about original pictures; leave --recipe away")
    left_out = read_overlays(dataset.folder, dataset.classes).left_out()
    train = set(dataset.split("train").tolist())
    stream = (int(i) for i in order if i in train and dataset.images["image_id"][i] not in left_out)
    return list(islice(stream, min(wish.pictures, wish.limit)))


def name_of(dataset: Dataset, edited: Dataset, lens: Lens, wish: Wish) -> str:
    """A name for FiftyOne that tells datasets, detectors and recipes apart."""
    folder = dataset.folder.resolve().name
    parts = [folder, key_of(dataset.manifest)[:8], f"{lens.name}-{lens.hw[0]}x{lens.hw[1]}"]
    if wish.recipe:
        parts += [f"{wish.recipe.hash[:8]}-{edited.identity[:8]}-{wish.seed}-{wish.copies}"]
    return re.sub(r"[^a-z0-9]+", "-", "-".join(parts).lower()).strip("-")


def _held(fo: Any, name: str, dataset: Dataset, copies: int) -> Any:
    if fo.dataset_exists(name):
        return fo.load_dataset(name)
    return schema.create(fo, name, dataset.classes, copies)


def _meet(
    held: Any, dataset: Dataset, lines: Sequence[Edit], facts: Facts, score: Any
) -> tuple[int, tuple[str, ...]]:
    """Let the app show the file's lines and the present suspicion."""
    stored = loading.Stored(dataset)
    merged = syncing.compare(held, stored, lines)
    syncing.settle(held, stored, merged, written=False)
    now = {str(one): round(float(value), 4) for one, value in zip(facts.image_id, score, strict=True)}
    ids, images, before = loading.everything(held).values(["id", "image_id", "suspicion"])
    changed = {
        one: now[image] for one, image, value in zip(ids, images, before, strict=True) if value != now[image]
    }
    if changed:
        loading.everything(held).set_values("suspicion", changed, key_field="id")
    return len(merged.new), merged.remarks


def _alone(home: Home, uri: str) -> None:
    """Refuse a second app on one database, and say where the first is."""
    if not uri and running(home):
        url = read_json(home.serving).get("url", "")
        raise EnvironmentProblem(f"audit: this data is open already: {url}; end that one with Ctrl-C first")


@contextmanager
def _announced(home: Home, fo: Any, port: int, uri: str) -> Iterator[None]:
    """Tell other processes where our own database is, for as long as it is there."""
    if uri:
        yield
        return
    _, database_port = fo.core.odm.get_db_conn().client.address
    write_json(home.serving, {"port": database_port, "url": f"http://127.0.0.1:{port}" if port else ""})
    try:
        yield
    finally:
        home.serving.unlink(missing_ok=True)
