"""PyTorch checkpoints of the same networks, as {key: array}, into NNX modules."""

import collections
from collections.abc import Iterable, Mapping, Set
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from rcjax.errors import UserError
from rcjax.models.layers import Network
from rcjax.outside import one_line

IGNORED = "num_batches_tracked"
SHOWN = 5  # keys named in an error message, for each kind of error


def load_torch_state_dict(model: Network, state_dict: Mapping[str, Any]) -> None:
    """Replaces all parameters and running statistics of `model`, in place.

    Args:
        model: a network of `rcjax.models.create`.
        state_dict: {key: array}, keys and shapes as PyTorch gives them (weights of convolutions
            [out, in, height, width] or [out, in, length], of linear layers [out, in]); NumPy or JAX
            arrays or tensors, of any type of floating-point number. `num_batches_tracked` is
            ignored. All are copied. ResNets take the names of torchvision and timm as well
            (`downsample`, `fc`) as those of the common CIFAR networks (`shortcut`, `linear`),
            whatever their stem.

    Raises:
        UserError: missing, unexpected or mis-shaped tensors, or tensors that are no floating-point
            numbers, which are named; or `state_dict` is no such mapping. The model is then
            unchanged.

    Example:
        >>> from rcjax.models import create
        >>> model = create("mlp", width=8, image_size=4)
        >>> load_torch_state_dict(model, torch_state_dict_of(create("mlp", width=8, image_size=4)))
    """
    if not isinstance(state_dict, Mapping) or not all(isinstance(key, str) for key in state_dict):
        raise UserError(
            "a state_dict must be a mapping of texts to arrays, got "
            f"{type(state_dict).__name__}; pass what module.state_dict() returns"
        )
    variables = _variables(model)
    given = {key: value for key, value in state_dict.items() if not key.endswith(IGNORED)}
    given = {_own_name(model, key, given): value for key, value in given.items()}
    arrays = {key: _array(key, given[key]) for key in variables.keys() & given.keys()}
    _check_fit(variables, given.keys(), arrays)
    for key, variable in variables.items():
        # A copy: on the CPU, JAX takes NumPy memory over, which the caller may change later.
        array = np.array(_from_torch(key, arrays[key]), variable.dtype, order="C", copy=True)
        variable.set_value(jax.device_put(array))


def _own_name(model: Network, key: str, given: Mapping[str, Any]) -> str:
    """The network's own name of a tensor; a name whose tensor is given twice stays as it is."""
    own = model.torch_key_of(key)
    return key if own in given else own


def _check_fit(
    variables: Mapping[str, nnx.Variable], given: Set[str], arrays: Mapping[str, np.ndarray]
) -> None:
    """Raises `UserError` unless there is a floating-point array of the right shape for each key."""
    expected = {key: _torch_shape(key, variable.shape) for key, variable in variables.items()}
    shapes = dict.fromkeys(given, ()) | {key: array.shape for key, array in arrays.items()}
    problems = differences(expected, shapes)
    of_a_type = _listed(
        "not of floating-point numbers",
        (
            f"{key} ({array.dtype})"
            for key, array in arrays.items()
            if not jnp.issubdtype(array.dtype, jnp.floating)
        ),
    )
    too_large = _listed("beyond float32", (k for k, array in arrays.items() if _overflows(array)))
    if found := [each for each in (*problems, of_a_type, too_large) if each]:
        raise UserError(
            f"the state_dict does not fit this network: {'; '.join(found)}; "
            f"{_remedy(expected.keys(), given, of_a_type, too_large)}"
        )


def differences(
    expected: Mapping[str, tuple[int, ...]], found: Mapping[str, tuple[int, ...]]
) -> list[str]:
    """Says why tensors do not fit a network, naming a few of each kind.

    Args:
        expected: {name: shape} of the network.
        found: {name: shape} of the tensors.
    """
    shapes = (
        f"{name} {list(found[name])} instead of {list(expected[name])}"
        for name in expected.keys() & found.keys()
        if found[name] != expected[name]
    )
    problems = (
        _listed("missing", expected.keys() - found.keys()),
        _listed("unexpected", found.keys() - expected.keys()),
        _listed("mis-shaped", shapes),
    )
    return [problem for problem in problems if problem]


def _remedy(expected: Set[str], given: Set[str], of_a_type: str, too_large: str) -> str:
    if of_a_type:
        return "a quantised network must be dequantised before"
    if too_large:
        return "count the PyTorch module by on_host, which computes in its float64"
    prefixes = [prefix for prefix in _prefixes(expected, given) if prefix]
    if not prefixes:
        return "check the network's name, width and number of classes"
    return (
        f"the network's keys are there behind {' and behind '.join(map(repr, prefixes))}; pass "
        f"{{key.removeprefix({prefixes[0]!r}): value for key, value in state_dict.items() "
        f"if key.startswith({prefixes[0]!r})}}"
    )


def _prefixes(expected: Set[str], given: Iterable[str]) -> list[str]:
    """Returns the prefixes behind which all keys of the network are given.

    >>> _prefixes({"a.bias", "a.weight"}, ["m.a.bias", "m.a.weight", "m.b", "loss.a.weight"])
    ['m.']
    """
    longest = max(map(len, expected), default=0)
    behind = collections.Counter(
        key[:start]
        for key in given
        for start in range(max(0, len(key) - longest), len(key))
        if key[start:] in expected and (not start or key[start - 1] == ".")
    )
    return sorted(prefix for prefix, count in behind.items() if count == len(expected))


def torch_keys_of(model: Network) -> set[str]:
    """Returns the keys that a state_dict of `model` has, without the ignored ones."""
    return set(_variables(model))


def torch_state_dict_of(model: Network) -> dict[str, np.ndarray]:
    """Returns copies of all parameters and running statistics, named and shaped by PyTorch."""
    return {
        key: np.array(_to_torch(key, np.asarray(variable.get_value())), copy=True)
        for key, variable in _variables(model).items()
    }


def _variables(model: Network) -> dict[str, nnx.Variable]:
    """Parameters and running statistics by their PyTorch key."""
    return {
        model.torch_key(".".join(map(str, path))): node
        for path, node in nnx.iter_graph(model)
        if isinstance(node, nnx.Param | nnx.BatchStat)
    }


def _array(key: str, value: Any) -> np.ndarray:
    if isinstance(value, np.ma.MaskedArray):
        raise UserError(f"{key} is a masked array; fill what is masked, by value.filled(...)")
    try:
        if hasattr(value, "detach"):
            value = value.detach().cpu()
            # NumPy has no counterpart of bfloat16 and smaller ones.
            if value.is_floating_point() and value.element_size() < 4:
                value = value.float()
        return np.asarray(value)
    # Quantised, sparse and other tensors that NumPy has no counterpart of raise what they like.
    except Exception as error:
        raise UserError(
            f"{key} is no array ({one_line(error)}); pass dense tensors of floating-point numbers"
        ) from error


def _overflows(array: np.ndarray) -> bool:
    """Whether finite float64 numbers become infinite as float32."""
    if not np.issubdtype(array.dtype, np.floating) or array.dtype.itemsize <= 4:
        return False
    with np.errstate(over="ignore"):
        return bool((np.isinf(array.astype(np.float32)) & np.isfinite(array)).any())


def _is_weight(key: str, rank: int) -> bool:
    return rank in (2, 3, 4) and key.endswith(".weight")


def _from_torch(key: str, array: np.ndarray) -> np.ndarray:
    """[out, in, ...] -> [..., in, out], where ... is nothing, a length, or height and width."""
    if not _is_weight(key, array.ndim):
        return array
    return array.transpose(2, 3, 1, 0) if array.ndim == 4 else array.T


def _to_torch(key: str, array: np.ndarray) -> np.ndarray:
    """Returns the inverse of `_from_torch`."""
    if not _is_weight(key, array.ndim):
        return array
    return array.transpose(3, 2, 0, 1) if array.ndim == 4 else array.T


def _torch_shape(key: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    return _to_torch(key, np.broadcast_to(np.zeros(()), shape)).shape


def _listed(what: str, items: Iterable[str]) -> str:
    items = sorted(items)
    more = f" and {len(items) - SHOWN} more" if len(items) > SHOWN else ""
    return f"{what} {', '.join(items[:SHOWN])}{more}" if items else ""
