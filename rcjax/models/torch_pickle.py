"""Files of `torch.save`, read without PyTorch and without executing what the pickle asks for.

A pickle is a program that may call any function by its name. Here a name means nothing but what
`_Reader.find_class` gives it: storages, the rebuilding of a tensor from one, parameters, ordered
dictionaries, and a few values that checkpoints carry beside tensors, which are read as `Ignored`.
Every other name is refused before anything is called. Memory is taken for what is in the file, and
for nothing that it only claims.
"""

import io
import itertools
import math
import os
import pickle
import struct
import zipfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import IO, Any

import jax.numpy as jnp
import numpy as np

from rcjax.errors import UserError
from rcjax.outside import one_line, open_regular

DTYPES = {
    "DoubleStorage": np.dtype("<f8"),
    "FloatStorage": np.dtype("<f4"),
    "HalfStorage": np.dtype("<f2"),
    "BFloat16Storage": np.dtype(jnp.bfloat16),
    "LongStorage": np.dtype("<i8"),
    "IntStorage": np.dtype("<i4"),
    "ShortStorage": np.dtype("<i2"),
    "CharStorage": np.dtype("i1"),
    "ByteStorage": np.dtype("u1"),
    "BoolStorage": np.dtype("?"),
}
# Names of harmless values beside the tensors: accuracies, arguments of the program, devices, what
# optimizers and schedules keep. Protocol 2, which PyTorch writes, has Python 2's name of builtins.
IGNORED = {
    ("argparse", "Namespace"),
    ("collections", "Counter"),
    ("numpy", "dtype"),
    ("numpy", "ndarray"),
    *itertools.product(
        ("numpy.core.multiarray", "numpy._core.multiarray"), ("scalar", "_reconstruct")
    ),
    ("_codecs", "encode"),
    ("pathlib", "PosixPath"),
    ("pathlib", "WindowsPath"),
    ("pathlib._local", "PosixPath"),
    ("pathlib._local", "WindowsPath"),
    ("torch", "Size"),
    ("torch", "device"),
    *itertools.product(("builtins", "__builtin__"), ("set", "frozenset", "complex", "bytearray")),
}
# Types of numbers by the names under which PyTorch pickles them; they are values, not classes.
TORCH_DTYPES = {
    *("bool", "bfloat16", "float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz"),
    *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)),
    *(f"float{bits}" for bits in (16, 32, 64)),
    *(f"complex{bits}" for bits in (32, 64, 128)),
}
# The first number of the format before PyTorch 1.6, and the protocol it came with.
LEGACY_MAGIC, LEGACY_PROTOCOL = 0x1950A86A20F9469CFC6C, 1001


class Ignored:
    """Stands for a value that is no tensor; holds nothing."""

    __slots__ = ()

    def __new__(cls, *arguments: Any, **keywords: Any) -> "Ignored":
        return super().__new__(cls)

    def __setstate__(self, state: Any) -> None:
        """Forgets the state that the file has for it."""


class Parameter(np.ndarray):
    """Stands for torch.nn.Parameter: the tensor that it is made of."""

    __slots__ = ()

    def __new__(cls, data: Any = None, *_: Any) -> "Parameter":
        if not isinstance(data, np.ndarray):
            raise pickle.UnpicklingError("a parameter without a tensor")
        return data.view(cls)

    def __setstate__(self, state: Any, /) -> None:
        """Forgets whether it is trained, and its hooks."""


class Dictionary(dict):
    """Stands for an ordered dictionary; its keys have been looked at."""

    __slots__ = ()

    def __init__(self, items: Any = ()) -> None:
        pairs = [(key, value) for key, value in items]
        _check_keys(key for key, _ in pairs)
        super().__init__(pairs)

    def __setstate__(self, state: Any, /) -> None:
        """Forgets the attributes, among them the versions of PyTorch's layers."""


def _check_keys(keys: Iterable[Any]) -> None:
    """Refuses keys that are nested: a few bytes can mean one that takes for ever to hash."""
    for key in keys:
        for part in key if isinstance(key, tuple) else (key,):
            if not isinstance(part, str | bytes | int | float | Ignored | None):
                raise pickle.UnpicklingError(f"a key that holds a {type(part).__name__}")


class _Bounded:
    """A file that refuses to be asked for more than is left of it, before memory is taken."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file = file
        self._left = size

    def read(self, count: int) -> bytes:
        if not 0 <= count <= self._left:
            raise pickle.UnpicklingError("it ends early")
        self._left -= count
        return self._file.read(count)

    def readline(self) -> bytes:
        line = self._file.readline()
        if not line.endswith(b"\n"):
            raise pickle.UnpicklingError("it ends early")
        self._left -= len(line)
        return line


def read_torch_file(path: Path) -> Any:
    """Reads a file of `torch.save`.

    bfloat16 tensors become arrays of JAX's bfloat16. Values of classes in `IGNORED`, and types of
    numbers, become `Ignored`. Arrays may share memory where the tensors did.

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


# The reader in Python, since the one in C hashes keys and takes memory before it can be asked.
_Unpickler: Any = pickle._Unpickler


def _with_keys_checked(code: bytes, keys: slice) -> Callable[["_Reader"], None]:
    load = _Unpickler.dispatch[code[0]]

    def checked(reader: "_Reader") -> None:
        _check_keys(reader.stack[keys])
        load(reader)

    return checked


class _Reader(_Unpickler):
    """Reads one pickle; `storage(dtype, key, count)` finds the numbers of a storage."""

    # What is on the stack, from the last mark on, when these codes put keys into something.
    dispatch = _Unpickler.dispatch | {
        code[0]: _with_keys_checked(code, keys)
        for code, keys in {
            pickle.SETITEM: slice(-2, -1),
            pickle.SETITEMS: slice(None, None, 2),
            pickle.DICT: slice(None, None, 2),
            pickle.ADDITEMS: slice(None),
            pickle.FROZENSET: slice(None),
        }.items()
    }

    def __init__(
        self, file: _Bounded, storage: Callable[[np.dtype, str, int], np.ndarray] | None = None
    ) -> None:
        super().__init__(file, encoding="utf-8")
        self._storage = storage
        # Classes of its own, since the file may set attributes of what it is given.
        self._ignored, self._parameter, self._dictionary = (
            type(kind.__name__, (kind,), {"__slots__": ()})
            for kind in (Ignored, Parameter, Dictionary)
        )

    def load_bytearray8(self) -> None:
        """Bytes that are there, where the method of the base makes room for all that are said."""
        (count,) = struct.unpack("<Q", self.read(8))
        self.append(bytearray(self.read(count)))

    dispatch[pickle.BYTEARRAY8[0]] = load_bytearray8

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return self._dictionary
        if module in ("torch", "torch.storage") and name in DTYPES:
            return name
        if module == "torch._utils" and name in ("_rebuild_tensor", "_rebuild_tensor_v2"):
            return _RebuildTensor()
        if module == "torch._utils" and name in (
            "_rebuild_parameter",
            "_rebuild_parameter_with_state",
        ):
            return _RebuildParameter()
        if (module, name) == ("torch.nn.parameter", "Parameter"):
            return self._parameter
        if (module, name) in IGNORED:
            return self._ignored
        if module == "torch" and name in TORCH_DTYPES:
            return self._ignored()
        raise UserError(
            f"it holds {module[:60]}.{name[:60]}, which is no tensor, and reading it could run "
            "foreign code: save model.state_dict() instead of the model or that object, with "
            "nothing but tensors and numbers beside it"
        )

    def persistent_load(self, identifier: Any) -> np.ndarray:
        kind, name, key, _, count, *view = identifier
        # Types first: what a file has instead of a text may take for ever to compare.
        known = all(isinstance(text, str) for text in (kind, name, key)) and isinstance(count, int)
        if not known or kind != "storage" or name not in DTYPES or any(view):
            raise pickle.UnpicklingError("an unknown kind of storage")
        if self._storage is None:
            raise pickle.UnpicklingError("a storage where none can be")
        return self._storage(DTYPES[name], key, count)


# Objects without attributes instead of functions: the file can change nothing about them.
class _RebuildTensor:
    __slots__ = ()

    def __call__(
        self, storage: np.ndarray, offset: int, shape: tuple, strides: tuple, *_: Any
    ) -> np.ndarray:
        """A view of the storage; offset and strides are in elements."""
        if not isinstance(storage, np.ndarray) or len(shape) != len(strides):
            raise pickle.UnpicklingError("a tensor without a storage")
        if not all(isinstance(number, int) for number in (offset, *shape, *strides)):
            raise pickle.UnpicklingError("a tensor without a shape")
        if min((offset, *shape, *strides)) < 0:
            raise pickle.UnpicklingError("a tensor with a negative shape")
        last = sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
        if math.prod(shape) and offset + last >= len(storage):
            raise pickle.UnpicklingError("a tensor outside its storage")
        steps = tuple(stride * storage.itemsize for stride in strides)
        return np.lib.stride_tricks.as_strided(storage[offset:], shape, steps, writeable=False)


class _RebuildParameter:
    __slots__ = ()

    def __call__(self, tensor: np.ndarray, *_: Any) -> np.ndarray:
        """A parameter is its tensor."""
        return tensor


def _read_zip(file: IO[bytes], size: int) -> Any:
    """The format since PyTorch 1.6: data.pkl beside one entry for every storage."""
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
        return _Reader(_Bounded(io.BytesIO(data), len(data)), storage).load()


class _Entries:
    """The entries of a zip file that are together no larger than the file."""

    def __init__(self, archive: zipfile.ZipFile, size: int) -> None:
        self._archive = archive
        self._left = size

    def read(self, name: str) -> bytes:
        """The bytes of an entry, stored as PyTorch stores it."""
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
    """The format before PyTorch 1.6: pickles one after the other, then all storages."""
    parts = _Bounded(file, size)
    start = _Reader(parts).load(), _Reader(parts).load()
    if not all(isinstance(part, int) for part in start) or start != (LEGACY_MAGIC, LEGACY_PROTOCOL):
        raise pickle.UnpicklingError("it does not start like one")
    if not _Reader(parts).load()["little_endian"]:
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

    content = _Reader(parts, storage).load()
    for key in _Reader(parts).load():
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
