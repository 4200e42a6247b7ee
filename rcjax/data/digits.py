"""scikit-learn's bundled handwritten digits: real images that need no download."""

import importlib.util
from pathlib import Path

import numpy as np

from rcjax.data.stratify import held_out

TEST_EXAMPLES = 500


def load_digits() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Reads the digits as uint8 images, split once and for all.

    The 1,797 images have 8 x 8 pixels with values 0 .. 16; they are stored as
    `round(value * 255 / 16)`, so 0 stays 0 and 16 becomes 255. The split uses no random numbers:
    each class gives its share of the 500 test examples, taken at even distances in file order.

    Returns:
        train_images uint8 `[1297, 8, 8, 1]`, train_labels int32 `[1297]`,
        test_images uint8 `[500, 8, 8, 1]`, test_labels int32 `[500]`.
    """
    values, labels = _bundled()
    images = np.rint(values.reshape(-1, 8, 8, 1) * 255 / 16).astype(np.uint8)
    labels = labels.astype(np.int32)
    is_test = held_out(labels, TEST_EXAMPLES)
    return images[~is_test], labels[~is_test], images[is_test], labels[is_test]


def _bundled() -> tuple[np.ndarray, np.ndarray]:
    """Returns pixels float64 `[1797, 64]` and labels as scikit-learn holds them."""
    # Its file is read where it is known to lie: to import scikit-learn takes seconds.
    spec = importlib.util.find_spec("sklearn")
    for folder in (spec and spec.submodule_search_locations) or ():
        path = Path(folder, "datasets", "data", "digits.csv.gz")
        if path.is_file():
            table = np.loadtxt(path, delimiter=",")
            return table[:, :-1], table[:, -1]
    from sklearn import datasets

    bundle = datasets.load_digits()
    return bundle.data, bundle.target
