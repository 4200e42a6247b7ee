"""Data sets that need no download, subsets, normalisation, and how bad input is refused."""

import dataclasses
import math
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from rcjax.data import NAMES, Dataset, load, normalize
from rcjax.data.normalization import NORMALIZATION
from rcjax.data.stratify import stratified_subset
from rcjax.errors import UserError


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load("digits")


def test_digits_are_the_bundled_ones_split_by_class(digits: Dataset) -> None:
    from sklearn.datasets import load_digits

    bundle = load_digits()
    assert digits.train_images.shape == (1297, 8, 8, 1)
    assert digits.test_images.shape == (500, 8, 8, 1)
    assert digits.num_classes == 10
    for label in range(10):
        share = 500 * (bundle.target == label).sum() / 1797
        assert abs((digits.test_labels == label).sum() - share) < 1

    def multiset(images, labels):
        # Back to 0 .. 16: nothing may be lost or mixed up on the way.
        values = np.rint(images.reshape(len(images), 64) * (16 / 255)).astype(int)
        return sorted(map(tuple, np.column_stack([labels, values])))

    both = multiset(
        np.concatenate([digits.train_images, digits.test_images]),
        np.concatenate([digits.train_labels, digits.test_labels]),
    )
    assert both == multiset(bundle.images * (255 / 16), bundle.target)
    assert digits.train_images.max() == 255


def test_synthetic_has_the_shape_of_cifar10_and_classes_that_can_be_told_apart() -> None:
    data = load("synthetic")
    assert data.train_images.shape == (512, 32, 32, 3)
    assert data.test_images.shape == (256, 32, 32, 3)
    np.testing.assert_array_equal(data.mean, load("synthetic", seed=3).mean)
    np.testing.assert_array_equal(data.train_images, load("synthetic", seed=3).train_images)
    # Pinned: a quick run must mean the same thing tomorrow.
    assert data.train_images.sum(dtype=np.int64) == 196968794
    train = data.train_images.reshape(512, -1).astype(float)
    centres = np.stack([train[data.train_labels == label].mean(0) for label in range(10)])
    test = data.test_images.reshape(256, 1, -1).astype(float)
    nearest = ((test - centres) ** 2).sum(-1).argmin(1)
    assert (nearest == data.test_labels).mean() > 0.95


@pytest.mark.parametrize("name", ["digits", "synthetic"])
def test_types_and_constants(name: str) -> None:
    data = load(name)
    for array in (data.train_images, data.test_images):
        assert array.dtype == np.uint8
    for array in (data.train_labels, data.test_labels):
        assert array.dtype == np.int32
    assert data.mean.dtype == data.std.dtype == np.float32
    np.testing.assert_array_equal(data.mean, np.float32(NORMALIZATION[name].mean))


def test_digits_constants_are_those_of_the_training_split(digits: Dataset) -> None:
    pixels = digits.train_images / 255
    np.testing.assert_allclose(digits.mean, pixels.mean(axis=(0, 1, 2)), atol=1e-4)
    np.testing.assert_allclose(digits.std, pixels.std(axis=(0, 1, 2)), atol=1e-4)


def test_every_name_has_constants() -> None:
    assert set(NORMALIZATION) == set(NAMES)


def test_normalize_against_numpy() -> None:
    images = np.arange(256, dtype=np.uint8).repeat(3).reshape(4, 8, 8, 3)
    mean, std = np.array([0.1, 0.5, 0.9]), np.array([0.2, 0.25, 1.0])
    result = jax.jit(normalize)(images, mean, std)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, (images / 255 - mean) / std, rtol=1e-5, atol=1e-6)


def test_constants_of_the_caller_take_the_place_of_the_sets(tmp_path: Path) -> None:
    data = load("synthetic", normalization_mean=[0.25])
    np.testing.assert_array_equal(data.mean, np.float32([0.25] * 3))
    np.testing.assert_array_equal(data.std, load("synthetic").std)
    # Of one's own images nothing is measured then, so a channel may be constant.
    images, labels = np.zeros((10, 2, 2, 3), np.uint8), np.arange(10) % 2
    np.savez(tmp_path / "own.npz", images=images, labels=labels)
    given = {"normalization_mean": (0.1, 0.2, 0.3), "normalization_std": (1.0, 2.0, 3.0)}
    own = load(str(tmp_path / "own.npz"), **given)
    np.testing.assert_array_equal([own.mean, own.std], np.float32(list(given.values())))


@pytest.mark.parametrize(
    ("field", "values", "message"),
    [
        ("normalization_mean", [0.5, 0.5], "each of the 3 channels of the images, got 2"),
        ("normalization_std", [0.5, -0.5, 0.5], "must be positive everywhere"),
        ("normalization_std", [1e-60], "must be positive everywhere"),
        ("normalization_std", [math.nan], "must be positive everywhere"),
    ],
)
def test_constants_that_cannot_be(field: str, values: list, message: str) -> None:
    with pytest.raises(UserError, match=f"{field} .*{message}"):
        load("synthetic", **{field: values})


def test_subset_is_stratified_seeded_and_of_the_training_set(digits: Dataset) -> None:
    small = load("digits", train_examples=130, seed=1)
    assert small.train_images.shape == (130, 8, 8, 1)
    np.testing.assert_array_equal(small.test_images, digits.test_images)
    shares = 130 * np.bincount(digits.train_labels) / 1297
    assert (abs(np.bincount(small.train_labels) - shares) < 1).all()

    pairs = zip(digits.train_images, digits.train_labels, strict=True)
    known = {image.tobytes(): label for image, label in pairs}
    drawn = [image.tobytes() for image in small.train_images]
    assert len(set(drawn)) == 130
    assert [known[image] for image in drawn] == small.train_labels.tolist()

    again = load("digits", train_examples=130, seed=1)
    other = load("digits", train_examples=130, seed=2)
    np.testing.assert_array_equal(small.train_images, again.train_images)
    assert (small.train_images != other.train_images).any()


@pytest.mark.parametrize("total", [5, 6, 11, 40, 100])
def test_subset_keeps_an_example_of_every_class_where_it_can(total: int) -> None:
    sizes = [200, 1, 50, 1, 1, 3]
    labels = np.repeat(np.arange(6), sizes)
    drawn = stratified_subset(labels, total, seed=0)
    counts = np.bincount(labels[drawn], minlength=6)
    assert (len(drawn), len(set(drawn.tolist()))) == (total, total)
    assert (counts <= sizes).all()
    assert np.count_nonzero(counts) == 6 if total >= 6 else counts[0] == 4
    assert counts[0] == counts.max()


def test_subset_of_everything_is_everything(digits: Dataset) -> None:
    whole = load("digits", train_examples=1297, seed=5)
    np.testing.assert_array_equal(whole.train_images, digits.train_images)


@pytest.mark.parametrize("train_examples", [-1, 1298])
def test_subset_of_impossible_size(train_examples: int) -> None:
    with pytest.raises(UserError, match=rf"1297 training examples .* got {train_examples}"):
        load("digits", train_examples=train_examples)


def test_unknown_name_lists_the_known() -> None:
    with pytest.raises(UserError) as error:
        load("cifar11")
    for name in NAMES:
        assert name in str(error.value)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("train_labels", np.full(1297, 10, np.int32), "label 10, outside 0 .. 9"),
        ("train_labels", np.zeros(3, np.int32), "one for each image"),
        ("test_images", np.zeros((500, 8, 8, 1)), "got float64"),
        ("test_images", np.zeros((500, 8, 8, 1), np.float32), "test images are float32"),
        ("test_images", np.zeros((500, 9, 8, 1), np.uint8), "must be equal"),
        ("mean", np.zeros(3, np.float32), "does not fit images with 1 channels"),
    ],
)
def test_arrays_that_do_not_fit(digits: Dataset, field: str, value, message: str) -> None:
    with pytest.raises(UserError, match=message):
        dataclasses.replace(digits, **{field: value})


def test_import_is_light() -> None:
    heavy = "{'tensorflow', 'tensorflow_datasets', 'sklearn', 'flax', 'PIL'}"
    code = f"import sys, rcjax.data; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
