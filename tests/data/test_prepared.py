"""Damaged or unreadable prepared data: one line that names the split or the file."""

import json
import shutil
from pathlib import Path

import pytest

from rcjax.data import load
from rcjax.data.prepare import archives, prepare
from rcjax.errors import UserError

from .tiny_cifar import make_archive

TRAIN = "cifar10-train.array_record-00000-of-00001"
TEST = "cifar10-test.array_record-00000-of-00001"


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
def test_damaged_records(copy_of_tiny: Path, damage, message: str) -> None:
    folder = version_folder(copy_of_tiny)
    damage(folder)
    with pytest.raises(UserError, match=message) as error:
        load("cifar10", data_dir=str(copy_of_tiny))
    assert str(error.value).startswith(f"data set 'cifar10', split 'train' in {folder} is damaged")
    assert str(error.value).endswith(f"delete {folder} and prepare it again")
    assert "\n" not in str(error.value)


def test_more_records_than_described(copy_of_tiny: Path) -> None:
    folder = version_folder(copy_of_tiny)
    shutil.copy(folder / TRAIN, folder / TEST)
    with pytest.raises(UserError, match=f"{TEST} has 200 examples, its description says 50"):
        load("cifar10", data_dir=str(copy_of_tiny))


def change_description(data_dir: Path, change) -> None:
    path = version_folder(data_dir) / "dataset_info.json"
    description = json.loads(path.read_text())
    change(description)
    path.write_text(json.dumps(description))


def test_missing_split(copy_of_tiny: Path) -> None:
    change_description(copy_of_tiny, lambda description: description["splits"].pop())
    with pytest.raises(UserError, match=r"split 'test' in .* is missing"):
        load("cifar10", data_dir=str(copy_of_tiny))


def test_damaged_description(copy_of_tiny: Path) -> None:
    (version_folder(copy_of_tiny) / "dataset_info.json").write_text("{")
    with pytest.raises(UserError, match="cannot be opened"):
        load("cifar10", data_dir=str(copy_of_tiny))


@pytest.mark.parametrize("file_format", ["tfrecord", "parquet"])
def test_other_formats_are_explained(copy_of_tiny: Path, file_format: str) -> None:
    change_description(copy_of_tiny, lambda description: description.update(fileFormat=file_format))
    for action in (
        lambda: load("cifar10", data_dir=str(copy_of_tiny)),
        lambda: prepare("cifar10", data_dir=copy_of_tiny),
    ):
        with pytest.raises(UserError, match=f"prepared as {file_format}; only array_record") as e:
            action()
        assert "python -m rcjax.data.prepare cifar10 --data_dir=OTHER" in str(e.value)


def test_image_that_is_no_png(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_archive(tmp_path / "tiny.tar.gz", train=10, test=10)
    with monkeypatch.context() as patch:
        patch.setattr(archives, "encode_png", lambda image: b"\x89PNG no more")
        prepare("cifar10", archives=[tmp_path / "tiny.tar.gz"], data_dir=tmp_path, checksum=False)
    with pytest.raises(UserError, match="image of example 'train_00000' cannot be decoded"):
        load("cifar10", data_dir=str(tmp_path))
