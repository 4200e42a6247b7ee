"""Checkpoint files of PyTorch and safetensors into networks of the same name."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import safetensors

from rcjax.errors import UserError
from rcjax.models.layers import Network
from rcjax.models.torch_pickle import read_torch_file
from rcjax.models.torch_state_dict import load_torch_state_dict

# Under which keys training programs keep the state_dict, and what wrappers put before its keys.
WRAPPERS = ("state_dict", "model_state_dict", "net", "model")
PREFIXES = ("module.", "_orig_mod.")
SAFETENSORS_DTYPES = {
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "BF16": np.dtype(jnp.bfloat16),
    "I64": np.dtype("<i8"),
    "I32": np.dtype("<i4"),
    "I16": np.dtype("<i2"),
    "I8": np.dtype("i1"),
    "U8": np.dtype("u1"),
    "BOOL": np.dtype("?"),
}


def load_torch_checkpoint(model: Network, path: str | os.PathLike) -> None:
    """Replaces all parameters and running statistics of `model` by those of a file, in place.

    path: a file of `torch.save` (.pth, .pt), which is read without executing any code in it, or of
        safetensors. It holds a state_dict, or a dictionary with one under `state_dict`,
        `model_state_dict`, `net` or `model`; the prefixes `module.` and `_orig_mod.` of keys that
        wrappers of modules add are taken off. Numbers become those of the model's type.
    Raises UserError naming missing, unexpected and mis-shaped tensors, and if the file is damaged,
        is no checkpoint, or holds more than tensors and numbers (a whole pickled module does).
        The model is then unchanged.

    >>> import tempfile
    >>> from safetensors.numpy import save_file
    >>> from rcjax.models import create
    >>> from rcjax.models.torch_state_dict import torch_state_dict_of
    >>> model = create("mlp", width=8, image_size=4)
    >>> tensors = {k: v.copy() for k, v in torch_state_dict_of(model).items()}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_file(tensors, f"{folder}/mlp.safetensors")
    ...     load_torch_checkpoint(model, f"{folder}/mlp.safetensors")
    """
    path = Path(path)
    state_dict = read_torch_checkpoint(path)
    try:
        load_torch_state_dict(model, state_dict)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None


def read_torch_checkpoint(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """The tensors of a file by their keys, without wrapper and prefixes.

    Arguments and errors as in `load_torch_checkpoint`.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            start = file.read(9)
    except OSError as error:
        raise UserError(f"cannot read the checkpoint {path}: {error.strerror}") from None
    # safetensors starts with the length of its header, 8 bytes, and the header, which is JSON.
    content = _read_safetensors(path) if start[8:] == b"{" else read_torch_file(path)
    return _without_prefixes(_unwrapped(content, path))


def _read_safetensors(path: Path) -> dict[str, np.ndarray]:
    try:
        tensors = safetensors.deserialize(path.read_bytes())
    except safetensors.SafetensorError as error:
        raise UserError(f"{path} is damaged, or is no checkpoint of safetensors: {error}") from None
    return {key: _safetensors_array(key, tensor, path) for key, tensor in tensors}


def _safetensors_array(key: str, tensor: dict[str, Any], path: Path) -> np.ndarray:
    if tensor["dtype"] not in SAFETENSORS_DTYPES:
        raise UserError(f"{path}: {key} is of the type {tensor['dtype']}, which is not supported")
    array = np.frombuffer(tensor["data"], SAFETENSORS_DTYPES[tensor["dtype"]])
    return array.reshape(tensor["shape"])


def _unwrapped(content: Any, path: Path) -> Mapping[str, np.ndarray]:
    """The dictionary of tensors, which may lie within other dictionaries."""
    if _holds_tensors(content):
        return content
    found = []
    if isinstance(content, Mapping):
        found = [key for key in WRAPPERS if _holds_tensors(content.get(key))]
    if len(found) == 1:
        return content[found[0]]
    if found:
        raise UserError(
            f"{path} holds several networks, under {', '.join(found)}: save one by itself"
        )
    keys = ", ".join(map(str, list(content)[:5])) if isinstance(content, Mapping) else ""
    what = f"a dictionary with the keys {keys}" if keys else f"a {type(content).__name__}"
    raise UserError(
        f"{path} holds {what}, where a state_dict was expected, by itself or under "
        f"{', '.join(WRAPPERS)}"
    )


def _holds_tensors(content: Any) -> bool:
    return (
        isinstance(content, Mapping)
        and all(isinstance(key, str) for key in content)
        and any(isinstance(value, np.ndarray) for value in content.values())
    )


def _without_prefixes(tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Takes off the prefixes that all keys share."""
    tensors = dict(tensors)
    while prefix := next((p for p in PREFIXES if all(k.startswith(p) for k in tensors)), None):
        tensors = {key.removeprefix(prefix): array for key, array in tensors.items()}
    return tensors
