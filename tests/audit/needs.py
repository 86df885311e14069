"""What the tests with FiftyOne need, and why they are skipped where it is absent."""

from __future__ import annotations

import importlib.util

import pytest

from datapipe.audit.mongod import find, version
from datapipe.errors import EnvironmentProblem


def absent() -> str:
    """Why FiftyOne cannot be used here, "" if it can."""
    if importlib.util.find_spec("fiftyone") is None:
        return "FiftyOne is not installed: pip install 'datapipe[audit-offline]'"
    try:
        version(find())
    except EnvironmentProblem as problem:
        return str(problem)
    return ""


needs_fiftyone = pytest.mark.skipif(bool(absent()), reason=absent())
