"""A training as one file: every variable and where the stream stood. Read back, it goes on to the bit."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import keras
import numpy as np

from datapipe.errors import InputError, UsageError, printable

STATE = "state.json"


def save(file: Path, variables: Sequence[Any], state: dict[str, Any]) -> None:
    """Write a checkpoint; an old one is replaced when the new one is whole on disk.

    Args:
        file: to write, a NumPy .npz: arrays by number, and the state as JSON.
        variables: of the network first, then whatever else the training changes.
        state: JSON values.
    """
    arrays = {f"{i:05}": np.asarray(variable) for i, variable in enumerate(variables)}
    part = file.with_name(f"{file.name}.part")
    with open(part, "wb") as out:
        np.savez(out, **arrays, **{STATE: np.array(json.dumps(state))})
        out.flush()
        os.fsync(out.fileno())
    os.replace(part, file)


def state(file: Path) -> dict[str, Any]:
    """A checkpoint's state.

    Raises:
        UsageError: there is no such file.
        InputError: it is no checkpoint.
    """
    return _read(file)[1]


def restore(file: Path, variables: Sequence[Any]) -> None:
    """Set every variable to what it was.

    Raises:
        UsageError: the variables are another training's.
        InputError: the file is no checkpoint.
    """
    arrays, _ = _read(file)
    want = [tuple(variable.shape) for variable in variables]
    have = [array.shape for array in arrays]
    if want != have:
        at = next((i for i, (a, b) in enumerate(zip(want, have, strict=False)) if a != b), len(have))
        raise UsageError(
            f"{file}: {len(have)} variables there, {len(want)} here, the first other one is number {at}: "
            "resume with the options the run was started with (network, classes, anchors, optimizer, --ema)"
        )
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)


def load_weights(network: keras.Model, file: Path) -> tuple[int, int]:
    """Take over trained weights where number and shape fit; a head for other classes stays as it is.

    Args:
        network: to change.
        file: a checkpoint of `save`, of a network built with the same options but for classes and anchors;
            or a .weights.h5 or .keras file of the same architecture.

    Returns:
        How many variables were taken over, and of how many.

    Raises:
        UsageError: no such file, or no variable of it fits.
    """
    variables = network.variables
    if file.suffix in (".h5", ".keras"):
        if not file.exists():
            raise UsageError(f"--weights {printable(file)}: no such file")
        before = [np.asarray(variable).copy() for variable in variables]
        network.load_weights(file, skip_mismatch=True)
        taken = sum(not np.array_equal(a, np.asarray(b)) for a, b in zip(before, variables, strict=True))
    else:
        arrays, _ = _read(file)
        fits = [
            (variable, array)
            for variable, array in zip(variables, arrays, strict=False)
            if tuple(variable.shape) == array.shape
        ]
        for variable, array in fits:
            variable.assign(array)
        taken = len(fits)
    if not taken:
        raise UsageError(f"--weights {printable(file)}: none of its weights fits {network.name}")
    return taken, len(variables)


def freeze(network: keras.Model, stages: int) -> None:
    """Keep the stem and the first stages of the backbone as they are, batch statistics too.

    Args:
        network: one of `recipes.networks`, whose layers "stage1", "stage2", ... end its stages.
        stages: how many.

    Raises:
        UsageError: the backbone has fewer.
    """
    if not stages:
        return
    names = [layer.name for layer in network.layers]
    last = sum(name.startswith("stage") for name in names)
    if f"stage{stages}" not in names:
        raise UsageError(f"--freeze {stages}: the backbone of {network.name} has {last} stages")
    end = network.get_layer(f"stage{stages}").output
    for layer in keras.Model(network.input, end).layers:  # exactly the layers that lead there
        layer.trainable = False


def _read(file: Path) -> tuple[list[np.ndarray], dict[str, Any]]:
    try:
        with open(file, "rb") as data, np.load(data, allow_pickle=False) as stored:
            arrays = [stored[name] for name in sorted(set(stored.files) - {STATE})]
            return arrays, json.loads(str(stored[STATE]))
    except FileNotFoundError:
        raise UsageError(f"{printable(file)}: no such checkpoint") from None
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        raise InputError(f"{printable(file)}: no checkpoint of a trainer: {error}") from None
