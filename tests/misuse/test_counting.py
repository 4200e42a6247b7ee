"""What users get wrong when they count: each ends in one line that says what and how to mend it."""

import collections
import datetime
import enum

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from flax import linen, nnx
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


class Kept:
    """Changes what it holds whenever it is called, as a Keras model does in training mode."""

    def __init__(self):
        self.mean = jnp.zeros((1, 4))

    def __call__(self, x):
        self.mean = self.mean + x.mean(axis=0, keepdims=True)
        return (x - self.mean)[:, :3]


def of_one_size(x):
    assert x.shape[0] == 50
    return x


def failing(x):
    raise KeyError("no such column\nhere")


def single_precision(x):
    if x.dtype != np.float32:
        raise RuntimeError("mat1 and mat2 must have the same dtype, but got Double and Float")
    return x


def masked(array):
    return np.ma.masked_array(array, np.zeros(array.shape, bool) | (array == array.flat[0]))


def through_jit_of_nnx(x):
    return nnx.jit(lambda model, points: model(points))(LINEAR, x)


LINEAR = nnx.Linear(4, 3, rngs=nnx.Rngs(0))
two_outputs = DecisionTreeClassifier().fit(POINTS, np.stack([LABELS, LABELS], axis=1))
indicator = OneVsRestClassifier(LogisticRegression()).fit(POINTS, np.eye(2, dtype=int)[LABELS])

SITUATIONS = {
    "state that changes while JAX traces": (lambda: count(Kept())(), "a Keras model in training"),
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
    "text beside NaN": (host(lambda x: ["a"] * len(x[1:]) + [np.nan]), "(?i)nan for"),
    "text beside numbers": (host(lambda x: ["a"] * len(x[1:]) + [1]), "several kinds"),
    "a generator": (host(lambda x: (1 for _ in x)), "returned a generator"),
    "sparse scores": (host(lambda x: scipy.sparse.csr_matrix(x)), "returned a csr_matrix"),
    "scores of 8 bits": (count(lambda x: x.astype(jnp.float8_e4m3fn)), "too coarse"),
    "float64 points for a float32 network": (
        lambda: count_regions(on_host(single_precision), np.asarray(SEGMENTS, np.float64)),
        r"points.astype\('float32'\)",
    ),
    "ragged anchors": (count(anchors=[[[0.0], [1.0, 2.0]]]), "anchors must be one array"),
    "anchors that are a generator": (count(anchors=iter([1])), "got a list_iterator"),
    "sparse images": (
        lambda: slices.between_points(KEY, scipy.sparse.csr_matrix(POINTS), 3),
        r"call its toarray\(\)",
    ),
    "images of objects": (
        lambda: slices.between_points(KEY, POINTS.astype(object), 3),
        r"astype\('float32'\)",
    ),
    "keys as anchors": (count(anchors=jax.random.split(KEY, (2, 2, 4))), "real numbers"),
    "keys for a key": (
        lambda: slices.between_points(jax.random.split(KEY, 3), POINTS, 3),
        r"keys\[0\]",
    ),
    "numbers for a key": (lambda: slices.between_points(jnp.ones(2), POINTS, 3), "float32"),
    "length of text": (lambda: slices.random_directions(KEY, POINTS, 3, "a"), "positive number"),
    "length beyond float32": (lambda: slices.random_directions(KEY, POINTS, 3, 1e39), "to 1e30"),
    "labels that are fractions": (
        lambda: slices.between_points(KEY, POINTS, 3, labels=POINTS[:, 0], classes="same"),
        "labels must be whole numbers",
    ),
    "boundaries of text": (count(boundaries="no"), "must be True or False, got 'no'"),
    "nnx.jit with a module": (count(through_jit_of_nnx), r"model.eval\(\), and count the model"),
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


Text = enum.Enum("Text", {"cat": "cat", "car": "car", "dog": "dog"}, type=str)
Pair = collections.namedtuple("Pair", "a b")
BUFFER = np.zeros((5_000, 3), np.float32)


def chosen(*labels):
    """Labels of any kind in a list, by number."""
    return lambda numbers: [labels[number] for number in numbers]


def objects(*labels):
    array = np.empty(len(labels), object)
    array[:] = labels
    return lambda numbers: array[numbers]


def in_one_memory(numbers):
    scores = BUFFER[: len(numbers)]
    scores[:] = np.eye(3)[numbers]
    return scores


LABEL_KINDS = {
    "members of a str Enum": chosen(*Text),
    "members of an Enum": chosen(*enum.Enum("Plain", "a b c")),
    "a series": pd.Series,
    "a series with an index of its own": lambda n: pd.Series(n, index=range(len(n), 0, -1)),
    "a categorical": lambda n: pd.Categorical(n, categories=[2, 0, 1], ordered=True),
    "nullable integers": lambda n: pd.array(n, dtype="Int64"),
    "strings of pandas": lambda n: pd.array(n.astype(str), dtype="string"),
    "times with a zone": lambda n: pd.to_datetime(n, unit="D", utc=True),
    "sparse labels of pandas": pd.arrays.SparseArray,
    "records": lambda n: np.rec.fromarrays([n, -n], names="a,b"),
    "bytes": lambda n: np.asarray([b"a", b"b", b"c"])[n],
    "texts that end in NUL": chosen("a", "a\0", "a\0\0"),
    "texts of Python and of NumPy": chosen("a", np.str_("b"), "c"),
    "texts that read as missing": chosen("nan", "None", ""),
    "dates": chosen(*(datetime.date(2020, 1, day) for day in (1, 2, 3))),
    "types": chosen(int, float, str),
    "tuples": objects((0, 1), (1, 0), (1, 1)),
    "named tuples": objects(Pair(0, 1), Pair(1, 0), Pair(1, 1)),
    "sets of sets": objects(frozenset(), frozenset({1}), frozenset({1, 2})),
    "integers beyond 64 bits": chosen(10**30, -(10**30), 7),
    "integers that float64 cannot tell apart": lambda n: n + 2**62,
    "the largest of uint64": lambda n: np.uint64(2**64 - 1) - n.astype(np.uint64),
    "infinities": lambda n: np.asarray([0.0, np.inf, -np.inf])[n],
    "half precision": lambda n: n.astype(np.float16),
    "extended precision": lambda n: n.astype(np.longdouble),
    "the other byte order": lambda n: n.astype(">i8"),
    "a memoryview": memoryview,
    "scores in the memory of the last call": in_one_memory,
}

ANCHOR_KINDS = {
    "nested lists": lambda a: a.tolist(),
    "a list of frames": lambda a: [pd.DataFrame(part) for part in a],
    "columns first": np.asfortranarray,
    "backwards": lambda a: a[::-1].copy()[::-1],
    "every other of more": lambda a: np.repeat(a, 2, axis=0)[::2],
    "extended precision": lambda a: a.astype(np.longdouble),
    "the other byte order": lambda a: a.astype(">f4"),
    "nothing masked": lambda a: np.ma.masked_array(a),
    "read alone": lambda a: np.frombuffer(a.tobytes(), np.float32).reshape(a.shape),
}


def numbers_of(x):
    return (x[:, 0] > 0) * 1 + (x[:, 1] > 0.3)


def true_counts(anchors, points=200):
    t = np.linspace(0, 1, points)[None, :, None]
    on_lines = (1 - t) * anchors[:, :1] + t * anchors[:, 1:]
    numbers = np.stack([numbers_of(line) for line in on_lines])
    return 1 + (numbers[:, 1:] != numbers[:, :-1]).sum(axis=1)


@pytest.mark.parametrize("kind", LABEL_KINDS)
def test_labels_of_any_kind_are_told_apart(kind):
    result = count_regions(on_host(lambda x: LABEL_KINDS[kind](numbers_of(x))), SEGMENTS)
    np.testing.assert_array_equal(result.counts, true_counts(np.asarray(SEGMENTS, np.float64)))
    assert result.counts.max() > 1


@pytest.mark.parametrize("kind", ANCHOR_KINDS)
def test_anchors_of_any_kind_are_read(kind):
    anchors = ANCHOR_KINDS[kind](np.asarray(SEGMENTS))
    result = count_regions(on_host(numbers_of), anchors)
    np.testing.assert_array_equal(result.counts, true_counts(np.asarray(SEGMENTS, np.float64)))


@pytest.mark.parametrize("method", ["predict", "predict_proba"])
def test_an_estimator_of_a_data_frame_gets_data_frames(method):
    frame = pd.DataFrame(POINTS, columns=list("abcd"))
    model = LogisticRegression().fit(frame, LABELS)
    given = on_host(model if method == "predict" else model.predict_proba)
    found = count_regions(given, SEGMENTS)  # warnings are errors
    of_arrays = lambda x: model.predict(pd.DataFrame(x, columns=list("abcd")))  # noqa: E731
    np.testing.assert_array_equal(found.counts, count_regions(on_host(of_arrays), SEGMENTS).counts)
