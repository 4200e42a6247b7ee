"""A run that begins with the weights of a checkpoint: a file of PyTorch's, or another run's."""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from rcjax import models
from rcjax.errors import UserError
from rcjax.outside import open_regular
from rcjax.training.checkpoints import arrays_by_name, newest_network


class NetworkArrays(NamedTuple):
    """Parameters and model state, nested dicts of arrays."""

    parameters: Any
    model_state: Any


def read_network(
    path: str, name: str, shape: Mapping[str, Any], like: NetworkArrays
) -> NetworkArrays:
    """Reads a network's weights and running statistics.

    Args:
        path: a file that `rcjax.models.load_torch_checkpoint` reads, or a folder: that of a run of
            rcjax or the folder `checkpoints` in it, of which the newest whole checkpoint is read,
            or that of a single checkpoint. `~` is the home of the user; "hf:ORG/NAME/FILE@REVISION"
            is a file of the Hugging Face hub.
        name: of the network.
        shape: its other arguments in `rcjax.models.create`.
        like: the network with other weights.

    Returns:
        The network, on one device.

    Raises:
        UserError: there is no such file, it holds no checkpoint, or that of another network; names
            the tensors that differ.
    """
    place = _place(path)
    if not os.path.isdir(place):
        _check_exists(path)
        model = models.create(name, **shape)
        models.load_torch_checkpoint(model, place)
        # Random words of dropout are not in the file.
        return _like(like, arrays_by_name(NetworkArrays(*models.arrays_of(model))), path)
    arrays, _ = newest_network(place)
    return _like(like, arrays, path)


def checkpoint_hash(path: str) -> str:
    """SHA-256 of a file, or of the arrays that a folder's newest checkpoint would give a network.

    Errors as in `read_network`.
    """
    place = _place(path)
    if os.path.isdir(place):
        return newest_network(place)[1]
    _check_exists(path)
    try:
        with open_regular(place) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UserError(f"cannot read the checkpoint {path}: {error.strerror}") from error


def check_unchanged(path: str, noted: Mapping[str, Any] | None, workdir: Path) -> None:
    """Checks that a run goes on from what it began with.

    Args:
        path: the config's field `checkpoint`.
        noted: what the run noted of its checkpoint: "path" and "sha256".
        workdir: of the run.

    Raises:
        UserError: another checkpoint is there now. That there is none any more is no error.
    """
    if not noted or not _is_there(path):
        return
    if checkpoint_hash(path) != noted["sha256"]:
        raise UserError(
            f"the checkpoint {path} is not the one any more that workdir {workdir} began with (its "
            "sha256 differs); choose another workdir"
        )


def _place(path: str) -> Path:
    return models.checkpoint_path(path)  # no shell expands the tilde of `--config.checkpoint=~/x`


def _is_there(path: str) -> bool:
    try:
        return os.path.exists(_place(path))
    except UserError:  # a file of the hub, without a network
        return False


def _check_exists(path: str) -> None:
    if not os.path.exists(_place(path)):
        raise UserError(
            f"config field checkpoint: there is no file or folder {path}; give a file of PyTorch "
            "or safetensors, hf:ORG/NAME/FILE@REVISION, or the folder of a run"
        )


def _like(like: NetworkArrays, arrays: Mapping[str, Any], path: str) -> NetworkArrays:
    """Returns the arrays in the structure of `like`; an error names what is different."""
    expected = arrays_by_name(like)
    shapes = [{name: np.shape(array) for name, array in own.items()} for own in (expected, arrays)]
    if problems := models.differences(*shapes):
        raise UserError(
            f"the checkpoint {path} does not fit this network: {'; '.join(problems)};"
            " check the network's name, width and data set"
        )
    leaves = [jax.numpy.asarray(arrays[name], leaf.dtype) for name, leaf in expected.items()]
    return jax.tree.unflatten(jax.tree.structure(like), leaves)
