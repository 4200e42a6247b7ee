"""A hash of the content of a data set of one's own, wherever it lies."""

import functools
import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from rcjax.data.folders import list_folder
from rcjax.data.names import FOLDER, NPZ, STREAM
from rcjax.data.npz import load_npz
from rcjax.data.prepare import cache_path, data_root, read_cache
from rcjax.errors import UserError
from rcjax.outside import expanded, open_regular


def fingerprint(name: str, data_dir: str = "") -> str:
    """SHA-256 of the content of a data set in files; its path has no part in it.

    It is that of the whole set, so that runs which draw different examples of it agree.

    Args:
        name: of the data set, as `rcjax.data.load_or_open` takes it.
        data_dir: where prepared sets lie, likewise.

    Returns:
        64 hexadecimal digits. Of a `.npz` file, and of what `rcjax.data.prepare` wrote, over its
        arrays; of "folder:PATH", over names and bytes of the pictures; of "stream:PATH", whose
        bytes are too many, over names, sizes and times of last change. Empty where nothing lies at
        the path, and for other sets with a name, which says what they hold.

    Raises:
        UserError: the data set cannot be read.

    Example:
        >>> fingerprint("digits")
        ''
    """
    kind = next((kind for kind in (FOLDER, STREAM) if name.startswith(kind)), "")
    own = bool(kind) or name.endswith(NPZ)
    root = data_root(data_dir)
    place = expanded(name.removeprefix(kind)) if own else cache_path(name, root)
    if not os.path.exists(place):
        return ""
    try:
        if not own:
            return _of_prepared(name, root, _stamps([place]))
        if not kind:
            return _of_npz(str(place), _stamps([place]))
        pictures = _pictures(place)
        stamps = _stamps(path for _, path in pictures)
        if kind == FOLDER:
            return _of_pictures(pictures, stamps)
    except OSError as error:
        raise UserError(
            f"{error.filename or place} cannot be read ({error.strerror or error}); the data set "
            f"{name} must be one that you may read"
        ) from error
    return _sha256(
        os.fsencode(f"{relative} {size} {time}")
        for (relative, _), (size, time) in zip(pictures, stamps, strict=True)
    )


_Pictures = tuple[tuple[str, str], ...]  # (split, class and name; path) of each
_Stamps = tuple[tuple[int, int], ...]  # (size, time of last change in nanoseconds) of each


def _stamps(paths: Iterable[str | Path]) -> _Stamps:
    return tuple((found.st_size, found.st_mtime_ns) for found in map(os.stat, paths))


def _pictures(root: Path) -> _Pictures:
    folder = list_folder(str(root))
    return tuple(
        ("/".join((split, *Path(path).parts[-2:])), path)
        for split, files in (("train", folder.train), ("test", folder.test))
        for path in files.paths
    )


# Hundreds of runs of a study share a data set: it is read once. The stamps tell that a file has
# changed since.
@functools.lru_cache(maxsize=16)
def _of_npz(path: str, stamps: _Stamps) -> str:
    return _sha256(_bytes_of(load_npz(path)))


# Of another archive than the published one, perhaps: `prepare` takes these where it is told to.
@functools.lru_cache(maxsize=16)
def _of_prepared(name: str, root: Path, stamps: _Stamps) -> str:
    return _sha256(_bytes_of(read_cache(name, root)))


@functools.lru_cache(maxsize=16)
def _of_pictures(pictures: _Pictures, stamps: _Stamps) -> str:
    return _sha256(
        part for relative, path in pictures for part in (os.fsencode(relative), _file_hash(path))
    )


def _file_hash(path: str) -> bytes:
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").digest()


def _bytes_of(arrays: Iterable[np.ndarray]) -> Iterator[bytes]:
    for array in arrays:
        yield f"{array.dtype} {array.shape}".encode()
        yield np.ascontiguousarray(array).tobytes()


def _sha256(parts: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))  # where one ends and the next begins
        digest.update(part)
    return digest.hexdigest()
