"""Classical classifiers by name, from scikit-learn: no epochs, no gradients, one fit.

The same names as networks have, so that a study treats both alike; the paper counts their regions
beside those of networks.
"""

import difflib
import functools
import importlib
import json
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from rcjax.errors import UserError

# Module and class; imported where used, since scikit-learn takes a second.
_ESTIMATORS = {
    "decision_tree": ("sklearn.tree", "DecisionTreeClassifier"),
    "random_forest": ("sklearn.ensemble", "RandomForestClassifier"),
    "k_nearest_neighbours": ("sklearn.neighbors", "KNeighborsClassifier"),
    "support_vector_machine": ("sklearn.svm", "SVC"),
    "logistic_regression": ("sklearn.linear_model", "LogisticRegression"),
}
CLASSICAL_NAMES = tuple(_ESTIMATORS)


def create_classical(name: str, hyperparameters: Mapping[str, Any], *, seed: int = 0) -> Any:
    """Makes a classifier, not fitted yet.

    Args:
        name: one of `CLASSICAL_NAMES`.
        hyperparameters: {name: value} as the scikit-learn class calls them; it has a default for
            each that is left out.
        seed: of its random choices, where it makes any.

    Returns:
        A scikit-learn estimator, for points `[examples, features]`.

    Raises:
        UserError: an unknown name of classifier or hyperparameter, or a value that scikit-learn
            refuses; found by fitting twenty made-up points.

    Example:
        >>> from rcjax.models.classical import create_classical
        >>> create_classical("decision_tree", {"max_depth": 3}, seed=7)
        DecisionTreeClassifier(max_depth=3, random_state=7)
    """
    if name not in _ESTIMATORS:
        raise UserError(f"unknown classifier {name!r}; known: {', '.join(CLASSICAL_NAMES)}")
    _check_names(name, hyperparameters)
    try:
        _check_values(name, json.dumps(hyperparameters, sort_keys=True))
    except TypeError as error:
        raise UserError(f"config section classifier holds what JSON does not: {error}") from error
    return _create(name, hyperparameters, seed)


def _class(name: str) -> Any:
    module, class_name = _ESTIMATORS[name]
    return getattr(importlib.import_module(module), class_name)


def _create(name: str, hyperparameters: Mapping[str, Any], seed: int) -> Any:
    estimator = _class(name)(**hyperparameters)
    if "random_state" in estimator.get_params():
        estimator.set_params(random_state=seed)
    return estimator


def _check_names(name: str, hyperparameters: Mapping[str, Any]) -> None:
    known = sorted(_class(name)().get_params())
    for parameter in hyperparameters:
        if parameter == "random_state":
            raise UserError("config field classifier.random_state follows from seed; set that")
        if parameter not in known:
            close = difflib.get_close_matches(parameter, known)
            hint = (
                f"did you mean classifier.{' or classifier.'.join(close)}?"
                if close
                else f"it has {', '.join(known)}"
            )
            raise UserError(f"{name} has no hyperparameter {parameter!r}; {hint}")


# What fitting raises where a hyperparameter is wrong, or larger than the integers and the memory
# that there are.
FITTING_ERRORS = (TypeError, ValueError, OverflowError, MemoryError)


# A grid asks for the same few settings again and again, and a forest of them takes a moment.
@functools.lru_cache(maxsize=4096)
def _check_values(name: str, hyperparameters: str) -> None:
    """Has scikit-learn judge the values, a JSON object, on a problem of milliseconds."""
    points = np.random.default_rng(0).normal(size=(20, 4))
    labels = np.arange(20) % 3  # some solvers know two classes only
    estimator = _create(name, json.loads(hyperparameters), seed=0)
    with warnings.catch_warnings():
        # What it warns of here, such as too few steps, says nothing of the real data.
        warnings.simplefilter("ignore")
        try:
            estimator.fit(points, labels)
        except FITTING_ERRORS as error:
            raise classifier_error(name, error) from error


def classifier_error(name: str, error: Exception) -> UserError:
    """Returns an objection of scikit-learn as one line for the user."""
    reason = " ".join(str(error).split())
    return UserError(f"{name} refuses its hyperparameters (config section classifier): {reason}")
