"""Data sets of one's own as folders: a split holds a folder of pictures for each class."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from rcjax.data.decoding import EXTENSIONS, decode
from rcjax.data.names import STREAM
from rcjax.data.resizing import centre_square
from rcjax.errors import UserError
from rcjax.outside import expanded

# What file managers of Windows leave in folders, in small letters.
_LEFT_BY_SYSTEMS = ("thumbs.db", "desktop.ini")
# Beyond this, a set is no longer decoded into memory.
LARGEST_RESIDENT_BYTES = 4 * 2**30


class PictureFiles(NamedTuple):
    """The pictures of a split, class after class, in the order of their names.

    Attributes:
        paths: one for each picture.
        labels: int32 `[pictures]`.
    """

    paths: tuple[str, ...]
    labels: np.ndarray


class PictureFolder(NamedTuple):
    """The content of the folder of a data set."""

    class_names: tuple[str, ...]
    train: PictureFiles
    test: PictureFiles


def list_folder(path: str) -> PictureFolder:
    """Finds the pictures of a data set; opens none.

    Args:
        path: a folder with the splits `train` and `val` (or `test`, where there is no `val`). Each
            holds a folder for each class, which holds .jpg, .jpeg or .png files. Classes are
            numbered by the order of the names of their folders in `train`. Files and folders whose
            name begins with a dot are passed over, and so are Thumbs.db and desktop.ini.

    Raises:
        UserError: a folder is missing or empty, a file is no picture by its extension, or a class
            is not one of the training set.
    """
    try:
        return _listed(expanded(path))
    except OSError as error:  # may not be read, a loop of links, a name beyond the limits
        raise UserError(
            f"{error.filename or path} cannot be read ({error.strerror or error}); it must be a "
            "folder, with pictures that you may read"
        ) from error


def _listed(root: Path) -> PictureFolder:
    train, test = root / "train", root / "val"
    if not test.is_dir():
        test = root / "test"
    for folder in (train, test):
        if not folder.is_dir():
            raise UserError(
                f"no folder {folder}; a data set in {root} has the folders train and val (or "
                "test), each with a folder of pictures for each class"
            )
    class_names = tuple(folder.name for folder in _class_folders(train))
    if len(class_names) < 2:
        raise UserError(
            f"{train} has {len(class_names)} folders of classes; a classifier needs two classes"
        )
    return PictureFolder(
        class_names, _list_split(train, class_names), _list_split(test, class_names)
    )


def _visible(folder: Path) -> list[os.DirEntry]:
    with os.scandir(folder) as entries:
        found = [entry for entry in entries if not _is_passed_over(entry.name)]
    return sorted(found, key=lambda entry: entry.name)


def _is_passed_over(name: str) -> bool:
    return name.startswith(".") or name.lower() in _LEFT_BY_SYSTEMS


def _class_folders(split: Path) -> list[os.DirEntry]:
    entries = _visible(split)
    for entry in entries:
        if not entry.is_dir():
            raise UserError(
                f"{entry.path} is a file among the folders of the classes; move it into the "
                "folder of its class, or remove it"
            )
    return entries


def _list_split(split: Path, class_names: tuple[str, ...]) -> PictureFiles:
    numbers = {name: number for number, name in enumerate(class_names)}
    paths: list[str] = []
    labels: list[int] = []
    for folder in _class_folders(split):
        if folder.name not in numbers:
            raise UserError(
                f"{folder.path} is a class that the training set does not have; remove it, or "
                f"add {split.parent / 'train' / folder.name}"
            )
        pictures = _visible(Path(folder.path))
        if not pictures:
            raise UserError(f"{folder.path} holds no pictures; add some, or remove the folder")
        for picture in pictures:
            if not picture.name.lower().endswith(EXTENSIONS):
                raise UserError(
                    f"{picture.path} is no picture that is known by its extension "
                    f"({', '.join(EXTENSIONS)}); convert it, or remove it"
                )
            if not picture.is_file():
                raise UserError(f"{picture.path} is no file; replace it by a picture, or remove it")
            paths.append(picture.path)
        labels += [numbers[folder.name]] * len(pictures)
    if not paths:
        raise UserError(f"{split} holds no folders of classes; put the pictures of {split} there")
    return PictureFiles(tuple(paths), np.array(labels, np.int32))


def load_folder(
    path: str, image_size: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Decodes a data set in a folder into memory.

    Args:
        path: as `list_folder` takes it.
        image_size: the middle of each picture is resized to so many pixels a side; 0 takes the
            pictures as they are, all of one size.

    Returns:
        train_images, train_labels, test_images, test_labels as in `rcjax.data.Dataset`, with three
        channels.

    Raises:
        UserError: what `list_folder` refuses; a picture that cannot be decoded; pictures of
            several sizes without `image_size`; more pictures than fit.
    """
    folder = list_folder(path)
    first = decode(Path(folder.train.paths[0]), folder.train.paths[0], image_size, centre_square)
    needed = first.nbytes * (len(folder.train.paths) + len(folder.test.paths))
    if needed > LARGEST_RESIDENT_BYTES:
        raise UserError(
            f"the pictures in {path} take {needed / 2**30:.1f} GiB of memory, more than "
            f"{LARGEST_RESIDENT_BYTES / 2**30:.0f}; choose a smaller image_size, or leave them on "
            f"the disk: dataset = {STREAM}{path}"
        )
    splits = (folder.train, folder.test)
    train, test = (_decode_all(files.paths, image_size, first.shape) for files in splits)
    return train, folder.train.labels, test, folder.test.labels


def _decode_all(paths: Sequence[str], image_size: int, shape: tuple[int, ...]) -> np.ndarray:
    def read(path: str) -> np.ndarray:
        image = decode(Path(path), path, image_size, centre_square)
        if image.shape != shape:
            raise UserError(
                f"{path} has {image.shape[0]} x {image.shape[1]} pixels, the first picture "
                f"{shape[0]} x {shape[1]}; set image_size to make all of one size"
            )
        return image

    # Pillow decodes outside the interpreter's lock, so threads do.
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        pictures = threads.map(read, paths)
        bar = tqdm(pictures, desc="reading pictures", unit="", total=len(paths), disable=None)
        return np.stack(list(bar))
