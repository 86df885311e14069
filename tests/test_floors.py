"""The architecture, held on the source: floors, homes of heavy packages, names, lengths."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from importlib.util import resolve_name
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FLOORS = {
    name: floor
    for floor, names in {
        1: "errors boxes progress words version",
        2: "objects sample findings targets resizing",
        3: "tfrecord tfexample columns records images manifest dataset table edits augment",
        4: "recipe engines formats stats splits similar",
        5: "stream anchors reading planning placing shards publish ingest verify evaluation html",
        6: "pipeline heads audit preview bench doctor demo report",
        7: "cli __main__ __init__",
        8: "recipes",  # the trainers beside the package: users of it
    }.items()
    for name in names.split()
}
HOMES = {
    "tensorflow keras": "pipeline heads recipes",
    "albumentations": "augment.albu",
    "cv2": "images augment",
    "fiftyone": "audit",
    "ray": "engines.ray",
    "torch": "pipeline recipes",
    "sklearn": "anchors splits",
    "pycocotools": "formats.coco evaluation",
    "pyarrow": "table",
    "rich": "report cli recipes",
    "yaml": "recipe formats.yolo",
    "PIL simplejpeg": "images",
    "google_crc32c google.protobuf": "tfrecord tfexample",
    "msgspec": "formats",
}
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted([*ROOT.glob("datapipe/**/*.py"), *ROOT.glob("recipes/**/*.py")])
}


def imports_of(module: str, path: Path) -> Iterator[tuple[str, str, str]]:
    """Every import (module, "datapipe.errors.InputError", "file:line"), lazy or for types too."""
    package = module if path.stem == "__init__" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = resolve_name("." * node.level + (node.module or ""), package)
            names = [f"{base}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            names = [str(a.value) for a in node.args[:1] if isinstance(a, ast.Constant)]
        yield from ((module, name, f"{path.relative_to(ROOT)}:{node.lineno}") for name in names)


def room(name: str) -> str:
    """The key in FLOORS, also of a module not written yet; "" for other people's packages."""
    top, first = (*name.split("."), "")[:2]
    inside = first if first in FLOORS or f"datapipe.{first}" in MODULES else "__init__"
    return inside if top == "datapipe" else top if top == "recipes" else ""


IMPORTS = [one for module, path in MODULES.items() for one in imports_of(module, path)]


def test_every_module_has_a_floor():
    lost = [path.relative_to(ROOT) for name, path in MODULES.items() if room(name) not in FLOORS]
    assert not lost, "; ".join(f"give {path} a floor in FLOORS" for path in lost)


def test_imports_never_run_upwards():
    for low, high, where in ((room(module), room(name), where) for module, name, where in IMPORTS):
        assert FLOORS.get(low, 9) >= FLOORS.get(high, 0), f"{where}: {high} is above {low}"


def test_imports_form_no_circle():
    edges: dict[str, dict[str, str]] = {}
    for module, name, where in IMPORTS:
        while name and name not in MODULES:
            name = name.rpartition(".")[0]
        edges.setdefault(module, {})[name or "outside"] = where
    try:
        TopologicalSorter(edges).prepare()
    except CycleError as circle:
        ring = circle.args[1][::-1]  # graphlib puts the imported before its importer
        pytest.fail("\n".join(f"{edges[a][b]}: {a} imports {b}" for a, b in pairwise(ring)))


def test_heavy_packages_stay_in_their_homes():
    for module, name, where in IMPORTS:
        inside = module.removeprefix("datapipe.") + "."
        for packages, homes in HOMES.items():
            heavy, home = (tuple(f"{p}." for p in one.split()) for one in (packages, homes))
            lost = f"{name}.".startswith(heavy) and not inside.startswith(home)
            assert not lost, f"{where}: {name} may be imported in {homes} only"


def test_a_name_says_something_and_a_file_ends_by_line_300():
    vague = {"utils", "common", "helpers", "base", "types", "misc"}
    for name, path in MODULES.items():
        assert not vague & set(name.split(".")), f"{path}:1: a vague name collects everything"
        lines = len(path.read_text(encoding="utf-8").splitlines())
        assert lines <= 300 or name.startswith("recipes"), f"{path}:301: {lines} lines, cut it"


@pytest.mark.parametrize("name", sorted({"datapipe", "datapipe.cli"} & MODULES.keys()))
def test_importing_loads_no_heavy_package(name: str):
    heavy = {"tensorflow", "albumentations", "cv2", "pyarrow", "fiftyone", "ray", "sklearn"}
    code = f"import sys, {name}; print(*{heavy | {'pycocotools', 'PIL'}} & sys.modules.keys())"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert (run.stdout.strip(), run.stderr) == ("", "")
