"""Finds networks in training mode inside whatever is handed in as a classifier.

In training mode the label of a point depends on its batch, and a count would change the network's
running statistics. A network may be the classifier itself, or be held by a function, a bound
method, a partial function or an object.
"""

import functools
import sys
from collections.abc import Iterator
from types import CellType
from typing import Any

from rcjax.errors import UserError

_DEPTH = 4
# Its models are told by the caller, in each call, whether they train. Their insides import whole
# libraries when they are asked for an attribute.
_KERAS = {"keras", "tf_keras"}


def refuse_training_mode(predict: object) -> None:
    """Refuses a classifier that is, or holds, a PyTorch or Flax NNX module in training mode.

    Every module inside is asked, not the outermost alone. Changes nothing.
    """
    for held in _held(predict, _DEPTH, set()):
        if _is_a(held, "torch.nn.modules.module.Module"):
            _refuse_torch(held)
        elif _is_a(held, "flax.nnx.module.Module"):
            _refuse_nnx(held)


def refuse_unbound(predict: object) -> None:
    """Refuses a Flax linen module that holds no parameters."""
    if _is_a(predict, "flax.linen.module.Module") and getattr(predict, "scope", None) is None:
        raise UserError(
            f"the Flax linen module {type(predict).__name__} holds no parameters; hand them over "
            "with it: jax.tree_util.Partial(module.apply, variables)"
        )


def is_torch_module(value: object) -> bool:
    """Whether a value is a PyTorch module; does not import PyTorch."""
    return _is_a(value, "torch.nn.modules.module.Module")


def is_keras(value: object) -> bool:
    """Whether a value, or the class that it is of, is of Keras; does not import Keras."""
    packages = {kind.__module__.partition(".")[0] for kind in type(value).__mro__}
    return bool(packages & _KERAS)


def torch_modules(value: object) -> list[Any]:
    """The PyTorch modules that a value holds."""
    return [held for held in _held(value, _DEPTH, set()) if is_torch_module(held)]


def _is_a(value: object, name: str) -> bool:
    return any(f"{kind.__module__}.{kind.__name__}" == name for kind in type(value).__mro__)


def _held(value: object, depth: int, seen: set[int]) -> Iterator[object]:
    """A value and what it holds, a few steps far."""
    if depth < 0 or id(value) in seen or isinstance(value, str | bytes | int | float | type):
        return
    if is_keras(value) or str(getattr(value, "__module__", "")).partition(".")[0] in _KERAS:
        return
    seen.add(id(value))
    yield value
    if is_torch_module(value) or _is_a(value, "flax.nnx.module.Module"):
        return
    for inner in _parts(value):
        yield from _held(inner, depth - 1, seen)


def _parts(value: object) -> list[object]:
    if isinstance(value, functools.partial):
        return [value.func, *value.args, *value.keywords.values()]
    if isinstance(value, list | tuple):
        return list(value) if len(value) <= 100 else []
    if isinstance(value, dict):
        return list(value.values()) if len(value) <= 100 else []
    code = getattr(value, "__code__", None)
    if code is not None:
        cells = [_contents(cell) for cell in getattr(value, "__closure__", None) or ()]
        known = getattr(value, "__globals__", {})
        globals_used = [known[name] for name in code.co_names if name in known]
        method_of = getattr(value, "__self__", None)
        return [method_of, *cells, *globals_used, getattr(value, "__wrapped__", None)]
    if type(value).__module__.split(".")[0] in ("numpy", "jax", "jaxlib", "torch", "sklearn"):
        return [getattr(value, "__wrapped__", None)]
    parts = [getattr(value, "__self__", None), getattr(value, "__wrapped__", None)]
    fields = getattr(value, "__dict__", None)
    # A module of Python holds everything; a user's object holds its network.
    if isinstance(fields, dict) and not isinstance(value, type(sys)):
        parts += list(fields.values())[:100]
    return parts


def _contents(cell: CellType) -> object:
    try:
        return cell.cell_contents
    except ValueError:  # not filled yet
        return None


def _refuse_torch(network: Any) -> None:
    for name, module in network.named_modules():
        # A frozen ScriptModule has no such attribute: it is in evaluation mode.
        if getattr(module, "training", False) and not is_keras(module):
            where = f"its part {name}, a {type(module).__name__}, is" if name else "it is"
            raise UserError(
                f"the PyTorch module is in training mode ({where}), where a label depends on the "
                "whole batch; call module.eval() first"
            )


def _refuse_nnx(network: Any) -> None:
    for _, module in sys.modules["flax.nnx"].iter_modules(network):
        training = getattr(module, "use_running_average", None) is False
        if training or getattr(module, "deterministic", None) is False:
            raise UserError(
                f"the network is in training mode (its {type(module).__name__} is), where a label "
                "depends on the whole batch; call model.eval() first"
            )
