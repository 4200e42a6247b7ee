"""Classifiers that are not JAX functions: PyTorch modules, scikit-learn estimators, numpy code."""

import contextlib
import functools
import importlib
import importlib.util
import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from rcjax.errors import UserError
from rcjax.regions.anchors import is_wide
from rcjax.regions.classifier.held import (
    is_keras,
    is_torch_module,
    refuse_training_mode,
    refuse_unbound,
    torch_modules,
)
from rcjax.regions.classifier.labels import Label, LabelNumbering
from rcjax.regions.classifier.onnx_session import is_onnx_session, onnx_session
from rcjax.regions.classifier.outputs import check_output_shape, is_out_of_memory
from rcjax.regions.classifier.surroundings import float32_products_on_host
from rcjax.regions.classifier.torch_products import float32_products_of
from rcjax.regions.types import Outputs, Predict


class OnHost:
    """A classifier that runs on numpy arrays; made by `on_host`.

    Attributes:
        predict: a function from an array [n, *features] to labels [n] or scores [n, classes].
        batch_size: points per call; None for the default.
        name: what to call it in messages.
        points_dtype: dtype of the points that it takes; None for the dtype of the anchors.
    """

    def __init__(
        self,
        predict: Callable[[np.ndarray], object],
        batch_size: int | None,
        name: str,
        points_dtype: DTypeLike | None = None,
        classes: np.ndarray | None = None,
    ):
        self.predict = predict
        self.batch_size = batch_size
        self.name = name
        self.points_dtype = None if points_dtype is None else np.dtype(points_dtype)
        self._classes = classes
        self._numbering = LabelNumbering()
        self._columns: int | None = None
        self._one_size = False
        if classes is not None:
            self._numbering.codes(classes)

    def __call__(self, points: np.ndarray) -> Outputs:
        """int32 labels, or float32/float64 scores, of host points [n, *features]."""
        with float32_products_on_host():
            output = _as_array(self._answer(points))
        check_output_shape(output.shape, output.dtype, len(points))
        columns = output.shape[1] if output.ndim == 2 else 0
        if self._columns not in (None, columns):
            shapes = [f"scores [n, {k}]" if k else "labels [n]" for k in (self._columns, columns)]
            raise ValueError(
                f"predict returned {shapes[0]} in one batch and {shapes[1]} in another; return the "
                "same for every batch"
            )
        self._columns = columns
        if columns:
            output = _widened(output)
            if output.dtype.kind != "f":
                raise ValueError(
                    f"predict returned {output.dtype} values of shape [n, {columns}], which are "
                    "no scores: return scores as floating-point numbers, or labels [n] of a single "
                    "output"
                )
            wanted = np.float32 if output.dtype.itemsize <= 4 else np.float64
            return output.astype(wanted)  # a copy, since a classifier may use its memory again
        return self._numbering.codes(output)

    def _answer(self, points: np.ndarray) -> object:
        """Calls `predict`; fills batches up if it takes batches of one size alone."""
        missing = (self.batch_size or 0) - len(points)
        if missing > 0 and self._one_size:
            return self._filled(points, missing)
        try:
            # A copy, since a classifier may work in place.
            return self.predict(np.array(points, self.points_dtype))
        except Exception as error:
            if isinstance(error, UserError) or is_out_of_memory(error):
                raise
            if missing > 0:
                with contextlib.suppress(Exception):
                    answer = self._filled(points, missing)
                    self._one_size = True
                    return answer
            raise ValueError(self._failure(error, points)) from error

    def _filled(self, points: np.ndarray, missing: int) -> object:
        filled = np.concatenate([points, np.repeat(points[-1:], missing, axis=0)])
        return _as_array(self.predict(np.asarray(filled, self.points_dtype)))[: len(points)]

    def _failure(self, error: Exception, points: np.ndarray) -> str:
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}".rstrip(": ")
        shape = ", ".join(map(str, points.shape))
        dtype = np.dtype(self.points_dtype or points.dtype)
        narrow = "one that takes float32 alone casts them, points.astype('float32'); "
        return (
            f"predict failed on {dtype} points [{shape}] ({reason}); it must take any number of "
            f"points of the shape that the anchors have; {narrow if dtype == np.float64 else ''}"
            "one that takes batches of N alone gets them by on_host(predict, batch_size=N)"
        )

    def copy(self, batch_size: int | None) -> "OnHost":
        """The same classifier with a numbering of its own."""
        return OnHost(self.predict, batch_size, self.name, self.points_dtype, self._classes)

    @property
    def label_names(self) -> dict[int, Label] | None:
        """{label in the result: label that `predict` returned} where they differ; else None."""
        return dict(self._numbering.names) or None

    def __repr__(self) -> str:
        return f"on_host({self.name})"


def on_host(predict: Any, *, batch_size: int | None = None) -> OnHost:
    """Wraps a classifier that is not a JAX function, so that `count_regions` can call it.

    Args:
        predict: one of
            - a function from a numpy array [n, *features] to labels [n] (integers, strings, ...)
              or scores [n, classes]. It gets float64 points where the anchors are float64, and
              float32 points otherwise;
            - a PyTorch module: called in inference mode on its own device and dtype, without
              TensorFloat-32; of what the classifiers of Hugging Face return, the logits are taken;
            - a Keras model, whatever its backend;
            - a session of onnxruntime, with one input and one output;
            - a scikit-learn estimator, or one of its kind, as those of xgboost: its
              `predict` gives the labels. It gets points in the precision in which it was fitted, as
              a data frame if it was fitted on one. To pass scores, which the adaptive method uses,
              wrap `estimator.decision_function` or `estimator.predict_proba` instead (not of trees
              and forests, whose scores are constant in stretches).
        batch_size: points per call; a default of 1,024 when None. A classifier that takes batches
            of this size alone gets all of them filled up to it.

    Returns:
        A callable that `count_regions` and the plots take as `predict`.

    Raises:
        ValueError: a PyTorch module in training mode, also inside another object; an estimator
            that is not fitted; an ONNX model of several inputs or outputs; an object that is none
            of the above.

    Example:
        >>> import jax, numpy as np
        >>> from rcjax import count_regions, on_host, slices
        >>> points = np.random.default_rng(0).normal(size=(20, 2)).astype("float32")
        >>> segments = slices.between_points(jax.random.key(0), points, count=5)
        >>> inside = on_host(lambda x: (x**2).sum(axis=1) < 1)
        >>> count_regions(inside, segments).counts.shape
        (5,)
    """
    whole = isinstance(batch_size, int | np.integer) and not isinstance(batch_size, bool)
    if batch_size is not None and not (whole and batch_size >= 1):
        raise ValueError(f"batch_size must be a positive integer or None, got {batch_size!r}")
    if isinstance(predict, OnHost):
        return predict.copy(batch_size or predict.batch_size)
    name = getattr(predict, "__name__", type(predict).__name__)
    if isinstance(predict, type):
        raise ValueError(
            f"on_host takes a classifier, got the class {name}; make one and fit it: "
            f"on_host({name}().fit(points, labels))"
        )
    refuse_training_mode(predict)
    refuse_unbound(predict)
    if is_torch_module(predict) and not is_keras(predict):
        wide = _floating_example(predict).dtype.itemsize > 4
        return OnHost(
            functools.partial(_torch_output, predict),
            batch_size,
            name,
            np.float64 if wide else np.float32,
        )
    if is_onnx_session(predict):
        model = onnx_session(predict)
        return OnHost(model, batch_size or model.batch_size, name, model.dtype)
    if hasattr(predict, "predict"):
        return _estimator(predict, batch_size, name)
    if callable(predict):
        owner = getattr(predict, "__self__", None)  # of estimator.predict_proba
        return OnHost(_on_frames(owner, predict), batch_size, name, _fitted_dtype(owner))
    raise ValueError(
        "on_host takes a function, a PyTorch or Keras model, a session of onnxruntime or an "
        f"estimator with predict, got a {name}; "
        "write a function from points [n, *features] to scores [n, classes] that calls it"
    )


def _estimator(estimator: Any, batch_size: int | None, name: str) -> OnHost:
    # Keras' own `predict` draws a bar for every batch.
    method = estimator.predict_on_batch if is_keras(estimator) else estimator.predict
    predict = _on_frames(estimator, method)

    def labels(points: np.ndarray) -> np.ndarray:
        try:
            output = _as_array(predict(points))
        except Exception as error:
            if type(error).__name__ == "NotFittedError":
                raise UserError(f"the {name} is not fitted; call its fit first") from error
            raise
        if output.ndim == 2 and output.shape[1] == 1:
            return output[:, 0]
        if output.ndim == 2 and not is_keras(estimator):
            raise UserError(
                f"the {name} predicts {output.shape[1]} outputs for each point, and regions are "
                "those of one label: wrap a function that returns one of them, such as "
                "lambda points: estimator.predict(points)[:, 0]"
            )
        return output

    classes = getattr(estimator, "classes_", None)
    known = classes if isinstance(classes, np.ndarray) and classes.ndim == 1 else None
    return OnHost(labels, batch_size, name, _fitted_dtype(estimator), known)


def _on_frames(
    estimator: object, predict: Callable[[np.ndarray], object]
) -> Callable[[np.ndarray], object]:
    """A method of an estimator that gets its points as a data frame if it was fitted on one."""
    columns = getattr(estimator, "feature_names_in_", None)
    if columns is None or importlib.util.find_spec("pandas") is None:
        return predict
    pandas = importlib.import_module("pandas")  # the core needs JAX and numpy alone
    return lambda points: predict(pandas.DataFrame(points, columns=columns))


def points_dtype(predict: Predict, anchors_dtype: np.dtype) -> np.dtype:
    """The floating dtype in which a classifier's points are interpolated and handed over.

    JAX functions are compiled for float32. A classifier on the host gets the precision in which it
    was fitted, or else float64 where float32 may lose some of the anchors.
    """
    if not isinstance(predict, OnHost):
        return np.dtype(np.float32)
    if predict.points_dtype is not None:
        return predict.points_dtype
    return np.dtype(np.float64 if is_wide(anchors_dtype) else np.float32)


def _fitted_dtype(estimator: object) -> DTypeLike | None:
    """The floating dtype of an estimator's fitted arrays; None where `estimator` is none.

    Some estimators refuse points of another precision than they were fitted in.
    """
    if not hasattr(estimator, "predict") or is_keras(estimator):
        return None
    found = {
        array.dtype.itemsize for array in _arrays_in(estimator, depth=3) if array.dtype.kind == "f"
    }
    # What holds a PyTorch module takes points of its dtype.
    found |= {_floating_example(module).dtype.itemsize for module in torch_modules(estimator)}
    return np.float32 if found and max(found) <= 4 else np.float64


def _arrays_in(value: object, depth: int) -> list[np.ndarray]:
    if isinstance(value, np.ndarray):
        return [value]
    parts: list[object] = []
    if depth and isinstance(value, list | tuple):
        parts = list(value)[:50]
    elif depth and isinstance(value, Mapping):
        parts = list(value.values())[:50]
    elif depth and hasattr(value, "__dict__") and not isinstance(value, type):
        parts = list(vars(value).values())
    return [array for part in parts for array in _arrays_in(part, depth - 1)]


def _as_array(output: object) -> np.ndarray:
    """Turns what a classifier returned into one array."""
    if isinstance(output, np.ma.MaskedArray) and np.ma.getmaskarray(output).any():
        masked = int(np.ma.getmaskarray(output).sum())
        raise ValueError(f"predict returned {masked} masked values; give every point a label")
    if hasattr(output, "detach") and hasattr(output, "cpu"):  # a PyTorch tensor
        output = _torch_array(output)
    try:
        array = np.asarray(output)
        if array.dtype.kind in "SU" and isinstance(output, list | tuple):
            # NumPy writes whatever stands beside text as text, and members of a str Enum cut off.
            array = np.asarray(output, object)
    except (TypeError, ValueError) as error:
        array, reason = None, f" ({' '.join(str(error).split())[:100]})"
    if array is None or (array.ndim == 0 and array.dtype.kind == "O"):
        reason = "" if array is not None else reason
        raise ValueError(
            "predict must return one array, labels [n] or scores [n, classes]; it returned a "
            f"{type(output).__name__}{reason}"
        )
    return array


def _widened(scores: np.ndarray) -> np.ndarray:
    """Widens scores of a floating dtype that NumPy does not know, such as bfloat16, to float32."""
    if scores.dtype.kind == "V" and scores.dtype.names is None:
        return scores.astype(np.float32)
    return scores


def _torch_array(tensor: Any) -> np.ndarray:
    torch = sys.modules["torch"]
    if tensor.dtype in (torch.float16, torch.bfloat16):
        tensor = tensor.float()
    return np.asarray(tensor.detach().cpu())


def _floating_example(module: Any) -> Any:
    """The first floating-point parameter or buffer of a module; an empty float32 tensor if none."""
    held = (*module.parameters(), *module.buffers())
    torch = sys.modules["torch"]
    return next((value for value in held if value.is_floating_point()), torch.empty(0))


def _torch_output(module: Any, points: np.ndarray) -> np.ndarray:
    """Calls a module without gradients, on the device and in the dtype of its parameters."""
    torch = sys.modules["torch"]  # it is loaded: here is a module of it
    refuse_training_mode(module)
    example = _floating_example(module)
    inputs = torch.from_numpy(np.ascontiguousarray(points))
    with torch.inference_mode(), float32_products_of(torch):
        output = module(inputs.to(example.device, example.dtype))
    output = getattr(output, "logits", output)  # of the classifiers of Hugging Face
    if not isinstance(output, torch.Tensor):
        raise UserError(
            f"the PyTorch module returned a {type(output).__name__}; wrap it in a function or "
            "module that returns the logits alone"
        )
    return _torch_array(output)
