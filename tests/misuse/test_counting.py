"""What users get wrong when they count: each ends in one line that says what and how to mend it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from rcjax import count_regions, on_host, slices

KEY = jax.random.key(0)
POINTS = np.random.default_rng(0).normal(size=(30, 4)).astype(np.float32)
LABELS = (POINTS[:, 0] > 0).astype(int)
SEGMENTS = slices.between_points(KEY, POINTS, count=4)


def network(x):
    return x[:, :3]


def count(predict=network, anchors=SEGMENTS, **options):
    return lambda: count_regions(predict, anchors, **options)


def host(function):
    return count(on_host(function))


def of_one_size(x):
    assert x.shape[0] == 50
    return x


def failing(x):
    raise KeyError("no such column\nhere")


def masked(array):
    return np.ma.masked_array(array, np.zeros(array.shape, bool) | (array == array.flat[0]))


two_outputs = DecisionTreeClassifier().fit(POINTS, np.stack([LABELS, LABELS], axis=1))
indicator = OneVsRestClassifier(LogisticRegression()).fit(POINTS, np.eye(2, dtype=int)[LABELS])

SITUATIONS = {
    "estimator of two outputs": (lambda: host(two_outputs)(), "predicts 2 outputs"),
    "estimator of an indicator matrix": (lambda: host(indicator)(), "predicts 2 outputs"),
    "class of an estimator": (lambda: on_host(SVC), r"class SVC.*SVC\(\).fit"),
    "unfitted estimator": (lambda: host(SVC())(), "SVC is not fitted; call its fit"),
    "two integer columns": (host(lambda x: np.eye(2, dtype=int)[(x[:, 0] > 0) * 1]), "no scores"),
    "two integer columns in JAX": (count(lambda x: x[:, :2].astype(int)), "no scores"),
    "boolean columns": (host(lambda x: x[:, :2] > 0), "no scores"),
    "complex scores": (host(lambda x: x[:, :2] + 0j), "no scores"),
    "complex labels": (host(lambda x: (x[:, 0] > 0) + 0j), "must be real"),
    "a dict": (host(lambda x: {"logits": x}), "returned a dict"),
    "a dict in JAX": (count(lambda x: {"logits": x}), "returned a dict"),
    "a list of two arrays": (host(lambda x: [x[:, :2], x[:, :3]]), "returned a list"),
    "None": (host(lambda x: None), "returned a NoneType"),
    "masked labels": (host(lambda x: np.ma.masked_array(x[:, 0] > 0, x[:, 0] > 0)), "masked"),
    "masked anchors": (count(anchors=masked(np.asarray(SEGMENTS))), "masked values"),
    "masked images": (lambda: slices.between_points(KEY, masked(POINTS), 3), "masked values"),
    "complex anchors": (count(anchors=np.zeros((2, 2, 4), complex)), "real numbers"),
    "text anchors": (count(anchors=np.full((2, 2, 4), "a")), "real numbers"),
    "complex images": (lambda: slices.between_points(KEY, POINTS + 0j, 3), "real numbers"),
    "a generator as a key": (
        lambda: slices.between_points(np.random.default_rng(0), POINTS, 3),
        "jax.random.key",
    ),
    "a number as a key": (lambda: slices.between_points(0, POINTS, 3), "jax.random.key"),
    "labels with NaN": (
        lambda: slices.between_points(
            KEY, POINTS, 3, labels=np.where(LABELS, 1.0, np.nan), classes="same"
        ),
        "missing for",
    ),
    "a mask of integers": (
        lambda: slices.between_points(KEY, POINTS, 3, subset=LABELS),
        r"subset.astype\(bool\)",
    ),
    "too many slices": (lambda: slices.between_points(KEY, POINTS, 10**10), "at most"),
    "slices beyond memory": (lambda: slices.between_points(KEY, POINTS, 2**31 - 1), "lazy=True"),
    "points beyond memory": (count(points=10**9), "at most .* per axis"),
    "points beyond memory on a plane": (
        count(anchors=np.zeros((1, 3, 2)), points=10**5),
        "at most .* per axis",
    ),
    "points beyond memory, adaptive": (count(method="adaptive", points=2**31), "at most"),
    "extent of text": (count(extent="01"), "must be a pair"),
    "extent of a set": (count(extent={0, 1}), "must be a pair"),
    "extent of a dict": (count(extent={0: 1, 1: 2}), "must be a pair"),
    "extent beyond float32": (count(extent=(-1e39, 1e39)), "within"),
    "batch size of a fraction": (lambda: on_host(network, batch_size=1.5), "positive integer"),
    "batch size of text": (lambda: on_host(network, batch_size="a"), "positive integer"),
    "batch size of a truth": (lambda: on_host(network, batch_size=True), "positive integer"),
    "a device twice": (count(devices=jax.devices() * 2), "twice"),
    "anchors beyond float32": (count(anchors=np.full((1, 2, 4), 1e300)), "beyond float32"),
    "NaN labels": (host(lambda x: np.full(len(x), np.nan)), "NaN for"),
    "None among labels": (host(lambda x: np.asarray([None] * len(x))), "None for"),
    "kinds mixed": (
        host(lambda x: np.asarray(["a", *[1] * (len(x) - 1)], object)),
        "several kinds",
    ),
    "a module of JAX that is not vmapped": (
        count(lambda x: jnp.ones((3, 4)) @ x),
        "needs jax.vmap",
    ),
    "under jit": (
        lambda: jax.jit(lambda anchors: count_regions(network, anchors).counts)(SEGMENTS),
        "outside of jax.jit",
    ),
    "under vmap": (
        lambda: jax.vmap(lambda anchors: count_regions(network, anchors[None]).counts)(SEGMENTS),
        "outside of jax.jit",
    ),
    "batches of one size alone": (count(of_one_size), "must take others"),
    "not a function": (count("network"), "must be a function"),
    "a NumPy function": (count(lambda x: np.asarray(x)), "on_host"),
    "batches of one size alone on the host": (host(of_one_size), "AssertionError.*batch_size=N"),
    "a classifier that fails": (host(failing), r"float32 points \[1, 4\] \(KeyError: 'no such"),
    "scores of one column": (host(lambda x: x[:, :1]), "one column"),
    "labels of one column": (host(lambda x: (x[:, :1] > 0).astype(int)), r"\(points\)\[:, 0\]"),
    "names of one column": (host(lambda x: x[:, :1].astype(str)), r"\(points\)\[:, 0\]"),
    "labels of one column in JAX": (count(lambda x: x[:, :1] > 0), r"\(points\)\[:, 0\]"),
    "a linen module without parameters": (count(linen.Dense(3)), r"Partial\(module.apply"),
    "a linen module without parameters on the host": (
        lambda: on_host(linen.Dense(3)),
        "module.apply",
    ),
}


@pytest.mark.parametrize("situation", SITUATIONS)
def test_ends_in_one_line(situation):
    call, message = SITUATIONS[situation]
    with pytest.raises(ValueError, match=message) as caught:
        call()
    assert len(str(caught.value).splitlines()) == 1
    assert len(str(caught.value)) < 600
