"""Data sets of one's own: `.npz` files and folders of pictures; noisy labels, other image sizes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from rcjax.data import label_noise, load, normalize
from rcjax.data.folders import list_folder
from rcjax.data.label_noise import label_shifts
from rcjax.data.resizing import resize_images
from rcjax.errors import UserError
from rcjax.training import state

RANDOM = np.random.default_rng(0)


def arrays(**changes: Any) -> dict[str, np.ndarray]:
    """Twelve training and six test images of three classes, with changes."""
    split = {
        "train_images": RANDOM.integers(0, 256, (12, 4, 5, 3)).astype(np.uint8),
        "train_labels": np.arange(12) % 3,
        "test_images": RANDOM.integers(0, 256, (6, 4, 5, 3)).astype(np.uint8),
        "test_labels": np.arange(6) % 3,
    }
    return {name: array for name, array in {**split, **changes}.items() if array is not None}


def save(folder: Path, contents: dict[str, np.ndarray]) -> str:
    np.savez(folder / "set.npz", **contents)
    return str(folder / "set.npz")


def test_npz_of_bytes(tmp_path: Path) -> None:
    contents = arrays()
    dataset = load(save(tmp_path, contents))
    for name, array in contents.items():
        np.testing.assert_array_equal(getattr(dataset, name), array)
    assert dataset.num_classes == 3
    normalized = np.asarray(normalize(dataset.train_images, dataset.mean, dataset.std))
    np.testing.assert_allclose(normalized.mean((0, 1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(normalized.std((0, 1, 2)), 1, atol=1e-5)


def test_npz_as_keras_names_it_grey_and_labels_in_a_column(tmp_path: Path) -> None:
    grey = RANDOM.integers(0, 256, (12, 4, 4))
    names = {"x_train": grey, "y_train": np.arange(12)[:, None] % 2}
    names |= {"x_test": grey[:6], "y_test": np.arange(6)[:, None] % 2}
    dataset = load(save(tmp_path, names))
    assert dataset.train_images.shape == (12, 4, 4, 1)
    np.testing.assert_array_equal(dataset.train_labels, np.arange(12) % 2)


def test_npz_of_floats_in_any_range(tmp_path: Path) -> None:
    images = RANDOM.normal(40, 300, (12, 4, 4, 2))
    path = save(tmp_path, arrays(train_images=images, test_images=images[:6]))
    dataset = load(path)
    assert dataset.train_images.dtype == np.float32
    normalized = normalize(dataset.train_images, dataset.mean, dataset.std)
    expected = (images - images.mean((0, 1, 2))) / images.std((0, 1, 2))
    np.testing.assert_allclose(normalized, expected, atol=1e-4)
    # The constants are those of the whole split, whatever part of it is used.
    np.testing.assert_array_equal(load(path, train_examples=6).mean, dataset.mean)


@pytest.mark.parametrize("kind", [np.float64, np.float32, np.int64])
def test_vectors_are_pixels_whose_channels_are_the_features(kind: type, tmp_path: Path) -> None:
    vectors = (RANDOM.normal(size=(50, 7)) * 1000).astype(kind)
    labels = np.arange(50) % 2
    split = {"x_train": vectors[:40], "y_train": labels[:40]}
    split |= {"x_test": vectors[40:], "y_test": labels[40:]}
    dataset = load(save(tmp_path, split))
    assert dataset.image_shape == (1, 1, 7)
    normalized = normalize(dataset.test_images, dataset.mean, dataset.std)[:, 0, 0]
    expected = (vectors[40:] - vectors[:40].mean(0)) / vectors[:40].std(0)
    np.testing.assert_allclose(normalized, expected, atol=1e-4)
    unsplit = load(save(tmp_path, {"x": vectors, "y": labels}))
    assert unsplit.train_size + unsplit.test_size == 50


def test_npz_without_a_split_gives_a_fifth_of_each_class_to_the_test_set(tmp_path: Path) -> None:
    images, labels = RANDOM.integers(0, 256, (50, 4, 4)), np.repeat([0, 1, 2], [30, 15, 5])
    dataset = load(save(tmp_path, {"images": images, "labels": labels}))
    assert np.bincount(dataset.test_labels).tolist() == [6, 3, 1]
    assert np.bincount(dataset.train_labels).tolist() == [24, 12, 4]
    both = np.concatenate([dataset.train_images, dataset.test_images])[..., 0]
    assert sorted(map(bytes, both)) == sorted(map(bytes, images.astype(np.uint8)))


@pytest.mark.parametrize(
    "sizes", [[50] * 10 + [1] * 5, [5] * 100 + [1] * 20, [1, 1, 1, 9], [1, 2], [3, 1, 1], [2, 2]]
)
def test_a_split_leaves_every_class_in_training(tmp_path: Path, sizes: list) -> None:
    labels = RANDOM.permutation(np.repeat(np.arange(len(sizes)), sizes))
    images = RANDOM.integers(0, 256, (len(labels), 2, 2))
    dataset = load(save(tmp_path, {"images": images, "labels": labels}))
    assert (np.bincount(dataset.train_labels, minlength=len(sizes)) > 0).all()
    spare = sum(size - 1 for size in sizes)
    assert dataset.test_size == min(max(1, len(labels) // 5), spare)
    assert dataset.train_size + dataset.test_size == len(labels)


def test_one_example_of_each_class_cannot_be_split(tmp_path: Path) -> None:
    for classes in (2, 1500):
        images = RANDOM.integers(0, 256, (classes, 2, 2))
        path = save(tmp_path, {"images": images, "labels": np.arange(classes)})
        with pytest.raises(UserError, match=r"has one example of each class, .* store train"):
            load(path)


CHANNELS_FIRST = [(channels, 8, 8) for channels in (1, 2, 3, 4, 13)]
CHANNELS_FIRST += [(3, 4, 4), (2, 4, 4), (1, 2, 2), (4, 32, 32), (13, 4, 4), (1, 3, 3), (2, 3, 3)]
CHANNELS_FIRST += [(3, 32, 24)]
CHANNELS_LAST = [(12, 3, 3, 3), (12, 3, 8, 4), (12, 1, 8), (12, 32, 32, 4), (12, 1, 1), (12, 8, 1)]
CHANNELS_LAST += [(12, 1, 1, 5), (12, 5, 1, 1), (12, 28, 3, 3), (12, 8, 8, 13)]
NAN = np.zeros((12, 4, 4), np.float32)
NAN[7, 2, 2] = np.nan


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"test_labels": None}, r"holds train_images, train_labels, test_images; needed are train"),
        ({"train_images": np.zeros(12)}, r"train_images must have shape .* got \[12\]"),
        ({"train_images": np.zeros((12, 0, 4))}, r"nowhere 0, got \[12, 0, 4, 1\]"),
        ({"train_images": np.full((12, 4, 4), 256)}, "integers from 256 to 256, but bytes go"),
        ({"train_images": np.zeros((12, 4, 4), complex)}, "or floats, got complex128"),
        (
            {"train_images": np.zeros((12, 3, 32, 32), np.uint8)},
            r"channels first, \[12, 3, 32, 32\]; .* store images.transpose\(0, 2, 3, 1\)",
        ),
        *(
            ({"train_images": np.zeros((12, *shape))}, r"channels first, .*transpose\(0, 2, 3")
            for shape in CHANNELS_FIRST
        ),
        ({"train_images": NAN}, "train_images: image 7 has pixels that are no finite numbers"),
        ({"train_images": np.full((12, 4, 4), 1e300)}, "image 0 has pixels that are no finite"),
        ({"train_images": np.zeros((11, 4, 4))}, "has 11 examples, train_labels has 12"),
        (
            {"train_images": np.eye(60).reshape(12, 4, 5, 15)},
            r"test images are uint8 \[4, 5, 3\], tr",
        ),
        (
            {"test_images": np.zeros((6, 9, 9, 3), np.uint8)},
            r"must be equal \(--config\.image_size",
        ),
        ({"train_labels": np.arange(12) % 3 + 1.0}, "train_labels must be integers, got float64"),
        ({"train_labels": np.eye(12)[:, :3].astype(int)}, r"got \[12, 3\]; one-hot labels become"),
        ({"train_labels": -np.arange(12)}, "labels from -11 to 0; they must be 0 .. K - 1"),
        ({"train_labels": np.arange(12) % 3 * 2}, "3 classes with labels up to 4, and none is 1"),
        ({"train_labels": np.zeros(12, int)}, "only label 0; a classifier needs two classes"),
        ({"test_labels": np.arange(6)}, r"example 3 has label 3, outside 0 \.\. 2"),
        ({"train_labels": np.array([{}] * 12)}, r"cannot be read .* write it again with numpy"),
    ],
)
def test_npz_that_cannot_be_used(tmp_path: Path, changes: dict, message: str) -> None:
    with pytest.raises(UserError, match=message) as error:
        load(save(tmp_path, arrays(**changes)))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("shape", CHANNELS_LAST)
def test_npz_of_unusual_shapes_whose_channels_are_last(tmp_path: Path, shape: tuple) -> None:
    images = RANDOM.integers(0, 256, shape).astype(np.uint8)
    dataset = load(save(tmp_path, arrays(train_images=images, test_images=images[:6])))
    assert dataset.image_shape == (*shape[1:], 1)[:3]


def test_npz_constant_damaged_or_missing(tmp_path: Path) -> None:
    blue_missing = arrays()
    blue_missing["train_images"][..., 2] = 9
    with pytest.raises(UserError, match="channel 2 has the same value in all training images"):
        load(save(tmp_path, blue_missing))
    path = Path(save(tmp_path, arrays()))
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(UserError, match="cannot be read"):
        load(str(path))
    path.write_bytes(b"no archive at all")
    with pytest.raises(UserError, match="cannot be read"):
        load(str(path))
    with open(path, "wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(UserError, match=r"cannot be read .* numpy\.savez"):
        load(str(path))
    with pytest.raises(UserError, match=r"no file .*nowhere\.npz"):
        load(str(tmp_path / "nowhere.npz"))


def test_label_noise_moves_the_stated_number_to_all_other_classes() -> None:
    labels = np.arange(10_000) % 10
    noisy = (labels + label_shifts(10_000, 10, 0.9, seed=3)) % 10
    assert (noisy != labels).sum() == 9_000
    table = np.zeros((10, 10))
    np.add.at(table, (labels, noisy), 1)
    others = table[~np.eye(10, dtype=bool)]
    # 90 cells of 100 on average; the sum of the squared deviations has some 80 degrees of freedom.
    assert ((others - 100) ** 2 / 100).sum() < 80 + 5 * np.sqrt(2 * 80)
    assert (label_shifts(10_000, 10, 0.9, seed=4) != label_shifts(10_000, 10, 0.9, seed=3)).any()


def test_label_noise_has_random_numbers_of_its_own() -> None:
    used = [number for name, number in vars(state).items() if name.isupper() and name[0] == "_"]
    assert sorted([*used, label_noise._STREAM]) == list(range(len(used) + 1))


def test_label_noise_of_a_data_set() -> None:
    clean = load("digits", train_examples=130, seed=1)
    noisy = load("digits", train_examples=130, seed=1, label_noise=0.25)
    np.testing.assert_array_equal(clean.train_images, noisy.train_images)
    np.testing.assert_array_equal(clean.test_labels, noisy.test_labels)
    assert (clean.train_labels != noisy.train_labels).sum() == round(0.25 * 130)
    again = load("digits", train_examples=130, seed=1, label_noise=0.25)
    np.testing.assert_array_equal(again.train_labels, noisy.train_labels)
    for share in (-0.1, 1.5):
        with pytest.raises(UserError, match=f"between 0 and 1, got {share}"):
            load("digits", label_noise=share)


def test_resizing_averages_the_middle() -> None:
    wide = RANDOM.integers(0, 256, (2, 8, 12, 4)).astype(np.uint8)

    # Pillow's bilinear filter, written out: triangles two target pixels wide, cut at the border.
    def weights(pixels: int, first: int) -> np.ndarray:
        centres = first + (np.arange(4) + 0.5) * 2
        triangles = np.maximum(0, 1 - abs(np.arange(pixels) + 0.5 - centres[:, None]) / 2)
        return triangles / triangles.sum(1, keepdims=True)

    expected = np.einsum("ai,nijc,bj->nabc", weights(8, 0), wide.astype(float), weights(12, 2))
    assert abs(resize_images(wide, 4) - expected).max() <= 1.01
    floats = resize_images(wide.astype(np.float32), 4)
    np.testing.assert_allclose(floats, expected, atol=1e-3)
    assert resize_images(floats, 4) is floats


def test_image_size_of_a_data_set() -> None:
    large = load("digits", image_size=16)
    assert large.image_shape == (16, 16, 1)
    assert large.test_images.shape == (500, 16, 16, 1)
    np.testing.assert_array_equal(large.mean, load("digits").mean)


def make_folder(root: Path, size: Callable[[int], tuple[int, int]], test: str = "val") -> Path:
    """Pictures of two classes, each of one colour with a little noise, 4 and 3 of a class."""
    for split, count in (("train", 4), (test, 3)):
        for label, name in enumerate(("cat", "dog")):
            (root / split / name).mkdir(parents=True)
            for number in range(count):
                width, height = size(number)
                noise = RANDOM.integers(0, 20, (height, width, 3))
                picture = Image.fromarray((noise + 100 * label + 50).astype(np.uint8))
                picture.save(root / split / name / f"{number}.JPEG", quality=95)
    (root / ".DS_Store").write_bytes(b"")
    for name in (".DS_Store", "Thumbs.db", "Desktop.ini"):
        (root / "train" / "cat" / name).write_bytes(b"")
    return root


def test_folder_of_pictures(tmp_path: Path) -> None:
    make_folder(tmp_path, size=lambda number: (10, 8), test="test")
    dataset = load(f"folder:{tmp_path}")
    assert dataset.train_images.shape == (8, 8, 10, 3)
    assert dataset.train_labels.tolist() == [0] * 4 + [1] * 4
    assert dataset.test_labels.tolist() == [0] * 3 + [1] * 3
    for images, labels in (
        (dataset.train_images, dataset.train_labels),
        (dataset.test_images, dataset.test_labels),
    ):
        np.testing.assert_allclose(images.mean((1, 2, 3)), 60 + 100 * labels, atol=3)
    path = list_folder(str(tmp_path)).train.paths[5]
    assert path.endswith("train/dog/1.JPEG")
    with Image.open(path) as picture:
        np.testing.assert_array_equal(dataset.train_images[5], np.asarray(picture))


def test_folder_of_pictures_of_several_sizes(tmp_path: Path) -> None:
    make_folder(tmp_path, size=lambda number: (40 + 9 * number, 50))
    with pytest.raises(UserError, match=r"train/cat/1.JPEG has 50 x 49 pixels, .* set image_size"):
        load(f"folder:{tmp_path}")
    dataset = load(f"folder:{tmp_path}", image_size=6)
    assert dataset.image_shape == (6, 6, 3)
    np.testing.assert_allclose(
        dataset.train_images.mean((1, 2, 3)), 60 + 100 * dataset.train_labels, atol=3
    )


def test_grey_and_transparent_pictures_become_three_channels(tmp_path: Path) -> None:
    make_folder(tmp_path, size=lambda number: (8, 8))
    for name, mode in (("grey", "L"), ("transparent", "RGBA"), ("printed", "CMYK")):
        extension = "jpg" if mode == "CMYK" else "png"
        Image.new(mode, (8, 8)).save(tmp_path / "train" / "cat" / f"{name}.{extension}")
    assert load(f"folder:{tmp_path}").train_images.shape == (11, 8, 8, 3)


def truncate(root: Path) -> None:
    path = root / "train" / "dog" / "2.JPEG"
    path.write_bytes(path.read_bytes()[:-200])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (truncate, r"image .*train/dog/2.JPEG cannot be decoded \(OSError: image file is trunc"),
        (lambda root: (root / "val" / "dog" / "2.JPEG").write_bytes(b""), "val/dog/2.JPEG cannot"),
        (lambda root: (root / "train" / "cat" / "a.txt").write_text("a"), "a.txt is no picture"),
        (lambda root: (root / "train" / "a.jpg").write_bytes(b""), "a.jpg is a file among the fol"),
        (lambda root: (root / "train" / "bird").mkdir(), "train/bird holds no pictures"),
        (lambda root: (root / "val" / "bird").mkdir(), "val/bird is a class that the training set"),
        (lambda root: (root / "val").rename(root / "valid"), r"no folder .*/test; a data set in"),
        (lambda root: (root / "train").rename(root / "a"), r"no folder .*/train; a data set in"),
        (
            lambda root: Image.new("I;16", (40, 40)).save(root / "train" / "cat" / "deep.png"),
            "deep.png cannot be decoded .*more than 8 bits",
        ),
    ],
)
def test_folder_that_cannot_be_used(tmp_path: Path, damage: Callable, message: str) -> None:
    make_folder(tmp_path, size=lambda number: (40, 40))
    damage(tmp_path)
    with pytest.raises(UserError, match=message) as error:
        load(f"folder:{tmp_path}")
    assert "\n" not in str(error.value)


def test_folder_too_large_for_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_folder(tmp_path, size=lambda number: (40, 40))
    monkeypatch.setattr("rcjax.data.folders.LARGEST_RESIDENT_BYTES", 10_000)
    with pytest.raises(UserError, match=f"dataset = stream:{tmp_path}"):
        load(f"folder:{tmp_path}")
