"""The score of the PGDL competition: what a measure tells beyond two hyperparameters."""

from collections.abc import Mapping
from itertools import combinations

import numpy as np

from rcjax.array_types import Bool, Float, Int, Num
from rcjax.errors import UserError
from rcjax.statistics.design import is_complete

_Numbers = Num[np.ndarray, "..."]

# Pairs of settings, times predictors, held at once.
_CHUNK = 4_000_000


def conditional_mutual_information(
    x: Num[np.ndarray, "*batch settings"],
    y: Num[np.ndarray, " settings"],
    codes: Mapping[str, Int[np.ndarray, " settings"]],
) -> Float[np.ndarray, "*batch"]:
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
        codes: of `Design`, of a complete grid.

    Returns:
        [...], percent of H(V_y), 0 to 100. NaN for fewer than two hyperparameters and where y is
        constant within all cells.

    Raises:
        UserError: the grid is not complete.

    Example:
        >>> codes = {name: values.ravel() for name, values in zip("abc", np.indices((3, 3, 3)))}
        >>> y = np.arange(27.0) ** 2
        >>> float(conditional_mutual_information(y, y, codes).round(6))
        100.0

    Source: Jiang et al., "NeurIPS 2020 competition: predicting generalization in deep learning",
    arXiv:2012.07976, and the competition's scoring program.
    """
    if len(codes) > 1 and not is_complete(codes):
        raise UserError("the conditional mutual information needs a complete grid of settings")
    flat = x.reshape(-1, x.shape[-1])
    scores = np.full(len(flat), np.nan)
    given = min(2, len(codes) - 1)
    if given > 0:
        rows = max(1, _CHUNK // y.size**2)
        for start in range(0, len(flat), rows):
            part = slice(start, start + rows)
            scores[part] = np.min(
                [
                    _score(flat[part], y, _blocks(chosen))
                    for chosen in combinations(codes.values(), given)
                ],
                axis=0,
            )
    return np.asarray(100.0 * scores.reshape(x.shape[:-1]))


def break_ties(
    x: Num[np.ndarray, " settings"], number: int, generator: np.random.Generator
) -> Float[np.ndarray, "orders settings"]:
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


def _blocks(
    chosen: tuple[Int[np.ndarray, " settings"], ...],
) -> Int[np.ndarray, "blocks members"]:
    """Settings by the values they share: int64 [blocks, settings of a block]."""
    _, value = np.unique(np.stack(chosen, axis=1), axis=0, return_inverse=True)
    return np.argsort(value, kind="stable").reshape(value.max() + 1, -1)


def _score(x: _Numbers, y: _Numbers, blocks: Int[np.ndarray, "blocks members"]) -> _Numbers:
    """I / H of the predictors x [predictors, settings]; a cell is a pair of blocks."""
    greater_x = _greater(x[:, blocks])
    greater_y = _greater(y[blocks])
    both = _in_cells(greater_x & greater_y)
    only_x = _in_cells(greater_x) - both
    only_y = _in_cells(greater_y) - both
    neither = blocks.shape[1] ** 2 - both - only_x - only_y
    entropy_y = _entropy(both + only_y, only_x + neither)
    entropy_x = _entropy(both + only_x, only_y + neither)
    information = entropy_x + entropy_y - _entropy(both, only_x, only_y, neither)
    mean_entropy = np.asarray(entropy_y.mean(axis=(-2, -1)))
    return _ratio(information.mean(axis=(-2, -1)), mean_entropy)


def _greater(x: _Numbers) -> Bool[np.ndarray, "..."]:
    """Of all pairs: bool [..., block, member, block, member] from [..., block, member]."""
    return x[..., :, :, None, None] > x[..., None, None, :, :]


def _in_cells(answers: Bool[np.ndarray, "..."]) -> _Numbers:
    """How many answers in each cell are yes: [..., block, block]."""
    return np.asarray(answers.sum(axis=-1, dtype=np.int32).sum(axis=-2))


def _entropy(*counts: _Numbers) -> _Numbers:
    """In bits, of the answers with these counts."""
    table = np.stack(np.broadcast_arrays(*counts))
    share = table / table.sum(axis=0)
    return np.asarray(-(share * np.log2(np.where(share > 0, share, 1.0))).sum(axis=0))


def _ratio(information: _Numbers, entropy: _Numbers) -> _Numbers:
    positive = entropy > 0
    ratio = information / np.where(positive, entropy, 1.0)
    return np.where(positive, np.clip(ratio, 0.0, 1.0), np.nan)
