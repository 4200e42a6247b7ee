"""The score of the PGDL competition: what a measure tells beyond two hyperparameters."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import combinations

import numpy as np
from scipy.stats import rankdata

from rcjax.array_types import Float, Int, Num

_Numbers = Num[np.ndarray, "..."]

# Pairs of settings, times predictors, held at once.
_CHUNK = 4_000_000
_COLUMNS = 512  # blocks of settings, of several choices of hyperparameters together


def conditional_mutual_information(
    x: Num[np.ndarray, "*batch settings"],
    y: Num[np.ndarray, " settings"],
    codes: Mapping[str, Int[np.ndarray, " settings"]],
) -> Float[np.ndarray, "*batch"]:
    """Mutual information of the signs of differences given two hyperparameters, the least.

    Over all ordered pairs (a, b) of settings, each with itself too, V_x says whether x_a > x_b and
    V_y whether y_a > y_b; a tie is "not greater". The pairs are sorted into cells by the values
    that two hyperparameters S take in a and in b. With I and H of the 2 x 2 table of a cell and
    its number of pairs n,

        score(S) = sum over cells of n I(V_x; V_y) / sum over cells of n H(V_y),

    and the result is 100 times the least score over all pairs S. With two hyperparameters a cell
    of both would hold a single pair of settings; then S runs over single hyperparameters.

    On a complete grid all cells hold equally many pairs, and this is the score of the competition.
    On an incomplete one n weighs them as the definition of conditional information does: by how
    often a random pair of settings falls into the cell.

    A cell of a small grid holds few pairs (9 on a 3 x 3 x 3 grid), so that even random predictors
    score well above 0, and the more so the fewer settings share two values. Read the value beside
    their level only. The pairs of a setting with itself are greater in neither, so that the exact
    opposite of y scores a little less than y itself.

    Args:
        x: float64 [..., settings], without ties (see `break_ties`).
        y: float64 [settings].
        codes: of `Design`.

    Returns:
        [...], percent of H(V_y), 0 to 100. NaN for fewer than two hyperparameters and where, for
        some S, y is constant within all cells, as where S tells all settings apart.

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
        cells = _Cells(combinations(codes.values(), given))
        if any(pairs.max() == 1 for pairs in cells.pairs):
            return np.full(x.shape[:-1], np.nan)  # some S tells all settings apart
        greater_y = _greater(y)
        in_y = cells.answers(greater_y)
        for start in range(0, len(flat), rows):
            part = slice(start, start + rows)
            in_both = cells.answers(_greater(flat[part]) * greater_y)
            counts = in_both, cells.greater(flat[part]), in_y, cells.pairs
            scores[part] = np.min([_score(*own) for own in zip(*counts, strict=True)], axis=0)
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


class _Cells:
    """The cells of all pairs of settings that some choices of hyperparameters make.

    A choice puts the settings into blocks, and a cell is a pair of blocks.
    """

    def __init__(self, choices: Iterable[Sequence[Int[np.ndarray, " settings"]]]):
        self._members = [_members(np.stack(chosen, axis=1)) for chosen in choices]
        sizes = [member.sum(axis=0).astype(np.int64) for member in self._members]
        self.pairs = [np.outer(own, own) for own in sizes]
        self._groups: list[list[np.ndarray]] = [[]]
        for member in self._members:  # of few blocks: one product of matrices for many choices
            if sum(one.shape[1] for one in self._groups[-1]) > _COLUMNS:
                self._groups.append([])
            self._groups[-1].append(member)

    def greater(self, x: _Numbers) -> list[Int[np.ndarray, "..."]]:
        """By choice, in how many pairs of each cell the first is greater: [..., block, block]."""
        order = np.argsort(x, axis=-1)
        place = rankdata(x, "min", axis=-1).astype(np.int64) - 1

        def smaller(columns: _Numbers) -> _Numbers:
            """How many of each block are smaller than each setting."""
            below = np.cumsum(columns[order], axis=-2) - columns[order]
            return np.asarray(np.take_along_axis(below, place[..., None], axis=-2))

        return self._count(smaller)

    def answers(self, yes: Float[np.ndarray, "*batch n n"]) -> list[Int[np.ndarray, "..."]]:
        """By choice, how many answers of 0 and 1 in each cell are 1: [..., block, block]."""
        return self._count(lambda columns: np.asarray(yes @ columns))

    def _count(self, of: Callable[[_Numbers], _Numbers]) -> list[Int[np.ndarray, "..."]]:
        found = []
        for group in self._groups:
            columns = np.concatenate(group, axis=1)
            rows = of(columns)  # whole numbers, exact below 2**24
            ends = np.cumsum([member.shape[1] for member in group])
            for member, part in zip(group, np.split(rows, ends, axis=-1), strict=False):
                counts = member.T.astype(np.float64) @ part.astype(np.float64)
                found.append(np.rint(counts).astype(np.int64))
        return found


def _members(chosen: Int[np.ndarray, "settings chosen"]) -> Float[np.ndarray, "settings blocks"]:
    block = np.unique(chosen, axis=0, return_inverse=True)[1].reshape(-1)
    return np.asarray(np.eye(int(block.max()) + 1, dtype=np.float32)[block])


def _score(
    both: _Numbers, in_x: _Numbers, in_y: _Numbers, pairs: Int[np.ndarray, "blocks blocks"]
) -> Float[np.ndarray, " predictors"]:
    """I / H of predictors, from how many pairs of each cell answer yes: [..., block, block]."""
    weighed = np.arange(pairs.max() + 1.0)
    weighed *= np.log2(np.maximum(weighed, 1.0))
    full = weighed[pairs].sum()

    def entropy(*counts: _Numbers) -> _Numbers:
        """Times the pairs of the cell, summed over cells: n log n - sum of c log c."""
        left = sum(weighed[c].sum(axis=(-2, -1)) for c in counts)
        return np.asarray(full - left)

    only_x, only_y = in_x - both, in_y - both
    neither = pairs - both - only_x - only_y
    entropy_y = entropy(both + only_y, only_x + neither)
    information = (
        entropy(both + only_x, only_y + neither)
        + entropy_y
        - entropy(both, only_x, only_y, neither)
    )
    known = entropy_y > 1e-9 * pairs.sum()
    ratio = information / np.where(known, entropy_y, 1.0)
    return np.asarray(np.where(known, np.clip(ratio, 0.0, 1.0), np.nan))


def _greater(x: _Numbers) -> Float[np.ndarray, "..."]:
    """Of all pairs: 0 or 1, [..., settings, settings] from [..., settings]."""
    return (x[..., :, None] > x[..., None, :]).astype(np.float32)
