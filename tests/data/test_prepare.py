"""From original archives to arrays: every pixel arrives; what cannot work says why in one line."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import io as scipy_io

from rcjax.data import load
from rcjax.data.prepare import main, prepare
from rcjax.errors import DamagedError, UserError

from .tiny_cifar import Contents, make_archive, write_tar

CACHE = "arrays-1.npz"
TRAIN_FILES = [f"data_batch_{number}.bin" for number in range(1, 6)]


def assert_loads_as(name: str, data_dir: Path, contents: Contents) -> None:
    data = load(name, data_dir=str(data_dir))
    np.testing.assert_array_equal(data.train_images, contents.train_images)
    np.testing.assert_array_equal(data.train_labels, contents.train_labels)
    np.testing.assert_array_equal(data.test_images, contents.test_images)
    np.testing.assert_array_equal(data.test_labels, contents.test_labels)
    assert "tensorflow" not in sys.modules


def test_cifar10_arrives_unchanged_and_in_order(tiny: tuple[Path, Contents]) -> None:
    assert_loads_as("cifar10", *tiny)


def damaged_cache(path: Path, number: int) -> bytes:
    """The bytes of the file, cut or changed at the `number`-th of some places."""
    whole = path.read_bytes()
    place = (number * 2_654_435_761) % len(whole)
    if number % 3 == 0:
        return whole[:place]
    return whole[:place] + bytes([whole[place] ^ (1 << number % 8)]) + whole[place + 1 :]


def test_a_damaged_cache_is_noticed_wherever_it_is_hurt(tiny, tmp_path: Path) -> None:
    folder, contents = tiny
    (tmp_path / "cifar10").mkdir()
    copy = tmp_path / "cifar10" / CACHE
    messages = []
    for number in range(60):
        copy.write_bytes(damaged_cache(folder / "cifar10" / CACHE, number))
        try:
            data = load("cifar10", data_dir=str(tmp_path))
        except DamagedError as error:
            messages.append(str(error))
        else:  # a byte that means nothing, such as a time
            np.testing.assert_array_equal(data.train_images, contents.train_images)
            np.testing.assert_array_equal(data.test_labels, contents.test_labels)
    assert len(messages) > 50
    for message in messages:
        assert f"{copy} " in message
        assert "python -m rcjax.data.prepare cifar10" in message


def test_prepared_data_are_arrays_like_anybodys(tiny: tuple[Path, Contents]) -> None:
    folder, contents = tiny
    data = load(str(folder / "cifar10" / CACHE))
    np.testing.assert_array_equal(data.train_images, contents.train_images)


def test_cifar100_takes_the_fine_labels(tmp_path: Path) -> None:
    contents = make_archive(tmp_path / "tiny.tar.gz", train=150, test=20, name="cifar100")
    prepare("cifar100", archives=[tmp_path / "tiny.tar.gz"], data_dir=tmp_path, checksum=False)
    assert_loads_as("cifar100", tmp_path, contents)


def test_svhn_stores_the_digit_zero_as_ten(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (30, 32, 32, 3)).astype(np.uint8)
    labels = np.arange(30) % 10
    paths = []
    for split, part in (("train", slice(0, 20)), ("test", slice(20, 30))):
        stored = {
            "X": np.moveaxis(images[part], 0, -1),
            "y": np.where(labels[part] == 0, 10, labels[part])[:, np.newaxis],
        }
        paths.append(tmp_path / f"{split}_32x32.mat")
        scipy_io.savemat(paths[-1], stored)
    prepare("svhn_cropped", archives=paths[::-1], data_dir=tmp_path, checksum=False)
    contents = Contents(images[:20], labels[:20], images[20:], labels[20:])
    assert_loads_as("svhn_cropped", tmp_path, contents)


def test_the_command_prepares_what_load_reads(tmp_path: Path) -> None:
    contents = make_archive(tmp_path / "by_hand.tar.gz", train=30, test=10)
    flags = [f"--archive={tmp_path / 'by_hand.tar.gz'}", "--no_checksum"]
    command = [sys.executable, "-m", "rcjax.data.prepare", "cifar10", *flags]
    # The default directory of tensorflow-datasets is what this variable says.
    environment = os.environ | {"TFDS_DATA_DIR": str(tmp_path / "data")}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"cifar10 is prepared in {tmp_path / 'data' / 'cifar10' / CACHE}\n"
    assert_loads_as("cifar10", tmp_path / "data", contents)
    assert os.listdir(tmp_path / "data") == ["cifar10"]


def test_an_archive_that_is_not_the_published_one_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    archive = tmp_path / "cifar-10-binary.tar.gz"
    make_archive(archive, train=10, test=10)
    assert main(["cifar10", f"--archive={archive}", f"--data_dir={tmp_path / 'data'}"]) == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert f"{archive} is not cifar-10-binary.tar.gz as published: its sha256 is" in message
    assert not (tmp_path / "data").exists()


def test_preparing_twice_keeps_the_first(tiny: tuple[Path, Contents]) -> None:
    folder, contents = tiny
    where = prepare("cifar10", data_dir=folder)
    assert where == folder / "cifar10" / CACHE
    assert_loads_as("cifar10", folder, contents)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "holds no file 'data_batch_1.bin'"),
        (
            {"data_batch_1.bin": bytes(3000)},
            "data_batch_1.bin has 3000 bytes, not a multiple of the 3073",
        ),
        (
            {"test_batch.bin": bytes([10]) + bytes(3072)} | dict.fromkeys(TRAIN_FILES, bytes(3073)),
            "test_batch.bin has label 10, but there are only 10 classes",
        ),
        (dict.fromkeys([*TRAIN_FILES, "test_batch.bin"], b""), "data_batch_5.bin holds no images"),
    ],
)
def test_archive_with_wrong_contents(tmp_path: Path, files: dict, message: str) -> None:
    archive = tmp_path / "cifar-10-binary.tar.gz"
    write_tar(archive, files)
    with pytest.raises(UserError, match=message):
        prepare("cifar10", archives=[archive], data_dir=tmp_path, checksum=False)
    assert os.listdir(tmp_path) == [archive.name]


@pytest.mark.parametrize("kept", [0.0, 0.5])
def test_truncated_archive(tmp_path: Path, kept: float) -> None:
    archive = tmp_path / "cifar-10-binary.tar.gz"
    make_archive(archive, train=10, test=10)
    data = archive.read_bytes()
    archive.write_bytes(data[: int(len(data) * kept)])
    folder = tmp_path / "data" / "sets"
    with pytest.raises(UserError, match=r"cannot be read .*download it again"):
        prepare("cifar10", archives=[archive], data_dir=folder, checksum=False)
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("name", "archives", "message"),
    [
        ("mnist", [], "known are cifar10, cifar100, svhn_cropped"),
        ("cifar10", ["nowhere.tar.gz"], "no archive at nowhere.tar.gz"),
        ("svhn_cropped", ["train_32x32.mat"], "made of train_32x32.mat and test_32x32.mat"),
        ("cifar10", ["a.tar.gz", "b.tar.gz"], "got a.tar.gz, b.tar.gz"),
    ],
)
def test_wrong_arguments(tmp_path: Path, name: str, archives: list, message: str) -> None:
    with pytest.raises(UserError, match=message):
        prepare(name, archives=archives, data_dir=tmp_path)


def test_an_svhn_that_does_not_fit_together(tmp_path: Path) -> None:
    for split in ("train", "test"):
        stored = {"X": np.zeros((32, 32, 3, 4), np.uint8), "y": np.ones((3, 1))}
        scipy_io.savemat(tmp_path / f"{split}_32x32.mat", stored)
    with pytest.raises(UserError, match="3 labels for images"):
        prepare(
            "svhn_cropped",
            archives=[tmp_path / "train_32x32.mat", tmp_path / "test_32x32.mat"],
            data_dir=tmp_path,
            checksum=False,
        )


def test_data_dir_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    make_archive(tmp_path / "tiny.tar.gz", train=10, test=10)
    with pytest.raises(UserError, match=r"cannot be prepared in .*file.*choose another data_dir"):
        prepare(
            "cifar10",
            archives=[tmp_path / "tiny.tar.gz"],
            data_dir=tmp_path / "file",
            checksum=False,
        )
