"""What hyperparameters tell of a measure in any smooth way, by cross-validated regression."""

import numpy as np

from rcjax.array_types import Float

FEWEST_FOR_FLEXIBLE = 8
# In units of the spread of all hyperparameters together; from steps to nearly straight lines.
_LENGTHS = (0.3, 0.6, 1.2, 2.5, 5.0)
_PENALTIES = 10.0 ** np.arange(-3.0, 3.0)
_MOST_CENTRES = 300  # settings that functions are made of


class FlexibleRegression:
    """Regression on the hyperparameters of settings by smooth functions of all of them together.

    Kernel ridge regression with a Gaussian kernel and a free constant. How fast the functions may
    bend and how much they are held back is chosen for every measure anew, among 30 choices, by the
    squared error of predictions of each setting from all others (leave one out). The residuals are
    the errors of these predictions: no setting has a part in its own, so that even a function
    that could follow every setting leaves what the hyperparameters do not tell.

    Args:
        values: of all hyperparameters, `[settings, columns]`; at least 8 settings.

    Example:
        >>> x = np.linspace(-1, 1, 20)
        >>> left = FlexibleRegression(x[:, None]).residuals((x**2)[None])
        >>> bool(np.abs(left).max() < 0.05)
        True

    Source: Allen, "The relationship between variable selection and data augmentation", 1974 (the
    errors of leaving one out in closed form); Robinson, "Root-n-consistent semiparametric
    regression", 1988 (correlating residuals).
    """

    def __init__(self, values: Float[np.ndarray, "settings columns"]):
        spread = values.std(axis=0)
        points = (values - values.mean(axis=0))[:, spread > 0] / spread[spread > 0]
        points /= np.sqrt(max(1, points.shape[1]))
        # Every so many settings are enough to make functions of.
        centres = points[:: -(-len(points) // _MOST_CENTRES)]
        self._bases = [_basis(points, centres, length) for length in _LENGTHS]

    def residuals(
        self, y: Float[np.ndarray, "measures settings"]
    ) -> Float[np.ndarray, "measures settings"]:
        """What is left of measures: what each setting has beyond its prediction from all others."""
        centred = y - y.mean(axis=-1, keepdims=True)
        best = np.full(len(y), np.inf)
        left = np.zeros_like(centred)
        for directions, sizes in self._bases:
            parts = centred @ directions
            for penalty in _PENALTIES:
                kept = sizes**2 / (sizes**2 + penalty)
                own = 1.0 / len(directions) + directions**2 @ kept
                errors = (centred - (parts * kept) @ directions.T) / np.maximum(1.0 - own, 1e-6)
                squares = (errors**2).sum(axis=-1)
                better = squares < best
                best[better], left[better] = squares[better], errors[better]
        return np.asarray(left)


def _basis(
    points: Float[np.ndarray, "settings columns"],
    centres: Float[np.ndarray, "centres columns"],
    length: float,
) -> tuple[Float[np.ndarray, "settings directions"], Float[np.ndarray, " directions"]]:
    """Orthonormal functions of the settings, without constant, and how freely each may be used."""

    def kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.asarray(np.exp(-((a[:, None] - b) ** 2).sum(axis=-1) / (2 * length**2)))

    eigenvalues, vectors = np.linalg.eigh(kernel(centres, centres))
    kept = eigenvalues > 1e-10 * eigenvalues.max()
    functions = kernel(points, centres) @ (vectors[:, kept] / np.sqrt(eigenvalues[kept]))
    directions, sizes, _ = np.linalg.svd(functions - functions.mean(axis=0), full_matrices=False)
    return directions, sizes
