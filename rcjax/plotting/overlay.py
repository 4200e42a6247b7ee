"""What a picture of two features shows beside the regions: names of the axes, and data."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rcjax.plotting.classes import colour_of


class Overlay:
    """Names of two features, and data with labels, checked.

    Args:
        shape: of the anchors; all this is for [3, 2].
        feature_names: of the two; "feature 0" and "feature 1" when None.
        data: [n, 2], or None.
        data_labels: [n], or None.

    Attributes:
        is_possible: whether the anchors span a plane of two features.
        feature_names: of the two.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        feature_names: Sequence[str] | None,
        data: Any,
        data_labels: Any,
    ):
        self.is_possible = shape == (3, 2)
        for name, given in (("feature_names", feature_names), ("data", data)):
            if given is not None and not self.is_possible:
                raise ValueError(
                    f"{name} is for a plane of two features, anchors of shape [3, 2], got "
                    f"{shape}; leave it out"
                )
        if feature_names is not None and (
            isinstance(feature_names, str) or len(feature_names) != 2
        ):
            raise ValueError(f"feature_names must be two names, got {feature_names!r}")
        self.feature_names = list(feature_names or ("feature 0", "feature 1"))
        self._data = None if data is None else np.asarray(data, np.float64)
        if self._data is not None and self._data.shape[1:] != (2,):
            raise ValueError(f"data must have shape [n, 2], got {self._data.shape}")
        self._labels = None if data_labels is None else np.asarray(data_labels)
        count = None if self._data is None else len(self._data)
        if self._labels is not None and self._labels.shape != (count,):
            raise ValueError(
                f"data_labels must be one label for each point of data, got shape "
                f"{self._labels.shape} for {count} points"
            )

    def codes(self, own_names: Mapping[int, Any] | None) -> np.ndarray:
        """The numbers of the labels of the data, int64 [n]; empty without labels."""
        if self._labels is None:
            return np.zeros(0, np.int64)
        numbers = {name: code for code, name in (own_names or {}).items()}
        codes = [numbers.get(label, label) for label in self._labels.tolist()]
        strange = [code for code in codes if not isinstance(code, int) or code != int(code)]
        if strange:
            raise ValueError(
                f"data_labels holds {strange[0]!r}, which the classifier never returned here; pass "
                "labels of the kind that it returns"
            )
        return np.asarray(codes, np.int64)

    def draw(self, axes: Any, own_names: Mapping[int, Any] | None) -> None:
        """Draws the data, coloured by label."""
        if self._data is None:
            return
        codes = self.codes(own_names)
        axes.scatter(
            *self._data.T,
            c=[colour_of(code) for code in codes] if len(codes) else "white",
            edgecolors="black",
            linewidths=0.6,
            s=18,
            zorder=2.5,
        )
