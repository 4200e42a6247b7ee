"""Arrays from `.npz` files, read only after a look at how much memory they take."""

import math
import os
import zipfile
from collections.abc import Callable, Sequence

import numpy as np

from rcjax.errors import UserError
from rcjax.outside.files import open_regular

# What a small file may unpack to, and how many times its size a larger one may: a compressed file
# of a few megabytes could otherwise fill any memory.
_UNPACKED_BYTES, _UNPACKED_RATIO = 2**28, 100


def arrays_of(
    path: str | os.PathLike[str], choose: Callable[[Sequence[str]], Sequence[str]] = tuple
) -> dict[str, np.ndarray]:
    """Reads arrays of a `.npz` file; no code in the file is ever run.

    Args:
        path: of the file.
        choose: takes the names of the arrays that the file holds, and returns those to read; all
            when left out.

    Returns:
        The arrays by name, in that order.

    Raises:
        UserError: the file unpacks to far more than it is large.
        OSError: no such file, or none that may be read.
        Exception: the file is damaged; of zipfile, zlib, tokenize, ast, NumPy or struct.
    """
    with open_regular(path) as file, zipfile.ZipFile(file) as archive:
        size = os.fstat(file.fileno()).st_size
        members = {
            info.filename.removesuffix(".npy"): info
            for info in archive.infolist()
            if info.filename.endswith(".npy")
        }
        chosen = {name: members[name] for name in choose(tuple(members))}
        _check_unpacked_size(path, list(chosen.values()), size)
        return {name: _read_member(archive, info) for name, info in chosen.items()}


def _check_unpacked_size(
    path: str | os.PathLike[str], members: Sequence[zipfile.ZipInfo], size: int
) -> None:
    for info in members:
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError(f"{info.filename} is packed in a way that NumPy never uses")
    unpacked = sum(info.file_size for info in members)
    if unpacked > max(_UNPACKED_BYTES, _UNPACKED_RATIO * size):
        raise UserError(
            f"{os.fspath(path)} has {size / 2**20:.1f} MiB and unpacks to {unpacked / 2**20:,.0f}, "
            f"more than {_UNPACKED_RATIO} times as much; write it again with numpy.savez, which "
            "does not compress"
        )


def _read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> np.ndarray:
    """Reads an array whose header tells the truth about its size."""
    with archive.open(info) as member:
        version = np.lib.format.read_magic(member)
        read_header = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version]
        shape, _, dtype = read_header(member)
        if dtype.hasobject:
            raise ValueError(f"{info.filename} holds Python objects")
        if math.prod(shape) * dtype.itemsize != info.file_size - member.tell():
            raise ValueError(f"{info.filename} is shorter or longer than its shape {shape}")
    with archive.open(info) as member:
        return np.lib.format.read_array(member, allow_pickle=False)
