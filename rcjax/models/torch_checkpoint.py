"""Checkpoint files of PyTorch and safetensors into networks of the same name."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import safetensors

from rcjax.errors import UserError
from rcjax.models.hub import hub_file, is_hub_name
from rcjax.models.layers import Network
from rcjax.models.torch_file import read_torch_file
from rcjax.models.torch_state_dict import load_torch_state_dict, torch_keys_of
from rcjax.outside import expanded, one_line, open_regular

# Under which keys training programs keep the state_dict, and what wrappers put before its keys.
WRAPPERS = ("state_dict", "model_state_dict", "model_state", "net", "model", "network")
PREFIXES = ("module.", "_orig_mod.")
# Under which names other modules, such as those of Lightning, hold the network.
ATTRIBUTES = ("model.", "net.", "network.")
# How many networks torch.optim.swa_utils.AveragedModel has averaged; has no prefix.
AVERAGED = "n_averaged"
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

    Args:
        model: a network of `rcjax.models.create`.
        path: a file of `torch.save` (.pth, .pt), which is read without executing any code in it, or
            of safetensors; `~` is the home folder. "hf:ORG/NAME/FILE@REVISION" is a file of the
            Hugging Face hub, or of its local cache (the extra [hub]). It holds a state_dict, or a
            dictionary with one under `state_dict`, `model_state_dict`, `model_state`, `net`,
            `model` or `network`. Prefixes that all keys share are taken off: `module.` and
            `_orig_mod.`, which wrappers of modules add, and `model.`, `net.` and `network.` where
            the network's own keys appear below. Numbers become those of the model's type.

    Raises:
        UserError: missing, unexpected, mis-shaped tensors, or tensors that are no floating-point
            numbers, which are named; a file that is damaged, is no checkpoint, or holds more than
            tensors and numbers (a whole pickled module does); a name that the hub does not have.
            The model is then unchanged.

    Example:
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
    path = checkpoint_path(path)
    state_dict = read_torch_checkpoint(path)
    inner = _without_prefixes(state_dict, PREFIXES + ATTRIBUTES)
    if torch_keys_of(model) & inner.keys():
        state_dict = inner
    try:
        load_torch_state_dict(model, state_dict)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None


def read_torch_checkpoint(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """Returns the tensors of a file by their keys, without the prefixes that wrappers add.

    Arguments and errors are those of `load_torch_checkpoint`.
    """
    path = checkpoint_path(path)
    try:
        with open_regular(path) as file:
            start = file.read(9)
    except OSError as error:
        raise UserError(f"cannot read the checkpoint {path}: {error.strerror}") from None
    # safetensors starts with the length of its header, 8 bytes, and the header, which is JSON.
    content = _read_safetensors(path) if start[8:] == b"{" else read_torch_file(path)
    return _without_prefixes(_unwrapped(content, path), PREFIXES)


def checkpoint_path(path: str | os.PathLike[str]) -> Path:
    """Where a checkpoint lies, which may be named by its place on the hub; `~` is the home folder.

    Raises:
        UserError: as in `rcjax.models.hub.hub_file`, or there is no such home folder.
    """
    return hub_file(str(path)) if is_hub_name(path) else expanded(path)


def _read_safetensors(path: Path) -> dict[str, np.ndarray]:
    try:
        tensors = safetensors.deserialize(path.read_bytes())
        return {key: _safetensors_array(key, tensor, path) for key, tensor in tensors}
    except UserError:
        raise
    # Beside errors of safetensors there are those of NumPy, of shapes like [0, 2**62].
    except Exception as error:
        raise UserError(
            f"{path} is damaged, or is no checkpoint of safetensors: {one_line(error)}"
        ) from None


def _safetensors_array(key: str, tensor: dict[str, Any], path: Path) -> np.ndarray:
    if tensor["dtype"] not in SAFETENSORS_DTYPES:
        raise UserError(f"{path}: {key} is of the type {tensor['dtype']}, which is not supported")
    array = np.frombuffer(tensor["data"], SAFETENSORS_DTYPES[tensor["dtype"]])
    return array.reshape(tensor["shape"])


def _unwrapped(content: Any, path: Path) -> Mapping[str, np.ndarray]:
    """Returns the dictionary of tensors, which may lie within another dictionary.

    That is looked for first: beside it there may be further tensors, such as an accuracy.
    """
    found = []
    if isinstance(content, Mapping):
        found = [key for key in WRAPPERS if _holds_tensors(content.get(key))]
    if len(found) == 1:
        return content[found[0]]
    if found:
        raise UserError(
            f"{path} holds several networks, under {', '.join(found)}: save one by itself"
        )
    if _holds_tensors(content):
        return content
    keys = ", ".join(map(_shown, list(content)[:5])) if isinstance(content, Mapping) else ""
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


def _shown(key: Any) -> str:
    return key[:60] if isinstance(key, str) else f"a {type(key).__name__}"


def _without_prefixes(
    tensors: Mapping[str, np.ndarray], prefixes: tuple[str, ...]
) -> dict[str, np.ndarray]:
    """Takes off the prefixes that all keys share; leaves out the number of averaged networks."""
    while True:
        tensors = {key: array for key, array in tensors.items() if key != AVERAGED}
        shared = (p for p in prefixes if tensors and all(key.startswith(p) for key in tensors))
        prefix = next(shared, None)
        if prefix is None:
            return tensors
        tensors = {key.removeprefix(prefix): array for key, array in tensors.items()}
