"""Files of `torch.save`, read without PyTorch: the zip format, and the one before PyTorch 1.6."""

import io
import os
import pickle
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np

from rcjax.errors import UserError
from rcjax.models.torch_pickle import Bounded, Unpickler
from rcjax.outside import one_line, open_regular

# The first number of the format before PyTorch 1.6, and the protocol it came with.
LEGACY_MAGIC, LEGACY_PROTOCOL = 0x1950A86A20F9469CFC6C, 1001


def read_torch_file(path: Path) -> Any:
    """Reads a file of `torch.save`.

    bfloat16 tensors become arrays of JAX's bfloat16. Values of other known classes, and types of
    numbers, become placeholders. Arrays may share memory where the tensors did.

    Args:
        path: of the file.

    Returns:
        Dictionaries, lists and numbers, with NumPy arrays for tensors.

    Raises:
        UserError: the file is damaged, or holds anything else.
    """
    try:
        with open_regular(path) as file:
            size = os.fstat(file.fileno()).st_size
            read = _read_zip if zipfile.is_zipfile(file) else _read_legacy
            file.seek(0)
            return read(file, size)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    # Damaged pickles and zip files raise whatever their bytes happen to mean.
    except Exception as error:
        raise UserError(
            f"{path} is damaged, or is no checkpoint of PyTorch ({one_line(error)}): copy it again"
        ) from None


def _read_zip(file: IO[bytes], size: int) -> Any:
    """Reads the format since PyTorch 1.6: data.pkl beside one entry for every storage."""
    with zipfile.ZipFile(file) as archive:
        pickles = [name for name in archive.namelist() if name.endswith("/data.pkl")]
        if len(pickles) != 1:
            raise UserError("this zip file is no checkpoint of PyTorch: it has no data.pkl")
        folder = pickles[0].removesuffix("data.pkl")
        entries = _Entries(archive, size)
        order = f"{folder}byteorder"
        if order in archive.namelist() and entries.read(order) != b"little":
            raise UserError("it was written on a big-endian machine, which is not supported")
        storages: dict[str, bytes] = {}

        def storage(dtype: np.dtype, key: str, count: int) -> np.ndarray:
            if key not in storages:
                storages[key] = entries.read(f"{folder}data/{key}")
            if len(storages[key]) != count * dtype.itemsize:
                raise pickle.UnpicklingError("a storage of another size")
            return np.frombuffer(storages[key], dtype)

        data = entries.read(pickles[0])
        return Unpickler(Bounded(io.BytesIO(data), len(data)), storage).load()


class _Entries:
    """The entries of a zip file that are together no larger than the file."""

    def __init__(self, archive: zipfile.ZipFile, size: int) -> None:
        self._archive = archive
        self._left = size

    def read(self, name: str) -> bytes:
        """Returns the bytes of an entry, stored as PyTorch stores it."""
        entry = self._archive.getinfo(name)
        if entry.compress_type != zipfile.ZIP_STORED:
            raise UserError(
                "it is compressed, which PyTorch never does, and could unpack to any size: save it "
                "with torch.save"
            )
        self._left -= entry.file_size
        if self._left < 0:
            raise pickle.UnpicklingError("entries larger than the file")
        return self._archive.read(entry)


def _read_legacy(file: IO[bytes], size: int) -> Any:
    """Reads the format before PyTorch 1.6: pickles one after the other, then all storages."""
    parts = Bounded(file, size)
    start = Unpickler(parts).load(), Unpickler(parts).load()
    if not all(isinstance(part, int) for part in start) or start != (LEGACY_MAGIC, LEGACY_PROTOCOL):
        raise pickle.UnpicklingError("it does not start like one")
    if not Unpickler(parts).load()["little_endian"]:
        raise UserError("it was written on a big-endian machine, which is not supported")
    storages: dict[str, np.ndarray] = {}
    left = size

    def storage(dtype: np.dtype, key: str, count: int) -> np.ndarray:
        # The numbers follow later in the file; tensors are views, so they may be filled in then.
        nonlocal left
        if key not in storages:
            left -= count * dtype.itemsize
            if count < 0 or left < 0:
                raise pickle.UnpicklingError("storages larger than the file")
            storages[key] = np.empty(count, dtype)
        if storages[key].dtype != dtype:
            raise pickle.UnpicklingError("a storage of two types of numbers")
        return storages[key]

    content = Unpickler(parts, storage).load()
    for key in Unpickler(parts).load():
        numbers = _storage_named(storages, key)
        (count,) = struct.unpack("<q", parts.read(8))
        if count != len(numbers):
            raise pickle.UnpicklingError("a storage of another size")
        numbers[:] = np.frombuffer(parts.read(numbers.nbytes), numbers.dtype)
    return content


def _storage_named(storages: Mapping[str, np.ndarray], key: Any) -> np.ndarray:
    if not isinstance(key, str) or key not in storages:
        raise pickle.UnpicklingError("a storage that no tensor has")
    return storages[key]
