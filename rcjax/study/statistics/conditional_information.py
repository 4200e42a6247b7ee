"""The score of the PGDL competition: what a measure tells beyond two hyperparameters."""

from itertools import combinations

import numpy as np

# Pairs of settings, times predictors, held at once.
_CHUNK = 4_000_000


def conditional_mutual_information(
    x: np.ndarray, y: np.ndarray, codes: dict[str, np.ndarray]
) -> np.ndarray:
    """Mutual information of the signs of differences given two hyperparameters, the least.

    Over all ordered pairs (a, b) of settings, each with itself too, V_x says whether x_a > x_b and
    V_y whether y_a > y_b; a tie is "not greater". The pairs are sorted into cells by the values
    that two hyperparameters S take in a and in b. With I and H of the 2 x 2 table of a cell,

        score(S) = mean over cells of I(V_x; V_y) / mean over cells of H(V_y),

    and the result is 100 times the least score over all pairs S. With two hyperparameters a cell
    of both would hold a single pair of settings; then S runs over single hyperparameters.

    A cell of a small grid holds few pairs (9 on a 3 x 3 x 3 grid), so that even random predictors
    score well above 0. Read the value beside their level only. The pairs of a setting with itself
    are greater in neither, so that the exact opposite of y scores a little less than y itself.

    Args:
        x: float64 [..., settings], without ties (see `break_ties`).
        y: float64 [settings].
        codes: of `averaging.axis_codes`, of a complete grid.

    Returns:
        [...], percent of H(V_y), 0 to 100. NaN for fewer than two hyperparameters and where y is
        constant within all cells.

    Example:
        >>> codes = {name: values.ravel() for name, values in zip("abc", np.indices((3, 3, 3)))}
        >>> y = np.arange(27.0) ** 2
        >>> float(conditional_mutual_information(y, y, codes).round(6))
        100.0

    Source: Jiang et al., "NeurIPS 2020 competition: predicting generalization in deep learning",
    arXiv:2012.07976, and the competition's scoring program.
    """
    flat = x.reshape(-1, x.shape[-1])
    scores = np.full(len(flat), np.nan)
    given = min(2, len(codes) - 1)
    if given > 0:
        rows = max(1, _CHUNK // y.size**2)
        for start in range(0, len(flat), rows):
            part = slice(start, start + rows)
            scores[part] = np.min(
                [
                    _score(flat[part], y, _cells(chosen))
                    for chosen in combinations(codes.values(), given)
                ],
                axis=0,
            )
    return 100.0 * scores.reshape(x.shape[:-1])


def break_ties(x: np.ndarray, number: int, generator: np.random.Generator) -> np.ndarray:
    """Orders that agree with x and put equal values in random order.

    Args:
        x: float64 [settings].
        number: of orders.

    Returns:
        float64 [number, settings], whole numbers 0 to settings - 1.
    """
    shuffled = generator.permuted(np.tile(np.arange(x.size), (number, 1)), axis=1)
    # Stable, by value: those of equal value stay in their shuffled order.
    order = np.take_along_axis(shuffled, np.argsort(x[shuffled], axis=1, kind="stable"), axis=1)
    places = np.empty(order.shape)
    np.put_along_axis(places, order, np.broadcast_to(np.arange(x.size), order.shape) * 1.0, axis=1)
    return places


def _cells(chosen: tuple[np.ndarray, ...]) -> np.ndarray:
    """The cell of every ordered pair of settings: int64 [settings, settings], from 0."""
    _, value = np.unique(np.stack(chosen, axis=1), axis=0, return_inverse=True)
    return value[:, None] * (value.max() + 1) + value[None, :]


def _score(x: np.ndarray, y: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """I / H of the predictors x [predictors, settings], averaged over cells first."""
    number = cells.max() + 1
    greater_y = y[:, None] > y[None, :]
    greater_x = x[:, :, None] > x[:, None, :]
    table = np.arange(len(x))[:, None, None] * number + cells
    entries = 4 * table + 2 * greater_y + greater_x
    counts = np.bincount(entries.ravel(), minlength=4 * number * len(x))
    counts = counts.reshape(len(x), number, 2, 2)
    entropy_y = _entropy(counts.sum(axis=3))
    information = entropy_y + _entropy(counts.sum(axis=2))
    information = information - _entropy(counts.reshape(len(x), number, 4))
    return _ratio(information.mean(axis=1), entropy_y.mean(axis=1))


def _entropy(counts: np.ndarray) -> np.ndarray:
    """In bits, of the frequencies along the last axis."""
    share = counts / counts.sum(axis=-1, keepdims=True)
    return -(share * np.log2(np.where(share > 0, share, 1.0))).sum(axis=-1)


def _ratio(information: np.ndarray, entropy: np.ndarray) -> np.ndarray:
    positive = entropy > 0
    ratio = information / np.where(positive, entropy, 1.0)
    return np.where(positive, np.clip(ratio, 0.0, 1.0), np.nan)
