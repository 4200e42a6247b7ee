"""Classifiers that are not JAX functions give the same counts as those that are."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rcjax import count_regions, on_host, slices
from rcjax.regions.classifier.torch_products import float32_products_of

RANDOM = np.random.default_rng(0)
POINTS = RANDOM.normal(size=(80, 6)).astype(np.float32)
HIDDEN = RANDOM.normal(size=(6, 30)).astype(np.float32)
OUT = RANDOM.normal(size=(30, 4)).astype(np.float32)
SEGMENTS = slices.between_points(jax.random.key(0), POINTS, count=25)


def jax_network(points):
    return jnp.maximum(points @ HIDDEN, 0) @ OUT


def numpy_network(points):
    return np.maximum(points @ HIDDEN, 0) @ OUT


@pytest.mark.parametrize("method", ["grid", "adaptive"])
def test_numpy_function_counts_as_the_jax_function(method):
    expected = count_regions(jax_network, SEGMENTS, method=method)
    for batch_size in (None, 13):
        result = count_regions(
            on_host(numpy_network, batch_size=batch_size), SEGMENTS, method=method
        )
        np.testing.assert_array_equal(result.counts, expected.counts)
        assert result.evaluations == expected.evaluations


def test_labels_of_any_kind():
    names = np.array(["cat", "dog", "eel", "fly"])
    expected = count_regions(jax_network, SEGMENTS).counts
    with pytest.warns(UserWarning, match="labels alone"):
        by_name = count_regions(
            on_host(lambda x: 5 + numpy_network(x).argmax(axis=1)), SEGMENTS, method="adaptive"
        )
    assert {5, 6} <= set(np.concatenate(by_name.region_labels).tolist()) <= {5, 6, 7, 8}
    for values in (names, np.arange(4) - 2.0, np.arange(4, dtype=np.uint8)):
        labelled = on_host(lambda x, v=values: v[numpy_network(x).argmax(axis=1)], batch_size=31)
        np.testing.assert_array_equal(count_regions(labelled, SEGMENTS).counts, expected)


def test_batches_are_bounded():
    seen = []

    def watch(points):
        seen.append(len(points))
        return numpy_network(points)

    count_regions(on_host(watch, batch_size=64), SEGMENTS, points=10)
    assert max(seen) <= 64


@pytest.mark.parametrize("method", ["grid", "adaptive"])
def test_a_classifier_of_one_batch_size_gets_full_batches(method):
    def of_one_size(points):
        assert len(points) == 64
        return numpy_network(points)

    expected = count_regions(jax_network, SEGMENTS, method=method)
    fixed = on_host(of_one_size, batch_size=64)
    result = count_regions(fixed, SEGMENTS, method=method)
    np.testing.assert_array_equal(result.counts, expected.counts)
    assert result.evaluations == expected.evaluations


def test_no_memory_for_a_batch_halves_it():
    def small_batches_alone(points):
        if len(points) > 100:
            raise MemoryError
        return numpy_network(points)

    with pytest.warns(UserWarning, match="out of memory"):
        result = count_regions(on_host(small_batches_alone), SEGMENTS, points=20)
    np.testing.assert_array_equal(
        result.counts, count_regions(jax_network, SEGMENTS, points=20).counts
    )


def test_scikit_learn_estimators():
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.tree import DecisionTreeClassifier

    labels = np.where(POINTS[:, 0] * POINTS[:, 1] > 0, "same sign", "opposite")
    triangles = slices.between_points(jax.random.key(1), POINTS, count=5, dim=2)
    for estimator in (DecisionTreeClassifier(random_state=0), KNeighborsClassifier(3)):
        estimator.fit(POINTS, labels)
        by_label = count_regions(on_host(estimator), triangles)
        by_score = count_regions(on_host(estimator.predict_proba), triangles)
        np.testing.assert_array_equal(by_label.counts, by_score.counts)
        assert by_label.counts.max() > 1


@pytest.mark.torch
def test_what_holds_a_pytorch_module_takes_points_of_its_precision():
    import torch

    class Model:
        def __init__(self, dtype):
            self.layer = torch.nn.Linear(6, 4).to(dtype).eval()

        def predict(self, points):
            return self.layer(torch.from_numpy(points)).argmax(axis=1)

    anchors = np.random.default_rng(0).normal(size=(5, 2, 6))
    for dtype in (torch.float32, torch.float64):
        model = Model(dtype)
        for given in (anchors, anchors.astype(np.float32)):
            found = count_regions(on_host(model), given).counts
            np.testing.assert_array_equal(found, count_regions(on_host(model.layer), given).counts)


@pytest.mark.torch
def test_pytorch_module():
    import torch

    module = torch.nn.Sequential(
        torch.nn.Linear(6, 30, bias=False), torch.nn.ReLU(), torch.nn.Linear(30, 4, bias=False)
    )
    module[0].weight.data = torch.from_numpy(HIDDEN.T.copy())
    module[2].weight.data = torch.from_numpy(OUT.T.copy())
    with pytest.raises(ValueError, match=r"module.eval\(\)"):
        on_host(module)
    expected = count_regions(jax_network, SEGMENTS).counts
    np.testing.assert_array_equal(count_regions(on_host(module.eval()), SEGMENTS).counts, expected)
    half = module.to(torch.float64)
    np.testing.assert_array_equal(count_regions(on_host(half), SEGMENTS).counts, expected)


@pytest.mark.torch
def test_products_of_a_pytorch_module_keep_the_bits_of_float32():
    import torch

    backends, is_new = torch.backends, hasattr(torch.backends, "fp32_precision")

    def settings():
        if not is_new:
            return [backends.cudnn.allow_tf32, torch.get_float32_matmul_precision()]
        products = backends.cudnn.conv, backends.cuda.matmul, backends.mkldnn.matmul
        return [*(product.fp32_precision for product in products), backends.fp32_precision]

    class Watched(torch.nn.Module):
        def forward(self, points):
            self.seen = settings()
            return points[:, :3]

    watched, products = Watched().eval(), torch.get_float32_matmul_precision()
    for chosen in (products, "medium"):
        torch.set_float32_matmul_precision(chosen)
        before = settings()
        try:
            count_regions(on_host(watched), SEGMENTS, points=5)
            if is_new:
                assert watched.seen[:3] == ["ieee"] * 3
            else:
                assert watched.seen == [False, "highest"]
            assert settings() == before
            assert torch.get_float32_matmul_precision() == chosen
        finally:
            torch.set_float32_matmul_precision(products)


def test_settings_of_older_versions_of_pytorch_come_back():
    class Torch:  # stands in for a version without a setting for each product
        class backends:
            class cudnn:
                allow_tf32 = True

        products = "medium"

        def get_float32_matmul_precision(self):
            return self.products

        def set_float32_matmul_precision(self, products):
            self.products = products

    torch = Torch()
    with float32_products_of(torch):
        assert (torch.backends.cudnn.allow_tf32, torch.products) == (False, "highest")
    assert (torch.backends.cudnn.allow_tf32, torch.products) == (True, "medium")


def test_pytree_modules():
    from flax import nnx

    network = nnx.Sequential(
        nnx.Linear(6, 30, rngs=nnx.Rngs(0)), nnx.relu, nnx.Linear(30, 4, rngs=nnx.Rngs(1))
    )
    by_module = count_regions(network, SEGMENTS)
    by_closure = count_regions(lambda x: network(x), SEGMENTS)
    np.testing.assert_array_equal(by_module.counts, by_closure.counts)
    assert by_module.counts.max() > 1


@pytest.mark.parametrize(
    ("predict", "message"),
    [
        (lambda x: np.full((len(x), 3), np.nan), "NaN"),
        (lambda x: np.full(len(x), np.nan), "NaN"),
        (lambda x: x.sum(axis=1), "fractions of shape"),
        (lambda x: x[:1], r"returned shape \(1, 6\)"),
        (lambda x: x[:, :1], "one column"),
        (lambda x: x.astype(str)[:, :3], "no scores"),
        (lambda x: x.astype(int)[:, :3], "no scores"),
    ],
)
def test_bad_outputs(predict, message):
    with pytest.raises(ValueError, match=message):
        count_regions(on_host(predict), SEGMENTS)


def test_bad_wrapping():
    with pytest.raises(ValueError, match="got a"):
        on_host(3)
    with pytest.raises(ValueError, match="positive integer or None, got 0"):
        on_host(numpy_network, batch_size=0)
