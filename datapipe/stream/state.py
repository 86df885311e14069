"""What a checkpoint keeps of a stream: a few words, because the stream itself has no memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from datapipe.errors import UsageError
from datapipe.images import opencv
from datapipe.version import VERSION

_FIXED = {
    "identity": "the dataset (its shards, splits.json or edits.jsonl)",
    "recipe": "the recipe",
    "split": "the split",
    "seed": "the seed",
    "hosts": "the number of hosts",
}
"""What must be the same for a stream to go on where it stopped."""


def state(identity: str, recipe: str, split: str, seed: int, hosts: int, step: int) -> dict[str, Any]:
    """What a stream keeps; see `Stream.state`. The recipe is told by its hash."""
    fixed = {"identity": identity, "recipe": recipe, "split": split, "seed": seed, "hosts": hosts}
    return {**fixed, "step": step, "versions": versions()}


def versions() -> dict[str, str]:
    """What the bytes of a sample depend on beside the data."""
    return {"datapipe": VERSION, "numpy": np.__version__, "opencv": opencv.VERSION}


def refuse_another(state: Mapping[str, Any], here: Mapping[str, Any]) -> tuple[str, ...]:
    """Compare a checkpoint's state with this stream's.

    Returns:
        Remarks on versions that differ: the stream is the same, single bytes of it may not be.

    Raises:
        UsageError: the state is another stream's; says what differs.
    """
    for key, name in _FIXED.items():
        if key not in state:
            raise UsageError(f"stream state: no {key!r} in it: not a state that Stream.state made")
        if state[key] != here[key]:
            found, want = (str(one[key])[:12] for one in (state, here))
            raise UsageError(
                f"stream state: {name} changed since the checkpoint: {key} {found} there, {want} here; "
                f"restore it, or start anew from step 0"
            )
    then, now = state.get("versions", {}), here["versions"]
    return tuple(
        f"{name} {then[name]} at the checkpoint, {now[name]} now: samples may differ in single bytes"
        for name in now
        if name in then and then[name] != now[name]
    )
