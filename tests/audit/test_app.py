"""With FiftyOne and its database, without a browser: open, decide, pull, train on it.

Everything runs in processes of its own: FiftyOne is imported once a process, on one database.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from make import make_dataset

from audit.needs import needs_fiftyone
from audit.running import run, script, serving
from datapipe.dataset import Dataset

pytestmark = pytest.mark.xdist_group("fiftyone")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("audit")


@pytest.fixture(scope="module")
def data(place: Path) -> Path:
    return make_dataset(place, n=12).folder


@pytest.fixture(scope="module")
def server(data: Path, place: Path) -> Iterator[dict[str, Any]]:
    """`audit open` on the data, as people run it."""
    command = [sys.executable, "-m", "datapipe", "audit", "open", str(data), "--json", "--no-browser"]
    home = place / "home"
    home.mkdir()
    with subprocess.Popen(
        [*command, "--cache", str(place / "cache"), "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"HOME": str(home)},
    ) as running:
        assert running.stdout and running.stderr
        text = ""
        while not text.rstrip().endswith("}"):
            line = running.stdout.readline()
            assert line, running.stderr.read()
            text += line
        next(line for line in running.stderr if "all pictures are in" in line)
        yield json.loads(text) | {"home": home}
        running.send_signal(signal.SIGTERM)
        rest, told = running.communicate(timeout=60)
        assert (running.returncode, rest) == (0, ""), told
    assert not serving(str(next(place.glob("cache/audit/*/database"))))


DECIDE = """
from datapipe.audit.connection import connected
from datapipe.audit.home import home_of
from datapipe.dataset import Dataset
dataset = Dataset(folder, edited=False)
with connected(home_of(dataset.manifest, cache), guest=True) as fo:
    import fiftyone.operators as foo
    held = fo.load_dataset(fo.list_datasets()[0])
    ids = dict(zip(held.values("image_id"), held.values("id")))
    labels = dict(zip(held.values("image_id"), held.values("ground_truth.detections.id")))
    def do(name, objects=(), images=(), **params):
        chosen = [{"label_id": one, "field": "ground_truth"} for one in objects]
        ctx = dict(dataset=held, selected=list(images), selected_labels=chosen, params=params)
        return foo.execute_operator("@datapipe/audit/" + name, ctx=ctx).result
"""


def labels_of(folder: Path, image_id: str) -> list[str]:
    return Dataset(folder, edited=False).stored_object_ids(image_id)


@needs_fiftyone
def test_opening_serves_the_app_on_loopback_and_leaves_the_users_home_alone(server, data, place):
    assert server["url"].startswith("http://127.0.0.1:") and server["url"].endswith("most-suspicious-first")
    assert (server["images"], server["shown"], server["loaded"]) == (12, 12, 12)
    assert list(server["home"].iterdir()) == [], "FiftyOne writes into the cache"
    second = run("open", data, "--cache", place / "cache", "--no-browser")
    assert second.returncode == 4 and second.stderr.count("\n") == 1 and "is open already" in second.stderr


@needs_fiftyone
def test_the_app_holds_every_picture_and_object_with_views_of_what_occurs(server, data, place):
    told = script(
        DECIDE
        + """
    views = {name: len(held.load_saved_view(name)) for name in held.list_saved_views()}
    order = held.load_saved_view("most suspicious first").values("suspicion")
    colours = held.app_config.color_scheme.fields[0]["valueColors"]
    plugins = sorted(one.name for one in foo.list_operators() if "datapipe" in one.uri)
    print(json.dumps({"objects": held.count("ground_truth.detections"), "views": views, "order": order,
        "media": held.media_type, "colours": colours, "plugins": plugins,
        "workspaces": held.list_workspaces()}))
    """,
        data,
        place / "cache",
    )
    dataset = Dataset(data)
    assert told["objects"] == len(dataset.objects["image"]) and told["media"] == "image"
    assert told["views"]["split train"] + told["views"]["split val"] == 12
    assert told["views"]["no objects"] == int((dataset.images["objects"] == 0).sum())
    assert told["order"] == sorted(told["order"], reverse=True) and told["order"][0] > 0
    assert [one["value"] for one in told["colours"]] == list(dataset.classes)
    names = ["anchor_coverage", "box_wrong", "fine", "ignore_object", "leave_out", "take_back", "wrong_class"]
    here = ["fine_here", "leave_out_here", "take_back_here"]
    assert told["plugins"] == sorted(names + here)
    assert told["views"].keys().isdisjoint({"with crowd", "with truncated"}), "only what occurs"
    assert told["workspaces"] == ["anchor coverage"]


@needs_fiftyone
def test_decisions_by_operators_become_lines_that_reading_obeys_and_a_deleted_line_is_undone(
    server, data, place
):
    before = Dataset(data)
    counts, ids = list(before.images["objects"]), [str(one) for one in before.images["image_id"]]
    two, three = (ids[counts.index(n)] for n in (2, 3))
    (data / "edits.jsonl").write_text('{"image": "5", "edit": "leave_out", "who": "a colleague"}\n')
    told = script(
        DECIDE
        + """
    two, three, empty = rest
    do("leave_out", images=[ids[empty]], why="nothing on it")
    do("ignore_object", objects=labels[two][:1])
    do("wrong_class", objects=labels[three][:1], **{"class": "car"}, why="four wheels")
    do("wrong_class", objects=labels[three][1:2], **{"class": "dog"})
    do("take_back", objects=labels[three][1:2])
    do("box_wrong", objects=labels[three][2:3], then="box")
    do("fine", objects=labels[two][1:2])
    held.set_label_values("ground_truth.detections.bounding_box",
        [{"sample_id": ids[three], "label_id": labels[three][2], "value": [0.1, 0.1, 0.5, 0.5]}])
    held.select([ids["1"]]).tag_samples("Leave out")
    held.select([ids["2"]]).tag_samples("ignore")
    tags = [held.count_label_tags()]
    file = Path(folder, "edits.jsonl")
    pulls = [pull(folder, cache=cache, dry_run=True).to_json()]
    texts = [file.read_text()]
    pulls += [pull(folder, cache=cache).to_json() for _ in range(2)]
    texts.append(file.read_text())
    file.write_text("".join(line + "\\n" for line in texts[1].splitlines() if '"leave_out"' in line))
    pulls += [pull(folder, cache=cache).to_json() for _ in range(2)]
    held.reload()
    tags += [held.count_label_tags(), held.count_sample_tags()]
    print(json.dumps({"pulls": pulls, "texts": texts, "tags": tags}))
    """,
        data,
        place / "cache",
        two,
        three,
        "4",
    )
    dry, first, second, undone, last = told["pulls"]
    assert told["tags"][0] == {"ignore": 1, "class:car": 1, "why:four wheels": 1, "box": 1, "fine": 1}
    assert len(dry["new"]) == 6 and told["texts"][0].count("\n") == 1, "a dry run writes nothing"
    assert (first["taken"], first["undone"], first["new"]) == (1, 0, dry["new"])
    assert [remark for remark in first["remarks"] if "image '2' is tagged 'ignore'" in remark]
    lines = [json.loads(line) for line in told["texts"][1].splitlines()]
    assert lines[0] == {"image": "5", "edit": "leave_out", "who": "a colleague"}
    (a, b), (c, _, e) = labels_of(data, two), labels_of(data, three)
    w, h = (int(before.images[side][ids.index(three)]) for side in ("width", "height"))
    wanted = [
        {"image": "1", "edit": "leave_out", "why": ""},
        {"image": "4", "edit": "leave_out", "why": "nothing on it"},
        {"image": two, "object": a, "edit": "ignore", "why": ""},
        {"image": two, "object": b, "edit": "fine", "why": ""},
        {"image": three, "object": c, "edit": "class", "class": "car", "why": "four wheels"},
        {"image": three, "object": e, "edit": "box", "xyxy": [0.1 * w, 0.1 * h, 0.6 * w, 0.6 * h], "why": ""},
    ]
    assert sorted(map(sorted_items, lines[1:])) == sorted(
        sorted_items(one | {"who": "", "when": ""}) for one in wanted
    )
    assert second["new"] == [], "no line twice"
    assert (undone["undone"], undone["new"]) == (4, []) and (last["undone"], last["new"]) == (0, [])
    assert told["tags"][1].keys() <= {"why:four wheels"}
    assert told["tags"][2] == {"leave_out": 2, "Leave out": 1, "why:nothing on it": 1, "ignore": 1}
    after = Dataset(data)
    assert len(after) == 9 and after.identity != before.identity
    shown = run("pull", data, "--cache", place / "cache")
    assert shown.returncode == 0 and "nothing new in 12 pictures" in shown.stdout, "while the app runs, too"


def sorted_items(line: dict[str, Any]) -> str:
    return json.dumps(line, sort_keys=True)


@needs_fiftyone
def test_augmented_samples_stand_beside_their_original_and_speak_of_its_objects(tmp_path):
    data = make_dataset(tmp_path, n=8, split="train=1").folder
    (tmp_path / "r.yaml").write_text(
        "input: {hw: [64, 64], resize: letterbox}\nmix: [{Mosaic: {p: 1.0}}]\nstream: {window: 4, group: 4}\n"
        "targets: {YoloV4: {}}\n"
    )
    told = script(
        """
        from datapipe.recipe import Recipe
        from datapipe.audit.loading import everything
        wish = Wish(recipe=Recipe.load(rest[0]), pictures=5, copies=2, cache=cache)
        with opened(folder, wish, app=False) as audit:
            audit.finish()
            held, view = audit.dataset, everything(audit.dataset)
            made = [x for x in view.iter_samples() if x.position is not None and x.ground_truth.detections]
            one = made[0]
            box = one.ground_truth.detections[0]
            box.tags = ["ignore"]
            one.save()
            found = [[d.image_id, d.object_id, x.partners] for x in made for d in x.ground_truth.detections]
            print(json.dumps({"groups": len(held), "all": len(view), "slices": sorted(held.group_slices),
                "chosen": [box.image_id, box.object_id], "found": found, "origin": json.loads(one.origin)}))
        """,
        data,
        tmp_path / "cache",
        tmp_path / "r.yaml",
    )
    assert (told["groups"], told["all"]) == (5, 15)
    assert told["slices"] == ["augmented 1", "augmented 2", "original"]
    for image_id, object_id, partners in told["found"]:
        assert image_id in partners and object_id in labels_of(data, image_id)
    assert told["origin"]["layers"][0]["tiles"][0]["matrix"]
    pulled = json.loads(run("pull", data, "--cache", tmp_path / "cache", "--json").stdout)
    image_id, object_id = told["chosen"]
    assert pulled["new"] == [{"image": image_id, "object": object_id, "edit": "ignore"}]
    assert pulled["images"] == 5


@needs_fiftyone
def test_predictions_are_evaluated_beside_the_truth_and_reopening_keeps_everything(tmp_path):
    dataset = make_dataset(tmp_path, n=8)
    columns = dataset.objects
    rows = [
        {
            "image_id": str(dataset.images["image_id"][columns["image"][i]]),
            "category_id": int(columns["class_id"][i]) + 1,
            "bbox": [float(columns["xmin"][i]), float(columns["ymin"][i]), 12.0, 9.0],
            "score": 0.9,
        }
        for i in range(1, len(columns["image"]))
    ]
    rows.append({"image_id": "4", "category_id": 1, "bbox": [1, 1, 9, 9], "score": 0.8})
    (tmp_path / "p.json").write_text(json.dumps(rows))
    told = script(
        """
        found = []
        for again in range(2):
            with opened(folder, Wish(predictions=rest[0], cache=cache), app=False) as audit:
                have = audit.loaded if audit.dataset.has_field("predictions") else 0
                audit.finish()
                held = audit.dataset
                views = [len(held.load_saved_view(name)) for name in ("false positives", "misses")]
                found.append([have, held.sum("evaluation_fp"), held.sum("evaluation_fn"), *views])
        print(json.dumps(found))
        """,
        dataset.folder,
        tmp_path / "cache",
        tmp_path / "p.json",
    )
    assert told == [[0, 1, 1, 1, 1], [8, 1, 1, 1, 1]]
