"""The pickles of PyTorch, read without executing what they ask for.

A pickle is a program that may call any function by its name. Here a name means nothing but what
`Unpickler.find_class` gives it: storages, the rebuilding of a tensor from one, parameters, ordered
dictionaries, and a few values that checkpoints carry beside tensors, which are read as `Ignored`.
Every other name is refused before anything is called. Memory is taken for what is in the file, and
for nothing that it only claims.
"""

import math
import pickle
import struct
from collections.abc import Callable, Iterable
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
# Harmless values beside the tensors, by module: accuracies, times, arguments of the program, what
# optimizers, schedules and random generators keep. Protocol 2, which PyTorch writes, has Python 2's
# names of builtins.
_BUILTINS = (
    "set frozenset complex bytearray slice range xrange list tuple dict str unicode int long "
    "float bool bytes object Ellipsis NotImplemented"
)
_IGNORED = {
    "argparse": "Namespace",
    "array": "array _array_reconstructor",
    "collections": "Counter deque",
    "datetime": "date datetime time timedelta timezone",
    "decimal": "Decimal",
    "fractions": "Fraction",
    "types": "SimpleNamespace",
    "uuid": "UUID SafeUUID",
    "builtins": _BUILTINS,
    "__builtin__": _BUILTINS,
    "_codecs": "encode",
    "pathlib": "PosixPath WindowsPath PurePosixPath PureWindowsPath",
    "pathlib._local": "PosixPath WindowsPath PurePosixPath PureWindowsPath",
    "numpy": "dtype ndarray",
    "numpy.core.multiarray": "scalar _reconstruct",
    "numpy._core.multiarray": "scalar _reconstruct",
    "numpy.ma": "MaskedArray",
    "numpy.ma.core": "MaskedArray _mareconstruct",
    "numpy.random._pickle": "__randomstate_ctor __generator_ctor __bit_generator_ctor",
    "numpy.random.bit_generator": "SeedSequence __pyx_unpickle_SeedSequence",
    "numpy.random._mt19937": "MT19937",
    "numpy.random._pcg64": "PCG64 PCG64DXSM",
    "numpy.random._philox": "Philox",
    "numpy.random._sfc64": "SFC64",
    "torch": "Size Tensor device Generator",
    "torch._C": "Generator",
    "torch.serialization": "_get_layout",
    "torch._utils": "torch.channels_last torch.contiguous_format torch.preserve_format",
    "torch.torch_version": "TorchVersion",
    "torch.nn.parameter": "Buffer",
}
IGNORED = {(module, name) for module, names in _IGNORED.items() for name in names.split()}
# Tensors that are not read, by the functions that make them, with what to save instead.
_OTHER_TENSORS = {
    "_rebuild_sparse_tensor": ("a sparse tensor", "tensor.to_dense()"),
    "_rebuild_sparse_csr_tensor": ("a sparse tensor", "tensor.to_dense()"),
    "_rebuild_qtensor": ("a quantised tensor", "tensor.dequantize()"),
    "_rebuild_nested_tensor": ("a nested tensor", "tensor.to_padded_tensor(0.0)"),
    "_rebuild_meta_tensor_no_storage": ("a tensor without numbers", "those of a loaded model"),
    "_rebuild_tensor_v3": ("a tensor of type uint16, float8 or the like", "tensor.float()"),
}
# Types of numbers by the names under which PyTorch pickles them; they are values, not classes.
TORCH_DTYPES = {
    *("bool", "bfloat16", "float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz"),
    *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)),
    *(f"float{bits}" for bits in (16, 32, 64)),
    *(f"complex{bits}" for bits in (32, 64, 128)),
}
_COMPLEX_STORAGES = ("ComplexFloatStorage", "ComplexDoubleStorage")


class Ignored:
    """Stands for a value that is no tensor; holds nothing."""

    __slots__ = ()

    def __new__(cls, *arguments: Any, **keywords: Any) -> "Ignored":
        return super().__new__(cls)

    def __setstate__(self, state: Any) -> None:
        """Forgets the state that the file has for it."""

    def append(self, item: Any) -> None:
        """Forgets an item, as those of a deque."""

    def extend(self, items: Any) -> None:
        """Forgets items."""

    def __setitem__(self, key: Any, value: Any) -> None:
        """Forgets an item."""


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


class DefaultDictionary(Dictionary):
    """Stands for a dictionary with a default, which is forgotten."""

    __slots__ = ()

    def __init__(self, default: Any = None) -> None:
        super().__init__()


class Bounded:
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


# The reader in Python, since the one in C hashes keys and takes memory before it can be asked.
_Unpickler: Any = pickle._Unpickler


def _with_keys_checked(code: bytes, keys: slice) -> Callable[["Unpickler"], None]:
    load = _Unpickler.dispatch[code[0]]

    def checked(reader: "Unpickler") -> None:
        _check_keys(reader.stack[keys])
        load(reader)

    return checked


class Unpickler(_Unpickler):
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
        self, file: Bounded, storage: Callable[[np.dtype, str, int], np.ndarray] | None = None
    ) -> None:
        super().__init__(file, encoding="utf-8")
        self._storage = storage
        # Classes of its own, since the file may set attributes of what it is given.
        self._ignored, self._parameter, self._dictionary, self._default_dictionary = (
            type(kind.__name__, (kind,), {"__slots__": ()})
            for kind in (Ignored, Parameter, Dictionary, DefaultDictionary)
        )

    def load_bytearray8(self) -> None:
        """Bytes that are there, where the method of the base makes room for all that are said."""
        (count,) = struct.unpack("<Q", self.read(8))
        self.append(bytearray(self.read(count)))

    dispatch[pickle.BYTEARRAY8[0]] = load_bytearray8

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return self._dictionary
        if (module, name) == ("collections", "defaultdict"):
            return self._default_dictionary
        if module in ("torch", "torch.storage") and name in DTYPES:
            return name
        if module == "torch._utils" and name in ("_rebuild_tensor", "_rebuild_tensor_v2"):
            return _RebuildTensor()
        if module == "torch._utils" and name in (
            "_rebuild_parameter",
            "_rebuild_parameter_with_state",
        ):
            return _RebuildParameter()
        if (module, name) == ("torch._tensor", "_rebuild_from_type_v2"):
            return _RebuildBuffer()
        if (module, name) == ("torch.nn.parameter", "Parameter"):
            return self._parameter
        if (module, name) in IGNORED:
            return self._ignored
        if module == "torch" and name in TORCH_DTYPES:
            return self._ignored()
        if module in ("torch", "torch.storage") and name in _COMPLEX_STORAGES:
            raise UserError(
                f"it holds {module}.{name}, a complex tensor: save its real part in its place"
            )
        if module == "torch._utils" and name in _OTHER_TENSORS:
            what, instead = _OTHER_TENSORS[name]
            raise UserError(f"it holds {what}: save {instead} in its place")
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


class _RebuildBuffer:
    __slots__ = ()

    def __call__(self, rebuild: Any, kind: Any, arguments: tuple, *_: Any) -> np.ndarray:
        """A buffer is its tensor."""
        if not isinstance(rebuild, _RebuildTensor):
            raise pickle.UnpicklingError("a buffer without a tensor")
        return rebuild(*arguments)
