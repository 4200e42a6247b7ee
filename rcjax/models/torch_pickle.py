"""Files of `torch.save`, read without PyTorch and without executing what the pickle asks for.

A pickle is a program that may call any function by its name. Here a name means nothing but what
`_Reader.find_class` gives it: storages, the rebuilding of a tensor from one, parameters, ordered
dictionaries, and a few values that checkpoints carry beside tensors, which are read as `Ignored`.
Every other name is refused before anything is called.
"""

import collections
import itertools
import math
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import jax.numpy as jnp
import numpy as np

from rcjax.errors import UserError

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
    ("numpy.core.multiarray", "scalar"),
    ("numpy._core.multiarray", "scalar"),
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


def read_torch_file(path: Path) -> Any:
    """What `torch.save` wrote: dictionaries, lists and numbers, with NumPy arrays for tensors.

    bfloat16 tensors become arrays of JAX's bfloat16. Values of classes in `IGNORED`, and types of
    numbers, become `Ignored`. Arrays may share memory where the tensors did.

    Raises UserError if the file is damaged, or holds anything else.
    """
    with path.open("rb") as file:
        read = _read_zip if zipfile.is_zipfile(file) else _read_legacy
        file.seek(0)
        try:
            return read(file)
        except UserError as error:
            raise UserError(f"{path}: {error}") from None
        # Damaged pickles and zip files raise whatever their bytes happen to mean.
        except Exception as error:
            reason = (str(error).splitlines() or [""])[0][:200] or type(error).__name__
            raise UserError(
                f"{path} is damaged, or is no checkpoint of PyTorch ({reason}): copy it again"
            ) from None


class _Reader(pickle.Unpickler):
    """Reads one pickle; `storage(dtype, key, count)` finds the numbers of a storage."""

    def __init__(
        self, file: IO[bytes], storage: Callable[[np.dtype, str, int], np.ndarray] | None = None
    ) -> None:
        super().__init__(file, encoding="utf-8")
        self._storage = storage
        # Classes of its own, since the file may set attributes of what it is given.
        self._ignored, self._parameter = (
            type(kind.__name__, (kind,), {"__slots__": ()}) for kind in (Ignored, Parameter)
        )

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
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
            f"it holds {module}.{name}, which is no tensor, and reading it could run foreign code: "
            "save model.state_dict() instead of the model, with nothing but tensors and numbers"
        )

    def persistent_load(self, identifier: Any) -> np.ndarray:
        kind, name, key, _, count, *view = identifier
        known = name in DTYPES and isinstance(count, int) and isinstance(key, str)
        if kind != "storage" or not known or self._storage is None or any(view):
            raise pickle.UnpicklingError("an unknown kind of storage")
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


def _read_zip(file: IO[bytes]) -> Any:
    """The format since PyTorch 1.6: data.pkl beside one entry for every storage."""
    with zipfile.ZipFile(file) as archive:
        pickles = [name for name in archive.namelist() if name.endswith("/data.pkl")]
        if len(pickles) != 1:
            raise UserError("this zip file is no checkpoint of PyTorch: it has no data.pkl")
        folder = pickles[0].removesuffix("data.pkl")
        order = f"{folder}byteorder"
        if order in archive.namelist() and archive.read(order) != b"little":
            raise UserError("it was written on a big-endian machine, which is not supported")
        storages: dict[str, np.ndarray] = {}

        def storage(dtype: np.dtype, key: str, count: int) -> np.ndarray:
            if key not in storages:
                entry = archive.getinfo(f"{folder}data/{key}")
                if entry.file_size != count * dtype.itemsize:
                    raise pickle.UnpicklingError("a storage of another size")
                storages[key] = np.frombuffer(archive.read(entry), dtype)
            return storages[key]

        with archive.open(pickles[0]) as data:
            return _Reader(data, storage).load()


def _read_legacy(file: IO[bytes]) -> Any:
    """The format before PyTorch 1.6: pickles one after the other, then all storages."""
    if _Reader(file).load() != LEGACY_MAGIC or _Reader(file).load() != LEGACY_PROTOCOL:
        raise pickle.UnpicklingError("it does not start like one")
    if not _Reader(file).load()["little_endian"]:
        raise UserError("it was written on a big-endian machine, which is not supported")
    storages: dict[str, np.ndarray] = {}

    def storage(dtype: np.dtype, key: str, count: int) -> np.ndarray:
        # The numbers follow later in the file; tensors are views, so they may be filled in then.
        return storages.setdefault(key, np.empty(count, dtype))

    content = _Reader(file, storage).load()
    for key in _Reader(file).load():
        numbers = storages[key]
        (count,) = struct.unpack("<q", file.read(8))
        if count != len(numbers):
            raise pickle.UnpicklingError("a storage of another size")
        read = file.read(numbers.nbytes)
        if len(read) != numbers.nbytes:
            raise pickle.UnpicklingError("it ends early")
        numbers[:] = np.frombuffer(read, numbers.dtype)
    return content
