"""Numbers the labels that a classifier on the host returns, whatever their kind.

Every label becomes an int32 code. An integer that fits keeps its value, so that the labels of a
result are those of the classifier; every other label (a name, a date, an integer beyond int32) gets
a code of its own, the same for as long as the wrapper lives.
"""

import collections
import threading
from typing import Any, TypeAlias

import numpy as np

# Codes that no label may have: they mark points without a usable label.
INVALID_LABEL = int(np.iinfo(np.int32).min)
OVERFLOWING_LABEL = INVALID_LABEL + 1
_SMALLEST, _LARGEST = OVERFLOWING_LABEL + 1, int(np.iinfo(np.int32).max)


Label: TypeAlias = Any  # as the user's classifier returns it: a number, a name, a date


class LabelNumbering:
    """Gives labels their codes.

    Attributes:
        names: {code: label} of the labels whose code is not their own value.
    """

    def __init__(self) -> None:
        self.names: dict[int, Label] = {}
        self._codes: dict[Label, int] = {}
        self._kind = ""
        self._lock = threading.Lock()  # one wrapper may serve several threads

    def codes(self, labels: np.ndarray) -> np.ndarray:
        """int32 codes [n] of labels [n] of any dtype.

        Raises:
            ValueError: labels that are missing, that are fractions, or of several kinds.
        """
        kind, labels = _known_labels(labels)
        if self._kind not in ("", kind):
            raise ValueError(
                f"predict returned {self._kind} in one batch and {kind} in another; return labels "
                "of one kind"
            )
        self._kind = kind
        if kind == "numbers" and labels.dtype.kind != "O" and _fits(labels):
            return labels.astype(np.int32)
        values, inverse = _distinct(labels)
        with self._lock:
            codes = np.asarray([self._code(value, kind) for value in values], np.int32)
        return np.asarray(codes[inverse])

    def _code(self, label: Label, kind: str) -> int:
        if kind == "numbers" and _SMALLEST <= label <= _LARGEST:
            if label in self.names:
                raise ValueError(
                    f"label {label} stands for the label {self.names[label]} already; return "
                    "labels from 0 to the number of classes - 1"
                )
            return int(label)
        if label not in self._codes:
            # Numbers are few beyond int32: their codes come from the far end of those that fit.
            code = len(self._codes) if kind == "names" else _LARGEST - len(self._codes)
            self._codes[label] = code
            self.names[code] = label
        return self._codes[label]


def _fits(labels: np.ndarray) -> bool:
    # As Python's numbers: float16 would overflow in the comparison.
    least, most = (labels.min().item(), labels.max().item()) if labels.size else (0, 0)
    return bool(least >= _SMALLEST and most <= _LARGEST)


def _known_labels(labels: np.ndarray) -> tuple[str, np.ndarray]:
    """Tells numbers from names; returns the kind and the labels, and refuses missing ones."""
    kind = labels.dtype.kind
    if kind == "c":
        raise ValueError(f"predict returned labels of dtype {labels.dtype}; they must be real")
    if kind in "biu":
        return "numbers", labels.astype(np.uint8) if kind == "b" else labels
    if kind == "f":
        return "numbers", _whole(labels)
    if kind in "mM":
        _refuse_missing(np.isnat(labels), "NaT")
        return "names", labels
    if kind in "OT":
        labels = labels.astype(object)
        missing = np.asarray([is_missing(value) for value in labels], bool)
        if missing.any():
            _refuse_missing(missing, str(labels[missing][0]))
        return _kind_of_objects(labels), labels
    return "names", labels


def _whole(labels: np.ndarray) -> np.ndarray:
    """Labels of a floating dtype as integers: int64, or Python's own where these do not suffice."""
    _refuse_missing(np.isnan(labels), "NaN")
    if (labels != np.rint(labels)).any():
        raise ValueError(
            "predict returned fractions of shape [n], which are not labels; return labels [n], for "
            "instance (score > 0), or scores [n, classes]"
        )
    if _fits(labels):
        return labels.astype(np.int64)
    # A whole number and its floating form are one label; infinity is a label like any other.
    exact = [int(value) if np.isfinite(value) else float(value) for value in labels]
    return _as_objects(exact)


def _kind_of_objects(labels: np.ndarray) -> str:
    kinds = {_kind_of(value) for value in labels}
    if len(kinds) > 1:
        raise ValueError(
            f"predict returned labels of several kinds ({', '.join(sorted(kinds))}); return labels "
            "of one kind"
        )
    if kinds == {"numbers"}:
        for place, value in enumerate(labels):
            whole = _whole(np.asarray([value])) if _is_float(value) else [int(value)]
            labels[place] = whole[0]
    return "numbers" if kinds <= {"numbers"} else "names"


def _is_float(value: object) -> bool:
    return isinstance(value, float | np.floating)


def _kind_of(value: object) -> str:
    if isinstance(value, bool | np.bool_ | int | np.integer | float | np.floating):
        return "numbers"
    return type(value).__name__.rstrip("_")  # NumPy's str_ is text like any other


def is_missing(value: object) -> bool:
    """Whether a value stands for a missing one: None, NaN, NaT, pandas' NA, masked."""
    if value is None or value is np.ma.masked or type(value).__name__ == "NAType":
        return True
    try:
        return bool(value != value)
    except (TypeError, ValueError):
        return False


def _refuse_missing(missing: np.ndarray, name: str) -> None:
    if missing.any():
        raise ValueError(
            f"predict returned {name} for {int(missing.sum())} of {missing.size} points, which is "
            "no label; give every point a label"
        )


def _distinct(labels: np.ndarray) -> tuple[list[Label], np.ndarray]:
    """The distinct labels, and for every point the place of its label among them.

    Labels that can be ordered come in that order, so that two wrappers agree on their codes.
    """
    if labels.dtype.kind != "O":
        values, inverse = np.unique(labels, return_inverse=True)
        return values.tolist(), inverse.reshape(-1)
    counted = collections.Counter(_hashable(labels))
    try:
        ordered = sorted(counted)
    except TypeError:  # no order among them
        ordered = list(counted)
    places = {value: place for place, value in enumerate(ordered)}
    return ordered, np.asarray([places[value] for value in labels], np.intp)


def _hashable(labels: np.ndarray) -> list[Label]:
    values: list[Label] = labels.tolist()
    for value in values:
        try:
            hash(value)
        except TypeError:
            raise ValueError(
                f"predict returned a label of type {type(value).__name__}, which cannot be told "
                "from another; return numbers or text"
            ) from None
    return values


def _as_objects(values: list[Label]) -> np.ndarray:
    array = np.empty(len(values), object)
    array[:] = values
    return array
