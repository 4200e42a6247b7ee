"""Folders of tensorflow-datasets: read as they are; damage is one line that names the split."""

import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from rcjax.data import load
from rcjax.data.prepare import prepare
from rcjax.errors import UserError

from .tfds_writer import png, write_cifar10
from .tiny_cifar import Contents, make_archive

TRAIN = "cifar10-train.array_record-00000-of-00001"
TEST = "cifar10-test.array_record-00000-of-00001"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Contents]:
    """A data_dir with a CIFAR-10 by tensorflow-datasets, and what is in it. Read only."""
    folder = tmp_path_factory.mktemp("tfds")
    contents = make_archive(folder / "tiny.tar.gz")
    write_cifar10(folder, contents)
    return folder, contents


@pytest.fixture
def copy(written: tuple[Path, Contents], tmp_path: Path) -> Path:
    """The same, free to be damaged."""
    return Path(shutil.copytree(written[0], tmp_path / "copy"))


def test_a_folder_of_tensorflow_datasets_is_read_in_the_order_of_the_archive(written) -> None:
    folder, contents = written
    data = load("cifar10", data_dir=str(folder))
    for name, array in contents._asdict().items():
        np.testing.assert_array_equal(getattr(data, name), array)
    assert prepare("cifar10", data_dir=folder) == version_folder(folder)


def version_folder(data_dir: Path) -> Path:
    return data_dir / "cifar10" / "3.0.2"


def truncate(folder: Path) -> None:
    data = (folder / TRAIN).read_bytes()
    (folder / TRAIN).write_bytes(data[: len(data) // 2])


def empty(folder: Path) -> None:
    (folder / TRAIN).write_bytes(b"")


def flip_a_bit(folder: Path) -> None:
    data = bytearray((folder / TRAIN).read_bytes())
    data[300_000] ^= 1
    (folder / TRAIN).write_bytes(data)


def remove(folder: Path) -> None:
    (folder / TRAIN).unlink()


def exchange_for_fewer(folder: Path) -> None:
    shutil.copy(folder / TEST, folder / TRAIN)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (truncate, "Corrupted"),
        (empty, "at least 64KB"),
        (flip_a_bit, "hash mismatch"),
        (remove, "No such file"),
        (exchange_for_fewer, f"{TRAIN} has 50 examples, its description says 200"),
    ],
)
def test_damaged_records(copy: Path, damage, message: str) -> None:
    folder = version_folder(copy)
    damage(folder)
    with pytest.raises(UserError, match=message) as error:
        load("cifar10", data_dir=str(copy))
    assert str(error.value).startswith(f"data set 'cifar10', split 'train' in {folder} is damaged")
    assert str(error.value).endswith(f"delete {folder} and prepare it again")
    assert "\n" not in str(error.value)


def test_more_records_than_described(copy: Path) -> None:
    folder = version_folder(copy)
    shutil.copy(folder / TRAIN, folder / TEST)
    with pytest.raises(UserError, match=f"{TEST} has 200 examples, its description says 50"):
        load("cifar10", data_dir=str(copy))


def change_description(data_dir: Path, change) -> None:
    path = version_folder(data_dir) / "dataset_info.json"
    description = json.loads(path.read_text())
    change(description)
    path.write_text(json.dumps(description))


def test_missing_split(copy: Path) -> None:
    change_description(copy, lambda description: description["splits"].pop())
    with pytest.raises(UserError, match=r"split 'test' in .* is missing"):
        load("cifar10", data_dir=str(copy))


def test_damaged_description(copy: Path) -> None:
    (version_folder(copy) / "dataset_info.json").write_text("{")
    with pytest.raises(UserError, match="cannot be opened"):
        load("cifar10", data_dir=str(copy))


@pytest.mark.parametrize("file_format", ["tfrecord", "parquet"])
def test_other_formats_are_explained(copy: Path, file_format: str) -> None:
    change_description(copy, lambda description: description.update(fileFormat=file_format))
    for action in (
        lambda: load("cifar10", data_dir=str(copy)),
        lambda: prepare("cifar10", data_dir=copy),
    ):
        with pytest.raises(UserError, match=f"prepared as {file_format}; only array_record") as e:
            action()
        assert "python -m rcjax.data.prepare cifar10 --data_dir=OTHER" in str(e.value)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (lambda pixels: io.BytesIO(b"\x89PNG no more"), "example 'train_00000' cannot be decoded"),
        (lambda pixels: png(pixels[: 20 + pixels[0, 0, 0] % 2]), "must have the same shape"),
    ],
)
def test_images_that_are_not_as_they_should_be(tmp_path: Path, image, message: str) -> None:
    write_cifar10(tmp_path, make_archive(tmp_path / "tiny.tar.gz", train=10, test=10), image)
    with pytest.raises(UserError, match=f"split 'train' in .* is damaged .*{message}"):
        load("cifar10", data_dir=str(tmp_path))
