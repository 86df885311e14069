"""The recipes that come with datapipe: beside the package in a checkout, inside it when installed."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
FOLDERS = (PACKAGE / "recipes", PACKAGE.parent / "recipes")
"""A wheel has them at datapipe/recipes (pyproject.toml maps the folder); a checkout has recipes/."""


def shipped() -> dict[str, Path]:
    """Name -> file of every shipped recipe, by name."""
    found = {path.stem: path for folder in FOLDERS for path in folder.glob("*.yaml")}
    return dict(sorted(found.items()))
