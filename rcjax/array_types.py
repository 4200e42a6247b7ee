"""Shapes and dtypes of arrays in signatures, such as `Float[Array, "points features"]`.

A name that occurs twice in a signature stands for one size; `*features` stands for any number of
axes, `...` for axes of no concern, and an argument may be a NumPy array where it says `ArrayLike`.

The annotations are jaxtyping's. At run time jaxtyping is not needed: `Float[Array, "n d"]` is then
`Array`. The tests set RCJAX_CHECK_ARRAYS and check every call.
"""

import os
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from jax import Array

ArrayLike = Array | np.ndarray

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int, Integer, Key, Num, Shaped, UInt32
elif os.environ.get("RCJAX_CHECK_ARRAYS"):
    import importlib

    _jaxtyping = importlib.import_module("jaxtyping")
    Bool, Float, Int, Integer = (
        _jaxtyping.Bool, _jaxtyping.Float, _jaxtyping.Int, _jaxtyping.Integer,
    )  # fmt: skip
    Key, Num, Shaped = _jaxtyping.Key, _jaxtyping.Num, _jaxtyping.Shaped
    UInt32 = _jaxtyping.UInt32
else:

    class _OfAnyShape:
        """Stands in for jaxtyping's dtypes: keeps the type of the array alone."""

        def __class_getitem__(cls, item: tuple[Any, str]) -> Any:
            return item[0]

    Bool = Float = Int = Integer = Key = Num = Shaped = UInt32 = _OfAnyShape

PRNGKey = jax.Array  # a typed key of jax.random, or uint32 `[2]`

__all__ = [
    "Array",
    "ArrayLike",
    "Bool",
    "Float",
    "Int",
    "Integer",
    "Key",
    "Num",
    "PRNGKey",
    "Shaped",
    "UInt32",
]
