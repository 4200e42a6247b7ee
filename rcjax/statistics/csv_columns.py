"""The columns of an external table: what each name means, and names that are nearly one of them."""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rcjax.config import CLASSIFIER_SECTION, RUN_FIELDS
from rcjax.errors import UserError
from rcjax.statistics.names import ACCURACIES, COUNT, NULL, OUTCOMES, TRIVIAL

NETWORK = ("network", "architecture")
RESERVED = (NULL, TRIVIAL)  # names that the report gives to predictors of its own
# Hyperparameters that other trainings have, besides the fields of a config.
OTHER_HYPERPARAMETERS = (
    "augmentation",
    "depth",
    "dropout",
    "label_noise",
    "label_smoothing",
    "optimizer",
    "schedule",
)
HYPERPARAMETERS = (set(RUN_FIELDS) | set(OTHER_HYPERPARAMETERS)) - {"seed", "network"}
_KNOWN = (
    *(*NETWORK, *ACCURACIES, COUNT, *OUTCOMES, "seed", "name", "status"),
    *sorted(HYPERPARAMETERS),
)
_COUNT_AT_EPOCH = re.compile(r"regions_epoch_([0-9]{1,9})")
# What numbers the lines of a table, written as `_letters` leaves it; "unnamed" by pandas.
_INDEX = re.compile(
    r"(unnamed:|level|index|idx|id|#|no|nr|(row|line)(s|id|no|names?|numbers?)?)\d*"
)
_NEARLY_COUNT_AT_EPOCH = re.compile(r"regions?(at)?epochs?\w*")
# Other words for a column, written as `_letters` leaves them.
_ALIASES = {
    alias: column
    for column, aliases in {
        "network": "net arch model modelname networkname",
        "name": "runname runid",
        "seed": "randomseed rngseed randomstate",
        "train_accuracy": "trainacc trainingacc trainingaccuracy acctrain",
        "test_accuracy": "testacc testingacc testingaccuracy acctest",
        "generalization_gap": "gap gengap generalisationgap",
        "test_error": "testerr testerrorrate",
        "region_count": "regions regioncounts numregions nregions numberofregions count",
        "learning_rate": "lr baselr initlr initiallr baselearningrate initiallearningrate",
        "batch_size": "bs batch batchsz minibatch minibatchsize trainbatchsize",
        "weight_decay": "wd",
        "momentum": "mom",
        "epochs": "epoch numepochs nepochs maxepochs",
        "optimizer": "opt optim optimiser",
        "schedule": "scheduler lrschedule lrscheduler learningrateschedule",
        "augmentation": "aug augment dataaugmentation",
        "dropout": "dropoutrate droprate",
        "label_smoothing": "labelsmooth smoothing",
    }.items()
    for alias in aliases.split()
}


def is_hyperparameter(column: str) -> bool:
    """Whether a column is a setting of the runs.

    >>> [is_hyperparameter(name) for name in ("depth", "classifier.C", "seed", "path_norm")]
    [True, True, False, False]
    """
    return column in HYPERPARAMETERS or column.startswith(f"{CLASSIFIER_SECTION}.")


def measure_columns(header: Sequence[str]) -> dict[str, str]:
    """Measure -> its column, the count first; the last epoch's where no column is the count.

    >>> measure_columns(["network", "regions_epoch_0", "regions_epoch_20", "path_norm"])
    {'region_count': 'regions_epoch_20', 'path_norm': 'path_norm'}
    """
    epochs = count_columns(header)
    others = [
        name
        for name in header
        if name not in (*_KNOWN, *epochs.values()) and not is_hyperparameter(name)
    ]
    count = COUNT if COUNT in header else epochs[max(epochs)]
    return {COUNT: count, **{name: name for name in others}}


def count_columns(header: Sequence[str]) -> dict[int, str]:
    """Epoch -> column of its count, first epochs first."""
    found = [(match, name) for name in header if (match := _COUNT_AT_EPOCH.fullmatch(name))]
    return dict(sorted((int(match.group(1)), name) for match, name in found))


def check_header(path: Path, header: Sequence[str]) -> None:
    """Refuses columns that are missing, doubtful or in each other's way.

    Raises:
        UserError: the first thing that is wrong, and how to mend it.
    """
    if unprintable := [name for name in header if not name.isprintable()]:
        raise UserError(
            f"column {header.index(unprintable[0]) + 1} of {path} has control characters in its "
            f"name, {unprintable[0][:60]!r}; rename it"
        )
    counts = Counter(header)
    if repeated := sorted(name or "(empty)" for name, number in counts.items() if number > 1):
        raise UserError(f"{path} has several columns called {', '.join(repeated)}; rename them")
    if "" in header:
        raise UserError(
            f"column {header.index('') + 1} of {path} has no name; give it one, or remove it "
            "(pandas writes such a column unless told to_csv(index=False))"
        )
    _check_spelling(path, header)
    _check_epochs(path, header)
    if all(name in header for name in NETWORK):
        raise UserError(f"{path} has the columns network and architecture; keep one of them")
    if taken := [name for name in RESERVED if name in header]:
        raise UserError(f"{path} has a column {taken[0]}, a name of the report; rename it")
    missing = [name for name in ACCURACIES if name not in header]
    if not any(name in header for name in NETWORK):
        missing.insert(0, "network (or architecture)")
    if COUNT not in header and not count_columns(header):
        missing.append("region_count (or regions_epoch_N)")
    if missing:
        raise UserError(
            f"{path} lacks the columns {', '.join(missing)}; it has {', '.join(header)}"
        )


def check_no_index(path: Path, name: str, cells: Sequence[str]) -> None:
    """Refuses a first column that numbers the lines, by its name or its cells.

    Args:
        path: of the table.
        name: of its first column.
        cells: of that column.

    Raises:
        UserError: read as a measure, it would stand in the report beside the others.
    """
    if name in _KNOWN or is_hyperparameter(name) or _COUNT_AT_EPOCH.fullmatch(name):
        return
    counted = any(
        [cell.strip() for cell in cells] == [str(start + i) for i in range(len(cells))]
        for start in (0, 1)
    )
    if _INDEX.fullmatch(_letters(name)) or (counted and len(cells) > 2):
        raise UserError(
            f'the first column of {path}, "{name}", numbers its lines and would be read as a '
            "measure; remove it (pandas leaves it out with to_csv(index=False)), or call it name"
        )


def meant(column: str) -> str:
    """The column that a doubtful name most likely means; empty where the name is none's.

    Read as a measure, a misspelt hyperparameter would let settings that it tells apart be averaged.

    >>> meant("LR"), meant("learning rate"), meant("Seed"), meant("learning_rate"), meant("norm")
    ('learning_rate', 'learning_rate', 'seed', '', '')
    """
    if column in _KNOWN or is_hyperparameter(column) or _COUNT_AT_EPOCH.fullmatch(column):
        return ""
    letters = _letters(column)
    if _NEARLY_COUNT_AT_EPOCH.fullmatch(letters):
        return "regions_epoch_N, with the number of the epoch for N"
    same = {_letters(known): known for known in _KNOWN}
    return same.get(letters) or _ALIASES.get(letters, "")


def _letters(column: str) -> str:
    """A name without what is easily written in another way: capitals, spaces, hyphens and so on."""
    return re.sub(r"[\s_.\-]+", "", column.lower())


def _check_spelling(path: Path, header: Sequence[str]) -> None:
    for column in header:
        column_meant = meant(column)
        if column_meant in header:
            raise UserError(
                f'{path} has the columns "{column}" and {column_meant}, which seem to be the same; '
                f'remove column "{column}", or give it another name if it is a measure'
            )
        if column_meant:
            raise UserError(
                f'{path} has a column "{column}", which would be read as a measure; '
                f'rename column "{column}" to {column_meant}'
            )


def _check_epochs(path: Path, header: Sequence[str]) -> None:
    first: dict[int, str] = {}
    for name in header:
        if match := _COUNT_AT_EPOCH.fullmatch(name):
            other = first.setdefault(int(match.group(1)), name)
            if other != name:
                raise UserError(
                    f"{path} has the columns {other} and {name}, which are of the same epoch; "
                    "remove one"
                )
