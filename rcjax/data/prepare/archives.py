"""Reading the original archives of CIFAR and SVHN into examples for tensorflow-datasets."""

import io
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rcjax.data.messages import one_line
from rcjax.data.prepare.published_archives import CIFAR_LAYOUTS, CifarLayout
from rcjax.errors import UserError

Example = dict[str, Any]


@dataclass(frozen=True)
class ArchiveContents:
    """What is in the archives of one data set.

    Attributes:
        splits: for "train" and "test", a structured array with a field for each label (integers)
            and `image` (uint8).
        class_names: for each label whose classes have names, those names.
        channels_first: whether an image is stored `[channels, height, width]`.
        id_digits: how many digits the number in an example's id has.
    """

    splits: dict[str, np.ndarray]
    class_names: dict[str, list[str]]
    channels_first: bool
    id_digits: int

    def examples(self, split: str) -> Iterator[tuple[int, Example]]:
        """Yields (number, example with PNG bytes), as the stock builders number them."""
        records = self.splits[split]
        labels = [field for field in records.dtype.names or () if field != "image"]
        for number, record in enumerate(records):
            image = record["image"]
            example: Example = {label: int(record[label]) for label in labels}
            example["image"] = encode_png(
                image.transpose(1, 2, 0) if self.channels_first else image
            )
            example["id"] = f"{split}_{number:0{self.id_digits}d}"
            yield number, example


def encode_png(image: np.ndarray) -> bytes:
    """Encodes uint8 `[height, width, 3]` as the bytes of a PNG file."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(image)).save(file, "PNG")
    return file.getvalue()


def read_archives(name: str, paths: Mapping[str, Path]) -> ArchiveContents:
    """Reads the archives of a data set, whole, into memory.

    Arguments:
        name: a key of `rcjax.data.prepare.published_archives.ARCHIVES`.
        paths: where each of its archives is, by the name under which it is published.

    Raises:
        UserError: an archive cannot be read or has not the contents it should have.
    """
    if name in CIFAR_LAYOUTS:
        (path,) = paths.values()
        return _read_cifar(path, CIFAR_LAYOUTS[name])
    return _read_svhn({"train": paths["train_32x32.mat"], "test": paths["test_32x32.mat"]})


def _read_cifar(path: Path, layout: CifarLayout) -> ArchiveContents:
    members = _read_tar(path)

    def member(file_name: str) -> bytes:
        if file_name not in members:
            raise UserError(f"archive {path} holds no file {file_name!r}; download it again")
        return members[file_name]

    def records(file_name: str) -> np.ndarray:
        data = member(file_name)
        if len(data) % layout.record_type.itemsize:
            raise UserError(
                f"archive {path}: {file_name} has {len(data)} bytes, not a multiple of the "
                f"{layout.record_type.itemsize} of one image; download the archive again"
            )
        return np.frombuffer(data, layout.record_type)

    class_names = {
        label: member(file_name).decode().split() for label, file_name in layout.label_files.items()
    }
    splits = {
        split: np.concatenate([records(file_name) for file_name in file_names])
        for split, file_names in layout.files.items()
    }
    for label, names in class_names.items():
        _check_range(path, splits, label, len(names))
    return ArchiveContents(splits, class_names, channels_first=True, id_digits=5)


def _check_range(path: Path, splits: dict[str, np.ndarray], label: str, classes: int) -> None:
    for split, records in splits.items():
        if len(records) and records[label].max() >= classes:
            raise UserError(
                f"archive {path}: {split} split has {label} {records[label].max()}, but only "
                f"{classes} classes have names; download the archive again"
            )


def _read_tar(path: Path) -> dict[str, bytes]:
    try:
        with tarfile.open(path) as tar:
            files = {member.name: tar.extractfile(member) for member in tar if member.isfile()}
            return {Path(name).name: file.read() for name, file in files.items() if file}
    # A damaged gzip stream gives any of these, zlib.error among them.
    except Exception as error:
        raise UserError(
            f"archive {path} cannot be read ({one_line(error)}); download it again"
        ) from error


def _read_svhn(paths: Mapping[str, Path]) -> ArchiveContents:
    from scipy import io as scipy_io  # comes with scikit-learn

    record_type = np.dtype([("label", np.uint8), ("image", np.uint8, (32, 32, 3))])
    splits = {}
    for split, path in paths.items():
        try:
            contents = scipy_io.loadmat(path)
            records = np.zeros(contents["y"].size, record_type)
            records["label"] = contents["y"].ravel() % 10  # the digit 0 is stored as 10
            records["image"] = np.moveaxis(contents["X"], -1, 0)
        except Exception as error:  # scipy lets any error of its parser through
            raise UserError(
                f"archive {path} cannot be read ({one_line(error)}); download it again"
            ) from error
        splits[split] = records
    return ArchiveContents(splits, {}, channels_first=False, id_digits=6)
