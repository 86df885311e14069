"""Who tells a YOLO source's classes and splits: data.yaml, obj.data or a file of names."""

from __future__ import annotations

import os
from collections.abc import Iterator

from datapipe.errors import InputError, printable
from datapipe.formats.paths import is_picture, walk
from datapipe.formats.yolo import names
from datapipe.formats.yolo.names import Plan

YAML_NAMES = ("data.yaml", "data.yml", "dataset.yaml", "dataset.yml")


def find_plan(root: str, yaml_file: str | None) -> Plan:
    """Who tells the classes: data.yaml before obj.data before a file of names.

    Raises:
        InputError: nobody, or several disagree.
    """
    if yaml_file := yaml_file or find_yaml(root):
        from datapipe.formats.yolo import data_yaml  # only a source with a yaml needs the yaml package

        return data_yaml.load(os.path.join(root, yaml_file))
    top = sorted(os.listdir(root))
    darknet = [name for name in top if name.endswith(".data")]
    if len(darknet) > 1:
        raise InputError(f"{printable(root)}: several .data files ({', '.join(darknet)}); keep one")
    if darknet:
        return names.read_darknet(root, darknet[0])
    plan = names.find_names(root, [name for name in files_below(root) if not is_picture(name)])
    if plan is None:
        raise InputError(
            f"{printable(root)}: class names are missing; add a data.yaml with names, or a classes.txt "
            "with one name per line"
        )
    return plan


def find_yaml(root: str) -> str | None:
    """The yaml at root that tells the classes.

    Raises:
        InputError: there are several and none is called data.yaml.
    """
    top = set(os.listdir(root))
    usual = [name for name in YAML_NAMES if name in top]
    if usual:
        return usual[0]
    from datapipe.formats.yolo import data_yaml

    ending = (".yaml", ".yml")
    named = [n for n in sorted(top) if n.endswith(ending) and data_yaml.has_names(f"{root}/{n}")]
    if len(named) > 1:
        shown = ", ".join(map(printable, named))
        raise InputError(f"{printable(root)}: several yaml files have names ({shown}); give the one to use")
    return named[0] if named else None


def files_below(root: str) -> Iterator[str]:
    """Every visible file below root, relative to it."""
    for folder, _, files in walk(root):
        where = os.path.relpath(folder, root)
        for name in files:
            yield name if where == "." else os.path.join(where, name)
