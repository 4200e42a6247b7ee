"""Classifiers that are not JAX functions: PyTorch modules, scikit-learn estimators, numpy code."""

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from rcjax.regions.classifier.outputs import check_output_shape


class OnHost:
    """A classifier that runs on numpy arrays; made by `on_host`."""

    def __init__(self, predict: Callable[[np.ndarray], Any], batch_size: int | None, name: str):
        self.predict = predict
        self.batch_size = batch_size
        self.name = name
        self._codes: dict[Any, int] = {}

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """int32 labels [n] or float32/float64 scores [n, classes] of host points [n, *features]."""
        output = np.asarray(self.predict(points))
        check_output_shape(output.shape, len(points))
        if output.ndim == 2:
            if output.dtype.kind not in "fiu":
                raise ValueError(f"scores must be real numbers, got dtype {output.dtype}")
            return output.astype(np.promote_types(output.dtype, np.float32), copy=False)
        return self._encode(output)

    def _encode(self, labels: np.ndarray) -> np.ndarray:
        """Labels as int32: integers as they are, other values by their order of appearance."""
        if labels.dtype.kind == "f":
            missing = int(np.isnan(labels).sum())
            if missing:
                raise ValueError(f"predict returned NaN for {missing} of {labels.size} points")
            if (labels != np.rint(labels)).any():
                raise ValueError(
                    "predict returned fractions of shape [n], which are not labels; return labels "
                    "[n], for instance (score > 0), or scores [n, classes]"
                )
        if labels.dtype.kind in "biuf":
            return labels.astype(np.int32)
        values, inverse = np.unique(labels, return_inverse=True)
        codes = [self._codes.setdefault(v, len(self._codes)) for v in values.tolist()]
        return np.asarray(codes, np.int32)[inverse.reshape(-1)]

    @property
    def label_names(self) -> list[Any] | None:
        """What the labels 0, 1, ... stand for where `predict` returns names; None otherwise."""
        return list(self._codes) or None


def on_host(predict: Any, *, batch_size: int | None = None) -> OnHost:
    """Wraps a classifier that is not a JAX function, so that `count_regions` can call it.

    Args:
        predict: one of
            - a function from a numpy array [n, *features] to labels [n] (integers, strings, ...)
              or scores [n, classes];
            - a PyTorch module: called in inference mode on its own device and dtype;
            - a scikit-learn estimator: its `predict` gives the labels. To pass scores, which
              the adaptive method uses, wrap `estimator.predict_proba` instead.
        batch_size: points per call; a default of 1,024 when None.

    Returns:
        A callable that `count_regions` and the plots take as `predict`.

    Raises:
        ValueError: a PyTorch module in training mode; an object that is neither of the above.

    Example:
        >>> import jax, numpy as np
        >>> from rcjax import count_regions, on_host, slices
        >>> points = np.random.default_rng(0).normal(size=(20, 2)).astype("float32")
        >>> segments = slices.between_points(jax.random.key(0), points, count=5)
        >>> inside = on_host(lambda x: (x**2).sum(axis=1) < 1)
        >>> count_regions(inside, segments).counts.shape
        (5,)
    """
    if batch_size is not None and batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, got {batch_size}")
    if isinstance(predict, OnHost):
        return OnHost(predict.predict, batch_size or predict.batch_size, predict.name)
    name = type(predict).__name__
    if _is_torch_module(predict):
        return OnHost(_torch_scores(predict), batch_size, name)
    if hasattr(predict, "predict") and not isinstance(predict, type):
        return OnHost(predict.predict, batch_size, name)
    if callable(predict):
        return OnHost(predict, batch_size, getattr(predict, "__name__", name))
    raise ValueError(
        f"on_host takes a function, a PyTorch module or an estimator with predict, got a {name}"
    )


def _is_torch_module(predict: Any) -> bool:
    return any(f"{c.__module__}.{c.__name__}" == "torch.nn.modules.module.Module"
               for c in type(predict).__mro__)  # fmt: skip


def _torch_scores(module: Any) -> Callable[[np.ndarray], np.ndarray]:
    """Calls the module without gradients, on the device and in the dtype of its parameters."""
    if module.training:
        raise ValueError(
            "the PyTorch module is in training mode, where a label depends on the whole batch; "
            "call module.eval() first"
        )
    torch = sys.modules["torch"]  # it is loaded: here is a module of it

    def scores(points: np.ndarray) -> np.ndarray:
        example = next(module.parameters(), torch.empty(0))
        inputs = torch.from_numpy(np.ascontiguousarray(points))
        with torch.inference_mode():
            output = module(inputs.to(example.device, example.dtype))
        if not isinstance(output, torch.Tensor):
            raise ValueError(
                f"the PyTorch module returned a {type(output).__name__}; wrap it in a function or "
                "module that returns the logits alone"
            )
        if output.dtype in (torch.float16, torch.bfloat16):
            output = output.float()
        return output.cpu().numpy()

    return scores
