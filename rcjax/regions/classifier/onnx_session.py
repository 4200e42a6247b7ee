"""Sessions of onnxruntime: which input takes the points, which output holds the scores."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from rcjax.errors import UserError

_DTYPES = {"tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(float16)": np.float16}


@dataclasses.dataclass(frozen=True)
class OnnxSession:
    """An `onnxruntime.InferenceSession` as a classifier: points [n, *features] -> scores or labels.

    Attributes:
        session: what runs the model.
        input: name of its one input.
        shape: of the input, as the file gives it; a text or None stands for any number.
        dtype: of the points that it takes.
        output: name of its one output.
    """

    session: Any
    input: str
    shape: Sequence[int | str | None]
    dtype: DTypeLike
    output: str

    @property
    def batch_size(self) -> int | None:
        """How many points the file takes at a time; None for any number."""
        return self.shape[0] if isinstance(self.shape[0], int) else None

    def __call__(self, points: np.ndarray) -> object:
        fixed = self.shape[1:]
        fits = len(fixed) == points.ndim - 1 and all(
            not isinstance(wanted, int) or wanted == size
            for wanted, size in zip(fixed, points.shape[1:], strict=True)
        )
        if not fits:
            raise UserError(
                f"the ONNX model takes {_shown(self.shape)}, got points "
                f"{_shown(('n', *points.shape[1:]))}; give the anchors the shape that it takes, or "
                "export the model with dynamic axes"
            )
        return self.session.run([self.output], {self.input: points.astype(self.dtype)})[0]


def is_onnx_session(value: object) -> bool:
    """Whether a value is a session of onnxruntime; does not import it."""
    kind = type(value)
    return kind.__name__ == "InferenceSession" and kind.__module__.startswith("onnxruntime")


def onnx_session(session: Any) -> OnnxSession:
    """Returns a session as a classifier.

    Raises:
        UserError: the model has several inputs or outputs, or takes no floating-point numbers.
    """
    inputs, outputs = session.get_inputs(), session.get_outputs()
    recipe = "wrap a function: lambda points: session.run([OUTPUT], {INPUT: points})[0]"
    for what, found in (("inputs", inputs), ("outputs", outputs)):
        if len(found) != 1:
            names = ", ".join(each.name for each in found)
            raise UserError(f"the ONNX model has {len(found)} {what} ({names}); {recipe}")
    (points,), (scores,) = inputs, outputs
    if points.type not in _DTYPES or not points.shape:
        raise UserError(
            f"the ONNX model takes {points.type} {_shown(points.shape)} as {points.name}, where "
            f"points are floating-point numbers [n, *features]; {recipe}"
        )
    return OnnxSession(session, points.name, points.shape, _DTYPES[points.type], scores.name)


def _shown(shape: Sequence[int | str | None]) -> str:
    return f"[{', '.join(str(size or 'any') for size in shape)}]"
