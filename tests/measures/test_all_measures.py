"""The table of measures: determinism, compiling once, diverged networks, bad input."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rcjax.errors import UserError
from rcjax.measures import NAMES, Settings, TrainedNetwork, compute, undefined
from rcjax.measures.inputs import make_batches
from rcjax.measures.objective import _accuracy
from rcjax.measures.path_norm import _sums_over_paths

from .tiny import apply, tiny_network

SMALL = Settings(
    examples=15, batch_size=8, lanczos_iterations=4, hutchinson_probes=2, noise_samples=2
)


def compute_small(network, names=NAMES, seed=0):
    return compute(network, names, key=jax.random.key(seed), settings=SMALL)


def with_fields(network, **fields):
    return TrainedNetwork(**{**vars(network), **fields})


@pytest.mark.slow
def test_same_key_same_values_whatever_else_is_computed():
    network = tiny_network()
    together = compute_small(network)
    assert tuple(together) == NAMES
    assert sum(np.isfinite(list(together.values()))) >= len(NAMES) - 1  # a margin may be negative
    for name in ("hessian_trace", "pac_bayes_magnitude_bound_origin", "log_spectral_product"):
        assert compute_small(network, [name]) == {name: together[name]}
    name = "hessian_trace"  # of other examples along other vectors
    assert compute_small(network, [name], seed=1)[name] != together[name]


@pytest.mark.parametrize(
    "names", [("path_norm", "output_margin"), pytest.param(NAMES, marks=pytest.mark.slow)]
)
def test_networks_of_one_shape_are_compiled_once(names):
    traces = 0

    def counting(parameters, state, images, train):
        nonlocal traces
        traces += 1
        return apply(parameters, state, images, train)

    compute_small(with_fields(tiny_network(0), apply=counting), names)
    before = traces
    compute_small(with_fields(tiny_network(1), apply=counting), names, seed=5)
    assert before > 0
    assert traces == before


@pytest.mark.parametrize("what", ["path norm", "noisy accuracy"])
def test_products_are_not_rounded_to_fewer_bits(what):
    """Which a GPU does by itself. One of the products is of parameters alone."""

    def factored(parameters, state, images, train):
        first, second = parameters
        return images.reshape(len(images), -1) @ (first @ second), state

    network = tiny_network()
    parameters = (jnp.ones((network.images[0].size, 2)), jnp.ones((2, 3)))
    if what == "path norm":
        image = network.images.shape[1:]
        traced = jax.make_jaxpr(lambda p: _sums_over_paths(factored, p, {}, image))(parameters)
    else:
        batches = make_batches(network, SMALL, jax.random.key(0))
        traced = jax.make_jaxpr(lambda p: _accuracy(factored, p, {}, batches))(parameters)
    assert str(traced).count("dot_general[") == 2
    assert str(traced).count("precision=(Precision.HIGHEST, Precision.HIGHEST)") == 2


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e30])
def test_a_diverged_network_has_no_measures(value, capfd):
    network = tiny_network()
    parameters = jax.tree.map(lambda leaf: jnp.full_like(leaf, value), network.parameters)
    found = compute_small(with_fields(network, parameters=parameters))
    needs_logits = [name for name in NAMES if "product" not in name and "_from_" not in name]
    needs_logits.remove("parameter_norm")
    assert np.isnan([found[name] for name in needs_logits]).all()
    assert np.isnan(found["parameter_norm"]) == (value != 1e30)
    assert capfd.readouterr() == ("", "")  # libraries of linear algebra complain about NaN


def test_bad_input_is_refused():
    network = tiny_network()
    with pytest.raises(UserError, match="unknown measure 'sharpnes': choose among"):
        compute_small(network, ["sharpnes"])
    with pytest.raises(UserError, match="unknown measure"):
        undefined(network, ["sharpnes"])
    with pytest.raises(
        UserError, match=r"labels \[n\], n > 0, but have \[20, 4, 4, 2\] and \[19\]"
    ):
        with_fields(network, labels=network.labels[:-1])
    with pytest.raises(UserError, match="floating-point, but are uint8"):
        with_fields(network, images=network.images.astype(np.uint8))
    with pytest.raises(UserError, match="batch_size must be at least 1, but is 0"):
        with_fields(network, batch_size=0)
    with pytest.raises(UserError, match="names and shapes of parameters"):
        with_fields(network, initial_parameters={})
    with pytest.raises(UserError, match="noise_samples must be a positive integer, but is 0"):
        Settings(noise_samples=0)
    with pytest.raises(UserError, match=r"examples must be a positive integer, but is 1\.5"):
        Settings(examples=1.5)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (lambda y: y + 1, "between 0 and"),
        (lambda y: np.where(y == y[0], -1, y), "such as -1"),
        (lambda y: np.where(y == y[0], 255, y), "such as 255"),
        (lambda y: y.astype(np.int64) + 2**32, "between 0 and"),
        (lambda y: y + 0.7, "must be integers"),
        (lambda y: np.where(y == y[0], np.nan, y), "must be integers"),
        (lambda y: y > 0, "must be integers"),
        (lambda y: np.ma.masked_equal(y, y[0]), "labels hold masked values"),
    ],
)
def test_labels_that_are_no_classes_are_refused(labels, message):
    network = tiny_network()
    wrong = labels(np.asarray(network.labels))
    with pytest.raises(UserError, match=message):
        type(network)(**{**vars(network), "labels": wrong})


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (lambda x: np.ma.masked_greater(x, 0), "images hold masked values"),
        (lambda x: x.astype(object), "array of numbers, but are of object"),
        (lambda x: x.tolist(), "array of numbers, but are of list"),
    ],
)
def test_images_that_are_no_array_of_numbers_are_refused(images, message):
    network = tiny_network()
    wrong = images(np.asarray(network.images))
    with pytest.raises(UserError, match=message):
        type(network)(**{**vars(network), "images": wrong})
