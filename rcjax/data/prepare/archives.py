"""Reading the original archives of CIFAR and SVHN into arrays."""

import tarfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from rcjax.data.prepare.published_archives import CIFAR_LAYOUTS, CifarLayout
from rcjax.errors import UserError
from rcjax.outside import one_line

# No file in the archives is as large as this.
_LARGEST_MEMBER = 2**28
_CLASSES_OF_SVHN = 10


def read_archives(
    name: str, paths: Mapping[str, Path]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Reads the archives of a data set, whole, into memory.

    Args:
        name: a key of `rcjax.data.prepare.published_archives.ARCHIVES`.
        paths: where each of its archives is, by the name under which it is published.

    Returns:
        train_images, train_labels, test_images, test_labels as in `rcjax.data.Dataset`, in the
        order of the archives.

    Raises:
        UserError: an archive cannot be read or has not the contents it should have.
    """
    if name in CIFAR_LAYOUTS:
        (path,) = paths.values()
        layout = CIFAR_LAYOUTS[name]
        members = _read_tar(path, {*layout.train_files, *layout.test_files})
        return (
            *_cifar_split(path, members, layout, layout.train_files),
            *_cifar_split(path, members, layout, layout.test_files),
        )
    return *_svhn_split(paths["train_32x32.mat"]), *_svhn_split(paths["test_32x32.mat"])


def _cifar_split(
    path: Path, members: Mapping[str, bytes], layout: CifarLayout, file_names: tuple[str, ...]
) -> tuple[np.ndarray, np.ndarray]:
    for file_name in file_names:
        if file_name not in members:
            raise UserError(f"archive {path} holds no file {file_name!r}; download it again")
        if len(members[file_name]) % layout.record_type.itemsize:
            raise UserError(
                f"archive {path}: {file_name} has {len(members[file_name])} bytes, not a multiple "
                f"of the {layout.record_type.itemsize} of one image; download the archive again"
            )
    records = np.frombuffer(b"".join(map(members.__getitem__, file_names)), layout.record_type)
    labels = records["labels"][:, -1].astype(np.int32)
    images = np.ascontiguousarray(records["image"].transpose(0, 2, 3, 1))
    return _checked(path, " and ".join(file_names), images, labels, layout.classes)


def _checked(
    path: Path, where: str, images: np.ndarray, labels: np.ndarray, classes: int
) -> tuple[np.ndarray, np.ndarray]:
    if not len(labels):
        raise UserError(f"archive {path}: {where} holds no images; download the archive again")
    if labels.max() >= classes:
        raise UserError(
            f"archive {path}: {where} has label {labels.max()}, but there are only {classes} "
            "classes; download the archive again"
        )
    return images, labels


def _read_tar(path: Path, wanted: set[str]) -> dict[str, bytes]:
    found = {}
    try:
        with tarfile.open(path) as tar:
            for member in tar:
                name = Path(member.name).name
                file = tar.extractfile(member) if member.isfile() and name in wanted else None
                if file:
                    if member.size > _LARGEST_MEMBER:
                        raise ValueError(f"{name} claims to have {member.size} bytes")
                    found[name] = file.read()
    # A damaged gzip stream gives any of these, zlib.error among them.
    except Exception as error:
        raise UserError(
            f"archive {path} cannot be read ({one_line(error)}); download it again"
        ) from error
    return found


def _svhn_split(path: Path) -> tuple[np.ndarray, np.ndarray]:
    from scipy import io as scipy_io  # heavy, so only here

    try:
        contents = scipy_io.loadmat(path)
        labels = contents["y"].ravel().astype(np.int32) % 10  # the digit 0 is stored as 10
        images = np.ascontiguousarray(np.moveaxis(contents["X"], -1, 0), dtype=np.uint8)
        if images.shape != (len(labels), 32, 32, 3):
            raise ValueError(f"{len(labels)} labels for images {list(images.shape)}")
    except Exception as error:  # scipy lets any error of its parser through
        raise UserError(
            f"archive {path} cannot be read ({one_line(error)}); download it again"
        ) from error
    return _checked(path, "it", images, labels, _CLASSES_OF_SVHN)
