"""Classical classifiers of scikit-learn, fitted to pixels: do their regions follow the gap?

    python launch.py --config=configs/classical.py --workdir=runs/classical_trees
    python launch.py --config=configs/classical.py:random_forest --workdir=runs/classical_forests

They are fitted to normalised pixels, as networks are: less the mean of their channel, divided by
its standard deviation. The paper's authors took raw pixels. For trees and forests that is the same
up to rounding, for nearest neighbours nearly; support vector machines and logistic regression
depend on scale and mean (through C, and the linear, polynomial and sigmoid kernels; the width of
the rbf kernel follows the variance), so there expect other numbers than theirs.

Each classifier is a study of its own, since each has its own hyperparameters; they are fields of
the section `classifier`, as scikit-learn calls them: --config.grid.classifier.max_depth=2,4,8.
Sizes: "" (decision trees), random_forest, k_nearest_neighbours, support_vector_machine and
logistic_regression on 300 of the bundled digits; decision_tree_cifar10, random_forest_cifar10, and
so on, are the paper's grids on all of CIFAR-10 (`python -m rcjax.data.prepare cifar10`).

Cost: on the digits 30 to 70 seconds of processor time for trees (108 runs), forests (54), support
    vector machines (48) and logistic regression (30); nearest neighbours (192 runs) take minutes.
    CIFAR-10 was not run here: expect hours to days, most for the last three classifiers.
Expect: on the digits (Pearson correlation of count and gap, mean counts of the settings): trees
    0.93, 1.8 to 3.5; forests 0.64, 2.6 to 3.1; support vector machines 0.71, 2.2 to 2.5. Logistic
    regression gives 0.78 by one setting that predicts a single class (1 region), and 2.0 to 2.1
    regions in all others; its fits with l1 and C from 10 on stop before they converge, and say so.
    On CIFAR-10 the paper's authors' rows give a Pearson correlation between count and gap of 0.96
    (decision trees), 0.98 (random forests), -0.53 (nearest neighbours), -0.60 (support vector
    machines) and 0.70 (logistic regression, whose counts lie between 2.24 and 2.28: that close
    together they tell nothing).
Quick size: configs/classical.py:quick fits 8 trees; it shows that all works, and what it counts
    means nothing.
"""

from ml_collections import ConfigDict

_AXES = {
    "decision_tree": {
        "max_depth": tuple(range(3, 18)),
        "criterion": ("gini", "entropy"),
        "splitter": ("best", "random"),
    },
    "random_forest": {"max_depth": tuple(range(3, 18)), "criterion": ("gini", "entropy")},
    "k_nearest_neighbours": {
        "n_neighbors": tuple(range(3, 19)),
        "p": (1, 2),  # of the Minkowski distance
        "weights": ("uniform", "distance"),
    },
    "support_vector_machine": {
        "kernel": ("linear", "poly", "rbf", "sigmoid"),
        "C": (0.1, 1.0, 10.0, 100.0),
    },
    "logistic_regression": {"C": (0.01, 0.1, 1.0, 10.0, 100.0), "l1_ratio": (0.0, 1.0)},
}
_SIZES = ("quick", *_AXES, *(f"{name}_cifar10" for name in _AXES))


def get_config(size: str = "") -> ConfigDict:
    """Returns the config; `size` is "" for decision trees on the digits, or one of those above."""
    if size not in ("", *_SIZES):
        raise ValueError(f"unknown size {size!r}; known sizes: {', '.join(_SIZES)}")
    network = size.removesuffix("_cifar10")
    network = network if network in _AXES else "decision_tree"
    config = ConfigDict()
    config.experiment = "study"
    config.network = network
    config.dataset = "cifar10" if size.endswith("_cifar10") else "digits"
    config.train_examples = 300 if config.dataset == "digits" else 0  # 0 takes all

    config.regions = ConfigDict()
    config.regions.slices = 100
    config.regions.points = 200
    config.regions.anchors = "train"

    config.grid = ConfigDict()
    config.grid.classifier = ConfigDict(_AXES[network])
    config.grid.seed = (0, 1, 2)
    if network == "logistic_regression":
        config.classifier = ConfigDict()
        config.classifier.solver = "saga"  # it knows l1 (ratio 1) and l2 (ratio 0)
        config.classifier.max_iter = 1000 if config.dataset == "digits" else 100

    if config.dataset == "digits" and network in ("decision_tree", "random_forest"):
        config.grid.classifier.max_depth = tuple(range(2, 11))  # 300 images fill no deeper ones

    if size == "quick":
        config.train_examples = 60
        config.regions.slices = 10
        config.regions.points = 50
        config.grid.classifier = ConfigDict({"max_depth": (2, 4, 6, 8)})
        config.grid.seed = (0, 1)
    return config
