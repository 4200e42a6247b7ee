"""Archives like CIFAR's own, but tiny: to prove offline what real data would take a download for.

make_archive(folder / "cifar-10-binary.tar.gz")
prepare("cifar10", archives=[...], data_dir=folder, checksum=False)
load("cifar10", data_dir=folder)
"""

import io
import tarfile
from pathlib import Path
from typing import NamedTuple

import numpy as np


class Contents(NamedTuple):
    """What was put in: uint8 [examples, 32, 32, 3] and labels [examples], in file order."""

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray


def make_archive(
    path: Path, *, train: int = 200, test: int = 50, name: str = "cifar10"
) -> Contents:
    """Writes a gzipped tar at `path` with the files of CIFAR-10 or CIFAR-100.

    Labels run through all classes in turn; each image is noise around a colour of its class, so
    that a network can learn them.
    """
    classes = {"cifar10": 10, "cifar100": 100}[name]
    random = np.random.default_rng(0)
    colours = random.integers(60, 196, (classes, 1, 1, 3))
    train_labels, test_labels = (np.arange(count) % classes for count in (train, test))
    train_images, test_images = (
        (colours[labels] + random.integers(-60, 60, (len(labels), 32, 32, 3))).astype(np.uint8)
        for labels in (train_labels, test_labels)
    )
    train_records = _records(train_images, train_labels, name)
    test_records = _records(test_images, test_labels, name)
    names = "\n".join(f"class_{label}" for label in range(classes)).encode() + b"\n\n"
    if name == "cifar10":
        folder = "cifar-10-batches-bin"
        files = {
            f"data_batch_{number}.bin": b"".join(train_records[part[0] : part[-1] + 1])
            for number, part in enumerate(np.array_split(np.arange(train), 5), start=1)
        }
        files |= {"test_batch.bin": b"".join(test_records), "batches.meta.txt": names}
    else:
        folder = "cifar-100-binary"
        coarse = "\n".join(f"group_{group}" for group in range(20)).encode() + b"\n"
        files = {"train.bin": b"".join(train_records), "test.bin": b"".join(test_records)}
        files |= {"fine_label_names.txt": names, "coarse_label_names.txt": coarse}
    write_tar(path, {f"{folder}/{file}": data for file, data in files.items()})
    return Contents(train_images, train_labels, test_images, test_labels)


def write_tar(path: Path, files: dict[str, bytes]) -> None:
    """Writes a gzipped tar with these files."""
    with tarfile.open(path, "w:gz") as tar:
        for file_name, data in files.items():
            member = tarfile.TarInfo(file_name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))


def _records(images: np.ndarray, labels: np.ndarray, name: str) -> list[bytes]:
    # CIFAR-100 has a coarse label in front of the fine one; here a group is five classes.
    coarse = [bytes([label // 5]) if name == "cifar100" else b"" for label in labels]
    pixels = images.transpose(0, 3, 1, 2)
    return [
        group + bytes([label]) + image.tobytes()
        for group, label, image in zip(coarse, labels, pixels, strict=True)
    ]
